"""Tapes: recorded or generated streams of records, whatever file they come from.

:func:`open_tape` recognises the format of a file (or is told) and gives a :class:`Tape`, which
yields batches of records with bounded memory. Every format is one row in :data:`CODECS`.
"""

from __future__ import annotations

import importlib
import inspect
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import numpy as np

from kimera.errors import FormatError, InputError, SequenceError
from kimera.market.source import Source
from kimera.model import NO_TIME, RECORD, Instrument, RecordArray, Venue

__all__ = ["CODECS", "Codec", "Tape", "codec_named", "open_tape", "recognise", "write_tape"]

BATCH_RECORDS: Final = 65_536
"""Records in a batch unless told otherwise (4 MiB)."""


class Codec(msgspec.Struct, frozen=True):
    """One row of the table of formats.

    Attributes
    ----------
    name : str
        What ``--format`` takes.
    module : str
        Module with ``recognise(source)``, ``open_tape(sources, strict=..., **options)`` and,
        where the format can be written, ``write_tape(tape, path)``. Imported when needed.
    summary : str
        One line on what it reads.
    writes : bool
        Whether it can be written.
    """

    name: str
    module: str
    summary: str
    writes: bool = False

    def load(self) -> Any:
        """Import the module of the codec."""
        return importlib.import_module(self.module)


CODECS: Final[tuple[Codec, ...]] = (
    Codec("lobster", "kimera.market.lobster", "LOBSTER message and orderbook CSV, or their zip"),
    Codec("dbn", "kimera.market.dbn", "Databento Binary Encoding, versions 1 to 3"),
    Codec("iex", "kimera.market.iex", "IEX DEEP 1.0 and TOPS 1.6 in pcap"),
    Codec("binance", "kimera.market.binance", "Binance streams as recorded: time, JSON"),
    Codec("exchange-ws", "kimera.market.exchange_ws", "websocket recordings of five exchanges"),
    Codec("coinbase", "kimera.market.coinbase", "Coinbase book snapshots, level 2 and 3, JSON"),
    Codec("tardis", "kimera.market.tardis", "Tardis CSV trades and quotes"),
    Codec("quotes", "kimera.market.quotes", "QuantConnect tick zips: US equities and FX"),
    Codec("parquet", "kimera.market.parquet", "records in Parquet", writes=True),
    Codec("csv", "kimera.market.csv_tape", "any CSV by a column mapping", writes=True),
    Codec("journal", "kimera.market.journal_tape", "a journal of our own", writes=True),
    Codec("itch", "kimera.market.itch", "NASDAQ ITCH 5.0"),
)
"""Every format, in the order in which they are tried."""


class Tape(ABC):
    """A stream of records with the tables that give its ids a meaning.

    Parameters
    ----------
    sources : sequence of Source
        Where it comes from.
    strict : bool
        Stop at the first anomaly (an error) instead of counting it.

    Attributes
    ----------
    format : str
        Name of the codec.
    instruments, venues : tuple
        Index is id - 1.
    notes : list of str
        What a reader should know, as where the tick size came from.
    anomalies : Counter
        Counts by name, complete after the iteration.
    counts : Counter
        Messages of the source by their type, complete after the iteration.
    """

    format: str = ""

    def __init__(self, sources: Sequence[Source], *, strict: bool) -> None:
        self.sources = tuple(sources)
        self.strict = strict
        self.instruments: tuple[Instrument, ...] = ()
        self.venues: tuple[Venue, ...] = ()
        self.notes: list[str] = []
        self.anomalies: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    @property
    def file(self) -> str:
        """The first file, as the user named it."""
        return str(self.sources[0]) if self.sources else self.format

    @abstractmethod
    def _pieces(self) -> Iterator[RecordArray]:
        """Decode from the start; pieces of any size."""

    def batches(self, n_records: int = BATCH_RECORDS) -> Iterator[RecordArray]:
        """Iterate over the records from the start.

        Parameters
        ----------
        n_records : int
            Records per batch, >= 1; only the last may hold fewer.

        Yields
        ------
        ndarray of shape (n_records,)
            dtype :data:`kimera.model.RECORD`, ``ts_recv_ns`` never decreasing.

        Raises
        ------
        FormatError
            Strict: the file is not what it should be.
        SequenceError
            Strict: receive times run backwards, or records are missing.
        """
        if n_records < 1:
            raise InputError(f"n_records must be at least 1, was {n_records}")
        self.anomalies.clear()
        self.counts.clear()
        return self._batches(n_records)

    def _batches(self, n_records: int) -> Iterator[RecordArray]:
        held: list[RecordArray] = []
        n_held, row, last = 0, 0, NO_TIME
        for piece in self._pieces():
            last = self._check_times(piece, row, last)
            row += len(piece)
            start = 0
            while n_held + len(piece) - start >= n_records:
                stop = start + n_records - n_held
                held.append(piece[start:stop])
                yield _joined(held)
                held, n_held, start = [], 0, stop
            if start < len(piece):
                held.append(piece[start:])
                n_held += len(piece) - start
        if held:
            yield _joined(held)

    def _check_times(self, piece: RecordArray, row: int, last: int) -> int:
        if not len(piece):
            return last
        times = piece["ts_recv_ns"]
        highest = np.maximum.accumulate(times)
        np.maximum(highest, last, out=highest)
        early = int(times[0] < last) + int(np.count_nonzero(times[1:] < highest[:-1]))
        if early:
            before = np.concatenate(([last], highest[:-1]))
            at = int(np.argmax(times < before))
            self.report(
                "time_backwards",
                f"record {row + at}",
                f"a receive time from {int(before[at])} ns on",
                f"{int(times[at])} ns",
                n_times=early,
                error=SequenceError,
            )
        return int(highest[-1])

    def report(
        self,
        name: str,
        where: str,
        expected: str,
        found: str,
        *,
        n_times: int = 1,
        error: type[InputError] = FormatError,
        file: str | None = None,
    ) -> None:
        """Count an anomaly; raise it in strict mode.

        Parameters
        ----------
        name : str
            Name under which it is counted.
        where, expected, found : str
            The three parts of the message.
        n_times : int
            How often it occurred.
        error : type
            What is raised in strict mode.
        file : str, optional
            File, if not the first.
        """
        self.anomalies[name] += n_times
        if self.strict:
            _stop(error, file or self.file, where, expected, found)


