"""Tardis CSV: trades and quotes of one file, any number of symbols, times in microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from kimera.errors import FormatError
from kimera.market.csv_tape import Columns, ColumnTape, CsvKind, TimeUnit
from kimera.market.native_tape import decimal_unit
from kimera.market.source import Source
from kimera.market.tape import only_source

__all__ = ["TardisTape", "open_tape", "recognise"]

_TRADES: Final = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
_QUOTES: Final = (
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
)
_COMMON: Final = ("venue", "symbol", "ts_event", "ts_recv")
_COLUMNS: Final = {
    _TRADES: Columns(
        roles=(*_COMMON, "sequence", "side", "price", "size"),
        kind=CsvKind.TRADES,
        time_unit=TimeUnit.US,
    ),
    _QUOTES: Columns(
        roles=(*_COMMON, "ask_size", "ask_price", "bid_price", "bid_size"),
        kind=CsvKind.QUOTES,
        time_unit=TimeUnit.US,
    ),
}


class TardisTape(ColumnTape):
    """One Tardis file of trades or quotes."""

    format = "tardis"

    def __init__(
        self,
        source: Source,
        columns: Columns,
        *,
        strict: bool,
        tick_size: Decimal | None = None,
        lot_size: Decimal | None = None,
    ) -> None:
        super().__init__(source, columns, strict=strict, tick_size=tick_size, lot_size=lot_size)


def _header(source: Source) -> str:
    return source.head.split(b"\n", 1)[0].decode("ascii", "replace").strip()


def recognise(source: Source) -> bool:
    """Tell whether the header is that of Tardis trades or quotes."""
    return source.packing in {"plain", "gzip", "zstd"} and _header(source) in _COLUMNS


def open_tape(
    sources: Sequence[Source],
    *,
    strict: bool,
    tick_size: str | None = None,
    lot_size: str | None = None,
) -> TardisTape:
    """Open Tardis trades or quotes."""
    source = only_source(sources, "tardis")
    columns = _COLUMNS.get(_header(source))
    if columns is None:
        expected = f"the header {_TRADES} or {_QUOTES}"
        raise FormatError(str(source), "row 1", expected, repr(_header(source)[:80]))
    return TardisTape(
        source,
        columns,
        strict=strict,
        tick_size=None if tick_size is None else decimal_unit(tick_size, "tick_size"),
        lot_size=None if lot_size is None else decimal_unit(lot_size, "lot_size"),
    )
