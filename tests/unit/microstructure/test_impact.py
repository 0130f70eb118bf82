"""Impact models against published examples and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    almgren_impact,
    fit_propagator,
    fit_square_root_law,
    response_function,
    sign_autocorrelation,
)


@pytest.mark.parametrize(
    ("market", "shares", "permanent", "temporary", "cost"),
    [
        ((6.561e6, 1728e6, 0.0157), 656_100, 20, (22, 15, 8), (32, 25, 18)),  # IBM
        ((1.929e6, 168e6, 0.0226), 192_900, 22, (32, 21, 12), (43, 32, 23)),  # DRI
    ],
)
def test_almgren_table_of_examples(
    market: tuple[float, float, float],
    shares: int,
    permanent: int,
    temporary: tuple[int, ...],
    cost: tuple[int, ...],
) -> None:
    for duration, k, j in zip((0.1, 0.2, 0.5), temporary, cost, strict=True):
        found = almgren_impact((shares, duration), market)
        assert round(1e4 * found.permanent_frac) == permanent
        assert round(1e4 * found.temporary_frac) == k
        assert round(1e4 * found.cost_frac) == j
        sold = almgren_impact((-shares, duration), market)
        assert sold.cost_frac == -found.cost_frac


def orders(y: float, noise: float, n: int = 2000) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(5)
    share = rng.choice([-1, 1], n) * np.exp(rng.uniform(np.log(1e-4), np.log(0.2), n))
    sigma = rng.uniform(0.01, 0.03, n)
    impact = sigma * (y * np.sign(share) * np.sqrt(np.abs(share)) + noise * rng.normal(size=n))
    return impact, share, sigma


def test_square_root_law_recovers_its_constant_within_its_error_bar() -> None:
    law = fit_square_root_law(*orders(0.7, 0.1))
    assert abs(law.y - 0.7) < 4 * law.y_stderr
    assert abs(law.delta - 0.5) < 4 * law.delta_stderr
    assert law.residual_frac == pytest.approx(0.1, rel=0.05)
    assert law.score > law.score_naive
    assert law.score_gain > 2 * law.score_gain_stderr


def test_square_root_law_error_bars_cover_as_they_say() -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        share = rng.uniform(-0.1, 0.1, 200)
        root = np.sign(share) * np.sqrt(np.abs(share))
        impact = 1.2 * root + 0.2 * rng.normal(size=200)
        law = fit_square_root_law(impact, share, np.ones(200))
        hits += abs(law.y - 1.2) < 1.96 * law.y_stderr
    assert 180 <= hits <= 199


def test_square_root_law_of_a_linear_market_says_so() -> None:
    rng = np.random.default_rng(2)
    share = rng.uniform(-0.2, 0.2, 1000)
    law = fit_square_root_law(3 * share + 0.01 * rng.normal(size=1000), share, np.ones(1000))
    assert abs(law.delta - 1.0) < 4 * law.delta_stderr
    assert law.delta > 0.9


def test_square_root_law_predicts_with_an_error_bar() -> None:
    law = fit_square_root_law(*orders(0.7, 0.1))
    impact, error = law.predict([0.04, -0.04], [0.02, 0.02])
    assert impact == pytest.approx([law.y * 0.02 * 0.2, -law.y * 0.02 * 0.2])
    assert error == pytest.approx(np.full(2, 0.02 * 0.1), rel=0.1)


def test_square_root_law_of_nothing_says_why() -> None:
    assert fit_square_root_law([1.0], [1.0], [1.0]).why == "fewer than three orders"
    with pytest.raises(InputError, match="sigma"):
        fit_square_root_law([1.0], [1.0], [0.0])


def long_memory_signs(n: int, rng: np.random.Generator) -> np.ndarray:
    """Meta-orders of heavy-tailed length, interleaved: signs with slowly falling memory."""
    lengths = np.ceil(rng.pareto(1.5, n) + 1).astype(int)
    return np.repeat(rng.choice([-1.0, 1.0], n), np.minimum(lengths, 200))[:n]


def transient_path(d: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Price after each trade when trade s adds kernel[t - s - 1], held at its last value."""
    path = np.zeros(d.size)
    for lag, g in enumerate(kernel):
        path[lag:] += g * d[: d.size - lag]
    beyond = np.cumsum(d)[: d.size - kernel.size]
    path[kernel.size :] += kernel[-1] * beyond
    return path


def test_propagator_recovers_a_known_kernel() -> None:
    rng = np.random.default_rng(4)
    n, lags = 15_000, 20
    d = long_memory_signs(n, rng)
    kernel = 0.5 * np.arange(1, lags + 1) ** -0.4
    clean = np.concatenate([[0.0], transient_path(d, kernel)[: n - 1]])
    price = clean + np.cumsum(0.05 * rng.normal(size=n))
    fit = fit_propagator(price, d, n_lags=lags)
    assert np.all(np.abs(fit.kernel - kernel) < 4.5 * fit.stderr)
    assert fit.decay == pytest.approx(0.4, abs=0.05)
    assert fit.score > 0.3
    # prediction: the path it was made from
    assert fit.price(d)[: n - 1] == pytest.approx(clean[1:], abs=3.0)


def test_propagator_agrees_with_the_response_equations() -> None:
    # R(l) = G(l) + sum_{0<n<l} G(l-n) C(n) + sum_{n>0} [G(l+n) - G(n)] C(n)
    rng = np.random.default_rng(4)
    n, lags = 60_000, 8
    d = long_memory_signs(n, rng)
    kernel = np.concatenate([0.5 * np.arange(1, lags + 1) ** -0.4])
    held = np.concatenate([kernel, np.full(n, kernel[-1])])
    price = np.concatenate([[0.0], transient_path(d, kernel)[: n - 1]])
    far = 1500
    g = np.concatenate([[0.0], held])
    c = sign_autocorrelation(d, far)
    found = response_function(price, d, lags)
    for lag in range(1, lags + 1):
        n_before = np.arange(1, lag)
        n_all = np.arange(1, far + 1)
        theory = g[lag] + (g[lag - n_before] * c[n_before]).sum()
        theory += ((g[lag + n_all] - g[n_all]) * c[n_all]).sum()
        assert found[lag - 1] == pytest.approx(theory, rel=0.02)


def test_response_and_autocorrelation_match_loops() -> None:
    rng = np.random.default_rng(3)
    p, d = rng.normal(size=60), rng.choice([-1.0, 0.0, 1.0], 60)
    found, auto = response_function(p, d, 5), sign_autocorrelation(d, 5)
    for lag in range(1, 6):
        assert found[lag - 1] == pytest.approx(
            np.mean([d[t] * (p[t + lag] - p[t]) for t in range(60 - lag)])
        )
        assert auto[lag] == pytest.approx(
            np.mean([d[t] * d[t + lag] for t in range(60 - lag)]) / np.mean(d**2)
        )
    assert np.isnan(sign_autocorrelation([0.0, 0.0], 2)).all()


def test_propagator_of_few_trades_says_why() -> None:
    assert fit_propagator([0.0] * 20, [1.0] * 20, n_lags=10).why == "too few trades"
    constant = fit_propagator(np.zeros(200), np.ones(200), n_lags=3)
    assert np.isnan(constant.kernel).all()
    assert constant.why
