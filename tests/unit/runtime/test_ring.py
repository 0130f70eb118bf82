"""The ring through Python; its laws and its threads are tested in native/tests/runtime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.model import RecordArray, empty_records
from kimera.runtime import RingMemory, RingMode, RingReader, RingRole, RingStart, RingWriter


def numbered(start: int, n: int) -> RecordArray:
    records = empty_records(n)
    records["sequence"] = np.arange(start, start + n)
    return records


def test_two_readers_each_see_every_record() -> None:
    memory = RingMemory.create(64, RingMode.OVERWRITE)
    writer, readers = RingWriter(memory), [RingReader(memory), RingReader(memory)]
    assert writer.push(numbered(0, 40)) == 40
    for reader in readers:
        records, lost = reader.read()
        assert records["sequence"].tolist() == list(range(40))
        assert lost == 0
        assert len(reader.read()[0]) == 0


def test_lapped_reader_is_told_how_many_it_lost() -> None:
    memory = RingMemory.create(64, RingMode.OVERWRITE)
    writer, reader = RingWriter(memory), RingReader(memory)
    for start in range(0, 500, 50):
        writer.push(numbered(start, 50))
    records, lost = reader.read()
    assert lost > 0
    assert records["sequence"].tolist() == list(range(lost, 500))
    assert reader.lost == lost


def test_gated_ring_takes_no_more_than_fits_and_counts() -> None:
    memory = RingMemory.create(64, RingMode.GATED)
    writer, reader = RingWriter(memory), RingReader(memory, RingRole.GATE)
    assert writer.push(numbered(0, 100)) == 64
    assert writer.refused == 1
    assert reader.read()[0]["sequence"].tolist() == list(range(64))
    assert writer.push(numbered(64, 36)) == 36
    assert reader.read()[0]["sequence"].tolist() == list(range(64, 100))


def test_unaligned_records_arrive_as_they_are() -> None:
    raw = np.zeros(64 * 5 + 8, dtype=np.uint8)
    records = raw[8:].view(numbered(0, 1).dtype)
    records["sequence"] = np.arange(5)
    memory = RingMemory.create(8, RingMode.OVERWRITE)
    reader = RingReader(memory)
    RingWriter(memory).push(records)
    assert reader.read()[0]["sequence"].tolist() == [0, 1, 2, 3, 4]


def test_newest_start_sees_only_what_comes_after() -> None:
    memory = RingMemory.create(64, RingMode.OVERWRITE)
    writer = RingWriter(memory)
    writer.push(numbered(0, 10))
    reader = RingReader(memory, start=RingStart.NEWEST)
    writer.push(numbered(10, 2))
    assert reader.read()[0]["sequence"].tolist() == [10, 11]


def test_ring_in_a_file_is_read_by_another_process(tmp_path: Path) -> None:
    path = str(tmp_path / "ring")
    RingWriter(RingMemory.create_file(path, 1024, RingMode.OVERWRITE)).push(numbered(0, 900))
    code = (
        "from kimera.runtime import RingMemory, RingReader;"
        f"r, lost = RingReader(RingMemory.attach_file({path!r})).read();"
        "print(len(r), int(r['sequence'].sum()), lost)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["896", str(sum(range(4, 900))), "0"]


def test_bad_rings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="capacity must be a power of two"):
        RingMemory.create(100, RingMode.GATED)
    (tmp_path / "x").write_bytes(bytes(8192))
    with pytest.raises(InputError, match="expected a ring of version 1"):
        RingMemory.attach_file(str(tmp_path / "x"))
    with pytest.raises(InputError, match="expected a gated ring"):
        RingReader(RingMemory.create(4, RingMode.OVERWRITE), RingRole.GATE)
    with pytest.raises(InputError, match="dtype RECORD"):
        RingWriter(RingMemory.create(4, RingMode.GATED)).push(np.zeros(4, dtype="V64"))
