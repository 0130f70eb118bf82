"""Runs the first records of the backtest's benchmark stream in NautilusTrader.

Usage and answers as in ``hftbacktest_peer.py``. An object is made for every packet before the clock
starts, so the stream is cut to RECORDS; the first line says ``ready VERSION RECORDS``.
"""

import sys
import time
from decimal import Decimal
from importlib.metadata import version

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

RECORDS = 200_000
DELTA, ADD, CANCEL, MODIFY, EXECUTE, TRADE, LEVEL = 1, 1, 2, 3, 4, 6, 8
LAST = 0x80
LATENCY_NS = 200_000
VENUE = Venue("SIM")
INSTRUMENT = InstrumentId(Symbol("X"), VENUE)
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def _instrument():
    return Equity(
        instrument_id=INSTRUMENT,
        raw_symbol=Symbol("X"),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def _objects(records):
    """Packets of book changes, and trades, in the order of the records."""
    out, packet, left = [], [], {}
    for n, r in enumerate(records):
        if r["kind"] != DELTA:
            continue
        at, act, oid = int(r["ts_event_ns"]), int(r["action"]), int(r["order_id"])
        price, size = Price(int(r["price_ticks"]) * 0.01, 2), int(r["size_lots"])
        side = BUY if r["side"] == 0 else SELL
        if act in (TRADE, EXECUTE):
            taker = AggressorSide.BUYER if (side == BUY) == (act == TRADE) else AggressorSide.SELLER
            lots = Quantity.from_int(size)
            out.append(
                TradeTick(INSTRUMENT, price, lots, taker, TradeId(str(n)), at, at + LATENCY_NS)
            )
        if act != TRADE:
            if act == LEVEL:
                action, rest = (BookAction.UPDATE, size) if size else (BookAction.DELETE, 0)
            elif act in (ADD, MODIFY):
                action, rest = (BookAction.ADD if act == ADD else BookAction.UPDATE), size
                left[oid] = (price, size)
            else:
                price, had = left[oid]
                rest = 0 if size == 0 else had - size
                action = BookAction.UPDATE if rest else BookAction.DELETE
                left[oid] = (price, rest)
            order = BookOrder(side, price, Quantity.from_int(rest), oid)
            flags = int(r["flags"]) & LAST
            packet.append(OrderBookDelta(INSTRUMENT, action, order, flags, n, at, at + LATENCY_NS))
        if r["flags"] & LAST and packet:
            out.append(OrderBookDeltas(INSTRUMENT, packet))
            packet = []
    return out


class Maker(Strategy):
    """Quotes one lot at each best price every 100 ms, up to 100 lots either way."""

    def __init__(self):
        super().__init__(StrategyConfig())
        self.sent = 0
        self.quotes = {BUY: None, SELL: None}

    def on_start(self):
        """Ask for the book and for a call every 100 ms."""
        book_type = BookType.L3_MBO if self.by_order else BookType.L2_MBP
        self.subscribe_order_book_deltas(INSTRUMENT, book_type)
        from pandas import Timedelta

        self.clock.set_timer("quote", Timedelta(milliseconds=100), callback=self.on_quote)

    def on_quote(self, _event):
        """Move what does not stand at the best price."""
        book = self.cache.order_book(INSTRUMENT)
        if book is None or book.best_bid_price() is None or book.best_ask_price() is None:
            return
        position = self.portfolio.net_position(INSTRUMENT) or Decimal(0)
        for side, price in ((BUY, book.best_bid_price()), (SELL, book.best_ask_price())):
            room = position + 1 <= 100 if side == BUY else position - 1 >= -100
            quote = self.quotes[side]
            stands = quote is not None and not quote.is_closed
            if stands and (quote.price != price or not room):
                self.cancel_order(quote)
                self.sent += 1
                stands = False
            if stands or not room:
                continue
            quote = self.order_factory.limit(INSTRUMENT, side, Quantity.from_int(1), price)
            self.quotes[side] = quote
            self.submit_order(quote)
            self.sent += 1


def _timed(objects, by_order, quotes):
    config = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    engine = BacktestEngine(config)
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(10_000_000, USD)],
        base_currency=USD,
        book_type=BookType.L3_MBO if by_order else BookType.L2_MBP,
        latency_model=LatencyModel(LATENCY_NS),
    )
    engine.add_instrument(_instrument())
    strategy = None
    if quotes:
        strategy = Maker()
        strategy.by_order = by_order
        engine.add_strategy(strategy)
    engine.add_data(objects)
    begin = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - begin
    sent = 0 if strategy is None else strategy.sent
    engine.dispose()
    return seconds, sent


def main():
    """Serve the candidates."""
    streams = {
        name: _objects(np.load(path, mmap_mode="r")[:RECORDS])
        for name, path in zip(("l3", "l2"), sys.argv[1:3], strict=True)
    }
    _timed(streams["l2"][:1000], by_order=False, quotes=True)  # caches of the first run
    print("ready", version("nautilus_trader"), RECORDS, flush=True)
    for line in sys.stdin:
        run, _, name = line.strip().partition("-")
        print(*_timed(streams[name], by_order=name == "l3", quotes=run == "maker"), flush=True)


main()
