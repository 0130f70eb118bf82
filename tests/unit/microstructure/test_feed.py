"""The feed against brute force: one quote and one trade at a time, in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest

from kimera.errors import InputError, UnknownSymbolError
from kimera.market import Tape
from kimera.microstructure import Analyzer, order_flow_imbalance
from kimera.microstructure.feed import MarketFeed
from kimera.model import (
    NO_PRICE,
    Action,
    Instrument,
    Kind,
    RecordArray,
    Side,
    Venue,
    empty_records,
)


class ArrayTape(Tape):
    """Records of an array, in pieces of a given size."""

    def __init__(self, records: RecordArray, *, venue: str, piece: int, tick: str = "0.01") -> None:
        super().__init__([], strict=True)
        self.format = "array"
        self._records, self._piece = records, piece
        self.instruments = (
            Instrument(
                instrument_id=1,
                symbol="X",
                venue_id=1,
                tick_size=Decimal(tick),
                lot_size=Decimal(1),
                quote="USD",
            ),
        )
        self.venues = (Venue(1, venue),)

    def _pieces(self) -> Iterator[RecordArray]:
        for start in range(0, len(self._records), self._piece):
            yield self._records[start : start + self._piece]

    def batches(self, n_records: int = 65_536) -> Iterator[RecordArray]:
        return super().batches(min(n_records, self._piece))


def random_quotes(rng: np.random.Generator, n: int) -> RecordArray:
    r = empty_records(n)
    r["kind"], r["instrument_id"] = Kind.QUOTE, 1
    r["ts_event_ns"] = r["ts_recv_ns"] = np.sort(rng.integers(0, 3 * n, n))
    r["side"] = rng.integers(0, 2, n)
    middle = 1000 + np.cumsum(rng.integers(-1, 2, n))
    r["price_ticks"] = np.where(
        r["side"] == Side.BID, middle - rng.integers(1, 4, n), middle + rng.integers(1, 4, n)
    )
    r["size_lots"] = rng.integers(0, 9, n)  # 0 = the side is withdrawn
    return r


def random_trades(rng: np.random.Generator, n: int, span: int) -> RecordArray:
    r = empty_records(n)
    r["kind"], r["action"], r["instrument_id"] = Kind.DELTA, Action.TRADE, 1
    r["ts_event_ns"] = r["ts_recv_ns"] = np.sort(rng.integers(0, span, n))
    r["side"] = Side.NONE
    r["price_ticks"], r["size_lots"] = 1000 + rng.integers(-9, 10, n), rng.integers(1, 50, n)
    return r


def taken(feed: MarketFeed) -> tuple[RecordArray, np.ndarray]:
    parts = list(feed.batches())
    return np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])


@pytest.mark.parametrize("piece", [7, 100, 10_000])
def test_quotes_as_levels_keep_the_best_quotes_and_their_order_flow(piece: int) -> None:
    quotes = random_quotes(np.random.default_rng(3), 2_000)
    feed = MarketFeed([ArrayTape(quotes, venue="V", piece=piece)])
    assert feed.markets[0].by == "quotes"
    records, whole = taken(feed)
    rows = Analyzer(by="prices").update(records)[whole]
    best: list[list[int]] = [[NO_PRICE, 0], [NO_PRICE, 0]]
    expected = []
    for quote in quotes:
        price, size = int(quote["price_ticks"]), int(quote["size_lots"])
        before = list(best[int(quote["side"])])
        best[int(quote["side"])] = [price, size] if size else [NO_PRICE, 0]
        if before != [NO_PRICE, 0] or size:  # an empty side withdrawn is no event
            expected.append((*best[0], *best[1]))
    told = np.array(expected)
    names = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
    for column, name in enumerate(names):
        np.testing.assert_array_equal(rows[name], told[:, column], err_msg=name)
    flow = order_flow_imbalance(*(told[:, c] for c in range(4)))
    # the analyzer counts the first quote as flow, the batch function begins after it
    np.testing.assert_array_equal(rows["ofi_1"] - rows["ofi_1"][0], np.cumsum(flow))


@pytest.mark.parametrize("piece", [5, 64, 10_000])
def test_unsigned_trades_are_signed_by_the_quote_before_their_time_stamp(piece: int) -> None:
    rng = np.random.default_rng(8)
    quotes, trades = random_quotes(rng, 900), random_trades(rng, 700, 2_700)
    tapes = [
        ArrayTape(quotes, venue="V", piece=piece),
        ArrayTape(trades, venue="V", piece=piece + 3),
    ]
    feed = MarketFeed(tapes)
    assert len(feed.markets) == 1
    assert feed.markets[0].n_unsigned == 700
    records, _ = taken(feed)
    got = records[records["action"] == Action.TRADE]
    assert (got["ts_event_ns"] == trades["ts_event_ns"]).all()
    sign = {0: Side.NONE, 1: Side.BID, -1: Side.ASK}
    last, tick = None, 0
    for trade, told in zip(trades, got, strict=True):
        price, at = int(trade["price_ticks"]), int(trade["ts_event_ns"])
        if last is not None and price != last:
            tick = 1 if price > last else -1
        last = price
        bid, ask = NO_PRICE, NO_PRICE
        for quote in quotes[quotes["ts_event_ns"] < at]:
            value = int(quote["price_ticks"]) if quote["size_lots"] else NO_PRICE
            if quote["side"] == Side.BID:
                bid = value
            else:
                ask = value
        expected = tick
        if NO_PRICE not in (bid, ask) and 2 * price != bid + ask:
            expected = 1 if 2 * price > bid + ask else -1
        assert told["side"] == sign[expected]


def test_files_with_other_ticks_are_brought_to_the_finest() -> None:
    rng = np.random.default_rng(1)
    quotes, trades = random_quotes(rng, 50), random_trades(rng, 50, 150)
    feed = MarketFeed(
        [
            ArrayTape(quotes, venue="V", piece=9, tick="0.001"),
            ArrayTape(trades, venue="V", piece=9, tick="0.01"),
        ]
    )
    records, _ = taken(feed)
    got = records[records["action"] == Action.TRADE]
    assert (got["price_ticks"] == 10 * trades["price_ticks"]).all()
    with pytest.raises(InputError, match="units of X"):
        MarketFeed(
            [
                ArrayTape(quotes, venue="V", piece=9, tick="0.002"),
                ArrayTape(trades, venue="V", piece=9, tick="0.003"),
            ]
        )


def test_files_of_two_venues_are_two_markets() -> None:
    rng = np.random.default_rng(1)
    feed = MarketFeed(
        [ArrayTape(random_quotes(rng, 50), venue=venue, piece=9) for venue in ("A", "B")]
    )
    assert [market.name for market in feed.markets] == ["X @ A", "X @ B"]
    assert sum(len(p[1]) > 0 for p in feed.batches()) > 2


def test_nothing_to_analyse_and_unknown_symbol_are_errors() -> None:
    tape = ArrayTape(empty_records(0), venue="V", piece=9)
    with pytest.raises(InputError, match="no book, quote or trade"):
        MarketFeed([tape])
    with pytest.raises(UnknownSymbolError, match="'Y'"):
        MarketFeed([tape], symbol="Y")
