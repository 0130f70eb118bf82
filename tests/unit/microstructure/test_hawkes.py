"""Hawkes processes against plain double sums, quadrature, and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest

from kimera._native import microstructure as native
from kimera.errors import InputError, SequenceError
from kimera.microstructure import (
    fit_hawkes,
    fit_hawkes_multivariate,
    hawkes_intensity,
    hawkes_log_likelihood,
    hawkes_residuals,
    kolmogorov_exponential,
    simulate_hawkes,
)

TRUTH = {"mu": 0.7, "alpha": 0.6, "beta": 3.0}


def tied_events(n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.sort(np.round(rng.uniform(0, 40, n), 1))  # many equal times


def plain_log_likelihood(t: np.ndarray, end: float, mu: float, alpha: float, beta: float) -> float:
    total = 0.0
    for i in range(t.size):
        rate = mu + sum(alpha * beta * np.exp(-beta * (t[i] - s)) for s in t[:i] if s < t[i])
        total += np.log(rate)
    return float(total - mu * end - alpha * (1 - np.exp(-beta * (end - t))).sum())


def test_log_likelihood_matches_the_double_sum_with_ties() -> None:
    t = tied_events()
    for end in (t[-1], 45.0):
        for mu, alpha, beta in ((0.7, 0.6, 3.0), (5.0, 0.0, 1.0), (0.01, 1.3, 0.2)):
            found = hawkes_log_likelihood(t, end, mu=mu, alpha=alpha, beta=beta)
            assert found == pytest.approx(plain_log_likelihood(t, end, mu, alpha, beta), rel=1e-11)


def test_score_value_is_the_log_likelihood_and_gradient_its_slope() -> None:
    t = tied_events()
    at = np.array([0.7, 0.6, 3.0])
    value, *slope = native.hawkes_score(t, 41.0, *at)
    assert value == pytest.approx(hawkes_log_likelihood(t, 41.0, **TRUTH), rel=1e-13)
    for i in range(3):
        up, down = at.copy(), at.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        numeric = (
            native.hawkes_score(t, 41.0, *up)[0] - native.hawkes_score(t, 41.0, *down)[0]
        ) / 2e-6
        assert slope[i] == pytest.approx(numeric, rel=1e-5)


def test_log_likelihood_of_many_events_keeps_its_precision() -> None:
    # Products of a million rates would leave the range of a double without care.
    for mu in (1e-7, 1e7):
        t = np.arange(1, 1_000_001) / mu
        found = hawkes_log_likelihood(t, 1_000_000 / mu, mu=mu, alpha=0.0, beta=1.0)
        assert found == pytest.approx(1_000_000 * (np.log(mu) - 1.0), rel=1e-12)


def test_residuals_are_integrals_of_the_intensity() -> None:
    t = tied_events(60)
    found = hawkes_residuals(t, **TRUTH)
    edges = np.concatenate([[0.0], t])
    for i in range(t.size):
        grid = np.linspace(edges[i], edges[i + 1], 20_001)
        middle = (grid[1:] + grid[:-1]) / 2
        integral = float((hawkes_intensity(middle, t, **TRUTH) * np.diff(grid)).sum())
        assert found[i] == pytest.approx(integral, abs=1e-6)


def test_multivariate_of_one_kind_is_the_univariate() -> None:
    t = tied_events()
    value, slope = native.hawkes_multivariate_score(
        t,
        np.zeros(t.size, dtype=np.int64),
        41.0,
        np.array([0.7]),
        np.array([0.6]),
        np.array([3.0]),
    )
    expected = native.hawkes_score(t, 41.0, 0.7, 0.6, 3.0)
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert list(slope) == pytest.approx(list(expected[1:]), rel=1e-10)


def test_multivariate_matches_double_sums_and_differences() -> None:
    rng = np.random.default_rng(2)
    t, marks = tied_events(120), rng.integers(0, 2, 120)
    mu, alpha = np.array([0.5, 0.9]), np.array([[0.3, 0.1], [0.4, 0.2]])
    beta, end = np.array([[2.0, 1.0], [0.5, 3.0]]), 41.0

    def plain(x: np.ndarray) -> float:
        m, a, b = x[:2], x[2:6].reshape(2, 2), x[6:].reshape(2, 2)
        total = -m.sum() * end
        for i in range(t.size):
            k = marks[i]
            past = t < t[i]
            kernel = a[k, marks[past]] * b[k, marks[past]]
            total += np.log(m[k] + (kernel * np.exp(-b[k, marks[past]] * (t[i] - t[past]))).sum())
            total -= sum(a[r, k] * (1 - np.exp(-b[r, k] * (end - t[i]))) for r in range(2))
        return float(total)

    x = np.concatenate([mu, alpha.ravel(), beta.ravel()])
    value, slope = native.hawkes_multivariate_score(t, marks, end, mu, alpha.ravel(), beta.ravel())
    assert value == pytest.approx(plain(x), rel=1e-12)
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-6
        assert slope[i] == pytest.approx((plain(x + step) - plain(x - step)) / 2e-6, rel=1e-4)


def test_fit_recovers_a_simulated_process() -> None:
    t = simulate_hawkes(8000.0, **TRUTH, rng=np.random.default_rng(1))
    fit = fit_hawkes(t, 8000.0)
    assert fit.converged
    assert fit.stationary
    for name, error in (
        ("mu", fit.mu_stderr),
        ("alpha", fit.alpha_stderr),
        ("beta", fit.beta_stderr),
    ):
        assert abs(getattr(fit, name) - TRUTH[name]) < 3.5 * error
    assert fit.residual_p > 0.01
    assert fit.log_likelihood >= hawkes_log_likelihood(t, 8000.0, **TRUTH)
    # mean rate of a stationary process: mu / (1 - alpha)
    assert t.size / 8000.0 == pytest.approx(0.7 / 0.4, rel=0.05)


def test_wrong_model_is_seen_in_the_residuals() -> None:
    t = simulate_hawkes(4000.0, mu=0.3, alpha=0.8, beta=2.0, rng=np.random.default_rng(4))
    poisson = hawkes_residuals(t, mu=t.size / 4000.0, alpha=0.0, beta=1.0)
    assert kolmogorov_exponential(poisson)[1] < 1e-6


def test_kolmogorov_matches_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for seed, n in ((0, 30), (1, 400), (2, 5000)):
        values = np.random.default_rng(seed).exponential(1.03, n)
        theirs = stats.kstest(values, "expon")
        statistic, p_value = kolmogorov_exponential(values)
        assert statistic == pytest.approx(theirs.statistic, rel=1e-12)
        assert p_value == pytest.approx(theirs.pvalue, abs=0.02)


def test_two_sided_flow_finds_who_excites_whom() -> None:
    rng = np.random.default_rng(7)
    buys = simulate_hawkes(3000.0, mu=0.5, alpha=0.5, beta=4.0, rng=rng)
    sells = np.sort(rng.uniform(0, 3000.0, 1500))
    t = np.concatenate([buys, sells])
    order = np.argsort(t, kind="stable")
    marks = np.repeat([0, 1], [buys.size, sells.size])[order]
    fit = fit_hawkes_multivariate(t[order], marks, 3000.0, n_marks=2)
    assert fit.alpha[0, 0] == pytest.approx(0.5, abs=0.1)
    assert max(fit.alpha[0, 1], fit.alpha[1, 0], fit.alpha[1, 1]) < 0.15
    assert fit.branching_ratio < 1


def test_bad_events_have_one_clear_error() -> None:
    with pytest.raises(SequenceError, match="row 1"):
        fit_hawkes([2.0, 1.0], 3.0)
    with pytest.raises(InputError, match="NaN"):
        fit_hawkes([1.0, np.nan], 3.0)
    with pytest.raises(InputError, match=r"expected in \[0, 3.0\]"):
        fit_hawkes([1.0, 4.0], 3.0)
    assert fit_hawkes([1.0], 3.0).why == "fewer than ten events"
    with pytest.raises(InputError, match="every kind"):
        fit_hawkes_multivariate([1.0, 2.0], [0, 0], 3.0, n_marks=2)
    with pytest.raises(InputError, match="alpha"):
        simulate_hawkes(1.0, mu=1.0, alpha=1.0, beta=1.0, rng=np.random.default_rng(0))
