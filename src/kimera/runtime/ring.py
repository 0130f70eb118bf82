"""A ring of records between threads or processes: one writer, any number of readers.

The slow lane reads what the fast lane writes through a cursor of its own: in batches, without ever
slowing it. A reader that falls too far behind is told how many records it lost.
"""

from __future__ import annotations

import numpy as np

from kimera._native import runtime as _native
from kimera._native.runtime import RingMemory, RingMode, RingRole, RingStart
from kimera.errors import InputError
from kimera.model import RECORD, RecordArray, empty_records

__all__ = ["RingMemory", "RingMode", "RingReader", "RingRole", "RingStart", "RingWriter"]


class RingWriter:
    """The one writer of a ring.

    Parameters
    ----------
    memory : RingMemory
        ``RingMemory.create(capacity, mode)`` within a process, ``create_file(path, capacity,
        mode)`` for several; ``capacity`` is a power of two [records].

    Examples
    --------
    >>> from kimera.model import empty_records
    >>> from kimera.runtime import RingMemory, RingMode, RingReader, RingWriter
    >>> memory = RingMemory.create(1024, RingMode.OVERWRITE)
    >>> writer, reader = RingWriter(memory), RingReader(memory)
    >>> writer.push(empty_records(3))
    3
    >>> records, lost = reader.read()
    >>> len(records), lost
    (3, 0)
    """

    def __init__(self, memory: RingMemory) -> None:
        self._native = _native.RingWriter(memory)

    @property
    def refused(self) -> int:
        """Pushes that found a gated ring full."""
        return self._native.refused

    def push(self, records: RecordArray) -> int:
        """Give records to the readers.

        Parameters
        ----------
        records : ndarray of shape (n_records,)
            dtype :data:`kimera.model.RECORD`; copied first if it is not aligned to 64 bytes.

        Returns
        -------
        int
            How many were taken: all, unless the ring is gated and full.
        """
        if records.dtype != RECORD:
            raise InputError(f"ring: expected records of dtype RECORD, found {records.dtype}")
        rows = np.ascontiguousarray(records).reshape(-1)
        if rows.ctypes.data % 64:
            rows = empty_records(len(records))
            rows[:] = records
        return self._native.push_bytes(rows.view(np.uint8))


class RingReader:
    """One cursor on a ring.

    Parameters
    ----------
    memory : RingMemory
    role : RingRole
        ``OBSERVER`` may be lapped and never slows the writer; ``GATE`` is the one reader that the
        writer of a gated ring waits for.
    start : RingStart
        Where an observer begins.
    batch_records : int
        Longest batch, >= 1.
    """

    def __init__(
        self,
        memory: RingMemory,
        role: RingRole = RingRole.OBSERVER,
        *,
        start: RingStart = RingStart.OLDEST,
        batch_records: int = 4096,
    ) -> None:
        self._native = _native.RingReader(memory, role, start)
        self._batch_records = batch_records

    @property
    def lost(self) -> int:
        """Records this reader was lapped by, in all."""
        return self._native.lost

    def read(self) -> tuple[RecordArray, int]:
        """Take what is there.

        Returns
        -------
        records : ndarray of shape (n_records,)
            Copies, whole and in order; empty when nothing is there.
        lost : int
            Records lost just before them.
        """
        out = empty_records(self._batch_records)
        count, lost = self._native.read_bytes(out.view(np.uint8))
        return out[:count], lost
