from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from scipy import stats

from kimera.desk.report.analysis import (
    fill_statistics,
    is_maker,
    markout_curve,
    mid_prices,
    return_facts,
)
from kimera.model import NO_PRICE, RecordFlag, Side
from kimera.system import RunResult

RunMaker = Callable[..., RunResult]


def brute_force_markouts(run: RunResult, maker: bool, horizon: int) -> list[float]:
    """Markouts of one kind of fill, fill by fill, in exact decimals of bps."""
    values = []
    for row in range(len(run.fills)):
        fill = run.fills[row]
        mid2 = (run.fill_mids2 if horizon == 0 else run.markout_mids2[:, horizon - 1])[row]
        if bool(fill["flags"] & RecordFlag.MAKER) != maker or mid2 == NO_PRICE:
            continue
        price = Decimal(int(fill["price_ticks"]))
        gain = Decimal(int(mid2)) / 2 - price
        values.append(float((gain if fill["side"] == Side.BID else -gain) / price * 10_000))
    return values


@pytest.mark.parametrize("maker", [True, False])
def test_markout_curve_equals_a_count_fill_by_fill(maker: bool, make_run: RunMaker) -> None:
    run = make_run(n_instruments=2, n_samples=80, n_fills=60)
    rows = is_maker(run.fills) == maker
    curve = markout_curve(run, rows)
    assert curve.horizons_ns == (0, *run.markout_horizons_ns)
    for horizon in range(len(curve.horizons_ns)):
        values = brute_force_markouts(run, maker, horizon)
        assert curve.counts[horizon] == len(values)
        assert curve.mean_bps[horizon] == pytest.approx(np.mean(values), rel=1e-12)
        low, high = stats.norm.interval(0.95, loc=np.mean(values), scale=stats.sem(values))
        assert curve.half_width_bps[horizon] == pytest.approx((high - low) / 2, rel=1e-9)


def test_markout_curve_of_a_maker_buy_that_is_run_over_falls_below_zero(make_run: RunMaker) -> None:
    run = make_run(n_instruments=1, n_samples=10, n_fills=1)
    fills = run.fills.copy()
    fills["side"], fills["price_ticks"], fills["flags"] = Side.BID, 10_000, RecordFlag.MAKER
    mids = np.array([[20_000, 19_800, NO_PRICE]])  # half ticks: unmoved, then 1 % lower
    run = msgspec.structs.replace(
        run, fills=fills, fill_mids2=np.array([20_020]), markout_mids2=mids
    )
    curve = markout_curve(run, np.ones(1, dtype=bool))
    assert curve.mean_bps[:3] == pytest.approx((10.0, 0.0, -100.0))
    assert math.isnan(curve.mean_bps[3])
    assert curve.counts == (1, 1, 1, 0)
    assert all(math.isnan(width) for width in curve.half_width_bps)


def test_fill_statistics_equal_sums_in_exact_decimals(make_run: RunMaker) -> None:
    run = make_run(n_instruments=2, n_fills=50)
    instrument = run.instruments[1]
    value, bought, buy_value, maker = Decimal(0), 0, Decimal(0), 0
    for fill in run.fills:
        if fill["instrument_id"] != 2:
            continue
        price = instrument.price(int(fill["price_ticks"]))
        size = instrument.size(int(fill["size_lots"]))
        value += price * size
        maker += int(fill["size_lots"]) if fill["flags"] & RecordFlag.MAKER else 0
        if fill["side"] == Side.BID:
            bought += int(fill["size_lots"])
            buy_value += price * size
    row = fill_statistics(instrument, run.fills)
    assert row.traded_value == pytest.approx(float(value), rel=1e-12)
    assert row.bought_lots == bought
    assert row.vwap_buy == pytest.approx(float(buy_value / instrument.size(bought)), rel=1e-12)
    assert row.maker_share == pytest.approx(maker / row.lots)


def test_fill_statistics_of_an_inverse_contract_are_in_coin(make_run: RunMaker) -> None:
    run = make_run(n_instruments=1, n_fills=1)
    inverse = msgspec.structs.replace(
        run.instruments[0], inverse=True, multiplier=Decimal(100), lot_size=Decimal(1)
    )
    fills = run.fills.copy()
    fills["price_ticks"], fills["size_lots"] = 5_000_000, 3  # 3 contracts of 100 USD at 50,000
    assert fill_statistics(inverse, fills).traded_value == pytest.approx(0.006)


def test_fill_statistics_without_fills_have_no_averages(make_run: RunMaker) -> None:
    run = make_run(n_instruments=1, n_fills=0)
    row = fill_statistics(run.instruments[0], run.fills)
    assert (row.fills, row.lots, row.traded_value) == (0, 0, 0.0)
    assert math.isnan(row.vwap_buy)
    assert math.isnan(row.maker_share)


def test_mid_prices_with_an_empty_side_are_nan(make_run: RunMaker) -> None:
    run = make_run(n_instruments=1, n_samples=3)
    top = run.top
    top.ask_ticks[1, 0] = NO_PRICE
    mid = mid_prices(top, 0, 0.5)
    assert np.isnan(mid).tolist() == [False, True, False]
    assert mid[0] == (top.bid_ticks[0, 0] + top.ask_ticks[0, 0]) / 4


def test_return_facts_equal_scipys_moments() -> None:
    chance = np.random.default_rng(3)
    mid = 100.0 * np.exp(np.cumsum(chance.standard_t(4, 5_000) * 1e-4))
    facts = return_facts(mid)
    returns = np.diff(np.log(mid)) * 1e4
    assert facts.sd_bps == pytest.approx(returns.std(ddof=1))
    assert facts.excess_kurtosis == pytest.approx(stats.kurtosis(returns))
    centred = returns - returns.mean()
    lag_3 = float(centred[3:] @ centred[:-3] / (centred @ centred))
    assert facts.acf[2] == pytest.approx(lag_3)


def test_return_facts_skip_gaps_and_survive_nothing() -> None:
    assert len(return_facts(np.array([1.0, np.nan, 1.0, 2.0])).returns_bps) == 1
    for mid in (np.array([]), np.full(10, np.nan), np.full(10, 5.0)):
        facts = return_facts(mid)
        assert np.isnan(facts.acf).all()
        assert math.isnan(facts.excess_kurtosis)
