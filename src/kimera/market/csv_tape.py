"""Any CSV of trades, quotes or levels by a column mapping; and records as CSV of our own.

Our own files begin with a line ``# kimera-records {tables as JSON}``, then a header with the
fields of the record, then one record a row in whole numbers: the round trip is exact.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from kimera._native import market as _native
from kimera.errors import FormatError, InputError
from kimera.market.native_tape import NativeTape, decimal_unit, unit_of, units_of
from kimera.market.parquet import Tables
from kimera.market.source import Source
from kimera.market.tape import Tape, only_source
from kimera.model import RECORD, Instrument, RecordArray, Venue

__all__ = ["ColumnTape", "Columns", "CsvKind", "RecordCsvTape", "TimeUnit", "open_tape"]
__all__ += ["recognise", "write_tape"]

_MARK: Final = b"# kimera-records "
_MAX_TABLES_BYTES: Final = 64 << 20
_ROLES: Final = (
    *("", "ts_event", "ts_recv", "symbol", "venue", "sequence", "order_id", "side", "price"),
    *("size", "bid_price", "bid_size", "ask_price", "ask_size", "detail"),
)


class CsvKind(IntEnum):
    """What a row tells."""

    TRADES = 0
    QUOTES = 1
    ONE_SIDED_QUOTES = 2
    LEVELS = 3


class TimeUnit(IntEnum):
    """How times are written."""

    NS = 0
    US = 1
    MS = 2
    S = 3
    ISO = 4


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of a CSV mean.

    Attributes
    ----------
    roles : tuple of str
        One a column: ``ts_event``, ``ts_recv``, ``symbol``, ``venue``, ``sequence``,
        ``order_id``, ``side`` (buy or sell), ``price``, ``size``, ``bid_price``, ``bid_size``,
        ``ask_price``, ``ask_size``, ``detail`` (hexadecimal), or ``""`` for one not read.
    kind : CsvKind
    time_unit : TimeUnit
    time_base_ns : int
        What the times count from [ns since the epoch].
    has_header : bool
    delimiter : str
    """

    roles: tuple[str, ...]
    kind: CsvKind
    time_unit: TimeUnit
    time_base_ns: int = 0
    has_header: bool = True
    delimiter: str = ","

    def native(self) -> tuple[list[int], int, str, bool, tuple[int, int]]:
        """Give the arguments of the native layout."""
        for role in self.roles:
            if role not in _ROLES:
                known = ", ".join(filter(None, _ROLES))
                raise InputError(f"columns: expected one of {known}, was {role!r}")
        for role in set(self.roles) - {""}:
            if self.roles.count(role) > 1:
                raise InputError(f"columns: {role} is given twice")
        if not {"ts_event", "ts_recv"} & set(self.roles):
            raise InputError("columns: expected ts_event or ts_recv, was neither")
        codes = [_ROLES.index(role) for role in self.roles]
        time = (int(self.time_unit), self.time_base_ns)
        return codes, int(self.kind), self.delimiter, self.has_header, time


class ColumnTape(NativeTape):
    """Rows read by a :class:`Columns` mapping.

    Parameters
    ----------
    source : Source
    columns : Columns
    strict : bool
    symbol, venue : str
        Where no column tells them.
    tick_size, lot_size : Decimal, optional
        The finest decimal in the file if absent.
    member : str, optional
        Which file of a zip.
    """

    format = "csv"

    def __init__(
        self,
        source: Source,
        columns: Columns,
        *,
        strict: bool,
        symbol: str | None = None,
        venue: str = "CSV",
        tick_size: Decimal | None = None,
        lot_size: Decimal | None = None,
        member: str | None = None,
    ) -> None:
        super().__init__([source], strict=strict)
        self._layout, self._member = columns.native(), member
        scan = _native.CsvDecoder(*self._layout, [], [])
        lenient, self.strict = self.strict, False  # the reading itself tells what is wrong
        for chunk in self.chunks_of(source, member):
            scan.feed(chunk)
        scan.finish()
        self.strict = lenient
        self.anomalies.clear()
        if scan.n_rows == 0:
            first = scan.first_anomaly()
            expected, found = first[2:] if first else ("a row of data", "none")
            raise FormatError(self.file, f"row {first[1] if first else 1}", expected, found)
        names = scan.venues() or [venue]
        self.venues = tuple(Venue(i, name or "?") for i, name in enumerate(names, 1))
        self._venue_names = scan.venues()
        if "symbol" not in columns.roles and not symbol:
            raise InputError(f"{self.file}: no column tells the symbol: give symbol=")
        self.instruments = tuple(
            Instrument(
                instrument_id=i,
                symbol=name or symbol or "?",
                venue_id=1,
                tick_size=tick_size or unit_of(price_decimals),
                lot_size=lot_size or unit_of(size_decimals),
            )
            for i, (name, price_decimals, size_decimals) in enumerate(scan.found(), 1)
        )
        self._units = units_of(self.instruments)
        for name, given in (("tick size", tick_size), ("lot size", lot_size)):
            self.notes.append(f"{name}: {'given' if given else 'the finest decimal in the file'}")

    def _pieces(self) -> Iterator[RecordArray]:
        decoder = _native.CsvDecoder(*self._layout, self._units, self._venue_names)
        seen: Counter[str] = Counter()
        for chunk in self.chunks_of(self.sources[0], self._member):
            decoder.feed(chunk)
            yield self.drain(decoder, seen)
        decoder.finish()
        yield self.drain(decoder, seen)
        self.counts["rows"] += decoder.n_rows


