"""How far flow moves the price: Kyle's lambda, Amihud's ratio, Hasbrouck's lambda."""

from __future__ import annotations

from typing import Any

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
from kimera.microstructure.regression import ols_hac

__all__ = [
    "amihud_illiquidity",
    "bar_lambda",
    "hasbrouck_lambda",
    "kyle_equilibrium",
    "kyle_lambda",
    "kyle_lambda_cumulative",
    "kyle_lambda_rolling",
]


def kyle_lambda(price_change: Any, signed_volume: Any, *, lags: int | None = None) -> Estimate:
    """Price change per unit of signed volume, by regression with an intercept.

    ``dp_t = a + lambda q_t + e_t``: the slope in the linear pricing rule of Kyle (1985),
    "Continuous auctions and insider trading", Econometrica 53, Theorem 1. Newey-West errors.

    Parameters
    ----------
    price_change : array-like of shape (n,)
        Change of the mid (or price) over each interval or trade, any unit; NaN = left out.
    signed_volume : array-like of shape (n,)
        Buys minus sells over the same interval [lots]; NaN = left out.
    lags : int, optional
        Bandwidth of the standard error; default by :func:`newey_west_lags`, 0 = White.

    Returns
    -------
    Estimate
        [price unit per lot], any sign. NaN if the flow does not vary or fewer than 3 rows are
        left. Cost O(n lags).

    Examples
    --------
    >>> from kimera.microstructure import kyle_lambda
    >>> round(kyle_lambda([1.0, -1.0, 2.0, 0.0], [10, -10, 20, 0]).value, 12)
    0.1
    """
    change, flow = floats(price_change, "price_change"), floats(signed_volume, "signed_volume")
    n = same_length(price_change=change, signed_volume=flow)
    if n < 3:
        return nothing("fewer than three observations", n)
    if np.ptp(flow[~np.isnan(flow)], axis=0) == 0 if np.any(~np.isnan(flow)) else True:
        return nothing("the signed volume does not vary", n)
    fit = ols_hac(change, np.column_stack([np.ones(n), flow]), lags=lags)
    return Estimate(float(fit.coefficients[1]), float(fit.stderrs[1]), fit.n_obs, fit.why)


def _slopes(n: FloatArray, sums: tuple[FloatArray, ...]) -> tuple[FloatArray, FloatArray]:
    """Slope and classical standard error from sums of x, y, xx, xy, yy over n rows each."""
    sx, sy, sxx, sxy, syy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        vxx, vxy, vyy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
        usable = (n > 2) & (vxx > 1e-12 * np.maximum(sxx, 1e-300))
        slope = np.where(usable, vxy / vxx, np.nan)
        left = np.maximum(vyy - slope * vxy, 0.0)
        error = np.where(usable, np.sqrt(left / (n - 2.0) / vxx), np.nan)
    return slope, error


