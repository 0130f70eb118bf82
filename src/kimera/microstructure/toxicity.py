"""One-sided flow: a score at every trade, an alarm with hysteresis, and large hidden orders."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.errors import InputError
from kimera.microstructure.inputs import (
    Estimate,
    FloatArray,
    IntArray,
    floats,
    nothing,
    same_length,
    signs,
    sizes,
    times,
    window_of,
)
from kimera.microstructure.regression import ols_hac

__all__ = [
    "AlarmMarkouts",
    "FlowRun",
    "alarm_markouts",
    "flow_runs",
    "one_sided_flow",
    "toxicity_alarm",
]


def one_sided_flow(ts_ns: Any, size_lots: Any, sign: Any, *, half_life_ns: int) -> FloatArray:
    """Score how one-sided the recent flow is, with its direction.

    ``s_k = sum_j w_j d_j sqrt(q_j) / (1 + sum_j w_j sqrt(q_j))`` over trades up to and with k,
    ``w_j = 2^(-(t_k - t_j) / half_life)``. Roots, because informed traders split; the 1 keeps
    the first trades of a quiet time from being an alarm. Our own definition.

    Parameters
    ----------
    ts_ns : array-like of shape (n_trades,)
        Not decreasing [ns].
    size_lots : array-like of shape (n_trades,)
        >= 0; in units in which a usual trade is well above 1.
    sign : array-like of shape (n_trades,)
        +1, -1 or 0.
    half_life_ns : int
        > 0 [ns].

    Returns
    -------
    ndarray of shape (n_trades,)
        In (-1, 1); its sign is the side that is being hit. Cost O(n), one pass.

    Examples
    --------
    >>> from kimera.microstructure import one_sided_flow
    >>> one_sided_flow([0, 10], [9, 9], [1, -1], half_life_ns=10).round(4).tolist()
    [0.75, -0.2727]
    """
    window_of(half_life_ns, "half_life_ns")
    at, lots, side = times(ts_ns, "ts_ns"), sizes(size_lots, "size_lots"), signs(sign, "sign")
    n = same_length(ts_ns=at, size_lots=lots, sign=side)
    kept = np.exp2(-np.diff(at, prepend=at[:1]) / half_life_ns).tolist()
    root = np.sqrt(lots).tolist()
    score = np.empty(n)
    net = total = 0.0
    for k, (decay, size, d) in enumerate(zip(kept, root, side.tolist(), strict=True)):
        net = net * decay + d * size
        total = total * decay + size
        score[k] = net / (1.0 + total)
    return score


def toxicity_alarm(score: Any, *, on: float, off: float) -> npt.NDArray[np.bool_]:
    """Raise an alarm when the score's size reaches ``on``; clear it when it falls below ``off``.

    Parameters
    ----------
    score : array-like of shape (n,)
        NaN leaves the alarm as it is.
    on, off : float
        0 <= off <= on.

    Returns
    -------
    ndarray of shape (n,), bool
        Whether the alarm stands after each row. Cost O(n).

    Raises
    ------
    InputError
        If the thresholds are out of order.

    Examples
    --------
    >>> from kimera.microstructure import toxicity_alarm
    >>> toxicity_alarm([0.1, 0.8, 0.6, 0.4, 0.6], on=0.7, off=0.5).tolist()
    [False, True, True, False, False]
    """
    if not 0 <= off <= on:
        raise InputError(f"on, off: expected 0 <= off <= on, found on {on}, off {off}")
    size = np.abs(floats(score, "score"))
    turn = np.where(size >= on, 1, np.where(size < off, -1, 0))
    rows = np.arange(size.size)
    last = np.maximum.accumulate(np.where(turn != 0, rows, -1)) if size.size else rows
    return np.asarray(np.append(turn, -1)[last] == 1)


class AlarmMarkouts(msgspec.Struct, frozen=True):
    """What makers earned on trades inside and outside an alarm.

    Attributes
    ----------
    inside, outside : Estimate
        Mean realised spread [ticks], positive = the maker kept it.
    difference : Estimate
        Inside less outside, with a Newey-West error: negative = the alarm marks bad trades.
    alarm_frac : float
        Share of trades inside.
    """

    inside: Estimate
    outside: Estimate
    difference: Estimate
    alarm_frac: float


def alarm_markouts(
    realised_spread_ticks: Any, alarm: Any, *, lags: int | None = None
) -> AlarmMarkouts:
    """Compare makers' markouts inside and outside an alarm.

    Give the alarm as it stood **before** each trade (shift it by one): a maker cannot act on
    the trade that raises it.

    Parameters
    ----------
    realised_spread_ticks : array-like of shape (n_trades,)
        From :func:`realised_spread`; NaN rows are left out.
    alarm : array-like of shape (n_trades,)
        Bool.
    lags : int, optional
        Bandwidth of the standard errors.

    Returns
    -------
    AlarmMarkouts
        Estimates are NaN with a reason when one side has fewer than 2 trades. Cost O(n lags).

    Examples
    --------
    >>> from kimera.microstructure import alarm_markouts
    >>> alarm_markouts([1.0, 2.0, -1.0, -2.0], [0, 0, 1, 1]).difference.value
    -3.0
    """
    kept, on = floats(realised_spread_ticks, "realised_spread_ticks"), floats(alarm, "alarm")
    same_length(realised_spread_ticks=kept, alarm=on)
    known = ~(np.isnan(kept) | np.isnan(on))
    kept, on = kept[known], (on[known] != 0).astype(np.float64)
    frac = float(on.mean()) if on.size else float("nan")
    if on.sum() < 2 or (1 - on).sum() < 2:
        none = nothing("fewer than two trades inside or outside the alarm", kept.size)
        return AlarmMarkouts(none, none, none, frac)
    parts = ols_hac(kept, np.column_stack([on, 1.0 - on]), lags=lags)
    step = ols_hac(kept, np.column_stack([np.ones(on.size), on]), lags=lags)

    def estimate(value: float, error: float, n_obs: float) -> Estimate:
        return Estimate(float(value), float(error), int(n_obs))

    return AlarmMarkouts(
        estimate(parts.coefficients[0], parts.stderrs[0], on.sum()),
        estimate(parts.coefficients[1], parts.stderrs[1], (1 - on).sum()),
        estimate(step.coefficients[1], step.stderrs[1], on.size),
        frac,
    )


class FlowRun(msgspec.Struct, frozen=True):
    """A stretch of flow too one-sided for chance: the trace of a large order.

    Attributes
    ----------
    first, last : int
        Rows of its first and last trade.
    sign : int
        +1 bought, -1 sold.
    score : float
        Height of the walk that found it.
    """

    first: int
    last: int
    sign: int
    score: float


def flow_runs(sign: Any, *, drift: float = 0.25, threshold: float = 16.0) -> list[FlowRun]:
    """Find stretches of persistent flow, by a two-sided cumulative-sum test on trade signs.

    ``S_k = max(0, S_{k-1} + d_k - drift)`` for buys and the mirror image for sells (Page 1954,
    "Continuous inspection schemes", Biometrika 41); a run is reported from the walk's last zero
    to its top once it has passed the threshold and then fallen back by as much, or at the end.

    Parameters
    ----------
    sign : array-like of shape (n_trades,)
        +1, -1 or 0.
    drift : float
        Imbalance per trade that is still taken for chance, in (0, 1).
    threshold : float
        Height that makes a run, > 0. On fair coin tosses about one excursion in 60 passes 8 and
        one in 4,000 passes 16, at the default drift.

    Returns
    -------
    list of FlowRun
        By the row of their end. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import flow_runs
    >>> tape = [-1, 1] * 5 + [1] * 20 + [-1, 1] * 9
    >>> [(r.first, r.last, r.sign) for r in flow_runs(tape, threshold=8.0)]
    [(9, 29, 1)]
    """
    if not (0 < drift < 1 and threshold > 0):
        raise InputError(f"expected 0 < drift < 1 and threshold > 0, found {drift}, {threshold}")
    side: IntArray = signs(sign, "sign")
    found: list[FlowRun] = []
    for way in (1, -1):
        height = top = 0.0
        first = last = 0
        for k, d in enumerate((way * side).tolist()):
            if height == 0.0:
                first = k
            height = max(0.0, height + d - drift)
            if height > top:
                top, last = height, k
            if top > 0 and (height == 0.0 or top - height >= threshold):
                if top >= threshold:
                    found.append(FlowRun(first, last, way, top))
                height = top = 0.0
        if top >= threshold:
            found.append(FlowRun(first, last, way, top))
    return sorted(found, key=lambda run: (run.last, run.first))
