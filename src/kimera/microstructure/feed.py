"""Tapes as the analyzer takes them: instruments joined over files, quotes as levels, trades signed.

Two passes over the files, each in bounded batches. The first counts what each instrument has; the
second merges the files by event time and gives, instrument by instrument, records of a book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.errors import InputError, UnknownSymbolError
from kimera.market import Tape
from kimera.microstructure.quotes import quote_at
from kimera.microstructure.trade_signs import quote_rule_sign, tick_rule_sign
from kimera.model import NO_PRICE, NO_TIME, RECORD, Action, Kind, RecordArray, RecordFlag, Side

__all__ = ["Market", "MarketFeed"]

MAX_MARKETS: Final = 64
"""Instruments analysed at once; each holds a book."""

IntArray = npt.NDArray[np.int64]


class Market(msgspec.Struct):
    """What the tapes hold of one instrument.

    Attributes
    ----------
    symbol, venue : str
        ``venue`` is empty where the tape tells quotes of many venues as one.
    tick_size, lot_size : Decimal
        Unit of price and size; the finest of the files.
    by : {"orders", "prices", "quotes", "trades"}
        What the best quotes are known from; ``trades`` = there are none.
    sized : bool
        Whether the quotes have sizes.
    clock : {"event", "receive"}
        Whose times are used: ours where the tape's best quotes bear none of the venue's.
    n_records, n_trades, n_unsigned, volume_lots : int
        Of the book, quotes and trades; trades whose side the tape does not tell.
    """

    symbol: str
    venue: str
    tick_size: Decimal
    lot_size: Decimal
    by: str = "trades"
    sized: bool = True
    clock: str = "event"
    n_records: int = 0
    n_trades: int = 0
    n_unsigned: int = 0
    volume_lots: int = 0

    @property
    def name(self) -> str:
        """Symbol, with its venue where that is one."""
        return f"{self.symbol} @ {self.venue}" if self.venue else self.symbol


class _Place(msgspec.Struct, frozen=True):
    """Where an instrument of a tape goes, and what its prices and sizes are multiplied by."""

    market: int
    ticks: int
    lots: int


class _Quoted(msgspec.Struct):
    """Best quotes and last trade of a market fed by quotes, carried from batch to batch."""

    price: list[int]
    size: list[int]
    last_price: int = NO_PRICE
    last_sign: int = 0


def _traded(records: RecordArray) -> npt.NDArray[np.bool_]:
    acts = np.isin(records["action"], (Action.EXECUTE, Action.TRADE))
    told = (records["size_lots"] > 0) & (records["price_ticks"] != NO_PRICE)
    return np.asarray(acts & told & (records["kind"] == Kind.DELTA))


class MarketFeed:
    """Joins tapes into one stream of book records per instrument.

    Files of one symbol are one instrument (quotes and trades apart, as US equity ticks and Tardis
    have them), unless each names one venue and the venues differ (FX at two venues).

    Parameters
    ----------
    tapes : sequence of Tape
    symbol : str, optional
        Only this instrument.
    by : {"book", "quotes"}
        What the best quotes are taken from where a tape has both: the levels of its book, or its
        own best quotes, which some venues publish faster than the book (but without depth).
    progress : callable, optional
        Called with the records counted so far in the first pass.

    Attributes
    ----------
    markets : list of Market
        Those of which the tapes hold something.

    Raises
    ------
    InputError
        If there is nothing to analyse, too many instruments at once, or files of one instrument
        whose units have no whole ratio.
    """

    def __init__(
        self,
        tapes: Sequence[Tape],
        *,
        symbol: str | None = None,
        by: str = "book",
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if by not in {"book", "quotes"}:
            raise InputError(f"by: expected 'book' or 'quotes', was {by!r}")
        self._tapes, self._prefer = tuple(tapes), by
        self.markets: list[Market] = []
        self._places: list[dict[int, _Place]] = []
        self._table(symbol)
        self._survey(progress)
        if sum(m.n_records > 0 for m in self.markets) > MAX_MARKETS:
            raise InputError(
                f"{self._tapes[0].file}: more than {MAX_MARKETS} instruments at once: "
                "choose one by --symbol"
            )
        if not any(m.n_records for m in self.markets):
            raise InputError(f"{self._tapes[0].file}: no book, quote or trade to analyse")

    @property
    def n_records(self) -> int:
        """Records of the book, quotes and trades over all markets."""
        return sum(market.n_records for market in self.markets)

    def _table(self, symbol: str | None) -> None:
        keys: dict[tuple[str, str], int] = {}
        chosen = []
        for at, tape in enumerate(self._tapes):
            for one in tape.instruments:
                venue = tape.venues[0].name if len(tape.venues) == 1 else ""
                if len(tape.venues) > 1 and len(tape.instruments) > 1 and one.venue_id:
                    venue = tape.venues[one.venue_id - 1].name
                if symbol is None or one.symbol == symbol:
                    chosen.append((at, one, (one.symbol, venue)))
        if not chosen:
            known = ", ".join(i.symbol for t in self._tapes for i in t.instruments[:10])
            raise UnknownSymbolError(f"--symbol: expected one of {known} ..., was {symbol!r}")
        for _, one, key in chosen:
            if key not in keys:
                keys[key] = len(self.markets)
                self.markets.append(Market(*key, one.tick_size, one.lot_size))
            market = self.markets[keys[key]]
            market.tick_size = min(market.tick_size, one.tick_size)
            market.lot_size = min(market.lot_size, one.lot_size)
        self._places = [{} for _ in self._tapes]
        for at, one, key in chosen:
            market = self.markets[keys[key]]
            ticks = Fraction(one.tick_size) / Fraction(market.tick_size)
            lots = Fraction(one.lot_size) / Fraction(market.lot_size)
            if ticks.denominator != 1 or lots.denominator != 1:
                raise InputError(
                    f"{self._tapes[at].file}: units of {one.symbol} do not fit the rest"
                )
            place = _Place(keys[key], int(ticks), int(lots))
            self._places[at][one.instrument_id] = place

    def _survey(self, progress: Callable[[int], None] | None) -> None:
        orders, levels, quotes, sizes, timeless = (set[int]() for _ in range(5))
        seen = 0
        for at, tape in enumerate(self._tapes):
            for batch in tape.batches():
                seen += len(batch)
                for number, records in self._of(at, batch):
                    market, delta = self.markets[number], records["kind"] == Kind.DELTA
                    action = records["action"]
                    market.n_records += len(records)
                    traded = _traded(records)
                    market.n_trades += int(traded.sum())
                    market.n_unsigned += int((records["side"][traded] == Side.NONE).sum())
                    market.volume_lots += int(records["size_lots"][traded].sum())
                    for group, mask in (
                        (orders, delta & (action == Action.ADD)),
                        (levels, delta & (action == Action.LEVEL)),
                        (quotes, ~delta),
                        (sizes, ~delta & (records["size_lots"] > 0)),
                        (timeless, ~delta & (records["ts_event_ns"] == NO_TIME)),
                    ):
                        if mask.any():
                            group.add(number)
                if progress is not None:
                    progress(seen)
        for number, market in enumerate(self.markets):
            kinds: list[tuple[str, set[int]]]
            kinds = [("orders", orders), ("prices", levels), ("quotes", quotes)]
            if self._prefer == "quotes":
                kinds.insert(0, kinds.pop())
            market.by = next((by for by, group in kinds if number in group), "trades")
            market.clock = "receive" if market.by == "quotes" and number in timeless else "event"
            market.sized = market.by != "quotes" or number in sizes

    def _of(self, at: int, batch: RecordArray) -> Iterator[tuple[int, RecordArray]]:
        """Records of each market in a batch of one tape, in the market's units."""
        about = (batch["kind"] == Kind.DELTA) | (batch["kind"] == Kind.QUOTE)
        for instrument in np.unique(batch["instrument_id"][about]).tolist():
            place = self._places[at].get(instrument)
            if place is None:
                continue
            records = batch[about & (batch["instrument_id"] == instrument)]
            if place.ticks != 1:
                known = records["price_ticks"] != NO_PRICE
                records["price_ticks"][known] *= place.ticks
            if place.lots != 1:
                records["size_lots"] *= place.lots
            records["instrument_id"] = place.market + 1
            if self.markets[place.market].clock == "receive":
                records["ts_event_ns"] = records["ts_recv_ns"]
            yield place.market, records

    def batches(self) -> Iterator[tuple[int, RecordArray, npt.NDArray[np.bool_]]]:
        """Iterate over the records, merged by event time.

        Yields
        ------
        market : int
            Index in :attr:`markets`.
        records : ndarray of shape (n,), dtype RECORD
            Changes of the book and trades; never cut within a time stamp of the market.
        whole : ndarray of shape (n,), bool
            False where a record is the first half of a change of quote.
        """
        quoted = [_Quoted([NO_PRICE, NO_PRICE], [0, 0]) for _ in self.markets]
        held: dict[int, RecordArray] = {}
        for number, records in self._merged():
            market = self.markets[number]
            joined = np.concatenate([held[number], records]) if number in held else records
            times = np.maximum.accumulate(joined["ts_event_ns"])
            cut = int(np.searchsorted(times, times[-1], side="left"))
            held[number] = joined[cut:]
            if cut:
                yield number, *_as_book(joined[:cut], market, quoted[number])
        for number, records in held.items():
            yield number, *_as_book(records, self.markets[number], quoted[number])

    def _merged(self) -> Iterator[tuple[int, RecordArray]]:
        if len(self._tapes) == 1:
            for batch in self._tapes[0].batches():
                yield from self._of(0, batch)
            return
        feeds = [tape.batches() for tape in self._tapes]
        waiting: list[RecordArray | None] = [next(feed, None) for feed in feeds]
        clocks = [_running(w) for w in waiting]
        while any(w is not None for w in waiting):
            # What lies at or before the earliest end of a batch can no longer be overtaken.
            until = min(int(c[-1]) for c in clocks if c is not None)
            parts: dict[int, list[tuple[IntArray, RecordArray]]] = {}
            for at, (piece, clock) in enumerate(zip(waiting, clocks, strict=True)):
                if piece is None or clock is None:
                    continue
                cut = int(np.searchsorted(clock, until, side="right"))
                for number, records in self._of(at, piece[:cut]):
                    parts.setdefault(number, []).append((_times(records), records))
                rest, times = piece[cut:], clock[cut:]
                if not len(rest):
                    following = next(feeds[at], None)
                    waiting[at], clocks[at] = following, _running(following)
                else:
                    waiting[at], clocks[at] = rest, times
            for number, pieces in parts.items():
                order = np.argsort(np.concatenate([t for t, _ in pieces]), kind="stable")
                yield number, np.concatenate([r for _, r in pieces])[order]


