"""The counts are those that an independent reader of the same captures found."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import FormatError, SequenceError
from kimera.market import open_tape
from kimera.model import Action, Kind, RecordFlag, Side

DEEP = {"H": 93_638, "O": 93_638, "P": 93_636, "T": 83_343, "5": 14_627, "8": 12_941}
DEEP |= {"S": 44, "E": 59, "B": 73}
TOPS = {"Q": 27_217, "T": 6_390, "H": 7_803, "P": 7_802, "O": 7_801, "A": 642, "D": 10}
TOPS |= {"S": 6, "B": 3}


def types(counts: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if len(name) == 1}


def test_deep_lenient_counts_every_message_gap_and_backward_time(market_data: Path) -> None:
    tape = open_tape(market_data / "iex" / "DEEP10.pcap.gz", strict=False)
    records = np.concatenate(list(tape.batches()))
    assert types(tape.counts) == DEEP
    assert tape.counts["gaps"] == 11
    assert tape.anomalies == {"sequence_gap": 11, "event_time_backwards": 15_841, "truncated": 1}
    levels = records[(records["action"] == Action.LEVEL) & (records["kind"] == Kind.DELTA)]
    assert np.count_nonzero(levels["side"] == Side.BID) == DEEP["8"]
    assert np.count_nonzero(levels["side"] == Side.ASK) == DEEP["5"]
    assert np.all(np.diff(records["ts_recv_ns"]) >= 0)
    gaps = records[records["flags"] & RecordFlag.GAP_BEFORE != 0]
    # The sender restarted eleven times; before the last no book had been built again.
    assert tape.counts["restarts"] == 11
    assert len(np.unique(gaps["ts_recv_ns"])) == 10


def test_deep_strict_stops_at_the_first_gap(market_data: Path) -> None:
    with pytest.raises(SequenceError, match="offset 1198543: expected message 28141, found"):
        list(open_tape(market_data / "iex" / "DEEP10.pcap.gz").batches())


def test_tops_equals_a_plain_struct_reader(market_data: Path) -> None:
    path = market_data / "iex" / "TOPS16.pcap.gz"
    tape = open_tape(path)
    records = np.concatenate(list(tape.batches()))
    assert types(tape.counts) == TOPS
    assert tape.counts["packets"] == 13_022
    assert tape.anomalies == {"event_time_backwards": 29}
    raw, at, quotes, trades = gzip.decompress(path.read_bytes()), 24, [], []
    while at < len(raw):
        seconds, micros, length, _ = struct.unpack_from("<IIII", raw, at)
        frame = raw[at + 16 + 42 : at + 16 + length]
        at += 16 + length
        inside = 40
        for _ in range(struct.unpack_from("<H", frame, 14)[0]):
            (size,) = struct.unpack_from("<H", frame, inside)
            m = frame[inside + 2 : inside + 2 + size]
            inside += 2 + size
            recv = seconds * 10**9 + micros * 1000
            if m[:1] == b"Q":
                ts, sym, bs, bp, ap, asz = struct.unpack_from("<q8sIqqI", m, 2)
                name = sym.decode().strip()
                quotes += [(recv, ts, name, 0, bs, bp), (recv, ts, name, 1, asz, ap)]
            elif m[:1] == b"T":
                ts, sym, size, price = struct.unpack_from("<q8sIq", m, 2)
                trades.append((recv, ts, sym.decode().strip(), 2, size, price))
    for kind, expected in ((Kind.QUOTE, quotes), (Kind.DELTA, trades)):
        ours = []
        for r in records[records["kind"] == kind]:
            instrument = tape.instruments[r["instrument_id"] - 1]
            empty = r["price_ticks"] == np.iinfo(np.int64).min
            price = 0 if empty else int(instrument.price(r["price_ticks"]) * 10_000)
            when = (int(r["ts_recv_ns"]), int(r["ts_event_ns"]))
            ours.append((*when, instrument.symbol, int(r["side"]), int(r["size_lots"]), price))
        assert ours == expected


def test_a_capture_cut_anywhere_says_where(market_data: Path, tmp_path: Path) -> None:
    raw = gzip.decompress((market_data / "iex" / "TOPS16.pcap.gz").read_bytes())
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(raw[:100_001])
    with pytest.raises(FormatError, match=r"offset \d+: expected a whole packet, found \d+ bytes"):
        list(open_tape(cut).batches())
    tape = open_tape(cut, strict=False)
    assert sum(map(len, tape.batches())) > 0
    assert tape.anomalies["truncated"] == 1
