"""Hawkes processes with exponential kernels: how much of the activity feeds on itself."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from kimera._native import microstructure as _native
from kimera.errors import InputError, SequenceError
from kimera.microstructure.descent import bfgs, numeric_hessian
from kimera.microstructure.inputs import FloatArray, floats, integers, same_length

__all__ = [
    "HawkesFit",
    "MultivariateHawkes",
    "fit_hawkes",
    "fit_hawkes_multivariate",
    "hawkes_intensity",
    "hawkes_log_likelihood",
    "hawkes_residuals",
    "kolmogorov_exponential",
    "simulate_hawkes",
]


class HawkesFit(msgspec.Struct, frozen=True):
    """Fitted univariate process ``lambda(t) = mu + alpha beta sum exp(-beta (t - t_j))``.

    Attributes
    ----------
    mu : float
        Base rate [events per second].
    alpha : float
        Branching ratio: events each event sets off directly [1]; the process is stationary
        below 1.
    beta : float
        Decay [per second].
    mu_stderr, alpha_stderr, beta_stderr : float
        From the observed information; NaN at a bound.
    log_likelihood : float
    n_events : int
    residual_p : float
        p-value of Kolmogorov's test that the time-rescaled gaps are standard exponential. The
        parameters being fitted makes it too kind.
    converged : bool
    why : str
        Empty, or why there is no estimate.
    """

    mu: float
    alpha: float
    beta: float
    mu_stderr: float
    alpha_stderr: float
    beta_stderr: float
    log_likelihood: float
    n_events: int
    residual_p: float
    converged: bool
    why: str = ""

    @property
    def stationary(self) -> bool:
        """Whether the branching ratio is below 1."""
        return self.alpha < 1.0


class MultivariateHawkes(msgspec.Struct, frozen=True):
    """Fitted process of several kinds of events.

    Attributes
    ----------
    mu : ndarray of shape (d,)
        Base rates [per second].
    alpha : ndarray of shape (d, d)
        ``alpha[m, k]``: events of kind m that one of kind k sets off directly [1].
    beta : ndarray of shape (d, d)
        Decays [per second].
    log_likelihood : float
    branching_ratio : float
        Spectral radius of alpha; stationary below 1.
    converged : bool
    """

    mu: FloatArray
    alpha: FloatArray
    beta: FloatArray
    log_likelihood: float
    branching_ratio: float
    converged: bool


def _event_times(times_s: Any, end_s: float) -> FloatArray:
    at = floats(times_s, "times_s")
    if np.isnan(at).any():
        raise InputError("times_s: expected numbers, found NaN")
    back = np.flatnonzero(at[1:] < at[:-1])
    if back.size:
        raise SequenceError(f"times_s: expected not to decrease, found so at row {back[0] + 1}")
    if at.size and (at[0] < 0 or at[-1] > end_s):
        raise InputError(f"times_s: expected in [0, {end_s}], found {at[0]}..{at[-1]}")
    return at


def _check(mu: float, alpha: float, beta: float) -> None:
    if not (mu > 0 and alpha >= 0 and beta > 0):
        raise InputError(f"expected mu > 0, alpha >= 0, beta > 0, found {mu}, {alpha}, {beta}")


def hawkes_log_likelihood(
    times_s: Any, end_s: float, *, mu: float, alpha: float, beta: float
) -> float:
    """Log-likelihood of event times, in one pass.

    ``sum_i log lambda(t_i) - mu T - alpha sum_i (1 - exp(-beta (T - t_i)))``. Ozaki (1979),
    "Maximum likelihood estimation of Hawkes' self-exciting point processes", Annals of the
    Institute of Statistical Mathematics 31: the recursion that makes it O(n).

    Parameters
    ----------
    times_s : array-like of shape (n_events,)
        In [0, end_s], not decreasing [s]. Events of one time do not excite each other.
    end_s : float
        End of the observation [s].
    mu, alpha, beta : float
        Base rate [per second], branching ratio, decay [per second].

    Returns
    -------
    float
        About 15 ns an event.

    Examples
    --------
    >>> from kimera.microstructure import hawkes_log_likelihood
    >>> hawkes_log_likelihood([1.0, 2.0], 4.0, mu=0.5, alpha=0.0, beta=1.0)
    -3.386294361119891
    """
    at = _event_times(times_s, end_s)
    _check(mu, alpha, beta)
    return float(_native.hawkes_log_likelihood(at, end_s, mu, alpha, beta))


def hawkes_residuals(times_s: Any, *, mu: float, alpha: float, beta: float) -> FloatArray:
    """Time-rescaled gaps: the integral of the intensity between successive events.

    Under the true model they are independent and standard exponential (random time change:
    Papangelou 1972; Ogata 1988, J. American Statistical Association 83).

    Parameters
    ----------
    times_s : array-like of shape (n_events,)
        From 0 on [s].
    mu, alpha, beta : float

    Returns
    -------
    ndarray of shape (n_events,)
        >= 0 [1]; the first runs from 0. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import hawkes_residuals
    >>> hawkes_residuals([1.0, 3.0], mu=0.5, alpha=0.0, beta=1.0).tolist()
    [0.5, 1.0]
    """
    at = _event_times(times_s, math.inf)
    _check(mu, alpha, beta)
    return np.asarray(_native.hawkes_residuals(at, mu, alpha, beta))


def hawkes_intensity(
    at_s: Any, times_s: Any, *, mu: float, alpha: float, beta: float
) -> FloatArray:
    """Intensity at given moments, from the events strictly before each.

    Parameters
    ----------
    at_s : array-like of shape (n_moments,)
        [s].
    times_s : array-like of shape (n_events,)
        [s], not decreasing.
    mu, alpha, beta : float

    Returns
    -------
    ndarray of shape (n_moments,)
        [events per second]. Cost O(n_moments n_events): a plain sum, the oracle of the
        recursions.

    Examples
    --------
    >>> from kimera.microstructure import hawkes_intensity
    >>> hawkes_intensity([1.0], [0.0, 1.0], mu=1.0, alpha=0.0, beta=1.0).tolist()
    [1.0]
    """
    moments, events = floats(at_s, "at_s"), _event_times(times_s, math.inf)
    _check(mu, alpha, beta)
    gap = moments[:, None] - events[None, :]
    past = np.where(gap > 0, np.exp(-beta * np.maximum(gap, 0.0)), 0.0)
    return np.asarray(mu + alpha * beta * past.sum(axis=1))


def kolmogorov_exponential(residuals: Any) -> tuple[float, float]:
    """Test that values are standard exponential, by Kolmogorov's statistic.

    Parameters
    ----------
    residuals : array-like of shape (n,)

    Returns
    -------
    statistic, p_value : float
        ``sup |F_n - F|`` and the asymptotic p-value with Stephens' correction for small n; NaN
        for fewer than 5 values. Cost O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import kolmogorov_exponential
    >>> kolmogorov_exponential(np.full(50, 1.0))[1] < 1e-6
    True
    """
    values = np.sort(floats(residuals, "residuals"))
    n = values.size
    if n < 5 or np.isnan(values).any():
        return float("nan"), float("nan")
    cdf = -np.expm1(-values)
    rank = np.arange(n)
    distance = float(max((cdf - rank / n).max(), ((rank + 1) / n - cdf).max()))
    scaled = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance
    terms = [(-1) ** (k - 1) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, 101)]
    return distance, float(min(max(2.0 * sum(terms), 0.0), 1.0)) if scaled > 0.2 else 1.0


def fit_hawkes(times_s: Any, end_s: float) -> HawkesFit:
    """Fit mu, alpha and beta by maximum likelihood.

    Parameters
    ----------
    times_s : array-like of shape (n_events,)
        In [0, end_s], not decreasing [s].
    end_s : float
        [s].

    Returns
    -------
    HawkesFit
        NaN with ``why`` for fewer than 10 events. BFGS on logarithms from three decays; about
        100 passes over the events.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_hawkes, simulate_hawkes
    >>> t = simulate_hawkes(2000.0, mu=0.5, alpha=0.5, beta=2.0, rng=np.random.default_rng(1))
    >>> fit = fit_hawkes(t, 2000.0)
    >>> abs(fit.alpha - 0.5) < 3 * fit.alpha_stderr
    True
    """
    at = _event_times(times_s, end_s)
    n = at.size
    if n < 10 or not end_s > 0:
        nan = float("nan")
        why = "fewer than ten events"
        return HawkesFit(nan, nan, nan, nan, nan, nan, nan, n, nan, converged=False, why=why)

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        if np.abs(x).max() > 50:
            return float("inf"), np.zeros(3)
        mu, alpha, beta = (float(v) for v in np.exp(x))
        value, *slope = _native.hawkes_score(at, end_s, mu, alpha, beta)
        return -value / n, -np.array(slope) * np.array([mu, alpha, beta]) / n

    rate = n / end_s
    best: tuple[FloatArray, float, bool] | None = None
    for factor in (0.3, 2.0, 20.0):
        found = bfgs(objective, np.log([0.5 * rate, 0.5, factor * rate]))
        if best is None or found[1] < best[1]:
            best = found
    assert best is not None
    x, value, converged = best
    mu, alpha, beta = (float(v) for v in np.exp(x))
    errors = [float(e) for e in _log_errors(objective, x, n) * np.array([mu, alpha, beta])]
    p_value = kolmogorov_exponential(_native.hawkes_residuals(at, mu, alpha, beta))[1]
    return HawkesFit(
        mu, alpha, beta, errors[0], errors[1], errors[2], -value * n, n, p_value, converged
    )


def _log_errors(objective: Any, x: FloatArray, n: int) -> FloatArray:
    hessian = numeric_hessian(objective, x) * n
    if not np.all(np.isfinite(hessian)) or np.linalg.eigvalsh(hessian).min() <= 1e-9:
        return np.full(x.size, np.nan)
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(hessian))))


def fit_hawkes_multivariate(
    times_s: Any, marks: Any, end_s: float, *, n_marks: int
) -> MultivariateHawkes:
    """Fit several kinds of events (buys and sells, say) that excite each other.

    Parameters
    ----------
    times_s : array-like of shape (n_events,)
        Of all kinds together, not decreasing [s].
    marks : array-like of shape (n_events,)
        Kind of each, 0 .. n_marks - 1.
    end_s : float
        [s].
    n_marks : int
        Kinds, >= 1; each must occur.

    Returns
    -------
    MultivariateHawkes
        Cost O(n n_marks^2) a pass, some hundred passes.

    Raises
    ------
    InputError
        If a kind never occurs.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_hawkes_multivariate
    >>> rng = np.random.default_rng(3)
    >>> t = np.sort(rng.uniform(0, 100, 400)); k = rng.integers(0, 2, 400)
    >>> fit_hawkes_multivariate(t, k, 100.0, n_marks=2).branching_ratio < 0.5
    True
    """
    at, kinds = _event_times(times_s, end_s), integers(marks, "marks")
    same_length(times_s=at, marks=kinds)
    count = np.bincount(kinds, minlength=n_marks) if kinds.size and kinds.min() >= 0 else None
    if count is None or count.size != n_marks or count.min() == 0:
        raise InputError(f"marks: expected every kind of 0..{n_marks - 1} to occur")
    d, n = n_marks, at.size

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        if np.abs(x).max() > 50:
            return float("inf"), np.zeros(x.size)
        p = np.exp(x)
        value, slope = _native.hawkes_multivariate_score(
            at, kinds, end_s, p[:d], p[d : d + d * d], p[d + d * d :]
        )
        return -value / n, -np.asarray(slope) * p / n

    rates = count / end_s
    decay = np.full(d * d, 2.0 * rates.sum())
    start = np.log(np.concatenate([0.5 * rates, np.full(d * d, 0.5 / d), decay]))
    x, value, converged = bfgs(objective, start)
    p = np.exp(x)
    alpha = p[d : d + d * d].reshape(d, d)
    radius = float(np.abs(np.linalg.eigvals(alpha)).max())
    return MultivariateHawkes(
        p[:d], alpha, p[d + d * d :].reshape(d, d), -value * n, radius, converged
    )


def simulate_hawkes(
    end_s: float, *, mu: float, alpha: float, beta: float, rng: np.random.Generator
) -> FloatArray:
    """Draw a stationary-start-free process on [0, end] by its clusters.

    Immigrants come at rate mu; each event has Poisson(alpha) children at exponential delays
    (Hawkes and Oakes 1974). Independent of the recursions it is used to test.

    Parameters
    ----------
    end_s : float
        [s].
    mu, alpha, beta : float
        alpha < 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n_events,)
        Sorted times [s].

    Raises
    ------
    InputError
        If alpha >= 1: the cascade would not end.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import simulate_hawkes
    >>> len(simulate_hawkes(10.0, mu=1.0, alpha=0.0, beta=1.0, rng=np.random.default_rng(0))) > 0
    True
    """
    _check(mu, alpha, beta)
    if alpha >= 1:
        raise InputError(f"alpha: expected < 1, found {alpha}")
    generation = rng.uniform(0.0, end_s, rng.poisson(mu * end_s))
    every = [generation]
    while generation.size:
        children = rng.poisson(alpha, generation.size)
        born = np.repeat(generation, children) + rng.exponential(1.0 / beta, children.sum())
        generation = born[born <= end_s]
        every.append(generation)
    return np.sort(np.concatenate(every))