def _times(records: RecordArray) -> IntArray:
    return np.asarray(np.maximum.accumulate(records["ts_event_ns"]), dtype=np.int64)


def _running(batch: RecordArray | None) -> IntArray | None:
    return None if batch is None else _times(batch)


def _as_book(
    records: RecordArray, market: Market, quoted: _Quoted
) -> tuple[RecordArray, npt.NDArray[np.bool_]]:
    if market.by != "quotes":
        records = records[records["kind"] == Kind.DELTA]
        return records, np.ones(len(records), dtype=bool)
    records = records[(records["kind"] == Kind.QUOTE) | _traded(records)]
    before = quoted.price[0], quoted.price[1]
    _sign(records, before, quoted, sized=market.sized)
    return _levels(records, quoted, sized=market.sized)


def _levels(
    records: RecordArray, quoted: _Quoted, *, sized: bool
) -> tuple[RecordArray, npt.NDArray[np.bool_]]:
    """A quote as changes of a book by price: the new level, then the end of the old one.

    In this order the order-flow imbalance of the two steps adds up to that of the one change.
    """
    told = records["kind"] == Kind.QUOTE
    pairs = np.zeros((len(records), 2), dtype=RECORD)
    pairs[:, 0], pairs[:, 1] = records, records
    used = np.column_stack([~told, np.zeros(len(records), dtype=bool)])
    for side in (Side.BID, Side.ASK):
        row = np.flatnonzero(told & (records["side"] == side))
        if not len(row):
            continue
        price, size = records["price_ticks"][row].copy(), records["size_lots"][row].copy()
        if not sized:
            size[price != NO_PRICE] = 1
        gone = (price == NO_PRICE) | (size <= 0)
        price[gone], size[gone] = NO_PRICE, 0
        old = np.concatenate([[quoted.price[side]], price[:-1]])
        used[row, 0] = ~gone
        used[row, 1] = (old != NO_PRICE) & (old != price)
        for half, (at, lots) in enumerate(((price, size), (old, np.zeros_like(size)))):
            pairs["price_ticks"][row, half], pairs["size_lots"][row, half] = at, lots
        quoted.price[side], quoted.size[side] = int(price[-1]), int(size[-1])
    pairs["kind"][told], pairs["action"][told] = Kind.DELTA, Action.LEVEL
    # A quote is whole by itself: what was missed before it does not make it doubtful.
    pairs["flags"] &= np.uint8(0xFF & ~(RecordFlag.GAP_BEFORE | RecordFlag.SNAPSHOT))
    whole = np.ones(pairs.shape, dtype=bool)
    whole[:, 0] = ~used[:, 1]
    return pairs[used], whole[used]


