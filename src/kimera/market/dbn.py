"""Databento Binary Encoding, versions 1 to 3, packed or not, through ``databento-dbn``.

Metadata, definitions and record layouts are the library's; the market-data records themselves are
viewed with the library's own dtypes, many at once.

=============  ==================================================================
schema         records
=============  ==================================================================
mbo            Delta Add, Cancel, Modify, Fill, Trade, Clear
trades         Delta Trade
mbp-1, mbp-10  Delta Trade for trades, then two Quotes (the top level only)
tbbo           two Quotes (before the trade), then Delta Trade
definition     none; gives symbol, tick size, lot and multiplier of the instruments
status         Status
ohlcv-*        none, counted; ``read_bars`` reads them
others         none, counted by their rtype
=============  ==================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kimera.errors import FormatError, InputError, MissingExtraError
from kimera.market.native_tape import decimal_unit
from kimera.market.source import Source
from kimera.market.tape import Tape, only_source
from kimera.model import (
    NO_PRICE,
    NO_TIME,
    RECORD,
    Action,
    Instrument,
    Kind,
    RecordArray,
    RecordFlag,
    Side,
    Status,
    Venue,
)

__all__ = ["DbnTape", "open_tape", "recognise"]

_MAGIC: Final = b"DBN"
_E9: Final = Decimal("1e-9")
_MBO, _TRADES, _MBP1, _MBP10, _STATUS, _DEFINITION = 160, 0, 1, 10, 18, 19
_PRICED: Final = (_MBO, _TRADES, _MBP1, _MBP10)
_QUIET: Final = {
    17: "ohlcv-deprecated",
    20: "imbalance",
    21: "error",
    22: "symbol-mapping",
    23: "system",
    24: "statistics",
    32: "ohlcv-1s",
    33: "ohlcv-1m",
    34: "ohlcv-1h",
    35: "ohlcv-1d",
    36: "ohlcv-eod",
}
_NAMES: Final = {_MBO: "mbo", _TRADES: "trades", _MBP1: "mbp-1", _MBP10: "mbp-10"} | {
    _STATUS: "status",
    _DEFINITION: "definition",
    **_QUIET,
}
_ACTIONS: Final = {
    b"A": Action.ADD,
    b"C": Action.CANCEL,
    b"M": Action.MODIFY,
    b"R": Action.CLEAR,
    b"T": Action.TRADE,
    b"F": Action.FILL,
}
# StatusMsg.action of the DBN specification; those that say nothing about trading are not here.
_STATUSES: Final = {
    1: Status.PRE_OPEN,
    2: Status.OPENING_AUCTION,
    3: Status.OPENING_AUCTION,
    4: Status.OPENING_AUCTION,
    6: Status.CLOSING_AUCTION,
    7: Status.TRADING,
    8: Status.HALTED,
    9: Status.HALTED,
    10: Status.HALTED,
    11: Status.CLOSED,
    12: Status.CLOSED,
    13: Status.CLOSED,
    15: Status.HALTED,
}


def _library() -> Any:
    try:
        import databento_dbn
    except ImportError as error:
        raise MissingExtraError("data", "databento-dbn") from error
    return databento_dbn


class _Run(NamedTuple):
    """Records of one type that follow each other."""

    rtype: int
    rows: npt.NDArray[np.void]


class DbnTape(Tape):
    """A DBN file.

    Attributes
    ----------
    schema : str
        As the metadata say, ``"mixed"`` where they do not.
    """

    format = "dbn"

    def __init__(
        self,
        source: Source,
        *,
        strict: bool,
        tick_size: str | None = None,
        definitions: str | Path | None = None,
    ) -> None:
        super().__init__([source], strict=strict)
        self._dbn = _library()
        self._dtypes = self._layouts()
        metadata, _ = self._metadata(source)
        self.schema = str(metadata.schema) if metadata.schema is not None else "mixed"
        self._extra = 8 if metadata.ts_out else 0
        self.venues = (Venue(1, str(metadata.dataset)),)
        symbols = {
            int(interval["symbol"]): symbol
            for symbol, intervals in metadata.mappings.items()
            for interval in intervals
            if str(interval["symbol"]).isdigit()
        }
        known = self._definitions(source) if self.schema == "definition" else {}
        if definitions is not None:
            known |= self._definitions(Source(definitions))
        tick = None if tick_size is None else decimal_unit(tick_size, "tick_size")
        self._raw_ids, units = self._scan(source, set(symbols) | set(known))
        instruments = []
        for index, raw_id in enumerate(self._raw_ids, 1):
            definition = known.get(raw_id, {})
            found = units[raw_id] * _E9
            chosen = tick or definition.get("tick_size") or found
            fields = {"symbol": symbols.get(raw_id, str(raw_id)), "lot_size": Decimal(1)}
            fields |= definition | {"tick_size": _plain(chosen)}
            instruments.append(Instrument(instrument_id=index, venue_id=1, **fields))
        self.instruments = tuple(instruments)
        where = "given" if tick else "of the definitions" if known else None
        self.notes.append(
            f"tick size: {where or 'the greatest unit that divides every price and 1'}"
        )

    def _layouts(self) -> dict[int, np.dtype[np.void]]:
        dbn = self._dbn
        layouts = {
            _MBO: dbn.MBOMsg,
            _TRADES: dbn.TradeMsg,
            _MBP1: dbn.MBP1Msg,
            _STATUS: dbn.StatusMsg,
        }
        # The first level of mbp-10 stands where that of mbp-1 does.
        return {rtype: np.dtype(cls._dtypes) for rtype, cls in layouts.items()} | {
            _MBP10: np.dtype(dbn.MBP1Msg._dtypes)
        }

    def _metadata(self, source: Source) -> tuple[Any, bytes]:
        """Read the metadata; give them with what followed in the same pieces."""
        held = b""
        need = 8
        for piece in source.chunks():
            held += piece
            if held[:3] != _MAGIC[: len(held[:3])]:
                break
            if len(held) >= 8:
                need = 8 + int.from_bytes(held[4:8], "little")
            if len(held) >= need > 8:
                break
        if held[:3] != _MAGIC:
            raise FormatError(str(source), "offset 0", "DBN", repr(held[:4]))
        if len(held) < need or need <= 8:
            expected = f"{need} bytes of metadata"
            raise FormatError(str(source), f"offset {len(held)}", expected, "end of file")
        try:
            metadata = self._dbn.Metadata.decode(held[:need])
        except (self._dbn.DBNError, ValueError) as error:
            raise FormatError(str(source), "offset 8", "DBN metadata", str(error)) from error
        return metadata, held[:need]

    def _records(self, source: Source) -> Iterator[bytes]:
        """Whole records only, in pieces; a torn last one is an anomaly."""
        skip = len(self._metadata(source)[1])
        held, offset = b"", skip
        try:
            for piece in source.chunks():
                fresh = piece[skip:]
                skip -= min(skip, len(piece))
                held += fresh
                end = _whole_records(held)
                if end is None:
                    found = "a record of length 0"
                    self.report("malformed", f"offset {offset}", "a record header", found)
                    return
                if end:
                    yield held[:end]
                    offset += end
                    held = held[end:]
        except FormatError as error:
            self.report("truncated", error.where, error.expected, error.found)
        if held:
            found = f"{len(held)} bytes before the end of the file"
            self.report("truncated", f"offset {offset}", "a whole record", found)

    def _runs(self, source: Source) -> Iterator[_Run]:
        for raw in self._records(source):
            data = np.frombuffer(raw, dtype=np.uint8)
            at = 0
            while at < len(data):
                length, rtype = int(data[at]) * 4, int(data[at + 1])
                n_left = (len(data) - at) // length
                rows = data[at : at + n_left * length].reshape(n_left, length)
                other = (rows[:, 0] != data[at]) | (rows[:, 1] != rtype)
                n_same = int(np.argmax(other)) if other.any() else n_left
                run = self._run(rtype, rows[:n_same], at)
                if run is not None:
                    yield run
                at += n_same * length

    def _run(self, rtype: int, rows: npt.NDArray[np.uint8], at: int) -> _Run | None:
        layout = self._dtypes.get(rtype)
        self.counts[_NAMES.get(rtype, f"rtype {rtype}")] += len(rows)
        if layout is None:
            if rtype not in _NAMES:
                self.report("unknown_message", f"byte {at}", "a documented rtype", str(rtype))
            return None
        if rows.shape[1] < layout.itemsize:
            expected = f"{layout.itemsize} bytes of {_NAMES[rtype]}"
            self.report("malformed", f"byte {at}", expected, f"{rows.shape[1]} bytes")
            return None
        wide = np.ascontiguousarray(rows[:, : layout.itemsize])
        return _Run(rtype, wide.view(layout).reshape(-1))

    def _scan(self, source: Source, known: set[int]) -> tuple[list[int], dict[int, int]]:
        """Find the ids that occur, and the unit of their prices [1e-9]."""
        # Starting from 1 keeps one lonely price from being its own tick.
        whole = 10**9
        units = dict.fromkeys(known, whole)
        strict, self.strict = self.strict, False  # the reading itself tells what is wrong
        try:
            for rtype, rows in self._runs(source):
                for raw_id in np.unique(rows["instrument_id"]).tolist():
                    units.setdefault(raw_id, whole)
                    if rtype in _PRICED:
                        mine = rows[rows["instrument_id"] == raw_id]
                        units[raw_id] = int(np.gcd(units[raw_id], self._unit(mine)))
        finally:
            self.strict = strict
            self.anomalies.clear()
            self.counts.clear()
        return sorted(units), units

    def _unit(self, rows: npt.NDArray[np.void]) -> int:
        unit = 0
        for name in ("price", "bid_px_00", "ask_px_00"):
            if name in (rows.dtype.names or ()):
                prices = rows[name][rows[name] != self._dbn.UNDEF_PRICE]
                unit = int(np.gcd.reduce(prices, initial=unit)) if len(prices) else unit
        return abs(unit)

    def _definitions(self, source: Source) -> dict[int, dict[str, Any]]:
        decoder = self._dbn.DBNDecoder(upgrade_policy=self._dbn.VersionUpgradePolicy.UPGRADE_TO_V3)
        out: dict[int, dict[str, Any]] = {}
        for piece in source.chunks():
            for message in decoder.write_and_decode(piece):
                if not isinstance(message, self._dbn.InstrumentDefMsg):
                    continue
                fields: dict[str, Any] = {"symbol": message.raw_symbol}
                if message.min_price_increment not in {0, self._dbn.UNDEF_PRICE}:
                    fields["tick_size"] = message.min_price_increment * _E9
                worth = message.unit_of_measure_qty
                if worth not in {0, self._dbn.UNDEF_PRICE}:
                    fields["multiplier"] = _plain(worth * _E9)
                if message.currency:
                    fields["quote"] = message.currency
                out[message.instrument_id] = fields
        return out

    def _pieces(self) -> Iterator[RecordArray]:
        row = 0
        for rtype, rows in self._runs(self.sources[0]):
            if rtype == _STATUS:
                yield self._status(rows)
            elif rtype in {_MBO, _TRADES}:
                yield self._deltas(rows, row)
            else:
                yield self._tops(rows, row)
            row += len(rows)

    def _base(self, rows: npt.NDArray[np.void]) -> RecordArray:
        out = np.zeros(len(rows), dtype=RECORD)
        for ours, theirs in (("ts_event_ns", "ts_event"), ("ts_recv_ns", "ts_recv")):
            unset = rows[theirs] == self._dbn.UNDEF_TIMESTAMP
            out[ours] = np.where(unset, NO_TIME, rows[theirs].astype(np.int64))
        out["instrument_id"] = np.searchsorted(self._raw_ids, rows["instrument_id"]) + 1
        out["venue_id"] = 1
        out["price_ticks"] = NO_PRICE
        out["side"] = Side.NONE
        if "sequence" in (rows.dtype.names or ()):
            out["sequence"] = rows["sequence"]
            out["flags"] = rows["flags"] & np.uint8(
                RecordFlag.LAST
                | RecordFlag.SNAPSHOT
                | RecordFlag.BAD_RECV_TIME
                | RecordFlag.GAP_BEFORE
            )
        return out

    def _ticks(self, prices: npt.NDArray[np.int64], ids: Any, row: int) -> npt.NDArray[np.int64]:
        units = np.array([int(one.tick_size / _E9) for one in self.instruments], dtype=np.int64)
        unit = units[ids - 1]
        there = prices != self._dbn.UNDEF_PRICE
        wrong = there & (prices % unit != 0)
        if wrong.any():
            at = int(np.argmax(wrong))
            self.report(
                "bad_number",
                f"row {row + at + 1}",
                f"a multiple of the tick {unit[at] * _E9}",
                str(int(prices[at]) * _E9),
                n_times=int(np.count_nonzero(wrong)),
            )
        return np.where(there & ~wrong, prices // unit, NO_PRICE)

    def _sides(self, rows: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
        side = rows["side"]
        return np.where(side == b"B", Side.BID, np.where(side == b"A", Side.ASK, Side.NONE)).astype(
            np.uint8
        )

    def _deltas(self, rows: npt.NDArray[np.void], row: int) -> RecordArray:
        out = self._base(rows)
        out["kind"] = Kind.DELTA
        for letter, action in _ACTIONS.items():
            out["action"][rows["action"] == letter] = action
        out["side"] = self._sides(rows)
        if "order_id" in (rows.dtype.names or ()):
            out["order_id"] = rows["order_id"]
        out["size_lots"] = rows["size"]
        out["price_ticks"] = self._ticks(rows["price"], out["instrument_id"], row)
        none = out["action"] == Action.NONE
        self.counts["without_action"] += int(np.count_nonzero(none))
        clear = out["action"] == Action.CLEAR
        out["price_ticks"][clear] = NO_PRICE
        out["size_lots"][clear] = 0
        kept: RecordArray = out[~none]
        return kept

    def _tops(self, rows: npt.NDArray[np.void], row: int) -> RecordArray:
        out = np.repeat(self._base(rows), 3)
        trade, bid, ask = (out[i::3] for i in (self._trade_place(), *self._quote_places()))
        trade[:] = self._deltas_of_tops(rows, row)
        for quote, name, side in ((bid, "bid", Side.BID), (ask, "ask", Side.ASK)):
            quote["kind"] = Kind.QUOTE
            quote["action"] = Action.LEVEL
            quote["side"] = side
            prices = rows[f"{name}_px_00"]
            quote["price_ticks"] = self._ticks(prices, quote["instrument_id"], row)
            quote["size_lots"] = rows[f"{name}_sz_00"]
            quote["detail"] = rows[f"{name}_ct_00"]
        first, last = np.uint8(0x7F), np.uint8(RecordFlag.LAST)
        ends = rows["flags"] & last
        out["flags"] &= first
        out[2::3]["flags"] |= ends
        keep = np.ones(len(out), dtype=bool)
        keep[self._trade_place() :: 3] = rows["action"] == b"T"
        kept: RecordArray = out[keep]
        return kept

    def _trade_place(self) -> int:
        return 2 if self.schema == "tbbo" else 0

    def _quote_places(self) -> tuple[int, int]:
        return (0, 1) if self.schema == "tbbo" else (1, 2)

    def _deltas_of_tops(self, rows: npt.NDArray[np.void], row: int) -> RecordArray:
        out = self._base(rows)
        out["kind"] = Kind.DELTA
        out["action"] = Action.TRADE
        out["side"] = self._sides(rows)
        out["size_lots"] = rows["size"]
        out["price_ticks"] = self._ticks(rows["price"], out["instrument_id"], row)
        return out

    def _status(self, rows: npt.NDArray[np.void]) -> RecordArray:
        out = self._base(rows)
        out["kind"] = Kind.STATUS
        out["flags"] = RecordFlag.LAST
        known = np.zeros(len(rows), dtype=bool)
        for code, status in _STATUSES.items():
            mine = rows["action"] == code
            out["action"][mine] = status
            known |= mine
        self.counts["status_without_trading_state"] += int(np.count_nonzero(~known))
        kept: RecordArray = out[known]
        return kept


def _plain(value: Decimal) -> Decimal:
    """Drop trailing zeros without falling into 5E+1."""
    return Decimal(format(value.normalize(), "f"))


def _whole_records(held: bytes) -> int | None:
    """Give the end of the last whole record; None if a length is 0."""
    at, size = 0, len(held)
    if not size:
        return 0
    first = held[0] * 4
    if not first:
        return None
    # Most files hold records of one length: then one look at every header is enough.
    n_whole = size // first
    lengths = np.frombuffer(held, dtype=np.uint8)[: n_whole * first : first]
    if n_whole and bool((lengths == held[0]).all()):
        at = n_whole * first
    while at < size:
        length = held[at] * 4
        if not length:
            return None
        if at + length > size:
            break
        at += length
    return at


def recognise(source: Source) -> bool:
    """Tell whether this is DBN by its magic bytes and version."""
    return source.packing != "zip" and source.head[:3] == _MAGIC and source.head[3:4] in b"\1\2\3"


def open_tape(
    sources: Sequence[Source],
    *,
    strict: bool,
    tick_size: str | None = None,
    definitions: str | Path | None = None,
) -> DbnTape:
    """Open a DBN file; ``definitions`` is a DBN file that tells tick sizes."""
    source = only_source(sources, "dbn")
    if source.packing == "folder":
        raise InputError(f"{source}: expected a file, was a folder")
    return DbnTape(source, strict=strict, tick_size=tick_size, definitions=definitions)
