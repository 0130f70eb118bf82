from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kimera.market import SimulatedMarket
from kimera.model import RECORD, Instrument, RecordArray, Venue
from kimera.system import SimulationConfig, replay


class Tape:
    """Records in memory, in one batch."""

    format = "test"

    def __init__(self, market: SimulatedMarket, records: RecordArray) -> None:
        self.instruments: tuple[Instrument, ...] = market.instruments
        self.venues: tuple[Venue, ...] = market.venues
        self.anomalies: dict[str, int] = {}
        self.records = records

    def batches(self, n_records: int = 65_536) -> Iterator[RecordArray]:
        yield self.records


def shifted(records: RecordArray, n_bytes: int) -> RecordArray:
    """The same records, `n_bytes` off a cache line."""
    raw = np.zeros(records.nbytes + 128, dtype=np.uint8)
    begin = -raw.ctypes.data % 64 + n_bytes
    moved = raw[begin : begin + records.nbytes].view(RECORD)
    moved[:] = records
    return moved


def test_replay_of_records_off_a_cache_line_equals_that_of_aligned_ones() -> None:
    market = SimulatedMarket(SimulationConfig().market, seed=3)
    records = market.records(500_000_000)
    fingerprints = {
        replay(Tape(market, shifted(records, n_bytes)), "touch-maker-v1").fingerprint
        for n_bytes in (0, 8, 16, 32)
    }
    assert len(fingerprints) == 1
