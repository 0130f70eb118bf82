"""Is a score worth anything? ROC with an error bar, and what it adds to volume and volatility."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import (
    Estimate,
    FloatArray,
    floats,
    nothing,
    same_length,
)
from kimera.microstructure.regression import ols_hac

__all__ = ["IncrementalValue", "incremental_value", "roc_auc", "roc_curve"]


def _scored(score: Any, label: Any) -> tuple[FloatArray, FloatArray]:
    s, y = floats(score, "score"), floats(label, "label")
    same_length(score=s, label=y)
    known = ~(np.isnan(s) | np.isnan(y))
    s, y = s[known], y[known]
    if np.any((y != 0) & (y != 1)):
        raise InputError("label: expected 0 or 1, found another value")
    return s, y


def _placements(values: FloatArray, others: FloatArray) -> FloatArray:
    """Share of the others below each value, ties counting half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return np.asarray((below + upto) / (2.0 * others.size))


def roc_auc(score: Any, label: Any) -> Estimate:
    """Chance that a positive case scores above a negative one, ties counting half.

    Standard error of DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, from the
    placements of each class among the other; it takes cases as independent, which trades are
    not: for series give one row per episode, or read it as a lower bound.

    Parameters
    ----------
    score : array-like of shape (n,)
        Any unit; NaN rows are left out.
    label : array-like of shape (n,)
        1 positive, 0 negative.

    Returns
    -------
    Estimate
        [0, 1], 0.5 = worthless. NaN without cases of both classes. Cost O(n log n).

    Examples
    --------
    >>> from kimera.microstructure import roc_auc
    >>> roc_auc([1, 2, 3, 4], [0, 1, 0, 1]).value
    0.75
    """
    s, y = _scored(score, label)
    positive, negative = s[y == 1], s[y == 0]
    if positive.size == 0 or negative.size == 0:
        return nothing("there are not cases of both classes", s.size)
    above = _placements(positive, negative)
    below = _placements(negative, positive)
    error = float("nan")
    if positive.size > 1 and negative.size > 1:
        variance = above.var(ddof=1) / positive.size + below.var(ddof=1) / negative.size
        error = float(np.sqrt(variance))
    return Estimate(float(above.mean()), error, s.size)


