"""Probability of informed trading (Easley, Kiefer, O'Hara and Paperman), fitted safely."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.errors import InputError
from kimera.microstructure.descent import bfgs, numeric_hessian
from kimera.microstructure.inputs import FloatArray, floats, same_length, sizes

__all__ = ["PinFit", "PinParameters", "fit_pin", "pin_log_likelihood"]

FORMS: Final = ("log_sum_exp", "lin_ke", "eho", "direct")
GRID: Final = (0.1, 0.3, 0.5, 0.7, 0.9)


class PinParameters(msgspec.Struct, frozen=True):
    """Parameters of the PIN model, arrivals per day.

    Attributes
    ----------
    alpha : float
        Probability that a day has news, [0, 1].
    delta : float
        Probability that the news is bad, [0, 1].
    mu : float
        Arrival rate of the informed on a day with news, >= 0.
    epsilon_b, epsilon_s : float
        Arrival rates of uninformed buyers and sellers, > 0.
    """

    alpha: float
    delta: float
    mu: float
    epsilon_b: float
    epsilon_s: float

    @property
    def pin(self) -> float:
        """Share of trades that are informed: alpha mu / (alpha mu + eps_b + eps_s)."""
        informed = self.alpha * self.mu
        total = informed + self.epsilon_b + self.epsilon_s
        return informed / total if total > 0 else float("nan")


class PinFit(msgspec.Struct, frozen=True):
    """Maximum-likelihood fit of the PIN model.

    Attributes
    ----------
    parameters : PinParameters
    pin : float
        [0, 1]; NaN with ``why``.
    pin_stderr : float
        By the delta method from the observed information; NaN where a parameter is at its bound.
    log_likelihood : float
        With the factorials.
    n_days, n_starts : int
        Days used and starting points tried.
    converged : bool
    why : str
        Empty, or why there is no estimate.
    """

    parameters: PinParameters
    pin: float
    pin_stderr: float
    log_likelihood: float
    n_days: int
    n_starts: int
    converged: bool
    why: str = ""


def _log_factorials(counts: npt.NDArray[np.int64]) -> float:
    return float(sum(math.lgamma(int(c) + 1.0) for c in counts))


def _xlogy(x: FloatArray, y: Any) -> FloatArray:
    """X log y with 0 log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0.0, x * np.log(y))


def _direct(p: PinParameters, b: FloatArray, s: FloatArray) -> FloatArray:
    """The likelihood as first written (1996): under- and overflows for active stocks."""

    def poisson(rate: float, k: FloatArray) -> FloatArray:
        return np.array([math.exp(-rate) * rate**c / math.factorial(int(c)) for c in k])

    quiet = poisson(p.epsilon_b, b) * poisson(p.epsilon_s, s)
    good = poisson(p.epsilon_b + p.mu, b) * poisson(p.epsilon_s, s)
    bad = poisson(p.epsilon_b, b) * poisson(p.epsilon_s + p.mu, s)
    a, d = p.alpha, p.delta
    return np.log((1 - a) * quiet + a * (1 - d) * good + a * d * bad)


def _eho(p: PinParameters, b: FloatArray, s: FloatArray) -> FloatArray:
    """Easley, Hvidkjaer and O'Hara (2010), factored by powers M = min + max/2."""
    xb, xs = p.epsilon_b / (p.mu + p.epsilon_b), p.epsilon_s / (p.mu + p.epsilon_s)
    m = np.minimum(b, s) + np.maximum(b, s) / 2.0
    a, d = p.alpha, p.delta
    inner = (
        a * (1 - d) * np.exp(-p.mu) * xs ** (s - m) * xb ** (-m)
        + a * d * np.exp(-p.mu) * xb ** (b - m) * xs ** (-m)
        + (1 - a) * xs ** (s - m) * xb ** (b - m)
    )
    return np.asarray(
        -(p.epsilon_b + p.epsilon_s)
        + m * (np.log(xb) + np.log(xs))
        + b * np.log(p.mu + p.epsilon_b)
        + s * np.log(p.mu + p.epsilon_s)
        + np.log(inner)
    )


