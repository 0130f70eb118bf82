"""Where the price is made: information shares, component shares, information leadership."""

from __future__ import annotations

from itertools import permutations
from typing import Any, Final

import msgspec
import numpy as np

from kimera.errors import InputError, MissingExtraError
from kimera.microstructure.inputs import FloatArray, IntArray, times, window_of
from kimera.microstructure.quotes import quote_at
from kimera.microstructure.regression import ols

__all__ = [
    "ErrorCorrection",
    "PriceDiscovery",
    "component_share",
    "fit_error_correction",
    "information_leadership",
    "information_share",
    "information_share_bounds",
    "sample_prices",
]

MAX_VENUES: Final = 7  # all orderings are tried: 7! = 5040 factorisations


class ErrorCorrection(msgspec.Struct, frozen=True):
    """Vector error-correction model of the prices of one thing at several venues.

    ``dp_t = c + A z_{t-1} + sum_i G_i dp_{t-i} + e_t``, ``z_t`` = price of venue 1 less that of
    each other venue.

    Attributes
    ----------
    adjustment : ndarray of shape (n_venues, n_venues - 1)
        A: how each venue's price answers each gap.
    lags : ndarray of shape (n_lags, n_venues, n_venues)
        G_i.
    omega : ndarray of shape (n_venues, n_venues)
        Covariance of the residuals, divided by n - regressors.
    n_obs : int
    """

    adjustment: FloatArray
    lags: FloatArray
    omega: FloatArray
    n_obs: int


class PriceDiscovery(msgspec.Struct, frozen=True):
    """Shares of each venue in price discovery.

    Attributes
    ----------
    lower, upper : ndarray of shape (n_venues,)
        Bounds of Hasbrouck's information share over all orderings, [0, 1].
    middle : ndarray of shape (n_venues,)
        Mean over all orderings; sums to 1.
    component : ndarray of shape (n_venues,)
        Gonzalo and Granger's share; sums to 1, may leave [0, 1] (kept).
    leadership : ndarray of shape (n_venues,)
        Information leadership share of two venues, [0, 1]; NaN for more.
    n_obs : int
    why : str
        Empty, or why the shares are NaN.
    """

    lower: FloatArray
    upper: FloatArray
    middle: FloatArray
    component: FloatArray
    leadership: FloatArray
    n_obs: int
    why: str = ""


def sample_prices(
    venues: list[tuple[Any, Any]], *, start_ns: int, end_ns: int, step_ns: int
) -> FloatArray:
    """Sample the last price of each venue on one grid.

    Parameters
    ----------
    venues : list of (ts_ns, price)
        Times not decreasing [ns]; NaN prices count as no news and are skipped.
    start_ns, end_ns, step_ns : int
        Grid ``start, start + step, ...`` up to and with ``end`` [ns].

    Returns
    -------
    ndarray of shape (n_steps, n_venues)
        NaN before the first price of a venue. Cost O(n_steps log n).

    Examples
    --------
    >>> from kimera.microstructure import sample_prices
    >>> sample_prices([([1, 3], [10.0, 11.0])], start_ns=0, end_ns=4, step_ns=2).tolist()
    [[nan], [10.0], [11.0]]
    """
    window_of(step_ns, "step_ns")
    grid = np.arange(start_ns, end_ns + 1, step_ns, dtype=np.int64)
    sampled = np.full((grid.size, len(venues)), np.nan)
    for v, (ts_ns, price) in enumerate(venues):
        at, value = times(ts_ns, f"venue {v} ts_ns"), np.asarray(price, dtype=np.float64)
        known = ~np.isnan(value)
        sampled[:, v] = np.append(value[known], np.nan)[quote_at(grid, at[known])]
    return sampled


