"""Strategies written in Python: a class with typed callbacks, called only for what it overrides.

The base class is optional: any object with some of these methods is a strategy. Inheriting from
it gives the types, and the methods that are not overridden are not called at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kimera._native.strategy import BookEvent, Context, Report
from kimera.model import RecordArray, Side

__all__ = ["BookEvent", "Context", "Report", "Strategy"]

_F = TypeVar("_F", bound=Callable[..., Any])


def _silent_callback(method: _F) -> _F:
    """Mark a method of the base class, so that the event loop never calls it."""
    method.not_subscribed = True  # type: ignore[attr-defined]
    return method


class Strategy:
    """What a strategy may want to hear, and nothing it must.

    Prices are ticks, sizes lots, times ns; a missing price is None. All that a callback is told,
    and all that ``ctx`` answers, is the strategy's own knowledge: as late as its feed and its
    reports are. A callback that raises stops the run (:class:`kimera.errors.StrategyError`).

    Attributes
    ----------
    batch_records : int
        How many records ``on_batch`` gets at a time, >= 1.

    Examples
    --------
    >>> from kimera.strategy import Context, Strategy
    >>> class Joiner(Strategy):
    ...     def __init__(self, size_lots: int = 1) -> None:
    ...         self.size_lots = size_lots
    ...         self.order_id = 0
    ...
    ...     def on_top(self, ctx, instrument_id, bid, bid_lots, ask, ask_lots):
    ...         if bid is not None and ctx.order(self.order_id) is None:
    ...             self.order_id = ctx.submit(instrument_id, 0, bid, self.size_lots)
    """

    batch_records: int = 4096

    @_silent_callback
    def on_start(self, ctx: Context) -> None:
        """Hear that the run begins; ``ctx.now_ns`` is the first moment of the tape."""

    @_silent_callback
    def on_top(  # noqa: PLR0917 - plain integers by position are the fast call
        self,
        ctx: Context,
        instrument_id: int,
        bid_ticks: int | None,
        bid_lots: int,
        ask_ticks: int | None,
        ask_lots: int,
    ) -> None:
        """Hear that a best price or its size changed (once per packet)."""

    @_silent_callback
    def on_book(self, ctx: Context, event: BookEvent) -> None:
        """Hear every market record; ``event`` is valid during the call only."""

    @_silent_callback
    def on_trade(
        self, ctx: Context, instrument_id: int, side: Side, price_ticks: int, size_lots: int
    ) -> None:
        """Hear of a trade; ``side`` is the taker's."""

    @_silent_callback
    def on_report(self, ctx: Context, report: Report) -> None:
        """Hear what became of an order of ours."""

    @_silent_callback
    def on_timer(self, ctx: Context, timer_id: int) -> None:
        """Hear a timer that was set with ``ctx.set_timer``."""

    @_silent_callback
    def on_batch(self, ctx: Context, records: RecordArray) -> None:
        """Get the last ``batch_records`` market records at once, as a view valid in the call."""

    @_silent_callback
    def on_stop(self, ctx: Context) -> None:
        """Hear that the run is over; orders sent now go nowhere."""
