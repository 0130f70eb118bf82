"""The first 1,000 messages of a real NASDAQ day: framing and stock directory."""

import datetime as dt
from pathlib import Path

import pytest

from kimera.market import open_tape
from kimera.market.itch import ItchBooks
from kimera.model import Kind, Status


@pytest.fixture
def sample(market_data: Path) -> Path:
    (path,) = (market_data / "itch").glob("*.itch*")
    return path


def test_itch_sample_has_the_messages_it_is_known_to_have(sample: Path) -> None:
    tape = open_tape(sample, session_date="2019-01-30")
    (records,) = tape.batches()
    assert tape.format == "itch"
    assert dict(tape.counts) == {"S": 1, "R": 993, "H": 3, "Y": 3}
    assert len(tape.instruments) == 993
    symbols = [i.symbol for i in tape.instruments]
    assert symbols == sorted(symbols)
    assert symbols[0] == "A"
    assert not tape.anomalies
    statuses = records[records["kind"] == Kind.STATUS]
    assert len(records) == len(statuses) + 0 == 3
    assert (statuses["action"] != Status.CLOSED).all()
    times = [dt.datetime.fromtimestamp(ns / 1e9, dt.UTC) for ns in records["ts_event_ns"]]
    assert all(8 <= t.hour <= 8 and 4 <= t.minute <= 9 for t in times)


def test_itch_sample_through_the_books_leaves_them_empty(sample: Path) -> None:
    books = ItchBooks(sample).build()
    assert books.counters["messages"] == 1000
    assert books.n_orders == 0
    assert len(books.summary()) == 0
