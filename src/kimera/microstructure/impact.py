"""Price impact before the trade: the square-root law, Almgren's model, the propagator."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray, floats, same_length, window_of
from kimera.microstructure.regression import ols_hac

__all__ = [
    "AlmgrenImpact",
    "Propagator",
    "SquareRootLaw",
    "almgren_impact",
    "fit_propagator",
    "fit_square_root_law",
    "response_function",
    "sign_autocorrelation",
]

_GAMMA: Final = 0.314
_ETA: Final = 0.142


class AlmgrenImpact(msgspec.Struct, frozen=True):
    """Almgren's impact of one order.

    Attributes
    ----------
    permanent_frac, temporary_frac : float
        I and K as fractions of the price.
    cost_frac : float
        J = I / 2 + K, what the order pays on average.
    """

    permanent_frac: float
    temporary_frac: float
    cost_frac: float


def almgren_impact(order: tuple[float, float], market: tuple[float, float, float]) -> AlmgrenImpact:
    """Permanent and temporary impact with the published universal coefficients.

    ``I = gamma sigma (X/V) (Theta/V)^(1/4)``, ``K = eta sigma sgn(X) |X/(V T)|^(3/5)``,
    ``J = I/2 + K``, gamma = 0.314, eta = 0.142. Almgren, Thum, Hauptmann and Li (2005), "Direct
    estimation of equity market impact", Risk 18.

    Parameters
    ----------
    order : (shares, duration_days)
        Signed size X and volume-time length T > 0 [days].
    market : (daily_volume, shares_outstanding, daily_sigma)
        V > 0 and Theta > 0 [shares], sigma >= 0 [1].

    Returns
    -------
    AlmgrenImpact
        Signed like the order.

    Examples
    --------
    >>> from kimera.microstructure import almgren_impact
    >>> ibm = almgren_impact((656_100, 0.1), (6.561e6, 1_728e6, 0.0157))
    >>> round(1e4 * ibm.permanent_frac), round(1e4 * ibm.cost_frac)
    (20, 32)
    """
    shares, duration = order
    volume, outstanding, sigma = market
    if not (duration > 0 and volume > 0 and outstanding > 0 and sigma >= 0):
        raise InputError("duration, volume, shares outstanding > 0 and sigma >= 0 expected")
    permanent = _GAMMA * sigma * shares / volume * (outstanding / volume) ** 0.25
    pace = abs(shares / (volume * duration)) ** 0.6
    temporary = _ETA * sigma * float(np.sign(shares)) * pace
    return AlmgrenImpact(permanent, temporary, permanent / 2.0 + temporary)


class SquareRootLaw(msgspec.Struct, frozen=True):
    """``impact = Y sigma (Q / V)^delta``, fitted.

    Attributes
    ----------
    y, y_stderr : float
        Constant with delta fixed at 1/2, and its error bar [1].
    delta, delta_stderr : float
        Exponent when it is fitted too (non-linear least squares) [1]; NaN when it cannot be.
    y_free : float
        Constant that goes with the fitted exponent [1].
    score, score_naive : float
        Out-of-sample R2 about zero of the fitted law and of the law with Y = 1, in time order:
        each fifth predicted from those before it; NaN with fewer than 20 orders.
    score_gain, score_gain_stderr : float
        Mean difference of squared errors (naive less fitted) over the mean squared impact, and
        its error bar.
    residual_frac : float
        Standard deviation of what the law leaves unexplained, in units of sigma.
    n_obs : int
    why : str
    """

    y: float
    y_stderr: float
    delta: float
    delta_stderr: float
    y_free: float
    score: float
    score_naive: float
    score_gain: float
    score_gain_stderr: float
    residual_frac: float
    n_obs: int
    why: str = ""

    def predict(self, participation: Any, sigma: Any) -> tuple[FloatArray, FloatArray]:
        """Impact and its standard error (of one order: law and noise), unit of sigma.

        Parameters
        ----------
        participation : array-like
            Q / V, signed [1].
        sigma : array-like
            Volatility over the period V belongs to.
        """
        share, scale = np.asarray(participation, float), np.asarray(sigma, float)
        root = np.sign(share) * np.sqrt(np.abs(share))
        error = scale * np.sqrt((self.y_stderr * root) ** 2 + self.residual_frac**2)
        return np.asarray(self.y * scale * root), np.asarray(error)


def fit_square_root_law(impact: Any, participation: Any, sigma: Any) -> SquareRootLaw:
    """Calibrate the square-root law on executed orders, and score it out of sample.

    Torre (1997), BARRA; Toth et al. (2011), "Anomalous price impact and the critical nature of
    liquidity in financial markets", Physical Review X 1. ``impact / sigma`` is regressed on
    ``sgn(Q) sqrt(|Q| / V)`` through the origin with White's errors.

    Parameters
    ----------
    impact : array-like of shape (n,)
        Signed price move from the start to the end of each order, unit of sigma.
    participation : array-like of shape (n,)
        Signed size over the market's volume of the period, Q / V [1].
    sigma : array-like of shape (n,)
        Volatility of the same period, > 0.

    Returns
    -------
    SquareRootLaw
        NaN with ``why`` for fewer than 3 usable orders. Rows with NaN or size 0 are left out;
        give them in time order, the score depends on it. Cost O(n).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_square_root_law
    >>> q = np.linspace(-0.1, 0.1, 101); s = np.full(101, 0.02)
    >>> law = fit_square_root_law(0.8 * s * np.sign(q) * np.sqrt(abs(q)), q, s)
    >>> round(law.y, 9), round(law.delta, 6)
    (0.8, 0.5)
    """
    moved, share = floats(impact, "impact"), floats(participation, "participation")
    scale = floats(sigma, "sigma")
    same_length(impact=moved, participation=share, sigma=scale)
    if np.any(scale <= 0):
        raise InputError("sigma: expected > 0, found <= 0")
    used = ~(np.isnan(moved) | np.isnan(share) | np.isnan(scale)) & (share != 0)
    y, x = moved[used] / scale[used], share[used]
    n = y.size
    nan = float("nan")
    if n < 3:
        why = "fewer than three orders"
        return SquareRootLaw(nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, n, why)
    root = np.sign(x) * np.sqrt(np.abs(x))
    fit = ols_hac(y, root[:, None], lags=0)
    constant = float(fit.coefficients[0])
    delta, delta_error, y_free = _free_exponent(y, x, constant)
    score, naive, gain, gain_error = _walk_forward(y, root)
    left = float(np.sqrt(((y - constant * root) ** 2).sum() / (n - 1)))
    return SquareRootLaw(
        y=constant,
        y_stderr=float(fit.stderrs[0]),
        delta=delta,
        delta_stderr=delta_error,
        y_free=y_free,
        score=score,
        score_naive=naive,
        score_gain=gain,
        score_gain_stderr=gain_error,
        residual_frac=left,
        n_obs=n,
    )


def _free_exponent(y: FloatArray, x: FloatArray, start: float) -> tuple[float, float, float]:
    """Gauss-Newton on Y |x|^delta sgn(x), steps halved until they lower the error."""
    sign, log_x = np.sign(x), np.log(np.abs(x))
    at = np.array([start, 0.5])

    def error(p: FloatArray) -> FloatArray:
        return np.asarray(y - p[0] * sign * np.exp(np.clip(p[1], -5, 5) * log_x))

    def jacobian(p: FloatArray) -> FloatArray:
        shape = sign * np.exp(np.clip(p[1], -5, 5) * log_x)
        return np.column_stack([shape, p[0] * shape * log_x])

    for _ in range(100):
        left, slope = error(at), jacobian(at)
        step = np.linalg.lstsq(slope, left, rcond=None)[0]
        length = 1.0
        while length > 1e-10 and (error(at + length * step) ** 2).sum() > (left**2).sum():
            length /= 2
        at = at + length * step
        if np.abs(length * step).max() < 1e-12:
            break
    left, slope = error(at), jacobian(at)
    information = slope.T @ slope
    if y.size <= 2 or np.linalg.cond(information) > 1e14 or abs(at[1]) >= 5:
        return float("nan"), float("nan"), float("nan")
    inverse = np.linalg.inv(information)
    meat = (slope * left[:, None]).T @ (slope * left[:, None])
    variance = inverse @ meat @ inverse * y.size / (y.size - 2)
    return float(at[1]), float(np.sqrt(max(variance[1, 1], 0.0))), float(at[0])


def _walk_forward(y: FloatArray, root: FloatArray) -> tuple[float, float, float, float]:
    n, nan = y.size, float("nan")
    if n < 20:
        return nan, nan, nan, nan
    edges = np.linspace(0, n, 6).astype(int)
    fitted, naive, truth = [], [], []
    for begin, end in pairwise(edges[1:]):
        past = root[:begin]
        constant = float(past @ y[:begin]) / float(past @ past)
        fitted.append((y[begin:end] - constant * root[begin:end]) ** 2)
        naive.append((y[begin:end] - root[begin:end]) ** 2)
        truth.append(y[begin:end] ** 2)
    f, m, t = (np.concatenate(parts) for parts in (fitted, naive, truth))
    total = float(t.mean())
    if total == 0:
        return nan, nan, nan, nan
    gain = (m - f) / total
    return (
        1.0 - float(f.mean()) / total,
        1.0 - float(m.mean()) / total,
        float(gain.mean()),
        float(gain.std(ddof=1) / np.sqrt(gain.size)),
    )


def response_function(price: Any, sign: Any, n_lags: int) -> FloatArray:
    """Mean signed price move from just before a trade to l trades later.

    ``R(l) = mean_t d_t (p_{t+l} - p_t)`` with p_t the mid before trade t. Bouchaud, Gefen,
    Potters and Wyart (2004), "Fluctuations and response in financial markets", Quantitative
    Finance 4.

    Parameters
    ----------
    price : array-like of shape (n,)
        Mid before each trade.
    sign : array-like of shape (n,)
        +1, -1 or 0 (left out by itself); signed volume may be used instead.
    n_lags : int
        >= 1.

    Returns
    -------
    ndarray of shape (n_lags,)
        R(1) .. R(n_lags) [price unit]; NaN where no pair is left. Cost O(n n_lags).

    Examples
    --------
    >>> from kimera.microstructure import response_function
    >>> response_function([0, 1, 2, 3], [1, 1, 1, 1], 2).tolist()
    [1.0, 2.0]
    """
    window_of(n_lags, "n_lags")
    p, d = floats(price, "price"), floats(sign, "sign")
    same_length(price=p, sign=d)
    result = np.full(n_lags, np.nan)
    for lag in range(1, min(n_lags, p.size - 1) + 1):
        product = d[:-lag] * (p[lag:] - p[:-lag])
        product = product[~np.isnan(product)]
        if product.size:
            result[lag - 1] = product.mean()
    return result


def sign_autocorrelation(sign: Any, n_lags: int) -> FloatArray:
    """Autocorrelation ``C(l) = mean_t d_t d_{t+l} / mean_t d_t^2`` of trade signs.

    Parameters
    ----------
    sign : array-like of shape (n,)
        Signs or signed volumes; no mean is taken off.
    n_lags : int
        >= 1.

    Returns
    -------
    ndarray of shape (n_lags + 1,)
        C(0) = 1 .. C(n_lags), in [-1, 1] up to end effects; NaN if all signs are 0. Cost
        O(n n_lags).

    Examples
    --------
    >>> from kimera.microstructure import sign_autocorrelation
    >>> sign_autocorrelation([1, -1, 1, -1], 1).tolist()
    [1.0, -1.0]
    """
    window_of(n_lags, "n_lags")
    d = floats(sign, "sign")
    result = np.full(n_lags + 1, np.nan)
    if d.size == 0 or not np.any(d):
        return result
    power = float((d * d).mean())
    result[0] = 1.0
    for lag in range(1, min(n_lags, d.size - 1) + 1):
        result[lag] = float((d[:-lag] * d[lag:]).mean()) / power
    return result


class Propagator(msgspec.Struct, frozen=True):
    """Transient impact: ``p_t = sum_{s < t} G(t - s) d_s + noise``.

    Attributes
    ----------
    kernel : ndarray of shape (n_lags,)
        G(1) .. G(n_lags): price l trades after a trade of sign +1 [price unit].
    stderr : ndarray of shape (n_lags,)
        Newey-West, of the cumulated regression.
    decay : float
        Exponent of the power law fitted to G(l) ~ l^-decay over its positive part; NaN if fewer
        than 5 are positive.
    r2, score : float
        Of one-trade price changes, in the sample and out of it (fitted on the first half, told
        on the second).
    permanent_z : float
        G(n_lags) over its error: large = the impact does not decay away. A permanent part must
        be linear in volume to be free of manipulation (Huberman and Stanzl 2004; Gatheral 2010).
    n_obs : int
    why : str
    """

    kernel: FloatArray
    stderr: FloatArray
    decay: float
    r2: float
    score: float
    permanent_z: float
    n_obs: int
    why: str = ""

    def price(self, sign: Any) -> FloatArray:
        """Price path of a series of signs, after each of them, starting from 0 before the first."""
        d = floats(sign, "sign")
        if d.size == 0 or self.kernel.size == 0:
            return np.zeros(d.size)
        steps = np.diff(self.kernel, prepend=0.0)  # the last level is held for good
        return np.cumsum(np.convolve(d, steps)[: d.size])


def fit_propagator(price: Any, sign: Any, *, n_lags: int = 50) -> Propagator:
    """Fit the propagator by regressing price changes on past signs.

    ``p_{t+1} - p_t = sum_{l=0}^{L-1} K(l) d_{t-l} + e_t``, ``G(l) = sum_{i<l} K(i)``: the
    transient impact model of Bouchaud et al. (2004) in differences (the "TIM" of Taranto et al.
    2018, "Linear models for the impact of order flow on prices", Quantitative Finance 18).

    Parameters
    ----------
    price : array-like of shape (n,)
        Mid before each trade.
    sign : array-like of shape (n,)
        Signs, or f(volume) signed.
    n_lags : int
        L, >= 1.

    Returns
    -------
    Propagator
        NaN with ``why`` when too few trades are left. Cost O(n n_lags^2).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_propagator
    >>> d = np.random.default_rng(0).choice([-1.0, 1.0], 3000)
    >>> p = np.concatenate([[0.0], np.cumsum(d - 0.5 * np.append(0.0, d[:-1]))[:-1]])
    >>> fit_propagator(p, d, n_lags=3).kernel.round(9).tolist()
    [1.0, 0.5, 0.5]
    """
    window_of(n_lags, "n_lags")
    p, d = floats(price, "price"), floats(sign, "sign")
    same_length(price=p, sign=d)
    n = p.size - n_lags
    if n < 4 * n_lags + 10:
        none = np.full(n_lags, np.nan)
        nan = float("nan")
        return Propagator(none, none, nan, nan, nan, nan, max(n, 0), "too few trades")
    y = np.diff(p)[n_lags - 1 :]
    x = np.lib.stride_tricks.sliding_window_view(d[:-1], n_lags)[:, ::-1]
    # In cumulated form the regressors are differences of signs, so that the coefficients are G.
    g = x.copy()
    g[:, :-1] -= x[:, 1:]
    fit = ols_hac(y, g)
    half = n // 2
    early = ols_hac(y[:half], g[:half], lags=0)
    error = y[half:] - g[half:] @ early.coefficients
    spread = float((y[half:] ** 2).sum())
    return Propagator(
        kernel=fit.coefficients,
        stderr=fit.stderrs,
        decay=_power_law(fit.coefficients),
        r2=fit.r2,
        score=1.0 - float(error @ error) / spread if spread > 0 else float("nan"),
        permanent_z=float(fit.coefficients[-1] / fit.stderrs[-1])
        if fit.stderrs[-1] > 0
        else float("nan"),
        n_obs=fit.n_obs,
        why=fit.why,
    )


def _power_law(kernel: FloatArray) -> float:
    positive = np.flatnonzero(kernel > 0)
    if positive.size < 5:
        return float("nan")
    log_lag, log_g = np.log(positive + 1.0), np.log(kernel[positive])
    return -float(np.polyfit(log_lag, log_g, 1)[0])