def _levels(price: Any) -> FloatArray:
    levels = np.asarray(price, dtype=np.float64)
    if levels.ndim != 2 or levels.shape[1] < 2:
        raise InputError(f"price: expected shape (n, at least 2), found {levels.shape}")
    if levels.shape[1] > MAX_VENUES:
        raise InputError(f"price: expected at most {MAX_VENUES} venues, found {levels.shape[1]}")
    if np.isinf(levels).any():
        raise InputError("price: expected finite numbers or NaN, found inf")
    return levels


def fit_error_correction(price: Any, *, n_lags: int) -> ErrorCorrection:
    """Fit the model by least squares, the gaps between the venues' prices being the cointegration.

    The cointegrating vectors are known, (1, -1): it is the same thing at each venue. That makes
    the model linear. Rows with a NaN, and those whose lags hold one, are left out.

    Parameters
    ----------
    price : array-like of shape (n, n_venues)
        Prices or log prices on a common grid, oldest first.
    n_lags : int
        Lagged differences, >= 0.

    Returns
    -------
    ErrorCorrection
        Cost O(n (n_venues n_lags)^2).

    Raises
    ------
    InputError
        If fewer rows than regressors are left or the regressors are collinear (two venues with
        one and the same price, or a price that never moves).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_error_correction
    >>> rng = np.random.default_rng(5); m = np.cumsum(rng.normal(size=4000))
    >>> p = np.column_stack([m, np.concatenate([[0.0], m[:-1]])]) + rng.normal(size=(4000, 2))
    >>> fit_error_correction(p, n_lags=5).adjustment.shape
    (2, 1)
    """
    levels = _levels(price)
    window_of(n_lags, "n_lags", least=0)
    n, k = levels.shape
    change = np.diff(levels, axis=0)
    rows = n - 1 - n_lags
    columns = k - 1 + k * n_lags + 1
    if rows <= columns:
        raise InputError(f"price: expected more than {columns + n_lags + 1} rows, found {n}")
    gap = levels[n_lags:-1, :1] - levels[n_lags:-1, 1:]
    lagged = [change[n_lags - i : n - 1 - i] for i in range(1, n_lags + 1)]
    x = np.hstack([gap, *lagged, np.ones((rows, 1))])
    y = change[n_lags:]
    if np.isnan(levels).any():
        whole = ~(np.isnan(x).any(axis=1) | np.isnan(y).any(axis=1))
        x, y = x[whole], y[whole]
    if x.shape[0] <= columns:
        raise InputError(f"price: expected more than {columns} whole rows, found {x.shape[0]}")
    try:
        coefficients, error = ols(y, x)
    except np.linalg.LinAlgError as reason:
        raise InputError(f"price: {reason}") from reason
    omega = error.T @ error / (x.shape[0] - columns)
    g = coefficients[k - 1 : -1].reshape(n_lags, k, k).transpose(0, 2, 1)
    return ErrorCorrection(coefficients[: k - 1].T, g, omega, int(x.shape[0]))


def component_share(adjustment: Any) -> FloatArray:
    """Share of each venue in the permanent component: the normalised orthogonal complement of A.

    Gonzalo and Granger (1995), "Estimation of common long-memory components in cointegrated
    systems", J. Business and Economic Statistics 13; for two venues ``(-a_2, a_1)`` scaled to
    sum 1 (Booth, So and Tse 1999).

    Parameters
    ----------
    adjustment : array-like of shape (n_venues, n_venues - 1)

    Returns
    -------
    ndarray of shape (n_venues,)
        Sums to 1 [1]. A share outside [0, 1] says that a venue moves away from the others; it
        is kept. NaN when A has not full rank or the complement sums to 0.

    Examples
    --------
    >>> from kimera.microstructure import component_share
    >>> component_share([[-0.3], [0.1]]).round(12).tolist()
    [0.25, 0.75]
    """
    a = np.asarray(adjustment, dtype=np.float64)
    if a.ndim != 2 or a.shape[1] != a.shape[0] - 1:
        raise InputError(f"adjustment: expected shape (n, n - 1), found {a.shape}")
    none = np.full(a.shape[0], np.nan)
    if np.isnan(a).any():
        return none
    u, singular, _ = np.linalg.svd(a)
    if singular.min() <= 1e-12 * max(float(singular.max()), 1e-300):
        return none
    complement = u[:, -1]
    total = float(complement.sum())
    return complement / total if abs(total) > 1e-12 else none


