"""Binance streams as recorded: one message a line, the local receive time before the JSON.

Reads combined streams (``depth``, ``bookTicker``, ``trade``, ``aggTrade``; others are counted)
and REST depth snapshots. The unit of the time is recognised by its digits (ns, us, ms, s).
Depth changes wait for the snapshot and are joined to it by update ids, by Binance's own rule; a
change that does not follow bears GAP_BEFORE, and the book is stale until the next snapshot.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from kimera._native import market as _native
from kimera.errors import FormatError
from kimera.market.native_tape import NativeTape, decimal_unit, unit_of, units_of
from kimera.market.source import Source
from kimera.model import Instrument, RecordArray, Venue

__all__ = ["BinanceTape", "contract_of", "open_tape", "recognise"]

MAX_PENDING_RECORDS: Final = 1 << 20
"""Level records held back for a snapshot (64 MiB); beyond, the oldest are dropped and counted."""

_LINE: Final = re.compile(rb'^\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?:? \{"(?:stream|lastUpdateId)"')
_VENUES: Final = ("BINANCE_SPOT", "BINANCE_USDM", "BINANCE_COINM")
_QUOTES: Final = (
    *("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "DAI", "BTC", "ETH", "BNB", "EUR", "TRY"),
    *("GBP", "AUD", "BRL", "JPY", "RUB", "UAH", "NGN", "USD"),
)


def contract_of(symbol: str, pair: str) -> dict[str, object]:
    """Give base, quote, multiplier and inverse of a Binance symbol.

    A pair is given for coin-margined contracts only: their size counts contracts of 100 USD
    (BTC) or 10 USD (all others).

    Examples
    --------
    >>> from kimera.market.binance import contract_of
    >>> contract_of("ETHUSD_PERP", "ETHUSD")["multiplier"]
    Decimal('10')
    """
    if pair:
        base = pair.removesuffix("USD")
        worth = Decimal(100 if base == "BTC" else 10)
        return {"base": base, "quote": "USD", "multiplier": worth, "inverse": True}
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return {"base": symbol.removesuffix(quote), "quote": quote}
    return {}


class BinanceTape(NativeTape):
    """Recorded lines of one or more files that continue each other."""

    format = "binance"

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        strict: bool,
        tick_size: str | None = None,
        lot_size: str | None = None,
    ) -> None:
        super().__init__(sources, strict=strict)
        scan = _native.BinanceScan()
        for source in self.sources:
            for chunk in self.chunks_of(source):
                scan.feed(chunk)
            scan.finish()
        if scan.n_understood == 0:
            found = repr(self.sources[0].head[:40])
            raise FormatError(self.file, "row 1", "a receive time and Binance JSON", found)
        self._market = scan.market
        self._aggregate = all(n_trades == 0 for *_, n_trades in scan.found())
        self.venues = (Venue(1, _VENUES[scan.market]),)
        tick = None if tick_size is None else decimal_unit(tick_size, "tick_size")
        lot = None if lot_size is None else decimal_unit(lot_size, "lot_size")
        self.instruments = tuple(
            Instrument(
                instrument_id=index,
                symbol=symbol,
                venue_id=1,
                tick_size=tick or unit_of(price_decimals),
                lot_size=lot or unit_of(size_decimals),
                **contract_of(symbol, pair),  # type: ignore[arg-type]
            )
            for index, (symbol, pair, price_decimals, size_decimals, _, _) in enumerate(
                scan.found(), 1
            )
        )
        for name, given in (("tick size", tick), ("lot size", lot)):
            self.notes.append(f"{name}: {'given' if given else 'the finest decimal in the file'}")

    def _pieces(self) -> Iterator[RecordArray]:
        decoder = _native.BinanceDecoder(
            units_of(self.instruments), self._market, MAX_PENDING_RECORDS
        )
        if self._aggregate:
            decoder.take_aggregate_trades()
        seen: Counter[str] = Counter()
        for source in self.sources:
            for chunk in self.chunks_of(source):
                decoder.feed(chunk)
                yield self.drain(decoder, seen)
        decoder.finish()
        yield self.drain(decoder, seen)
        self.counts.update(decoder.counts())


def recognise(source: Source) -> bool:
    """Tell whether the first line is a time and a Binance stream message or snapshot."""
    return source.packing != "zip" and bool(_LINE.match(source.head[:120]))


def open_tape(
    sources: Sequence[Source],
    *,
    strict: bool,
    tick_size: str | None = None,
    lot_size: str | None = None,
) -> BinanceTape:
    """Open recorded Binance streams; several files must continue each other."""
    return BinanceTape(sources, strict=strict, tick_size=tick_size, lot_size=lot_size)