def roc_curve(score: Any, label: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Trace the alarms at every threshold.

    Parameters
    ----------
    score, label : array-like of shape (n,)
        As for :func:`roc_auc`.

    Returns
    -------
    false_rate, true_rate, threshold : ndarray of shape (n_thresholds + 1,)
        From "no alarm" (0, 0, inf) to "always"; an alarm is ``score >= threshold``. Empty
        without cases of both classes. Cost O(n log n).

    Examples
    --------
    >>> from kimera.microstructure import roc_curve
    >>> [v.tolist() for v in roc_curve([1, 2], [0, 1])]
    [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [inf, 2.0, 1.0]]
    """
    s, y = _scored(score, label)
    n_positive = float(y.sum())
    if n_positive in {0.0, float(y.size)}:
        return np.empty(0), np.empty(0), np.empty(0)
    order = np.argsort(-s, kind="stable")
    s, y = s[order], y[order]
    last = np.append(s[1:] != s[:-1], True)
    true_rate = np.cumsum(y)[last] / n_positive
    false_rate = np.cumsum(1.0 - y)[last] / (y.size - n_positive)
    zero = np.zeros(1)
    return (
        np.concatenate([zero, false_rate]),
        np.concatenate([zero, true_rate]),
        np.concatenate([[np.inf], s[last]]),
    )


class IncrementalValue(msgspec.Struct, frozen=True):
    """What a score adds to what is known anyway.

    Attributes
    ----------
    coefficient, stderr : float
        Of the score, standardised, in the regression with all controls, in standard deviations
        of the target; Newey-West.
    r2_controls, r2_all : float
        In the sample, without and with the score.
    gain, gain_stderr : float
        Out of sample (fitted on the first half, told on the second): mean fall of the squared
        error by the score over the variance of the target; its error bar from 20 blocks.
    n_obs : int
    verdict : str
        In words.
    """

    coefficient: float
    stderr: float
    r2_controls: float
    r2_all: float
    gain: float
    gain_stderr: float
    n_obs: int
    verdict: str

    @property
    def t_value(self) -> float:
        """Coefficient over its standard error."""
        return self.coefficient / self.stderr


def incremental_value(
    target: Any, score: Any, controls: Any, *, lags: int | None = None
) -> IncrementalValue:
    """Test whether a score foretells the target beyond its controls.

    For a toxicity score: target = the next interval's absolute mid change (or a maker's loss),
    controls = this interval's volume and volatility, to which such scores are mechanically tied
    (Andersen and Bondarenko 2014, "VPIN and the flash crash", J. Financial Markets 17).

    Parameters
    ----------
    target, score : array-like of shape (n,)
        In time order; rows with a NaN are left out.
    controls : array-like of shape (n, k)
    lags : int, optional
        Bandwidth of the standard error.

    Returns
    -------
    IncrementalValue
        NaN with the reason as verdict when fewer than 100 rows are left or the regressors are
        collinear. Cost O(n k^2).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import incremental_value
    >>> rng = np.random.default_rng(0); volume = rng.normal(size=2000)
    >>> copy = volume + 0.1 * rng.normal(size=2000)   # a score that is volume in disguise
    >>> target = volume + rng.normal(size=2000)
    >>> incremental_value(target, copy, volume[:, None]).verdict
    'descriptive only: nothing beyond the controls'
    """
    y, s = floats(target, "target"), floats(score, "score")
    known = np.asarray(controls, dtype=np.float64)
    if known.ndim != 2:
        raise InputError(f"controls: expected two dimensions, found shape {known.shape}")
    same_length(target=y, score=s, controls=known)
    whole = ~(np.isnan(y) | np.isnan(s) | np.isnan(known).any(axis=1))
    y, s, known = y[whole], s[whole], known[whole]
    n = y.size
    nan = float("nan")
    if n < 100 or y.std() == 0 or s.std() == 0:
        why = "no verdict: fewer than 100 rows, or nothing varies"
        return IncrementalValue(nan, nan, nan, nan, nan, nan, n, why)
    y = (y - y.mean()) / y.std()
    x = np.column_stack([np.ones(n), known, (s - s.mean()) / s.std()])
    without, full = ols_hac(y, x[:, :-1], lags=lags), ols_hac(y, x, lags=lags)
    if full.why or without.why:
        return IncrementalValue(nan, nan, nan, nan, nan, nan, n, f"no verdict: {full.why}")
    gain, error = _gain(y, x)
    coefficient, stderr = float(full.coefficients[-1]), float(full.stderrs[-1])
    told, adds = gain > 1.96 * error, abs(coefficient) > 1.96 * stderr
    if told and adds:
        verdict = "adds to the controls, in the sample and out of it"
    elif adds:
        verdict = "descriptive only: adds in the sample, not out of it"
    else:
        verdict = "descriptive only: nothing beyond the controls"
    return IncrementalValue(coefficient, stderr, without.r2, full.r2, gain, error, n, verdict)


def _gain(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    half = y.size // 2
    without = ols_hac(y[:half], x[:half, :-1], lags=0)
    full = ols_hac(y[:half], x[:half], lags=0)
    if without.why or full.why:
        return float("nan"), float("nan")
    left = (y[half:] - x[half:, :-1] @ without.coefficients) ** 2
    left -= (y[half:] - x[half:] @ full.coefficients) ** 2
    left /= y[half:].var()
    blocks = np.array([block.mean() for block in np.array_split(left, 20)])
    return float(left.mean()), float(blocks.std(ddof=1) / np.sqrt(blocks.size))
