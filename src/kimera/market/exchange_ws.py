"""Websocket recordings of Binance, Binance Delivery, Coinbase, Kraken and BitMEX.

``NAME.ws.*`` holds one connection, ``time: message`` a line; beside it may lie ``NAME.http.*``
(REST answers: depth snapshots, exchange information) and ``NAME.<n>`` (products). Tick and lot
sizes come from the exchange's own information where the recording holds it, else from the finest
decimal of its messages. Kraken's checksums are verified against the rebuilt book.
"""

from __future__ import annotations

import heapq
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from kimera._native import market as _native
from kimera.errors import FormatError, InputError, UnknownSymbolError
from kimera.market.binance import MAX_PENDING_RECORDS, contract_of
from kimera.market.book import Book
from kimera.market.exchange_messages import (
    BitmexMessages,
    CoinbaseMessages,
    KrakenMessages,
    Messages,
    Scan,
)
from kimera.market.native_tape import NativeTape, unit_of, units_of
from kimera.market.source import Source
from kimera.market.tape import Tape, only_source
from kimera.model import RECORD, Instrument, RecordArray, Side, Venue

__all__ = ["BinanceWsTape", "ExchangeWsTape", "open_tape", "recognise"]

_OPENED: Final = re.compile(rb"^(wss://\S+) <-> (\d+\.\d+)")
_LINE: Final = re.compile(rb"^(\d{10})\.(\d{1,9}): (.*)$")
_ANSWER: Final = re.compile(rb"^(https?://\S+) -> (\d{10})\.(\d{1,9}): (.*)$")
_BATCH_ROWS: Final = 8_192
_MAX_ANSWER_BYTES: Final = 64 << 20


class _Line(NamedTuple):
    """A received message."""

    ts_recv_ns: int
    row: int
    body: bytes
    symbol: str = ""


def _nanoseconds(seconds: bytes, fraction: bytes) -> int:
    return int(seconds) * 1_000_000_000 + int((fraction + b"000000000")[:9])


def _exchange(source: Source) -> str | None:
    match = _OPENED.match(source.head)
    if match is None:
        return None
    names = {
        b"dstream.binance.com": "binance-delivery",
        b"stream.binance.com": "binance",
        b"ws-feed.pro.coinbase.com": "coinbase",
        b"ws.kraken.com": "kraken",
        b"www.bitmex.com": "bitmex",
    }
    host = match[1].removeprefix(b"wss://").split(b"/")[0].split(b":")[0]
    return names.get(host)


def _beside(source: Source) -> list[Path]:
    """Files of the same recording: ``NAME.http.*`` and ``NAME.<n>``."""
    name = source.path.name.split(".ws.")[0]
    found = sorted(source.path.parent.glob(f"{name}.*"))
    return [path for path in found if ".ws." not in path.name]


def _answers(paths: list[Path]) -> Iterator[tuple[str, _Line]]:
    for path in paths:
        source = Source(path)
        text = b"".join(source.chunks())
        if len(text) > _MAX_ANSWER_BYTES:
            expected = f"at most {_MAX_ANSWER_BYTES} bytes of answers"
            raise FormatError(str(path), "offset 0", expected, f"{len(text)} bytes")
        for row, line in enumerate(text.split(b"\n"), 1):
            match = _ANSWER.match(line)
            if match:
                url = match[1].decode()
                symbol = re.search(r"[?&]symbol=([^&]+)", url)
                ts = _nanoseconds(match[2], match[3])
                yield url, _Line(ts, row, match[4], symbol[1] if symbol else "")


class _Recording(NativeTape):
    """The lines of one connection."""

    format = "exchange-ws"

    def _lines(self) -> Iterator[_Line]:
        held, row = b"", 0
        for chunk in self.chunks_of(self.sources[0]):
            *lines, held = (held + chunk).split(b"\n")
            for line in lines:
                row += 1
                yield from self._line(line, row)
        if held:
            yield from self._line(held, row + 1)

    def _line(self, line: bytes, row: int) -> Iterator[_Line]:
        match = _LINE.match(line)
        if match:
            yield _Line(_nanoseconds(match[1], match[2]), row, match[3])
        elif line.startswith(b"wss://") or not line.strip() or line.startswith(b"configuration:"):
            self.counts["sent or empty lines"] += 1
        else:
            expected = "time: message"
            self.report(
                "malformed", f"row {row}", expected, repr(line[:60].decode("ascii", "replace"))
            )


