"""The measures of a tape: one number with its unit, error bar, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.errors import InputError
from kimera.microstructure.depth import resiliency
from kimera.microstructure.hawkes import HawkesFit, fit_hawkes
from kimera.microstructure.impact import Propagator, fit_propagator
from kimera.microstructure.inputs import Estimate, nothing
from kimera.microstructure.micro_price import MicroPrice, fit_micro_price
from kimera.microstructure.price_response import kyle_lambda
from kimera.microstructure.quotes import quote_at
from kimera.microstructure.regression import ols_hac
from kimera.microstructure.spreads import TradeSpreads, trade_spreads
from kimera.microstructure.tape_analysis import Kept, mid2_before
from kimera.microstructure.toxicity import (
    AlarmMarkouts,
    alarm_markouts,
    one_sided_flow,
    toxicity_alarm,
)
from kimera.model import NO_PRICE

__all__ = ["HORIZONS_NS", "Measure", "Measures", "measure", "signature"]

HORIZONS_NS: Final = (100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000)
"""Of realised spread and impact."""
MAX_FITTED: Final = 50_000
"""Orders that the Hawkes fit and resiliency (the first) and the propagator (the last) look at."""
MAX_REGRESSED: Final = 200_000
"""Latest orders in the regressions."""
PROPAGATOR_LAGS: Final = 30
_SECOND: Final = 1_000_000_000

IntArray = npt.NDArray[np.int64]
T = TypeVar("T")
FloatArray = npt.NDArray[np.float64]


class Measure(msgspec.Struct, frozen=True):
    """A measure of one instrument.

    Attributes
    ----------
    name, unit : str
    value, stderr : float
        NaN = none.
    n_obs : int
        Observations it rests on.
    why : str
        Empty, or why there is no value.
    """

    name: str
    unit: str
    value: float
    stderr: float = math.nan
    n_obs: int = 0
    why: str = ""


class Orders(msgspec.Struct, frozen=True):
    """Trades of one time stamp taken together: what one order did."""

    ts_ns: IntArray
    flow_lots: IntArray
    mid2_ticks: IntArray


class Measures(msgspec.Struct, frozen=True):
    """All measures of one instrument and the fits behind their pictures.

    Attributes
    ----------
    kept : Kept
    table : list of Measure
    orders : Orders
    spreads : TradeSpreads
    flow_move : (ndarray, ndarray)
        Order-flow imbalance [lots] and change of the mid [ticks] by interval.
    interval_ns : int
        Of ``flow_move``.
    hawkes, propagator, micro_price, markouts
        None where the tape does not have what they need.
    alarm_score : ndarray of shape (n_trades,)
        One-sided flow after each trade.
    """

    kept: Kept
    table: list[Measure]
    orders: Orders
    spreads: TradeSpreads
    flow_move: tuple[FloatArray, FloatArray]
    interval_ns: int
    hawkes: HawkesFit | None
    propagator: Propagator | None
    micro_price: MicroPrice | None
    markouts: AlarmMarkouts | None
    alarm_score: FloatArray

    def named(self, name: str) -> Measure:
        """Look a measure of the table up."""
        return next(one for one in self.table if one.name == name)

    @property
    def reasons(self) -> dict[str, list[str]]:
        """Why what is missing is missing: each reason with the measures it concerns."""
        out: dict[str, list[str]] = {}
        for one in self.table:
            if one.why:
                out.setdefault(one.why, []).append(one.name)
        return out


def two_sided(kept: Kept) -> npt.NDArray[np.void]:
    """Quotes that have both sides."""
    quotes = kept.quotes
    known = (quotes["bid_ticks"] != NO_PRICE) & (quotes["ask_ticks"] != NO_PRICE)
    return np.asarray(quotes[known])


def _orders(kept: Kept) -> Orders:
    trades = kept.trades
    if not trades.ts_ns.size:
        none = np.empty(0, dtype=np.int64)
        return Orders(none, none, none)
    first = np.flatnonzero(np.diff(trades.ts_ns, prepend=trades.ts_ns[0] - 1))
    at = trades.ts_ns[first]
    flow = np.add.reduceat(trades.sign * trades.size_lots, first)
    return Orders(at, flow, mid2_before(kept, at))


def _interval(kept: Kept) -> int:
    quotes = kept.quotes
    span = int(quotes["ts_ns"][-1]) - int(quotes["ts_ns"][0]) if len(quotes) else 0
    return min(10 * _SECOND, max(_SECOND // 10, span // 400))


def _flow_move(kept: Kept, step: int) -> tuple[FloatArray, FloatArray]:
    quotes = two_sided(kept)
    if len(quotes) < 10:
        return np.empty(0), np.empty(0)
    grid = np.arange(quotes["ts_ns"][0], quotes["ts_ns"][-1], step)
    at = quotes[quote_at(grid, quotes["ts_ns"])]
    flow = np.diff(at["ofi_1"]).astype(np.float64)
    return flow, np.diff(at["bid_ticks"] + at["ask_ticks"]) / 2.0


def _missing(kept: Kept) -> tuple[str, str]:
    """Why there is nothing: of quotes, and of trades with quotes."""
    quotes = "" if len(two_sided(kept)) else "no two-sided best quotes on the tape"
    trades = "" if kept.trades.ts_ns.size else "no trades on the tape"
    if not trades and not kept.trades.sign.any():
        trades = "the tape names no side and there are no quotes to sign trades by"
    return quotes, trades or quotes


def _last(kept: Kept, name: str, why: str, why_not: str) -> tuple[float, str]:
    value = math.nan if kept.last is None else float(kept.last[name])
    if math.isfinite(value) and not why:
        return value, ""
    return math.nan, why or why_not


def _spread_rows(kept: Kept, spreads: TradeSpreads, whys: tuple[str, str]) -> list[Measure]:
    quoted, why = _last(kept, "quoted_spread_ticks", whys[0], "no time between quotes")
    tick = float(kept.market.tick_size)
    quotes = two_sided(kept)
    mid = float(np.median(quotes["bid_ticks"] + quotes["ask_ticks"])) / 2 if len(quotes) else 1.0
    rows = [
        Measure("quoted spread", "ticks", quoted, n_obs=len(kept.quotes), why=why),
        Measure("quoted spread, of the mid", "bps", quoted / mid * 1e4, why=why),
        Measure("quoted spread, in money", "price", quoted * tick, why=why),
    ]
    weights = kept.trades.size_lots.astype(np.float64)
    rows.append(_weighted("effective spread", spreads.effective, weights, whys[1]))
    for horizon, realised, impact in zip(
        spreads.horizons_ns, spreads.realised, spreads.impact, strict=True
    ):
        name = f"{horizon / _SECOND:g} s"
        rows.append(_weighted(f"realised spread, {name}", realised, weights, whys[1]))
        rows.append(_weighted(f"price impact, {name}", impact, weights, whys[1]))
    roll, why = _last(
        kept,
        "roll_spread_ticks",
        "" if kept.trades.ts_ns.size else "no trades on the tape",
        "successive price changes are positively correlated",
    )
    return [*rows, Measure("Roll's spread", "ticks", roll, n_obs=len(weights), why=why)]


def _weighted(name: str, values: FloatArray, weights: FloatArray, why: str) -> Measure:
    """Size-weighted mean; its error bar takes the weights as given."""
    known = np.isfinite(values)
    v, w = values[known], weights[known]
    if why or v.size < 2 or not w.sum() > 0:
        return Measure(name, "ticks", math.nan, why=why or "no trade with a quote before and after")
    mean = float((v * w).sum() / w.sum())
    error = float(np.sqrt((w**2 * (v - mean) ** 2).sum()) / w.sum())
    return Measure(name, "ticks", mean, error, v.size)


def _estimated(name: str, unit: str, one: Estimate) -> Measure:
    return Measure(name, unit, one.value, one.stderr, one.n_obs, one.why)


def _kyle(orders: Orders, why: str) -> Estimate:
    mid = orders.mid2_ticks
    if why or mid.size < 3:
        return nothing(why or "fewer than three orders")
    whole = (mid[:-1] != NO_PRICE) & (mid[1:] != NO_PRICE)
    move = ((mid[1:] - mid[:-1]) / 2.0)[whole][-MAX_REGRESSED:]
    return kyle_lambda(move, orders.flow_lots[:-1][whole][-MAX_REGRESSED:])


def _ofi(flow: FloatArray, move: FloatArray, kept: Kept, why: str) -> list[Measure]:
    names = ("OFI slope", "ticks per lot"), ("OFI R2", "1")
    if not kept.market.sized:
        why = "the quotes have no sizes"
    if not why and (flow.size < 20 or not flow.any() or not move.any()):
        why = "fewer than 20 intervals, or nothing moved"
    if why:
        return [Measure(*name, math.nan, why=why) for name in names]
    fit = ols_hac(move, np.column_stack([np.ones(flow.size), flow]))
    slope, error = float(fit.coefficients[1]), float(fit.stderrs[1])
    return [
        Measure(*names[0], slope, error, fit.n_obs, fit.why),
        Measure(*names[1], fit.r2, n_obs=fit.n_obs, why=fit.why),
    ]


def _tried(fit: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return fit(), ""
    except (InputError, np.linalg.LinAlgError) as error:
        return None, str(error)


def _hawkes(orders: Orders) -> tuple[HawkesFit | None, str]:
    times = orders.ts_ns[:MAX_FITTED]
    if times.size < 50:
        return None, "fewer than 50 orders"
    seconds = (times - times[0]) / 1e9
    fit, why = _tried(lambda: fit_hawkes(seconds, float(seconds[-1])))
    return fit, why or (fit.why if fit is not None else "")


def _propagator(orders: Orders, why: str) -> tuple[Propagator | None, str]:
    known = (orders.mid2_ticks != NO_PRICE) & (orders.flow_lots != 0)
    mid, sign = orders.mid2_ticks[known] / 2.0, np.sign(orders.flow_lots[known]).astype(float)
    if why or mid.size < 10 * PROPAGATOR_LAGS:
        return None, why or f"fewer than {10 * PROPAGATOR_LAGS} signed orders"
    mid, sign = mid[-MAX_FITTED:], sign[-MAX_FITTED:]
    fit, why = _tried(lambda: fit_propagator(mid, sign, n_lags=PROPAGATOR_LAGS))
    return fit, why or (fit.why if fit is not None else "")


def _micro_price(kept: Kept, why: str) -> tuple[MicroPrice | None, str]:
    quotes = two_sided(kept)
    if why or not kept.market.sized:
        return None, why or "the quotes have no sizes"
    spread = quotes["ask_ticks"] - quotes["bid_ticks"]
    tick = max(1, int(np.gcd.reduce(spread))) if len(spread) else 1  # the market's own step
    widest = int(np.clip(np.percentile(spread // tick, 90), 1, 12)) if len(spread) else 1
    bid = quotes["bid_ticks"] // tick
    ask = bid + spread // tick
    arrays = bid, quotes["bid_lots"], ask, quotes["ask_lots"]
    return _tried(lambda: fit_micro_price(arrays, n_imbalances=10, n_spreads=widest))


def _alarm(
    kept: Kept, spreads: TradeSpreads, why: str
) -> tuple[AlarmMarkouts | None, FloatArray, str]:
    trades = kept.trades
    if why or trades.ts_ns.size < 100:
        return None, np.empty(0), why or "fewer than 100 trades"
    usual = max(1.0, float(np.median(trades.size_lots)))
    scaled = np.maximum(1, np.round(trades.size_lots * (100.0 / usual))).astype(np.int64)
    score = one_sided_flow(trades.ts_ns, scaled, trades.sign, half_life_ns=5 * _SECOND)
    # The alarm stands in the fifth of the most one-sided flow, as it was before each trade.
    on = float(np.quantile(np.abs(score), 0.8))
    alarm = toxicity_alarm(np.abs(score), on=on, off=0.9 * on)
    second = spreads.realised[spreads.horizons_ns.index(_SECOND)]
    markouts = alarm_markouts(second[1:][-MAX_REGRESSED:], alarm[:-1][-MAX_REGRESSED:])
    return markouts, score, markouts.difference.why


def measure(kept: Kept) -> Measures:
    """Make every measure that the tape has the material for.

    Parameters
    ----------
    kept : Kept
        From a finished :class:`TapeAnalysis`.

    Returns
    -------
    Measures
        ``table`` has the same names for every tape; what cannot be had is NaN with its reason.
    """
    whys = _missing(kept)
    orders, step = _orders(kept), _interval(kept)
    trades, quotes = kept.trades, two_sided(kept)
    spreads = trade_spreads(
        (trades.ts_ns, trades.price_ticks, trades.sign),
        (quotes["ts_ns"], quotes["bid_ticks"], quotes["ask_ticks"]),
        horizons_ns=HORIZONS_NS,
    )
    flow, move = _flow_move(kept, step)
    hawkes, why_hawkes = _hawkes(orders)
    propagator, why_propagator = _propagator(orders, whys[1])
    micro, why_micro = _micro_price(kept, whys[0])
    markouts, score, why_alarm = _alarm(kept, spreads, whys[1])
    vpin, why_vpin = _last(
        kept, "vpin", whys[1] if "quotes" not in whys[1] else "", "fewer than 50 buckets of volume"
    )
    table = [
        *_spread_rows(kept, spreads, whys),
        _estimated("Kyle's lambda", "ticks per lot", _kyle(orders, whys[1])),
        *_ofi(flow, move, kept, whys[0]),
        Measure("VPIN", "1", vpin, n_obs=len(trades.ts_ns), why=why_vpin),
        _of_fit("Hawkes branching ratio", "1", hawkes, "alpha", why_hawkes),
        *_of_propagator(propagator, why_propagator),
        _recovery(kept, orders, whys[1]),
        _micro_size(micro, why_micro),
        _alarm_row(markouts, why_alarm),
    ]
    return Measures(
        kept, table, orders, spreads, (flow, move), step, hawkes, propagator, micro, markouts, score
    )


def _of_fit(name: str, unit: str, fit: HawkesFit | None, field: str, why: str) -> Measure:
    if fit is None or why:
        return Measure(name, unit, math.nan, why=why)
    error = getattr(fit, f"{field}_stderr")
    return Measure(name, unit, getattr(fit, field), error, fit.n_events)


def _of_propagator(fit: Propagator | None, why: str) -> list[Measure]:
    names = ("impact of an order, next order", 0), ("impact of an order, 30 orders on", -1)
    if fit is None or why:
        return [Measure(name, "ticks", math.nan, why=why) for name, _ in names]
    return [
        Measure(name, "ticks", float(fit.kernel[at]), float(fit.stderr[at]), fit.n_obs)
        for name, at in names
    ]


def _recovery(kept: Kept, orders: Orders, why: str) -> Measure:
    name, unit = "resiliency: spread heals in (median)", "ms"
    if why:
        return Measure(name, unit, math.nan, why=why)
    quotes = kept.quotes
    both = (quotes["bid_ticks"] != NO_PRICE) & (quotes["ask_ticks"] != NO_PRICE)
    spread = np.where(both, quotes["ask_ticks"] - quotes["bid_ticks"], NO_PRICE)
    found = resiliency(orders.ts_ns[:MAX_FITTED], quotes["ts_ns"], spread, horizon_ns=10 * _SECOND)
    if not math.isfinite(found.median_ns):
        why = "no trade widened the spread" if not found.widened else "half do not heal in 10 s"
        return Measure(name, unit, math.nan, n_obs=found.widened, why=why)
    return Measure(name, unit, found.median_ns / 1e6, n_obs=found.widened)


def _micro_size(fit: MicroPrice | None, why: str) -> Measure:
    name, unit = "micro-price: adjustment at the greatest imbalance", "half spreads"
    if fit is None:
        return Measure(name, unit, math.nan, why=why)
    half = np.arange(1, fit.adjustment_ticks.shape[0] + 1) / 2.0
    sizes = fit.adjustment_ticks[:, -1] / half
    value = float(np.nanmedian(sizes)) if np.isfinite(sizes).any() else math.nan
    why = "" if math.isfinite(value) else "no state of the quotes was seen to move"
    return Measure(name, unit, value, n_obs=fit.n_transitions, why=why)


def _alarm_row(found: AlarmMarkouts | None, why: str) -> Measure:
    name, unit = "makers' 1 s markout, inside less outside the alarm", "ticks"
    if found is None or why:
        return Measure(name, unit, math.nan, why=why)
    return _estimated(name, unit, found.difference)


def signature(kept: Kept, n_steps: int = 24) -> tuple[FloatArray, FloatArray]:
    """Compute the signature plot: realised variance against the sampling interval.

    Andersen, Bollerslev, Diebold and Labys (2000), "Great realizations", Risk 13.

    Parameters
    ----------
    kept : Kept
    n_steps : int
        Intervals, evenly spread in the logarithm from 0.1 s to a hundredth of the tape.

    Returns
    -------
    seconds, variance : ndarray of shape (n,)
        Interval [s] and squared mid changes per second [ticks^2/s]; empty for a tape too short.
    """
    quotes = two_sided(kept)
    span = float(quotes["ts_ns"][-1] - quotes["ts_ns"][0]) if len(quotes) else 0.0
    if span < 20 * _SECOND:
        return np.empty(0), np.empty(0)
    steps = np.geomspace(_SECOND / 10, span / 100, n_steps).astype(np.int64)
    mids = (quotes["bid_ticks"] + quotes["ask_ticks"]) / 2.0
    variance = []
    for step in steps.tolist():
        grid = np.arange(quotes["ts_ns"][0], quotes["ts_ns"][-1], step)
        moves = np.diff(mids[quote_at(grid, quotes["ts_ns"])])
        variance.append(float((moves**2).sum()) / (span / 1e9))
    return steps / 1e9, np.array(variance)
