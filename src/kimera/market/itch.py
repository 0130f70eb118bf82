"""NASDAQ TotalView-ITCH 5.0 in BinaryFILE framing: full books, best-price rows, and a tape.

Prices are in 1/10,000 dollar and times in ns since New York midnight, as on the wire; the tape
turns them into ticks of 0.0001 USD and ns since the Unix epoch. The session's date is read from
the file's name (``12302019.NASDAQ_ITCH50``, ``S010219-v50.txt`` or ``20190730.BX_ITCH_50``) unless
it is given; without one, times count from 1970-01-01 00:00 UTC, and the tape's notes say so.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from kimera._native import market as _native
from kimera.errors import FormatError, InputError
from kimera.market.source import Source
from kimera.market.tape import Tape, only_source
from kimera.model import Instrument, RecordArray, Side, Venue, empty_records

__all__ = [
    "BBO",
    "BookBounds",
    "ItchBooks",
    "ItchTape",
    "decode",
    "open_itch",
    "open_tape",
    "recognise",
]

BBO: Final[np.dtype[np.void]] = np.dtype(
    [
        ("ts_event_ns", "<i8"),
        ("sequence", "<u8"),
        ("bid_shares", "<u8"),
        ("ask_shares", "<u8"),
        ("bid_price_e4", "<u4"),
        ("ask_price_e4", "<u4"),
        ("bid_orders", "<u4"),
        ("ask_orders", "<u4"),
        ("locate", "<u4"),
        ("spare", "<u4"),
    ]
)
"""dtype of a best-price row: state after a message that changed a best price or its size. Prices
in 1/10,000 dollar, 0 where the side is empty; ``sequence`` is the message's number, from 1."""

_CHUNK_BYTES: Final = 8 << 20
_SMALLEST_FRAME: Final = 14
_LARGEST_FRAME: Final = 2 + 65_535
_TYPES: Final = tuple(_native.itch_lengths())
_STATUSES: Final = tuple(_native.book_statuses())
_OK, _TRUNCATED, _WRONG_LENGTH, _UNKNOWN_TYPE, _BAD_FRAME, _BAD_ORDER = range(6)


class BookBounds(msgspec.Struct, frozen=True):
    """Bounds of market-wide books, fixed when they are made; full is a counted refusal.

    Attributes
    ----------
    max_orders : int
        Orders resting at once, all stocks; 1 to 16,777,215. 28 bytes each, and 8 to 16 of index.
    max_symbols : int
        Greatest stock locate + 1; 2 to 65,536.
    max_far_levels : int
        Price levels farther from the touch than 256 ticks, all stocks.
    """

    max_orders: int = 1 << 22
    max_symbols: int = 1 << 16
    max_far_levels: int = 1 << 20


class _Frames:
    """The bytes of a source in pieces that begin with a frame; what was not taken comes again."""

    def __init__(self, source: Source) -> None:
        self._chunks = source.chunks(_CHUNK_BYTES)
        self._room = np.empty(_CHUNK_BYTES + _LARGEST_FRAME, dtype=np.uint8)
        self._n_left = 0

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        for chunk in self._chunks:
            piece = np.frombuffer(chunk, dtype=np.uint8)
            if self._n_left:
                n = self._n_left + len(piece)
                self._room[self._n_left : n] = piece
                piece = self._room[:n]
            self._n_left = len(piece)
            yield piece

    def took(self, piece: npt.NDArray[np.uint8], n_bytes: int) -> None:
        """Keep what was not taken of `piece` for the next one."""
        self._n_left = len(piece) - n_bytes
        if self._n_left > _LARGEST_FRAME:
            raise AssertionError(f"{self._n_left} bytes left of a piece, at most {_LARGEST_FRAME}")
        self._room[: self._n_left] = piece[n_bytes:].copy()

    @property
    def n_left(self) -> int:
        """Bytes of a message cut off by the end."""
        return self._n_left


