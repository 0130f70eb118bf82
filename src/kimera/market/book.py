"""Order books of one instrument, by order (L3) or by price (L2).

The books live in C++; Python gives them batches of records and reads levels as arrays. What each
record does to a book is the table of :mod:`kimera.model.record`; ``docs/books.md`` has the details.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from kimera._native import market as _native
from kimera.errors import BookError, InputError
from kimera.model import Action, RecordArray, Side

__all__ = ["Applied", "Book", "BookCapacity", "BookState", "Order", "replay_books"]

Levels = npt.NDArray[np.int64]
"""ndarray of shape (n_levels, 3): price [ticks], size [lots], order count; best first."""

_STATUSES: Final = tuple(_native.book_statuses())


class BookState(IntEnum):
    """What the two sides say to each other."""

    EMPTY = 0
    ONE_SIDED = 1
    NORMAL = 2
    LOCKED = 3
    CROSSED = 4
    STALE = 5


class BookCapacity(msgspec.Struct, frozen=True):
    """Bounds of a book, fixed when it is made.

    Attributes
    ----------
    max_orders : int
        Resting orders, both sides (L3), 1 to 2^29.
    max_levels : int
        Levels per side, 1 to 2^24.
    window_ticks : int
        Width of the fast price ladder [ticks]; a power of two from 64 to 131,072. Prices outside
        are kept as well, more slowly.
    """

    max_orders: int = 1 << 18
    max_levels: int = 1 << 16
    window_ticks: int = 4096


class Applied(msgspec.Struct, frozen=True):
    """What became of a batch of records.

    Attributes
    ----------
    n_applied : int
        Records that changed the book.
    n_ignored : int
        Records that are no book's business (trades, quotes, other instruments).
    n_refused : int
        Records the book could not take, or refused because it was stale.
    first_refused_row : int
        Row of the first of them, -1 if none.
    first_status : str
        Why, ``"ok"`` if none.
    """

    n_applied: int
    n_ignored: int
    n_refused: int
    first_refused_row: int
    first_status: str


class Order(msgspec.Struct, frozen=True):
    """A resting order.

    Attributes
    ----------
    order_id : int
        The venue's id.
    side : Side
        Bid or ask.
    price_ticks : int
        Limit price [ticks].
    size_lots : int
        What is left [lots].
    """

    order_id: int
    side: Side
    price_ticks: int
    size_lots: int


class Book:
    """A book of one instrument.

    Parameters
    ----------
    kind : {"l3", "l2"}
        By order, or by price.
    instrument_id : int
        Take only records of this instrument; 0 takes all.
    capacity : BookCapacity, optional
        Bounds; a full book refuses and counts.
    while_stale : {"apply", "refuse"}
        What to do with changes after a gap, until a snapshot comes.

    Raises
    ------
    InputError
        If a bound is out of its range.

    Examples
    --------
    >>> from kimera.market import Book
    >>> from kimera.model import Action, Kind, Side, empty_records
    >>> records = empty_records(2)
    >>> records["kind"], records["action"] = Kind.DELTA, Action.ADD
    >>> records["order_id"], records["side"] = [1, 2], [Side.BID, Side.ASK]
    >>> records["price_ticks"], records["size_lots"] = [99, 101], [5, 7]
    >>> book = Book("l3")
    >>> book.apply(records).n_applied
    2
    >>> book.best(Side.ASK)
    (101, 7)
    >>> book.state.name
    'NORMAL'
    """

    def __init__(
        self,
        kind: Literal["l3", "l2"] = "l3",
        *,
        instrument_id: int = 0,
        capacity: BookCapacity | None = None,
        while_stale: Literal["apply", "refuse"] = "apply",
    ) -> None:
        capacity = capacity or BookCapacity()
        if kind not in {"l3", "l2"}:
            raise InputError(f'kind: expected "l3" or "l2", was {kind!r}')
        if while_stale not in {"apply", "refuse"}:
            raise InputError(f'while_stale: expected "apply" or "refuse", was {while_stale!r}')
        make = _native.BookL3 if kind == "l3" else _native.BookL2
        self.kind = kind
        self.instrument_id = instrument_id
        try:
            self._book = make(
                max_orders=capacity.max_orders,
                max_levels=capacity.max_levels,
                window_ticks=capacity.window_ticks,
                refuse_while_stale=while_stale == "refuse",
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"{capacity}: {error}") from error

    def apply(self, records: RecordArray, *, strict: bool = True) -> Applied:
        """Apply a batch of records.

        Parameters
        ----------
        records : ndarray of shape (n_records,)
            dtype :data:`kimera.model.RECORD`.
        strict : bool
            True stops at the first record that the book cannot take; False counts it.

        Returns
        -------
        Applied

        Raises
        ------
        BookError
            Strict: names the row, the reason and the record. The rows before it are applied.
        """
        result = _applied(self._book.apply(_bytes_of(records), self.instrument_id, strict))
        _check(result, records, strict=strict)
        return result

    def levels(self, side: Side, n_levels: int = 10) -> Levels:
        """Read the best levels of a side.

        Returns
        -------
        ndarray of shape (<= n_levels, 3)
            Price [ticks], size [lots], order count (0 where the feed does not tell).
        """
        return self._book.levels(int(side), n_levels)

    def best(self, side: Side) -> tuple[int, int] | None:
        """Read the best price [ticks] and its size [lots]; None when the side is empty."""
        rows = self._book.levels(int(side), 1)
        return (int(rows[0, 0]), int(rows[0, 1])) if len(rows) else None

    def size_at(self, side: Side, price_ticks: int) -> int:
        """Read the size at a price [lots]; 0 when there is no such level."""
        return self._book.size_at(int(side), price_ticks)

    def count_at(self, side: Side, price_ticks: int) -> int:
        """Read how many orders rest at a price; 0 when there are none or the feed does not tell."""
        return self._book.count_at(int(side), price_ticks)

    def n_levels(self, side: Side) -> int:
        """Read how many levels a side has."""
        return self._book.n_levels(int(side))

    @property
    def state(self) -> BookState:
        """Empty, one-sided, normal, locked, crossed or stale."""
        return BookState(self._book.state())

    @property
    def counters(self) -> dict[str, int]:
        """How many records were ignored or refused, by reason."""
        counts: dict[str, int] = self._book.counters()
        return counts

    def clear(self) -> None:
        """Empty the book; it is then fresh."""
        self._book.clear()

    def mark_stale(self) -> None:
        """Say that records are missing: the book is stale until cleared or filled anew."""
        self._book.mark_stale()

    def order(self, order_id: int) -> Order | None:
        """Look an order up (L3); None when it does not rest."""
        found, price, size, side = self._l3().order(order_id)
        return Order(order_id, Side(side), price, size) if found else None

    def queue(self, side: Side, price_ticks: int) -> list[tuple[int, int]]:
        """Read the queue at a price (L3): (order id, size [lots]), the first to be filled first."""
        rows: list[tuple[int, int]] = self._l3().queue(int(side), price_ticks)
        return rows

    def size_ahead(self, order_id: int) -> int | None:
        """Read the lots ahead of an order in its queue (L3); None when it does not rest."""
        ahead = self._l3().size_ahead(order_id)
        return None if ahead < 0 else ahead

    @property
    def n_orders(self) -> int:
        """How many orders rest (L3)."""
        return self._l3().n_orders()

    def _l3(self) -> _native.BookL3:
        if not isinstance(self._book, _native.BookL3):
            raise InputError("orders: expected a book of kind l3, was l2")
        return self._book


def replay_books(
    records: RecordArray,
    n_levels: int,
    *,
    book: Book | None = None,
    strict: bool = True,
) -> npt.NDArray[np.int64]:
    """Write down the best levels after each record.

    Parameters
    ----------
    records : ndarray of shape (n_records,)
        dtype :data:`kimera.model.RECORD`, of one instrument.
    n_levels : int
        Levels per side, >= 1.
    book : Book, optional
        Goes on from its present content; a fresh L3 book if absent.
    strict : bool
        Stop at the first record that the book cannot take.

    Returns
    -------
    ndarray of shape (n_records, 4 * n_levels)
        Per level, best first: ask price [ticks], ask size [lots], bid price, bid size. A missing
        level has price :data:`kimera.model.NO_PRICE` and size 0.

    Raises
    ------
    BookError
        Strict: a record does not fit.
    """
    if n_levels < 1:
        raise InputError(f"n_levels: expected at least 1, was {n_levels}")
    book = book or Book("l3")
    rows = np.empty((len(records), 4 * n_levels), dtype=np.int64)
    result = _applied(book._book.replay_rows(_bytes_of(records), n_levels, rows, strict))
    _check(result, records, strict=strict)
    return rows


def _bytes_of(records: RecordArray) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(records).view(np.uint8).reshape(-1)


def _applied(result: tuple[int, int, int, int, int]) -> Applied:
    n_applied, n_ignored, n_refused, row, status = result
    return Applied(n_applied, n_ignored, n_refused, row, _STATUSES[status])


def _check(result: Applied, records: RecordArray, *, strict: bool) -> None:
    if not strict or result.first_status in {"ok", "stale"}:
        return
    row = result.first_refused_row
    r = records[row]
    names = {a.value: a.name.lower() for a in Action}
    action = names.get(int(r["action"]), f"action {int(r['action'])}")
    reason = result.first_status.replace("_", " ")
    raise BookError(
        f"row {row}: {reason}: {action} of order {int(r['order_id'])}, "
        f"price {int(r['price_ticks'])} ticks, size {int(r['size_lots'])} lots"
    )
