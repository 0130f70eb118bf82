import gzip
import itertools
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import FormatError, InputError, SequenceError
from kimera.market import CODECS, Tape, open_tape, write_tape
from kimera.market.source import Source
from kimera.model import Instrument, RecordArray, Venue, empty_records


class ListTape(Tape):
    """A tape of given pieces."""

    format = "list"

    def __init__(self, pieces: list[RecordArray], *, strict: bool = True) -> None:
        super().__init__([], strict=strict)
        self.pieces = pieces
        self.venues = (Venue(1, "V"),)
        self.instruments = (
            Instrument(
                instrument_id=1,
                symbol="X",
                venue_id=1,
                tick_size=Decimal("0.01"),
                lot_size=Decimal("0.001"),
                inverse=True,
            ),
        )

    def _pieces(self) -> Iterator[RecordArray]:
        yield from self.pieces


def some_records(n_records: int, seed: int = 7) -> RecordArray:
    """Records with every byte drawn, so that a lost or swapped field shows."""
    rng = np.random.default_rng(seed)
    records = empty_records(n_records)
    records.view(np.uint8)[:] = rng.integers(0, 256, 64 * n_records, dtype=np.uint8)
    records["ts_recv_ns"] = np.sort(records["ts_recv_ns"])
    return records


@pytest.mark.parametrize("n_records", [1, 3, 64, 1000])
def test_batches_any_piece_sizes_give_every_record_once(n_records: int) -> None:
    whole = some_records(777)
    cuts = [0, 0, 1, 5, 5, 300, 301, 777]
    tape = ListTape([whole[a:b] for a, b in itertools.pairwise(cuts)])
    batches = list(tape.batches(n_records))
    assert all(len(batch) == n_records for batch in batches[:-1])
    assert np.concatenate(batches).tobytes() == whole.tobytes()


def test_batches_time_backwards_strict_names_the_record() -> None:
    records = some_records(10)
    records["ts_recv_ns"] = [1, 2, 3, 9, 4, 5, 10, 11, 12, 13]
    with pytest.raises(SequenceError, match=r"record 4: expected .* from 9 ns on, found 4 ns"):
        list(ListTape([records[:3], records[3:]]).batches())


def test_batches_time_backwards_across_pieces_lenient_counts() -> None:
    records = some_records(10)
    records["ts_recv_ns"] = [1, 2, 3, 9, 4, 5, 10, 11, 12, 13]
    tape = ListTape([records[:4], records[4:]], strict=False)
    assert sum(map(len, tape.batches())) == 10
    assert tape.anomalies == {"time_backwards": 2}
    list(tape.batches())
    assert tape.anomalies == {"time_backwards": 2}, "a second reading starts from zero"


def test_batches_zero_records_refused() -> None:
    with pytest.raises(InputError, match="at least 1, was 0"):
        ListTape([]).batches(0)


def test_parquet_round_trip_is_exact(tmp_path: Path) -> None:
    whole = some_records(70_001)
    tape = ListTape([whole])
    tape.notes.append("tick size given")
    assert write_tape(tape, tmp_path / "t.parquet") == len(whole)
    back = open_tape(tmp_path / "t.parquet")
    assert back.format == "parquet"
    assert back.instruments == tape.instruments
    assert back.venues == tape.venues
    assert back.notes == tape.notes
    assert np.concatenate(list(back.batches())).tobytes() == whole.tobytes()


