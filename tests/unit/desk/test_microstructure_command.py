"""``kimera microstructure`` on a journal of our own and on a hand-made tape."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from kimera.desk.cli import main
from kimera.market import open_tape
from kimera.microstructure import Analyzer, AnalyzerConfig, kyle_lambda
from kimera.model import NO_PRICE, Action, Kind, Side

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    assert main(["run", "--duration", "12s", "--seed", "5", "--output", str(folder), "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def journal(run: Path) -> Path:
    return run / "journal"


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_rows_of_a_journal_are_those_of_the_analyzer(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features.parquet"
    assert main(["microstructure", str(journal), "--out", str(out), "--json"]) == 0
    result = answer(capsys)
    table = pq.read_table(out)
    assert table.num_rows == result["rows"] > 1000
    assert table.schema.field("spread_ticks").metadata[b"unit"] == b"ticks"
    one = result["instruments"][0]
    tape = open_tape(journal)
    records = np.concatenate(list(tape.batches()))
    number = next(
        i.instrument_id for i in tape.instruments
        if one["instrument"] == f"{i.symbol} @ {tape.venues[i.venue_id - 1].name}"
    )  # fmt: skip
    mine = records[(records["kind"] == Kind.DELTA) & (records["instrument_id"] == number)]
    traded = np.isin(mine["action"], (Action.EXECUTE, Action.TRADE))
    volume = int(mine["size_lots"][traded].sum())
    config = AnalyzerConfig(bucket_lots=max(1, volume // 200), max_pending=1 << 20)
    expected, _ = Analyzer(by="orders", instrument_id=number, config=config).changes(mine)
    chosen = table.filter(np.array(table["instrument"].to_pylist()) == one["instrument"])
    assert chosen.num_rows == len(expected)
    for name in ("bid_ticks", "ofi_3", "effective_spread_ticks", "kyle_lambda", "vpin"):
        values = chosen[name].to_numpy(zero_copy_only=False)
        theirs = expected[name].astype(float)
        np.testing.assert_array_equal(values, np.where(theirs == NO_PRICE, np.nan, theirs), name)
    # Kyle's lambda of the table against a regression on a book of another kind of code
    rows = expected[-1]
    assert one["measures"]["VPIN"]["value"] == rows["vpin"]
    assert one["measures"]["Kyle's lambda"]["value"] == pytest.approx(
        _kyle(mine, Analyzer(by="orders", instrument_id=number).update(mine)), rel=1e-9
    )


def _kyle(records: np.ndarray, rows: np.ndarray) -> float:
    """One order a time stamp, in a plain loop."""
    mids: list[float] = []
    flows: list[float] = []
    last, before, stamp = NO_PRICE, NO_PRICE, None
    order = None
    for record, row in zip(records, rows, strict=True):
        if record["ts_event_ns"] != stamp:
            stamp, before = record["ts_event_ns"], last
        last = int(row["mid2_ticks"])
        if record["action"] not in (Action.EXECUTE, Action.TRADE):
            continue
        buy = record["side"] == (Side.ASK if record["action"] == Action.EXECUTE else Side.BID)
        known = record["side"] != Side.NONE
        lots = int(record["size_lots"]) * (1 if buy else -1) * known
        if order != stamp:
            order = stamp
            mids.append(before / 2)
            flows.append(0.0)
        flows[-1] += lots
    return kyle_lambda(np.diff(mids), flows[:-1]).value


def test_csv_and_parquet_hold_the_same_rows_and_levels_bound_the_columns(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.csv", "a.parquet"):
        line = ["microstructure", str(journal), "--levels", "2", "--out", str(tmp_path / name)]
        assert main([*line, "--json"]) == 0
        capsys.readouterr()
    table = pq.read_table(tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == table.column_names
    assert "ofi_2" in rows[0]
    assert "ofi_3" not in rows[0]
    assert len(rows) == table.num_rows
    for name in ("mid2_ticks", "realised_spread_ticks"):
        texts = ["" if v is None else str(v) for v in table[name].to_pylist()]
        assert [row[name] for row in rows] == texts


def test_report_is_one_page_with_a_picture_per_family(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert main(["microstructure", str(journal), "--report", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "effective spread" in shown
    text = page.read_text()
    for title in ("Spreads over time", "Depth of market", "Micro-price", "Signature plot"):
        assert title in text
    assert "http" not in text.split('id="plotly"')[0].split("<body>")[1]


def test_tape_without_trades_says_once_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "quotes.csv"
    lines = ["exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"]
    times = [10**15 + i * 10**6 for i in range(30)]
    lines += [f"x,ABC,{at},{at},3,{101 + i % 2}.5,100.5,2" for i, at in enumerate(times)]
    path.write_text("\n".join(lines) + "\n")
    assert main(["microstructure", str(path), "--format", "tardis", "--json"]) == 0
    measures = answer(capsys)["instruments"][0]["measures"]
    # 1 and 2 in turns, each for a second, the last for none: 15 of 1 and 14 of 2
    tick = measures["quoted spread, in money"]["value"]
    assert tick == pytest.approx((15 * 1 + 14 * 2) / 29)
    assert measures["effective spread"] == {
        "value": None, "stderr": None, "unit": "ticks", "n": 0, "why": "no trades on the tape",
    }  # fmt: skip
    assert main(["microstructure", str(path), "--format", "tardis"]) == 0
    assert capsys.readouterr().out.count("no trades on the tape") == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--out", "x.xlsx"], "expected a name ending in .csv or .parquet"),
        (["--symbol", "NOPE"], "--symbol: expected one of"),
        (["--report", "/nowhere/at/all.html"], "no such folder"),
        (["--by", "magic"], "expected 'book' or 'quotes'"),
    ],
)
def test_bad_option_is_one_line(
    journal: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["microstructure", str(journal), *more]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
