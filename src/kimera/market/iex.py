"""IEX captures: DEEP 1.0 and TOPS 1.6 in IEX-TP in UDP in a classic pcap, packed or not.

DEEP gives Level deltas and trades, TOPS quotes and trades; both give the trading status. A jump of
the sequence numbers is an anomaly and marks every book stale (GAP_BEFORE); DEEP sends no snapshot,
so the books of such a capture stay stale after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import gcd
from typing import Final

from kimera._native import market as _native
from kimera.errors import FormatError
from kimera.market.native_tape import NativeTape
from kimera.market.source import Source
from kimera.market.tape import only_source
from kimera.model import Instrument, RecordArray, Venue

__all__ = ["IexTape", "open_tape", "recognise"]

_MAGICS: Final = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
)
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_PROTOCOLS: Final = {0x8003: "TOPS", 0x8004: "DEEP"}


class IexTape(NativeTape):
    """One capture of DEEP or TOPS."""

    format = "iex"
    where = "offset"

    def __init__(self, source: Source, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        scan = _native.IexDecoder([])
        try:
            for chunk in source.chunks():
                scan.feed(chunk)
        except FormatError as error:
            # What came before is scanned; the reading itself tells where it ends.
            self.notes.append(f"first pass ended early: {error}")
        if scan.protocol not in _PROTOCOLS:
            first = scan.first_anomaly()
            raise FormatError(
                self.file,
                f"offset {first[1] if first else 0}",
                first[2] if first else "an IEX-TP segment of DEEP or TOPS",
                first[3] if first else "none in the whole file",
            )
        self._symbols = [(name, gcd(unit, 10_000)) for name, unit in scan.symbols()]
        self.venues = (Venue(1, "IEX"),)
        self.instruments = tuple(
            Instrument(
                instrument_id=index,
                symbol=name,
                venue_id=1,
                tick_size=(unit * Decimal("0.0001")).normalize(),
                lot_size=Decimal(1),
                quote="USD",
            )
            for index, (name, unit) in enumerate(self._symbols, 1)
        )
        self.notes.append(f"protocol: {_PROTOCOLS[scan.protocol]}")
        self.notes.append("tick size: the greatest unit that divides every price and 1")

    def _pieces(self) -> Iterator[RecordArray]:
        if not self._symbols:
            return
        decoder = _native.IexDecoder(self._symbols)
        seen: Counter[str] = Counter()
        for chunk in self.chunks_of(self.sources[0]):
            decoder.feed(chunk)
            yield self.drain(decoder, seen)
        decoder.finish()
        yield self.drain(decoder, seen)
        self.counts.update(decoder.counts())


def recognise(source: Source) -> bool:
    """Tell whether this is a classic pcap."""
    return source.packing in {"plain", "gzip", "zstd"} and source.head[:4] in _MAGICS


def open_tape(sources: Sequence[Source], *, strict: bool) -> IexTape:
    """Open a capture of IEX DEEP or TOPS."""
    source = only_source(sources, "iex")
    if source.head[:4] == _PCAPNG:
        raise FormatError(str(source), "offset 0", "a classic pcap", "pcapng")
    return IexTape(source, strict=strict)