def information_share_bounds(
    adjustment: Any, omega: Any
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hasbrouck's information shares, for every ordering of the venues.

    With w the component shares (proportional to the common row of the long-run impact, Baillie,
    Booth, Tse and Zabotina 2002) and F the Cholesky factor of omega in the ordering:
    ``IS_j = (w' F)_j^2 / (w' omega w)``. Hasbrouck (1995), "One security, many markets:
    determining the contributions to price discovery", J. Finance 50.

    Parameters
    ----------
    adjustment : array-like of shape (n_venues, n_venues - 1)
    omega : array-like of shape (n_venues, n_venues)
        Positive definite.

    Returns
    -------
    lower, upper, middle : ndarray of shape (n_venues,)
        [0, 1]; middle is the mean over all orderings and sums to 1. NaN where the component
        share is, or omega is not positive definite. Cost O(n_venues! n_venues^3).

    Examples
    --------
    >>> from kimera.microstructure import information_share_bounds
    >>> [v.round(3).tolist() for v in information_share_bounds([[-1.0], [1.0]], [[1, 0], [0, 3]])]
    [[0.25, 0.75], [0.25, 0.75], [0.25, 0.75]]
    """
    weight = component_share(adjustment)
    cov = np.asarray(omega, dtype=np.float64)
    k = weight.size
    if cov.shape != (k, k):
        raise InputError(f"omega: expected shape {(k, k)}, found {cov.shape}")
    none = np.full(k, np.nan)
    if np.isnan(weight).any() or np.isnan(cov).any():
        return none, none.copy(), none.copy()
    shares = []
    for order in permutations(range(k)):
        at = list(order)
        try:
            factor = np.linalg.cholesky(cov[np.ix_(at, at)])
        except np.linalg.LinAlgError:
            return none, none.copy(), none.copy()
        part = (weight[at] @ factor) ** 2
        share = np.empty(k)
        share[at] = part / part.sum()
        shares.append(share)
    every = np.array(shares)
    return every.min(axis=0), every.max(axis=0), every.mean(axis=0)


def information_leadership(middle: Any, component: Any) -> FloatArray:
    """Information leadership share of two venues, which takes the noise out of both measures.

    ``IL_1 = |IS_1 CS_2 / (IS_2 CS_1)|``, ``ILS_1 = IL_1 / (IL_1 + IL_2)`` with
    ``IL_2 = 1 / IL_1``. Yan and Zivot (2010), J. Financial Markets 13; Putnins (2013), "What do
    price discovery metrics really measure?", J. Empirical Finance 23.

    Parameters
    ----------
    middle, component : array-like of shape (n_venues,)
        Information shares and component shares.

    Returns
    -------
    ndarray of shape (n_venues,)
        [0, 1], sums to 1; NaN unless there are two venues with shares that are not 0.

    Examples
    --------
    >>> from kimera.microstructure import information_leadership
    >>> information_leadership([0.5, 0.5], [0.25, 0.75]).round(3).tolist()
    [0.9, 0.1]
    """
    share, weight = np.asarray(middle, dtype=float), np.asarray(component, dtype=float)
    none = np.full(share.shape, np.nan)
    usable = share.size == 2 and weight.size == 2
    if not usable or np.isnan(share).any() or np.isnan(weight).any():
        return none
    if share.min() <= 0 or np.abs(weight).min() == 0:
        return none
    first = abs(share[0] * weight[1] / (share[1] * weight[0]))
    squared = first * first
    return np.array([squared / (1.0 + squared), 1.0 / (1.0 + squared)])


def information_share(
    price: Any, *, n_lags: int = 10, method: str = "least_squares"
) -> PriceDiscovery:
    """Measure each venue's part in price discovery from prices on a common grid.

    Parameters
    ----------
    price : array-like of shape (n, n_venues)
        Prices (or logs) of one thing at each venue, one row per step; NaN rows are left out.
    n_lags : int
        Lagged differences in the error-correction model.
    method : {"least_squares", "johansen"}
        ``johansen`` fits the same model by reduced-rank maximum likelihood with
        ``statsmodels`` (extra ``econometrics``), the cointegrating vectors estimated too.

    Returns
    -------
    PriceDiscovery
        Range and NaN rules as for the parts it is made of; a model that cannot be fitted gives
        NaN with ``why``.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import information_share
    >>> rng = np.random.default_rng(5); m = np.cumsum(rng.normal(size=5000))
    >>> late = np.concatenate([[0.0], m[:-1]])
    >>> p = np.column_stack([m, late]) + 0.1 * rng.normal(size=(5000, 2))
    >>> bool(information_share(p, n_lags=3).middle[0] > 0.9)
    True
    """
    if method not in {"least_squares", "johansen"}:
        raise InputError(f"method: expected 'least_squares' or 'johansen', found {method!r}")
    levels = _levels(price)
    fit = fit_error_correction if method == "least_squares" else _johansen
    try:
        model = fit(levels, n_lags=n_lags)
    except InputError as reason:
        none = np.full(levels.shape[1], np.nan)
        return PriceDiscovery(none, none, none, none, none, 0, str(reason))
    lower, upper, middle = information_share_bounds(model.adjustment, model.omega)
    component = component_share(model.adjustment)
    leading = information_leadership(middle, component)
    why = "the adjustment has not full rank" if np.isnan(middle).any() else ""
    return PriceDiscovery(lower, upper, middle, component, leading, model.n_obs, why)


def _johansen(levels: FloatArray, *, n_lags: int) -> ErrorCorrection:
    try:
        from statsmodels.tsa.vector_ar.vecm import VECM
    except ImportError as error:
        raise MissingExtraError("econometrics", "statsmodels") from error
    if np.isnan(levels).any():
        raise InputError("price: expected no NaN for the Johansen fit")
    k = levels.shape[1]
    fit = VECM(levels, k_ar_diff=n_lags, coint_rank=k - 1, deterministic="ci").fit()
    lags = np.asarray(fit.gamma).reshape(k, n_lags, k).transpose(1, 0, 2)
    return ErrorCorrection(
        np.asarray(fit.alpha), lags, np.asarray(fit.sigma_u), levels.shape[0] - 1 - n_lags
    )


def long_run_impact(model: ErrorCorrection, *, steps: int) -> FloatArray:
    """Impact of each innovation on each price after many steps, by running the model.

    The second way to the weights: its rows become equal, and proportional to the component
    shares.
    """
    k = model.adjustment.shape[0]
    n_lags = model.lags.shape[0]
    impact = np.empty((k, k))
    for j in range(k):
        past = [np.zeros(k)] * max(n_lags, 1)
        past[0] = np.eye(k)[j]
        level = past[0].copy()
        for _ in range(steps):
            change = model.adjustment @ (level[0] - level[1:])
            for i in range(n_lags):
                change = change + model.lags[i] @ past[i]
            level = level + change
            past = [change, *past[:-1]]
        impact[:, j] = level
    return impact


def lag_order(price: Any, *, most: int) -> IntArray:
    """Bayes criterion of each number of lags 0..most, as ranks: the first is the best."""
    levels = _levels(price)
    scores = []
    for n_lags in range(most + 1):
        model = fit_error_correction(levels[most - n_lags :], n_lags=n_lags)
        k = levels.shape[1]
        columns = k - 1 + k * n_lags + 1
        scores.append(
            float(np.linalg.slogdet(model.omega)[1])
            + k * columns * float(np.log(model.n_obs)) / model.n_obs
        )
    return np.argsort(np.array(scores)).astype(np.int64)
