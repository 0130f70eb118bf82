"""A plain dict book: the independent source of the levels after each record."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np

from kimera.model import NO_PRICE, Action, Kind, RecordArray, Side

LEVELS = 5


class NaiveBook:
    """Orders by id and totals by price, as the table at the head of record.hpp says."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        self.totals: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.keys: tuple[list[int], list[int]] = ([], [])  # sorted, best first

    def _set(self, side: int, price: int, total: int) -> None:
        key = -price if side == Side.BID else price
        had = price in self.totals[side]
        if total > 0:
            self.totals[side][price] = total
            if not had:
                insort(self.keys[side], key)
        elif had:
            del self.totals[side][price]
            del self.keys[side][bisect_left(self.keys[side], key)]

    def _move(self, side: int, price: int, change: int) -> None:
        self._set(side, price, self.totals[side].get(price, 0) + change)

    def _reduce(self, side: int, order_id: int, price: int, size: int) -> None:
        order = self.orders.get(order_id)
        if order is None:  # an order of before the tape, known by its level alone
            if side != Side.NONE and price in self.totals[side]:
                self._move(side, price, -(size or self.totals[side][price]))
            return
        taken = size or order[2]
        order[2] -= taken
        self._move(order[0], order[1], -taken)
        if order[2] == 0:
            del self.orders[order_id]

    def apply(self, action: int, side: int, order_id: int, price: int, size: int) -> None:
        if action == Action.ADD:
            self.orders[order_id] = [side, price, size]
            self._move(side, price, size)
        elif action in (Action.CANCEL, Action.EXECUTE):
            self._reduce(side, order_id, price, size)
        elif action == Action.MODIFY:
            order = self.orders[order_id]
            self._move(order[0], order[1], -order[2])
            order[1], order[2] = price, size
            self._move(order[0], price, size)
        elif action == Action.LEVEL and side != Side.NONE:
            self._set(side, price, size)
        elif action == Action.CLEAR:
            for s in (0, 1) if side == Side.NONE else (side,):
                self.totals[s].clear()
                self.keys[s].clear()
                self.orders = {i: o for i, o in self.orders.items() if o[0] != s}

    def best(self, side: int) -> list[tuple[int, int]]:
        prices = [-k if side == Side.BID else k for k in self.keys[side][:LEVELS]]
        return [(p, self.totals[side][p]) for p in prices]


def levels_after(records: RecordArray) -> tuple[np.ndarray, ...]:
    """The best five levels of each side after each record."""
    book = NaiveBook()
    n = records.shape[0]
    out = [np.full((n, LEVELS), fill, dtype=np.int64) for fill in (NO_PRICE, 0, NO_PRICE, 0)]
    columns = [records[f].tolist() for f in ("action", "side", "order_id")]
    columns += [records[f].tolist() for f in ("price_ticks", "size_lots", "kind")]
    best: list[list[tuple[int, int]]] = [[], []]
    for i, (action, side, order_id, price, size, kind) in enumerate(zip(*columns, strict=True)):
        if kind == Kind.DELTA and action not in (Action.TRADE, Action.FILL):
            book.apply(action, side, order_id, price, size)
            best = [book.best(0), book.best(1)]
        for s in (0, 1):
            for level, (p, lots) in enumerate(best[s]):
                out[2 * s][i, level], out[2 * s + 1][i, level] = p, lots
    return tuple(out)


def random_orders(n: int, seed: int) -> RecordArray:
    """Legal events by order around a wandering price, with trades, ties and gaps in time."""
    from kimera.model import empty_records

    rng = np.random.default_rng(seed)
    records = empty_records(n)
    live: dict[int, list[int]] = {}
    at = 1_000
    for i in range(n):
        at += int(rng.choice([0, 0, 1, 5, 50, 1_000]))
        middle = 1_000 + round(2.5 * np.sin(i / 300))
        r = records[i]
        r["ts_event_ns"], r["kind"], r["instrument_id"], r["venue_id"] = at, Kind.DELTA, 1, 1
        draw = rng.random()
        if draw < 0.5 or len(live) < 5:
            side = int(rng.integers(0, 2))
            price = middle + int(rng.integers(1, 9)) * (1 if side else -1)
            order, size = i + 1, int(rng.integers(1, 40))
            live[order] = [side, price, size]
            action = Action.ADD
        else:
            order = int(rng.choice(list(live)))
            side, price, held = live[order]
            size = int(rng.integers(1, held + 1))
            action = Action.CANCEL if draw < 0.8 else Action.EXECUTE
            if draw > 0.93:
                action = Action.MODIFY
                price = middle + int(rng.integers(1, 9)) * (1 if side else -1)
                live[order][1:] = [price, size]
            elif draw > 0.9:
                action, order = Action.TRADE, 0
                side = int(rng.integers(0, 3))
            else:
                if rng.random() < 0.2 and action == Action.CANCEL:
                    size = 0
                live[order][2] -= size if size else held
                if live[order][2] == 0:
                    del live[order]
                if rng.random() < 0.1:
                    side, price = Side.NONE, NO_PRICE if action == Action.CANCEL else price
                if action == Action.EXECUTE and rng.random() < 0.1 and price != NO_PRICE:
                    price += int(rng.integers(-2, 3))  # printed at another price
        r["action"], r["side"], r["order_id"] = action, side, order
        r["price_ticks"], r["size_lots"] = price, size
    return records
