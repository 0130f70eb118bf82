"""Spreads without quotes: from trade prices, or from open, high, low and close."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import (
    Estimate,
    FloatArray,
    floats,
    nothing,
    same_length,
    window_of,
)

__all__ = [
    "abdi_ranaldo_spread",
    "corwin_schultz_spread",
    "edge_spread",
    "lagged_covariance",
    "parkinson_volatility",
    "roll_spread",
]

_DEN: Final = 3.0 - 2.0 * np.sqrt(2.0)


def lagged_covariance(price: Any, window: int) -> FloatArray:
    """Rolling covariance of successive price changes, the quantity under Roll's root.

    Parameters
    ----------
    price : array-like of shape (n,)
        Trade or close prices, any unit; NaN makes every window it touches NaN.
    window : int
        Pairs of changes in a window, >= 2.

    Returns
    -------
    ndarray of shape (n,)
        ``cov(dp_t, dp_{t-1})`` with n - 1 in the denominator over the last ``window`` pairs
        [price unit squared]; NaN for the first ``window + 1`` rows. Cost O(n window).

    Examples
    --------
    >>> from kimera.microstructure import lagged_covariance
    >>> lagged_covariance([1, 2, 1, 2, 1], 3).round(4).tolist()
    [nan, nan, nan, nan, -1.3333]
    """
    window_of(window, "window", least=2)
    change = np.diff(floats(price, "price"))
    result = np.full(change.shape[0] + 1, np.nan)
    if change.shape[0] <= window:
        return result if change.size or np.size(price) else result[:0]
    now = np.lib.stride_tricks.sliding_window_view(change[1:], window)
    before = np.lib.stride_tricks.sliding_window_view(change[:-1], window)
    centred = now - now.mean(axis=1, keepdims=True)
    lagged = before - before.mean(axis=1, keepdims=True)
    result[window + 1 :] = (centred * lagged).sum(axis=1) / (window - 1)
    return result


def roll_spread(price: Any) -> Estimate:
    """Effective spread from the bounce of trade prices: ``2 sqrt(-cov(dp_t, dp_{t-1}))``.

    Roll (1984), "A simple implicit measure of the effective bid-ask spread in an efficient
    market", J. Finance 39.

    Parameters
    ----------
    price : array-like of shape (n,)
        Trade prices in time order, any unit; log prices give a fraction.

    Returns
    -------
    Estimate
        In the unit of ``price``, [0, inf). A positive covariance has no spread: NaN, not the
        root of its absolute value. ``stderr`` by the delta method from the sample variance of
        the products. NaN too for fewer than 4 prices or a NaN among them. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import roll_spread
    >>> round(roll_spread([100.5, 99.5, 100.5, 99.5, 100.5, 99.5]).value, 4)
    2.3094
    """
    prices = floats(price, "price")
    n_pairs = prices.size - 2
    if n_pairs < 2:
        return nothing("fewer than four prices", prices.size)
    if np.isnan(prices).any():
        return nothing("a price is NaN", prices.size)
    change = np.diff(prices)
    now, before = change[1:] - change[1:].mean(), change[:-1] - change[:-1].mean()
    product = now * before
    covariance = float(product.sum() / (n_pairs - 1))
    if covariance > 0:
        return nothing("the covariance of successive changes is positive", n_pairs)
    spread = 2.0 * float(np.sqrt(-covariance))
    error = float(product.std(ddof=1) / np.sqrt(n_pairs))
    return Estimate(spread, 2.0 * error / spread if spread > 0 else float("nan"), n_pairs)


def _range_bars(high: Any, low: Any) -> tuple[FloatArray, FloatArray]:
    top, bottom = floats(high, "high"), floats(low, "low")
    same_length(high=top, low=bottom)
    if np.any(top < bottom):
        at = int(np.flatnonzero(top < bottom)[0])
        raise InputError(f"high: expected >= low, found {top[at]} < {bottom[at]} at row {at}")
    if np.any(bottom <= 0):
        at = int(np.flatnonzero(bottom <= 0)[0])
        raise InputError(f"low: expected > 0, found {bottom[at]} at row {at}")
    return top, bottom


def _rolling_mean(values: FloatArray, window: int) -> FloatArray:
    result = np.full(values.shape, np.nan)
    if values.size >= window:
        view = np.lib.stride_tricks.sliding_window_view(values, window)
        result[window - 1 :] = view.mean(axis=1)
    return result


def _beta_gamma(
    high: FloatArray, low: FloatArray, close: FloatArray | None, window: int
) -> tuple[FloatArray, FloatArray]:
    n = high.shape[0]
    beta, gamma = np.full(n, np.nan), np.full(n, np.nan)
    if n < 2:
        return beta, gamma
    top, bottom = high[1:].copy(), low[1:].copy()
    if close is not None:  # a gap overnight is not a range: move today's range to the close
        gap = np.maximum(bottom - close[:-1], 0.0) + np.minimum(top - close[:-1], 0.0)
        top, bottom = top - gap, bottom - gap
        if np.any(bottom <= 0):
            raise InputError("low: expected > 0 after the overnight adjustment, found <= 0")
    day = np.log(high / low) ** 2
    beta[1:] = np.log(top / bottom) ** 2 + day[:-1]
    gamma[1:] = np.log(np.maximum(top, high[:-1]) / np.minimum(bottom, low[:-1])) ** 2
    return _rolling_mean(beta, window), gamma


def corwin_schultz_spread(
    high: Any, low: Any, close: Any | None = None, *, window: int = 1
) -> FloatArray:
    """Spread from the ratio of one-period to two-period ranges.

    ``S = 2 (e^a - 1) / (1 + e^a)``, ``a = (sqrt(2 b) - sqrt(b)) / (3 - 2 sqrt 2) -
    sqrt(g / (3 - 2 sqrt 2))`` with b the sum of two squared log ranges, g the squared log range
    of both. Corwin and Schultz (2012), "A simple way to estimate bid-ask spreads from daily high
    and low prices", J. Finance 67, eq. 14 and 18.

    Parameters
    ----------
    high, low : array-like of shape (n,)
        Highest and lowest price of each period, > 0; NaN = no trade.
    close : array-like of shape (n,), optional
        When given, each period's range is moved by the gap from the close before (their
        overnight adjustment).
    window : int
        Periods over which b is averaged first (1 = the paper; some libraries use 20).

    Returns
    -------
    ndarray of shape (n,)
        Raw spread as a fraction of price [1], in (-2, 2): negatives are kept, floor them
        yourself (``numpy.maximum(s, 0)``) as the paper does before averaging. NaN in the first
        ``window`` rows and where a price is NaN. Cost O(n window).

    Examples
    --------
    >>> from kimera.microstructure import corwin_schultz_spread
    >>> corwin_schultz_spread([10.2, 10.2], [10.0, 10.0]).round(6).tolist()
    [nan, 0.019802]
    """
    window_of(window, "window")
    top, bottom = _range_bars(high, low)
    last = None if close is None else floats(close, "close")
    if last is not None:
        same_length(high=top, close=last)
    beta, gamma = _beta_gamma(top, bottom, last, window)
    alpha = (np.sqrt(2.0) - 1.0) * np.sqrt(beta) / _DEN - np.sqrt(gamma / _DEN)
    grown = np.exp(alpha)
    return np.asarray(2.0 * (grown - 1.0) / (1.0 + grown))


def parkinson_volatility(high: Any, low: Any, *, window: int = 1) -> FloatArray:
    """Volatility that remains when the spread is taken out of the ranges.

    Corwin and Schultz (2012), eq. 19 read for sigma (Parkinson 1980 with k2 = sqrt(8 / pi)), as
    in Lopez de Prado (2018), "Advances in financial machine learning", snippet 19.2.

    Parameters
    ----------
    high, low : array-like of shape (n,)
        Highest and lowest price of each period, > 0.
    window : int
        Periods over which b is averaged first.

    Returns
    -------
    ndarray of shape (n,)
        Standard deviation of one period's log return [1], >= 0 (negatives are set to 0 there);
        NaN in the first ``window`` rows. Cost O(n window).

    Examples
    --------
    >>> from kimera.microstructure import parkinson_volatility
    >>> parkinson_volatility([10.0, 10.0], [10.0, 10.0]).tolist()
    [nan, 0.0]
    """
    window_of(window, "window")
    beta, gamma = _beta_gamma(*_range_bars(high, low), None, window)
    k2 = np.sqrt(8.0 / np.pi)
    sigma = (np.sqrt(0.5) - 1.0) * np.sqrt(beta) / (k2 * _DEN)
    sigma += np.sqrt(gamma / (k2 * k2 * _DEN))
    return np.where(sigma < 0, 0.0, sigma)


def abdi_ranaldo_spread(high: Any, low: Any, close: Any, *, form: str = "two_day") -> Estimate:
    """Spread from the distance of the close to the mid of the range, today's and tomorrow's.

    With ``eta`` the mean of log high and log low and ``c`` the log close:
    two_day ``S = mean_t sqrt(max(4 (c_t - eta_t)(c_t - eta_{t+1}), 0))``; pooled
    ``S = sqrt(max(4 mean_t (c_t - eta_t)(c_t - eta_{t+1}), 0))``. Abdi and Ranaldo (2017), "A
    simple estimation of bid-ask spreads from daily close, high, and low prices", Rev. Financial
    Studies 30.

    Parameters
    ----------
    high, low, close : array-like of shape (n,)
        Prices of each period, > 0; a NaN row is left out with its pairs.
    form : {"two_day", "pooled"}
        The paper's two-day corrected estimate, or the root of the pooled mean.

    Returns
    -------
    Estimate
        Fraction of price [1], >= 0. ``stderr`` of the mean over pairs (two_day) or by the delta
        method (pooled), without autocorrelation. NaN with fewer than one pair. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import abdi_ranaldo_spread
    >>> round(abdi_ranaldo_spread([10.2] * 3, [10.0] * 3, [10.2] * 3).value, 6)
    0.019803
    """
    if form not in {"two_day", "pooled"}:
        raise InputError(f"form: expected 'two_day' or 'pooled', found {form!r}")
    top, bottom = _range_bars(high, low)
    last = floats(close, "close")
    same_length(high=top, close=last)
    if np.any(last <= 0):
        raise InputError("close: expected > 0, found <= 0")
    eta, c = (np.log(top) + np.log(bottom)) / 2.0, np.log(last)
    product = 4.0 * (c[:-1] - eta[:-1]) * (c[:-1] - eta[1:])
    product = product[~np.isnan(product)]
    n = product.size
    if n == 0:
        return nothing("no two periods in a row have prices")
    error = float("nan")
    if form == "two_day":
        each = np.sqrt(np.maximum(product, 0.0))
        if n > 1:
            error = float(each.std(ddof=1) / np.sqrt(n))
        return Estimate(float(each.mean()), error, n)
    spread = float(np.sqrt(max(float(product.mean()), 0.0)))
    if n > 1 and spread > 0:
        error = float(product.std(ddof=1) / np.sqrt(n)) / (2.0 * spread)
    return Estimate(spread, error, n)


def _mean(values: FloatArray) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def _differs(left: FloatArray, right: FloatArray, tau: FloatArray) -> float:
    unknown = np.isnan(left) | np.isnan(right)
    return _mean(tau * np.where(unknown, np.nan, left != right))


def _combined(x1: FloatArray, x2: FloatArray) -> float:
    """Efficient average of two moment estimates of the squared spread."""
    e1, e2 = _mean(x1), _mean(x2)
    v1, v2 = _mean(x1**2) - e1**2, _mean(x2**2) - e2**2
    total = v1 + v2
    return (v2 * e1 + v1 * e2) / total if total > 0 else (e1 + e2) / 2.0


def edge_spread(open_: Any, high: Any, low: Any, close: Any) -> Estimate:
    """Efficient discrete generalised estimator of the spread (EDGE).

    Ardia, Guidotti and Kroencke (2024), "Efficient estimation of bid-ask spreads from open,
    high, low, and close prices", J. Financial Economics 161: the variance-weighted mean of two
    moment conditions on open, close and mid-range, corrected for the chance that open or close
    is the high or the low.

    Parameters
    ----------
    open_, high, low, close : array-like of shape (n,)
        Prices of each period, > 0; NaN = missing, the period is used as far as it goes.

    Returns
    -------
    Estimate
        **Signed** root of the squared spread, a fraction of price [1]: a negative number says
        that the squared spread came out negative. Average it signed, or take ``abs``.
        ``stderr`` is NaN (the paper gives none for one sample). NaN with fewer than 3 periods,
        fewer than 2 that moved, or no open or close inside the range. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import edge_spread
    >>> edge_spread([18.21, 17.61, 17.61], [18.21, 17.61, 17.61],
    ...             [17.61] * 3, [17.61] * 3).why
    'fewer than two periods in which the price moved'
    """
    given = [floats(v, n) for v, n in ((open_, "open"), (high, "high"), (low, "low"))]
    given.append(floats(close, "close"))
    n = same_length(open=given[0], high=given[1], low=given[2], close=given[3])
    if any(np.any(prices <= 0) for prices in given):
        raise InputError("prices: expected > 0, found <= 0")
    if n < 3:
        return nothing("fewer than three periods", n)
    o, h, lo, c = (np.log(prices) for prices in given)
    m = (h + lo) / 2.0
    h1, l1, c1, m1 = h[:-1], lo[:-1], c[:-1], m[:-1]
    o, h, lo, m = o[1:], h[1:], lo[1:], m[1:]
    unknown = np.isnan(h) | np.isnan(lo) | np.isnan(c1)
    tau = np.where(unknown, np.nan, (h != lo) | (lo != c1))
    if np.nansum(tau) < 2:
        return nothing("fewer than two periods in which the price moved", n)
    p_open = _differs(o, h, tau) + _differs(o, lo, tau)
    p_close = _differs(c1, h1, tau) + _differs(c1, l1, tau)
    if not (p_open > 0 and p_close > 0):
        return nothing("every open or every close is the high and the low", n)
    p_moved = _mean(tau)
    d1, d3, d5 = (r - _mean(r) / p_moved * tau for r in (m - o, m - c1, o - c1))
    r2, r4, r5 = o - m1, c1 - m1, o - c1
    squared = _combined(
        -4.0 / p_open * d1 * r2 - 4.0 / p_close * d3 * r4,
        -4.0 / p_open * d1 * r5 - 4.0 / p_close * d5 * r4,
    )
    if np.isnan(squared):
        return nothing("no two periods in a row have the prices needed", n)
    return Estimate(float(np.sign(squared) * np.sqrt(abs(squared))), float("nan"), n)