def test_open_tape_unknown_content_names_the_formats(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\x00" * 100)
    with pytest.raises(FormatError, match=r"x\.bin: offset 0: expected one of the formats lobster"):
        open_tape(tmp_path / "x.bin")


def test_open_tape_absent_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        open_tape(tmp_path / "absent")


def test_open_tape_unknown_format_and_option_are_named(tmp_path: Path) -> None:
    write_tape(ListTape([some_records(1)]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"expected one of lobster, .*, was 'lobstr'"):
        open_tape(tmp_path / "t.parquet", format="lobstr")
    with pytest.raises(InputError, match="option 'tick' is not known"):
        open_tape(tmp_path / "t.parquet", tick=1)


def test_parquet_truncated_is_a_format_error(tmp_path: Path) -> None:
    write_tape(ListTape([some_records(1000)]), tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="footer: expected a whole Parquet file"):
        open_tape(tmp_path / "cut.parquet")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_source_cut_gzip_gives_all_bytes_before_the_damage(tmp_path: Path, share: float) -> None:
    whole = np.random.default_rng(5).integers(0, 64, 3_000_000, dtype=np.uint8).tobytes()
    packed = gzip.compress(whole)
    cut = packed[: int(len(packed) * share)]
    path = tmp_path / "cut.gz"
    path.write_bytes(cut)
    there = zlib.decompressobj(wbits=31).decompress(cut)
    pieces: list[bytes] = []
    with pytest.raises(FormatError, match="expected the rest of the gzip data") as raised:
        pieces.extend(Source(path).chunks(100_000))
    got = b"".join(pieces)
    assert 0 < max(map(len, pieces)) <= 100_000
    assert there.startswith(got)
    assert len(there) - len(got) < 65_536  # what stands in the last block that is read whole
    assert raised.value.where == f"offset {len(got)} (unpacked)"


def test_binance_cut_gzip_lenient_counts_and_keeps_what_was_whole(tmp_path: Path) -> None:
    line = b'1680652800004107 {"stream":"btcusdt@trade","data":{"e":"trade","E":1680652800003,'
    line += b'"s":"BTCUSDT","t":%d,"p":"28170.01","q":"0.002","b":1,"a":2,"T":1680652800002,'
    line += b'"m":true,"M":true}}\n'
    packed = gzip.compress(b"".join(line % n for n in range(1000)))
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(packed[:-600])
    tape = open_tape(path, strict=False)
    n_records = sum(map(len, tape.batches()))
    assert 300 < n_records < 1000
    assert tape.anomalies["truncated"] == 1
    with pytest.raises(FormatError, match=r"cut\.jsonl\.gz: offset \d+ \(unpacked\): expected"):
        open_tape(path)


def test_open_tape_folder_or_empty_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(FormatError, match="found an empty file"):
        open_tape(tmp_path / "empty.csv")
    with pytest.raises(FormatError, match="found a folder that is no journal"):
        open_tape(tmp_path)
    for codec in CODECS:
        if codec.name != "journal":
            with pytest.raises(InputError, match=f"format {codec.name}: expected a file, was a f"):
                open_tape(tmp_path, format=codec.name)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_write_tape_that_fails_midway_keeps_the_file_before(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    write_tape(ListTape([some_records(5)]), path)
    before = path.read_bytes()
    broken = some_records(10)
    broken["ts_recv_ns"] = range(10, 0, -1)
    with pytest.raises(SequenceError, match="record 1"):
        write_tape(ListTape([broken]), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_write_tape_where_nothing_can_be_written_is_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "absent" / f"t.{suffix}"
    with pytest.raises(InputError, match=rf"t\.{suffix}: cannot be written: No such file or dir"):
        write_tape(ListTape([some_records(5)]), path)


def test_journal_with_a_changed_byte_is_no_tape_unless_lenient(tmp_path: Path) -> None:
    records = some_records(1000)
    records["kind"] = 1
    write_tape(ListTape([records]), tmp_path / "t.journal")
    assert sum(map(len, open_tape(tmp_path / "t.journal").batches())) == 1000
    segment = tmp_path / "t.journal" / "00000001.seg"
    raw = bytearray(segment.read_bytes())
    raw[-64 * 500] ^= 1
    segment.write_bytes(raw)
    with pytest.raises(
        FormatError, match=r"00000001\.seg: offset \d+: .* found a byte of ts_event"
    ):
        next(open_tape(tmp_path / "t.journal").batches())
    tape = open_tape(tmp_path / "t.journal", strict=False)
    assert sum(map(len, tape.batches())) == 1000
    assert tape.anomalies["journal_findings"] == 1
