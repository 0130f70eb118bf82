"""The journal under the death of its writer, torn files, changed bytes and full disks.

The writers that die are forks of this process: they start in a millisecond, so that a hundred of
them can be killed within seconds, each at a random moment (preparing files included).
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from kimera.errors import InputError, JournalCorruptError, JournalError, JournalFullError
from kimera.model import NO_TIME, RecordArray, empty_records
from kimera.runtime import Journal, JournalConfig, Random, Sync, Upkeep, verify_journal

BLOCK = 16
SEGMENT = 64
SMALL = JournalConfig(records_per_block=BLOCK, records_per_segment=SEGMENT)
RECORDS_OFFSET = 3 * 4096


def expected_records(start: int, stop: int) -> RecordArray:
    """What stands at these indices: a function of the index alone, so any loss shows."""
    index = np.arange(start, stop, dtype=np.uint64)
    records = empty_records(stop - start)
    records["sequence"] = index
    records["order_id"] = index * np.uint64(0x9E3779B97F4A7C15)
    records["ts_recv_ns"] = (index * np.uint64(3)).astype(np.int64)
    records["size_lots"] = (index % np.uint64(1000)).astype(np.int64)
    return records


def everything(journal: Journal) -> RecordArray:
    batches = list(journal.records())
    return np.concatenate(batches) if batches else empty_records(0)


def chain_by_hashlib(records: RecordArray) -> str:
    head = hashlib.sha256(
        b"kimera journal 1\n" + struct.pack("<I", BLOCK) + hashlib.sha256(b"{}").digest()
    ).digest()
    for at in range(0, len(records), BLOCK):
        rows = records[at : at + BLOCK]
        inner = hashlib.sha256(rows.tobytes()).digest()
        head = hashlib.sha256(head + inner + struct.pack("<Q", len(rows))).digest()
    return head.hex()


def append_for_ever(path: Path, acknowledged: mmap.mmap, config: JournalConfig, seed: int) -> None:
    """Child: resume or create, append pieces, publish the acknowledged count after each."""
    random = Random(seed)
    try:
        journal = Journal.resume(path, config=config)
    except InputError:
        journal = Journal.create(path, config=config)
    if journal.cut:
        os._exit(3)
    at = len(journal)
    while True:
        n = int(random.below(40, 1)[0]) + 1
        journal.append(expected_records(at, at + n))
        at += n
        acknowledged[:8] = struct.pack("<Q", at)


def fork_and_kill(child: Callable[[], None], after_s: float) -> int:
    """Kill -9 the child after a while; its wait status."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            child()
        os._exit(4)
    time.sleep(after_s)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("upkeep", [Upkeep.BACKGROUND, Upkeep.INLINE])
def test_writer_killed_fifty_times_loses_nothing_acknowledged(
    tmp_path: Path, upkeep: Upkeep
) -> None:
    config = JournalConfig(records_per_block=BLOCK, records_per_segment=SEGMENT, upkeep=upkeep)
    acknowledged = mmap.mmap(-1, 8)
    moments = Random(11).uniform(50) ** 2 * 0.03
    grown = 0
    for turn, after_s in enumerate(moments.tolist()):
        status = fork_and_kill(
            lambda turn=turn: append_for_ever(tmp_path / "j", acknowledged, config, turn),  # type: ignore[misc]
            after_s,
        )
        assert os.WIFSIGNALED(status), "the child ended by itself"
        count = struct.unpack("<Q", acknowledged[:8])[0]
        if not count:
            continue
        journal = Journal.open(tmp_path / "j")
        assert len(journal) >= count
        assert everything(journal).tobytes() == expected_records(0, len(journal)).tobytes()
        assert [f.what for f in journal.verify().findings] == []
        grown += len(journal) > grown
    assert grown > 10
    with Journal.resume(tmp_path / "j") as journal:
        n = len(journal)
        journal.append(expected_records(n, n + 100))
        assert journal.digest() == chain_by_hashlib(expected_records(0, n + 100))
    assert verify_journal(tmp_path / "j").findings == []


