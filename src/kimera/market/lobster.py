"""LOBSTER: NASDAQ messages with the order book after each, as a zip or a pair of CSV files.

Every message is one record. The order book file tells the opening book and the levels that
neither the previous state nor the message can determine (revealed from below the tape's depth):
these enter as Level records with REVEALED and SNAPSHOT, and are counted. No row is copied; a row
that contradicts the records is the anomaly ``row_mismatch``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from math import gcd
from pathlib import Path
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from kimera._native import market as _native
from kimera.errors import FormatError, InputError
from kimera.market.native_tape import NativeTape, decimal_unit
from kimera.market.source import Source
from kimera.market.tape import only_source
from kimera.model import Instrument, RecordArray, Venue

__all__ = ["LobsterTape", "RowFile", "new_york_midnight_ns", "open_tape", "recognise"]

_NAME: Final = re.compile(
    r"(?P<symbol>[A-Z.]+)_(?P<date>\d{4}-\d{2}-\d{2})_\d+_\d+_(?P<what>message|orderbook)_\d+\.csv",
    re.IGNORECASE,
)
_ROW: Final = re.compile(rb"^\d{4,5}(\.\d+)?,[1-7],\d+,\d+,-?\d+,-?1\r?$")
_FILE_UNIT: Final = Decimal("0.0001")


class RowFile(NamedTuple):
    """A CSV of the pair: a file of its own, or a member of a zip."""

    source: Source
    member: str | None


def new_york_midnight_ns(date: str) -> int:
    """Give the time from which seconds of that day's trading are counted [ns since the epoch].

    Twelve hours before local noon, so that clock times after a change to or from summer time
    (which happens at night) come out right.

    Parameters
    ----------
    date : str
        ``"2012-06-21"`` or ``"20120621"``.
    """
    try:
        day = datetime.strptime(date.replace("-", ""), "%Y%m%d")  # noqa: DTZ007
    except ValueError as error:
        raise InputError(f"date: expected YYYY-MM-DD, was {date!r}") from error
    noon = day.replace(hour=12, tzinfo=ZoneInfo("America/New_York"))
    return (int(noon.timestamp()) - 12 * 3600) * 1_000_000_000


def _find(source: Source, what: str) -> RowFile | None:
    for member in source.members:
        match = _NAME.search(member)
        if match and match["what"].lower() == what:
            return RowFile(source, member)
    return None


class LobsterTape(NativeTape):
    """A message file, with the order book after each message where there is one.

    Attributes
    ----------
    n_levels : int
        Levels a side in the order book file; 0 without one.
    messages, orderbook : RowFile
        The pair.
    """

    format = "lobster"

    def __init__(
        self,
        messages: RowFile,
        orderbook: RowFile | None,
        *,
        strict: bool,
        symbol: str | None = None,
        date: str | None = None,
        tick_size: str | None = None,
        row_mismatch: Literal["stop", "count"] = "stop",
    ) -> None:
        super().__init__([messages.source], strict=strict)
        if row_mismatch not in {"stop", "count"}:
            raise InputError(f'row_mismatch: expected "stop" or "count", was {row_mismatch!r}')
        self._count_mismatches = row_mismatch == "count"
        self.messages, self.orderbook = messages, orderbook
        named = _NAME.search(messages.member or messages.source.path.name)
        symbol = symbol or (named["symbol"].upper() if named else None)
        date = date or (named["date"] if named else None)
        if symbol is None or date is None:
            raise InputError(
                f"{self.file}: the name does not tell symbol and date "
                "(SYMBOL_YYYY-MM-DD_..._message_N.csv): give symbol= and date="
            )
        self._midnight_ns = new_york_midnight_ns(date)
        self.n_levels = 0 if orderbook is None else self._levels_of(orderbook)
        unit = self._price_unit(tick_size)
        self.venues = (Venue(1, "NASDAQ"),)
        self.instruments = (
            Instrument(
                instrument_id=1,
                symbol=symbol,
                venue_id=1,
                tick_size=(unit * _FILE_UNIT).normalize(),
                lot_size=Decimal(1),
                quote="USD",
            ),
        )
        self._unit = unit
        if orderbook is None:
            self.notes.append("no order book file: levels below the messages stay unknown")

    def _levels_of(self, orderbook: RowFile) -> int:
        head = next(self.chunks_of(orderbook.source, orderbook.member), b"")
        n_columns = head.split(b"\n", 1)[0].count(b",") + 1
        if n_columns % 4:
            where, expected = "row 1", "four columns a level"
            raise FormatError(str(orderbook.source), where, expected, f"{n_columns} columns")
        return n_columns // 4

    def _price_unit(self, tick_size: str | None) -> int:
        if tick_size is not None:
            given = decimal_unit(tick_size, "tick_size") / _FILE_UNIT
            if given != int(given):
                raise InputError(f"tick_size: expected a multiple of {_FILE_UNIT}, was {tick_size}")
            self.notes.append("tick size: given")
            return int(given)
        scan = _native.LobsterScan()
        for chunk in self.chunks_of(*self.messages):
            scan.messages(chunk)
        if self.orderbook is not None:
            for chunk in self.chunks_of(*self.orderbook):
                scan.rows(chunk)
        self.notes.append("tick size: the greatest unit that divides every price and 1")
        return gcd(scan.price_unit, 10_000)

    def _pieces(self) -> Iterator[RecordArray]:
        decoder = _native.LobsterDecoder(self._midnight_ns, self.n_levels, self._unit)
        if self._count_mismatches:
            decoder.only_count_mismatches()
        seen: Counter[str] = Counter()
        messages = self.chunks_of(*self.messages)
        rows = iter(()) if self.orderbook is None else self.chunks_of(*self.orderbook)
        more = True
        while more:
            # Refill only what has run out: neither file may pile up before the other.
            need_rows = decoder.n_waiting_rows <= decoder.n_waiting_messages * 2
            row_chunk = next(rows, b"") if need_rows else b""
            need_messages = not row_chunk or decoder.n_waiting_messages == 0
            message_chunk = next(messages, b"") if need_messages else b""
            more = bool(row_chunk or message_chunk)
            decoder.feed(message_chunk, row_chunk)
            yield self.drain(decoder, seen)
        decoder.finish()
        yield self.drain(decoder, seen)
        self.counts.update(decoder.counts())


def recognise(source: Source) -> bool:
    """Tell whether this is a LOBSTER zip, or a message file by its first row and its name."""
    if source.packing == "zip":
        return _find(source, "message") is not None
    if source.packing == "folder":
        return False
    match = _NAME.search(source.path.name)
    first = source.head.split(b"\n", 1)[0]
    return bool(match and match["what"].lower() == "message" and _ROW.match(first))


def _pair_of(source: Source, orderbook: str | Path | None) -> tuple[RowFile, RowFile | None]:
    if source.packing == "zip":
        messages = _find(source, "message")
        if messages is None:
            expected = "a file named ..._message_N.csv"
            raise FormatError(str(source), "the zip directory", expected, "none")
        found = _find(source, "orderbook")
    else:
        first = source.head.split(b"\n", 1)[0]
        if not _ROW.match(first):
            expected = "time,type,order id,size,price,direction"
            raise FormatError(str(source), "row 1", expected, repr(first[:60]))
        messages, found = RowFile(source, None), None
    if orderbook is None:
        return messages, found
    book = Source(orderbook)
    if book.packing != "zip":
        return messages, RowFile(book, None)
    inside = _find(book, "orderbook")
    if inside is None:
        expected = "a file named ..._orderbook_N.csv"
        raise FormatError(str(book), "the zip directory", expected, "none")
    return messages, inside


def open_tape(
    sources: Sequence[Source],
    *,
    strict: bool,
    orderbook: str | Path | None = None,
    symbol: str | None = None,
    date: str | None = None,
    tick_size: str | None = None,
    row_mismatch: Literal["stop", "count"] = "stop",
) -> LobsterTape:
    """Open a LOBSTER pair: a zip, or a message file with its order book file.

    ``row_mismatch="count"`` goes on after a row that contradicts the records, also when strict.
    """
    messages, rows = _pair_of(only_source(sources, "lobster"), orderbook)
    return LobsterTape(
        messages,
        rows,
        strict=strict,
        symbol=symbol,
        date=date,
        tick_size=tick_size,
        row_mismatch=row_mismatch,
    )