def _stop(error: type[InputError], file: str, where: str, expected: str, found: str) -> NoReturn:
    if issubclass(error, FormatError):
        raise error(file, where, expected, found)
    raise error(f"{file}: {where}: expected {expected}, found {found}")


def _joined(held: list[RecordArray]) -> RecordArray:
    if len(held) == 1:
        return held[0]
    out = np.empty(sum(map(len, held)), dtype=RECORD)
    np.concatenate(held, out=out)
    return out


def codec_named(name: str) -> Codec:
    """Look a format up by its name; InputError names those there are."""
    for codec in CODECS:
        if codec.name == name:
            return codec
    known = ", ".join(codec.name for codec in CODECS)
    raise InputError(f"format: expected one of {known}, was {name!r}")


def recognise(source: Source) -> Codec:
    """Find the codec whose file this is.

    Raises
    ------
    FormatError
        If no codec knows it.
    """
    for codec in CODECS:
        try:
            module = codec.load()
        except ModuleNotFoundError as error:
            if error.name == codec.module:
                continue
            raise
        if module.recognise(source):
            return codec
    known = ", ".join(codec.name for codec in CODECS)
    found = repr(source.head[:16]) if source.head else _nothing(source)
    raise FormatError(str(source), "offset 0", f"one of the formats {known}", found)


def _nothing(source: Source) -> str:
    """Say why a source has no first bytes."""
    if source.packing == "folder":
        return "a folder that is no journal"
    return "an empty file" if not source.path.stat().st_size else "nothing that can be unpacked"


def open_tape(
    path: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    strict: bool = True,
    **options: Any,
) -> Tape:
    """Open a recorded tape.

    Parameters
    ----------
    path : path or sequence of paths
        The file; or files that continue each other, where the format allows it.
    format : str, optional
        Name in :data:`CODECS`; recognised from the file if absent.
    strict : bool
        True stops at the first anomaly; False counts it in ``tape.anomalies``.
    **options
        What the codec takes beside: ``tick_size``, ``lot_size``, ``symbol``, ``orderbook`` ...

    Returns
    -------
    Tape

    Raises
    ------
    FormatError
        If no format fits, or the file is not in the format given.
    InputError
        If the file is absent, or the format or an option is not known.

    Examples
    --------
    >>> from kimera.market import open_tape
    >>> tape = open_tape("spot_btcusdt_20240808.jsonl.gz")  # doctest: +SKIP
    >>> for batch in tape.batches():  # doctest: +SKIP
    ...     print(len(batch))
    """
    paths = [path] if isinstance(path, str | Path) else list(path)
    if not paths:
        raise InputError("open_tape: expected at least one file, was none")
    sources = [Source(one) for one in paths]
    codec = codec_named(format) if format is not None else recognise(sources[0])
    for source in sources:
        if source.packing == "folder" and codec.name != "journal":
            raise InputError(f"{source}: format {codec.name}: expected a file, was a folder")
    opener = codec.load().open_tape
    _check_options(codec, opener, options)
    tape: Tape = opener(sources, strict=strict, **options)
    return tape


def _check_options(codec: Codec, opener: Any, options: dict[str, Any]) -> None:
    known = [
        name
        for name, parameter in inspect.signature(opener).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "strict"
    ]
    for name in options:
        if name not in known:
            raise InputError(
                f"format {codec.name}: option {name!r} is not known, there are: "
                f"{', '.join(known) or 'none'}"
            )


def only_source(sources: Sequence[Source], name: str) -> Source:
    """Take the one file of a format whose files do not continue each other."""
    if len(sources) != 1:
        raise InputError(f"format {name}: expected one file, were {len(sources)}")
    return sources[0]


def write_tape(tape: Tape, path: str | Path, format: str | None = None) -> int:
    """Write a tape in one of our own formats.

    Parameters
    ----------
    tape : Tape
        What to write; it is read once from the start.
    path : path
        Where to; an existing file is replaced once the new one is whole. A journal must be new.
    format : str, optional
        ``"parquet"``, ``"csv"`` or ``"journal"``; by the suffix of ``path`` if absent.

    Returns
    -------
    int
        Number of records written.

    Raises
    ------
    InputError
        If the format or the file cannot be written; what stood there before stays.
    """
    path = Path(path)
    if format is None:
        suffixes = {".parquet": "parquet", ".csv": "csv", ".journal": "journal"}
        format = suffixes.get(path.suffix)
        if format is None:
            raise InputError(f"{path}: expected one of {', '.join(suffixes)}, was {path.suffix!r}")
    codec = codec_named(format)
    if not codec.writes:
        able = ", ".join(one.name for one in CODECS if one.writes)
        raise InputError(f"format to write: expected one of {able}, was {format!r}")
    write = codec.load().write_tape
    if format == "journal":
        n_written: int = write(tape, path)
        return n_written
    target = path.resolve()
    draft = target.with_name(f".{target.name}.draft")
    try:
        n_written = write(tape, draft)
        draft.replace(target)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"{path}: cannot be written: {reason}") from error
    finally:
        if draft.exists():
            draft.unlink()
    return n_written
