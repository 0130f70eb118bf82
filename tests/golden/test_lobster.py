"""Each file's ground truth is its own order book file, row by row."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import FormatError
from kimera.market import open_tape
from kimera.model import Action, Kind, RecordFlag, Side

FILES = {
    "AAPL_2012-06-21_1": (118_497, 54_818, 11_332),
    "AMZN_2012-06-21_1": (57_515, 27_845, 2_445),
    "AMZN_2012-06-21_5": (155_935, 77_381, 2_445),
}


def path_of(data: Path, name: str) -> Path:
    return data / "lobster" / f"LOBSTER_SampleFile_{name}.zip"


def pair_texts(path: Path) -> tuple[list[str], list[str]]:
    with zipfile.ZipFile(path) as archive:
        texts = {
            what: archive.read(name).decode().splitlines()
            for what in ("message", "orderbook")
            for name in archive.namelist()
            if what in name
        }
    return texts["message"], texts["orderbook"]


@pytest.mark.parametrize("name", FILES)
def test_every_transition_is_exact_from_records_alone(market_data: Path, name: str) -> None:
    n_messages, n_new, n_hidden = FILES[name]
    tape = open_tape(path_of(market_data, name))
    assert tape.format == "lobster"
    _, rows = pair_texts(path_of(market_data, name))
    expected = np.array([row.split(",") for row in rows], dtype=np.int64)
    tick = round(float(tape.instruments[0].tick_size) * 10_000)
    # A plain book of the test's own: two dictionaries, nothing of the codec's state.
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    row = exact = 0
    n_levels = expected.shape[1] // 4
    for batch in tape.batches():
        for record in batch[["kind", "action", "side", "price_ticks", "size_lots", "flags"]]:
            kind, action, side, ticks, lots, flags = record.item()
            price = ticks * tick
            if kind == Kind.DELTA and action == Action.LEVEL:
                book[side][price] = lots
                if lots == 0:
                    del book[side][price]
            elif kind == Kind.DELTA and action == Action.ADD:
                book[side][price] = book[side].get(price, 0) + lots
            elif kind == Kind.DELTA and action in {Action.CANCEL, Action.EXECUTE}:
                book[side][price] -= lots
                if book[side][price] == 0:
                    del book[side][price]
            if flags & RecordFlag.LAST:
                asks = sorted(book[Side.ASK].items())[:n_levels]
                bids = sorted(book[Side.BID].items(), reverse=True)[:n_levels]
                ours = [n for a, b in zip(asks, bids, strict=True) for n in (*a, *b)]
                exact += ours == expected[row].tolist()
                row += 1
    assert row == exact == n_messages
    assert tape.counts["transitions_exact"] == n_messages - 1
    assert tape.counts["new"] == n_new
    assert tape.counts["hidden"] == n_hidden
    assert not tape.anomalies
    assert tape.instruments[0].symbol == name[:4]


def test_one_record_a_message_in_the_order_of_the_file(market_data: Path) -> None:
    path = path_of(market_data, "AMZN_2012-06-21_5")
    messages, _ = pair_texts(path)
    records = np.concatenate(list(open_tape(path).batches()))
    own = records[(records["action"] != Action.LEVEL) & (records["action"] != Action.CLEAR)]
    assert len(own) == len(messages)
    times = [
        1_340_251_200_000_000_000  # 2012-06-21 00:00 New York
        + int(seconds) * 1_000_000_000
        + int((fraction + "000000000")[:9])
        for seconds, _, fraction in (m.split(",")[0].partition(".") for m in messages)
    ]
    assert own["ts_event_ns"].tolist() == times
    sizes = [int(m.split(",")[3]) for m in messages]
    assert own["size_lots"].tolist() == sizes


def corrupted(data: Path, folder: Path, row: int, column: int, add: int) -> tuple[Path, Path]:
    messages, rows = pair_texts(path_of(data, "AMZN_2012-06-21_5"))
    fields = rows[row].split(",")
    fields[column] = str(int(fields[column]) + add)
    rows[row] = ",".join(fields)
    stem = "AMZN_2012-06-21_34200000_57600000"
    (folder / f"{stem}_message_5.csv").write_text("\n".join(messages[:2000]) + "\n")
    (folder / f"{stem}_orderbook_5.csv").write_text("\n".join(rows[:2000]) + "\n")
    return folder / f"{stem}_message_5.csv", folder / f"{stem}_orderbook_5.csv"


@pytest.mark.parametrize("column", [1, 3, 5, 11, 0, 2])
def test_a_changed_determined_level_is_one_mismatch_and_is_not_taken_over(
    market_data: Path, tmp_path: Path, column: int
) -> None:
    # A row in which nothing is revealed: each of its levels is determined.
    whole = np.concatenate(list(open_tape(path_of(market_data, "AMZN_2012-06-21_5")).batches()))
    revealing = set(whole["sequence"][whole["flags"] & RecordFlag.REVEALED != 0].tolist())
    row = next(row for row in range(1000, 2000) if row + 1 not in revealing)
    messages, book = corrupted(market_data, tmp_path, row, column, 100)
    tape = open_tape(messages, orderbook=book, strict=False)
    records = np.concatenate(list(tape.batches()))
    assert np.count_nonzero(records["sequence"] == row + 1) == 1
    assert tape.anomalies == {"row_mismatch": 1}
    assert tape.counts["transitions_exact"] == 1998
    with pytest.raises(FormatError, match=f"row {row + 1}: expected a row the messages lead to"):
        list(open_tape(messages, orderbook=book).batches())


def test_a_changed_revealed_level_is_caught_by_the_rows_after_it(
    market_data: Path, tmp_path: Path
) -> None:
    whole = np.concatenate(list(open_tape(path_of(market_data, "AMZN_2012-06-21_5")).batches()))
    revealed = whole[
        (whole["flags"] & RecordFlag.REVEALED != 0)
        & (whole["size_lots"] > 0)
        & (whole["sequence"] > 200)
    ]
    first = revealed[0]
    row = int(first["sequence"]) - 1
    column = 17 if first["side"] == Side.ASK else 19
    messages, book = corrupted(market_data, tmp_path, row, column, 7)
    tape = open_tape(messages, orderbook=book, strict=False)
    for _ in tape.batches():
        pass
    assert tape.anomalies["row_mismatch"] >= 1


def test_a_message_file_cut_short_is_told(market_data: Path, tmp_path: Path) -> None:
    messages, book = corrupted(market_data, tmp_path, 0, 0, 0)
    text = messages.read_text()
    messages.write_text(text[: len(text) // 2])
    with pytest.raises(FormatError):
        list(open_tape(messages, orderbook=book).batches())
    tape = open_tape(messages, orderbook=book, strict=False)
    n_records = sum(map(len, tape.batches()))
    assert n_records > 500
    assert tape.anomalies["truncated"] == 1