class ItchBooks:
    """The full books of every stock of an ITCH file, with the queue of orders at each price.

    Parameters
    ----------
    path : path
        BinaryFILE, plain or packed.
    strict : bool
        True stops at the first message that is wrong; False counts it and goes on behind it.
    session_date : datetime.date, optional
        Read from the file's name if absent.
    bounds : BookBounds, optional
        Capacity.

    Examples
    --------
    >>> from kimera.market.itch import ItchBooks
    >>> books = ItchBooks("12302019.NASDAQ_ITCH50.gz")  # doctest: +SKIP
    >>> books.build().counters["messages"]  # doctest: +SKIP
    268744780
    >>> books.levels(13, Side.BID, 5)  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | Path,
        *,
        strict: bool = True,
        session_date: dt.date | None = None,
        bounds: BookBounds | None = None,
    ) -> None:
        bounds = bounds or BookBounds()
        self.source = Source(path)
        self.strict = strict
        date = session_date or date_in_name(self.source.name)
        try:
            self._feed = _native.ItchFeed(
                max_orders=bounds.max_orders,
                max_symbols=bounds.max_symbols,
                max_far_levels=bounds.max_far_levels,
                strict=strict,
                midnight_ns=midnight_ns(date) if date else 0,
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"{bounds}: {error}") from error
        self._frames = _Frames(self.source)

    def build(self) -> ItchBooks:
        """Read the file to its end; afterwards the books are as the last message left them.

        Raises
        ------
        FormatError
            Strict: a frame is not a message of ITCH 5.0, a message does not fit its book, or the
            file ends within a message.
        """
        for piece in self._frames:
            self._frames.took(piece, self._feed.consume(piece))
            self._stop_on_trouble()
        self._check_end()
        return self

    def bbo(self, n_rows: int = 1_000_000) -> Iterator[npt.NDArray[np.void]]:
        """Build the books and give every change of a best price or its size.

        Parameters
        ----------
        n_rows : int
            Rows a batch has at least, but for the last.

        Yields
        ------
        ndarray of shape (>= n_rows,)
            dtype :data:`BBO`, in the order of the messages.
        """
        if n_rows < 1:
            raise InputError(f"n_rows: expected at least 1, was {n_rows}")
        room = n_rows + (_CHUNK_BYTES + _LARGEST_FRAME) // _SMALLEST_FRAME + 1
        rows, n = np.empty(room, dtype=BBO), 0
        for piece in self._frames:
            used, n = self._feed.consume_bbo(piece, rows.view(np.uint8), n)
            self._frames.took(piece, used)
            if self._feed.trouble()[0] != _OK:
                yield rows[:n]
                self._stop_on_trouble()
            if n >= n_rows:
                yield rows[:n]
                rows, n = np.empty(room, dtype=BBO), 0
        yield rows[:n]
        self._check_end()

    @property
    def counters(self) -> dict[str, int]:
        """Messages taken, and what was wrong with others, by reason."""
        counts: dict[str, int] = self._feed.counters()
        return counts

    @property
    def n_orders(self) -> int:
        """Orders resting, all stocks."""
        return self._feed.n_orders()

    def levels(self, locate: int, side: Side, n_levels: int = 10) -> npt.NDArray[np.int64]:
        """Read the best levels of a stock.

        Returns
        -------
        ndarray of shape (<= n_levels, 3)
            Price [1/10,000 dollar], shares, order count.
        """
        return self._feed.levels(locate, int(side), n_levels)

    def queue(self, locate: int, side: Side, price_e4: int) -> list[tuple[int, int]]:
        """Read the queue at a price: (order reference, shares), the first to be filled first."""
        rows: list[tuple[int, int]] = self._feed.queue(locate, int(side), price_e4)
        return rows

    def summary(self) -> npt.NDArray[np.int64]:
        """Read all stocks that have an order.

        Returns
        -------
        ndarray of shape (n_stocks, 10)
            locate, orders; of the bids levels, best price [1/10,000 dollar], shares and orders
            there; the same of the asks.
        """
        return self._feed.summary()

    def _stop_on_trouble(self) -> None:
        _stop_on_trouble(str(self.source), self._feed.trouble())

    def _check_end(self) -> None:
        if self._frames.n_left and self.strict:
            _cut_off(str(self.source), self._feed.offset(), self._frames.n_left)


class ItchTape(Tape):
    """An ITCH file as records.

    Parameters
    ----------
    source : Source
        The file.
    strict : bool
        Stop at the first anomaly instead of counting it.
    session_date : datetime.date, optional
        Read from the file's name if absent.
    max_orders : int
        Orders resting at once, all stocks.
    """

    format = "itch"

    def __init__(
        self,
        source: Source,
        *,
        strict: bool,
        session_date: dt.date | None = None,
        max_orders: int = 1 << 22,
    ) -> None:
        super().__init__([source], strict=strict)
        self.session_date = session_date or date_in_name(source.name)
        self._max_orders = max_orders
        self.venues = (Venue(1, "NASDAQ"),)
        if self.session_date is None:
            self.notes.append("no session date in the file's name: times count from 1970-01-01")
        self.notes.append("ITCH has the venue's clock only: ts_recv_ns repeats it")
        for _ in self._decode(until_listed=True):
            pass
        self.anomalies.clear()
        self.counts.clear()

    def _pieces(self) -> Iterator[RecordArray]:
        return self._decode(until_listed=False)

    def _decode(self, *, until_listed: bool) -> Iterator[RecordArray]:
        """Decode the file, or only its beginning up to the end of the stock directory."""
        midnight = midnight_ns(self.session_date) if self.session_date else 0
        # The first pass is lenient: what is wrong is told when the records are read.
        strict = self.strict and not until_listed
        recorder = _native.ItchRecorder(midnight, self._max_orders, strict)
        frames = _Frames(self.sources[0])
        for piece in frames:
            done = 0
            while True:
                room = empty_records(1 << 16)
                used, n = recorder.decode(piece[done:], room.view(np.uint8))
                done += used
                if n:
                    yield room[:n]
                if until_listed and (room["kind"][:n] == 1).any():
                    self._list(recorder)
                    return
                if n < len(room) - 1:
                    break
            frames.took(piece, done)
            _stop_on_trouble(self.file, recorder.trouble())
            if not until_listed:
                self._count_types(piece[:done])
        self._list(recorder)
        if not until_listed:
            self._finish(recorder, frames)

    def _count_types(self, piece: npt.NDArray[np.uint8]) -> None:
        for value, count in enumerate(_native.itch_count_types(piece)):
            if count:
                self.counts[chr(value)] += count

    def _list(self, recorder: _native.ItchRecorder) -> None:
        try:
            listings = recorder.listings()
        except UnicodeDecodeError as error:
            expected, found = "symbols in ASCII", str(error)
            raise FormatError(self.file, "stock directory", expected, found) from error
        self.instruments = tuple(
            Instrument(
                instrument_id=index,
                symbol=symbol,
                venue_id=1,
                tick_size=Decimal("0.0001"),
                lot_size=Decimal(1),
                quote="USD",
            )
            for index, (_, symbol, _) in enumerate(listings, 1)
        )

    def _finish(self, recorder: _native.ItchRecorder, frames: _Frames) -> None:
        skipped = {"messages", "sessions_ended"}
        for name, count in recorder.counters().items():
            if count and name not in skipped:
                self.anomalies[name] += count
        if recorder.times_back():
            self.anomalies["event_time_backwards"] += recorder.times_back()
        if frames.n_left:
            self.report(
                "truncated",
                f"offset {recorder.offset()}",
                "a whole message",
                f"{frames.n_left} bytes",
            )


def recognise(source: Source) -> bool:
    """Tell whether the file begins with frames of ITCH 5.0."""
    if source.packing not in {"plain", "gzip", "zstd"}:
        return False
    head, offset = source.head, 0
    for _ in range(8):
        if offset + 3 > len(head):
            break
        n_bytes = int.from_bytes(head[offset : offset + 2], "big")
        if n_bytes == 0 or _TYPES[head[offset + 2]] != n_bytes:
            return False
        offset += 2 + n_bytes
    return offset > 0


def open_tape(
    sources: Sequence[Source],
    *,
    strict: bool,
    session_date: str | dt.date | None = None,
    max_orders: int = 1 << 22,
) -> ItchTape:
    """Open an ITCH file as a tape; ``session_date`` as ``"2019-12-30"``."""
    if isinstance(session_date, str):
        try:
            session_date = dt.date.fromisoformat(session_date)
        except ValueError as error:
            raise InputError(f"session_date: expected YYYY-MM-DD, was {session_date!r}") from error
    source = only_source(sources, "itch")
    return ItchTape(source, strict=strict, session_date=session_date, max_orders=max_orders)


def open_itch(path: str | Path, *, strict: bool = True, **options: Any) -> ItchTape:
    """Open an ITCH file as a tape; the options are those of :func:`open_tape`."""
    return open_tape([Source(path)], strict=strict, **options)


def decode(
    path: str | Path, *, n_records: int = 65_536, strict: bool = True, **options: Any
) -> Iterator[RecordArray]:
    """Decode an ITCH file to batches of records: ``open_itch(path).batches(n_records)``."""
    return open_itch(path, strict=strict, **options).batches(n_records)


def date_in_name(name: str) -> dt.date | None:
    """Find the session date in a file name as NASDAQ gives them; None when there is none."""
    orders: tuple[tuple[str, Literal["mdy8", "ymd8", "mdy6"]], ...] = (
        (r"(?<!\d)((?:0[1-9]|1[0-2])\d{2}20\d{2})(?!\d)", "mdy8"),
        (r"(?<!\d)(20\d{6})(?!\d)", "ymd8"),
        (r"(?<!\d)((?:0[1-9]|1[0-2])\d{4})(?!\d)", "mdy6"),
    )
    formats = {"mdy8": "%m%d%Y", "ymd8": "%Y%m%d", "mdy6": "%m%d%y"}
    for pattern, order in orders:
        if found := re.search(pattern, name):
            try:
                parsed = dt.datetime.strptime(found[1], formats[order])  # noqa: DTZ007
            except ValueError:
                continue
            return parsed.date()
    return None


def midnight_ns(date: dt.date) -> int:
    """Convert New York midnight of a date to ns since the Unix epoch.

    The rule is that of the Energy Policy Act of 2005 (in force since 2007; ITCH 5.0 is of 2014):
    summer time from the second Sunday of March to the first of November, at 02:00.
    """
    march = dt.date(date.year, 3, 8)
    november = dt.date(date.year, 11, 1)
    begins = march + dt.timedelta(days=6 - march.weekday())
    ends = november + dt.timedelta(days=6 - november.weekday())
    behind_hours = 4 if begins < date <= ends else 5
    days = (date - dt.date(1970, 1, 1)).days
    return (days * 24 + behind_hours) * 3_600_000_000_000


def _stop_on_trouble(file: str, trouble: tuple[int, int, int, int, int]) -> None:
    status, offset, sequence, expected, found = trouble
    if status == _OK:
        return
    where = f"offset {offset} (message {sequence})"
    if status == _UNKNOWN_TYPE:
        raise FormatError(file, where, "a message type of ITCH 5.0", repr(chr(found)))
    if status == _WRONG_LENGTH:
        raise FormatError(file, where, f"{expected} bytes", f"{found}")
    reason = _STATUSES[found].replace("_", " ")
    raise FormatError(file, where, "a message its book can take", reason)


def _cut_off(file: str, offset: int, n_left: int) -> None:
    raise FormatError(file, f"offset {offset}", "a whole message", f"{n_left} bytes, then the end")


assert BBO.itemsize == _native.ITCH_BBO_ROW_BYTES