def make_journal(path: Path, n: int, *, closed: bool) -> None:
    """A journal of n expected records, closed or left by a killed writer."""

    def write() -> None:
        journal = Journal.create(path, config=SMALL)
        journal.append(expected_records(0, n))
        journal.digest()
        if closed:
            journal.close()
        os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            write()
        os._exit(4)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def segment_of(path: Path, record: int) -> tuple[Path, int]:
    """File and offset of a record."""
    number, within = divmod(record, SEGMENT)
    return path / f"{number + 1:08d}.seg", RECORDS_OFFSET + within * 64


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("n", [64 + 37, 128, 1])
def test_file_torn_anywhere_in_the_last_record_loses_that_record_only(
    tmp_path: Path, closed: bool, n: int
) -> None:
    make_journal(tmp_path / "whole", n, closed=closed)
    for bytes_left in range(64):
        path = tmp_path / f"torn{bytes_left}"
        shutil.copytree(tmp_path / "whole", path)
        file, offset = segment_of(path, n - 1)
        os.truncate(file, offset + bytes_left)
        (finding, *_) = verify_journal(path).findings
        assert (finding.file, finding.offset, finding.record) == (
            file.name,
            offset + bytes_left,
            n - 1,
        )
        assert everything(Journal.open(path)).tobytes() == expected_records(0, n - 1).tobytes()
        with Journal.resume(path) as journal:
            assert (len(journal), journal.cut) == (n - 1, 1)
            journal.append(expected_records(n - 1, n + 30))
            assert journal.digest() == chain_by_hashlib(expected_records(0, n + 30))
        assert verify_journal(path).findings == []
        shutil.rmtree(path)


def test_half_written_last_record_is_cut(tmp_path: Path) -> None:
    make_journal(tmp_path / "whole", 100, closed=False)
    for written in range(1, 64, 9):
        path = tmp_path / f"half{written}"
        shutil.copytree(tmp_path / "whole", path)
        file, offset = segment_of(path, 99)
        overwrite(file, offset + written, bytes(64 - written))
        with Journal.resume(path) as journal:
            assert (len(journal), journal.cut) == (99, 1)
        assert verify_journal(path).findings == []


def overwrite(file: Path, offset: int, content: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)


def test_record_changed_before_the_end_is_refused_not_cut(tmp_path: Path) -> None:
    for closed in (True, False):
        path = tmp_path / f"j{closed}"
        make_journal(path, 120, closed=closed)
        file, offset = segment_of(path, 115)
        overwrite(file, offset + 8, b"\xff\xff")
        with pytest.raises(JournalCorruptError, match="record 115 does not match its checksum"):
            Journal.resume(path)
        assert len(Journal.open(path)) == 120


@pytest.fixture(scope="module")
def closed_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flip") / "j"
    config = JournalConfig(records_per_block=BLOCK, records_per_segment=SEGMENT, retain_segments=4)
    with Journal.create(path, metadata={"seed": 5}, config=config) as journal:
        for at in range(0, 500, 20):
            journal.append(expected_records(at, at + 20))
            journal.digest()
    return path


def test_flipped_bit_anywhere_is_found_and_its_file_named(closed_journal: Path) -> None:
    assert verify_journal(closed_journal).findings == []
    random = Random(21)
    files = sorted(p for p in closed_journal.iterdir() if p.name != "LOCK")
    assert [f.name for f in files if f.suffix != ".seg"] == ["anchor", "metadata.json"]
    for file in files:
        original = file.read_bytes()
        offsets = sorted({int(x) for x in random.below(len(original), 400)})
        for offset in offsets:
            flipped = original[offset] ^ (1 << int(random.below(8, 1)[0]))
            overwrite(file, offset, bytes([flipped]))
            findings = verify_journal(closed_journal).findings
            assert any(f.file == file.name for f in findings), (file.name, offset)
            overwrite(file, offset, original[offset : offset + 1])
    assert verify_journal(closed_journal).findings == []


