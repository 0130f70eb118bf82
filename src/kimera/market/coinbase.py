"""Coinbase book snapshots as JSON: level 2 (price, size, order count) and level 3 (order by order).

Level 3 gives Add records whose order id is the first 64 bits of the exchange's UUID; two orders
whose ids would then agree are an anomaly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from kimera.errors import FormatError, InputError
from kimera.market.exchange_messages import LARGEST, Scan, iso_ns
from kimera.market.native_tape import unit_of
from kimera.market.source import Source
from kimera.market.tape import Tape, only_source
from kimera.model import (
    NO_PRICE,
    RECORD,
    Action,
    Instrument,
    Kind,
    RecordArray,
    RecordFlag,
    Side,
    Venue,
)

__all__ = ["SnapshotTape", "open_tape", "order_id_of", "recognise"]

_MAX_BYTES: Final = 256 << 20
_START: Final = b'{"product":"'


def order_id_of(uuid: str) -> int:
    """Give the first 64 bits of a UUID.

    Examples
    --------
    >>> from kimera.market.coinbase import order_id_of
    >>> order_id_of("00000000-0000-0001-0000-000000000000")
    1
    """
    return int(uuid.replace("-", "")[:16], 16)


class SnapshotTape(Tape):
    """One snapshot of one book.

    Attributes
    ----------
    level : int
        2 or 3.
    """

    format = "coinbase"

    def __init__(self, source: Source, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        self._book = self._read(source)
        self.level = int(self._book["level"])
        if self.level not in {2, 3}:
            raise FormatError(self.file, "level", "2 or 3", str(self.level))
        self.venues = (Venue(1, "COINBASE"),)
        symbol = self._book["product"]
        scan = Scan()
        for side in ("bids", "asks"):
            for price, size, _ in self._book[side]:
                scan.note(symbol, price, size)
        price_decimals, size_decimals = scan.decimals.get(symbol, [0, 0])
        base, _, quote = symbol.partition("-")
        self.instruments = (
            Instrument(
                instrument_id=1,
                symbol=symbol,
                venue_id=1,
                tick_size=unit_of(price_decimals),
                lot_size=unit_of(size_decimals),
                base=base,
                quote=quote,
            ),
        )
        self.notes.append("tick and lot size: the finest decimal in the file")

    def _read(self, source: Source) -> Any:
        pieces, n_bytes = [], 0
        for piece in source.chunks():
            pieces.append(piece)
            n_bytes += len(piece)
            if n_bytes > _MAX_BYTES:
                expected = f"a snapshot of at most {_MAX_BYTES} bytes"
                raise FormatError(self.file, f"offset {n_bytes}", expected, "more")
        try:
            book = json.loads(b"".join(pieces), parse_float=str, parse_int=str)
        except ValueError as error:
            at = getattr(error, "pos", n_bytes)
            raise FormatError(self.file, f"offset {at}", "whole JSON", str(error)) from error
        for key in ("product", "level", "captured_at", "sequence", "bids", "asks"):
            if not isinstance(book, dict) or key not in book:
                raise FormatError(self.file, "offset 0", f"a member {key!r}", "none")
        for side in ("bids", "asks"):
            for i, row in enumerate(book[side], 1):
                if not (isinstance(row, list) and len(row) == 3):
                    expected = "price, size and count or id"
                    raise FormatError(self.file, f"{side} {i}", expected, str(row)[:60])
        return book

    def _pieces(self) -> Iterator[RecordArray]:
        book, (one,) = self._book, self.instruments
        try:
            now, sequence = iso_ns(book["captured_at"]), int(book["sequence"])
        except ValueError as error:
            self.report("bad_number", "captured_at", "a time and a sequence", str(error))
            return
        if not (0 <= sequence < 2**64 and 0 <= now <= 2 * LARGEST):
            found = f"{book['captured_at']}, {sequence}"
            self.report("bad_number", "captured_at", "a time and a sequence that fit", found)
            return
        rows: list[tuple[int, ...]] = [
            (now, now, sequence, 0, NO_PRICE, 0, 1, 0, 1, 0, Kind.DELTA, Action.CLEAR, Side.NONE, 0)
        ]
        seen: set[int] = set()
        for side, name in ((Side.BID, "bids"), (Side.ASK, "asks")):
            for i, (price, size, last) in enumerate(book[name], 1):
                self.counts[name] += 1
                try:
                    ticks, lots = one.to_ticks(price), one.to_lots(size)
                    order_id = order_id_of(last) if self.level == 3 else 0
                    count = min(int(last), 2**32 - 1) if self.level == 2 else 0
                except (InputError, ValueError, ArithmeticError, AttributeError) as error:
                    self.report("bad_number", f"{name} {i}", "price and size", str(error))
                    continue
                if not (0 < lots <= LARGEST and 0 < ticks <= LARGEST and 0 <= order_id < 2**64):
                    self.report(
                        "negative_size", f"{name} {i}", "numbers above 0", f"{price},{size}"
                    )
                    continue
                if self.level == 3 and order_id in seen:
                    self.report("duplicate_order", f"{name} {i}", "an id not seen yet", last)
                    continue
                seen.add(order_id)
                action = Action.ADD if self.level == 3 else Action.LEVEL
                what = (Kind.DELTA, action, side, 0)
                rows.append((now, now, sequence, order_id, ticks, lots, 1, count, 1, 0, *what))
        records = np.array(rows, dtype=RECORD)
        records["flags"] = RecordFlag.SNAPSHOT | RecordFlag.BAD_RECV_TIME
        records["flags"][-1] |= RecordFlag.LAST
        yield records


def recognise(source: Source) -> bool:
    """Tell whether this is a JSON object that begins with a product and a level."""
    if source.packing not in {"plain", "gzip", "zstd"}:
        return False
    return source.head.startswith(_START) and b'"level":' in source.head[:100]


def open_tape(sources: Sequence[Source], *, strict: bool) -> SnapshotTape:
    """Open a Coinbase book snapshot."""
    return SnapshotTape(only_source(sources, "coinbase"), strict=strict)
