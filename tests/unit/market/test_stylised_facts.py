"""Stylised facts against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kimera.errors import InputError
from kimera.market import stylised_facts as sf

SECOND = 1_000_000_000


def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def test_excess_kurtosis_of_a_sample_equals_scipy() -> None:
    x = rng().standard_t(5, 5_000)
    assert sf.excess_kurtosis(x) == pytest.approx(stats.kurtosis(x), rel=1e-12)


def test_excess_kurtosis_of_too_little_is_nan() -> None:
    assert np.isnan(sf.excess_kurtosis(np.ones(3)))
    assert np.isnan(sf.excess_kurtosis(np.ones(30)))


@pytest.mark.parametrize("exponent", [1.5, 3.0, 4.5])
def test_hill_exponent_of_pareto_finds_the_exponent(exponent: float) -> None:
    x = rng().pareto(exponent, 200_000) + 1
    # Standard error is exponent / sqrt(n_tail).
    assert sf.hill_exponent(x, 0.05) == pytest.approx(exponent, abs=4 * exponent / 100)


def test_hill_exponent_of_a_bad_tail_is_refused() -> None:
    with pytest.raises(InputError, match="tail_frac"):
        sf.hill_exponent(np.ones(10), 0.9)


def test_autocorrelation_equals_the_sum_written_out() -> None:
    x = rng().normal(size=300).cumsum()
    centred = x - x.mean()
    slow = [np.sum(centred[k:] * centred[:-k]) / np.sum(centred**2) for k in range(1, 11)]
    np.testing.assert_allclose(sf.autocorrelation(x, 10), slow, rtol=1e-10)


def test_autocorrelation_beyond_the_series_is_nan() -> None:
    acf = sf.autocorrelation(np.array([1.0, 2.0, 4.0, 3.0]), 6)
    assert np.isfinite(acf[:3]).all()
    assert np.isnan(acf[3:]).all()


def test_sample_last_takes_the_value_at_or_before_each_time() -> None:
    ts = np.array([0, 15, 20, 41])
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert sf.sample_last(ts, values, 10).tolist() == [1, 1, 3, 3, 3]


def test_log_returns_of_a_doubling_price_are_log_two() -> None:
    ts = np.arange(5) * SECOND
    doubling = np.exp2(np.arange(5, dtype=np.float64))
    assert sf.log_returns(ts, doubling, SECOND) == pytest.approx(np.log(2))


def test_fano_and_cv_of_poisson_are_one_and_of_bursts_more() -> None:
    poisson = np.sort(rng().integers(0, 5_000 * SECOND, 50_000))
    assert sf.fano_factor(poisson, SECOND) == pytest.approx(1, abs=0.08)
    assert sf.interarrival_cv(poisson) == pytest.approx(1, abs=0.03)
    # Centres of a Poisson process, ten events at each: the counts have variance 10 x mean.
    centres = np.sort(rng().integers(0, 5_000 * SECOND, 5_000))
    bursts = np.sort(np.repeat(centres, 10) + rng().integers(0, 1000, 50_000))
    assert sf.fano_factor(bursts, SECOND) == pytest.approx(10, rel=0.1)
    assert sf.interarrival_cv(bursts) > 3


def test_log_log_slope_of_a_power_law_is_its_exponent() -> None:
    x = np.geomspace(1, 100, 20)
    assert sf.log_log_slope(x, 3 * x**0.5) == pytest.approx(0.5)
    assert np.isnan(sf.log_log_slope(x[:2], x[:2]))


def test_time_weighted_mean_counts_durations() -> None:
    assert sf.time_weighted_mean(np.array([0, 10, 40]), np.array([1.0, 5.0, 99.0])) == 4.0


def test_aggregate_trades_joins_one_time_and_side() -> None:
    trades = sf.Trades(
        ts_ns=np.array([1, 1, 1, 2, 3]),
        price=np.array([10.0, 11.0, 9.0, 9.0, 8.0]),
        size=np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
        sign=np.array([1.0, 1.0, -1.0, -1.0, -1.0]),
    )
    orders = sf.aggregate_trades(trades)
    assert orders.ts_ns.tolist() == [1, 1, 2, 3]
    assert orders.size.tolist() == [3, 4, 8, 16]
    assert orders.price.tolist() == [11, 9, 9, 8]


def test_correlation_by_step_sees_a_lag_at_fine_steps_only() -> None:
    walk = np.exp(rng().normal(0, 1e-4, 200_000).cumsum())
    ts = np.arange(len(walk)) * 1_000_000
    lag_ns = 50_000_000
    first, second = (ts, walk), (ts + lag_ns, walk)
    corr = sf.correlation_by_step(first, second, [10_000_000, 1_000_000_000])
    # Two Brownian paths a lag apart correlate as max(0, 1 - lag / step).
    assert corr[0] == pytest.approx(0, abs=0.05)
    assert corr[1] == pytest.approx(0.95, abs=0.03)


def test_impact_curve_of_a_square_root_market_is_a_square_root() -> None:
    n = 4_000
    ts = np.arange(n) * SECOND
    size = np.exp(rng().uniform(0, np.log(1_000), n))
    sign = rng().choice([-1.0, 1.0], n)
    mid = 100 * np.exp(1e-4 * np.cumsum(sign * np.sqrt(size)))
    top = sf.TopOfBook(
        ts_ns=np.concatenate([[-SECOND], ts]),
        bid=np.concatenate([[99.99], mid - 0.01]),
        bid_size=np.ones(n + 1),
        ask=np.concatenate([[100.01], mid + 0.01]),
        ask_size=np.ones(n + 1),
    )
    orders = sf.Trades(ts_ns=ts, price=mid, size=size, sign=sign)
    x, y = sf.impact_curve(top, orders)
    assert sf.log_log_slope(x, y) == pytest.approx(0.5, abs=0.03)


def test_summarise_of_one_quote_is_refused() -> None:
    one = np.array([1.0])
    top = sf.TopOfBook(ts_ns=np.array([1]), bid=one, bid_size=one, ask=one + 1, ask_size=one)
    trades = sf.Trades(
        ts_ns=np.array([], dtype=np.int64), price=one[:0], size=one[:0], sign=one[:0]
    )
    with pytest.raises(InputError, match="2 or more"):
        sf.summarise(top, trades)


def test_summarise_of_a_random_walk_finds_no_facts() -> None:
    n = 3_000
    ts = np.arange(n) * SECOND
    mid = 1e4 * np.exp(rng().normal(0, 1e-4, n).cumsum())
    top = sf.TopOfBook(
        ts_ns=ts, bid=mid - 0.5, bid_size=np.ones(n), ask=mid + 0.5, ask_size=np.ones(n)
    )
    signs = rng().choice([-1.0, 1.0], n)
    at = np.sort(rng().integers(0, n * SECOND, n))
    facts = sf.summarise(top, sf.Trades(ts_ns=at, price=mid, size=np.ones(n), sign=signs))
    assert facts.volatility_1s_bp == pytest.approx(1, rel=0.05)
    assert facts.spread_mean_bp == pytest.approx(1, rel=0.05)
    assert abs(facts.kurtosis_1s) < 0.4
    assert facts.hill_1s > 5
    assert np.abs(facts.abs_return_acf).max() < 0.08
    assert np.abs(facts.sign_acf).max() < 0.08
    assert facts.fano_1s == pytest.approx(1, abs=0.1)
