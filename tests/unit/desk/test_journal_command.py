"""``kimera journal``: exit codes 0 (fine), 1 (a finding), 2 (no journal), and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kimera.desk.cli import main
from kimera.model import Kind, empty_records
from kimera.runtime import Journal, JournalConfig


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    config = JournalConfig(records_per_block=16, records_per_segment=64)
    with Journal.create(tmp_path / "j", metadata={"seed": 7}, config=config) as writer:
        records = empty_records(100)
        records["sequence"] = np.arange(100)
        records["ts_recv_ns"] = np.arange(100) * 10 + 5
        records["kind"] = Kind.DELTA
        writer.append(records)
        writer.append_blob(1, b"note", ts_recv_ns=2000)
    return tmp_path / "j"


def test_verify_of_a_whole_journal_exits_0(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["journal", "verify", str(journal), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["records"], answer["findings"]) == (102, [])
    assert answer["digest"] == Journal.open(journal).digest()


def test_verify_of_a_changed_journal_exits_1_and_names_it(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = journal / "00000002.seg"
    content = bytearray(file.read_bytes())
    content[3 * 4096 + 6 * 64 + 17] ^= 0x40
    file.write_bytes(content)
    assert main(["journal", "verify", str(journal)]) == 1
    out = capsys.readouterr().out
    assert "00000002.seg: offset 12689, block 4, record 70: a byte of sequence was changed" in out
    assert "1 findings" in out


def test_inspect_says_what_is_there(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "inspect", str(journal), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["kinds"] == {"DELTA": 100, "BLOB": 2}
    assert (answer["first_recv_ns"], answer["last_recv_ns"]) == (5, 2000)
    assert answer["metadata"] == {"seed": 7}
    assert [s["records"] for s in answer["segments"]] == [64, 38]
    assert main(["journal", "inspect", str(journal)]) == 0
    assert answer["digest"] in capsys.readouterr().out


def test_tail_shows_the_last_records(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "tail", str(journal), "-n", "3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["index"], row["kind"]) for row in rows] == [
        (99, "DELTA"),
        (100, "BLOB"),
        (101, "BLOB"),
    ]
    assert (rows[0]["sequence"], rows[0]["price_ticks"]) == (99, None)
    assert main(["journal", "tail", str(journal), "-n", "0"]) == 0


def test_folder_without_a_journal_exits_2_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("inspect", "verify", "tail"):
        assert main(["journal", command, str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert "expected a journal, found none" in error
        assert error.count("\n") == 1
