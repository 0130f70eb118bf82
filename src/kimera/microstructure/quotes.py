"""Best bid and ask: their state, twice their mid, and which quote a trade met."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import IntArray, prices, same_length, times
from kimera.model import NO_PRICE

__all__ = ["QuoteState", "mid2", "quote_at", "quote_state"]


class QuoteState(IntEnum):
    """What a pair of best prices is."""

    EMPTY = 0
    ONE_SIDED = 1
    NORMAL = 2
    LOCKED = 3
    CROSSED = 4


def quote_state(bid_ticks: Any, ask_ticks: Any) -> IntArray:
    """Say of each quote whether it is empty, one-sided, normal, locked or crossed.

    Parameters
    ----------
    bid_ticks, ask_ticks : array-like of shape (n_quotes,)
        Best prices [ticks]; ``NO_PRICE`` = that side is empty.

    Returns
    -------
    ndarray of shape (n_quotes,)
        Values of :class:`QuoteState`. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import quote_state
    >>> from kimera.model import NO_PRICE
    >>> quote_state([99, 100, 101, NO_PRICE], [100, 100, 100, 100]).tolist()
    [2, 3, 4, 1]
    """
    bid, ask = prices(bid_ticks, "bid_ticks"), prices(ask_ticks, "ask_ticks")
    same_length(bid_ticks=bid, ask_ticks=ask)
    has_bid, has_ask = bid != NO_PRICE, ask != NO_PRICE
    state = np.where(has_bid | has_ask, QuoteState.ONE_SIDED, QuoteState.EMPTY).astype(np.int64)
    both = has_bid & has_ask
    state[both & (bid < ask)] = QuoteState.NORMAL
    state[both & (bid == ask)] = QuoteState.LOCKED
    state[both & (bid > ask)] = QuoteState.CROSSED
    return state


def mid2(bid_ticks: Any, ask_ticks: Any) -> IntArray:
    """Twice the mid price, ``bid + ask``: an integer, so that "at the mid" is exact.

    Parameters
    ----------
    bid_ticks, ask_ticks : array-like of shape (n_quotes,)
        Best prices [ticks]; ``NO_PRICE`` = that side is empty.

    Returns
    -------
    ndarray of shape (n_quotes,)
        [half ticks]; ``NO_PRICE`` where a side is empty. Locked and crossed quotes have a mid.
        Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import mid2
    >>> mid2([100, 100], [101, 102]).tolist()
    [201, 202]
    """
    bid, ask = prices(bid_ticks, "bid_ticks"), prices(ask_ticks, "ask_ticks")
    same_length(bid_ticks=bid, ask_ticks=ask)
    both = (bid != NO_PRICE) & (ask != NO_PRICE)
    result = np.full(bid.shape, NO_PRICE, dtype=np.int64)
    result[both] = bid[both] + ask[both]
    return result


def quote_at(
    at_ns: Any, quote_ts_ns: Any, *, shift_ns: int = 0, equal_times: str = "after"
) -> IntArray:
    """Find for each moment the row of the quote then in force.

    Parameters
    ----------
    at_ns : array-like of shape (n_moments,)
        Moments [ns], in any order.
    quote_ts_ns : array-like of shape (n_quotes,)
        Times of the quotes [ns], not decreasing.
    shift_ns : int
        Added to ``at_ns``: negative looks at an older quote (Lee and Ready's five seconds for
        old tapes), positive gives the quote a horizon later.
    equal_times : {"after", "before"}
        Whether a quote of the very same time is already in force ("after" it) or not ("before").

    Returns
    -------
    ndarray of shape (n_moments,)
        Row of the quote, -1 where none was in force yet. Of quotes with one time, the last.
        Cost O(n log m).

    Examples
    --------
    >>> from kimera.microstructure import quote_at
    >>> quote_at([5, 10, 15], [10, 15]).tolist()
    [-1, 0, 1]
    >>> quote_at([5, 10, 15], [10, 15], equal_times="before").tolist()
    [-1, -1, 0]
    """
    if equal_times not in {"after", "before"}:
        raise InputError(f"equal_times: expected 'after' or 'before', found {equal_times!r}")
    moments = np.asarray(at_ns, dtype=np.int64) + np.int64(shift_ns)
    quoted = times(quote_ts_ns, "quote_ts_ns")
    if equal_times == "after":
        row = np.searchsorted(quoted, moments, side="right")
    else:
        row = np.searchsorted(quoted, moments, side="left")
    return np.asarray(row, dtype=np.int64) - 1
