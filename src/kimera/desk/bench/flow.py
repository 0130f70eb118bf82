"""The simulated market: records per second of wall time, and market time against wall time."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from kimera.desk.bench import Measurement, Profile
from kimera.market import SimulatedMarket, SimulationConfig
from kimera.model import RecordArray
from kimera.runtime import Journal

__all__ = ["measure"]

SECOND_NS = 1_000_000_000
SEED = 1


def measure(profile: Profile) -> list[Measurement]:
    """Measure the embedded default market: alone, and with its journal written."""
    seconds = profile.events(300)
    config = msgspec.structs.replace(SimulationConfig.default_crypto(), fundamental_mark_ns=0)
    rows = []
    for name, work, target in (
        ("default 2 x 2 market, records", _alone, 1.0),
        ("default 2 x 2 market, records journalled", _journalled, 1.0),
    ):
        rates, paces = [], []
        for _ in range(profile.rounds):
            start_ns = time.perf_counter_ns()
            n_records = work(config, seconds)
            wall_s = (time.perf_counter_ns() - start_ns) / SECOND_NS
            rates.append(n_records / wall_s / 1e6)
            paces.append(seconds / wall_s)
        rows.append(_row(name, statistics.median(rates), "M records/s", target, profile))
        rows.append(
            _row(
                f"{name}: market time over wall time", statistics.median(paces), "x", None, profile
            )
        )
    return rows


def _row(name: str, value: float, unit: str, target: float | None, profile: Profile) -> Measurement:
    return Measurement(
        area="flow", name=name, value=value, unit=unit, target=target, runs=profile.rounds
    )


def _run(config: SimulationConfig, seconds: int, sink: Callable[[RecordArray], object]) -> int:
    market = SimulatedMarket(config, SEED)
    n_records = 0
    for batch in market.run(seconds * SECOND_NS):
        sink(batch)
        n_records += len(batch)
    return n_records


def _alone(config: SimulationConfig, seconds: int) -> int:
    return _run(config, seconds, len)


def _journalled(config: SimulationConfig, seconds: int) -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.create(Path(folder) / "journal") as journal,
    ):
        return _run(config, seconds, journal.append)
