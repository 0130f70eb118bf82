"""Measures of an equity curve. Plain numpy; equity in any one currency, time in ns.

Sharpe (1994), "The Sharpe ratio", J. Portfolio Management 21(1); Sortino and Price (1994),
J. Investing 3(3); Young (1991) for the Calmar ratio; drawdown after Magdon-Ismail and Atiya
(2004), Risk 17(10).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from kimera.errors import InputError

__all__ = [
    "YEAR_NS",
    "calmar_ratio",
    "drawdown",
    "longest_drawdown_ns",
    "max_drawdown",
    "sharpe_ratio",
    "sortino_ratio",
]

YEAR_NS: Final = 365 * 86_400 * 1_000_000_000
"""A year of a market that never closes [ns]."""

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


def drawdown(equity: Float64Array) -> Float64Array:
    """Highest equity so far minus equity.

    Parameters
    ----------
    equity : ndarray of shape (n,)
        Profit since the start [currency]; the start itself counts as 0.

    Returns
    -------
    ndarray of shape (n,)
        >= 0 [currency].
    """
    curve = _curve(equity)
    return np.maximum.accumulate(np.maximum(curve, 0.0)) - curve


def max_drawdown(equity: Float64Array) -> float:
    """Deepest fall from a peak [currency]; 0 for an empty curve."""
    falls = drawdown(equity)
    return float(falls.max()) if len(falls) else 0.0


def longest_drawdown_ns(ts_ns: Int64Array, equity: Float64Array) -> int:
    """Longest time spent below a peak that stood before [ns].

    Parameters
    ----------
    ts_ns : ndarray of shape (n,)
        Ascending [ns].
    equity : ndarray of shape (n,)
    """
    falls = drawdown(equity)
    longest = 0
    since = None
    for t, fall in zip(ts_ns.tolist(), falls.tolist(), strict=True):
        if fall <= 0 or since is None:
            since = t
        else:
            longest = max(longest, t - since)
    return int(longest)


def sharpe_ratio(ts_ns: Int64Array, equity: Float64Array, *, year_ns: int = YEAR_NS) -> float:
    """Mean over standard deviation of the steps of equity, per square root of a year.

    The steps are differences of equity [currency], not returns: a market maker has no capital to
    divide by, and the ratio does not need it. Samples must be even in time.

    Returns
    -------
    float
        Annualised [1 / sqrt(year)]; nan with fewer than three samples or without any movement.
    """
    steps = np.diff(_curve(equity))
    if len(steps) < 2:
        return float("nan")
    deviation = float(steps.std(ddof=1))
    if deviation == 0.0:
        return float("nan")
    return float(steps.mean()) / deviation * float(np.sqrt(_steps_per_year(ts_ns, year_ns)))


def sortino_ratio(ts_ns: Int64Array, equity: Float64Array, *, year_ns: int = YEAR_NS) -> float:
    """Sharpe ratio with the root mean square of the losing steps below.

    Returns
    -------
    float
        Annualised; nan with fewer than three samples or without a losing step.
    """
    steps = np.diff(_curve(equity))
    if len(steps) < 2:
        return float("nan")
    below = float(np.sqrt(np.mean(np.minimum(steps, 0.0) ** 2)))
    if below == 0.0:
        return float("nan")
    return float(steps.mean()) / below * float(np.sqrt(_steps_per_year(ts_ns, year_ns)))


def calmar_ratio(ts_ns: Int64Array, equity: Float64Array, *, year_ns: int = YEAR_NS) -> float:
    """Profit per year over the deepest drawdown; nan without a drawdown or a duration."""
    curve = _curve(equity)
    deepest = max_drawdown(curve)
    if len(curve) < 2 or deepest == 0.0 or ts_ns[-1] <= ts_ns[0]:
        return float("nan")
    years = float(ts_ns[-1] - ts_ns[0]) / year_ns
    return float(curve[-1] - curve[0]) / years / deepest


def _steps_per_year(ts_ns: Int64Array, year_ns: int) -> float:
    return year_ns / (float(ts_ns[-1] - ts_ns[0]) / (len(ts_ns) - 1))


def _curve(equity: Float64Array) -> Float64Array:
    curve = np.asarray(equity, dtype=np.float64)
    if curve.ndim != 1:
        raise InputError(f"equity must be of shape (n,), was {curve.shape}")
    if not np.isfinite(curve).all():
        row = int(np.flatnonzero(~np.isfinite(curve))[0])
        raise InputError(f"equity must be finite, row {row} was {curve[row]}")
    return curve