class BinanceWsTape(_Recording):
    """Binance spot and coin-margined futures: lines and snapshots to the native decoder."""

    def __init__(self, source: Source, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        scan = _native.BinanceScan()
        self._given: dict[str, tuple[Decimal, Decimal]] = {}
        self._snapshots: list[_Line] = []
        for url, line in _answers(_beside(source)):
            if "/depth?" in url:
                self._snapshots.append(line)
                scan.payload(line.body, line.symbol)
            elif url.endswith("/exchangeInfo"):
                self._read_information(line.body)
        self.strict, given = False, strict  # the reading itself tells what is wrong
        for line in self._lines():
            scan.payload(line.body)
        self.strict = given
        self.anomalies.clear()
        self._market = scan.market
        self._aggregate = all(n_trades == 0 for *_, n_trades in scan.found())
        self.venues = (Venue(1, "BINANCE_COINM" if self._market == 2 else "BINANCE_SPOT"),)
        instruments = []
        for index, (symbol, pair, price, size, _, _) in enumerate(scan.found(), 1):
            tick, lot = self._given.get(symbol, (unit_of(price), unit_of(size)))
            if price > _decimals(tick) or size > _decimals(lot):
                # Old resting orders may be finer than what the exchange takes today.
                tick, lot = min(tick, unit_of(price)), min(lot, unit_of(size))
                self.notes.append(f"{symbol}: finer than the exchange's own tick and lot size")
            instruments.append(
                Instrument(
                    instrument_id=index,
                    symbol=symbol,
                    venue_id=1,
                    tick_size=tick,
                    lot_size=lot,
                    **contract_of(symbol, pair),  # type: ignore[arg-type]
                )
            )
        self.instruments = tuple(instruments)
        where = "exchange information" if self._given else "the finest decimal in the file"
        self.notes.append(f"tick and lot size: {where}")

    def _read_information(self, body: bytes) -> None:
        try:
            symbols = json.loads(body)["symbols"]
            for one in symbols:
                filters = {f["filterType"]: f for f in one["filters"]}
                tick = Decimal(filters["PRICE_FILTER"]["tickSize"]).normalize()
                lot = Decimal(filters["LOT_SIZE"]["stepSize"]).normalize()
                self._given[one["symbol"]] = tick, lot
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            expected = "symbols with their filters"
            raise FormatError(self.file, "exchangeInfo", expected, repr(error)) from error

    def _pieces(self) -> Iterator[RecordArray]:
        decoder = _native.BinanceDecoder(
            units_of(self.instruments), self._market, MAX_PENDING_RECORDS
        )
        if self._aggregate:
            decoder.take_aggregate_trades()
        seen: Counter[str] = Counter()
        merged = heapq.merge(self._lines(), self._snapshots, key=lambda line: line.ts_recv_ns)
        for n_lines, line in enumerate(merged, 1):
            decoder.message(line.ts_recv_ns, line.body, line.symbol)
            if n_lines % _BATCH_ROWS == 0:
                yield self.drain(decoder, seen)
        decoder.finish()
        yield self.drain(decoder, seen)
        self.counts.update(decoder.counts())


class ExchangeWsTape(_Recording):
    """Coinbase, Kraken and BitMEX: one JSON message a line."""

    def __init__(self, source: Source, messages: Messages, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        self._messages = messages
        scan = Scan(keep_zeros=messages.keep_zeros)
        self.strict, given = False, strict  # the reading itself tells what is wrong
        for line in self._lines():
            try:
                messages.scan(_parsed(line.body), scan)
            except (ValueError, KeyError, TypeError, AttributeError):
                self.counts["not scanned"] += 1
        self.strict = given
        self.anomalies.clear()
        known = self._products(source)
        self.venues = (Venue(1, messages.venue),)
        instruments = []
        for index, (symbol, (price, size)) in enumerate(scan.decimals.items(), 1):
            tick, lot = known.get(symbol, (unit_of(price), unit_of(size)))
            fits = price <= _decimals(tick) and size <= _decimals(lot)
            base, _, quote = symbol.replace("/", "-").partition("-")
            instruments.append(
                Instrument(
                    instrument_id=index,
                    symbol=symbol,
                    venue_id=1,
                    tick_size=tick if fits else unit_of(price),
                    lot_size=lot if fits else unit_of(size),
                    base=base if quote else "",
                    quote=quote,
                )
            )
        self.instruments = tuple(instruments)
        where = "the exchange's products" if known else "the finest decimal in the file"
        self.notes.append(f"tick and lot size: {where}")

    def _products(self, source: Source) -> dict[str, tuple[Decimal, Decimal]]:
        known = {}
        for url, line in _answers(_beside(source)):
            if url.endswith("/products"):
                for one in json.loads(line.body):
                    tick, lot = Decimal(one["quote_increment"]), Decimal(one["base_increment"])
                    known[one["id"]] = tick.normalize(), lot.normalize()
        return known

    def _pieces(self) -> Iterator[RecordArray]:
        messages = self._messages
        messages.counts.clear()
        messages.use(self.instruments)
        verify = _KrakenBooks(self) if isinstance(messages, KrakenMessages) else None
        held: list[tuple[int, ...]] = []
        for line in self._lines():
            rows = self._decoded(line)
            if verify is not None and isinstance(messages, KrakenMessages):
                verify.check(rows, messages.checksum, line)
            held += rows
            if len(held) >= _BATCH_ROWS:
                yield np.array(held, dtype=RECORD)
                held = []
        if held:
            yield np.array(held, dtype=RECORD)
        self.counts.update(messages.counts)

    def _decoded(self, line: _Line) -> list[tuple[int, ...]]:
        try:
            return list(self._messages.rows(_parsed(line.body), line.ts_recv_ns))
        except UnknownSymbolError as error:
            name, expected, found = "unknown_symbol", "a known symbol", str(error)
        except InputError as error:
            name, expected, found = "bad_number", "a message that makes sense", str(error)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            name, expected = "malformed", "a message as documented"
            found = f"{type(error).__name__}: {error}"
        self.report(name, f"row {line.row}", expected, found)
        return []


class _KrakenBooks:
    """Holds Kraken's books against the checksum of their ten best levels."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._books = {one.instrument_id: Book("l2") for one in tape.instruments}

    def check(
        self, rows: list[tuple[int, ...]], checksum: tuple[int, int] | None, line: _Line
    ) -> None:
        """Apply the rows of a message; report a checksum that disagrees."""
        if not rows:
            return
        records = np.array(rows, dtype=RECORD)
        book = self._books[int(records["instrument_id"][0])]
        book.apply(records, strict=False)
        if checksum is None:
            return
        text = []
        for side in (Side.ASK, Side.BID):
            for price, size, _ in book.levels(side, 10).tolist():
                text.append(f"{price}{size}")
        ours = zlib.crc32("".join(text).encode())
        self._tape.counts["checksums"] += 1
        if ours == checksum[1]:
            self._tape.counts["checksums_agree"] += 1
        else:
            expected = f"checksum {checksum[1]}"
            self._tape.report("checksum", f"row {line.row}", expected, str(ours))


def _parsed(body: bytes) -> Any:
    # Numbers stay text: every digit counts.
    return json.loads(body, parse_float=str, parse_int=str)


def _decimals(unit: Decimal) -> int:
    exponent = unit.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def recognise(source: Source) -> bool:
    """Tell whether the first line opens a websocket of an exchange that is known."""
    return source.packing in {"plain", "gzip", "zstd"} and _exchange(source) is not None


def open_tape(sources: Sequence[Source], *, strict: bool) -> Tape:
    """Open one recorded connection, with the answers that lie beside it."""
    source = only_source(sources, "exchange-ws")
    exchange = _exchange(source)
    if exchange is None:
        expected = "wss://HOST <-> time, of Binance, Coinbase, Kraken or BitMEX"
        raise FormatError(str(source), "row 1", expected, repr(source.head[:60]))
    if exchange.startswith("binance"):
        return BinanceWsTape(source, strict=strict)
    kinds: dict[str, type[CoinbaseMessages] | type[KrakenMessages] | type[BitmexMessages]] = {
        "coinbase": CoinbaseMessages,
        "kraken": KrakenMessages,
        "bitmex": BitmexMessages,
    }
    return ExchangeWsTape(source, kinds[exchange](), strict=strict)
