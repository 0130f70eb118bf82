"""The journal: every record that ever happened, append-only, in memory-mapped segment files.

One writer, any number of readers in any number of processes. What is on disk, and how to verify it
without this code, is said in ``docs/journal.md``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Annotated, Any, Self

import msgspec
import numpy as np

from kimera._native import runtime as _native
from kimera._native.runtime import (
    JournalFinding,
    JournalSegment,
    JournalVerdict,
    Sync,
    Upkeep,
)
from kimera.errors import InputError, JournalError
from kimera.model import NO_TIME, RECORD, RecordArray, empty_records

__all__ = [
    "Journal",
    "JournalConfig",
    "JournalFinding",
    "JournalSegment",
    "JournalVerdict",
    "Sync",
    "Upkeep",
    "verify_journal",
]

Whole = Annotated[int, msgspec.Meta(ge=0)]
BATCH_RECORDS = 65_536


class JournalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a journal and how it is kept.

    Attributes
    ----------
    records_per_segment : int
        Records in one file; a multiple of ``records_per_block``. A file takes 68 bytes per record.
    records_per_block : int
        Records under one link of the hash chain; the digest depends on it.
    max_bytes : int
        Of all segment files; the append that would pass it raises ``JournalFullError``.
    sync : Sync
        ``NONE``: safe against the death of the process. ``INTERVAL``: to the disk every
        ``sync_interval_ns``. ``EVERY_APPEND``: to the disk before an append returns.
    sync_interval_ns : int
        [ns]
    upkeep : Upkeep
        ``BACKGROUND``: hashing, preparing files and syncing on a thread of the writer.
        ``INLINE``: by the appending thread at the end of each block.
    retain_segments, retain_bytes, retain_ns : int
        The oldest full segments are deleted while a bound is passed; 0 is no bound. Age is counted
        in ``ts_recv_ns`` of the records.
    """

    records_per_segment: Annotated[int, msgspec.Meta(ge=1, le=2**32)] = 2**18
    records_per_block: Annotated[int, msgspec.Meta(ge=1, le=2**24)] = 4096
    max_bytes: Annotated[int, msgspec.Meta(ge=1)] = 64 * 2**30
    sync: Sync = Sync.NONE
    sync_interval_ns: Whole = 100_000_000
    upkeep: Upkeep = Upkeep.BACKGROUND
    retain_segments: Whole = 0
    retain_bytes: Whole = 0
    retain_ns: Whole = 0


