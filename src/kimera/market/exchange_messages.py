"""What the exchanges' own JSON messages mean: Coinbase, Kraken and BitMEX to record rows.

A decoder sees every message twice: :meth:`scan` collects symbols and decimals, :meth:`rows` makes
rows in the order of the fields of the record. Numbers arrive as text, so that no digit is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, Protocol

from kimera.errors import InputError, UnknownSymbolError
from kimera.model import NO_PRICE, NO_TIME, Action, Instrument, Kind, RecordFlag, Side

__all__ = ["BitmexMessages", "CoinbaseMessages", "KrakenMessages", "Messages", "Row", "Scan"]


LARGEST: Final = 2**60
"""Largest price or size of a record [ticks or lots]; what a book can take."""


class Row(NamedTuple):
    """A record in the making; the order is that of the record's fields."""

    ts_event_ns: int
    ts_recv_ns: int
    sequence: int
    order_id: int
    price_ticks: int
    size_lots: int
    instrument_id: int
    detail: int
    venue_id: int
    actor_id: int
    kind: int
    action: int
    side: int
    flags: int


class Scan:
    """Decimals of every symbol, as the messages write them.

    Parameters
    ----------
    keep_zeros : bool
        Count trailing zeros as decimals (an exchange that always writes all of them).
    """

    def __init__(self, *, keep_zeros: bool = False) -> None:
        self.decimals: dict[str, list[int]] = {}
        self._keep_zeros = keep_zeros

    def note(self, symbol: str, price: str | None, size: str | None) -> None:
        """Take a price and a size into account."""
        known = self.decimals.setdefault(symbol, [0, 0])
        for i, text in enumerate((price, size)):
            if text is None:
                continue
            try:
                value = Decimal(text)
            except InvalidOperation:
                continue  # told when the message is decoded
            if not self._keep_zeros:
                value = value.normalize()
            exponent = value.as_tuple().exponent
            if isinstance(exponent, int):
                known[i] = max(known[i], -exponent)


class Messages(Protocol):
    """One exchange."""

    venue: str
    keep_zeros: bool
    counts: Counter[str]

    def scan(self, message: Any, into: Scan) -> None:
        """Collect symbols and decimals of a message."""

    def rows(self, message: Any, ts_recv_ns: int) -> Iterator[Row]:
        """Make the rows of a message; InputError (or KeyError, ...) when it is not understood."""

    def use(self, instruments: tuple[Instrument, ...]) -> None:
        """Take the instrument table; forget every book."""


