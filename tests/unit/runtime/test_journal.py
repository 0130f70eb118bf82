"""Oracles: the list of records that went in, and hashlib over the files."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kimera._native import runtime as _native
from kimera.errors import InputError, JournalError, JournalFullError
from kimera.model import NO_TIME, RECORD, Kind, RecordArray, empty_records
from kimera.runtime import Journal, JournalConfig, Random, Sync, Upkeep, verify_journal

BLOCK = 16
SEGMENT = 64
SMALL = JournalConfig(records_per_block=BLOCK, records_per_segment=SEGMENT)


def some_records(n: int, seed: int = 1) -> RecordArray:
    """Records with random content and rising times of receipt."""
    random = Random(seed)
    records = empty_records(n)
    records["sequence"] = np.arange(n)
    records["ts_recv_ns"] = np.cumsum(random.below(5, n).astype(np.int64))
    records["price_ticks"] = random.below(10_000, n)
    records["order_id"] = random.integers(n)
    records["kind"] = Kind.DELTA
    return records


def everything(journal: Journal) -> RecordArray:
    batches = list(journal.records())
    return np.concatenate(batches) if batches else empty_records(0)


def chain_by_hashlib(records: RecordArray, metadata: bytes, block: int) -> str:
    """The digest as docs/journal.md defines it, without any of our code."""
    head = hashlib.sha256(
        b"kimera journal 1\n" + struct.pack("<I", block) + hashlib.sha256(metadata).digest()
    ).digest()
    for at in range(0, len(records), block):
        rows = records[at : at + block]
        inner = hashlib.sha256(rows.tobytes()).digest()
        head = hashlib.sha256(head + inner + struct.pack("<Q", len(rows))).digest()
    return head.hex()


@pytest.mark.parametrize("n", [0, 1, BLOCK, BLOCK + 1, SEGMENT, SEGMENT + 1, 5 * SEGMENT + 37])
@pytest.mark.parametrize("upkeep", [Upkeep.BACKGROUND, Upkeep.INLINE])
def test_journal_gives_back_what_was_appended(tmp_path: Path, n: int, upkeep: Upkeep) -> None:
    records = some_records(n)
    config = JournalConfig(records_per_block=BLOCK, records_per_segment=SEGMENT, upkeep=upkeep)
    with Journal.create(tmp_path / "j", metadata={"seed": 3}, config=config) as journal:
        for piece in np.array_split(records, 7):
            journal.append(piece)
        assert len(journal) == n
        digest = journal.digest()
    reopened = Journal.open(tmp_path / "j")
    assert everything(reopened).tobytes() == records.tobytes()
    assert reopened.metadata == {"seed": 3}
    assert reopened.digest() == digest == chain_by_hashlib(records, b'{"seed":3}', BLOCK)
    verdict = reopened.verify()
    assert [f.what for f in verdict.findings] == []
    assert (verdict.records, verdict.digest) == (n, digest)


def test_digest_does_not_depend_on_segments_or_pieces(tmp_path: Path) -> None:
    records = some_records(1000)
    digests = set()
    for i, (segment, pieces) in enumerate([(16, 1), (64, 13), (4096, 1000)]):
        config = JournalConfig(records_per_block=BLOCK, records_per_segment=segment)
        with Journal.create(tmp_path / str(i), config=config) as journal:
            for piece in np.array_split(records, pieces):
                journal.append(piece)
            digests.add(journal.digest())
    assert len(digests) == 1


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 17, 63, 64, 65, 200])
def test_resumed_journal_ends_in_the_same_digest(tmp_path: Path, cut: int) -> None:
    records = some_records(300)
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(records[:cut])
    with Journal.resume(tmp_path / "j") as journal:
        assert journal.cut == 0
        journal.append(records[cut:])
        assert journal.digest() == chain_by_hashlib(records, b"{}", BLOCK)
    assert everything(Journal.open(tmp_path / "j")).tobytes() == records.tobytes()
    assert Journal.open(tmp_path / "j").verify().findings == []


def test_reader_sees_each_append_of_a_live_writer(tmp_path: Path) -> None:
    records = some_records(300)
    with Journal.create(tmp_path / "j", config=SMALL) as writer:
        reader = Journal.open(tmp_path / "j")
        for n in range(0, 300, 30):
            writer.append(records[n : n + 30])
            assert len(reader) == n + 30
            assert everything(reader).tobytes() == records[: n + 30].tobytes()
            assert reader.digest() == writer.digest()
            assert reader.verify().findings == []


def test_records_are_views_of_the_file_and_read_only(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "j") as journal:
        journal.append(some_records(10))
        (batch,) = journal.records()
    assert batch.dtype == RECORD
    assert not batch.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        batch["detail"] = 1


def test_view_outlives_the_journal_object(tmp_path: Path) -> None:
    records = some_records(200)
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(records)
    batches = list(Journal.open(tmp_path / "j").records())
    assert np.concatenate(batches).tobytes() == records.tobytes()


def test_records_between_two_indices(tmp_path: Path) -> None:
    records = some_records(300)
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(records)
        for start, stop in [(0, 300), (5, 6), (60, 70), (63, 193), (299, 400), (10, 10)]:
            got = list(journal.records(start, stop, n_records=25))
            assert all(len(batch) <= 25 for batch in got)
            assert b"".join(b.tobytes() for b in got) == records[start:stop].tobytes()


@pytest.mark.parametrize("n", [0, 1, 30, 100, 1000])
def test_tail_gives_the_last_records(tmp_path: Path, n: int) -> None:
    records = some_records(200)
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(records)
        expected = records[max(200 - n, 0) :] if n else records[:0]
        assert journal.tail(n).tobytes() == expected.tobytes()


@pytest.mark.parametrize("ordered", [True, False])
def test_seek_agrees_with_a_scan(tmp_path: Path, ordered: bool) -> None:
    records = some_records(500)
    if not ordered:
        records["ts_recv_ns"] = Random(9).below(2000, 500).astype(np.int64)
        records["ts_recv_ns"][::7] = NO_TIME
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(records[:410])
    with Journal.resume(tmp_path / "j") as journal:
        journal.append(records[410:])
        for ts in [-5, 0, 1, *Random(2).below(2100, 60).astype(np.int64).tolist(), 10**9]:
            hits = np.flatnonzero(records["ts_recv_ns"] >= ts)
            assert journal.seek(ts) == (hits[0] if len(hits) else 500)


@pytest.mark.parametrize("n_bytes", [0, 1, 43, 44, 45, 5000])
def test_blob_comes_back_also_across_segments(tmp_path: Path, n_bytes: int) -> None:
    payload = bytes(Random(4).below(256, n_bytes).astype(np.uint8))
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(some_records(50))
        header = journal.append_blob(7, payload, ts_event_ns=5, ts_recv_ns=6)
        journal.append(some_records(3))
        assert header == 50
        assert journal.read_blob(header) == payload
    reopened = Journal.open(tmp_path / "j")
    assert reopened.read_blob(header) == payload
    rows = everything(reopened)[50:-3]
    assert (rows["kind"] == Kind.BLOB).all()
    assert (rows["ts_recv_ns"] == 6).all()
    assert len(rows) == 1 + (n_bytes + 43) // 44
    assert (rows[0]["detail"], rows[0]["size_lots"]) == (7, n_bytes)


def test_read_blob_at_another_record_is_refused(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "j") as journal:
        journal.append(some_records(1))
        journal.append_blob(1, b"x" * 100)
        for index, found in [(0, "kind 1"), (2, "kind 6"), (99, "the end at 5")]:
            with pytest.raises(InputError, match=f"expected the header of a blob, found .*{found}"):
                journal.read_blob(index)


def test_two_writers_are_refused(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "j") as journal:
        with pytest.raises(JournalError, match="expected no other writer, found process"):
            Journal.resume(tmp_path / "j")
        code = f"from kimera.runtime import Journal; Journal.resume({str(tmp_path / 'j')!r})"
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "expected no other writer" in other.stderr
        journal.append(some_records(1))
    Journal.resume(tmp_path / "j").close()


def test_create_on_a_journal_is_refused(tmp_path: Path) -> None:
    Journal.create(tmp_path / "j").close()
    with pytest.raises(InputError, match="expected no journal here, found one"):
        Journal.create(tmp_path / "j")


@pytest.mark.parametrize("how", [Journal.open, Journal.resume])
def test_folder_without_a_journal_is_refused(
    tmp_path: Path, how: Callable[[Path], Journal]
) -> None:
    with pytest.raises((InputError, JournalError), match="expected a journal, found none"):
        how(tmp_path)


def test_append_to_a_journal_opened_to_read_is_refused(tmp_path: Path) -> None:
    Journal.create(tmp_path / "j").close()
    with pytest.raises(JournalError, match="opened to read"):
        Journal.open(tmp_path / "j").append(some_records(1))


def test_append_after_close_is_refused(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j")
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(some_records(1))


def test_append_of_another_dtype_is_refused(tmp_path: Path) -> None:
    with (
        Journal.create(tmp_path / "j") as journal,
        pytest.raises(InputError, match="expected records of dtype RECORD"),
    ):
        journal.append(np.zeros(8, dtype=np.int64))


def test_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot make the folder"):
        Journal.create(tmp_path / "file" / "j")


def test_full_bound_refuses_and_leaves_the_journal_readable(tmp_path: Path) -> None:
    records = some_records(1000)
    bytes_of_two = 2 * (4096 + 4096 + 4096 + SEGMENT * 64)
    config = JournalConfig(
        records_per_block=BLOCK, records_per_segment=SEGMENT, max_bytes=bytes_of_two
    )
    with Journal.create(tmp_path / "j", config=config) as journal:
        with pytest.raises(JournalFullError, match=f"max_bytes {bytes_of_two} would be passed"):
            journal.append(records)
        with pytest.raises(JournalFullError):
            journal.append(records[:1])
        assert len(journal) == 2 * SEGMENT
    assert everything(Journal.open(tmp_path / "j")).tobytes() == records[: 2 * SEGMENT].tobytes()
    assert Journal.open(tmp_path / "j").verify().findings == []
    with Journal.resume(tmp_path / "j") as journal:
        journal.append(records[2 * SEGMENT :])
    assert everything(Journal.open(tmp_path / "j")).tobytes() == records.tobytes()


@pytest.mark.parametrize(
    ("field", "value"),
    [("records_per_segment", 100), ("max_bytes", 5), ("records_per_block", 0)],
)
def test_config_out_of_range_is_refused(tmp_path: Path, field: str, value: int) -> None:
    options = _native.JournalOptions()
    setattr(options, field, value)
    with pytest.raises(InputError, match=field):
        _native.JournalWriter.create(str(tmp_path / "j"), options)


@pytest.mark.parametrize("sync", [Sync.INTERVAL, Sync.EVERY_APPEND])
@pytest.mark.parametrize("upkeep", [Upkeep.BACKGROUND, Upkeep.INLINE])
def test_synced_journal_holds_the_same(tmp_path: Path, sync: Sync, upkeep: Upkeep) -> None:
    records = some_records(150)
    config = JournalConfig(
        records_per_block=BLOCK,
        records_per_segment=SEGMENT,
        sync=sync,
        sync_interval_ns=0,
        upkeep=upkeep,
    )
    with Journal.create(tmp_path / "j", config=config) as journal:
        for i in range(0, 150, 25):
            journal.append(records[i : i + 25])
        journal.sync()
        assert journal.digest() == chain_by_hashlib(records, b"{}", BLOCK)
    assert everything(Journal.open(tmp_path / "j")).tobytes() == records.tobytes()


def test_verify_of_a_journal_that_grows_meanwhile_finds_nothing(tmp_path: Path) -> None:
    stop = threading.Event()

    def write(journal: Journal) -> None:
        while not stop.is_set() and len(journal) < 800_000:
            journal.append(empty_records(500))

    with Journal.create(tmp_path / "j") as journal:
        journal.append(empty_records(100_000))
        writer = threading.Thread(target=write, args=(journal,))
        writer.start()
        try:
            verdicts = [verify_journal(tmp_path / "j") for _ in range(8)]
        finally:
            stop.set()
            writer.join()
    assert [finding.what for verdict in verdicts for finding in verdict.findings] == []
    assert verdicts[-1].records > verdicts[0].records
