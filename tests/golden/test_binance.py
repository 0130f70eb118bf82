"""The best quotes of the rebuilt book equal the bookTicker at every shared update id."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from kimera.market import Tape, open_tape
from kimera.model import Action, Kind, RecordArray, RecordFlag, Side

# name: (shared update ids, depth, bookTicker, trades)
FILES: dict[str, tuple[int, int, int, int]] = {
    "spot_btcusdt_20240808": (564, 3_451, 28_040, 9_757),
    "spot_ethusdt_20240808": (577, 3_434, 24_077, 6_106),
    "usdm_btcusdt_20240808": (503, 6_551, 66_089, 21_313),
    "usdm_ethusdt_20240808": (471, 6_586, 53_992, 14_076),
    "cm_btcusd_perp_20240808": (1_124, 26_847, 19_136, 2_286),
    "cm_ethusd_perp_20240808": (1_345, 22_909, 15_812, 1_732),
    "usdm_btcusdt_20230404 usdm_btcusdt_20230405": (1_565, 16_110, 44_205, 12_935),
}


def paths_of(data: Path, names: str) -> list[Path]:
    return [data / "binance" / f"{name}.jsonl.gz" for name in names.split()]


def book_tops(tape: Tape) -> Iterator[tuple[str, int, tuple[int, int, int, int]]]:
    """(``"book"`` or ``"ticker"``, update id, bid price, bid size, ask price, ask size)."""
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    bid = (0, 0)
    fields = ["kind", "action", "side", "price_ticks", "size_lots", "flags", "sequence"]
    for batch in tape.batches():
        for record in batch[fields]:
            kind, action, side, price, size, flags, update = record.item()
            if kind == Kind.QUOTE:
                if side == Side.BID:
                    bid = (price, size)
                else:
                    yield "ticker", update, (*bid, price, size)
            elif action == Action.CLEAR:
                sides[0].clear()
                sides[1].clear()
            elif action == Action.LEVEL:
                if size:
                    sides[side][price] = size
                else:
                    sides[side].pop(price, None)
                if flags & RecordFlag.LAST and not flags & RecordFlag.SNAPSHOT:
                    high, low = max(sides[0]), min(sides[1])
                    assert high < low, "a rebuilt book is never crossed"
                    yield "book", update, (high, sides[0][high], low, sides[1][low])


@pytest.mark.parametrize("names", FILES)
def test_rebuilt_book_equals_the_ticker_at_every_shared_update(
    market_data: Path, names: str
) -> None:
    n_shared, n_depth, n_tickers, n_trades = FILES[names]
    tape = open_tape(paths_of(market_data, names))
    tops: dict[str, dict[int, tuple[int, int, int, int]]] = {"book": {}, "ticker": {}}
    ticker_first = 0
    for what, update, top in book_tops(tape):
        tops[what][update] = top
        ticker_first += what == "book" and update in tops["ticker"]
    # The data's own note counts the ids whose ticker came before the change; futures also have
    # some that came after it, and these must agree as well.
    assert ticker_first == n_shared
    shared = tops["book"].keys() & tops["ticker"].keys()
    assert len(shared) >= n_shared
    assert [u for u in shared if tops["book"][u] != tops["ticker"][u]] == []
    assert not tape.anomalies
    counts = tape.counts
    assert (counts["depth"], counts["bookTicker"], counts["trade"]) == (
        n_depth,
        n_tickers,
        n_trades,
    )
    assert counts["snapshots_joined"] == 1


def all_records(tape: Tape) -> RecordArray:
    return np.concatenate(list(tape.batches()))


@pytest.mark.parametrize(
    "name", ["spot_btcusdt_20240808", "cm_btcusd_perp_20240808", "usdm_btcusdt_20230404"]
)
def test_quotes_and_trades_equal_a_plain_json_reader(market_data: Path, name: str) -> None:
    (path,) = paths_of(market_data, name)
    tape = open_tape(path)
    (instrument,) = tape.instruments
    records = all_records(tape)
    to_ns = 1 if "2024" in name else 1000
    quotes, trades, finest = [], [], [0, 0]

    def note(price: str, size: str) -> None:
        for i, text in enumerate((price, size)):
            exponent = Decimal(text).normalize().as_tuple().exponent
            assert isinstance(exponent, int)
            finest[i] = max(finest[i], -exponent)

    with gzip.open(path, "rt") as lines:
        for line in lines:
            time, _, text = line.partition(" ")
            message = json.loads(text)
            data = message.get("data", message)
            recv = int(time) * to_ns
            if message.get("stream", "").endswith("@bookTicker"):
                note(data["b"], data["B"])
                note(data["a"], data["A"])
                quotes.append((recv, data["u"], 0, Decimal(data["b"]), Decimal(data["B"])))
                quotes.append((recv, data["u"], 1, Decimal(data["a"]), Decimal(data["A"])))
            elif message.get("stream", "").endswith("@trade"):
                note(data["p"], data["q"])
                side = 1 if data["m"] else 0
                trades.append((recv, data["t"], side, Decimal(data["p"]), Decimal(data["q"])))
            else:
                for level in data.get("b", []) + data.get("a", []) if "e" in data else []:
                    if isinstance(level, list):
                        note(*level)
                for level in data.get("bids", []) + data.get("asks", []):
                    note(*level)
    assert instrument.tick_size == Decimal(1).scaleb(-finest[0])
    assert instrument.lot_size == Decimal(1).scaleb(-finest[1])
    for chosen, expected in (
        (records["kind"] == Kind.QUOTE, quotes),
        (records["action"] == Action.TRADE, trades),
    ):
        ours = [
            (
                int(r["ts_recv_ns"]),
                int(r["sequence"]),
                int(r["side"]),
                instrument.price(r["price_ticks"]),
                instrument.size(r["size_lots"]),
            )
            for r in records[chosen]
        ]
        assert ours == expected


def test_without_a_snapshot_no_change_is_given_and_all_are_counted(market_data: Path) -> None:
    tape = open_tape(*paths_of(market_data, "spot_btcusdt_20230405"))
    records = all_records(tape)
    assert tape.counts["depth_before_snapshot"] == tape.counts["depth"] == 3_929
    assert not np.any((records["kind"] == Kind.DELTA) & (records["action"] == Action.LEVEL))
    assert np.count_nonzero(records["kind"] == Kind.QUOTE) == 2 * 8_015


def test_coin_margined_contracts_are_inverse_with_their_worth(market_data: Path) -> None:
    for name, worth in (("cm_btcusd_perp_20240808", 100), ("cm_ethusd_perp_20240808", 10)):
        (instrument,) = open_tape(*paths_of(market_data, name)).instruments
        assert instrument.inverse
        assert instrument.multiplier == worth
        assert instrument.lot_size == 1
