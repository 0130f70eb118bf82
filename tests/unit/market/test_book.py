from collections import OrderedDict
from typing import Literal

import numpy as np
import pytest

from kimera.errors import BookError, InputError
from kimera.market import Book, BookCapacity, BookState, replay_books
from kimera.model import NO_PRICE, Action, Kind, RecordArray, RecordFlag, Side, empty_records

Event = tuple[Action, Side, int, int, int]


def deltas(events: list[Event], flags: int = 0) -> RecordArray:
    records = empty_records(len(events))
    records["kind"] = Kind.DELTA
    for name, column in zip(
        ("action", "side", "order_id", "price_ticks", "size_lots"),
        zip(*events, strict=True),
        strict=True,
    ):
        records[name] = column
    records["flags"] = flags
    return records


class PlainBook:
    """The oracle: price -> queue of (id -> size), and nothing clever."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, OrderedDict[int, int]], ...] = ({}, {})
        self.where: dict[int, tuple[int, int]] = {}

    def add(self, side: int, order_id: int, price: int, size: int) -> None:
        self.sides[side].setdefault(price, OrderedDict())[order_id] = size
        self.where[order_id] = (side, price)

    def drop(self, order_id: int) -> None:
        side, price = self.where.pop(order_id)
        del self.sides[side][price][order_id]
        if not self.sides[side][price]:
            del self.sides[side][price]

    def size(self, order_id: int) -> int:
        side, price = self.where[order_id]
        return self.sides[side][price][order_id]

    def take(self, order_id: int, size: int) -> None:
        side, price = self.where[order_id]
        self.sides[side][price][order_id] -= size
        if not self.sides[side][price][order_id]:
            self.drop(order_id)

    def modify(self, order_id: int, price: int, size: int) -> None:
        side, old_price = self.where[order_id]
        if price == old_price and size <= self.size(order_id):
            self.sides[side][price][order_id] = size
        else:
            self.drop(order_id)
            self.add(side, order_id, price, size)

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        prices = sorted(self.sides[side], reverse=side == 0)
        return [(p, sum(self.sides[side][p].values()), len(self.sides[side][p])) for p in prices]


def random_day(seed: int, n_events: int, n_live: int) -> tuple[list[Event], PlainBook]:
    """A legal stream around a wandering price, and the book it ends in."""
    chance = np.random.default_rng(seed)
    book, events = PlainBook(), list[Event]()
    live: list[int] = []
    centre, next_id = 10_000.0, 1
    for _ in range(n_events):
        centre += chance.normal() * 2
        kind = chance.random()
        if not live or (kind < 0.5 and len(live) < 2 * n_live):
            side = int(chance.integers(2))
            away = int(chance.exponential(30)) + (20_000 if chance.random() < 0.02 else 0)
            price = int(centre) - away - 1 if side == 0 else int(centre) + away + 1
            size = int(chance.integers(1, 500))
            book.add(side, next_id, price, size)
            events.append((Action.ADD, Side(side), next_id, price, size))
            live.append(next_id)
            next_id += 1
        else:
            i = int(chance.integers(len(live)))
            order_id = live[i]
            side, price = book.where[order_id]
            size = book.size(order_id)
            if kind < 0.7:
                book.drop(order_id)
                events.append((Action.CANCEL, Side(side), order_id, NO_PRICE, 0))
            elif kind < 0.8:
                part = int(chance.integers(1, size + 1))
                book.take(order_id, part)
                events.append((Action.CANCEL, Side(side), order_id, NO_PRICE, part))
            elif kind < 0.9:
                part = int(chance.integers(1, size + 1))
                book.take(order_id, part)
                events.append((Action.EXECUTE, Side(side), order_id, price, part))
            else:
                price += int(chance.integers(-2, 3))
                size = int(chance.integers(1, 500))
                book.modify(order_id, price, size)
                events.append((Action.MODIFY, Side(side), order_id, price, size))
            if order_id not in book.where:
                live[i] = live[-1]
                live.pop()
    return events, book


@pytest.mark.parametrize(("seed", "window"), [(1, 64), (2, 4096), (3, 131_072)])
def test_l3_book_over_a_random_day_ends_as_the_plain_book(seed: int, window: int) -> None:
    events, plain = random_day(seed, 20_000, 400)
    book = Book("l3", capacity=BookCapacity(max_orders=1000, window_ticks=window))
    assert book.apply(deltas(events)).n_applied == len(events)
    for side in Side.BID, Side.ASK:
        expected = plain.levels(side)
        assert book.levels(side, 10_000).tolist() == [list(level) for level in expected]
        for price, _, _ in expected:
            assert book.queue(side, price) == list(plain.sides[side][price].items())
    assert book.n_orders == len(plain.where)


def test_replay_books_writes_the_levels_after_each_record() -> None:
    events, _ = random_day(4, 2_000, 50)
    rows = replay_books(deltas(events), 3)
    plain = PlainBook()
    for (action, side, order_id, price, size), row in zip(events, rows, strict=True):
        if action == Action.ADD:
            plain.add(side, order_id, price, size)
        elif action == Action.MODIFY:
            plain.modify(order_id, price, size)
        elif size == 0:
            plain.drop(order_id)
        else:
            plain.take(order_id, size)
        missing = [(NO_PRICE, 0, 0)] * 3
        asks, bids = ((plain.levels(s) + missing)[:3] for s in (1, 0))
        expected = [v for a, b in zip(asks, bids, strict=True) for v in (a[0], a[1], b[0], b[1])]
        assert row.tolist() == expected


def test_l2_book_takes_levels_and_gives_them_back() -> None:
    book = Book("l2")
    records = deltas(
        [
            (Action.LEVEL, Side.BID, 0, 99, 5),
            (Action.LEVEL, Side.BID, 0, 98, 7),
            (Action.LEVEL, Side.ASK, 0, 99, 1),
            (Action.LEVEL, Side.BID, 0, 98, 0),
            (Action.LEVEL, Side.BID, 0, 50, 0),
        ]
    )
    records["detail"] = [2, 3, 1, 0, 0]
    assert book.apply(records).n_applied == 5
    assert book.levels(Side.BID).tolist() == [[99, 5, 2]]
    assert book.best(Side.ASK) == (99, 1)
    assert book.state is BookState.LOCKED
    assert book.count_at(Side.BID, 99) == 2
    with pytest.raises(InputError, match="kind l3, was l2"):
        book.order(1)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ((Action.CANCEL, Side.BID, 9, NO_PRICE, 0), "unknown order: cancel of order 9"),
        ((Action.ADD, Side.ASK, 1, 100, 5), "duplicate order: add of order 1"),
        ((Action.ADD, Side.ASK, 2, 100, -5), "bad size"),
        ((Action.ADD, Side.ASK, 2, 100, 0), "bad size"),
        ((Action.ADD, Side.NONE, 2, 100, 5), "bad side"),
        ((Action.ADD, Side.BID, 2, NO_PRICE, 5), "off range"),
        ((Action.EXECUTE, Side.BID, 1, 99, 6), "over size: execute of order 1"),
        ((Action.NONE, Side.BID, 1, 99, 6), "not supported"),
    ],
)
def test_apply_strict_on_a_bad_record_names_row_and_reason(event: Event, reason: str) -> None:
    book = Book("l3")
    good: Event = (Action.ADD, Side.BID, 1, 99, 5)
    later: Event = (Action.ADD, Side.BID, 3, 98, 5)
    with pytest.raises(BookError, match=f"row 1: {reason}"):
        book.apply(deltas([good, event, later]))
    assert book.n_orders == 1
    result = book.apply(deltas([event, later]), strict=False)
    assert (result.n_applied, result.n_refused, result.first_refused_row) == (1, 1, 0)
    assert sum(book.counters.values()) == 2


@pytest.mark.parametrize("bounds", [{"max_orders": 1}, {"max_levels": 1}])
def test_full_book_refuses_and_counts(bounds: dict[str, int]) -> None:
    book = Book("l3", capacity=BookCapacity(**bounds))
    events: list[Event] = [(Action.ADD, Side.BID, i, i, 1) for i in (1, 2)]
    result = book.apply(deltas(events), strict=False)
    assert result.n_refused == 1
    assert result.first_status in {"orders_full", "levels_full"}
    assert book.levels(Side.BID).tolist() == [[1, 1, 1]]


def test_other_instruments_are_ignored_when_one_is_chosen() -> None:
    records = deltas([(Action.ADD, Side.BID, i, 10, 1) for i in (1, 2)])
    records["instrument_id"] = [1, 2]
    book = Book("l3", instrument_id=2)
    assert book.apply(records).n_ignored == 1
    assert book.queue(Side.BID, 10) == [(2, 1)]


@pytest.mark.parametrize("while_stale", ["apply", "refuse"])
def test_gap_makes_the_book_stale_until_a_snapshot(
    while_stale: Literal["apply", "refuse"],
) -> None:
    book = Book("l2", while_stale=while_stale)
    book.apply(deltas([(Action.LEVEL, Side.BID, 0, 99, 5)]))
    gap = deltas([(Action.LEVEL, Side.BID, 0, 98, 5)], RecordFlag.GAP_BEFORE)
    book.apply(gap)
    assert book.state.name == "STALE"
    assert book.n_levels(Side.BID) == (2 if while_stale == "apply" else 1)
    snapshot = deltas(
        [(Action.CLEAR, Side.NONE, 0, NO_PRICE, 0), (Action.LEVEL, Side.ASK, 0, 101, 1)],
        RecordFlag.SNAPSHOT,
    )
    snapshot["flags"][-1] |= RecordFlag.LAST
    book.apply(snapshot)
    assert book.state.name == "ONE_SIDED"
    assert book.best(Side.ASK) == (101, 1)


def test_strict_error_behind_stale_refusals_is_still_raised() -> None:
    book = Book("l3", while_stale="refuse")
    book.mark_stale()
    records = deltas(
        [
            (Action.ADD, Side.BID, 1, 99, 5),
            (Action.CLEAR, Side.NONE, 0, NO_PRICE, 0),
            (Action.CANCEL, Side.BID, 1, NO_PRICE, 0),
        ]
    )
    with pytest.raises(BookError, match="row 2: unknown order"):
        book.apply(records)


def test_records_off_a_cache_line_are_taken_all_the_same() -> None:
    records = deltas([(Action.ADD, Side.BID, 1, 99, 5)])
    shifted = np.empty(64 + 8, dtype=np.uint8)
    shifted[8:] = records.view(np.uint8)
    book = Book("l3")
    book.apply(np.frombuffer(shifted.tobytes(), dtype=np.uint8, offset=8).view(records.dtype))
    assert book.size_ahead(1) == 0
    order = book.order(1)
    assert order is not None
    assert (order.price_ticks, order.size_lots, order.side) == (99, 5, Side.BID)
    assert book.order(2) is None
    assert book.size_ahead(2) is None


def test_bad_capacity_and_kind_are_refused() -> None:
    with pytest.raises(InputError, match="window_ticks must be a power of two"):
        Book("l3", capacity=BookCapacity(window_ticks=100))
    with pytest.raises(InputError, match="kind: expected"):
        Book("l4")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_levels: expected at least 1"):
        replay_books(empty_records(0), 0)
