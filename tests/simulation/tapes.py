"""Tapes in memory, for tests of the event loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np

from kimera._native import bench
from kimera.model import (
    RECORD,
    Action,
    Instrument,
    Kind,
    RecordArray,
    RecordFlag,
    Side,
    Venue,
    empty_records,
)

T0 = 1_700_000_000_000_000_000


class MemoryTape:
    """Records as a tape of one venue."""

    format: str = "memory"

    def __init__(
        self, records: RecordArray, *, n_instruments: int = 1, venue: Venue | None = None
    ) -> None:
        self.records = records
        self.file = "memory"
        self.anomalies: Counter[str] = Counter()
        self.venues: tuple[Venue, ...] = (venue or Venue(1, "TEST"),)
        self.instruments: tuple[Instrument, ...] = tuple(
            Instrument(
                instrument_id=i + 1,
                symbol=f"X{i + 1}",
                venue_id=1,
                tick_size=Decimal("0.01"),
                lot_size=Decimal(1),
                base="X",
                quote="USD",
            )
            for i in range(n_instruments)
        )

    def batches(self, n_records: int = 65_536) -> Iterator[RecordArray]:
        for start in range(0, len(self.records), n_records):
            yield self.records[start : start + n_records]


def streams(n_events: int, seed: int = 7) -> tuple[RecordArray, RecordArray]:
    """The same market by order and by price."""
    by_order, by_price = bench.make_stream(n_events, seed)
    return by_order.view(RECORD), by_price.view(RECORD)


Row = tuple[int, Action, Side, int, int, int]


def tape_of(rows: Sequence[Row]) -> RecordArray:
    """Records from (time after T0 [ns], action, side, order id, price, size)."""
    out = empty_records(len(rows))
    for record, (at, action, side, order_id, price, lots) in zip(out, rows, strict=True):
        record["ts_event_ns"] = T0 + at
        record["ts_recv_ns"] = T0 + at
        record["kind"] = Kind.DELTA
        record["action"] = action
        record["side"] = side
        record["order_id"] = order_id
        record["price_ticks"] = price
        record["size_lots"] = lots
    out["instrument_id"] = 1
    out["venue_id"] = 1
    out["flags"] = RecordFlag.LAST
    out["sequence"] = np.arange(1, len(rows) + 1)
    return out