def test_flipped_byte_of_a_record_is_named_exactly(closed_journal: Path) -> None:
    journal = Journal.open(closed_journal)
    random = Random(22)
    span = len(journal) - journal.first
    for pick in random.below(span * 64, 300).astype(np.int64).tolist():
        record, byte = journal.first + pick // 64, pick % 64
        file, start = segment_of(closed_journal, record)
        before = file.read_bytes()[start + byte]
        after = before ^ int(random.below(255, 1)[0] + 1)
        overwrite(file, start + byte, bytes([after]))
        (finding,) = verify_journal(closed_journal).findings
        assert (finding.file, finding.offset, finding.block, finding.record) == (
            file.name,
            start + byte,
            record // BLOCK,
            record,
        )
        assert f"expected 0x{before:02x}, found 0x{after:02x}" in finding.what
        overwrite(file, start + byte, bytes([before]))


def test_record_changed_with_its_checksums_breaks_the_chain(tmp_path: Path) -> None:
    """Someone who knows the format changes a record of a sealed block and all checksums of it."""
    path = tmp_path / "j"
    make_journal(path, 200, closed=True)
    file, offset = segment_of(path, 70)
    changed = expected_records(70, 71)
    changed["size_lots"] = 999_999
    forged = tmp_path / "forged"
    with Journal.create(forged, config=SMALL) as journal:
        rows = expected_records(0, 200)
        rows[70] = changed[0]
        journal.append(rows)
    forged_bytes = (forged / file.name).read_bytes()
    overwrite(file, offset, forged_bytes[offset : offset + 64])
    table = 4096 * 2 + 6 * 4
    overwrite(file, table, forged_bytes[table : table + 4])
    entry = 4096 + 40  # the checksum of block 0 of the segment
    overwrite(file, entry, forged_bytes[entry : entry + 4])
    (finding,) = verify_journal(path).findings
    assert (finding.file, finding.block) == (file.name, 70 // BLOCK)
    assert "hash chain of the block" in finding.what


def test_missing_segment_is_named(closed_journal: Path, tmp_path: Path) -> None:
    path = tmp_path / "j"
    shutil.copytree(closed_journal, path)
    middle = sorted(path.glob("*.seg"))[1]
    middle.unlink()
    assert [(f.file, f.what) for f in verify_journal(path).findings] == [
        (middle.name, "expected this segment, found no file")
    ]
    with pytest.raises(JournalCorruptError, match=middle.name):
        Journal.open(path)


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        (JournalConfig(retain_segments=3), 3),
        (JournalConfig(retain_bytes=4 * 16384), 4),
        (JournalConfig(retain_ns=3 * SEGMENT * 3), 5),
    ],
)
def test_retention_keeps_the_bound_and_a_chain_that_verifies(
    tmp_path: Path, bounds: JournalConfig, kept: int
) -> None:
    config = msgspec.structs.replace(
        bounds, records_per_block=BLOCK, records_per_segment=SEGMENT, upkeep=Upkeep.INLINE
    )
    with Journal.create(tmp_path / "j", config=config) as journal:
        for at in range(0, 1000, 10):
            journal.append(expected_records(at, at + 10))
            n_files = len(list((tmp_path / "j").glob("*.seg")))
            assert n_files <= kept + 1
        digest = journal.digest()
    journal = Journal.open(tmp_path / "j")
    first = journal.first
    assert 1000 - (kept + 1) * SEGMENT <= first <= 1000 - (kept - 1) * SEGMENT
    assert everything(journal).tobytes() == expected_records(first, 1000).tobytes()
    assert digest == chain_by_hashlib(expected_records(0, 1000))
    verdict = journal.verify()
    assert (verdict.findings, verdict.digest, verdict.first) == ([], digest, first)
    assert journal.seek(3 * 900) == 900
    with pytest.raises(InputError, match=f"records before {first} were deleted by retention"):
        next(journal.records(0, 10))
    with Journal.resume(tmp_path / "j") as journal:
        journal.append(expected_records(1000, 1001))
    (tmp_path / "j" / "anchor").unlink()
    (finding,) = verify_journal(tmp_path / "j").findings
    assert "an anchor that says it was deleted by retention" in finding.what


