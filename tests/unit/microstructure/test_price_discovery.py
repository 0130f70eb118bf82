"""Price discovery and lead-lag against statsmodels, brute force and known systems."""

from __future__ import annotations

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    component_share,
    fit_error_correction,
    hayashi_yoshida_correlation,
    hayashi_yoshida_covariance,
    information_leadership,
    information_share,
    information_share_bounds,
    lead_lag,
    sample_prices,
)
from kimera.microstructure.price_discovery import lag_order, long_run_impact


def two_markets(n: int = 20_000, seed: int = 1) -> np.ndarray:
    """An error-correction system with known adjustment (-0.3, 0.1) and residual covariance."""
    rng = np.random.default_rng(seed)
    shock = rng.normal(size=(n, 2)) @ np.linalg.cholesky([[1.0, 0.4], [0.4, 2.0]]).T
    price = np.zeros((n, 2))
    for t in range(1, n):
        gap = price[t - 1, 0] - price[t - 1, 1]
        price[t] = price[t - 1] + np.array([-0.3, 0.1]) * gap + shock[t]
    return price


def test_two_venue_bounds_are_the_closed_form() -> None:
    # Baillie, Booth, Tse and Zabotina (2002), for weights g and covariance [[a, c], [c, b]]
    adjustment, a, b, c = np.array([[-0.3], [0.1]]), 1.0, 2.0, 0.4
    g1, g2 = 0.25, 0.75
    total = g1 * g1 * a + 2 * g1 * g2 * c + g2 * g2 * b
    first = (g1 * np.sqrt(a) + g2 * c / np.sqrt(a)) ** 2 / total
    last = g1 * g1 * (a - c * c / b) / total
    lower, upper, middle = information_share_bounds(adjustment, [[a, c], [c, b]])
    assert (lower[0], upper[0]) == pytest.approx((last, first))
    assert (lower[1], upper[1]) == pytest.approx((1 - first, 1 - last))
    assert middle.sum() == pytest.approx(1.0)
    assert component_share(adjustment) == pytest.approx([0.25, 0.75])


def test_bounds_of_a_worked_example() -> None:
    lower, upper, _ = information_share_bounds([[-0.3], [0.1]], [[4.0, 1.5], [1.5, 2.0]])
    assert (lower[0], upper[0]) == pytest.approx((0.0927, 0.5827), abs=5e-5)
    assert component_share([[-0.3], [0.1]])[0] == pytest.approx(0.25)


def test_weights_from_impulse_responses_equal_the_component_shares() -> None:
    rng = np.random.default_rng(3)
    base = np.cumsum(rng.normal(size=3000))
    price = base[:, None] + rng.normal(size=(3000, 3)) * [0.5, 1.0, 2.0]
    model = fit_error_correction(price, n_lags=4)
    impact = long_run_impact(model, steps=3000)
    assert impact == pytest.approx(np.tile(impact[0], (3, 1)), abs=1e-8)  # one common price
    assert impact[0] / impact[0].sum() == pytest.approx(component_share(model.adjustment), abs=1e-7)


def test_least_squares_finds_the_system_it_was_simulated_from() -> None:
    price = two_markets()
    model = fit_error_correction(price, n_lags=2)
    assert model.adjustment[:, 0] == pytest.approx([-0.3, 0.1], abs=0.03)
    assert model.omega == pytest.approx(np.array([[1.0, 0.4], [0.4, 2.0]]), abs=0.1)
    shares = information_share(price, n_lags=2)
    assert shares.component == pytest.approx([0.25, 0.75], abs=0.03)
    assert np.all(shares.lower <= shares.upper)


def test_least_squares_agrees_with_numpy_lstsq() -> None:
    price = two_markets(500)
    model = fit_error_correction(price, n_lags=3)
    d = np.diff(price, axis=0)
    rows = [
        [price[t, 0] - price[t, 1], *d[t - 1], *d[t - 2], *d[t - 3], 1.0] for t in range(3, 499)
    ]
    x, y = np.array(rows), d[3:]
    coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    assert model.adjustment[:, 0] == pytest.approx(coefficients[0])
    assert model.lags[1] == pytest.approx(coefficients[3:5].T)
    left = y - x @ coefficients
    assert model.omega == pytest.approx(left.T @ left / (496 - 8))


def test_johansen_of_statsmodels_gives_nearly_the_same_shares() -> None:
    pytest.importorskip("statsmodels")
    price = two_markets(8000)
    mine = information_share(price, n_lags=2)
    theirs = information_share(price, n_lags=2, method="johansen")
    assert theirs.component == pytest.approx(mine.component, abs=0.01)
    assert theirs.lower == pytest.approx(mine.lower, abs=0.01)
    assert theirs.upper == pytest.approx(mine.upper, abs=0.01)


def test_a_venue_that_only_follows_has_no_share() -> None:
    rng = np.random.default_rng(2)
    leader = np.cumsum(rng.normal(size=6000))
    follower = np.concatenate([[0.0], leader[:-1]]) + 0.05 * rng.normal(size=6000)
    shares = information_share(np.column_stack([leader, follower]), n_lags=3)
    assert shares.lower[0] > 0.95
    assert shares.leadership[0] > 0.95


