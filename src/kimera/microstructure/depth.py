"""What rests in the book: depth, imbalance, slope, a liquidity score, and how fast it heals."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray, IntArray, prices, same_length, times, window_of
from kimera.microstructure.order_flow import book_arrays
from kimera.microstructure.quotes import quote_at
from kimera.model import NO_PRICE

__all__ = [
    "Resiliency",
    "book_depth",
    "book_imbalance",
    "book_slope",
    "liquidity_score",
    "resiliency",
    "weighted_mid",
]

SPREAD_WEIGHT: Final = 40.0
DEPTH_WEIGHT: Final = 40.0
BALANCE_WEIGHT: Final = 20.0


def book_depth(lots: Any, *, levels: int | None = None) -> IntArray:
    """Lots resting on the best levels of one side.

    Parameters
    ----------
    lots : array-like of shape (n_states, n_levels)
        Best level first, 0 = no level.
    levels : int, optional
        How many, default all.

    Returns
    -------
    ndarray of shape (n_states,)
        [lots], >= 0; an empty side has depth 0, which is a fact and not a missing value.
        Cost O(n L).

    Examples
    --------
    >>> from kimera.microstructure import book_depth
    >>> book_depth([[5, 6, 7]], levels=2).tolist()
    [11]
    """
    held = np.asarray(lots, dtype=np.int64)
    held = held[:, None] if held.ndim == 1 else held
    return np.asarray(held[:, :levels].sum(axis=1), dtype=np.int64)


def book_imbalance(bid_lots: Any, ask_lots: Any, *, levels: int | None = None) -> FloatArray:
    """Imbalance of depth on the best levels: ``(B - A) / (B + A)``.

    Cao, Hansch and Wang (2009), "The information content of an open limit-order book", J.
    Futures Markets 29; Gould and Bonart (2016) for the best level.

    Parameters
    ----------
    bid_lots, ask_lots : array-like of shape (n_states, n_levels)
    levels : int, optional
        How many, default all.

    Returns
    -------
    ndarray of shape (n_states,)
        In [-1, 1]; an empty side gives +-1, an empty book NaN. Cost O(n L).

    Examples
    --------
    >>> from kimera.microstructure import book_imbalance
    >>> book_imbalance([[3, 3], [1, 0], [0, 0]], [[1, 1], [0, 0], [0, 0]]).tolist()
    [0.5, 1.0, nan]
    """
    bid, ask = book_depth(bid_lots, levels=levels), book_depth(ask_lots, levels=levels)
    same_length(bid_lots=bid, ask_lots=ask)
    total = bid + ask
    return np.asarray(np.divide(bid - ask, total, out=np.full(bid.shape, np.nan), where=total > 0))


def weighted_mid(bid_ticks: Any, bid_lots: Any, ask_ticks: Any, ask_lots: Any) -> FloatArray:
    """Mid weighted by the opposite sizes: ``(b qa + a qb) / (qa + qb)``.

    Also called the size-weighted mid; not Stoikov's micro-price, which is fitted
    (:func:`fit_micro_price`).

    Parameters
    ----------
    bid_ticks, bid_lots, ask_ticks, ask_lots : array-like of shape (n_states,)
        Best level of each side.

    Returns
    -------
    ndarray of shape (n_states,)
        [ticks], between the quotes; NaN where a side is empty. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import weighted_mid
    >>> weighted_mid([100], [9], [101], [1]).tolist()
    [100.9]
    """
    bid, bid_size, ask, ask_size = (
        a[:, 0] for a in book_arrays(bid_ticks, bid_lots, ask_ticks, ask_lots)
    )
    total = bid_size + ask_size
    both = (bid != NO_PRICE) & (ask != NO_PRICE) & (total > 0)
    result = np.full(bid.shape, np.nan)
    # From the bid up: the numerator stays small, so that the quotient is rounded once.
    result[both] = bid[both] + (ask - bid)[both] * bid_size[both] / total[both]
    return result


def book_slope(ticks: Any, lots: Any, mid2_ticks: Any, *, levels: int | None = None) -> FloatArray:
    """Lots per tick between the mid and the last level looked at, on one side.

    ``slope = 2 sum_l q_l / |2 p_L - mid2|`` over the L levels that exist: the mean density of
    depth; its inverse times a size is the walk of that size. After Naes and Skjeltorp (2006),
    "Order book characteristics and the volume-volatility relation", J. Financial Markets 9, in
    the one-secant form of Della Vedova, Gao, Grant and Westerholm.

    Parameters
    ----------
    ticks, lots : array-like of shape (n_states, n_levels)
        One side, best level first.
    mid2_ticks : array-like of shape (n_states,)
        Twice the mid [half ticks].
    levels : int, optional
        How many levels, default all.

    Returns
    -------
    ndarray of shape (n_states,)
        [lots per tick], > 0; NaN where the side or the mid is missing, or the last level is at
        the mid (locked). Cost O(n L).

    Examples
    --------
    >>> from kimera.microstructure import book_slope
    >>> book_slope([[101, 103]], [[4, 6]], [200]).round(4).tolist()
    [3.3333]
    """
    price = prices(np.atleast_2d(np.asarray(ticks)), "ticks", ndim=2)[:, :levels]
    held = np.atleast_2d(np.asarray(lots, dtype=np.int64))[:, :levels]
    mid = prices(mid2_ticks, "mid2_ticks")
    same_length(ticks=price, lots=held, mid2_ticks=mid)
    there = (price != NO_PRICE).sum(axis=1)
    last = price[np.arange(price.shape[0]), np.maximum(there - 1, 0)]
    usable = (there > 0) & (mid != NO_PRICE)
    distance = np.zeros(mid.shape, dtype=np.int64)
    distance[usable] = np.abs(2 * last[usable] - mid[usable])
    total = 2 * held.sum(axis=1)
    return np.asarray(
        np.divide(total, distance, out=np.full(mid.shape, np.nan), where=distance > 0)
    )


def liquidity_score(
    spread_ticks: Any, bid_depth_lots: Any, ask_depth_lots: Any, *, typical_depth_lots: int
) -> FloatArray:
    """Score a book from 0 (no liquidity) to 100.

    ``40 / max(s, 1) + 40 D / (D + D0) + 20 (1 - |B - A| / D)`` with s the spread [ticks], B and
    A the lots on the levels looked at, D = B + A, and D0 the depth considered typical: forty
    points for a spread of one tick, forty for depth (half of them at D0), twenty for balance.
    Our own definition: it ranks states of one instrument over time, not instruments.

    Parameters
    ----------
    spread_ticks : array-like of shape (n_states,)
        Ask minus bid [ticks]; ``NO_PRICE`` = a side is empty.
    bid_depth_lots, ask_depth_lots : array-like of shape (n_states,)
    typical_depth_lots : int
        D0 > 0.

    Returns
    -------
    ndarray of shape (n_states,)
        [0, 100]. One-sided and empty books score 0: nothing can be traded on both sides. Locked
        counts as one tick. A crossed book has no score: NaN. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import liquidity_score
    >>> liquidity_score([1, 2], [50, 50], [50, 50], typical_depth_lots=100).tolist()
    [80.0, 60.0]
    """
    window_of(typical_depth_lots, "typical_depth_lots")
    spread = prices(spread_ticks, "spread_ticks")
    bid = np.asarray(bid_depth_lots, dtype=np.int64)
    ask = np.asarray(ask_depth_lots, dtype=np.int64)
    same_length(spread_ticks=spread, bid_depth_lots=bid, ask_depth_lots=ask)
    total = bid + ask
    two_sided = (spread != NO_PRICE) & (bid > 0) & (ask > 0)
    width = np.where(two_sided, np.maximum(spread, 1), 1)
    safe = np.where(two_sided, total, 1)
    score = (
        SPREAD_WEIGHT / width
        + DEPTH_WEIGHT * total / (total + typical_depth_lots)
        + BALANCE_WEIGHT * (1.0 - np.abs(bid - ask) / safe)
    )
    score = np.where(two_sided, score, 0.0)
    score[two_sided & (spread < 0)] = np.nan
    return score


class Resiliency(msgspec.Struct, frozen=True):
    """How a quantity came back after trades.

    Attributes
    ----------
    recovery_ns : ndarray of shape (n_trades,)
        Time until the spread was back at or below that before the trade [ns]; 0 if it never
        rose; NaN if not within the horizon (censored) or there was no spread before.
    widened : int
        Trades that widened the spread.
    recovered : int
        Of those, the ones that recovered within the horizon.
    median_ns : float
        Median recovery of those that widened, censored ones counted as longer than any [ns];
        NaN if there were none or more than half are censored.
    """

    recovery_ns: FloatArray
    widened: int
    recovered: int
    median_ns: float

    @property
    def recovered_frac(self) -> float:
        """Share of widening trades that recovered within the horizon; NaN if there were none."""
        return self.recovered / self.widened if self.widened else float("nan")


def resiliency(
    trade_ts_ns: Any, quote_ts_ns: Any, spread_ticks: Any, *, horizon_ns: int = 60_000_000_000
) -> Resiliency:
    """Measure the time the spread takes to heal after each trade.

    After Foucault, Kadan and Kandel (2005), "Limit order book as a market for liquidity", Rev.
    Financial Studies 18, who call a book resilient when its spread reverts to its former level
    before the next trade; here the time itself, by trade.

    Parameters
    ----------
    trade_ts_ns : array-like of shape (n_trades,)
        [ns], not decreasing.
    quote_ts_ns, spread_ticks : array-like of shape (n_quotes,)
        Spread after each quote change [ticks]; ``NO_PRICE`` = one-sided, wider than any.
    horizon_ns : int
        After which a recovery is not waited for, > 0 [ns].

    Returns
    -------
    Resiliency
        Cost O((n + m) log m) when recoveries are short; each trade looks no further than the
        horizon.

    Examples
    --------
    >>> from kimera.microstructure import resiliency
    >>> resiliency([10], [0, 10, 25], [1, 3, 1]).recovery_ns.tolist()
    [15.0]
    """
    if horizon_ns <= 0:
        raise InputError(f"horizon_ns: expected > 0, found {horizon_ns}")
    at, quoted = times(trade_ts_ns, "trade_ts_ns"), times(quote_ts_ns, "quote_ts_ns")
    spread = prices(spread_ticks, "spread_ticks")
    same_length(quote_ts_ns=quoted, spread_ticks=spread)
    spread = np.where(spread == NO_PRICE, np.iinfo(np.int64).max, spread)
    before = quote_at(at, quoted, equal_times="before")
    first = quote_at(at, quoted)  # the quote that stands once the trade's moment is over
    recovery = np.full(at.shape, np.nan)
    widened = recovered = 0
    for t in range(at.shape[0]):
        if before[t] < 0 or spread[before[t]] == np.iinfo(np.int64).max:
            continue
        target = spread[before[t]]
        if spread[first[t]] <= target:
            recovery[t] = 0.0
            continue
        widened += 1
        end = int(np.searchsorted(quoted, at[t] + horizon_ns, side="right"))
        healed = np.flatnonzero(spread[first[t] : end] <= target)
        if healed.size:
            recovery[t] = float(quoted[first[t] + healed[0]] - at[t])
            recovered += 1
    waits = np.concatenate([recovery[recovery > 0], np.full(widened - recovered, np.inf)])
    middle = float(np.median(waits)) if waits.size else float("nan")
    return Resiliency(recovery, widened, recovered, middle if np.isfinite(middle) else float("nan"))
