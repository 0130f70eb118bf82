"""Order-flow imbalance: what the book changes say of the pressure on each side."""

from __future__ import annotations

from typing import Any

import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray, IntArray, prices, same_length, sizes, window_of
from kimera.model import NO_PRICE

__all__ = [
    "BookArrays",
    "book_arrays",
    "bucketed_sum",
    "integrated_ofi",
    "multi_level_ofi",
    "order_flow_imbalance",
]

BookArrays = tuple[IntArray, IntArray, IntArray, IntArray]
"""(bid_ticks, bid_lots, ask_ticks, ask_lots), each of shape (n_states, n_levels)."""


def book_arrays(bid_ticks: Any, bid_lots: Any, ask_ticks: Any, ask_lots: Any) -> BookArrays:
    """Check the level arrays of a book: best level first, ``NO_PRICE`` and 0 lots = no level.

    Parameters
    ----------
    bid_ticks, bid_lots, ask_ticks, ask_lots : array-like of shape (n_states, n_levels)
        One-dimensional input is read as one level.

    Raises
    ------
    InputError
        If shapes differ, a size is negative, or a side is not sorted from its best price.

    Examples
    --------
    >>> from kimera.microstructure import book_arrays
    >>> [a.shape for a in book_arrays([[99, 98]], [[5, 6]], [[100, 101]], [[7, 8]])]
    [(1, 2), (1, 2), (1, 2), (1, 2)]
    """
    shaped = [np.asarray(a) for a in (bid_ticks, bid_lots, ask_ticks, ask_lots)]
    shaped = [a[:, None] if a.ndim == 1 else a for a in shaped]
    bid, ask = prices(shaped[0], "bid_ticks", ndim=2), prices(shaped[2], "ask_ticks", ndim=2)
    bid_size, ask_size = sizes(shaped[1], "bid_lots", ndim=2), sizes(shaped[3], "ask_lots", ndim=2)
    shapes = {a.shape for a in (bid, bid_size, ask, ask_size)}
    if len(shapes) > 1:
        raise InputError(f"expected four arrays of one shape, found {sorted(shapes)}")
    for name, side, order in (("bid_ticks", bid, -1), ("ask_ticks", ask, 1)):
        here, below = side[:, :-1], side[:, 1:]
        real = below != NO_PRICE
        wrong = real & ((here == NO_PRICE) | ((below - here) * order <= 0))
        if wrong.any():
            row, level = (int(v) for v in np.argwhere(wrong)[0])
            raise InputError(f"{name}: expected levels from the best on, row {row} level {level}")
    return bid, bid_size, ask, ask_size


def _side_flow(price: IntArray, lots: IntArray, order: int) -> IntArray:
    """Size gained by one side between successive states; ``order`` +1 bid, -1 ask.

    An empty level is a price worse than any with no lots, so the same comparison holds.
    """
    worst = np.iinfo(np.int64).min
    ranked = np.where(price == NO_PRICE, worst, price * order)
    held = np.where(price == NO_PRICE, 0, lots)
    now, before = ranked[1:], ranked[:-1]
    gained = np.where(now >= before, held[1:], 0) - np.where(now <= before, held[:-1], 0)
    result = np.zeros(price.shape, dtype=np.int64)
    result[1:] = gained
    return result


def order_flow_imbalance(bid_ticks: Any, bid_lots: Any, ask_ticks: Any, ask_lots: Any) -> IntArray:
    """Order-flow imbalance of the best quotes, event by event.

    ``e_n = 1[Pb_n >= Pb_{n-1}] qb_n - 1[Pb_n <= Pb_{n-1}] qb_{n-1} - 1[Pa_n <= Pa_{n-1}] qa_n +
    1[Pa_n >= Pa_{n-1}] qa_{n-1}``. Cont, Kukanov and Stoikov (2014), "The price impact of order
    book events", J. Financial Econometrics 12 (arXiv 1011.6402), sec. 2. Both comparisons are
    weak: an unchanged price leaves the change of size.

    Parameters
    ----------
    bid_ticks, bid_lots, ask_ticks, ask_lots : array-like of shape (n_states,)
        Best quotes after each event. ``NO_PRICE`` = empty side, a price worse than any.

    Returns
    -------
    ndarray of shape (n_states,)
        [lots]; the first row is 0, having nothing before it. Sum it over an interval (its sums
        are exact). Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import order_flow_imbalance
    >>> order_flow_imbalance([99, 99, 100], [5, 8, 2], [101, 101, 101], [4, 4, 1]).tolist()
    [0, 3, 5]
    """
    return multi_level_ofi(bid_ticks, bid_lots, ask_ticks, ask_lots)[:, 0].copy()