def iso_ns(text: str) -> int:
    """Read an ISO 8601 time of UTC [ns since the epoch]."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 1_000_000_000 + int((fraction + "000000000")[:9])


def unix_ns(text: str) -> int:
    """Read seconds with decimals [ns since the epoch]."""
    whole, _, fraction = text.partition(".")
    return int(whole) * 1_000_000_000 + int((fraction + "000000000")[:9])


class _Base:
    """The instrument table and the rows that all exchanges have."""

    keep_zeros = False

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._by_symbol: dict[str, Instrument] = {}

    def use(self, instruments: tuple[Instrument, ...]) -> None:
        self._by_symbol = {one.symbol: one for one in instruments}

    def _find(self, symbol: str) -> Instrument:
        try:
            return self._by_symbol[symbol]
        except KeyError:
            raise UnknownSymbolError(f"symbol {symbol!r} is not in the instrument table") from None

    def _row(  # one row of the record's fourteen fields: the defaults are what most have
        self,
        one: Instrument,
        times: tuple[int, int],
        what: tuple[int, int, int],
        *,
        price: str | None = None,
        size: str | int = 0,
        sequence: int = 0,
        flags: int = 0,
    ) -> Row:
        ticks = NO_PRICE if price is None else one.to_ticks(price)
        lots = one.to_lots(size)
        if lots < 0 or (price is not None and ticks <= 0):
            raise InputError(f"expected a price above 0 and a size from 0 on, was {price}, {size}")
        if max(ticks, lots) > LARGEST or times[0] > 2 * LARGEST or not 0 <= sequence < 2**64:
            raise InputError(
                f"expected numbers that fit a record, were {price}, {size}, {times[0]}"
            )
        kind, action, side = what
        return Row(
            *(times[0], times[1], sequence, 0, ticks, lots, one.instrument_id, 0, 1, 0),
            *(kind, action, side, flags),
        )

    def _level(
        self, one: Instrument, times: tuple[int, int], side: int, level: tuple[str, str], flags: int
    ) -> Row:
        what = (Kind.DELTA, Action.LEVEL, side)
        return self._row(one, times, what, price=level[0], size=level[1], flags=flags)

    def _snapshot(
        self,
        one: Instrument,
        times: tuple[int, int],
        bids: list[tuple[str, str]],
        asks: list[tuple[str, str]],
    ) -> Iterator[Row]:
        """Clear, then every level; the last row is marked."""
        clear = (Kind.DELTA, Action.CLEAR, Side.NONE)
        rows = [self._row(one, times, clear, flags=RecordFlag.SNAPSHOT)]
        for side, levels in ((Side.BID, bids), (Side.ASK, asks)):
            rows += [
                self._level(one, times, side, one_level, RecordFlag.SNAPSHOT)
                for one_level in levels
            ]
        yield from _closed(rows)


def _closed(rows: list[Row]) -> list[Row]:
    """Mark the last row of a message."""
    if rows:
        rows[-1] = rows[-1]._replace(flags=rows[-1].flags | RecordFlag.LAST)
    return rows


class CoinbaseMessages(_Base):
    """Coinbase: ``level2`` snapshots and changes, ``ticker`` and ``matches``."""

    venue = "COINBASE"
    _QUIET: Final = frozenset({"subscriptions", "heartbeat", "last_match"})

    def scan(self, message: Any, into: Scan) -> None:
        """Collect symbols and decimals."""
        kind, symbol = message["type"], message.get("product_id", "")
        if kind == "snapshot":
            for price, size in message["bids"] + message["asks"]:
                into.note(symbol, price, size)
        elif kind == "l2update":
            for _, price, size in message["changes"]:
                into.note(symbol, price, size)
        elif kind == "match":
            into.note(symbol, message["price"], message["size"])
        elif kind == "ticker":
            into.note(symbol, message["best_bid"], None)
            into.note(symbol, message["best_ask"], None)

    def rows(self, message: Any, ts_recv_ns: int) -> Iterator[Row]:
        """Make rows; a match names the side of the maker, the record that of the taker."""
        kind = message["type"]
        self.counts[kind] += 1
        if kind in self._QUIET:
            return
        one = self._find(message["product_id"])
        ts_event_ns = iso_ns(message["time"]) if "time" in message else NO_TIME
        times = (ts_event_ns, ts_recv_ns)
        if kind == "snapshot":
            yield from self._snapshot(one, times, message["bids"], message["asks"])
        elif kind == "l2update":
            sides = {"buy": Side.BID, "sell": Side.ASK}
            yield from _closed(
                [
                    self._level(one, times, sides[side], (price, size), 0)
                    for side, price, size in message["changes"]
                ]
            )
        elif kind == "match":
            side = {"buy": Side.ASK, "sell": Side.BID}[message["side"]]
            yield self._row(
                one,
                times,
                (Kind.DELTA, Action.TRADE, side),
                price=message["price"],
                size=message["size"],
                sequence=int(message["sequence"]),
                flags=RecordFlag.LAST,
            )
        elif kind == "ticker":
            # The ticker tells no sizes: 0.
            for side, price in ((Side.BID, message["best_bid"]), (Side.ASK, message["best_ask"])):
                yield self._row(
                    one,
                    times,
                    (Kind.QUOTE, Action.LEVEL, side),
                    price=price,
                    sequence=int(message["sequence"]),
                    flags=RecordFlag.LAST if side == Side.ASK else 0,
                )
        else:
            raise InputError(f"message type {kind!r} is not known")


class KrakenMessages(_Base):
    """Kraken: ``book`` snapshots and changes, each change with a checksum of the top ten.

    Attributes
    ----------
    checksum : tuple of (instrument id, CRC32), optional
        Of the message decoded last, where it has one.
    """

    venue = "KRAKEN"
    keep_zeros = True

    def __init__(self) -> None:
        super().__init__()
        self.checksum: tuple[int, int] | None = None

    def scan(self, message: Any, into: Scan) -> None:
        """Collect symbols and decimals."""
        if isinstance(message, list):
            for part in message[1:-2]:
                for name in ("as", "bs", "a", "b"):
                    for price, size, *_ in part.get(name, ()):
                        into.note(message[-1], price, size)

    def rows(self, message: Any, ts_recv_ns: int) -> Iterator[Row]:
        """Make rows; the event time is the newest of the levels in the message."""
        self.checksum = None
        if isinstance(message, dict):
            self.counts[message["event"]] += 1
            return
        channel = message[-2]
        if not channel.startswith("book"):
            raise InputError(f"channel {channel!r} is not known")
        parts, one = message[1:-2], self._find(message[-1])
        levels = [level for part in parts for name in part if name != "c" for level in part[name]]
        newest = max((unix_ns(level[2]) for level in levels), default=NO_TIME)
        times = (newest, ts_recv_ns)
        if "as" in parts[0]:
            self.counts["snapshot"] += 1
            bids = [(price, size) for price, size, *_ in parts[0]["bs"]]
            asks = [(price, size) for price, size, *_ in parts[0]["as"]]
            yield from self._snapshot(one, times, bids, asks)
            return
        self.counts["update"] += 1
        rows = []
        for part in parts:
            for name, side in (("a", Side.ASK), ("b", Side.BID)):
                for price, size, *_ in part.get(name, ()):
                    rows.append(self._level(one, times, side, (price, size), 0))
            if "c" in part:
                self.checksum = (one.instrument_id, int(part["c"]))
        yield from _closed(rows)


class BitmexMessages(_Base):
    """BitMEX: ``orderBookL2`` by level id, ``quote`` and ``trade``."""

    venue = "BITMEX"
    _SIDES: Final = {"Buy": Side.BID, "Sell": Side.ASK}

    def __init__(self) -> None:
        super().__init__()
        self._levels: dict[tuple[str, int], tuple[str, int]] = {}

    def use(self, instruments: tuple[Instrument, ...]) -> None:
        """Take the instrument table; forget every level id."""
        super().use(instruments)
        self._levels.clear()

    def scan(self, message: Any, into: Scan) -> None:
        """Collect symbols and decimals."""
        for row in message.get("data", ()):
            symbol = row["symbol"]
            into.note(symbol, row.get("price"), row.get("size"))
            into.note(symbol, row.get("bidPrice"), row.get("bidSize"))
            into.note(symbol, row.get("askPrice"), row.get("askSize"))

    def rows(self, message: Any, ts_recv_ns: int) -> Iterator[Row]:
        """Make rows; trades of before the subscription (``partial``) are counted only."""
        table, action = message.get("table"), message.get("action")
        if table is None:
            if not {"info", "success", "subscribe"} & message.keys():
                raise InputError(f"message with {', '.join(message)} is not known")
            self.counts["other"] += 1
            return
        self.counts[f"{table} {action}"] += 1
        if table == "orderBookL2":
            yield from self._book(action, message, ts_recv_ns)
        elif table == "quote":
            for row in message["data"]:
                yield from self._quote(row, ts_recv_ns, snapshot=action == "partial")
        elif table == "trade":
            for row in message["data"] if action == "insert" else ():
                yield self._row(
                    self._find(row["symbol"]),
                    (iso_ns(row["timestamp"]), ts_recv_ns),
                    (Kind.DELTA, Action.TRADE, self._SIDES[row["side"]]),
                    price=row["price"],
                    size=row["size"],
                    flags=RecordFlag.LAST,
                )
        else:
            raise InputError(f"table {table!r} is not known")

    def _quote(self, row: Any, ts_recv_ns: int, *, snapshot: bool) -> Iterator[Row]:
        one, times = self._find(row["symbol"]), (iso_ns(row["timestamp"]), ts_recv_ns)
        for side, name in ((Side.BID, "bid"), (Side.ASK, "ask")):
            flags = RecordFlag.LAST if side == Side.ASK else 0
            yield self._row(
                one,
                times,
                (Kind.QUOTE, Action.LEVEL, side),
                price=row.get(f"{name}Price"),
                size=row.get(f"{name}Size") or 0,
                flags=flags | (RecordFlag.SNAPSHOT if snapshot else 0),
            )

    def _book(self, action: str, message: Any, ts_recv_ns: int) -> Iterator[Row]:
        times = (NO_TIME, ts_recv_ns)
        if action == "partial":
            symbol = message["filter"]["symbol"]
            shown: dict[str, list[tuple[str, str]]] = {"Buy": [], "Sell": []}
            for row in message["data"]:
                self._levels[symbol, int(row["id"])] = (row["price"], self._SIDES[row["side"]])
                shown[row["side"]].append((row["price"], row["size"]))
            yield from self._snapshot(self._find(symbol), times, shown["Buy"], shown["Sell"])
            return
        rows = []
        for row in message["data"]:
            one, side = self._find(row["symbol"]), self._SIDES[row["side"]]
            key = (row["symbol"], int(row["id"]))
            if action == "insert":
                self._levels[key] = (row["price"], side)
            elif key not in self._levels:
                raise InputError(f"{action} of level id {key[1]} of {key[0]}, which is not known")
            price, was = self._levels[key]
            if was != side:  # the level went over to the other side
                rows.append(self._level(one, times, was, (price, "0"), 0))
                self._levels[key] = (price, side)
            size = "0" if action == "delete" else row["size"]
            rows.append(self._level(one, times, side, (price, size), 0))
            if action == "delete":
                del self._levels[key]
        yield from _closed(rows)
