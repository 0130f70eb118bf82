"""What a long run must not do: grow, or hold on to a terminal that asked it to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kimera.runtime import Journal, verify_journal
from kimera.system import playback

_PEAK = """
import sys
from collections.abc import Iterator
from tests.simulation.tapes import MemoryTape, streams
from kimera.system import ReplayConfig, RunBounds, replay

class Repeated(MemoryTape):
    def batches(self, n_records=65_536):
        span = int(self.records["ts_event_ns"][-1] - self.records["ts_event_ns"][0]) + 1
        for turn in range(int(sys.argv[1])):
            copy = self.records.copy()
            for field in ("ts_event_ns", "ts_recv_ns"):
                copy[field] += turn * span
            clear = copy[:1].copy()
            clear["action"], clear["side"], clear["order_id"] = 7, 2, 0
            if turn:
                yield clear
            yield copy

by_order, _ = streams(60_000)
bounds = RunBounds(max_samples=1_000, max_fills=10_000)
result = replay(Repeated(by_order), "market-making-v1", ReplayConfig(bounds=bounds))
assert result.events >= 60_000 * int(sys.argv[1])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1])
"""


def peak_mb(turns: int) -> float:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(turns)],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_when_the_tape_is_twice_as_long() -> None:
    assert abs(peak_mb(20) - peak_mb(10)) < 10


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_over_tens_of_millions_of_records() -> None:
    assert abs(peak_mb(600) - peak_mb(300)) < 10


_LONG = """
import sys
from kimera.system import simulate
simulate(None, "market-making-v1", seed=1, duration_ns=10**13, journal=sys.argv[1])
"""


def test_interrupt_ends_a_quiet_run_and_leaves_its_journal_whole(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    running = subprocess.Popen([sys.executable, "-c", _LONG, str(folder)], stderr=subprocess.PIPE)
    try:
        for _ in range(1_200):
            if (folder / "metadata.json").is_file() and len(Journal.open(folder)) > 50_000:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)  # far beyond the second it takes
    finally:
        running.kill()
    assert b"KeyboardInterrupt" in errors
    assert list(verify_journal(folder).findings) == []
    assert playback(folder).difference is None
