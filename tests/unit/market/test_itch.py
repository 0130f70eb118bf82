import datetime as dt
import gzip
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import FormatError, InputError
from kimera.market import Book, open_tape
from kimera.market.itch import BookBounds, ItchBooks, date_in_name, midnight_ns, open_itch
from kimera.model import Action, Kind, RecordFlag, Side, Status

Frame = bytes


def message(kind: str, locate: int, *fields: bytes, ts_ns: int = 34_200_000_000_000) -> Frame:
    body = kind.encode() + locate.to_bytes(2, "big") + bytes(2) + ts_ns.to_bytes(6, "big")
    body += b"".join(fields)
    return len(body).to_bytes(2, "big") + body


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def directory(locate: int, symbol: str) -> Frame:
    stock = symbol.ljust(8).encode()
    return message("R", locate, stock, b"QN", u32(100), b"NCZ PNN1N", u32(0), b"N")


def add(locate: int, ref: int, side: str, shares: int, price_e4: int) -> Frame:
    return message("A", locate, u64(ref), side.encode(), u32(shares), b"STOCK   ", u32(price_e4))


MORNING = [directory(1, "AAPL"), directory(2, "MSFT"), message("S", 0, b"Q")]
DAY = [
    *MORNING,
    add(1, 10, "B", 300, 1_000_000),
    add(1, 11, "B", 200, 1_000_000),
    add(1, 12, "S", 500, 1_000_100),
    message("E", 1, u64(10), u32(100), u64(1)),
    message("C", 1, u64(12), u32(100), u64(2), b"Y", u32(1_000_050)),
    message("X", 1, u64(11), u32(50)),
    message("U", 1, u64(10), u64(20), u32(400), u32(999_900)),
    message("P", 1, u64(0), b"B", u32(7), b"AAPL    ", u32(1_000_050), u64(3)),
    message("H", 2, b"MSFT    ", b"H", b" ", b"LUDP"),
    message("D", 1, u64(11)),
]


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / "12302019.NASDAQ_ITCH50"
    path.write_bytes(b"".join(DAY))
    return path


def test_books_of_a_small_day_are_those_worked_out_by_hand(day: Path) -> None:
    books = ItchBooks(day).build()
    assert books.levels(1, Side.BID).tolist() == [[999_900, 400, 1]]
    assert books.levels(1, Side.ASK).tolist() == [[1_000_100, 400, 1]]
    assert books.queue(1, Side.BID, 999_900) == [(20, 400)]
    assert books.summary().tolist() == [[1, 2, 1, 999_900, 400, 1, 1, 1_000_100, 400, 1]]
    assert books.counters["messages"] == len(DAY)
    assert books.n_orders == 2


def test_best_price_rows_of_a_small_day_are_those_worked_out_by_hand(day: Path) -> None:
    (rows,) = ItchBooks(day).bbo()
    seen = rows[["sequence", "bid_price_e4", "bid_shares", "ask_price_e4", "ask_shares"]].tolist()
    assert seen == [
        (4, 1_000_000, 300, 0, 0),
        (5, 1_000_000, 500, 0, 0),
        (6, 1_000_000, 500, 1_000_100, 500),
        (7, 1_000_000, 400, 1_000_100, 500),
        (8, 1_000_000, 400, 1_000_100, 400),
        (9, 1_000_000, 350, 1_000_100, 400),
        (10, 1_000_000, 150, 1_000_100, 400),
        (13, 999_900, 400, 1_000_100, 400),
    ]
    # 2019-12-30 09:30 in New York is 14:30 UTC.
    expected = dt.datetime(2019, 12, 30, 14, 30, tzinfo=dt.UTC)
    assert (rows["ts_event_ns"] == int(expected.timestamp()) * 10**9).all()


def test_tape_of_a_small_day_gives_each_message_its_records(day: Path) -> None:
    tape = open_tape(day)
    assert tape.format == "itch"
    assert [i.symbol for i in tape.instruments] == ["AAPL", "MSFT"]
    (records,) = tape.batches()
    deltas = records[records["kind"] == Kind.DELTA]
    assert deltas[["action", "order_id", "price_ticks", "size_lots"]].tolist() == [
        (Action.ADD, 10, 1_000_000, 300),
        (Action.ADD, 11, 1_000_000, 200),
        (Action.ADD, 12, 1_000_100, 500),
        (Action.EXECUTE, 10, 1_000_000, 100),
        (Action.EXECUTE, 12, 1_000_050, 100),
        (Action.CANCEL, 11, 1_000_000, 50),
        (Action.CANCEL, 10, 1_000_000, 200),
        (Action.ADD, 20, 999_900, 400),
        (Action.TRADE, 0, 1_000_050, 7),
        (Action.CANCEL, 11, 1_000_000, 150),
    ]
    last = (deltas["flags"] & RecordFlag.LAST) != 0
    assert np.flatnonzero(~last).tolist() == [6]
    assert deltas["flags"][8] & RecordFlag.HIDDEN
    statuses = records[records["kind"] == Kind.STATUS]
    assert statuses[["instrument_id", "action"]].tolist() == [
        (0, Status.TRADING),
        (2, Status.HALTED),
    ]
    assert tape.counts["R"] == 2
    assert not tape.anomalies
    book = Book("l3", instrument_id=1)
    book.apply(records)
    assert book.queue(Side.BID, 999_900) == [(20, 400)]


