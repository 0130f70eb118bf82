"""``kimera book``: rebuild books from a tape and write their levels down."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer

from kimera.desk.tape_options import parsed_options
from kimera.errors import InputError, UnknownSymbolError
from kimera.market import Book, Tape, open_tape, replay_books
from kimera.market.book import BookCapacity
from kimera.market.lobster import LobsterTape
from kimera.model import NO_PRICE, Action, Instrument, Kind, RecordArray, RecordFlag, Side

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "kimera book messages.csv --format lobster --orderbook book.csv --levels 5 --out out.csv"

_MAX_BOOKS: Final = 256
_ABSENT: Final = 9_999_999_999
_FILE_UNIT: Final = 10_000
_ROWS: Final = 65_536


def command(
    path: Annotated[Path, typer.Argument(help="The tape.")],
    *,
    tape_format: Annotated[
        str | None, typer.Option("--format", help="Format; recognised when absent.")
    ] = None,
    orderbook: Annotated[
        Path | None, typer.Option("--orderbook", help="LOBSTER: the order book file.")
    ] = None,
    levels: Annotated[int, typer.Option("--levels", min=1, max=1000, help="Levels a side.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the levels after each message: .csv or .parquet."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Only this instrument of the tape.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Count what does not fit instead of stopping.")
    ] = False,
    option: Annotated[
        list[str] | None, typer.Option("--set", help="Option of the format, as tick_size=0.01.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Rebuild the order book of a tape and print its best levels.

    A LOBSTER pair is checked row by row: exit code 1 if a rebuilt row differs from the file's.
    """
    options = parsed_options(option or [])
    if orderbook is not None:
        options["orderbook"] = orderbook
    if tape_format == "lobster" or (tape_format is None and orderbook is not None):
        tape_format = "lobster"
        options.setdefault("row_mismatch", "count")
    tape = open_tape(path, format=tape_format, strict=not lenient, **options)
    if isinstance(tape, LobsterTape):
        if tape_format is None:  # recognised: the rows are compared here
            tape = open_tape(path, strict=not lenient, row_mismatch="count", **options)
        return _lobster(tape, levels, out, as_json=as_json)  # type: ignore[arg-type]
    return _books(tape, levels, out, symbol=symbol, as_json=as_json)


def _lobster(tape: LobsterTape, n_levels: int, out: Path | None, *, as_json: bool) -> int:
    book, unit = Book("l2"), int(tape.instruments[0].tick_size * _FILE_UNIT)
    file_rows = None if tape.orderbook is None else _lines(tape)
    n_columns = 4 * min(n_levels, tape.n_levels or n_levels)
    n_messages = n_exact = 0
    first_wrong: dict[str, Any] | None = None
    with ExitStack() as stack:
        file = stack.enter_context(_opened(out)) if out is not None else None
        for batch in tape.batches(_ROWS):
            rows = replay_books(batch, n_levels, book=book, strict=False)
            ends = batch["flags"] & RecordFlag.LAST != 0
            for row in _in_file_units(rows[ends], unit).tolist():
                n_messages += 1
                if file is not None:
                    file.write(",".join(map(str, row)) + "\n")
                if file_rows is None:
                    continue
                shown = next(file_rows, [])
                if row[:n_columns] == shown[:n_columns]:
                    n_exact += n_messages > 1
                elif first_wrong is None:
                    ours, theirs = row[:n_columns], shown[:n_columns]
                    first_wrong = {"row": n_messages, "rebuilt": ours, "file": theirs}
    result: dict[str, Any] = {
        "messages": n_messages,
        "transitions": max(n_messages - 1, 0),
        "transitions_exact": None if file_rows is None else n_exact,
        "revealed_levels": tape.counts["revealed_levels"],
        "levels_below_depth": tape.counts["levels_below_depth"],
        "anomalies": dict(tape.anomalies),
        "first_mismatch": first_wrong,
    }
    if as_json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:20} {value}")
    return 1 if first_wrong is not None else 0


def _lines(tape: LobsterTape) -> Iterator[list[int]]:
    if tape.orderbook is None:
        return
    held = b""
    for chunk in tape.orderbook.source.chunks(member=tape.orderbook.member):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield list(map(int, line.split(b",")))
    if held:
        yield list(map(int, held.split(b",")))


def _in_file_units(rows: npt.NDArray[np.int64], unit: int) -> npt.NDArray[np.int64]:
    out = rows.copy()
    for column, absent in ((0, _ABSENT), (2, -_ABSENT)):
        prices = rows[:, column::4]
        out[:, column::4] = np.where(prices == NO_PRICE, absent, prices * unit)
    return out


def _opened(out: Path) -> IO[str]:
    try:
        return out.open("w", newline="")
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error


class _Rows:
    """Writes levels after each message of one instrument, as CSV or Parquet."""

    def __init__(self, out: Path, n_levels: int, stack: ExitStack) -> None:
        self._names = ["ts_event_ns", "ts_recv_ns", "sequence"] + [
            f"{side}_{what}_{i}"
            for i in range(1, n_levels + 1)
            for side, what in (
                *(("ask", "price_ticks"), ("ask", "size_lots")),
                *(("bid", "price_ticks"), ("bid", "size_lots")),
            )
        ]
        self._csv: Any = None
        self._parquet: Any = None
        if out.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet

            schema = pa.schema([(name, pa.int64()) for name in self._names])
            self._parquet = stack.enter_context(pa.parquet.ParquetWriter(out, schema))
        elif out.suffix == ".csv":
            self._csv = csv.writer(stack.enter_context(_opened(out)), lineterminator="\n")
            self._csv.writerow(self._names)
        else:
            raise InputError(f"{out}: expected a name ending in .csv or .parquet")

    def write(self, batch: RecordArray, rows: npt.NDArray[np.int64]) -> None:
        """Add the rows of those records that end a message of the book."""
        ends = (batch["flags"] & RecordFlag.LAST != 0) & (batch["kind"] == Kind.DELTA)
        ends &= (batch["action"] != Action.TRADE) & (batch["action"] != Action.FILL)
        stamps = [batch[name][ends].astype(np.int64) for name in self._names[:3]]
        table = np.column_stack([*stamps, rows[ends]])
        if self._csv is not None:
            self._csv.writerows(table.tolist())
        else:
            import pyarrow as pa

            columns = [np.ascontiguousarray(table[:, i]) for i in range(table.shape[1])]
            schema = self._parquet.schema
            self._parquet.write_batch(pa.record_batch(columns, schema=schema))


