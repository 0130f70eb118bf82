"""Recordings of exchanges judge their codecs: checksums, update ids, level sums."""

import gzip
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from kimera.market import Tape, open_tape
from kimera.model import Action, Kind, RecordArray, RecordFlag, Side


def all_records(tape: Tape) -> RecordArray:
    return np.concatenate(list(tape.batches()))


def test_kraken_every_checksum_agrees(market_data: Path) -> None:
    tape = open_tape(market_data / "exchange_ws" / "KRAKEN.ws.50.0.gz")
    all_records(tape)
    assert tape.counts["checksums"] == tape.counts["checksums_agree"] == 4_269
    assert len(tape.instruments) == 10
    assert not tape.anomalies


def test_kraken_one_changed_digit_is_a_checksum_anomaly(market_data: Path, tmp_path: Path) -> None:
    text = gzip.decompress((market_data / "exchange_ws" / "KRAKEN.ws.50.0.gz").read_bytes())
    # The best bid of XMR/USD as its first change writes it.
    wrong = text.replace(b'[992,{"b":[["354.15000000","5.0', b'[992,{"b":[["354.15000000","6.0', 1)
    assert wrong != text
    (tmp_path / "KRAKEN.ws.0").write_bytes(wrong)
    tape = open_tape(tmp_path / "KRAKEN.ws.0", strict=False)
    all_records(tape)
    assert tape.anomalies["checksum"] >= 1


@pytest.mark.parametrize(
    ("name", "n_symbols", "n_depth"), [("BINANCE", 4, 177), ("BINANCE_DELIVERY", 10, 2_047)]
)
def test_binance_each_snapshot_joins_its_changes(
    market_data: Path, name: str, n_symbols: int, n_depth: int
) -> None:
    tape = open_tape(market_data / "exchange_ws" / f"{name}.ws.1.0.gz")
    records = all_records(tape)
    assert tape.counts["depth"] == n_depth
    assert tape.counts["snapshots_joined"] == n_symbols
    assert len(np.unique(records["instrument_id"])) == n_symbols
    assert not np.any(records["flags"] & RecordFlag.GAP_BEFORE)
    assert not tape.anomalies


def test_coinbase_levels_and_matches_equal_the_messages(market_data: Path) -> None:
    path = market_data / "exchange_ws" / "COINBASE.ws.28.0.gz"
    tape = open_tape(path)
    records = all_records(tape)
    assert tape.counts["l2update"] == 9_719
    assert tape.counts["match"] == 97
    symbols = [one.symbol for one in tape.instruments]
    changes, matches = [], []
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        text = line.partition(": ")[2]
        if not text.startswith('{"type"') or " <- " in line[:60]:
            continue
        m = json.loads(text)
        if m["type"] == "l2update":
            for side, price, size in m["changes"]:
                changes.append((m["product_id"], side == "sell", Decimal(price), Decimal(size)))
        elif m["type"] == "match":
            taker = m["side"] == "buy"  # the maker bought: the taker sold
            matches.append((m["product_id"], taker, Decimal(m["price"]), Decimal(m["size"])))
    plain = records["flags"] & RecordFlag.SNAPSHOT == 0
    for action, expected in ((Action.LEVEL, changes), (Action.TRADE, matches)):
        chosen = plain & (records["kind"] == Kind.DELTA) & (records["action"] == action)
        ours = []
        for r in records[chosen]:
            one = tape.instruments[r["instrument_id"] - 1]
            price, size = one.price(r["price_ticks"]), one.size(r["size_lots"])
            ours.append((symbols[r["instrument_id"] - 1], bool(r["side"]), price, size))
        assert ours == expected


def test_bitmex_best_levels_agree_with_its_quotes(market_data: Path) -> None:
    tape = open_tape(market_data / "exchange_ws" / "BITMEX.ws.1.0.gz")
    books: dict[int, tuple[dict[int, int], dict[int, int]]] = defaultdict(lambda: ({}, {}))
    tops: dict[int, list[tuple[int, int]]] = defaultdict(list)
    quotes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    fields = ["kind", "action", "side", "price_ticks", "size_lots", "flags", "instrument_id"]
    for record in all_records(tape)[fields]:
        kind, action, side, price, size, flags, instrument = record.item()
        sides = books[instrument]
        if kind == Kind.QUOTE and side == Side.BID:
            quotes[instrument].append((price, size))
        elif action == Action.CLEAR:
            sides[0].clear()
            sides[1].clear()
        elif action == Action.LEVEL and kind == Kind.DELTA:
            sides[side][price] = size
            if not size:
                del sides[side][price]
            if flags & RecordFlag.LAST and sides[0] and sides[1]:
                assert max(sides[0]) < min(sides[1]), "never crossed after a whole message"
                best = max(sides[0])
                tops[instrument].append((best, sides[0][best]))
    assert tape.counts["orderBookL2 update"] == 1_090
    # Every best bid that BitMEX quotes after its first is one that the book by level ids showed.
    n_checked = 0
    for instrument, told in quotes.items():
        for top in told[1:]:
            n_checked += 1
            assert top in tops[instrument], tape.instruments[instrument - 1].symbol
    assert n_checked > 50


def test_coinbase_level_3_sums_to_level_2(market_data: Path) -> None:
    folder = market_data / "coinbase_snapshot"
    by_price, by_order = (
        open_tape(folder / f"btc-usd_{name}.json.gz")
        for name in ("l2_20260807T200408Z", "l3_20260807T200410Z")
    )
    l2, l3 = all_records(by_price)[1:], all_records(by_order)[1:]
    assert len(l3) == 57_419 + 53_187
    assert len(np.unique(l3["order_id"])) == len(l3)
    one, other = by_price.instruments[0], by_order.instruments[0]
    assert (one.tick_size, one.lot_size) == (other.tick_size, other.lot_size)
    for side, n_levels, n_equal in ((Side.BID, 18_376, 18_323), (Side.ASK, 27_017, 26_967)):
        levels = l2[l2["side"] == side]
        orders = l3[l3["side"] == side]
        prices, where = np.unique(orders["price_ticks"], return_inverse=True)
        sums = np.zeros(len(prices), dtype=np.int64)
        np.add.at(sums, where, orders["size_lots"])
        counts = np.bincount(where)
        summed = {p: (s, c) for p, s, c in zip(prices, sums, counts, strict=True)}
        equal = [
            summed.get(p) == (s, c)
            for p, s, c in zip(
                levels["price_ticks"], levels["size_lots"], levels["detail"], strict=True
            )
        ]
        assert (len(levels), sum(equal)) == (n_levels, n_equal)
