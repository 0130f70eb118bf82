"""Which of two series moves first, from ticks as they come (Hayashi and Yoshida)."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from kimera._native import microstructure as _native
from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray, IntArray, floats, integers, same_length, times

__all__ = ["LeadLag", "hayashi_yoshida_correlation", "hayashi_yoshida_covariance", "lead_lag"]


class LeadLag(msgspec.Struct, frozen=True):
    """Cross-correlation by shift, and who leads.

    Attributes
    ----------
    shifts_ns : ndarray of shape (n_shifts,)
        Positive: b, looked at later by this much, is compared with a now, i.e. a leads.
    correlation : ndarray of shape (n_shifts,)
        Hayashi-Yoshida correlation at each shift [1].
    lead_ns : int
        Shift of the greatest absolute correlation: positive = a leads b [ns].
    lead_lag_ratio : float
        Sum of squared correlations over positive shifts / that over negative ones; above 1 = a
        leads. NaN without shifts of both signs.
    """

    shifts_ns: IntArray
    correlation: FloatArray
    lead_ns: int
    lead_lag_ratio: float


def _series(series: tuple[Any, Any], name: str) -> tuple[IntArray, FloatArray]:
    """Keep the last price of each time, drop NaN: what the estimator is defined on."""
    at, price = times(series[0], f"{name} ts_ns"), floats(series[1], f"{name} log_price")
    same_length(ts_ns=at, log_price=price)
    known = ~np.isnan(price)
    at, price = at[known], price[known]
    last = np.append(at[1:] != at[:-1], True) if at.size else np.empty(0, dtype=bool)
    return np.ascontiguousarray(at[last]), np.ascontiguousarray(price[last])


def hayashi_yoshida_covariance(
    a: tuple[Any, Any], b: tuple[Any, Any], *, shift_ns: int = 0
) -> float:
    """Sum of products of returns whose intervals overlap.

    ``sum_ij dA_i dB_j 1[I_i and J_j overlap]``. Hayashi and Yoshida (2005), "On covariance
    estimation of non-synchronously observed diffusion processes", Bernoulli 11. No sampling
    grid, so no Epps effect from one.

    Parameters
    ----------
    a, b : (ts_ns, log_price), arrays
        Times not decreasing [ns]; of equal times the last price counts, NaN is left out.
    shift_ns : int
        b is looked at this much later: its times are moved back by it [ns].

    Returns
    -------
    float
        Covariance over the whole sample [1]; NaN when a series has fewer than two prices. Cost
        O(n + m).

    Examples
    --------
    >>> from kimera.microstructure import hayashi_yoshida_covariance
    >>> hayashi_yoshida_covariance(([0, 2], [0.0, 1.0]), ([0, 1, 3], [0.0, 1.0, 3.0]))
    3.0
    """
    ts_a, price_a = _series(a, "a")
    ts_b, price_b = _series(b, "b")
    if ts_a.size < 2 or ts_b.size < 2:
        return float("nan")
    shifts = np.array([-shift_ns], dtype=np.int64)
    return float(_native.hayashi_yoshida(ts_a, price_a, ts_b, price_b, shifts)[0])


def hayashi_yoshida_correlation(
    a: tuple[Any, Any], b: tuple[Any, Any], *, shift_ns: int = 0
) -> float:
    """Hayashi-Yoshida covariance over the root of the two realised variances.

    Parameters
    ----------
    a, b : (ts_ns, log_price), arrays
        As for :func:`hayashi_yoshida_covariance`.
    shift_ns : int
        [ns].

    Returns
    -------
    float
        Near [-1, 1], but not bound to it in a sample; NaN when a series does not move. Cost
        O(n + m).

    Examples
    --------
    >>> from kimera.microstructure import hayashi_yoshida_correlation
    >>> hayashi_yoshida_correlation(([0, 1, 2], [0, 1, 0]), ([0, 1, 2], [0, 2, 0]))
    1.0
    """
    scale = _scale(_series(a, "a")[1], _series(b, "b")[1])
    return hayashi_yoshida_covariance(a, b, shift_ns=shift_ns) / scale


def _scale(a: FloatArray, b: FloatArray) -> float:
    variance = float((np.diff(a) ** 2).sum()) * float((np.diff(b) ** 2).sum())
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def lead_lag(a: tuple[Any, Any], b: tuple[Any, Any], shifts_ns: Any) -> LeadLag:
    """Scan shifts for the strongest cross-correlation.

    Hoffmann, Rosenbaum and Yoshida (2013), "Estimation of the lead-lag parameter from
    non-synchronous data", Bernoulli 19; the ratio after Huth and Abergel (2014), "High frequency
    lead/lag relationships", J. Empirical Finance 26.

    Parameters
    ----------
    a, b : (ts_ns, log_price), arrays
    shifts_ns : array-like of shape (n_shifts,)
        Shifts to try [ns].

    Returns
    -------
    LeadLag
        Correlations NaN when a series does not move. Cost O((n + m) shifts).

    Raises
    ------
    InputError
        If no shift is given.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import lead_lag
    >>> t = np.arange(100) * 10; p = np.cumsum(np.random.default_rng(1).normal(size=100))
    >>> lead_lag((t, p), (t + 30, p), [-30, 0, 30]).lead_ns
    30
    """
    shifts = integers(shifts_ns, "shifts_ns")
    if shifts.size == 0:
        raise InputError("shifts_ns: expected at least one, found none")
    ts_a, price_a = _series(a, "a")
    ts_b, price_b = _series(b, "b")
    correlation = np.full(shifts.shape, np.nan)
    if ts_a.size >= 2 and ts_b.size >= 2:
        covariance = _native.hayashi_yoshida(ts_a, price_a, ts_b, price_b, -shifts)
        correlation = np.asarray(covariance) / _scale(price_a, price_b)
    forward = float((correlation[shifts > 0] ** 2).sum())
    backward = float((correlation[shifts < 0] ** 2).sum())
    ratio = forward / backward if backward > 0 and forward > 0 else float("nan")
    known = not np.isnan(correlation).all()
    lead = int(shifts[int(np.nanargmax(np.abs(correlation)))]) if known else 0
    return LeadLag(shifts, correlation, lead, ratio)