class RecordCsvTape(Tape):
    """Records as CSV, written by :func:`write_tape`."""

    format = "csv"

    def __init__(self, source: Source, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        first = self._first_line(source)
        try:
            tables = msgspec.json.decode(first.removeprefix(_MARK), type=Tables)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FormatError(self.file, "row 1", "tables as JSON", str(error)) from error
        self.instruments, self.venues = tables.instruments, tables.venues
        self.notes.extend(tables.notes)

    def _first_line(self, source: Source) -> bytes:
        held = b""
        for chunk in source.chunks():
            held += chunk
            first, end, _ = held.partition(b"\n")
            if end:
                return first
            if len(held) > _MAX_TABLES_BYTES:
                break
        expected = f"a first line of at most {_MAX_TABLES_BYTES} bytes"
        raise FormatError(self.file, "row 1", expected, f"{len(held)} bytes without a line end")

    def _pieces(self) -> Iterator[RecordArray]:
        row, held = 0, ""
        names = list(RECORD.names or ())
        try:
            for chunk in self.sources[0].chunks():
                *lines, held = (held + chunk.decode("ascii", "replace")).split("\n")
                yield self._parse(lines, row, names)
                row += len(lines)
        except FormatError as error:
            self.report("truncated", error.where, error.expected, error.found)
        if held:
            found = "the end of the file"
            self.report("truncated", f"row {row + 1}", "a whole row with its line end", found)

    def _parse(self, lines: list[str], row: int, names: list[str]) -> RecordArray:
        out = np.zeros(len(lines), dtype=RECORD)
        n_good = 0
        for i, line in enumerate(lines, row + 1):
            fields = line.split(",")
            if i <= 2:  # the tables and the header
                if i == 2 and fields != names:
                    self.report("malformed", "row 2", ",".join(names), ",".join(fields))
                continue
            try:
                out[n_good] = tuple(map(int, fields))
                n_good += 1
            except (ValueError, OverflowError, TypeError):
                expected = f"{len(names)} whole numbers"
                self.report("malformed", f"row {i}", expected, ",".join(fields)[:60])
        return out[:n_good]


def recognise(source: Source) -> bool:
    """Tell whether this is records as CSV of our own; other CSV needs a mapping."""
    return source.packing in {"plain", "gzip", "zstd"} and source.head.startswith(_MARK)


def open_tape(
    sources: Sequence[Source],
    *,
    strict: bool,
    columns: Columns | Mapping[str, Any] | None = None,
    symbol: str | None = None,
    venue: str = "CSV",
    tick_size: str | None = None,
    lot_size: str | None = None,
) -> Tape:
    """Open records as CSV, or any CSV by ``columns``."""
    source = only_source(sources, "csv")
    if columns is None:
        if not recognise(source):
            raise FormatError(
                str(source), "row 1", "records as CSV, or a mapping in columns=",
                repr(source.head[:40]),
            )  # fmt: skip
        return RecordCsvTape(source, strict=strict)
    if not isinstance(columns, Columns):
        try:
            columns = msgspec.convert(columns, Columns)
        except msgspec.ValidationError as error:
            raise InputError(f"columns: {error}") from error
    return ColumnTape(
        source,
        columns,
        strict=strict,
        symbol=symbol,
        venue=venue,
        tick_size=None if tick_size is None else decimal_unit(tick_size, "tick_size"),
        lot_size=None if lot_size is None else decimal_unit(lot_size, "lot_size"),
    )


def write_tape(tape: Tape, path: Path) -> int:
    """Write a tape as CSV of records; gives the number of records."""
    n_written = 0
    with path.open("w", newline="") as file:
        file.write(_MARK.decode() + msgspec.json.encode(Tables.of(tape)).decode() + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(RECORD.names or ())
        for batch in tape.batches():
            writer.writerows(batch.tolist())
            n_written += len(batch)
    return n_written
