"""Spreads of trades and quotes, in exact half-tick arithmetic.

Prices and mids are integers (``mid2`` is twice the mid), so every identity holds to the bit:
effective = realised + impact, for every trade and at every horizon.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from kimera.microstructure.inputs import (
    FloatArray,
    IntArray,
    integers,
    prices,
    same_length,
    signs,
    times,
    weighted_mean,
    window_of,
)
from kimera.microstructure.quotes import QuoteState, mid2, quote_at, quote_state
from kimera.model import NO_PRICE

__all__ = [
    "QuotedSpread",
    "TradeSpreads",
    "effective_spread",
    "price_impact",
    "quoted_spread",
    "realised_spread",
    "trade_spreads",
]


class QuotedSpread(msgspec.Struct, frozen=True):
    """Time-weighted quoted spread.

    Attributes
    ----------
    mean_ticks : float
        Time-weighted over normal and locked quotes [ticks]; NaN if there were none.
    mean_frac : float
        The same of (ask - bid) / mid [1].
    counted_ns : int
        Time that entered the mean [ns].
    one_sided_ns, crossed_ns : int
        Time left out because a side was empty (one or both), or the quote crossed [ns].
    locked_ns : int
        Time the quote was locked [ns], part of ``counted_ns``.
    """

    mean_ticks: float
    mean_frac: float
    counted_ns: int
    one_sided_ns: int
    crossed_ns: int
    locked_ns: int


def quoted_spread(ts_ns: Any, bid_ticks: Any, ask_ticks: Any, *, end_ns: int) -> QuotedSpread:
    """Average the quoted spread over time.

    ``S = sum_i (a_i - b_i) dt_i / sum_i dt_i`` with ``dt_i`` the time quote i stood. Holden and
    Jacobsen (2014), "Liquidity measurement problems in fast, competitive markets", J. Finance
    69. Weighting by time, not by update: updates cluster where the spread is unusual.

    Parameters
    ----------
    ts_ns : array-like of shape (n_quotes,)
        When each quote came into force [ns], not decreasing.
    bid_ticks, ask_ticks : array-like of shape (n_quotes,)
        Best prices [ticks], ``NO_PRICE`` = empty side.
    end_ns : int
        Until when the last quote stood [ns].

    Returns
    -------
    QuotedSpread
        Range of ``mean_ticks`` [0, inf); NaN when no time had two sides uncrossed. Crossed and
        one-sided time is left out and counted. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import quoted_spread
    >>> quoted_spread([0, 75], [10, 10], [11, 15], end_ns=100).mean_ticks
    2.0
    """
    at = times(ts_ns, "ts_ns")
    bid, ask = prices(bid_ticks, "bid_ticks"), prices(ask_ticks, "ask_ticks")
    same_length(ts_ns=at, bid_ticks=bid, ask_ticks=ask)
    last = int(at[-1]) if at.size else end_ns
    stood = np.diff(at, append=max(end_ns, last))
    state = quote_state(bid, ask)
    counted = (state == QuoteState.NORMAL) | (state == QuoteState.LOCKED)
    spread, weight = (ask - bid)[counted], stood[counted]
    middle = (bid + ask)[counted]
    frac = np.divide(2.0 * spread, middle, out=np.full(len(spread), np.nan), where=middle != 0)
    total = int(weight.sum())
    return QuotedSpread(
        mean_ticks=weighted_mean(spread, weight),
        mean_frac=float(np.dot(frac, weight) / total) if total else float("nan"),
        counted_ns=total,
        one_sided_ns=int(stood[state <= QuoteState.ONE_SIDED].sum()),
        crossed_ns=int(stood[state == QuoteState.CROSSED].sum()),
        locked_ns=int(stood[state == QuoteState.LOCKED].sum()),
    )


def _signed(sign: IntArray, left: IntArray, right: IntArray) -> FloatArray:
    """Sign * (left - right), NaN where the sign is 0 or a price is missing."""
    known = (sign != 0) & (left != NO_PRICE) & (right != NO_PRICE)
    result = np.full(sign.shape, np.nan)
    result[known] = sign[known] * (left[known] - right[known])
    return result


def _doubled(price: IntArray) -> IntArray:
    return np.where(price == NO_PRICE, NO_PRICE, 2 * np.where(price == NO_PRICE, 0, price))


def effective_spread(price_ticks: Any, mid2_ticks: Any, sign: Any) -> FloatArray:
    """Spread a trade paid: ``2 d (p - m)``.

    Huang and Stoll (1996), "Dealer versus auction markets", J. Financial Economics 41;
    SEC Rule 600(b) "average effective spread" is its share-weighted mean.

    Parameters
    ----------
    price_ticks : array-like of shape (n_trades,)
        Trade prices [ticks].
    mid2_ticks : array-like of shape (n_trades,)
        Twice the mid the trade met, from :func:`mid2` [half ticks].
    sign : array-like of shape (n_trades,)
        +1 buyer-initiated, -1 seller-initiated, 0 not known.

    Returns
    -------
    ndarray of shape (n_trades,)
        [ticks], exact. Negative = better than the mid. NaN where the sign is 0 or there was no
        mid. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import effective_spread
    >>> effective_spread([101, 100, 100], [201, 201, 201], [1, -1, 0]).tolist()
    [1.0, 1.0, nan]
    """
    price, mid, side = (
        prices(price_ticks, "price_ticks"),
        integers(mid2_ticks, "mid2_ticks"),
        signs(sign, "sign"),
    )
    same_length(price_ticks=price, mid2_ticks=mid, sign=side)
    return _signed(side, _doubled(price), mid)


def realised_spread(price_ticks: Any, mid2_after_ticks: Any, sign: Any) -> FloatArray:
    """Spread a trade left to the liquidity provider: ``2 d (p - m_after)``.

    Huang and Stoll (1996). The horizon is chosen by which mid is given.

    Parameters
    ----------
    price_ticks : array-like of shape (n_trades,)
        Trade prices [ticks].
    mid2_after_ticks : array-like of shape (n_trades,)
        Twice the mid a horizon after the trade [half ticks].
    sign : array-like of shape (n_trades,)
        +1, -1, or 0 not known.

    Returns
    -------
    ndarray of shape (n_trades,)
        [ticks], exact; NaN as for :func:`effective_spread`. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import realised_spread
    >>> realised_spread([101], [203], [1]).tolist()
    [-1.0]
    """
    return effective_spread(price_ticks, mid2_after_ticks, sign)


def price_impact(mid2_ticks: Any, mid2_after_ticks: Any, sign: Any) -> FloatArray:
    """Move of the mid in the direction of a trade: ``2 d (m_after - m)``.

    Huang and Stoll (1996): effective spread = realised spread + price impact.

    Parameters
    ----------
    mid2_ticks, mid2_after_ticks : array-like of shape (n_trades,)
        Twice the mid at, and a horizon after, the trade [half ticks].
    sign : array-like of shape (n_trades,)
        +1, -1, or 0 not known.

    Returns
    -------
    ndarray of shape (n_trades,)
        [ticks], exact; NaN where the sign is 0 or a mid is missing. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import price_impact
    >>> price_impact([201], [203], [1]).tolist()
    [2.0]
    """
    before = integers(mid2_ticks, "mid2_ticks")
    after = integers(mid2_after_ticks, "mid2_after_ticks")
    side = signs(sign, "sign")
    same_length(mid2_ticks=before, mid2_after_ticks=after, sign=side)
    return _signed(side, after, before)


class TradeSpreads(msgspec.Struct, frozen=True):
    """Effective, realised and impact of each trade, at each horizon.

    Attributes
    ----------
    horizons_ns : tuple of int
    effective : ndarray of shape (n_trades,)
        [ticks].
    realised, impact : ndarray of shape (n_horizons, n_trades)
        [ticks]; NaN also where the tape ends before the horizon.
    """

    horizons_ns: tuple[int, ...]
    effective: FloatArray
    realised: FloatArray
    impact: FloatArray

    def mean(self, size_lots: Any | None = None) -> FloatArray:
        """Size-weighted means, shape (n_horizons, 3): effective, realised, impact [ticks].

        A row is taken over the trades for which all three exist, so that its first number is
        the sum of the other two; NaN where there are none.
        """
        n_trades = self.effective.shape[0]
        weight = np.ones(n_trades) if size_lots is None else np.asarray(size_lots, dtype=float)
        rows = np.full((len(self.horizons_ns), 3), np.nan)
        for h in range(len(self.horizons_ns)):
            whole = ~np.isnan(self.effective) & ~np.isnan(self.realised[h])
            if weight[whole].sum() > 0:
                parts = (self.effective, self.realised[h], self.impact[h])
                rows[h] = [np.average(part[whole], weights=weight[whole]) for part in parts]
        return rows


def trade_spreads(
    trades: tuple[Any, Any, Any],
    quotes: tuple[Any, Any, Any],
    *,
    horizons_ns: tuple[int, ...] = (100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000),
    equal_times: str = "before",
) -> TradeSpreads:
    """Split the cost of each trade at several horizons.

    Huang and Stoll (1996); Conrad and Wahal (2020), "The term structure of liquidity
    provision", J. Financial Economics 136, for the horizons.

    Parameters
    ----------
    trades : (ts_ns, price_ticks, sign), arrays of shape (n_trades,)
        Times not decreasing [ns], prices [ticks], signs.
    quotes : (ts_ns, bid_ticks, ask_ticks), arrays of shape (n_quotes,)
    horizons_ns : tuple of int
        Each > 0 [ns].
    equal_times : {"before", "after"}
        Whether a trade meets the quote before those of its own time stamp (the quote it took
        from) or the last of them.

    Returns
    -------
    TradeSpreads
        A horizon beyond the last quote gives NaN, not the stale last mid. Cost O((n + m) log m).

    Examples
    --------
    >>> from kimera.microstructure import trade_spreads
    >>> s = trade_spreads(([10], [101], [1]), ([0, 10, 20], [100, 101, 101], [101, 102, 102]),
    ...                   horizons_ns=(5,))
    >>> s.effective.tolist(), s.realised.tolist(), s.impact.tolist()
    ([1.0], [[-1.0]], [[2.0]])
    """
    at, price, side = times(trades[0], "trade ts_ns"), prices(trades[1], "price_ticks"), trades[2]
    quoted = times(quotes[0], "quote ts_ns")
    mids = mid2(quotes[1], quotes[2])
    same_length(quote_ts_ns=quoted, bid_ticks=mids)
    for horizon in horizons_ns:
        window_of(horizon, "horizons_ns")
    with_none = np.append(mids, NO_PRICE)  # row -1: no quote yet
    before = with_none[quote_at(at, quoted, equal_times=equal_times)]
    effective = effective_spread(price, before, side)
    last = int(quoted[-1]) if quoted.size else NO_PRICE
    realised = np.full((len(horizons_ns), at.shape[0]), np.nan)
    impact = realised.copy()
    for h, horizon in enumerate(horizons_ns):
        after = with_none[quote_at(at, quoted, shift_ns=horizon)]
        after = np.where(at + horizon <= last, after, NO_PRICE)
        realised[h] = realised_spread(price, after, side)
        impact[h] = price_impact(before, after, side)
    return TradeSpreads(tuple(horizons_ns), effective, realised, impact)
