"""Laws of the books, on sequences that hypothesis makes up: good events and bad ones."""

from collections import OrderedDict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kimera.market import Book, BookCapacity
from kimera.model import NO_PRICE, Action, Kind, RecordArray, Side, empty_records

MAX_ORDERS, MAX_LEVELS = 12, 5
FAR = 2**60

prices = st.one_of(
    st.integers(95, 105),
    st.sampled_from([NO_PRICE, -FAR, FAR, FAR + 1, 10**7, -5]),
    st.integers(-(10**9), 10**9),
)
sizes = st.integers(-1, 20)
ids = st.integers(0, 15)
sides = st.sampled_from([Side.BID, Side.ASK, Side.NONE])
actions = st.sampled_from([Action.ADD, Action.ADD, Action.CANCEL, Action.MODIFY, Action.EXECUTE])
events = st.lists(st.tuples(actions, sides, ids, prices, sizes), max_size=60)


class Model:
    """What the table of the record says, written down without thought for speed."""

    def __init__(self) -> None:
        self.orders: OrderedDict[int, list[Any]] = OrderedDict()  # id -> [side, price, size]

    def prices(self, side: Side) -> set[int]:
        return {o[1] for o in self.orders.values() if o[0] == side}

    def room(self, side: Side, price: int) -> bool:
        prices = self.prices(side)
        return price in prices or len(prices) < MAX_LEVELS

    def apply(self, action: Action, side: Side, order_id: int, price: int, size: int) -> str:
        if action == Action.ADD:
            return self.add(side, order_id, price, size)
        if action == Action.MODIFY:
            return self.modify(order_id, price, size)
        if size < 0 or (size == 0 and action == Action.EXECUTE):
            return "bad_size"
        if order_id not in self.orders:
            return "unknown_order"
        order = self.orders[order_id]
        if size > order[2]:
            return "over_size"
        order[2] -= size or order[2]
        if order[2] == 0:
            del self.orders[order_id]
        return "ok"

    def add(self, side: Side, order_id: int, price: int, size: int) -> str:
        reasons = {
            "bad_side": side == Side.NONE,
            "bad_size": size <= 0,
            "off_range": abs(price) > FAR,
            "duplicate_order": order_id == 0 or order_id in self.orders,
            "orders_full": len(self.orders) == MAX_ORDERS,
            "levels_full": not self.room(side, price),
        }
        for reason, applies in reasons.items():
            if applies:
                return reason
        self.orders[order_id] = [side, price, size]
        return "ok"

    def modify(self, order_id: int, price: int, size: int) -> str:
        if size <= 0:
            return "bad_size"
        if abs(price) > FAR:
            return "off_range"
        if order_id not in self.orders:
            return "unknown_order"
        side, old_price, old_size = self.orders[order_id]
        if price == old_price and size <= old_size:
            self.orders[order_id][2] = size
            return "ok"
        order = self.orders.pop(order_id)
        if not self.room(side, price):
            # Refused: it goes back to its place, which is not the end.
            self.orders[order_id] = order
            return "levels_full"
        self.orders[order_id] = [side, price, size]
        return "ok"

    def queue(self, side: Side, price: int) -> list[tuple[int, int]]:
        return [(i, o[2]) for i, o in self.orders.items() if o[:2] == [side, price]]


def record(action: Action, side: Side, order_id: int, price: int, size: int) -> RecordArray:
    r = empty_records(1)
    r["kind"], r["action"], r["side"] = Kind.DELTA, action, side
    r["order_id"], r["price_ticks"], r["size_lots"] = order_id, price, size
    return r


def apply_to_copy(model: Model, event: tuple[Action, Side, int, int, int]) -> tuple[Model, str]:
    copy = Model()
    copy.orders = OrderedDict((i, list(o)) for i, o in model.orders.items())
    status = copy.apply(*event)
    return (copy, status) if status == "ok" else (model, status)


@settings(max_examples=150, deadline=None)
@given(events)
def test_l3_book_equals_the_model_after_every_event(
    sequence: list[tuple[Action, Side, int, int, int]],
) -> None:
    book = Book("l3", capacity=BookCapacity(MAX_ORDERS, MAX_LEVELS, 64))
    model = Model()
    for event in sequence:
        model, status = apply_to_copy(model, event)
        assert book.apply(record(*event), strict=False).first_status == status
        for side in Side.BID, Side.ASK:
            expected = []
            for price in sorted(model.prices(side), reverse=side == Side.BID):
                queue = model.queue(side, price)
                assert book.queue(side, price) == queue
                expected.append([price, sum(size for _, size in queue), len(queue)])
            assert book.levels(side, 99).tolist() == expected
        ahead: dict[tuple[Side, int], int] = {}
        for order_id, (side, price, size) in model.orders.items():
            assert book.size_ahead(order_id) == ahead.get((side, price), 0)
            ahead[side, price] = ahead.get((side, price), 0) + size


@settings(max_examples=60, deadline=None)
@given(events)
def test_l2_book_fed_the_levels_of_an_l3_book_equals_it(
    sequence: list[tuple[Action, Side, int, int, int]],
) -> None:
    by_order = Book("l3", capacity=BookCapacity(MAX_ORDERS, MAX_LEVELS, 64))
    by_price = Book("l2", capacity=BookCapacity(1, MAX_LEVELS, 128))
    before: dict[Side, list[list[int]]] = {Side.BID: [], Side.ASK: []}
    for event in sequence:
        by_order.apply(record(*event), strict=False)
        for side in Side.BID, Side.ASK:
            now = by_order.levels(side, 99).tolist()
            gone = {row[0] for row in before[side]} - {row[0] for row in now}
            changes = [[price, 0, 0] for price in gone]
            changes += [row for row in now if row not in before[side]]
            for price, size, count in changes:
                level = record(Action.LEVEL, side, 0, price, size)
                level["detail"] = count
                by_price.apply(level)
            before[side] = now
            assert by_price.levels(side, 99).tolist() == now
        assert by_price.state == by_order.state
