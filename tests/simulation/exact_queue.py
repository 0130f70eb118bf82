"""A slow and obvious reference for fills on a replayed order-by-order tape.

Every queue is a list of orders, ours among them, first to be filled first. The tape decides what
happens to recorded orders; when it executes one, our orders that stand before it in the queue, or
at better prices, would have been met first and are filled by that volume. An order that arrives at
a price that crosses ours is met by ours. Nothing here is shared with the engine under test.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

ADD, CANCEL, MODIFY, EXECUTE = 1, 2, 3, 4
BID, ASK = 0, 1
# What happens first at one instant.
TAPE, ARRIVE, FEED, REPORT, TIMER = range(5)


@dataclass
class Resting:
    order_id: int
    lots: int
    mine: bool


@dataclass
class ExactQueue:
    """The venue: queues by price, recorded orders and ours together."""

    queues: list[dict[int, list[Resting]]] = field(default_factory=lambda: [{}, {}])
    where: dict[int, tuple[int, int]] = field(default_factory=dict)
    my_place: dict[int, tuple[int, int]] = field(default_factory=dict)
    fills: list[tuple[int, int, int, int]] = field(default_factory=list)  # id, side, price, lots

    def tape(self, action: int, order_id: int, side: int, price: int, lots: int) -> None:
        if action == ADD:
            self._meet_ours(side, price, lots)
            self._join(order_id, side, price, lots)
        elif action == EXECUTE:
            self._execute(order_id, lots)
        elif action == CANCEL:
            self._reduce(order_id, lots)
        elif action == MODIFY:
            old_side, old_price = self.where[order_id]
            held = self._find(order_id)
            if price == old_price and lots <= held.lots:
                held.lots = lots
            else:
                self._reduce(order_id, held.lots)
                if price != old_price:
                    self._meet_ours(old_side, price, lots)
                self._join(order_id, old_side, price, lots)

    def place_mine(self, order_id: int, side: int, price: int, lots: int) -> None:
        """Put an order of ours at the end of its queue (the rule never crosses)."""
        self.queues[side].setdefault(price, []).append(Resting(order_id, lots, mine=True))
        self.my_place[order_id] = (side, price)

    def best(self, side: int) -> int | None:
        prices = [
            price
            for price, queue in self.queues[side].items()
            if any(not order.mine for order in queue)
        ]
        if not prices:
            return None
        return max(prices) if side == BID else min(prices)

    def cancel_mine(self, order_id: int) -> bool:
        if order_id not in self.my_place:
            return False
        side, price = self.my_place.pop(order_id)
        queue = self.queues[side][price]
        queue[:] = [o for o in queue if not (o.mine and o.order_id == order_id)]
        return True

    def _join(self, order_id: int, side: int, price: int, lots: int) -> None:
        self.queues[side].setdefault(price, []).append(Resting(order_id, lots, mine=False))
        self.where[order_id] = (side, price)

    def _find(self, order_id: int) -> Resting:
        side, price = self.where[order_id]
        return next(o for o in self.queues[side][price] if not o.mine and o.order_id == order_id)

    def _reduce(self, order_id: int, lots: int) -> None:
        side, price = self.where[order_id]
        held = self._find(order_id)
        held.lots -= lots
        if held.lots == 0:
            queue = self.queues[side][price]
            queue.remove(held)
            del self.where[order_id]
            if not queue:
                del self.queues[side][price]

    def _execute(self, order_id: int, lots: int) -> None:
        side, price = self.where[order_id]
        volume = lots
        for better in sorted(self._my_prices(side), reverse=side == BID):
            if (better > price) if side == BID else (better < price):
                volume = self._fill_at(side, better, volume, None)
        self._fill_at(side, price, volume, order_id)
        self._reduce(order_id, lots)

    def _meet_ours(self, side: int, price: int, lots: int) -> None:
        facing = 1 - side
        for mine in sorted(self._my_prices(facing), reverse=facing == BID):
            if (mine <= price) if side == BID else (mine >= price):
                lots = self._fill_at(facing, mine, lots, None)

    def _my_prices(self, side: int) -> set[int]:
        return {price for s, price in self.my_place.values() if s == side}

    def _fill_at(self, side: int, price: int, volume: int, before: int | None) -> int:
        """Fill our orders in this queue that stand before a recorded one; return what is left."""
        for order in list(self.queues[side].get(price, [])):
            if not order.mine:
                if order.order_id == before:
                    break
                continue
            lots = min(volume, order.lots)
            if lots == 0:
                break
            volume -= lots
            order.lots -= lots
            self.fills.append((order.order_id, side, price, lots))
            if order.lots == 0:
                self.queues[side][price].remove(order)
                del self.my_place[order.order_id]
        return volume


@dataclass
class TouchRule:
    """Quote at the touch on each side, look every interval, stay within a position."""

    size: int = 10
    limit: int = 200
    interval_ns: int = 100_000_000


def run_touch_rule(  # noqa: PLR0912 - one loop over all that happens, read from top to bottom
    tape: Any, rule: TouchRule, latency_ns: int
) -> dict[str, Any]:
    """Run the rule on records of an order-by-order tape; every way takes ``latency_ns``."""
    venue = ExactQueue()
    seen = ExactQueue()  # the book as the strategy knows it
    rows = list(
        zip(
            tape["ts_event_ns"].tolist(),
            tape["action"].tolist(),
            tape["order_id"].tolist(),
            tape["side"].tolist(),
            tape["price_ticks"].tolist(),
            tape["size_lots"].tolist(),
            strict=True,
        )
    )
    action_of = {1: ADD, 2: CANCEL, 3: MODIFY, 4: EXECUTE}
    events: list[tuple[int, int, int, Any]] = []
    counter = 0

    def at(time_ns: int, what: int, payload: Any) -> None:
        nonlocal counter
        counter += 1
        heapq.heappush(events, (time_ns, what, counter, payload))

    quotes: dict[int, tuple[int, int, bool]] = {}  # side -> id, price, cancel sent
    open_lots: dict[int, int] = {}
    position = 0
    next_id = 0
    fills: list[tuple[int, int, int, int]] = []
    at(rows[0][0] + rule.interval_ns, TIMER, None)
    at(rows[0][0], TAPE, 0)
    remaining = len(rows)
    while events:
        now, what, _, payload = heapq.heappop(events)
        if what == TAPE:
            _, action, order_id, side, price, lots = rows[payload]
            venue.tape(action_of[action], order_id, side, price, lots)
            at(now + latency_ns, FEED, payload)
            if payload + 1 < len(rows):
                at(rows[payload + 1][0], TAPE, payload + 1)
        elif what == ARRIVE:
            kind, order_id, side, price, lots = payload
            if kind == "new":
                venue.place_mine(order_id, side, price, lots)
                facing = venue.best(1 - side)
                crosses = facing is not None and (
                    price >= facing if side == BID else price <= facing
                )
                if crosses:  # it takes what is shown: none of it rests in this rule's scale
                    venue.cancel_mine(order_id)
                    taken = _take(venue, 1 - side, price, lots)
                    for fill_price, fill_lots in taken:
                        at(
                            now + latency_ns,
                            REPORT,
                            ("fill", order_id, side, fill_price, fill_lots),
                        )
                    left = lots - sum(n for _, n in taken)
                    if left:
                        venue.place_mine(order_id, side, price, left)
            else:
                done = venue.cancel_mine(order_id)
                at(now + latency_ns, REPORT, ("cancelled" if done else "late", order_id, 0, 0, 0))
        elif what == FEED:
            _, action, order_id, side, price, lots = rows[payload]
            seen.tape(action_of[action], order_id, side, price, lots)
            remaining -= 1
        elif what == REPORT:
            kind, order_id, side, price, lots = payload
            if kind == "fill":
                position += lots if side == BID else -lots
                open_lots[order_id] -= lots
                fills.append((now, side, price, lots))
            if kind == "cancelled" or open_lots.get(order_id) == 0:
                open_lots.pop(order_id, None)
        elif what == TIMER:
            if remaining == 0 and not events:
                break
            wanted: dict[int, int] = {}
            for side in (BID, ASK):
                sign = 1 if side == BID else -1
                allowed = sign * position + rule.size <= rule.limit
                price = seen.best(side) if allowed else None
                held = quotes.get(side)
                if held is not None and held[0] in open_lots and not held[2]:
                    if held[1] == price:
                        continue
                    at(now + latency_ns, ARRIVE, ("cancel", held[0], 0, 0, 0))
                    quotes[side] = (held[0], held[1], True)
                if price is not None:
                    wanted[side] = price
            for side, price in wanted.items():
                next_id += 1
                quotes[side] = (next_id, price, False)
                open_lots[next_id] = rule.size
                at(now + latency_ns, ARRIVE, ("new", next_id, side, price, rule.size))
            at(now + rule.interval_ns, TIMER, None)
        for order_id, side, price, lots in venue.fills:
            at(now + latency_ns, REPORT, ("fill", order_id, side, price, lots))
        venue.fills.clear()
    return {
        "lots": sum(lots for *_, lots in fills),
        "fills": fills,
        "position": position,
    }


def _take(venue: ExactQueue, side: int, limit: int, lots: int) -> list[tuple[int, int]]:
    """What a taker of ours gets from recorded orders; the tape keeps its own course."""
    out: list[tuple[int, int]] = []
    for price in sorted(venue.queues[side], reverse=side == BID):
        if (price > limit) if side == ASK else (price < limit):
            break
        shown = sum(order.lots for order in venue.queues[side][price] if not order.mine)
        got = min(lots, shown)
        if got:
            out.append((price, got))
            lots -= got
        if not lots:
            break
    return out