def test_leadership_sees_through_noise() -> None:
    # Putnins (2013): venue 2 is faster but noisier; its leadership share says so.
    rng = np.random.default_rng(8)
    base = np.cumsum(rng.normal(size=15_000))
    slow = np.concatenate([[0.0], base[:-1]]) + 0.1 * rng.normal(size=15_000)
    fast = base + 2.0 * rng.normal(size=15_000)
    shares = information_share(np.column_stack([slow, fast]), n_lags=20)
    assert shares.component[0] > 0.5  # the noise misleads the component share
    assert shares.leadership[1] > 0.8


def test_degenerate_prices_are_nan_with_a_reason() -> None:
    same = np.cumsum(np.random.default_rng(0).normal(size=200))
    found = information_share(np.column_stack([same, same]), n_lags=1)
    assert np.isnan(found.middle).all()
    assert "collinear" in found.why or "zero" in found.why
    short = information_share(np.ones((3, 2)), n_lags=5)
    assert "rows" in short.why
    assert np.isnan(information_leadership([1.0, 0.0], [0.5, 0.5])).all()
    assert np.isnan(information_share_bounds([[0.0], [0.0]], np.eye(2))[0]).all()
    assert np.isnan(information_share_bounds([[-1.0], [1.0]], [[1, 2], [2, 1]])[0]).all()
    with pytest.raises(InputError, match="at least 2"):
        information_share(np.ones((10, 1)))


def test_rows_with_nan_are_left_out() -> None:
    price = two_markets(3000)
    holed = price.copy()
    holed[100:110] = np.nan
    found = fit_error_correction(holed, n_lags=1)
    assert found.n_obs == fit_error_correction(price, n_lags=1).n_obs - 12
    assert found.adjustment == pytest.approx(
        fit_error_correction(price, n_lags=1).adjustment, abs=0.01
    )


def test_lag_order_prefers_the_true_one() -> None:
    assert lag_order(two_markets(5000), most=4)[0] == 0


def test_sampling_takes_the_last_price_before_the_grid() -> None:
    found = sample_prices(
        [([0, 5, 5, 12], [1.0, 2.0, 3.0, np.nan]), ([7], [9.0])],
        start_ns=0,
        end_ns=15,
        step_ns=5,
    )
    assert np.array_equal(
        found, [[1.0, np.nan], [3.0, np.nan], [3.0, 9.0], [3.0, 9.0]], equal_nan=True
    )


Series = tuple[np.ndarray, np.ndarray]


def brute_hayashi_yoshida(a: Series, b: Series, shift: int) -> float:
    (ta, pa), (tb, pb) = a, b
    total = 0.0
    for i in range(1, len(ta)):
        for j in range(1, len(tb)):
            low = max(ta[i - 1], tb[j - 1] - shift)
            if low < min(ta[i], tb[j] - shift):
                total += (pa[i] - pa[i - 1]) * (pb[j] - pb[j - 1])
    return total


def test_hayashi_yoshida_matches_the_double_sum() -> None:
    rng = np.random.default_rng(6)
    for _ in range(30):
        n, m = rng.integers(2, 40, 2)
        t, u = np.unique(rng.integers(0, 80, n)), np.unique(rng.integers(0, 80, m))
        a = (t, np.cumsum(rng.integers(-3, 4, t.size)).astype(float))
        b = (u, np.cumsum(rng.integers(-3, 4, u.size)).astype(float))
        for shift in (0, -7, 13, 200):
            found = hayashi_yoshida_covariance(a, b, shift_ns=shift)
            if a[0].size < 2 or b[0].size < 2:
                assert np.isnan(found)
            else:
                assert found == brute_hayashi_yoshida(a, b, shift)  # integers: exact


def test_hayashi_yoshida_of_synchronous_prices_is_the_realised_covariance() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(500) * 7
    a, b = np.cumsum(rng.normal(size=500)), np.cumsum(rng.normal(size=500))
    assert hayashi_yoshida_covariance((t, a), (t, b)) == pytest.approx(np.diff(a) @ np.diff(b))
    assert hayashi_yoshida_correlation((t, a), (t, a)) == pytest.approx(1.0)
    assert np.isnan(hayashi_yoshida_correlation((t, a), (t, np.zeros(500))))


def test_lead_lag_finds_the_delay_between_asynchronous_ticks() -> None:
    rng = np.random.default_rng(3)
    second = 1_000_000_000
    base = np.cumsum(rng.normal(size=20_000)) * 1e-4
    t = np.arange(20_000) * second // 10
    pick_a, pick_b = (np.sort(rng.choice(20_000, 6000, replace=False)) for _ in range(2))
    delay = 3 * second // 10
    a, b = (t[pick_a], base[pick_a]), (t[pick_b] + delay, base[pick_b])
    shifts = np.arange(-10, 11) * second // 10
    found = lead_lag(a, b, shifts)
    assert found.lead_ns == delay
    assert found.lead_lag_ratio > 5
    assert lead_lag(b, a, shifts).lead_ns == -delay


def test_lead_lag_of_still_prices_is_nan() -> None:
    found = lead_lag(([0, 1], [1.0, 1.0]), ([0, 1], [1.0, 2.0]), [0])
    assert np.isnan(found.correlation).all()
    with pytest.raises(InputError, match="at least one"):
        lead_lag(([0, 1], [1.0, 2.0]), ([0, 1], [1.0, 2.0]), [])