def _books(
    tape: Tape, n_levels: int, out: Path | None, *, symbol: str | None, as_json: bool
) -> int:
    chosen = _chosen(tape, symbol)
    if out is not None and len(chosen) != 1:
        raise InputError(f"--out: the tape has {len(chosen)} instruments: choose one by --symbol")
    books: dict[int, Book] = {}
    quotes: dict[tuple[int, int], tuple[int, int]] = {}
    n_records = 0
    with ExitStack() as stack:
        writer = _Rows(out, n_levels, stack) if out is not None else None
        for batch in tape.batches(_ROWS):
            n_records += len(batch)
            for one in chosen:
                mine = batch[batch["instrument_id"] == one.instrument_id]
                if not len(mine):
                    continue
                _note_quotes(mine, quotes)
                book = books.get(one.instrument_id)
                if book is None:
                    book = books[one.instrument_id] = _new_book(mine, len(chosen))
                if writer is None:
                    book.apply(mine, strict=tape.strict)
                else:
                    rows = replay_books(mine, n_levels, book=book, strict=tape.strict)
                    writer.write(mine, rows)
    result = {
        "format": tape.format,
        "records": n_records,
        "anomalies": dict(tape.anomalies),
        "books": [
            _state(one, books[one.instrument_id], n_levels, quotes)
            for one in chosen
            if one.instrument_id in books
        ],
    }
    if as_json:
        print(json.dumps(result))
    else:
        _show(result)
    return 0


def _chosen(tape: Tape, symbol: str | None) -> list[Instrument]:
    if symbol is not None:
        chosen = [one for one in tape.instruments if one.symbol == symbol]
        if not chosen:
            known = ", ".join(one.symbol for one in tape.instruments[:10])
            raise UnknownSymbolError(f"--symbol: expected one of {known} ..., was {symbol!r}")
        return chosen
    if len(tape.instruments) > _MAX_BOOKS:
        raise InputError(
            f"{tape.file}: {len(tape.instruments)} instruments, at most {_MAX_BOOKS} books at "
            "once: choose one by --symbol"
        )
    return list(tape.instruments)


def _new_book(records: RecordArray, n_books: int) -> Book:
    """Make a book by order when the tape tells orders, else one by price."""
    by_order = (records["kind"] == Kind.DELTA) & (records["action"] == Action.ADD)
    kind: Any = "l3" if by_order.any() else "l2"
    small = BookCapacity(max_orders=1 << 17, max_levels=1 << 14)
    return Book(kind, capacity=BookCapacity() if n_books <= 4 else small)


def _note_quotes(records: RecordArray, quotes: dict[tuple[int, int], tuple[int, int]]) -> None:
    for side in (Side.BID, Side.ASK):
        told = records[(records["kind"] == Kind.QUOTE) & (records["side"] == side)]
        if len(told):
            last = told[-1]
            key = int(last["instrument_id"]), int(side)
            quotes[key] = int(last["price_ticks"]), int(last["size_lots"])


def _state(
    one: Instrument,
    book: Book,
    n_levels: int,
    quotes: dict[tuple[int, int], tuple[int, int]],
) -> dict[str, Any]:
    def text(price: int, size: int) -> list[str | None]:
        shown = None if price == NO_PRICE else format(one.price(price), "f")
        return [shown, format(one.size(size), "f")]

    levels = {
        name: [text(price, size) for price, size, _ in book.levels(side, n_levels).tolist()]
        for name, side in (("bids", Side.BID), ("asks", Side.ASK))
    }
    told = [quotes.get((one.instrument_id, side)) for side in (Side.BID, Side.ASK)]
    return {
        "symbol": one.symbol,
        "kind": book.kind,
        "state": book.state.name.lower(),
        "orders": book.n_orders if book.kind == "l3" else None,
        **levels,
        "quote": [None if q is None else text(*q) for q in told],
        "refused": {name: n for name, n in book.counters.items() if n and name != "ignored"},
    }


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for book in result["books"]:
        orders = "" if book["orders"] is None else f", {book['orders']} orders"
        table = Table(title=f"{book['symbol']}: {book['kind']} book, {book['state']}{orders}")
        for name in ("bid size", "bid", "ask", "ask size"):
            table.add_column(name, justify="right")
        bids, asks = book["bids"], book["asks"]
        for i in range(max(len(bids), len(asks))):
            bid = bids[i] if i < len(bids) else ["", ""]
            ask = asks[i] if i < len(asks) else ["", ""]
            table.add_row(bid[1], bid[0], ask[0], ask[1])
        if not bids and not asks and any(book["quote"]):
            bid, ask = (q or ["", ""] for q in book["quote"])
            table.add_row(bid[1], bid[0], ask[0], ask[1])
            table.caption = "no book in this tape: the last best quotes"
        console.print(table)
        if book["refused"]:
            console.print(f"refused: {book['refused']}")
    line = f"{result['records']} records of {result['format']}"
    console.print(line + (f", anomalies: {result['anomalies']}" if result["anomalies"] else ""))