def _lin_ke(p: PinParameters, b: FloatArray, s: FloatArray) -> FloatArray:
    """Lin and Ke (2011): the greatest exponent is taken out of the sum."""
    e1 = -p.mu + b * np.log1p(p.mu / p.epsilon_b)  # good news over none
    e2 = -p.mu + s * np.log1p(p.mu / p.epsilon_s)
    top = np.maximum(np.maximum(e1, e2), 0.0)
    a, d = p.alpha, p.delta
    inner = (1 - a) * np.exp(-top) + a * (1 - d) * np.exp(e1 - top) + a * d * np.exp(e2 - top)
    return np.asarray(
        b * np.log(p.epsilon_b)
        + s * np.log(p.epsilon_s)
        - (p.epsilon_b + p.epsilon_s)
        + top
        + np.log(inner)
    )


def _components(theta: FloatArray, b: FloatArray, s: FloatArray) -> FloatArray:
    """Log joint of each day and state for rows of theta: shape (3, n_rows, n_days).

    theta columns: alpha, delta, mu, epsilon_b, epsilon_s; states: none, good, bad.
    """
    a, d, mu, eb, es = (theta[:, i : i + 1] for i in range(5))
    buy, sell = _xlogy(b, eb) - eb, _xlogy(s, es) - es
    buy_news, sell_news = _xlogy(b, eb + mu) - (eb + mu), _xlogy(s, es + mu) - (es + mu)
    with np.errstate(divide="ignore"):
        none, good, bad = np.log(1 - a), np.log(a) + np.log(1 - d), np.log(a) + np.log(d)
    return np.stack([none + buy + sell, good + buy_news + sell, bad + buy + sell_news])


def _log_sum(joint: FloatArray) -> FloatArray:
    top = joint.max(axis=0)
    return np.asarray(top + np.log(np.exp(joint - top).sum(axis=0)))