def _running(change: FloatArray, flow: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Running count and sums, with a zero row first; rows with a NaN count for nothing."""
    whole = ~(np.isnan(change) | np.isnan(flow))
    x, y = np.where(whole, flow, 0.0), np.where(whole, change, 0.0)
    terms = np.stack([whole.astype(float), x, y, x * x, x * y, y * y])
    running = np.zeros((6, change.size + 1))
    running[:, 1:] = np.cumsum(terms, axis=1)
    return running[0], running[1:]


def kyle_lambda_rolling(
    price_change: Any, signed_volume: Any, window: int
) -> tuple[FloatArray, FloatArray]:
    """Kyle's lambda over the last ``window`` rows, at every row.

    Parameters
    ----------
    price_change, signed_volume : array-like of shape (n,)
        As for :func:`kyle_lambda`. Integer-valued inputs (ticks, lots) are summed exactly below
        2**53, so that the window of a long tape is that of a short one.
    window : int
        Rows, >= 3.

    Returns
    -------
    slope, stderr : ndarray of shape (n,)
        [price unit per lot]; classical standard errors. NaN until the window is full, and where
        the flow did not vary in it. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import kyle_lambda_rolling
    >>> kyle_lambda_rolling([1, -1, 2, 4], [10, -10, 20, 20], 3)[0].round(6).tolist()
    [nan, nan, 0.1, 0.133333]
    """
    window_of(window, "window", least=3)
    change, flow = floats(price_change, "price_change"), floats(signed_volume, "signed_volume")
    n_rows = same_length(price_change=change, signed_volume=flow)
    count, sums = _running(change, flow)
    slope, error = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    if n_rows >= window:
        parts = tuple(s[window:] - s[:-window] for s in sums)
        slope[window - 1 :], error[window - 1 :] = _slopes(count[window:] - count[:-window], parts)
    return slope, error


def kyle_lambda_cumulative(price_change: Any, signed_volume: Any) -> tuple[FloatArray, FloatArray]:
    """Kyle's lambda over all rows so far, at every row.

    Parameters
    ----------
    price_change, signed_volume : array-like of shape (n,)
        As for :func:`kyle_lambda`.

    Returns
    -------
    slope, stderr : ndarray of shape (n,)
        [price unit per lot]; classical standard errors. NaN for the first two rows and until
        the flow has varied. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import kyle_lambda_cumulative
    >>> kyle_lambda_cumulative([1, -1, 2], [10, -10, 20])[0].round(6).tolist()
    [nan, nan, 0.1]
    """
    change, flow = floats(price_change, "price_change"), floats(signed_volume, "signed_volume")
    same_length(price_change=change, signed_volume=flow)
    count, sums = _running(change, flow)
    return _slopes(count[1:], tuple(s[1:] for s in sums))


def hasbrouck_lambda(
    log_return: Any, value: Any, sign: Any, *, lags: int | None = None
) -> Estimate:
    """Log return per signed root of traded value, by regression with an intercept.

    ``r_t = a + lambda S_t + e_t``, ``S_t = sum_i d_i sqrt(value_i)`` over the trades of the
    interval. Hasbrouck (2009), "Trading costs and returns for US equities: estimating effective
    costs from daily data", J. Finance 64, sec. on the trade price impact coefficient. Give one
    row per interval; for one trade per row the sum has one term.

    Parameters
    ----------
    log_return : array-like of shape (n,)
        Log price change over each interval [1].
    value : array-like of shape (n,)
        Traded value of the interval, >= 0 [currency].
    sign : array-like of shape (n,)
        Sign of its flow, -1..1.
    lags : int, optional
        Bandwidth of the standard error.

    Returns
    -------
    Estimate
        [1 per root currency]. NaN as for :func:`kyle_lambda`. Cost O(n lags).

    Examples
    --------
    >>> from kimera.microstructure import hasbrouck_lambda
    >>> round(hasbrouck_lambda([0.02, -0.03, 0.0], [400, 900, 0], [1, -1, 0]).value, 12)
    0.001
    """
    traded, side = floats(value, "value"), floats(sign, "sign")
    same_length(value=traded, sign=side)
    if np.any(traded < 0):
        raise InputError("value: expected >= 0, found a negative one")
    return kyle_lambda(log_return, side * np.sqrt(traded), lags=lags)


def amihud_illiquidity(simple_return: Any, value: Any) -> Estimate:
    """Mean absolute return per unit of traded value.

    ``ILLIQ = mean_t |r_t| / value_t`` over the periods that traded. Amihud (2002), "Illiquidity
    and stock returns", J. Financial Markets 5, eq. 1.

    Parameters
    ----------
    simple_return : array-like of shape (n,)
        Return of each period [1]; NaN = left out.
    value : array-like of shape (n,)
        Traded value of each period [currency]; 0 or NaN = left out, as in the paper.

    Returns
    -------
    Estimate
        [1 per currency], >= 0; multiply by 1e6 for the usual table. ``stderr`` of the mean. NaN
        when no period traded. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import amihud_illiquidity
    >>> amihud_illiquidity([0.01, -0.02, 0.5], [1e6, 2e6, 0]).value
    1e-08
    """
    change, traded = floats(simple_return, "simple_return"), floats(value, "value")
    same_length(simple_return=change, value=traded)
    if np.any(traded < 0):
        raise InputError("value: expected >= 0, found a negative one")
    used = ~np.isnan(change) & (traded > 0)
    ratio = np.abs(change[used]) / traded[used]
    if ratio.size == 0:
        return nothing("no period traded")
    error = float(ratio.std(ddof=1) / np.sqrt(ratio.size)) if ratio.size > 1 else float("nan")
    return Estimate(float(ratio.mean()), error, int(ratio.size))


def bar_lambda(change: Any, scale: Any, window: int) -> FloatArray:
    """Rolling mean of each bar's absolute change per unit of its volume.

    The bar-based form of Lopez de Prado (2018), "Advances in financial machine learning", ch.
    19: the mean of ratios, not a regression. With price changes and volume it is named after
    Kyle there; log returns and value, Amihud; log returns and root value, Hasbrouck. Because
    the sign of a bar is the sign of its own change, each ratio is an absolute value, and a bar
    without change counts as 0.

    Parameters
    ----------
    change : array-like of shape (n,)
        Price change or log return of each bar; NaN = no value.
    scale : array-like of shape (n,)
        Volume, value or root value of the bar; 0 gives NaN.
    window : int
        Bars, >= 1.

    Returns
    -------
    ndarray of shape (n,)
        [change per scale], >= 0; NaN until the window is full of values. Cost O(n window).

    Examples
    --------
    >>> from kimera.microstructure import bar_lambda
    >>> bar_lambda([1.0, -2.0, 3.0], [10, 10, 10], 2).round(3).tolist()
    [nan, 0.15, 0.25]
    """
    window_of(window, "window")
    moved, by = floats(change, "change"), floats(scale, "scale")
    same_length(change=moved, scale=by)
    ratio = np.divide(np.abs(moved), by, out=np.full(moved.shape, np.nan), where=by > 0)
    result = np.full(moved.shape, np.nan)
    if moved.size >= window:
        result[window - 1 :] = np.lib.stride_tricks.sliding_window_view(ratio, window).mean(axis=1)
    return result


def kyle_equilibrium(
    sigma0: float, sigma_u: float, n_auctions: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Kyle's own lambdas, from the primitives of his model.

    One auction: ``lambda = sqrt(sigma0) / (2 sigma_u)`` (Kyle 1985, Theorem 1). N auctions with
    noise variance sigma_u^2 / N each: the recursion of Theorem 2, solved backwards and scaled to
    the prior variance. What an estimator should find on a market simulated from the model.

    Parameters
    ----------
    sigma0 : float
        Prior variance of the value, > 0 [price^2].
    sigma_u : float
        Standard deviation of noise flow over the whole day, > 0 [lots].
    n_auctions : int
        >= 1.

    Returns
    -------
    lambdas, variances : ndarray of shape (n_auctions,)
        Price per lot of each auction, and the variance left after it.

    Examples
    --------
    >>> from kimera.microstructure import kyle_equilibrium
    >>> kyle_equilibrium(4.0, 2.0)[0].tolist()
    [0.5]
    """
    if not (sigma0 > 0 and sigma_u > 0):
        raise InputError(f"sigma0, sigma_u: expected > 0, found {sigma0}, {sigma_u}")
    window_of(n_auctions, "n_auctions")
    noise = sigma_u**2 / n_auctions
    lambdas, variances = np.empty(n_auctions), np.empty(n_auctions)
    after, alpha = 1.0, 0.0  # a trial final variance; the model is homogeneous in it
    for n in range(n_auctions - 1, -1, -1):
        lam = _auction_lambda(alpha, after, noise)
        beta = lam * noise / after
        lambdas[n], variances[n] = lam, after
        alpha = 1.0 / (4.0 * lam * (1.0 - alpha * lam))
        after = after / (1.0 - beta * lam)
    scale = sigma0 / after
    return lambdas * np.sqrt(scale), variances * scale


def _auction_lambda(alpha: float, after: float, noise: float) -> float:
    """Root of ``(1 - lam^2 noise/after)(1 - alpha lam) = 1/2`` with ``lam (1 - alpha lam) > 0``.

    The left side falls from 1 at 0 to 0 at the first of its roots, so bisection finds it.
    """
    low, high = 0.0, float(np.sqrt(after / noise))
    if alpha > 0:
        high = min(high, 1.0 / alpha)
    for _ in range(200):
        middle = 0.5 * (low + high)
        left = (1.0 - middle * middle * noise / after) * (1.0 - alpha * middle)
        low, high = (middle, high) if left > 0.5 else (low, middle)
    return 0.5 * (low + high)
