"""Ordinary least squares with Newey-West standard errors, as the impact measures need it."""

from __future__ import annotations

import msgspec
import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray

__all__ = ["Regression", "ols", "ols_hac"]


class Regression(msgspec.Struct, frozen=True):
    """A fitted linear regression.

    Attributes
    ----------
    coefficients, stderrs : ndarray of shape (n_regressors,)
        NaN when the regressors are collinear or too few observations are left.
    r2 : float
        Share of the variance explained, about the mean [1].
    n_obs : int
    why : str
        Empty, or why the coefficients are NaN.
    """

    coefficients: FloatArray
    stderrs: FloatArray
    r2: float
    n_obs: int
    why: str = ""


def newey_west_lags(n_obs: int) -> int:
    """Bandwidth ``floor(4 (n / 100)^(2/9))`` of Newey and West (1994), Rev. Econ. Studies 61."""
    return int(4.0 * (n_obs / 100.0) ** (2.0 / 9.0)) if n_obs > 0 else 0


def _empty(columns: int, n_obs: int, why: str) -> Regression:
    none = np.full(columns, np.nan)
    return Regression(none, none.copy(), float("nan"), n_obs, why)


def ols(y: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit y (or each column of y) on the columns of x: coefficients and residuals.

    By the normal equations with one refinement when x is well conditioned, else by QR.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the columns are collinear to working precision.
    """
    scale = np.sqrt((x * x).sum(axis=0))
    if np.any(scale == 0):
        raise np.linalg.LinAlgError("a regressor is zero throughout")
    scaled = x / scale
    gram = scaled.T @ scaled
    try:  # the quick way, while it keeps half of the digits; a second round mends the rest
        factor = np.linalg.cholesky(gram)
        quick = bool(np.diag(factor).min() > 1e-5)
    except np.linalg.LinAlgError:
        quick = False
    if quick:
        coefficients = np.linalg.solve(gram, scaled.T @ y)
        coefficients += np.linalg.solve(gram, scaled.T @ (y - scaled @ coefficients))
    else:
        q, r = np.linalg.qr(scaled)
        if np.abs(np.diag(r)).min() < 1e-12:
            raise np.linalg.LinAlgError("the regressors are collinear")
        coefficients = np.linalg.solve(r, q.T @ y)
    coefficients = (coefficients.T / scale).T
    return coefficients, y - x @ coefficients


def ols_hac(y: FloatArray, x: FloatArray, *, lags: int | None = None) -> Regression:
    """Regress y on the columns of x with Newey-West (1987) standard errors.

    ``V = (X'X)^-1 [G_0 + sum_l (1 - l/(L+1)) (G_l + G_l')] (X'X)^-1``, ``G_l = sum_t x_t e_t
    e_{t-l} x_{t-l}'``, Bartlett weights, times n / (n - k). ``lags=0`` is White's (HC1).

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
    x : ndarray of shape (n_obs, n_regressors)
        Add a column of ones for an intercept. Rows with a NaN are left out.
    lags : int, optional
        Bandwidth L; default ``floor(4 (n/100)^(2/9))``.

    Returns
    -------
    Regression
        Cost O(n k (k + L)).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure.regression import ols_hac
    >>> x = np.column_stack([np.ones(4), np.arange(4.0)])
    >>> ols_hac(np.array([1.0, 3.0, 5.0, 7.0]), x).coefficients.round(12).tolist()
    [1.0, 2.0]
    """
    if x.ndim != 2 or x.shape[0] != y.shape[0]:
        raise InputError(f"x: expected shape ({y.shape[0]}, k), found {x.shape}")
    whole = ~(np.isnan(y) | np.isnan(x).any(axis=1))
    y, x = y[whole], x[whole]
    n, k = x.shape
    if n <= k:
        return _empty(k, n, "not more observations than regressors")
    try:
        coefficients, error = ols(y, x)
    except np.linalg.LinAlgError as reason:
        return _empty(k, n, str(reason))
    scale = np.sqrt((x * x).sum(axis=0))
    inverse = np.linalg.inv((x / scale).T @ (x / scale))
    score = (x / scale) * error[:, None]
    meat = score.T @ score
    for lag in range(1, min(newey_west_lags(n) if lags is None else lags, n - 1) + 1):
        cross = score[lag:].T @ score[:-lag]
        weight = 1.0 - lag / ((newey_west_lags(n) if lags is None else lags) + 1.0)
        meat += weight * (cross + cross.T)
    variance = np.diag(inverse @ meat @ inverse) * (n / (n - k)) / scale**2
    spread = float(((y - y.mean()) ** 2).sum())
    r2 = 1.0 - float(error @ error) / spread if spread > 0 else float("nan")
    return Regression(coefficients, np.sqrt(np.maximum(variance, 0.0)), r2, n)
