"""VPIN and PIN against brute force, other forms of the likelihood, and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    PinParameters,
    bulk_volume_buys,
    fit_pin,
    pin_log_likelihood,
    vpin,
    vpin_bars,
    vpin_signed,
)
from kimera.microstructure.descent import bfgs, numeric_hessian
from kimera.microstructure.pin import _objective


def test_signed_vpin_matches_a_share_by_share_loop() -> None:
    rng = np.random.default_rng(1)
    lots, sign = rng.integers(0, 30, 300), rng.integers(-1, 2, 300)
    found = vpin_signed(lots, sign, bucket_lots=37, window=5)
    shares = np.repeat(sign, lots)
    row = np.repeat(np.arange(300), lots)
    n = shares.size // 37
    gaps = np.array([abs(int(shares[37 * k : 37 * k + 37].sum())) for k in range(n)])
    assert found.value.shape == (n,)
    assert found.end_row.tolist() == [row[37 * k + 36] for k in range(n)]
    for k in range(n):
        if k < 4:
            assert np.isnan(found.value[k])
        else:
            assert found.value[k] == gaps[k - 4 : k + 1].sum() / (5 * 37)
    assert np.array_equal(found.buy_volume + found.sell_volume, np.full(n, 37.0))


def test_signed_vpin_of_a_prefix_is_the_prefix() -> None:
    rng = np.random.default_rng(2)
    lots, sign = rng.integers(1, 30, 400), rng.choice([-1, 1], 400)
    whole = vpin_signed(lots, sign, bucket_lots=50, window=4).value
    part = vpin_signed(lots[:173], sign[:173], bucket_lots=50, window=4).value
    assert np.array_equal(whole[: part.size], part, equal_nan=True)


def test_one_trade_may_fill_many_buckets() -> None:
    found = vpin_signed([100], [1], bucket_lots=30, window=1)
    assert found.value.tolist() == [1.0, 1.0, 1.0]
    assert found.end_row.tolist() == [0, 0, 0]
    assert vpin_signed([], [], bucket_lots=30).value.size == 0
    assert vpin_signed([0, 0], [1, 1], bucket_lots=30).value.size == 0


def test_vpin_of_known_buckets_ignores_empty_windows() -> None:
    assert np.isnan(vpin([0, 0], [0, 0], 2)).all()
    with pytest.raises(InputError, match="volume"):
        vpin([-1], [1], 1)


def test_bar_vpin_matches_bucket_filling_by_hand() -> None:
    rng = np.random.default_rng(3)
    n = 3000
    at = np.sort(rng.integers(0, 2 * 86_400, n)) * 10**9
    price = 100 + np.cumsum(rng.normal(0, 0.01, n))
    volume = rng.integers(1, 50, n).astype(float)
    found = vpin_bars((at, price, volume), bar_ns=300 * 10**9, buckets_per_day=20, window=7)
    bar = at // (300 * 10**9)
    grid = np.arange(bar[0], bar[-1] + 1)
    change = np.array(
        [
            np.ptp(price[bar == g][[0, -1]]) * np.sign(price[bar == g][-1] - price[bar == g][0])
            if np.any(bar == g)
            else 0.0
            for g in grid
        ]
    )
    total = np.array([volume[bar == g].sum() for g in grid])
    buys = bulk_volume_buys(change, total)
    size = volume.sum() / 2 / 20
    assert found.bucket_volume == pytest.approx(size)
    buckets, room = [[0.0, 0.0]], size
    for b, v in zip(buys, total, strict=True):  # pour bar after bar into buckets
        left = v
        while left > 0:
            take = min(left, room)
            buckets[-1][0] += b * take / v
            buckets[-1][1] += take
            left, room = left - take, room - take
            if room <= 1e-9:
                buckets.append([0.0, 0.0])
                room = size
    gaps = np.array([abs(2 * b - v) for b, v in buckets[: found.value.size]])
    expected = np.convolve(gaps, np.ones(7), "valid") / (7 * size)
    assert found.value[6:] == pytest.approx(expected, rel=1e-8)


def test_bar_vpin_of_a_price_that_never_moves_is_empty() -> None:
    assert vpin_bars(([0, 1], [1.0, 1.0], [1, 1])).value.size == 0
    with pytest.raises(InputError, match="divisor of a day"):
        vpin_bars(([0], [1.0], [1]), bar_ns=7)


def test_pin_likelihood_forms_agree_on_small_counts() -> None:
    rng = np.random.default_rng(4)
    b, s = rng.integers(0, 25, 60), rng.integers(0, 25, 60)
    for _ in range(20):
        p = PinParameters(*rng.uniform(0.05, 0.95, 2), *rng.uniform(1, 20, 3))
        values = [
            pin_log_likelihood(p, b, s, form=form)
            for form in ("log_sum_exp", "lin_ke", "eho", "direct")
        ]
        assert values == pytest.approx([values[0]] * 4, rel=1e-10)


def test_pin_likelihood_of_busy_days_does_not_overflow() -> None:
    p = PinParameters(0.4, 0.5, 90_000.0, 200_000.0, 210_000.0)
    stable = pin_log_likelihood(p, [290_000, 200_000], [210_000, 300_000])
    assert math.isfinite(stable)
    assert stable == pytest.approx(
        pin_log_likelihood(p, [290_000, 200_000], [210_000, 300_000], form="lin_ke"), rel=1e-12
    )


def test_pin_likelihood_sums_to_one_over_all_counts() -> None:
    p = PinParameters(0.3, 0.6, 2.0, 1.5, 1.0)
    total = sum(math.exp(pin_log_likelihood(p, [b], [s])) for b in range(40) for s in range(40))
    assert total == pytest.approx(1.0, abs=1e-12)


def simulate(p: PinParameters, n_days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = [1 - p.alpha, p.alpha * (1 - p.delta), p.alpha * p.delta]
    news = rng.choice(3, size=n_days, p=odds)
    return (
        rng.poisson(p.epsilon_b + p.mu * (news == 1)),
        rng.poisson(p.epsilon_s + p.mu * (news == 2)),
    )


@pytest.mark.parametrize("seed", range(6))
def test_fit_finds_the_parameters_and_no_better_point_is_near(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = PinParameters(*rng.uniform(0.2, 0.7, 2), *rng.uniform(40, 120, 3))
    b, s = simulate(truth, 252, seed)
    fit = fit_pin(b, s)
    assert fit.converged
    assert fit.log_likelihood >= pin_log_likelihood(truth, b, s)
    assert fit.log_likelihood == pytest.approx(pin_log_likelihood(fit.parameters, b, s))
    assert abs(fit.pin - truth.pin) < 4 * fit.pin_stderr
    for _ in range(50):
        near = PinParameters(
            *(
                np.array([getattr(fit.parameters, f) for f in PinParameters.__struct_fields__])
                * rng.uniform(0.97, 1.03, 5)
            ).clip([0, 0, 0, 1e-9, 1e-9], [1, 1, 1e9, 1e9, 1e9])
        )
        assert pin_log_likelihood(near, b, s) <= fit.log_likelihood + 1e-9


def test_fit_agrees_with_scipy_from_many_starts() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    truth = PinParameters(0.4, 0.3, 30.0, 50.0, 45.0)
    b, s = simulate(truth, 60, 5)
    fit = fit_pin(b, s)

    def loss(x: np.ndarray) -> float:
        return -pin_log_likelihood(PinParameters(*(float(v) for v in x)), b, s)

    rng = np.random.default_rng(0)
    best = min(
        optimize.minimize(
            loss,
            [*rng.uniform(0.1, 0.9, 2), *rng.uniform(10, 80, 3)],
            method="L-BFGS-B",
            bounds=[(1e-6, 1 - 1e-6)] * 2 + [(1e-6, 1e4)] * 3,
        ).fun
        for _ in range(12)
    )
    assert fit.log_likelihood >= -best - 1e-6


def test_pin_gradient_matches_differences() -> None:
    b, s = simulate(PinParameters(0.4, 0.3, 30.0, 50.0, 45.0), 40, 1)
    objective = _objective(b.astype(float), s.astype(float))
    x = np.array([-0.3, 0.2, 3.0, 3.8, 3.9])
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6
        slope = (objective(x + step)[0] - objective(x - step)[0]) / 2e-6
        assert objective(x)[1][i] == pytest.approx(slope, rel=1e-6)


def test_pin_without_enough_data_says_why() -> None:
    assert fit_pin([1, 2], [1, 2]).why == "fewer than five days"
    assert fit_pin([0] * 9, [1] * 9).why == "a side has no trade at all"
    with pytest.raises(InputError, match="buys: expected sizes >= 0"):
        fit_pin([-1] * 9, [1] * 9)


def test_pin_with_days_without_trades_still_fits() -> None:
    rng = np.random.default_rng(3)
    b, s = rng.poisson(0.8, 100), rng.poisson(0.7, 100)
    fit = fit_pin(b, s)
    assert 0 <= fit.pin <= 1


def test_bfgs_solves_rosenbrock() -> None:
    def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
        value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        slope = [-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]
        return float(value), np.array(slope)

    x, value, converged = bfgs(valley, np.array([-1.2, 1.0]))
    assert converged
    assert x == pytest.approx([1.0, 1.0], abs=1e-7)
    assert value < 1e-14
    assert numeric_hessian(valley, np.array([1.0, 1.0])) == pytest.approx(
        np.array([[802.0, -400.0], [-400.0, 200.0]]), rel=1e-6
    )
