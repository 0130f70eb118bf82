from __future__ import annotations

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.portfolio import (
    YEAR_NS,
    calmar_ratio,
    drawdown,
    longest_drawdown_ns,
    max_drawdown,
    sharpe_ratio,
    sortino_ratio,
)

EQUITY = np.array([0.0, 3.0, 1.0, 2.0, 5.0, 4.0])
TIMES = np.arange(6, dtype=np.int64) * 10


def test_drawdown_by_hand() -> None:
    assert drawdown(EQUITY).tolist() == [0, 0, 2, 1, 0, 1]
    assert max_drawdown(EQUITY) == 2
    assert longest_drawdown_ns(TIMES, EQUITY) == 20


def test_drawdown_of_a_curve_that_only_loses_counts_from_zero() -> None:
    assert drawdown(np.array([-1.0, -4.0])).tolist() == [1, 4]


def test_sharpe_ratio_by_hand() -> None:
    steps = np.diff(EQUITY)
    expected = steps.mean() / steps.std(ddof=1) * (YEAR_NS / 10) ** 0.5
    assert sharpe_ratio(TIMES, EQUITY) == pytest.approx(expected)


def test_sortino_ratio_by_hand() -> None:
    below = ((2.0**2 + 1.0**2) / 5) ** 0.5
    assert sortino_ratio(TIMES, EQUITY) == pytest.approx(0.8 / below * (YEAR_NS / 10) ** 0.5)


def test_calmar_ratio_by_hand() -> None:
    assert calmar_ratio(TIMES, EQUITY) == pytest.approx(4.0 / (50 / YEAR_NS) / 2.0)


@pytest.mark.parametrize("measure", [sharpe_ratio, sortino_ratio, calmar_ratio])
def test_ratios_of_a_flat_curve_are_nan(measure: object) -> None:
    assert np.isnan(measure(TIMES, np.zeros(6)))  # type: ignore[operator]


def test_curve_with_a_hole_is_refused_with_its_row() -> None:
    with pytest.raises(InputError, match="row 1 was nan"):
        max_drawdown(np.array([0.0, np.nan]))
