import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kimera.errors import FormatError, InputError, SequenceError
from kimera.market import Tape, open_tape
from kimera.market.csv_tape import Columns, CsvKind, TimeUnit
from kimera.model import NO_PRICE, Action, Kind, RecordArray, Side

TRADES = Columns(
    roles=("ts_event", "symbol", "side", "price", "size", ""),
    kind=CsvKind.TRADES,
    time_unit=TimeUnit.ISO,
)
ROWS = """\
time,symbol,side,price,size,note
2024-01-02T00:00:00.5Z,A,buy,10.25,3,x
2024-01-02T00:00:01Z,B,sell,7,0.125,y
2024-01-02 00:00:02+01:00,A,,10.50,1,z
"""


def tape_of(folder: Path, text: str, columns: Columns = TRADES, **options: Any) -> Tape:
    path = folder / "t.csv"
    path.write_text(text)
    return open_tape(path, format="csv", columns=columns, **options)


def all_records(tape: Tape) -> RecordArray:
    return np.concatenate(list(tape.batches()))


def test_columns_give_symbols_units_and_exact_numbers(tmp_path: Path) -> None:
    text = ROWS.replace("00:00:02+01:00", "01:00:02+01:00")
    tape = tape_of(tmp_path, text)
    records = all_records(tape)
    assert [one.symbol for one in tape.instruments] == ["A", "B"]
    assert [one.tick_size for one in tape.instruments] == [Decimal("0.01"), Decimal(1)]
    assert [one.lot_size for one in tape.instruments] == [Decimal(1), Decimal("0.001")]
    assert records["price_ticks"].tolist() == [1025, 7, 1050]
    assert records["size_lots"].tolist() == [3, 125, 1]
    assert records["side"].tolist() == [Side.BID, Side.ASK, Side.NONE]
    start = 1_704_153_600_000_000_000
    assert (records["ts_event_ns"] - start).tolist() == [500_000_000, 10**9, 2 * 10**9]
    assert np.all(records["action"] == Action.TRADE)


def test_times_backwards_strict_stops_lenient_counts(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="record 2: expected a receive time from"):
        all_records(tape_of(tmp_path, ROWS))  # one hour east of UTC lies an hour back
    tape = tape_of(tmp_path, ROWS, strict=False)
    assert len(all_records(tape)) == 3
    assert tape.anomalies == {"time_backwards": 1}


@pytest.mark.parametrize(
    ("wrong", "name", "message"),
    [
        ("2024-01-02T00:00:03Z,A,buy,10.25", "malformed", "row 5: expected 6 fields"),
        ("2024-01-02T00:00:03Z,A,buy,ten,1,", "bad_number", "row 5: expected a decimal number"),
        ("2024-01-02T00:00:03Z,A,buy,10,-1,", "negative_size", "row 5: expected a number from 0"),
        ("2024-01-02T00:00:03Z,A,up,10,1,", "malformed", "row 5: expected buy, sell or unknown"),
        ("yesterday,A,buy,10,1,", "bad_number", "row 5: expected a time, found yesterday"),
    ],
)
def test_bad_row_is_named_or_counted(tmp_path: Path, wrong: str, name: str, message: str) -> None:
    text = ROWS.replace("+01:00", "Z") + wrong + "\n"
    with pytest.raises(FormatError, match=message):
        all_records(tape_of(tmp_path, text))
    tape = tape_of(tmp_path, text, strict=False)
    assert len(all_records(tape)) == 3
    assert tape.anomalies == {name: 1}


def test_price_off_the_given_tick_is_named(tmp_path: Path) -> None:
    text = ROWS.replace("+01:00", "Z")
    with pytest.raises(FormatError, match="row 2: expected a multiple of the tick or lot"):
        all_records(tape_of(tmp_path, text, tick_size="0.5", lot_size="0.001"))


def test_quotes_with_an_empty_side_have_no_price(tmp_path: Path) -> None:
    columns = Columns(
        roles=("ts_recv", "bid_price", "bid_size", "ask_price", "ask_size"),
        kind=CsvKind.QUOTES,
        time_unit=TimeUnit.NS,
        has_header=False,
    )
    tape = tape_of(tmp_path, "5,1.5,2,1.75,3\n6,,,1.75,4\n", columns, symbol="X")
    records = all_records(tape)
    assert np.all(records["kind"] == Kind.QUOTE)
    assert records["price_ticks"].tolist() == [150, 175, NO_PRICE, 175]
    assert records["size_lots"].tolist() == [2, 3, 0, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roles": ["ts_event", "cost"]}, "expected one of ts_event, .*, was 'cost'"),
        ({"roles": ["ts_event", "price", "price"]}, "price is given twice"),
        ({"roles": ["price", "size"]}, "expected ts_event or ts_recv, was neither"),
        ({"kind": 9}, "columns: Invalid enum value 9"),
    ],
)
def test_bad_mapping_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    mapping = {"roles": ["ts_event", "price", "size"], "kind": 0, "time_unit": 0} | change
    path = tmp_path / "t.csv"
    path.write_text("t,p,s\n1,2,3\n")
    with pytest.raises(InputError, match=message):
        open_tape(path, format="csv", columns=json.loads(json.dumps(mapping)), symbol="X")


def test_csv_without_mapping_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(ROWS)
    with pytest.raises(FormatError, match="records as CSV, or a mapping in columns="):
        open_tape(tmp_path / "t.csv", format="csv")
