"""Tick zips, Tardis CSV and bars against plain readers of the same files."""

import csv
import gzip
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from kimera.market import Tape, open_tape, read_bars
from kimera.model import Kind, RecordArray, Side

NEW_YORK = ZoneInfo("America/New_York")


def all_records(tape: Tape) -> RecordArray:
    return np.concatenate(list(tape.batches()))


def zip_rows(path: Path) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return list(csv.reader(io.StringIO(text)))


def test_equity_trades_equal_the_rows(market_data: Path) -> None:
    path = market_data / "us_equity_ticks" / "aig_20131007_trade.zip"
    tape = open_tape(path)
    records = all_records(tape)
    rows = zip_rows(path)
    midnight = int(datetime(2013, 10, 7, tzinfo=NEW_YORK).timestamp()) * 1000
    assert records["ts_event_ns"].tolist() == [(midnight + int(r[0])) * 10**6 for r in rows]
    assert records["price_ticks"].tolist() == [int(r[1]) for r in rows]
    assert records["size_lots"].tolist() == [int(r[2]) for r in rows]
    assert records["detail"].tolist() == [int(r[4], 16) for r in rows]
    assert tape.instruments[0].price(int(records["price_ticks"][0])) == Decimal("49.18")
    off_exchange = [v.venue_id for v in tape.venues if v.name == "FINRA"]
    share = np.mean(records["venue_id"] == off_exchange[0])
    assert 0.22 <= share <= 0.25


def test_equity_quotes_are_sound_as_national_best(market_data: Path) -> None:
    tape = open_tape(market_data / "us_equity_ticks" / "ibm_20131007_quote.zip")
    records = all_records(tape)
    assert len(records) == 109_067
    open_ms = int(datetime(2013, 10, 7, 9, 31, tzinfo=NEW_YORK).timestamp()) * 10**9
    close_ms = int(datetime(2013, 10, 7, 16, 0, tzinfo=NEW_YORK).timestamp()) * 10**9
    bid = ask = crossed = locked = n_updates = 0
    for record in records[["side", "price_ticks", "ts_event_ns"]]:
        side, price, ts = record.item()
        bid, ask = (price, ask) if side == Side.BID else (bid, price)
        if open_ms <= ts < close_ms:
            n_updates += 1
            crossed += bid > ask
            locked += bid == ask
    assert crossed / n_updates <= 0.0008
    assert 0.0 < locked / n_updates <= 0.044


def test_fx_clocks_meet_after_the_shift(market_data: Path) -> None:
    folder = market_data / "fx_two_venues"
    mids = []
    for name in ("fxcm_eurusd_20140506_quote.zip", "oanda_eurusd_20140506_quote.zip"):
        records = all_records(open_tape(folder / name))
        bids, asks = records[records["side"] == Side.BID], records[records["side"] == Side.ASK]
        mids.append((bids["ts_event_ns"], (bids["price_ticks"] + asks["price_ticks"]) / 2))
    start = max(times[0] for times, _ in mids) // 10**9 + 1
    stop = min(times[-1] for times, _ in mids) // 10**9
    seconds = np.arange(start, stop) * 10**9
    moves = [
        np.diff(values[np.searchsorted(times, seconds, side="right") - 1]) for times, values in mids
    ]
    assert np.corrcoef(*moves)[0, 1] > 0.75, "the same second shows the same move"
    assert abs(np.corrcoef(moves[0][60:], moves[1][:-60])[0, 1]) < 0.03


@pytest.mark.parametrize("what", ["trades", "quotes"])
def test_tardis_equals_the_rows(market_data: Path, what: str) -> None:
    path = market_data / "tardis_csv" / f"binance-futures_{what}_BTCUSDT_20200222.csv.gz"
    tape = open_tape(path)
    (one,) = tape.instruments
    records = all_records(tape)
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    if what == "trades":
        expected = [
            (int(r["local_timestamp"]) * 1000, int(r["id"]), r["side"] == "sell",
             Decimal(r["price"]), Decimal(r["amount"]))
            for r in rows
        ]  # fmt: skip
    else:
        expected = [
            (int(r["local_timestamp"]) * 1000, 0, side == "ask",
             Decimal(r[f"{side}_price"]), Decimal(r[f"{side}_amount"]))
            for r in rows
            for side in ("bid", "ask")
        ]  # fmt: skip
        assert np.all(records["kind"] == Kind.QUOTE)
    ours = [
        (int(r["ts_recv_ns"]), int(r["sequence"]), bool(r["side"]),
         one.price(r["price_ticks"]), one.size(r["size_lots"]))
        for r in records
    ]  # fmt: skip
    assert ours == expected


@pytest.mark.parametrize(
    ("name", "n_bars", "first"),
    [
        ("binanceus_btcusd_1m_20230301_20230321", 30_240, (1_677_628_800, 23144.78, 3.912156)),
        ("ftx_btc-perp_1m_20211231_20220201", 45_031, (1_640_991_660, 46319.0, 2300413.7295)),
        ("kraken_btcusdc_1m_20230101_20230331", 56_717, (1_672_531_200, 16535.97, 0.01429883)),
    ],
)
def test_bars_are_whole_and_start_where_they_should(
    market_data: Path, name: str, n_bars: int, first: tuple[int, float, float]
) -> None:
    bars = read_bars(market_data / "bars" / f"{name}.csv.gz")
    assert len(bars) == n_bars
    assert (bars["ts_open_ns"][0], bars["open"][0], bars["volume"][0]) == (
        first[0] * 10**9,
        *first[1:],
    )