class Journal:
    """A journal in a folder, to read (:meth:`open`) or also to append to.

    Use :meth:`create`, :meth:`resume` or :meth:`open`; each is a context manager.

    Examples
    --------
    >>> import tempfile
    >>> from kimera.model import empty_records
    >>> from kimera.runtime import Journal
    >>> folder = tempfile.mkdtemp() + "/journal"
    >>> with Journal.create(folder, metadata={"seed": 7}) as journal:
    ...     journal.append(empty_records(3))
    ...     len(journal)
    3
    >>> journal = Journal.open(folder)
    >>> journal.metadata["seed"], [len(batch) for batch in journal.records()]
    (7, [3])
    >>> journal.verify().findings
    []
    """

    def __init__(self, path: str, writer: _native.JournalWriter | None) -> None:
        self._path = path
        self._writer = writer
        self._reader = _native.JournalReader(path)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        metadata: Mapping[str, Any] | None = None,
        config: JournalConfig | None = None,
    ) -> Self:
        """Make a new journal.

        Parameters
        ----------
        path : path-like
            A folder; made if absent. It must hold no journal.
        metadata : mapping, optional
            What a reader must know (instruments, venues, configuration, seed): anything msgspec
            encodes as a JSON object. Kept in ``metadata.json`` and bound into the hash chain, so
            it belongs to the digest.
        config : JournalConfig, optional

        Raises
        ------
        InputError
            If there is a journal already.
        JournalFullError
            If the disk has no room for the first segment.
        JournalError
            If the folder cannot be written, or another writer has it.
        """
        text = msgspec.json.encode(dict(metadata or {}), order="deterministic").decode()
        options = _native_options(config, text)
        folder = os.fspath(path)
        return cls(folder, _native.JournalWriter.create(folder, options))

    @classmethod
    def resume(cls, path: str | os.PathLike[str], *, config: JournalConfig | None = None) -> Self:
        """Go on with a journal, also after a crash: what was acknowledged is there.

        A record that was not wholly written at the end is cut (:attr:`cut` counts those that had
        been acknowledged: none after the death of a process). Block and segment size are those
        that the journal was made with.

        Raises
        ------
        JournalCorruptError
            If something before the end does not match its checksum.
        InputError
            If there is no journal.
        JournalError
            If the folder cannot be written, or another writer has it.
        """
        folder = os.fspath(path)
        options = _native_options(config)
        return cls(folder, _native.JournalWriter.resume(folder, options))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Read a journal; also one that another process is writing.

        Raises
        ------
        InputError
            If there is no journal.
        JournalCorruptError
            If a file is not what it must be.
        """
        return cls(os.fspath(path), None)

    @property
    def path(self) -> str:
        """The folder."""
        return self._path

    @property
    def metadata(self) -> dict[str, Any]:
        """What the journal was made with."""
        decoded: dict[str, Any] = msgspec.json.decode(self._reader.metadata)
        return decoded

    @property
    def first(self) -> int:
        """Index of the first record that retention has left."""
        return self._reader.first

    @property
    def cut(self) -> int:
        """Acknowledged records that a torn tail had lost when the journal was resumed."""
        return self._writer.cut if self._writer else 0

    def __len__(self) -> int:
        """Index after the last acknowledged record, those deleted by retention counted."""
        return self._reader.refresh()

    def append(self, records: RecordArray) -> None:
        """Append records; when this returns they are acknowledged.

        Parameters
        ----------
        records : ndarray of shape (n_records,)
            dtype :data:`kimera.model.RECORD`.

        Raises
        ------
        JournalFullError
            If the disk or a bound is full: what fits is appended, the journal stays readable.
        InputError
            If the dtype is another.
        """
        if records.dtype != RECORD:
            raise InputError(f"journal: expected records of dtype RECORD, found {records.dtype}")
        self._writing().append_bytes(np.ascontiguousarray(records).reshape(-1).view(np.uint8))

    def append_blob(
        self, kind: int, payload: bytes, *, ts_event_ns: int = NO_TIME, ts_recv_ns: int = NO_TIME
    ) -> int:
        """Append a payload longer than a record.

        It becomes a header row and a row for every 44 bytes, all of ``Kind.BLOB``.

        Parameters
        ----------
        kind : int
            What it is, 0 .. 2**32 - 1; stands in ``detail`` of the header row.
        payload : bytes
        ts_event_ns, ts_recv_ns : int, optional
            Times [ns] that all of its rows carry.

        Returns
        -------
        int
            Index of the header row, for :meth:`read_blob` and for records that refer to it.
        """
        return self._writing().append_blob(kind, payload, ts_event_ns, ts_recv_ns)

    def read_blob(self, header: int) -> bytes:
        """Give the payload whose header row stands at this index; InputError if none does."""
        self._reader.refresh()
        return self._reader.read_blob(header)

    def records(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        n_records: int = BATCH_RECORDS,
    ) -> Iterator[RecordArray]:
        """Iterate over batches of records, without a copy.

        Parameters
        ----------
        start, stop : int, optional
            Indices in the journal; by default all that is there.
        n_records : int
            Longest batch; one that reaches the end of a segment is shorter.

        Yields
        ------
        ndarray of shape (n,)
            A read-only view of the mapped file; it keeps the mapping alive by itself.

        Raises
        ------
        InputError
            If ``start`` was deleted by retention.
        """
        end = self._reader.refresh()
        at = self._reader.first if start is None else start
        stop = end if stop is None else min(stop, end)
        while at < stop:
            raw = self._reader.view_bytes(at, min(at + n_records, stop))
            batch: RecordArray = raw.view(RECORD)
            yield batch
            at += len(batch)

    def tail(self, n_records: int) -> RecordArray:
        """Give the last records, at most this many; a copy if they lie in two segments."""
        end = self._reader.refresh()
        batches = list(self.records(max(end - n_records, self._reader.first), end))
        if len(batches) == 1:
            return batches[0]
        return np.concatenate(batches) if batches else empty_records(0)

    def seek(self, ts_recv_ns: int) -> int:
        """Find the first record received at or after a time [ns]; ``len`` if there is none.

        By the time index: logarithmic in the number of blocks, then one block.
        """
        self._reader.refresh()
        return self._reader.seek(ts_recv_ns)

    def segments(self) -> list[JournalSegment]:
        """List the files with what they hold."""
        self._reader.refresh()
        return self._reader.segments()

    def digest(self) -> str:
        """Give the head of the hash chain over all acknowledged records, 64 hex digits.

        The same records, metadata and block size give the same digest, in whatever segments, on
        whatever day.
        """
        if self._writer:
            return self._writer.digest()
        self._reader.refresh()
        return self._reader.digest()

    def verify(self) -> JournalVerdict:
        """Recompute every checksum and the whole chain; each difference is a finding."""
        return verify_journal(self._path)

    def sync(self) -> None:
        """Bring everything acknowledged to the disk, now."""
        self._writing().sync()

    def close(self) -> None:
        """Seal the journal and release the lock; reading goes on to work."""
        if self._writer:
            self._writer.close()

    @property
    def writer(self) -> _native.JournalWriter:
        """The native writer, for native code that appends; JournalError when opened to read."""
        return self._writing()

    def _writing(self) -> _native.JournalWriter:
        if self._writer is None:
            raise JournalError(f"{self._path}: opened to read; use Journal.resume to append")
        return self._writer

    def __enter__(self) -> Self:
        """Enter the context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal."""
        self.close()


def verify_journal(path: str | os.PathLike[str]) -> JournalVerdict:
    """Verify a journal without opening it, so that a damaged one is described, not refused.

    Parameters
    ----------
    path : path-like
        Folder of the journal.

    Returns
    -------
    JournalVerdict
        ``findings`` (``file``, ``offset``, ``block``, ``record``, ``what``), ``records``,
        ``blocks`` and the ``digest`` recomputed from the records.

    Raises
    ------
    InputError
        If there is no journal at all.
    """
    return _native.verify_journal(os.fspath(path))


def _native_options(config: JournalConfig | None, metadata: str = "{}") -> _native.JournalOptions:
    config = config or JournalConfig()
    retention = _native.Retention()
    retention.max_segments = config.retain_segments
    retention.max_bytes = config.retain_bytes
    retention.max_age_ns = config.retain_ns
    options = _native.JournalOptions()
    options.records_per_segment = config.records_per_segment
    options.records_per_block = config.records_per_block
    options.max_bytes = config.max_bytes
    options.sync = config.sync
    options.sync_interval_ns = config.sync_interval_ns
    options.upkeep = config.upkeep
    options.retention = retention
    options.metadata = metadata
    return options
