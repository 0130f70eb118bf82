"""QuantConnect tick zips: US equities (national best quotes, trades) and FX quotes.

US equities count milliseconds from midnight New York and prices in 1e-4 USD; a quote row tells one
side, the national best bid or ask with the exchange that shows it (``venue_id``). FX rows tell bid
and ask without sizes. **Clocks of FX**: Oanda counts from midnight UTC, FXCM from midnight of
UTC-05 without summer time, so five hours are added to FXCM's times; ``clock_shift_ms`` gives
another shift.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from kimera.errors import FormatError, InputError
from kimera.market.csv_tape import Columns, ColumnTape, CsvKind, TimeUnit
from kimera.market.lobster import new_york_midnight_ns
from kimera.market.source import Source
from kimera.market.tape import only_source
from kimera.model import Instrument, Venue

__all__ = ["TickZipTape", "open_tape", "recognise"]

_EQUITY: Final = re.compile(
    r"(?P<date>\d{8})_(?P<symbol>[a-z.]+)_(?P<what>trade|quote)_tick\.csv", re.IGNORECASE
)
_FX: Final = re.compile(r"(?P<date>\d{8})_(?P<symbol>[a-z]{6})_tick_quote\.csv", re.IGNORECASE)
_FXCM_SHIFT_MS: Final = 18_000_000
_EXCHANGES: Final = {
    "A": "NYSE_MKT",
    "B": "NASDAQ_BX",
    "C": "NATIONAL",
    "D": "FINRA",
    "J": "EDGA",
    "K": "EDGX",
    "M": "CHICAGO",
    "N": "NYSE",
    "P": "ARCA",
    "Q": "NASDAQ_Q",
    "T": "NASDAQ_T",
    "W": "CBOE",
    "X": "NASDAQ_PSX",
    "Y": "BATS_Y",
    "Z": "BATS_Z",
}
_TRADES: Final = ("ts_event", "price", "size", "venue", "detail", "")
_QUOTES: Final = ("ts_event", "bid_price", "bid_size", "ask_price", "ask_size", "venue", "", "")


class TickZipTape(ColumnTape):
    """One day of ticks of one symbol."""

    format = "quotes"


def _columns(roles: tuple[str, ...], kind: CsvKind, base_ns: int) -> Columns:
    return Columns(
        roles=roles, kind=kind, time_unit=TimeUnit.MS, time_base_ns=base_ns, has_header=False
    )


def _equity(source: Source, match: re.Match[str], *, strict: bool) -> TickZipTape:
    trades = match["what"].lower() == "trade"
    columns = _columns(
        _TRADES if trades else _QUOTES,
        CsvKind.TRADES if trades else CsvKind.ONE_SIDED_QUOTES,
        new_york_midnight_ns(match["date"]),
    )
    tape = TickZipTape(
        source, columns, strict=strict, symbol=match["symbol"].upper(), member=match.string
    )
    tape.venues = tuple(
        Venue(venue.venue_id, _EXCHANGES.get(venue.name, venue.name)) for venue in tape.venues
    )
    # The file counts in 1e-4 USD: its whole numbers are ticks already.
    tape.instruments = tuple(_in_usd(one) for one in tape.instruments)
    tape.notes[:] = ["tick size: the unit of the file, 0.0001 USD", "lot size: one share"]
    if not trades:
        tape.notes.append("national best bid and ask; venue_id is the exchange that shows it")
    return tape


def _in_usd(one: Instrument) -> Instrument:
    return Instrument(
        instrument_id=one.instrument_id,
        symbol=one.symbol,
        venue_id=1,
        tick_size=Decimal("0.0001"),
        lot_size=Decimal(1),
        quote="USD",
    )


def _fx(
    source: Source, match: re.Match[str], *, strict: bool, clock_shift_ms: int | None
) -> TickZipTape:
    name = source.path.name.lower()
    venue = next((one for one in ("fxcm", "oanda") if one in str(source.path).lower()), None)
    if clock_shift_ms is None:
        if venue is None:
            raise InputError(
                f"{name}: the path names neither fxcm nor oanda: give clock_shift_ms, what is "
                "added to its times for UTC"
            )
        clock_shift_ms = _FXCM_SHIFT_MS if venue == "fxcm" else 0
    day = datetime.strptime(match["date"], "%Y%m%d").replace(tzinfo=UTC)
    base_ns = int(day.timestamp()) * 1_000_000_000 + clock_shift_ms * 1_000_000
    columns = _columns(("ts_event", "bid_price", "ask_price"), CsvKind.QUOTES, base_ns)
    tape = TickZipTape(
        source,
        columns,
        strict=strict,
        symbol=match["symbol"].upper(),
        venue=(venue or "fx").upper(),
        member=match.string,
    )
    tape.notes.append(f"clock: {clock_shift_ms} ms added to the times of the file for UTC")
    tape.notes.append("sizes: none in the file, 0 in the records")
    return tape


def _match(source: Source) -> tuple[re.Match[str], bool] | None:
    if source.packing != "zip" or len(source.members) != 1:
        return None
    for pattern in (_EQUITY, _FX):
        match = pattern.fullmatch(source.members[0])
        if match:
            return match, pattern is _EQUITY
    return None


def recognise(source: Source) -> bool:
    """Tell whether this is a zip with one tick file, by the name of that file."""
    return _match(source) is not None


def open_tape(
    sources: Sequence[Source], *, strict: bool, clock_shift_ms: int | None = None
) -> TickZipTape:
    """Open a zip of ticks; ``clock_shift_ms`` is added to FX times for UTC."""
    source = only_source(sources, "quotes")
    found = _match(source)
    if found is None:
        expected = "one file named DATE_SYMBOL_{Trade,Quote}_Tick.csv or DATE_PAIR_tick_quote.csv"
        names = repr(source.members[:3]) if source.members else "no zip"
        raise FormatError(str(source), "the zip directory", expected, names)
    match, equity = found
    if equity:
        return _equity(source, match, strict=strict)
    return _fx(source, match, strict=strict, clock_shift_ms=clock_shift_ms)
