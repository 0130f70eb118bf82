from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from kimera._native.runtime import TscClock
from kimera.errors import SequenceError
from kimera.runtime import Clock, ManualClock, SystemClock


@pytest.mark.parametrize("clock", [SystemClock, ManualClock, TscClock])
def test_every_clock_satisfies_the_protocol(clock: Callable[[], Clock]) -> None:
    assert isinstance(clock(), Clock)


def test_system_clock_lies_between_two_readings_of_the_kernel() -> None:
    before = time.clock_gettime_ns(time.CLOCK_REALTIME)
    now = SystemClock().now_ns()
    assert before <= now <= time.clock_gettime_ns(time.CLOCK_REALTIME)


def test_tsc_clock_follows_the_kernel_clock() -> None:
    clock = TscClock(calibration_ns=20_000_000)
    time.sleep(0.05)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    now = clock.monotonic_ns()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert before - 100_000 <= now <= after + 100_000  # 20 ms give the rate to about 1e-6


def test_tsc_clock_does_not_run_backwards() -> None:
    clock = TscClock()
    readings = [clock.monotonic_ns() for _ in range(1000)]
    assert readings == sorted(readings)


def test_manual_clock_moves_when_told() -> None:
    clock = ManualClock(500)
    clock.advance_to(700)
    clock.advance_ns(0)
    assert (clock.now_ns(), clock.monotonic_ns()) == (700, 200)


def test_manual_clock_refuses_to_go_back() -> None:
    clock = ManualClock(500)
    with pytest.raises(SequenceError, match="asked to move to 499 ns, already at 500 ns"):
        clock.advance_to(499)
    assert clock.now_ns() == 500