def test_reader_in_another_process_sees_only_whole_prefixes(tmp_path: Path) -> None:
    acknowledged = mmap.mmap(-1, 8)
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            append_for_ever(tmp_path / "j", acknowledged, SMALL, 3)
        os._exit(4)
    try:
        while not struct.unpack("<Q", acknowledged[:8])[0]:
            time.sleep(0.001)
        reader = Journal.open(tmp_path / "j")
        seen = looks = 0
        while seen < 30 * SEGMENT:
            count = struct.unpack("<Q", acknowledged[:8])[0]
            n = len(reader)
            assert n >= max(count, seen)
            got = list(reader.records(seen, n))
            assert b"".join(b.tobytes() for b in got) == expected_records(seen, n).tobytes()
            if looks % 10 == 0:
                assert [f.what for f in reader.verify().findings] == []
            seen, looks = n, looks + 1
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert looks > 1


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, {here!r});"
        "from test_journal_crash import expected_records, SMALL;"
        "from kimera.runtime import Journal\n"
        "with Journal.create({path!r}, metadata={{'seed': 1}}, config=SMALL) as j:\n"
        "    for at in range(0, 700, 7): j.append(expected_records(at, at + 7))\n"
        "    print(j.digest())"
    )
    here = str(Path(__file__).parent)
    answers = [
        subprocess.run(
            [sys.executable, "-c", code.format(here=here, path=str(tmp_path / name))],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in ("a", "b")
    ]
    assert answers[0] == answers[1]
    names = sorted(p.name for p in (tmp_path / "a").iterdir() if p.name != "LOCK")
    assert len(names) == 12
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_file_size_limit_is_one_clear_error_and_the_journal_stays_whole(tmp_path: Path) -> None:
    """Past RLIMIT_FSIZE the kernel also sends SIGXFSZ, deadly by default."""
    path = tmp_path / "j"
    config = JournalConfig(records_per_block=BLOCK, records_per_segment=4096, sync=Sync.NONE)
    with Journal.create(path, config=config) as journal:
        journal.append(expected_records(0, 4096))
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            Journal.resume(path).append(expected_records(4096, 5000))
        except JournalFullError as error:
            os._exit(0 if "File too large" in str(error) else 5)
        except BaseException:  # noqa: BLE001
            os._exit(6)
        os._exit(7)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) == 0
    assert everything(Journal.open(path)).tobytes() == expected_records(0, 4096).tobytes()
    with Journal.resume(path) as journal:
        journal.append(expected_records(4096, 5000))
    assert verify_journal(path).findings == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_full_disk_is_one_clear_error_and_the_journal_stays_whole(small_disk: Path) -> None:
    path = small_disk / "j"
    with Journal.create(path, config=SMALL) as journal:
        with pytest.raises(JournalFullError, match="No space left on device"):
            journal.append(expected_records(0, 10_000))
        kept = len(journal)
        assert kept > 0
        assert kept % SEGMENT == 0
    assert everything(Journal.open(path)).tobytes() == expected_records(0, kept).tobytes()
    assert verify_journal(path).findings == []


def test_read_only_folder_is_read_but_not_written(small_disk: Path) -> None:
    path = small_disk / "j"
    with Journal.create(path, config=SMALL) as journal:
        journal.append(expected_records(0, 100))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert everything(Journal.open(path)).tobytes() == expected_records(0, 100).tobytes()
    assert verify_journal(path).findings == []
    with pytest.raises(JournalError, match="cannot write here: Read-only file system"):
        Journal.resume(path)
    with pytest.raises(JournalError, match="Read-only file system"):
        Journal.create(small_disk / "new")


def test_unset_times_do_not_hide_records_from_seek(tmp_path: Path) -> None:
    rows = expected_records(0, 200)
    rows["ts_recv_ns"][:150] = NO_TIME
    with Journal.create(tmp_path / "j", config=SMALL) as journal:
        journal.append(rows)
        assert journal.seek(0) == 150
