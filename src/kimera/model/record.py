"""The record: 64 bytes in which anything that happens is written down.

The numpy dtype is built from the offsets of the C++ struct, so the two cannot drift apart; the
enumerations are typed here and held against the native ones by a test. What each field means for
each kind is the table at the head of ``native/include/kimera/model/record.hpp`` and in
``docs/records.md``.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kimera._native import model as _native

__all__ = [
    "NO_PRICE",
    "NO_TIME",
    "RECORD",
    "Action",
    "Kind",
    "MarkAct",
    "OrderAct",
    "RecordArray",
    "RecordFlag",
    "ReportAct",
    "Side",
    "Status",
    "empty_records",
    "records_from_bytes",
]

NO_TIME: Final = -(2**63)
"""Unset time [ns]."""
NO_PRICE: Final = -(2**63)
"""Missing price [ticks]."""

_fields = _native.record_fields()
RECORD: Final[np.dtype[np.void]] = np.dtype(
    {
        "names": [name for name, _, _ in _fields],
        "formats": [form for _, form, _ in _fields],
        "offsets": [offset for _, _, offset in _fields],
        "itemsize": _native.RECORD_BYTES,
    }
)
"""dtype of a record, derived from the C++ struct."""
del _fields

RecordArray = npt.NDArray[np.void]
"""ndarray of shape (n_records,) and dtype :data:`RECORD`."""


class Kind(IntEnum):
    """What a record is about."""

    NONE = 0
    DELTA = 1
    QUOTE = 2
    STATUS = 3
    ORDER = 4
    REPORT = 5
    BLOB = 6
    MARK = 7


class Action(IntEnum):
    """What a book delta does."""

    NONE = 0
    ADD = 1
    CANCEL = 2
    MODIFY = 3
    EXECUTE = 4
    FILL = 5
    TRADE = 6
    CLEAR = 7
    LEVEL = 8


class OrderAct(IntEnum):
    """What an order request asks for."""

    NEW = 1
    CANCEL = 2
    REPLACE = 3
    TERMS = 4


class ReportAct(IntEnum):
    """What became of our order."""

    ACCEPTED = 1
    REJECTED = 2
    FILLED = 3
    CANCELLED = 4
    REPLACED = 5
    EXPIRED = 6
    CANCEL_REJECTED = 7
    DENIED = 8
    TRIGGERED = 9


class Status(IntEnum):
    """Trading state of an instrument at a venue."""

    CLOSED = 0
    PRE_OPEN = 1
    OPENING_AUCTION = 2
    TRADING = 3
    HALTED = 4
    CLOSING_AUCTION = 5


class MarkAct(IntEnum):
    """A fact a simulator knows and a venue does not print."""

    FUNDAMENTAL = 1
    LABEL_BEGIN = 2
    LABEL_END = 3


class Side(IntEnum):
    """Side of an order or level; buy is bid, sell is ask."""

    BID = 0
    ASK = 1
    NONE = 2


class RecordFlag(IntFlag):
    """Bits of ``flags``."""

    REVEALED = 0x01
    HIDDEN = 0x02
    GAP_BEFORE = 0x04
    BAD_RECV_TIME = 0x08
    MAKER = 0x10
    SNAPSHOT = 0x20
    LAST = 0x80


def empty_records(n_records: int) -> RecordArray:
    """Make zeroed records whose times and prices are unset.

    Parameters
    ----------
    n_records : int
        How many, >= 0.

    Returns
    -------
    ndarray of shape (n_records,)
        Cache-line aligned, dtype :data:`RECORD`.

    Examples
    --------
    >>> from kimera.model import empty_records, Kind
    >>> r = empty_records(2)
    >>> r["kind"] = Kind.DELTA
    >>> r.nbytes
    128
    """
    raw = np.zeros(n_records * RECORD.itemsize + 63, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    records = raw[start : start + n_records * RECORD.itemsize].view(RECORD)
    for field in ("ts_event_ns", "ts_recv_ns"):
        records[field] = NO_TIME
    records["price_ticks"] = NO_PRICE
    records["side"] = Side.NONE
    return records


def records_from_bytes(buffer: Any) -> RecordArray:
    """View a buffer as records, without a copy.

    Parameters
    ----------
    buffer : bytes-like
        Its length is a multiple of 64.

    Returns
    -------
    ndarray of shape (n_records,)

    Raises
    ------
    ValueError
        If the length is not a multiple of 64 bytes.
    """
    return np.frombuffer(buffer, dtype=RECORD)
