"""Lambdas against statsmodels, brute force and Kyle's own model."""

from __future__ import annotations

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    amihud_illiquidity,
    bar_lambda,
    hasbrouck_lambda,
    kyle_equilibrium,
    kyle_lambda,
    kyle_lambda_cumulative,
    kyle_lambda_rolling,
)
from kimera.microstructure.regression import newey_west_lags, ols_hac


def sample(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    flow = np.rint(rng.normal(0, 50, n))
    noise = rng.normal(0, 2, n)
    change = np.rint(0.1 * flow + noise + 0.5 * np.append(0.0, noise[:-1]))
    return change, flow


def test_hac_errors_agree_with_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    change, flow = sample()
    for lags in (0, 3, newey_west_lags(400)):
        mine = kyle_lambda(change, flow, lags=lags)
        fit = sm.OLS(change, sm.add_constant(flow)).fit()
        if lags == 0:
            theirs = fit.get_robustcov_results(cov_type="HC1")
        else:
            theirs = fit.get_robustcov_results(cov_type="HAC", maxlags=lags, use_correction=True)
        assert mine.value == pytest.approx(theirs.params[1], rel=1e-10)
        assert mine.stderr == pytest.approx(theirs.bse[1], rel=1e-8)


def test_rolling_and_cumulative_lambda_match_polyfit() -> None:
    change, flow = sample(120)
    rolling, rolling_error = kyle_lambda_rolling(change, flow, 30)
    running, _ = kyle_lambda_cumulative(change, flow)
    assert np.isnan(rolling[:29]).all()
    for t in range(29, 120):
        x, y = flow[t - 29 : t + 1], change[t - 29 : t + 1]
        (slope, _), cov = np.polyfit(x, y, 1, cov=True)
        assert rolling[t] == pytest.approx(slope, rel=1e-9)
        assert rolling_error[t] == pytest.approx(np.sqrt(cov[0, 0]), rel=1e-7)
        assert running[t] == pytest.approx(np.polyfit(flow[: t + 1], change[: t + 1], 1)[0])
    assert running[-1] == pytest.approx(kyle_lambda(change, flow).value, rel=1e-12)


def test_rolling_lambda_of_a_prefix_is_the_prefix_to_the_bit() -> None:
    change, flow = sample(300)
    whole = kyle_lambda_rolling(change, flow, 40)[0]
    part = kyle_lambda_rolling(change[:150], flow[:150], 40)[0]
    assert np.array_equal(whole[:150], part, equal_nan=True)


def test_kyle_lambda_without_variation_says_why() -> None:
    assert kyle_lambda([1.0, 2.0, 3.0], [5, 5, 5]).why == "the signed volume does not vary"
    assert kyle_lambda([1.0], [5]).why == "fewer than three observations"
    assert np.isnan(kyle_lambda([np.nan] * 3, [1, 2, 3]).value)
    assert np.isnan(kyle_lambda([1.0] * 3, [np.nan] * 3).value)
    assert np.isnan(kyle_lambda_rolling([1, 2, 3], [5, 5, 5], 3)[0]).all()


def test_kyle_two_auctions_are_the_published_numbers() -> None:
    lambdas, variances = kyle_equilibrium(1.0, 1.0, 2)
    assert lambdas == pytest.approx([0.652882, 0.588227], abs=5e-7)
    assert np.all(np.diff(variances) < 0)


def test_kyle_many_auctions_tend_to_the_continuous_limit() -> None:
    # Theorem 3: lambda is constant, sqrt(sigma0) / sigma_u, and the variance falls linearly.
    lambdas, variances = kyle_equilibrium(4.0, 0.5, 4000)
    assert lambdas[1000] == pytest.approx(4.0, rel=0.01)
    assert variances[1999] == pytest.approx(2.0, rel=0.01)


def test_kyle_lambda_recovers_the_model_it_was_simulated_from() -> None:
    sigma0, sigma_u = 4.0, 3.0
    truth = kyle_equilibrium(sigma0, sigma_u)[0][0]
    rng = np.random.default_rng(6)
    value, noise = rng.normal(0, 2, 20_000), rng.normal(0, sigma_u, 20_000)
    flow = value / (2 * truth) + noise  # the insider's beta is 1 / (2 lambda)
    found = kyle_lambda(value, flow)  # the efficient price is the value's regression on flow
    assert abs(found.value - truth) < 4 * found.stderr


def test_hasbrouck_lambda_is_kyle_on_root_value() -> None:
    rng = np.random.default_rng(1)
    value, sign = rng.uniform(1, 100, 200), rng.choice([-1.0, 1.0], 200)
    change = 0.01 * sign * np.sqrt(value) + rng.normal(0, 1e-3, 200)
    found = hasbrouck_lambda(change, value, sign)
    assert found.value == pytest.approx(np.polyfit(sign * np.sqrt(value), change, 1)[0])
    with pytest.raises(InputError, match="value"):
        hasbrouck_lambda([1.0], [-1], [1])


def test_amihud_uses_only_periods_that_traded() -> None:
    found = amihud_illiquidity([0.02, np.nan, 0.5, -0.01], [2.0, 1.0, 0.0, 4.0])
    assert found.value == pytest.approx((0.01 + 0.0025) / 2)
    assert found.n_obs == 2
    assert amihud_illiquidity([0.1], [0.0]).why == "no period traded"


def test_bar_lambda_matches_a_loop() -> None:
    rng = np.random.default_rng(2)
    change, scale = rng.normal(size=50), rng.integers(0, 5, 50).astype(float)
    found = bar_lambda(change, scale, 4)
    for t in range(50):
        if t < 3 or np.any(scale[t - 3 : t + 1] == 0):
            assert np.isnan(found[t])
        else:
            expected = np.mean([abs(change[i]) / scale[i] for i in range(t - 3, t + 1)])
            assert found[t] == pytest.approx(expected)


def test_regression_with_collinear_columns_says_why() -> None:
    x = np.column_stack([np.arange(10.0), 2 * np.arange(10.0)])
    fit = ols_hac(np.arange(10.0), x)
    assert np.isnan(fit.coefficients).all()
    assert "collinear" in fit.why