def _sign(records: RecordArray, before: tuple[int, int], quoted: _Quoted, *, sized: bool) -> None:
    """Lee and Ready where the tape tells no side: the quote before the trade's time stamp."""
    traded = _traded(records)
    row = np.flatnonzero(traded)
    if not len(row):
        return
    at = _times(records)
    sides = []
    for side in (Side.BID, Side.ASK):
        told = np.flatnonzero((records["kind"] == Kind.QUOTE) & (records["side"] == side))
        stands = (records["size_lots"][told] > 0) | (not sized)
        price = np.where(stands, records["price_ticks"][told], NO_PRICE)
        known = np.append(price, before[side])  # row -1: what stood before the batch
        sides.append(known[quote_at(at[row], at[told], equal_times="before")])
    price = records["price_ticks"][row]
    sign = quote_rule_sign(price, sides[0], sides[1])
    # Two prices that tell the tick rule where it stood.
    lead: list[int] = []
    if quoted.last_price != NO_PRICE:
        lead = [quoted.last_price - quoted.last_sign, quoted.last_price]
    ticks = tick_rule_sign(np.concatenate([np.array(lead, dtype=np.int64), price]))[len(lead) :]
    quoted.last_price, quoted.last_sign = int(price[-1]), int(ticks[-1])
    sign = np.where(sign != 0, sign, ticks)
    open_ = (records["side"][row] == Side.NONE) & (records["action"][row] == Action.TRADE)
    taker = np.where(sign > 0, Side.BID, np.where(sign < 0, Side.ASK, Side.NONE))
    records["side"][row[open_]] = taker[open_]