@pytest.mark.parametrize("n_records", [1, 3, 1000])
def test_tape_in_batches_of_any_size_is_the_same(day: Path, n_records: int) -> None:
    whole = np.concatenate(list(open_itch(day).batches()))
    pieces = np.concatenate(list(open_itch(day).batches(n_records)))
    assert (whole == pieces).all()


def test_packed_file_gives_the_same_books(day: Path, tmp_path: Path) -> None:
    packed = tmp_path / "day.gz"
    packed.write_bytes(gzip.compress(day.read_bytes()))
    assert (ItchBooks(packed).build().summary() == ItchBooks(day).build().summary()).all()


BAD = [
    (message("D", 1, u64(99)), "a message its book can take, found unknown order"),
    (message("z", 1), "a message type of ITCH 5.0, found 'z'"),
    (message("D", 1, u32(9)), "expected 19 bytes, found 15"),
    (add(1, 20, "B", 1, 1_000_000), "duplicate order"),
    (add(1, 30, "B", 0, 1_000_000), "bad size"),
    (message("E", 1, u64(20), u32(401), u64(1)), "over size"),
]


@pytest.mark.parametrize(("frame", "reason"), BAD)
def test_bad_message_stops_strict_readers_at_its_offset(
    tmp_path: Path, frame: Frame, reason: str
) -> None:
    path = tmp_path / "day.itch"
    good = b"".join(DAY)
    path.write_bytes(good + frame + directory(3, "LATE"))
    where = rf"day.itch: offset {len(good)} \(message {len(DAY) + 1}\)"
    with pytest.raises(FormatError, match=f"{where}.*{reason}"):
        ItchBooks(path).build()
    with pytest.raises(FormatError, match=f"{where}.*{reason}"):
        list(ItchBooks(path).bbo())
    with pytest.raises(FormatError, match=f"{where}.*{reason}"):
        list(open_itch(path).batches())


@pytest.mark.parametrize("frame", [BAD[0][0], BAD[1][0], BAD[2][0], BAD[4][0]])
def test_bad_message_is_counted_by_lenient_readers(tmp_path: Path, frame: Frame) -> None:
    path = tmp_path / "day.itch"
    path.write_bytes(b"".join(DAY[:5]) + frame + b"".join(DAY[5:]))
    books = ItchBooks(path, strict=False).build()
    tape = open_itch(path, strict=False)
    list(tape.batches())
    assert sum(v for k, v in books.counters.items() if k != "messages") == 1
    assert sum(tape.anomalies.values()) == 1
    assert books.queue(1, Side.BID, 999_900) == [(20, 400)]


def test_file_cut_off_within_a_message_is_told(tmp_path: Path) -> None:
    path = tmp_path / "day.itch"
    whole = b"".join(DAY)
    path.write_bytes(whole[:-3])
    last = len(whole) - len(DAY[-1])
    expected = f"offset {last}: expected a whole message, found {len(DAY[-1]) - 3} bytes"
    with pytest.raises(FormatError, match=expected):
        ItchBooks(path).build()
    with pytest.raises(FormatError, match=expected):
        list(open_itch(path).batches())
    tape = open_itch(path, strict=False)
    assert len(next(tape.batches())) == 11
    assert list(tape.batches())
    assert tape.anomalies["truncated"] == 1
    assert ItchBooks(path, strict=False).build().n_orders == 3


def test_file_of_another_format_is_not_taken_for_itch(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("time,price\n1,2\n")
    with pytest.raises(FormatError, match="offset 0"):
        open_tape(path)
    with pytest.raises(FormatError, match="message type"):
        ItchBooks(_padded(tmp_path)).build()


def _padded(tmp_path: Path) -> Path:
    path = tmp_path / "zeros.itch"
    path.write_bytes(b"\x00\x05zzzzz")
    return path


def test_bounds_out_of_range_are_refused(day: Path) -> None:
    with pytest.raises(InputError, match="max_orders must be from 1 to 16777215"):
        ItchBooks(day, bounds=BookBounds(max_orders=1 << 24))
    with pytest.raises(InputError, match="session_date: expected YYYY-MM-DD"):
        open_itch(day, session_date="30.12.2019")


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("12302019.nasdaq_itch50", dt.date(2019, 12, 30)),
        ("20190730.bx_itch_50", dt.date(2019, 7, 30)),
        ("s010219-v50.txt", dt.date(2019, 1, 2)),
        ("sample.itch", None),
        ("13452019.itch", None),
    ],
)
def test_date_is_found_in_the_names_nasdaq_gives(name: str, date: dt.date | None) -> None:
    assert date_in_name(name) == date


@pytest.mark.parametrize(
    ("date", "hours_behind"),
    [
        (dt.date(2019, 3, 10), 5),  # the clock moves at 02:00 of that day
        (dt.date(2019, 3, 11), 4),
        (dt.date(2019, 11, 3), 4),
        (dt.date(2019, 11, 4), 5),
        (dt.date(2020, 7, 1), 4),
        (dt.date(2015, 3, 8), 5),
        (dt.date(2015, 11, 1), 4),
    ],
)
def test_midnight_follows_summer_time(date: dt.date, hours_behind: int) -> None:
    utc = dt.datetime(date.year, date.month, date.day, hours_behind, tzinfo=dt.UTC)
    assert midnight_ns(date) == int(utc.timestamp()) * 10**9
