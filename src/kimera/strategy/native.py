"""Strategies of the fast lane: written in C++, configured here."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

__all__ = [
    "DoNothingParams",
    "MarketMakingParams",
    "MomentumParams",
    "NativeStrategy",
    "TouchMakerParams",
]

Lots = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class DoNothingParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bare run: books, queues and latencies work, nobody trades."""

    name: ClassVar[str] = "do-nothing"


class TouchMakerParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rest at the best bid and ask; look every interval and move what is no longer there.

    Attributes
    ----------
    size_lots : int
        Of each quote [lots].
    max_position_lots : int
        No quote is sent that could pass it [lots].
    interval_ns : int
        Time between looks [ns].
    """

    name: ClassVar[str] = "touch-maker-v1"
    size_lots: Lots = 10
    max_position_lots: Lots = 200
    interval_ns: Annotated[int, msgspec.Meta(ge=1_000, le=3_600_000_000_000)] = 100_000_000


class MarketMakingParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two post-only quotes around a price that leans against the inventory.

    The leaning price is ``mid - position x risk_aversion x variance x horizon_s`` (Avellaneda and
    Stoikov 2008, eq. 3.10); the variance of the mid is learnt from the book.

    Attributes
    ----------
    size_lots : int
        Of each quote [lots].
    max_position_lots : int
        The position never passes it by a quote of ours [lots].
    half_spread_ticks : float
        From the leaning price to each quote, before rounding outwards [ticks].
    risk_aversion : float
        gamma [1 / (tick lot)]; 0 does not lean.
    horizon_s : float
        tau [s].
    volatility_half_life_s : float
        Half life of the mean squared move [s].
    requote_threshold_ticks : int
        A quote is moved when it is at least so far from where it should be [ticks].
    min_quote_life_ns : int
        And not before it has stood so long [ns].
    """

    name: ClassVar[str] = "market-making-v1"
    size_lots: Lots = 10
    max_position_lots: Lots = 100
    half_spread_ticks: NotNegative = 1.0
    risk_aversion: NotNegative = 0.01
    horizon_s: Seconds = 1.0
    volatility_half_life_s: Seconds = 10.0
    requote_threshold_ticks: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 1
    min_quote_life_ns: Annotated[int, msgspec.Meta(ge=0, le=3_600_000_000_000)] = 0


class MomentumParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold a position in the direction of a fast minus a slow average of the mid.

    Attributes
    ----------
    size_lots : int
        Position held [lots].
    fast_half_life_s, slow_half_life_s : float
        Of the two exponential averages, in time [s].
    entry_ticks : float
        ``|fast - slow|`` above this opens [ticks].
    exit_ticks : float
        Below this, against the position, closes [ticks].
    """

    name: ClassVar[str] = "momentum-v1"
    size_lots: Lots = 10
    fast_half_life_s: Seconds = 1.0
    slow_half_life_s: Seconds = 10.0
    entry_ticks: NotNegative = 1.0
    exit_ticks: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)] = 0.0


class NativeStrategy(msgspec.Struct, frozen=True):
    """A native strategy with its parameters, ready to run.

    Attributes
    ----------
    params : struct
        One of the parameter structs of this module; it names the strategy.
    """

    params: DoNothingParams | TouchMakerParams | MarketMakingParams | MomentumParams

    @property
    def name(self) -> str:
        """Registered name."""
        return self.params.name

    def values(self) -> dict[str, Any]:
        """The parameters as plain values."""
        plain: dict[str, Any] = msgspec.to_builtins(self.params)
        return plain