def _day_counts(buys: Any, sells: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    b, s = sizes(buys, "buys"), sizes(sells, "sells")
    same_length(buys=b, sells=s)
    return b, s


def pin_log_likelihood(
    parameters: PinParameters, buys: Any, sells: Any, *, form: str = "log_sum_exp"
) -> float:
    """Log-likelihood of daily buys and sells, factorials included.

    Easley, Kiefer, O'Hara and Paperman (1996), "Liquidity, information, and infrequently traded
    stocks", J. Finance 51, with two rates of the uninformed as in Easley, Hvidkjaer and O'Hara
    (2002), "Is information risk a determinant of asset returns?", J. Finance 57: a mixture of
    three pairs of Poisson counts. ``log_sum_exp`` never overflows.

    Parameters
    ----------
    parameters : PinParameters
    buys, sells : array-like of shape (n_days,)
        Counts of trades, >= 0.
    form : {"log_sum_exp", "lin_ke", "eho", "direct"}
        How it is computed. ``lin_ke``: Lin and Ke (2011), J. Financial Markets 14; ``eho``:
        Easley, Hvidkjaer and O'Hara (2010), J. Financial and Quantitative Analysis 45, which
        overflows beyond a few hundred trades; ``direct``: as first written, for tests.

    Returns
    -------
    float
        -inf where the data are impossible under the parameters. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import PinParameters, pin_log_likelihood
    >>> p = PinParameters(alpha=0.4, delta=0.5, mu=10.0, epsilon_b=5.0, epsilon_s=5.0)
    >>> round(pin_log_likelihood(p, [5, 16, 4], [6, 4, 5]), 6)
    -13.836949
    """
    if form not in FORMS:
        raise InputError(f"form: expected one of {', '.join(FORMS)}, found {form!r}")
    _check(parameters)
    b, s = _day_counts(buys, sells)
    bf, sf = b.astype(np.float64), s.astype(np.float64)
    if form == "direct":
        return float(_direct(parameters, bf, sf).sum())
    if form == "log_sum_exp":
        theta = np.array([[getattr(parameters, f) for f in PinParameters.__struct_fields__]])
        days = _log_sum(_components(theta, bf, sf))[0]
    else:
        days = (_lin_ke if form == "lin_ke" else _eho)(parameters, bf, sf)
    return float(days.sum()) - _log_factorials(b) - _log_factorials(s)


def _check(p: PinParameters) -> None:
    if not (0 <= p.alpha <= 1 and 0 <= p.delta <= 1):
        raise InputError(f"alpha, delta: expected in [0, 1], found {p.alpha}, {p.delta}")
    if not (p.mu >= 0 and p.epsilon_b > 0 and p.epsilon_s > 0):
        raise InputError("mu >= 0 and epsilon > 0 expected")


def starting_points(b: FloatArray, s: FloatArray) -> FloatArray:
    """Make the grid of starts of Yan and Zhang (2012).

    "An improved estimation method and empirical properties of the probability of informed
    trading", J. Banking and Finance 36.

    alpha, delta and the share gamma of mean buys that is uninformed on a grid of five each;
    mu = mean(B) (1 - gamma) / (alpha (1 - delta)); epsilon_s = mean(S) - alpha delta mu, dropped
    where negative. Mirrored as well, with buys and sells exchanged, so that neither side is
    preferred.
    """
    mean_b, mean_s = float(b.mean()), float(s.mean())
    starts = []
    for alpha in GRID:
        for delta in GRID:
            for gamma in GRID:
                eb = gamma * mean_b
                mu = (mean_b - eb) / (alpha * (1 - delta))
                starts.append((alpha, delta, mu, eb, mean_s - alpha * delta * mu))
                es = gamma * mean_s
                mu = (mean_s - es) / (alpha * delta)
                starts.append((alpha, delta, mu, mean_b - alpha * (1 - delta) * mu, es))
    grid = np.array(starts)
    return grid[(grid[:, 3] > 0) & (grid[:, 4] > 0) & (grid[:, 2] > 0)]


def _positive_root(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Greater root of a x^2 + b x + c with c <= 0 < a, written without cancellation."""
    root = np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, -2.0 * c / (b + root), (root - b) / (2.0 * a))


def _em_step(theta: FloatArray, b: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One expectation and one conditional-maximisation sweep; all in closed form.

    Given the weights of the states, each rate solves a quadratic while the others are held.
    """
    joint = _components(theta, b, s)
    each = _log_sum(joint)
    none, good, bad = np.exp(joint - each)
    new = theta.copy()
    n_good, n_bad = good.sum(axis=1), bad.sum(axis=1)
    news = n_good + n_bad
    new[:, 0] = np.minimum(news / b.size, 1.0)
    new[:, 1] = np.where(news > 0, n_bad / np.maximum(news, 1e-300), theta[:, 1]).clip(0, 1)
    mu = theta[:, 2]
    days = float(b.size)
    plain, informed = ((none + bad) * b).sum(axis=1), (good * b).sum(axis=1)
    eb = _positive_root(np.full_like(mu, days), days * mu - plain - informed, -plain * mu)
    plain_s, informed_s = ((none + good) * s).sum(axis=1), (bad * s).sum(axis=1)
    es = _positive_root(np.full_like(mu, days), days * mu - plain_s - informed_s, -plain_s * mu)
    tiny = 1e-12 * (b.mean() + s.mean())
    eb, es = np.maximum(eb, tiny), np.maximum(es, tiny)
    # f'(mu) = Ib/(eb+mu) + Is/(es+mu) - K: falling in mu, so the root is the greater one.
    k = news
    q1 = k * (eb + es) - informed - informed_s
    q0 = k * eb * es - informed * es - informed_s * eb
    root = np.sqrt(np.maximum(q1 * q1 - 4.0 * k * q0, 0.0))
    new[:, 2] = np.maximum((root - q1) / np.maximum(2.0 * k, 1e-300), 0.0)
    new[:, 3], new[:, 4] = eb, es
    return new, each.sum(axis=1)


def _em(starts: FloatArray, b: FloatArray, s: FloatArray) -> FloatArray:
    """Climb from all starts at once; after a while only from the best."""
    theta, before = starts, np.full(starts.shape[0], -np.inf)
    for sweep in range(400):
        theta, value = _em_step(theta, b, s)
        if sweep in {10, 40}:
            keep = np.argsort(-value)[: 24 if sweep == 10 else 6]
            theta, value, before = theta[keep], value[keep], before[keep]
        if sweep > 40 and np.all(value - before <= 1e-10 * np.abs(value)):
            break
        before = value
    return np.asarray(theta[int(np.argmax(_log_sum(_components(theta, b, s)).sum(axis=1)))])


def _objective(b: FloatArray, s: FloatArray) -> Any:
    """Minus the log-likelihood in (logit alpha, logit delta, log mu, log eps_b, log eps_s)."""

    def value(x: FloatArray) -> tuple[float, FloatArray]:
        if np.abs(x).max() > 60:
            return float("inf"), np.zeros(5)
        a, d = 1.0 / (1.0 + np.exp(-x[:2]))
        mu, eb, es = np.exp(x[2:])
        joint = _components(np.array([[a, d, mu, eb, es]]), b, s)
        each = _log_sum(joint)
        none, good, bad = (w[0] for w in np.exp(joint - each))
        news = float((good + bad).sum())
        g_mu = float((good * (b / (eb + mu) - 1) + bad * (s / (es + mu) - 1)).sum())
        g_eb = float(((none + bad) * b / eb + good * b / (eb + mu)).sum() - b.size)
        g_es = float(((none + good) * s / es + bad * s / (es + mu)).sum() - s.size)
        gradient = np.array(
            [
                news - a * b.size,
                float(bad.sum()) - d * news,
                mu * g_mu,
                eb * g_eb,
                es * g_es,
            ]
        )
        return -float(each.sum()), -gradient

    return value


def _stderr(x: FloatArray, objective: Any) -> float:
    """Delta method on logit scale; NaN where the information is not positive definite."""
    hessian = numeric_hessian(objective, x)
    if not np.all(np.isfinite(hessian)) or np.linalg.eigvalsh(hessian).min() <= 1e-9:
        return float("nan")
    a = 1.0 / (1.0 + math.exp(-x[0]))
    mu, eb, es = np.exp(x[2:])
    total = a * mu + eb + es
    pin = a * mu / total
    slope = np.array([pin * (1 - pin) * (1 - a), 0.0, pin * (1 - pin), 0.0, 0.0])
    slope[3], slope[4] = -pin * eb / total, -pin * es / total
    return float(np.sqrt(slope @ np.linalg.solve(hessian, slope)))


def fit_pin(buys: Any, sells: Any, *, starts: Any | None = None) -> PinFit:
    """Fit the PIN model by maximum likelihood from many starts.

    Expectation and conditional maximisation, each step in closed form and all starts at once,
    then BFGS to the optimum. The starts are the grid of Yan and Zhang (2012), mirrored.

    Parameters
    ----------
    buys, sells : array-like of shape (n_days,)
        Daily counts of buys and sells, >= 0.
    starts : array-like of shape (n_starts, 5), optional
        Your own: alpha, delta, mu, epsilon_b, epsilon_s.

    Returns
    -------
    PinFit
        NaN with ``why`` for fewer than 5 days or a side without a trade. Cost: some thousand
        passes over the days, a tenth of a second for a year.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_pin
    >>> rng = np.random.default_rng(7)
    >>> news = rng.choice(3, size=250, p=[0.6, 0.2, 0.2])
    >>> buys = rng.poisson(100 + 80 * (news == 1)); sells = rng.poisson(110 + 80 * (news == 2))
    >>> abs(fit_pin(buys, sells).pin - 0.4 * 80 / (0.4 * 80 + 210)) < 0.02
    True
    """
    b, s = _day_counts(buys, sells)
    bf, sf = b.astype(np.float64), s.astype(np.float64)
    if b.size < 5:
        return _no_fit("fewer than five days", b.size)
    if b.sum() == 0 or s.sum() == 0:
        return _no_fit("a side has no trade at all", b.size)
    grid = starting_points(bf, sf) if starts is None else np.atleast_2d(_own_starts(starts))
    theta = _em(grid, bf, sf)
    objective = _objective(bf, sf)
    clipped = np.clip(theta[:2], 1e-9, 1 - 1e-9)
    x = np.concatenate([np.log(clipped / (1 - clipped)), np.log(np.maximum(theta[2:], 1e-9))])
    x, value, converged = bfgs(objective, x)
    a, d = 1.0 / (1.0 + np.exp(-x[:2]))
    found = PinParameters(float(a), float(d), *(float(v) for v in np.exp(x[2:])))
    return PinFit(
        parameters=found,
        pin=found.pin,
        pin_stderr=_stderr(x, objective),
        log_likelihood=-value - _log_factorials(b) - _log_factorials(s),
        n_days=int(b.size),
        n_starts=int(grid.shape[0]),
        converged=converged,
    )


def _own_starts(starts: Any) -> FloatArray:
    grid = np.asarray(starts, dtype=np.float64)
    if grid.shape[-1] != len(PinParameters.__struct_fields__):
        raise InputError(f"starts: expected five columns, found shape {grid.shape}")
    floats(grid.ravel(), "starts")
    return grid


def _no_fit(why: str, n_days: int) -> PinFit:
    nan = float("nan")
    none = PinParameters(nan, nan, nan, nan, nan)
    return PinFit(none, nan, nan, nan, n_days, 0, converged=False, why=why)
