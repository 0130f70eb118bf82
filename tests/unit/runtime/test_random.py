"""Oracles: the published algorithm in Python integers, and scipy's closed forms."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from kimera.runtime import Random, numpy_generator, stream_seed

MASK = 2**64 - 1
N = 200_000


def reference_xoshiro(seed: int, n: int) -> list[int]:
    def rotl(x: int, k: int) -> int:
        return ((x << k) | (x >> (64 - k))) & MASK

    state = []
    for _ in range(4):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        state.append(z ^ (z >> 31))
    out = []
    for _ in range(n):
        out.append((rotl((state[0] + state[3]) & MASK, 23) + state[0]) & MASK)
        t = (state[1] << 17) & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = rotl(state[3], 45)
    return out


@pytest.mark.parametrize("seed", [0, 1, 42, 2**64 - 1])
def test_integers_match_the_algorithm_written_in_python(seed: int) -> None:
    assert Random(seed).integers(500).tolist() == reference_xoshiro(seed, 500)


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (lambda r: r.uniform(N), stats.uniform()),
        (lambda r: r.normal(N), stats.norm()),
        (lambda r: r.exponential(N), stats.expon()),
        (lambda r: r.gamma(0.4, N), stats.gamma(0.4)),
        (lambda r: r.gamma(3.5, N), stats.gamma(3.5)),
        (lambda r: r.student_t(3.0, N), stats.t(3.0)),
        (lambda r: r.pareto(2.5, N), stats.pareto(2.5)),
    ],
    ids=["uniform", "normal", "exponential", "gamma-0.4", "gamma-3.5", "student-3", "pareto-2.5"],
)
def test_continuous_law_passes_kolmogorov_smirnov(
    draw: Callable[[Random], npt.NDArray[np.float64]], law: Any
) -> None:
    result = stats.kstest(draw(Random(2024)), law.cdf)
    assert result.pvalue > 1e-3


def test_wrong_law_fails_the_same_test() -> None:
    draws = Random(2024).normal(N) * 1.03
    assert stats.kstest(draws, stats.norm().cdf).pvalue < 1e-3


def chi_square_pvalue(draws: npt.NDArray[np.uint64], law: Any) -> float:
    low, high = int(law.ppf(0.0005)), int(law.ppf(0.9995))
    inner = np.clip(draws.astype(np.int64), low, high)
    seen = np.bincount(inner - low, minlength=high - low + 1)
    expected = law.pmf(np.arange(low, high + 1))
    expected[0] = law.cdf(low)
    expected[-1] = law.sf(high - 1)
    return float(stats.chisquare(seen, expected / expected.sum() * len(draws)).pvalue)


@pytest.mark.parametrize("mean", [0.3, 4.0, 9.99, 10.0, 35.0, 1200.0])
def test_poisson_counts_pass_chi_square(mean: float) -> None:
    assert chi_square_pvalue(Random(5).poisson(mean, N), stats.poisson(mean)) > 1e-3


@pytest.mark.parametrize("probability", [0.9, 0.3, 0.02])
def test_geometric_counts_pass_chi_square(probability: float) -> None:
    draws = Random(6).geometric(probability, N)
    assert chi_square_pvalue(draws, stats.geom(probability, loc=-1)) > 1e-3


def test_geometric_with_certain_success_is_zero() -> None:
    assert not Random(1).geometric(1.0, 10).any()


@pytest.mark.parametrize("bound", [1, 3, 10, 2**63 + 1])
def test_below_is_uniform(bound: int) -> None:
    draws = Random(9).below(bound, N)
    assert int(draws.max()) < bound
    cells = min(bound, 16)
    seen = np.bincount((draws / bound * cells).astype(int).clip(0, cells - 1), minlength=cells)
    assert stats.chisquare(seen).pvalue > 1e-3 if cells > 1 else seen[0] == N


def test_normal_tail_beyond_the_last_layer_has_its_share() -> None:
    draws = Random(11).normal(4_000_000)
    beyond = np.abs(draws) > 3.6541528853610088
    expected = 2 * stats.norm.sf(3.6541528853610088) * len(draws)
    assert abs(beyond.sum() - expected) < 5 * np.sqrt(expected)
    assert stats.kstest(np.abs(draws[beyond]), _tail_cdf).pvalue > 1e-3


def _tail_cdf(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    start = stats.norm.sf(3.6541528853610088)
    return np.asarray(1 - stats.norm.sf(x) / start, dtype=np.float64)


def test_streams_of_one_seed_are_uncorrelated() -> None:
    parent = Random(77)
    draws = np.array([parent.stream(i).normal(20_000) for i in range(8)])
    correlation = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)


def test_stream_by_name_equals_its_seed() -> None:
    assert Random(3).stream("makers").integers(4).tolist() == (
        Random(stream_seed(3, "makers")).integers(4).tolist()
    )


def test_same_seed_gives_same_numbers_in_another_process() -> None:
    code = (
        "from kimera.runtime import Random, numpy_generator as g; r = Random(12);"
        "print(r.normal(1000).sum().hex(), r.poisson(20.0, 1000).sum(),"
        " r.student_t(4.0, 1000).sum().hex(), g(12, 'a').integers(2**62))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(answers) == 1


def test_numpy_generators_of_two_streams_differ() -> None:
    assert numpy_generator(1, "a").integers(2**62) != numpy_generator(1, "b").integers(2**62)
