"""Oracle: the sorted list of all durations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimera.runtime import LatencyHistogram, Random

MAX_NS = 2**37 - 1


def test_quantiles_agree_with_the_sorted_list_to_three_digits() -> None:
    durations = np.exp(Random(3).normal(50_000) * 2.5 + 8).astype(np.int64)
    h = LatencyHistogram()
    h.record_all(durations)
    ordered = np.sort(durations)
    for fraction in (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = int(ordered[max(math.ceil(fraction * len(ordered)), 1) - 1])
        assert exact <= h.quantile_ns(fraction) <= exact + exact / 1000
    assert h.count == len(durations)
    assert (h.min_ns, h.max_ns) == (ordered[0], ordered[-1])
    assert h.mean_ns == pytest.approx(durations.mean())


@given(st.integers(0, MAX_NS))
def test_every_duration_lies_in_its_bucket(duration_ns: int) -> None:
    h = LatencyHistogram()
    h.record(duration_ns)
    (bucket,) = np.flatnonzero(h.counts())
    low, high = LatencyHistogram.edges_ns()[bucket : bucket + 2]
    assert low <= duration_ns < high
    assert high - low <= max(1, duration_ns / 1000)


def test_edges_cover_everything_without_a_hole() -> None:
    edges = LatencyHistogram.edges_ns()
    assert edges[0] == 0
    assert edges[-1] == MAX_NS + 1
    assert (np.diff(edges) > 0).all()


def test_merge_equals_recording_into_one() -> None:
    both, left, right = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for i, ns in enumerate(Random(4).below(10**9, 1000).astype(np.int64).tolist()):
        both.record(ns)
        (left if i % 3 else right).record(ns)
    left.merge(right)
    assert (left.counts() == both.counts()).all()
    assert (left.count, left.min_ns, left.max_ns) == (both.count, both.min_ns, both.max_ns)


def test_durations_outside_the_range_are_counted_as_clamped() -> None:
    h = LatencyHistogram()
    h.record(-5)
    h.record(MAX_NS + 1, times=2)
    assert h.clamped == 3
    assert (h.min_ns, h.max_ns) == (0, MAX_NS)


def test_empty_histogram_answers_zero() -> None:
    h = LatencyHistogram()
    assert (h.quantile_ns(0.5), h.min_ns, h.max_ns, h.mean_ns) == (0, 0, 0, 0.0)


def test_reset_forgets_everything() -> None:
    h = LatencyHistogram()
    h.record(-1)
    h.reset()
    assert (h.count, h.clamped, int(h.counts().sum())) == (0, 0, 0)
