import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kimera.desk.cli import main
from kimera.market import open_tape

# A hand-made day: opening book, an add inside, a whole level executed (one revealed), a cancel.
MESSAGES = """\
34200.1,5,0,1,1000000,1
34200.2,1,11,5,1000500,1
34200.3,4,12,10,1001000,-1
34200.4,2,11,2,1000500,1
34200.5,3,11,3,1000500,1
"""
ROWS = """\
1001000,10,1000000,20,1002000,7,999000,4
1001000,10,1000500,5,1002000,7,1000000,20
1002000,7,1000500,5,1003000,9,1000000,20
1002000,7,1000500,3,1003000,9,1000000,20
1002000,7,1000000,20,1003000,9,999000,6
"""
STEM = "TEST_2012-06-21_34200000_57600000"


def lobster_pair(folder: Path, rows: str = ROWS) -> list[str]:
    (folder / f"{STEM}_message_2.csv").write_text(MESSAGES)
    (folder / f"{STEM}_orderbook_2.csv").write_text(rows)
    return [
        str(folder / f"{STEM}_message_2.csv"),
        *("--format", "lobster", "--orderbook", str(folder / f"{STEM}_orderbook_2.csv")),
        *("--levels", "2", "--json"),
    ]


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_book_lobster_pair_gives_the_rows_and_counts_what_was_revealed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "book.csv"
    assert main(["book", *lobster_pair(tmp_path), "--out", str(out)]) == 0
    result = answer(capsys)
    assert (result["messages"], result["transitions_exact"]) == (5, 4)
    # The ask level behind the executed one, and the bid level behind the cancelled one.
    assert result["revealed_levels"] == 2
    assert out.read_text() == ROWS


def test_book_lobster_changed_row_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ROWS.replace("1002000,7,1000500,3", "1002000,7,1000500,4")
    assert main(["book", *lobster_pair(tmp_path, wrong)]) == 1
    result = answer(capsys)
    assert result["transitions_exact"] == 3
    assert result["first_mismatch"]["row"] == 4


def test_book_lobster_rows_missing_is_an_input_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = "".join(ROWS.splitlines(keepends=True)[:3])
    assert main(["book", *lobster_pair(tmp_path, short)]) == 2
    assert "row 4: expected an order book row for each message" in capsys.readouterr().err


def binance_file(folder: Path) -> Path:
    head = '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,'
    lines = [
        head + '"s":"BTCUSDT","U":5,"u":7,"b":[["100.00","1.0"]],"a":[]}}',
        '{"lastUpdateId":7,"bids":[["100.00","1.5"],["99.50","2.0"]],"asks":[["101.00","3.0"]]}',
        head + '"s":"BTCUSDT","U":8,"u":9,"b":[["99.50","0.0"]],"a":[["100.50","0.5"]]}}',
    ]
    path = folder / "spot.jsonl.gz"
    text = "".join(f"172316125393708576{i} {line}\n" for i, line in enumerate(lines))
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_book_of_any_tape_prints_its_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "levels.csv"
    arguments = [str(binance_file(tmp_path)), "--json", "--levels", "2", "--out", str(out)]
    assert main(["book", *arguments]) == 0
    (book,) = answer(capsys)["books"]
    assert (book["symbol"], book["kind"], book["state"]) == ("BTCUSDT", "l2", "normal")
    assert book["bids"] == [["100", "1.5"]] or book["bids"] == [["100.0", "1.5"]]
    assert book["asks"] == [["100.5", "0.5"], ["101.0", "3.0"]]
    rows = out.read_text().splitlines()
    assert len(rows) == 3
    assert rows[2].split(",")[3:7] == ["1005", "5", "1000", "15"]


def test_data_import_inspect_and_convert_keep_every_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = binance_file(tmp_path)
    assert main(["data", "import", str(source), "--to", str(tmp_path / "lake")]) == 0
    parquet = tmp_path / "lake" / "spot.parquet"
    assert main(["data", "convert", str(parquet), str(tmp_path / "t.csv")]) == 0
    assert main(["data", "convert", str(tmp_path / "t.csv"), str(tmp_path / "t.journal")]) == 0
    capsys.readouterr()
    assert main(["data", "inspect", str(tmp_path / "t.journal"), "--json"]) == 0
    result = answer(capsys)
    assert result["kinds"] == {"delta clear": 1, "delta level": 5}
    assert result["instruments"][0]["records"] == 6
    first, last = (
        np.concatenate(list(open_tape(path).batches())).tobytes()
        for path in (source, tmp_path / "t.journal")
    )
    assert first == last


def test_data_inspect_reports_a_gap_as_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = binance_file(tmp_path)
    text = gzip.decompress(path.read_bytes()).replace(b'"U":8,"u":9', b'"U":20,"u":21')
    path.write_bytes(gzip.compress(text))
    assert main(["data", "inspect", str(path), "--json"]) == 1
    assert answer(capsys)["anomalies"] == {"sequence_gap": 1}
    assert main(["book", str(path)]) == 2
    error = capsys.readouterr().err
    assert "row 3: expected a change that follows update id 7, found one from 20" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "inspect", "absent.csv"], "absent.csv: cannot be read: No such file"),
        (["book", "FILE", "--symbol", "ETHUSDT"], "--symbol: expected one of BTCUSDT"),
        (["book", "FILE", "--out", "x.txt"], "expected a name ending in .csv or .parquet"),
        (["data", "convert", "FILE", "x.doc"], "expected one of .parquet, .csv, .journal"),
        (["book", "FILE", "--set", "tick"], "--set: expected name=value, was 'tick'"),
        (["book", "FILE", "--set", "tick_size=0"], "tick_size: expected a decimal number above 0"),
    ],
)
def test_bad_arguments_are_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    file = str(binance_file(tmp_path))
    assert main([file if a == "FILE" else a for a in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