def multi_level_ofi(bid_ticks: Any, bid_lots: Any, ask_ticks: Any, ask_lots: Any) -> IntArray:
    """Order-flow imbalance of each of the best L levels, event by event.

    The same e_n at the m-th best price of each side. Xu, Gould and Howison (2018), "Multi-level
    order-flow imbalance in a limit order book", Market Microstructure and Liquidity 4.

    Parameters
    ----------
    bid_ticks, bid_lots, ask_ticks, ask_lots : array-like of shape (n_states, n_levels)
        Levels after each event, best first.

    Returns
    -------
    ndarray of shape (n_states, n_levels)
        [lots]; the first row is 0. Cost O(n L).

    Examples
    --------
    >>> from kimera.microstructure import multi_level_ofi
    >>> multi_level_ofi([[99, 98], [99, 97]], [[5, 6], [5, 1]],
    ...                 [[101, 102]] * 2, [[4, 4]] * 2).tolist()
    [[0, 0], [0, -6]]
    """
    bid, bid_size, ask, ask_size = book_arrays(bid_ticks, bid_lots, ask_ticks, ask_lots)
    return _side_flow(bid, bid_size, 1) - _side_flow(ask, ask_size, -1)


def integrated_ofi(ofi: Any, mean_depth_lots: float) -> tuple[FloatArray, FloatArray]:
    """Combine the levels of OFI into one series by their first principal component.

    Cont, Cucuringu and Zhang (2023), "Cross-impact of order flow imbalance in equity markets",
    Quantitative Finance 23: the levels, scaled by average depth, projected on the first
    principal component, whose weights are divided by their l1 norm.

    Parameters
    ----------
    ofi : array-like of shape (n_intervals, n_levels)
        OFI of each interval and level [lots].
    mean_depth_lots : float
        Average depth, > 0 [lots].

    Returns
    -------
    series : ndarray of shape (n_intervals,)
        [1]; NaN throughout with fewer than two intervals or none that varies.
    weights : ndarray of shape (n_levels,)
        Sum of absolute values 1; the sign makes their sum positive. Cost O(n L^2).

    Examples
    --------
    >>> from kimera.microstructure import integrated_ofi
    >>> integrated_ofi([[1, 1], [-1, -1], [2, 2]], 1.0)[1].round(6).tolist()
    [0.5, 0.5]
    """
    if not mean_depth_lots > 0:
        raise InputError(f"mean_depth_lots: expected > 0, found {mean_depth_lots}")
    flow = np.asarray(ofi, dtype=np.float64)
    if flow.ndim != 2:
        raise InputError(f"ofi: expected two dimensions, found shape {flow.shape}")
    scaled = flow / mean_depth_lots
    n, levels = scaled.shape
    if n < 2 or not np.ptp(scaled, axis=0).any():
        return np.full(n, np.nan), np.full(levels, np.nan)
    covariance = np.atleast_2d(np.cov(scaled, rowvar=False))
    weights = np.linalg.eigh(covariance)[1][:, -1]
    weights = weights / np.abs(weights).sum() * (1.0 if weights.sum() >= 0 else -1.0)
    return scaled @ weights, weights


def bucketed_sum(values: Any, ts_ns: Any, *, width_ns: int, start_ns: int, end_ns: int) -> IntArray:
    """Sum integer events into time buckets, exactly.

    Parameters
    ----------
    values : array-like of shape (n,) or (n, k)
        Integers, e.g. OFI [lots].
    ts_ns : array-like of shape (n,)
        Event times [ns].
    width_ns : int
        > 0.
    start_ns, end_ns : int
        Buckets are ``[start + i width, start + (i + 1) width)``, as many whole ones as fit;
        events outside them are left out.

    Returns
    -------
    ndarray of shape (n_buckets,) or (n_buckets, k)
        Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import bucketed_sum
    >>> bucketed_sum([1, 2, 3], [0, 9, 10], width_ns=10, start_ns=0, end_ns=20).tolist()
    [3, 3]
    """
    window_of(width_ns, "width_ns")
    events, at = np.asarray(values, dtype=np.int64), np.asarray(ts_ns, dtype=np.int64)
    same_length(values=events, ts_ns=at)
    n_buckets = max((end_ns - start_ns) // width_ns, 0)
    bucket = (at - start_ns) // width_ns
    inside = (bucket >= 0) & (bucket < n_buckets)
    total = np.zeros((n_buckets, *events.shape[1:]), dtype=np.int64)
    np.add.at(total, bucket[inside], events[inside])
    return total
