"""Volume-synchronised probability of informed trading."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import (
    FloatArray,
    IntArray,
    floats,
    same_length,
    signs,
    sizes,
    times,
    window_of,
)
from kimera.microstructure.trade_signs import bulk_volume_buys

__all__ = ["Vpin", "vpin", "vpin_bars", "vpin_signed"]

DAY_NS: Final = 86_400_000_000_000


class Vpin(msgspec.Struct, frozen=True):
    """VPIN by volume bucket.

    Attributes
    ----------
    value : ndarray of shape (n_buckets,)
        In [0, 1]; NaN until the window of buckets is full.
    buy_volume, sell_volume : ndarray of shape (n_buckets,)
        Of each full bucket; they sum to ``bucket_volume``.
    end_row : ndarray of shape (n_buckets,)
        Row of the trade (or bar) that filled the bucket.
    bucket_volume : float
        Size of a bucket.
    """

    value: FloatArray
    buy_volume: FloatArray
    sell_volume: FloatArray
    end_row: IntArray
    bucket_volume: float


def _rolling_sum(values: FloatArray, window: int) -> FloatArray:
    result = np.full(values.shape, np.nan)
    if values.size >= window:
        view = np.lib.stride_tricks.sliding_window_view(values, window)
        result[window - 1 :] = view.sum(axis=1)
    return result


def vpin(buy_volume: Any, sell_volume: Any, window: int) -> FloatArray:
    """VPIN of buckets whose buys and sells are known: ``sum |B - S| / sum (B + S)``.

    Easley, Lopez de Prado and O'Hara (2012), "Flow toxicity and liquidity in a high-frequency
    world", Rev. Financial Studies 25; with equal buckets the denominator is n V.

    Parameters
    ----------
    buy_volume, sell_volume : array-like of shape (n_buckets,)
        >= 0; whole numbers are summed exactly.
    window : int
        Buckets, >= 1.

    Returns
    -------
    ndarray of shape (n_buckets,)
        In [0, 1]; NaN until the window is full, and where nothing traded in it. Cost
        O(n window).

    Examples
    --------
    >>> from kimera.microstructure import vpin
    >>> vpin([10, 0, 5], [0, 10, 5], 2).tolist()
    [nan, 1.0, 0.5]
    """
    window_of(window, "window")
    bought, sold = floats(buy_volume, "buy_volume"), floats(sell_volume, "sell_volume")
    same_length(buy_volume=bought, sell_volume=sold)
    if np.any(bought < 0) or np.any(sold < 0):
        raise InputError("volume: expected >= 0, found a negative one")
    gap, total = _rolling_sum(np.abs(bought - sold), window), _rolling_sum(bought + sold, window)
    return np.asarray(np.divide(gap, total, out=np.full(gap.shape, np.nan), where=total > 0))


def vpin_signed(size_lots: Any, sign: Any, *, bucket_lots: int, window: int = 50) -> Vpin:
    """VPIN from signed trades, in buckets of equal volume, in exact integers.

    A trade that crosses the end of a bucket is split. Trades without a sign count half to each
    side. The analyzer's streaming VPIN is this one, bit for bit.

    Parameters
    ----------
    size_lots : array-like of shape (n_trades,)
        >= 0 [lots].
    sign : array-like of shape (n_trades,)
        +1, -1, 0 not known.
    bucket_lots : int
        Volume of a bucket, > 0 [lots].
    window : int
        Buckets in the mean.

    Returns
    -------
    Vpin
        Full buckets only. Cost O(n + buckets window).

    Examples
    --------
    >>> from kimera.microstructure import vpin_signed
    >>> vpin_signed([6, 6, 8], [1, -1, 1], bucket_lots=10, window=1).value.tolist()
    [0.2, 0.6]
    """
    window_of(bucket_lots, "bucket_lots")
    lots, side = sizes(size_lots, "size_lots"), signs(sign, "sign")
    same_length(size_lots=lots, sign=side)
    filled, signed = np.cumsum(lots), np.cumsum(lots * side)
    n_buckets = int(filled[-1]) // bucket_lots if lots.size else 0
    edge = bucket_lots * np.arange(1, n_buckets + 1, dtype=np.int64)
    row = np.searchsorted(filled, edge, side="left")
    # Net volume up to the edge: all of the trade that fills it, less what lies beyond.
    net = np.diff(signed[row] - side[row] * (filled[row] - edge), prepend=0)
    gap = _rolling_sum(np.abs(net).astype(np.float64), window_of(window, "window"))
    return Vpin(
        value=gap / float(window * bucket_lots),
        buy_volume=(bucket_lots + net) / 2.0,
        sell_volume=(bucket_lots - net) / 2.0,
        end_row=row.astype(np.int64),
        bucket_volume=float(bucket_lots),
    )


def vpin_bars(
    trades: tuple[Any, Any, Any],
    *,
    bar_ns: int = 60_000_000_000,
    buckets_per_day: int = 50,
    window: int = 50,
    dof: float | None = None,
) -> Vpin:
    """VPIN as published: time bars, bulk volume classification, volume buckets.

    Bars of ``bar_ns`` on the clock of each day that traded (an empty bar has no change and no
    volume); buys of a bar by :func:`bulk_volume_buys` with the standard deviation of all bars;
    bucket = mean daily volume / ``buckets_per_day``; a bar's volume is spread over buckets in
    proportion. Easley, Lopez de Prado and O'Hara (2012); Abad and Yague (2012), "From PIN to
    VPIN", Spanish Review of Financial Economics 10.

    Parameters
    ----------
    trades : (ts_ns, price, volume), arrays of shape (n_trades,)
        Times since the Unix epoch, not decreasing [ns]; price in any unit; volume >= 0.
    bar_ns : int
        Length of a bar, dividing a day [ns].
    buckets_per_day : int
        Buckets in a day of mean volume.
    window : int
        Buckets in the mean.
    dof : float, optional
        Degrees of freedom of Student's t in the classification; default normal.

    Returns
    -------
    Vpin
        ``end_row`` counts bars. The last, partial bucket is left out. The standard deviation
        and the mean volume look at the whole sample: for a score to act on use
        :func:`vpin_signed` or fixed values. Cost O(n + bars).

    Examples
    --------
    >>> from kimera.microstructure import vpin_bars
    >>> v = vpin_bars(([0, 1, 2, 3], [1.0, 2.0, 2.0, 1.0], [4, 4, 4, 4]), bar_ns=2,
    ...               buckets_per_day=4, window=2)
    >>> v.bucket_volume, v.value.round(3).tolist()
    (4.0, [nan, 0.52, 0.52, 0.52])
    """
    at, price, traded = times(trades[0], "ts_ns"), floats(trades[1], "price"), trades[2]
    volume = floats(traded, "volume")
    same_length(ts_ns=at, price=price, volume=volume)
    if bar_ns <= 0 or DAY_NS % bar_ns:
        raise InputError(f"bar_ns: expected a divisor of a day, found {bar_ns}")
    window_of(buckets_per_day, "buckets_per_day")
    if np.any(volume < 0) or np.isnan(volume).any() or np.isnan(price).any():
        raise InputError("trades: expected prices and volumes >= 0, found NaN or negative")
    change, bar_volume, n_days = _bars(at, price, volume, bar_ns)
    total = float(bar_volume.sum())
    size = total / n_days / buckets_per_day if n_days else 0.0
    buys = bulk_volume_buys(change, bar_volume, dof=dof)
    if not size > 0 or np.isnan(buys).any():
        none = np.full(0, np.nan)
        return Vpin(none, none.copy(), none.copy(), np.empty(0, dtype=np.int64), size)
    filled = np.concatenate([[0.0], np.cumsum(bar_volume)])
    bought = np.concatenate([[0.0], np.cumsum(buys)])
    n_buckets = int(np.floor(total / size * (1.0 + 1e-12)))
    edge = np.minimum(size * np.arange(n_buckets + 1), total)
    in_bucket = np.diff(np.interp(edge, filled, bought))
    row = np.searchsorted(filled[1:], edge[1:], side="left").astype(np.int64)
    gap = _rolling_sum(np.abs(2.0 * in_bucket - size), window_of(window, "window"))
    return Vpin(gap / (window * size), in_bucket, size - in_bucket, row, size)


def _bars(
    at: IntArray, price: FloatArray, volume: FloatArray, bar_ns: int
) -> tuple[FloatArray, FloatArray, int]:
    """Change and volume of each bar of the days that traded, from the first bar to the last."""
    if at.size == 0:
        return np.empty(0), np.empty(0), 0
    bar = at // bar_ns
    first = np.flatnonzero(np.concatenate([[True], bar[1:] != bar[:-1]]))
    last = np.concatenate([first[1:], [at.size]]) - 1
    grid = np.arange(bar[0], bar[-1] + 1)
    per_day = DAY_NS // bar_ns
    days = np.unique(bar // per_day)
    grid = grid[np.isin(grid // per_day, days)]
    where = np.searchsorted(grid, bar[first])
    change, total = np.zeros(grid.size), np.zeros(grid.size)
    change[where] = price[last] - price[first]
    total[where] = np.add.reduceat(volume, first)
    return change, total, int(days.size)
