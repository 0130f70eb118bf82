from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kimera.desk.report.series import (
    milliseconds,
    rounded,
    spaced_index,
    stretch_means,
    thin_index,
)


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400),
    st.integers(4, 50),
)
def test_thin_index_any_series_keeps_ends_extremes_and_the_bound(
    values: list[float], limit: int
) -> None:
    series = np.array(values)
    kept = thin_index(series, limit)
    assert len(kept) <= limit
    assert (np.diff(kept) > 0).all()
    assert (kept[0], kept[-1]) == (0, len(series) - 1)
    assert series[kept].min() == series.min()
    assert series[kept].max() == series.max()


def test_thin_index_with_a_gap_keeps_the_gap() -> None:
    series = np.arange(1000.0)
    series[400:600] = np.nan
    kept = thin_index(series, 40)
    assert np.isnan(series[kept]).any()
    assert np.nanmax(series[kept]) == 999.0


@given(st.integers(0, 500), st.integers(2, 60))
def test_spaced_index_keeps_first_and_last_within_the_bound(n_items: int, limit: int) -> None:
    kept = spaced_index(n_items, limit)
    assert len(kept) == min(n_items, limit)
    if n_items:
        assert (kept[0], kept[-1]) == (0, n_items - 1)


def test_rounded_values_that_are_not_numbers_are_gaps() -> None:
    values = np.array([1.23456789, np.nan, np.inf, -0.000123456])
    assert rounded(values, 3) == [1.23, None, None, -0.000123]


def test_milliseconds_of_nanoseconds_keep_a_tenth() -> None:
    assert milliseconds(np.array([1_700_000_000_123_456_789])) == [1_700_000_000_123.5]


@given(st.lists(st.floats(-1e6, 1e6), max_size=200), st.integers(1, 30))
def test_stretch_means_weighted_by_their_lengths_give_the_mean(
    values: list[float], limit: int
) -> None:
    begins, means = stretch_means(np.array(values), limit)
    assert len(begins) == min(len(values), limit)
    lengths = np.diff([*begins, len(values)])
    assert np.isclose((means * lengths).sum(), sum(values), atol=1e-3)


def test_stretch_means_leave_out_what_is_missing() -> None:
    begins, means = stretch_means(np.array([1.0, np.nan, np.nan, np.nan]), 2)
    assert begins.tolist() == [0, 2]
    assert means[0] == 1.0
    assert np.isnan(means[1])
