# ruff: noqa: PLR0911, D
"""A venue written to be obviously right: one list of orders, everything found by sorting it.

It follows docs/venue.md, not the engine: no ladder, no queue, no incremental state. What an order
could trade is found by trying it on a copy of the whole venue; the auction price by trying every
price. One instrument. Its output is a list of tuples in the order in which things happen.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from kimera.market import Display, HaltPolicy, VenueRules
from kimera.model import (
    Action,
    OrderOption,
    OrderType,
    RecordFlag,
    RefusalCode,
    ReportAct,
    SelfTradePrevention,
    Side,
    Status,
    TimeInForce,
    TradeFlag,
)

T, F, O = OrderType, TimeInForce, OrderOption  # noqa: E741
INFINITE = 10**18
AUCTION_ONLY = {F.AT_OPEN, F.AT_CLOSE}
PEGS = {T.PEGGED, T.MIDPOINT}


@dataclass(eq=False)
class Wish:
    """An order as its owner wrote it; prices None when absent."""

    actor: int
    cid: int
    side: Side
    size: int
    price: int | None = None
    type: OrderType = T.LIMIT
    tif: TimeInForce = F.DAY
    options: int = 0
    trigger: int | None = None
    display: int = 0
    least: int = 0
    offset: int | None = None


@dataclass(eq=False)
class Live:
    """An order the venue holds."""

    wish: Wish
    vid: int
    type: OrderType
    limit: int | None
    open: int
    reserve: int = 0
    place: str = "parked"  # shown, hidden, stop, parked
    price: int | None = None  # where it queues
    turn: int = 0  # of entering its queue
    entry: int = 0  # of entering the venue, for pegs and auctions
    moved_from: str = ""

    @property
    def leaves(self) -> int:
        return self.open + self.reserve

    @property
    def side(self) -> Side:
        return self.wish.side

    def has(self, option: OrderOption) -> bool:
        return bool(self.wish.options & option)


def better(side: Side, price: int) -> int:
    """Sort key: the better the price for its owner's queue, the smaller."""
    return -price if side == Side.BID else price


def reaches(side: Side, limit: int | None, price: int) -> bool:
    return limit is None or (limit >= price if side == Side.BID else limit <= price)


@dataclass
class NaiveVenue:
    rules: VenueRules
    out: list[tuple[Any, ...]] = field(default_factory=list)
    orders: list[Live] = field(default_factory=list)
    last_ids: dict[int, int] = field(default_factory=dict)
    modes: dict[int, SelfTradePrevention] = field(default_factory=dict)
    vid: int = 0
    clock: int = 0
    last: int | None = None
    fresh: list[int] = field(default_factory=list)  # trade prices stops have not seen
    reference: tuple[int | None, int | None] = (None, None)

    def __post_init__(self) -> None:
        self.status = self.rules.initial_status
        self.r = self.rules.instruments[0]
        self.dark = self.rules.display == Display.DARK
        self.quoted: dict[Side, tuple[int, int, int] | None] = {Side.BID: None, Side.ASK: None}

    # Words for the tape.

    def delta(self, action: Action, o: Live, price: int, lots: int, detail: int = 0) -> None:
        self.out.append(("D", action, o.side, o.vid, price, lots, detail, 0))

    def print(self, side: Side, price: int, lots: int, detail: int, flags: int) -> None:
        self.out.append(("D", Action.TRADE, side, 0, price, lots, detail, flags))

    def tell(
        self,
        act: ReportAct,
        w: Wish,
        price: int | None,
        lots: int,
        detail: int = 0,
        *,
        flags: int = 0,
    ) -> None:
        self.out.append(("R", act, w.actor, w.cid, w.side, price, lots, detail, flags))

    # The book.

    def queue(self, side: Side) -> list[Live]:
        own = [o for o in self.orders if o.side == side and o.place in ("shown", "hidden")]
        return sorted(own, key=lambda o: (better(side, o.price or 0), o.place == "hidden", o.turn))

    def shown(self, side: Side) -> list[tuple[int, int, int]]:
        levels: dict[int, list[int]] = {}
        for o in self.orders:
            if o.side == side and o.place == "shown":
                assert o.price is not None
                levels.setdefault(o.price, []).append(o.open)
        ordered = sorted(levels, key=lambda p: better(side, p))
        return [(p, sum(levels[p]), len(levels[p])) for p in ordered]

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def new_vid(self) -> int:
        self.vid += 1
        return self.vid

    def find(self, actor: int, cid: int) -> Live | None:
        for o in self.orders:
            if (o.wish.actor, o.wish.cid) == (actor, cid):
                return o
        return None

    def step(self, price: int) -> int:
        return [s for f, s in self.r.tick_table if price >= f or f == self.r.tick_table[0][0]][-1]

    def on_tick(self, price: int) -> bool:
        return price % self.step(price) == 0

    def valid_price(self, p: int | None) -> bool:
        return (
            p is not None and self.r.lowest_ticks <= p <= self.r.highest_ticks and self.on_tick(p)
        )

    def valid_size(self, lots: int) -> bool:
        return self.r.min_lots <= lots <= self.r.max_lots and lots % self.r.lot_step == 0

    # Whether a request is allowed.

    def allowed_options(self, kind: OrderType, tif: TimeInForce) -> int | None:
        if self.dark:
            if kind not in (T.LIMIT, T.MARKET, T.MIDPOINT) or tif > F.FOK:
                return None
            return 0 if tif == F.FOK else O.HIDDEN | O.MIN_QUANTITY
        if kind == T.LIMIT:
            many = O.POST_ONLY | O.ICEBERG | O.HIDDEN | O.MIN_QUANTITY
            return {F.DAY: many, F.IOC: O.MIN_QUANTITY}.get(tif, O.NONE)
        if kind == T.MARKET:
            return O.MIN_QUANTITY if tif in (F.DAY, F.IOC) else O.NONE
        if kind == T.STOP:
            return O.NONE if tif == F.DAY else None
        if kind == T.STOP_LIMIT:
            return O.NONE if tif <= F.FOK else None
        if kind == T.PEGGED:
            return O.POST_ONLY | O.HIDDEN if tif == F.DAY else None
        return O.HIDDEN | O.MIN_QUANTITY if tif <= F.IOC else None

    def refusal(self, w: Wish) -> RefusalCode:
        if not 1 <= w.actor <= self.rules.max_actors:
            return RefusalCode.UNKNOWN_ACTOR
        allowed = self.allowed_options(w.type, w.tif)
        bad_pair = (w.options & O.MIN_QUANTITY and w.options & O.POST_ONLY) or (
            w.options & O.ICEBERG and w.options & O.HIDDEN
        )
        if w.side == Side.NONE or allowed is None or w.options & ~allowed or bad_pair:
            return RefusalCode.NOT_SUPPORTED
        if not self.valid_size(w.size):
            return RefusalCode.BAD_SIZE
        if w.options & O.ICEBERG and not (self.valid_size(w.display) and w.display <= w.size):
            return RefusalCode.BAD_SIZE
        if w.options & O.MIN_QUANTITY and not 1 <= w.least <= w.size:
            return RefusalCode.BAD_SIZE
        if not self.good_prices(w.type, w.price, w.trigger, w.offset):
            return RefusalCode.BAD_PRICE
        if not self.phase_allows(w.type, w.tif, w.options):
            return RefusalCode.NOT_TRADING
        if self.find(w.actor, w.cid):
            return RefusalCode.DUPLICATE_ORDER_ID
        own = sum(o.wish.actor == w.actor for o in self.orders)
        if len(self.orders) >= self.rules.max_orders or own >= self.rules.max_orders_per_actor:
            return RefusalCode.BOOK_FULL
        return RefusalCode.NONE

    def good_prices(
        self, kind: OrderType, price: int | None, trigger: int | None, offset: int | None
    ) -> bool:
        if kind == T.LIMIT:
            return self.valid_price(price)
        if kind == T.STOP:
            return self.valid_price(trigger)
        if kind == T.STOP_LIMIT:
            return self.valid_price(trigger) and self.valid_price(price)
        if kind == T.PEGGED and offset is not None and not 0 <= offset <= self.r.highest_ticks:
            return False
        return kind == T.MARKET or price is None or self.valid_price(price)

    def phase_allows(self, kind: OrderType, tif: TimeInForce, options: int) -> bool:
        if self.status == Status.TRADING:
            return tif != F.AT_OPEN
        refuses = self.status == Status.HALTED and self.rules.halt == HaltPolicy.REFUSE
        if self.status == Status.CLOSED or refuses or self.dark:
            return False
        if tif in AUCTION_ONLY:
            return tif == F.AT_CLOSE or self.status in (Status.PRE_OPEN, Status.OPENING_AUCTION)
        at_once = kind == T.MARKET or (kind in (T.LIMIT, T.MIDPOINT) and tif != F.DAY)
        return not at_once and not options & O.MIN_QUANTITY

    # Entering.

    def new(self, w: Wish) -> None:
        code = self.refusal(w)
        if code == RefusalCode.NONE and (self.status == Status.TRADING or self.dark):
            code = self.liquidity_refusal(w)
        if code != RefusalCode.NONE:
            self.tell(ReportAct.REJECTED, w, w.price, w.size, code)
            return
        limit = None if w.type in (T.MARKET, T.STOP) else w.price
        o = Live(w, self.new_vid(), w.type, limit, w.size, entry=self.tick())
        self.last_ids[w.actor] = max(self.last_ids.get(w.actor, 0), w.cid)
        self.tell(ReportAct.ACCEPTED, w, limit, w.size, o.vid)
        self.orders.append(o)
        self.admit(o)
        self.end()

    def liquidity_refusal(self, w: Wish) -> RefusalCode:
        if w.type in (T.STOP, T.STOP_LIMIT, T.PEGGED) or w.tif in AUCTION_ONLY:
            return RefusalCode.NONE
        limit = None if w.type == T.MARKET else w.price
        here = True
        if self.dark:
            here = self.midpoint() is not None
        elif w.type == T.MIDPOINT:
            self.look_at_reference()
            limit = self.peg_price(Live(w, 0, w.type, w.price, w.size))
            here = limit is not None
        could = self.trial(w, limit) if here else 0
        touches = here and self.first_partner(Live(w, 0, w.type, limit, w.size)) is not None
        if w.options & O.POST_ONLY and touches:
            return RefusalCode.WOULD_CROSS
        if w.tif == F.FOK and could < w.size:
            return RefusalCode.CANNOT_FILL
        if w.options & O.MIN_QUANTITY and could < w.least and not self.dark:
            return RefusalCode.CANNOT_FILL
        at_once = w.type == T.MARKET or w.tif == F.IOC
        return RefusalCode.NO_LIQUIDITY if at_once and not touches else RefusalCode.NONE

    def trial(self, w: Wish, limit: int | None) -> int:
        """Try the order on a copy of the venue: how much of it fills before it meets its own."""
        dream = copy.deepcopy(self)
        if dream.mode(Live(w, 0, w.type, limit, w.size)) == SelfTradePrevention.DECREMENT_BOTH:
            dream.modes[w.actor] = SelfTradePrevention.CANCEL_INCOMING
        o = Live(copy.copy(w), 0, w.type, limit, w.size)
        dream.orders.append(o)
        n = len(dream.out)
        dream.match(o)
        filled = (e for e in dream.out[n:] if e[0] == "R" and e[1] == ReportAct.FILLED)
        return sum(e[6] for e in filled if e[2:4] == (w.actor, w.cid) and not e[8])

    def admit(self, o: Live) -> None:
        """Let an accepted order do what its type does first."""
        w = o.wish
        if w.tif in AUCTION_ONLY:
            waits = w.tif == F.AT_CLOSE and self.status != Status.CLOSING_AUCTION
            if o.type == T.LIMIT and not waits:
                self.join(o, "hidden", o.limit)
        elif self.dark:
            self.match(o)
            self.rest(o, "hidden")
        elif w.type in PEGS and w.tif == F.DAY:
            if self.status == Status.TRADING:
                self.look_at_reference()
                self.place_peg(o)
        elif w.type in (T.STOP, T.STOP_LIMIT):
            self.join(o, "stop", w.trigger)
            if self.last is not None and not self.fresh:
                self.fresh.append(self.last)
        else:
            if w.type == T.MIDPOINT:
                o.limit = self.peg_price(o)
            if self.status == Status.TRADING:
                self.match(o)
            self.rest(o, "hidden" if o.has(O.HIDDEN) else "shown")

    def join(self, o: Live, place: str, price: int | None, act: Action = Action.ADD) -> None:
        o.place, o.price, o.turn = place, price, self.tick()
        if place == "shown":
            assert price is not None
            self.delta(act, o, price, o.open)

    def rest(self, o: Live, place: str, act: Action = Action.ADD) -> None:
        if o.leaves == 0:
            self.drop(o)
        elif o.type == T.MARKET or o.wish.tif in (F.IOC, F.FOK):
            self.tell(ReportAct.CANCELLED, o.wish, o.limit, o.leaves, RefusalCode.NO_LIQUIDITY)
            self.drop(o)
        else:
            if o.has(O.ICEBERG):
                total = o.leaves
                o.open = min(o.wish.display, total)
                o.reserve = total - o.open
            price = o.limit
            if self.dark and price is None:
                price = self.r.highest_ticks if o.side == Side.BID else self.r.lowest_ticks
            self.join(o, place, price, act)

    def drop(self, o: Live) -> None:
        if o in self.orders:
            self.orders.remove(o)

    # Trading.

    def mode(self, o: Live) -> SelfTradePrevention:
        return self.modes.get(o.wish.actor, self.rules.self_trade)

    def first_partner(self, o: Live) -> Live | None:
        against = Side.ASK if o.side == Side.BID else Side.BID
        mid = self.midpoint()
        for p in self.queue(against):
            if p is o or p.place == "parked":
                continue
            assert p.price is not None
            if not self.dark:
                if reaches(o.side, o.limit, p.price):
                    return p
                continue
            if mid is None or not (
                reaches(o.side, o.limit, mid) and reaches(against, p.price, mid)
            ):
                continue
            lots = min(o.leaves, p.leaves)
            least_o = min(o.wish.least, o.leaves) if o.has(O.MIN_QUANTITY) else 1
            least_p = min(p.wish.least, p.leaves) if p.has(O.MIN_QUANTITY) else 1
            if lots >= max(least_o, least_p):
                return p
        return None

    def match(self, o: Live) -> None:
        while o.leaves > 0:
            p = self.first_partner(o)
            if p is None:
                return
            same = p.wish.actor == o.wish.actor
            if same and self.mode(o) != SelfTradePrevention.NONE:
                self.keep_apart(o, p)
                continue
            lots = min(o.leaves, p.open)
            price = self.midpoint() if self.dark else p.price
            assert price is not None
            if p.place == "shown":
                self.delta(Action.EXECUTE, p, price, lots)
            else:
                self.print(o.side, price, lots, 0, RecordFlag.HIDDEN)
            self.tell(ReportAct.FILLED, p.wish, price, lots, flags=RecordFlag.MAKER)
            self.tell(ReportAct.FILLED, o.wish, price, lots)
            self.note(price)
            self.take(o, lots)
            self.reduce(p, lots)

    def take(self, o: Live, lots: int) -> None:
        """From an incoming order: which part of it goes does not matter."""
        total = o.leaves - lots
        o.open, o.reserve = total, 0

    def reduce(self, p: Live, lots: int) -> None:
        """From the queue, where an iceberg then shows its next part."""
        p.open -= lots
        if p.open > 0:
            return
        if p.reserve == 0:
            self.drop(p)
            return
        p.open = min(p.wish.display, p.reserve)
        p.reserve -= p.open
        p.vid = self.new_vid()
        self.join(p, "shown", p.price)

    def keep_apart(self, o: Live, p: Live) -> None:
        code = RefusalCode.SELF_TRADE
        mode = self.mode(o)
        if mode == SelfTradePrevention.DECREMENT_BOTH:
            lots = min(o.leaves, p.open)
            self.tell(ReportAct.CANCELLED, p.wish, p.limit, lots, code)
            self.tell(ReportAct.CANCELLED, o.wish, o.limit, lots, code)
            if p.place == "shown":
                assert p.price is not None
                self.delta(Action.CANCEL, p, p.price, lots)
            self.take(o, lots)
            self.reduce(p, lots)
            return
        if mode != SelfTradePrevention.CANCEL_INCOMING:
            self.tell(ReportAct.CANCELLED, p.wish, p.limit, p.leaves, code)
            self.withdraw(p)
            self.drop(p)
        if mode != SelfTradePrevention.CANCEL_RESTING:
            self.tell(ReportAct.CANCELLED, o.wish, o.limit, o.leaves, code)
            o.open = o.reserve = 0

    def withdraw(self, o: Live) -> None:
        if o.place == "shown":
            assert o.price is not None
            self.delta(Action.CANCEL, o, o.price, o.open)
        o.place = "parked"

    def note(self, price: int) -> None:
        self.last = price
        self.fresh.append(price)

    # What follows.

    def end(self) -> None:
        self.settle()
        if self.rules.quotes:
            for side in (Side.BID, Side.ASK):
                levels = self.shown(side)
                now = levels[0] if levels else None
                if now != self.quoted[side]:
                    self.quoted[side] = now
                    self.out.append(("Q", side, *(now or (None, 0, 0))))

    def settle(self) -> None:
        if self.status != Status.TRADING or self.dark:
            return
        while self.move_pegs() or self.elect():
            pass
        self.fresh.clear()

    def look_at_reference(self) -> bool:
        firm: list[int | None] = []
        for side in (Side.BID, Side.ASK):
            prices = [
                o.price
                for o in self.orders
                if o.side == side and o.place == "shown" and o.type not in PEGS
            ]
            known = [p for p in prices if p is not None]
            firm.append((max(known) if side == Side.BID else min(known)) if known else None)
        now = (firm[0], firm[1])
        changed, self.reference = now != self.reference, now
        return changed

    def peg_price(self, o: Live) -> int | None:
        bid, ask = self.reference
        buys = o.side == Side.BID
        cap = o.wish.price
        if o.type == T.MIDPOINT:
            if bid is None or ask is None:
                return None
            price = (bid + ask) // 2 if buys else -((-bid - ask) // 2)
        else:
            own = bid if buys else ask
            if own is None:
                return None
            price = own - (o.wish.offset or 0) if buys else own + (o.wish.offset or 0)
        if cap is not None:
            price = min(price, cap) if buys else max(price, cap)
        low, high = self.r.lowest_ticks, self.r.highest_ticks
        if not low <= price <= high:
            return None
        if o.type == T.PEGGED:
            while price > 0 and not self.on_tick(price):
                price += -1 if buys else 1
        return price if low <= price <= high else None

    def place_peg(self, o: Live, came_from: str = "parked") -> None:
        price = self.peg_price(o)
        if price is None:
            if came_from == "shown":
                assert o.price is not None
                self.delta(Action.CANCEL, o, o.price, o.open)
                o.vid = 0
            return
        o.limit = price
        if o.type == T.MIDPOINT:
            self.match(o)
        if o.vid == 0:
            o.vid = self.new_vid()
        hides = o.has(O.HIDDEN) or o.type == T.MIDPOINT
        act = Action.MODIFY if came_from == "shown" else Action.ADD
        self.rest(o, "hidden" if hides else "shown", act)
        o.limit = o.wish.price

    def pegs(self) -> list[Live]:
        own = [o for o in self.orders if o.type in PEGS]
        return sorted(own, key=lambda o: o.entry)

    def move_pegs(self) -> bool:
        if not self.pegs() or not self.look_at_reference():
            return False
        moving = []
        for o in self.pegs():
            now = None if o.place == "parked" else o.price
            if self.peg_price(o) != now:
                o.moved_from, o.place = o.place, "parked"
                moving.append(o)
        for o in moving:
            if o in self.orders:
                self.place_peg(o, o.moved_from)
        return True

    def elect(self) -> bool:
        if not self.fresh:
            return False
        high, low = max(self.fresh), min(self.fresh)
        stops = [o for o in self.orders if o.place == "stop" and o.price is not None]
        buys = [o for o in stops if o.side == Side.BID and (o.price or 0) <= high]
        sells = [o for o in stops if o.side == Side.ASK and (o.price or 0) >= low]
        buys.sort(key=lambda o: (o.price, o.turn))
        sells.sort(key=lambda o: (-(o.price or 0), o.turn))
        if not buys and not sells:
            return False
        o = (buys or sells)[0]
        self.tell(ReportAct.TRIGGERED, o.wish, o.price, o.open)
        o.place = "parked"
        o.type = T.MARKET if o.type == T.STOP else T.LIMIT
        if o.wish.tif == F.FOK:
            probe = copy.copy(o.wish)
            probe.type, probe.cid, probe.size = T.LIMIT, -1, o.leaves
            if self.trial(probe, o.limit) < o.leaves:
                self.tell(ReportAct.CANCELLED, o.wish, o.limit, o.leaves, RefusalCode.CANNOT_FILL)
                self.drop(o)
                return True
        self.match(o)
        self.rest(o, "shown")
        return True

    # Cancel and replace.

    def missing(self, actor: int, cid: int) -> RefusalCode:
        if not 1 <= actor <= self.rules.max_actors:
            return RefusalCode.UNKNOWN_ACTOR
        return (
            RefusalCode.TOO_LATE
            if cid <= self.last_ids.get(actor, 0)
            else RefusalCode.UNKNOWN_ORDER
        )

    def cancel(self, actor: int, cid: int) -> None:
        o = self.find(actor, cid)
        if o is None:
            w = Wish(actor, cid, Side.NONE, 0)
            self.tell(ReportAct.CANCEL_REJECTED, w, None, 0, self.missing(actor, cid))
            return
        self.tell(ReportAct.CANCELLED, o.wish, o.limit, o.leaves)
        self.withdraw(o)
        self.drop(o)
        self.end()

    def replace(self, change: Wish) -> None:
        o = self.find(change.actor, change.cid)
        if o is None:
            code = self.missing(change.actor, change.cid)
            self.tell(ReportAct.CANCEL_REJECTED, change, change.price, change.size, code)
            return
        asked = copy.copy(o.wish)
        asked.type, asked.size = o.type, change.size
        asked.price = o.limit
        if change.price is not None and o.type not in (T.MARKET, T.STOP):
            asked.price = change.price
        asked.display = change.display or asked.display
        waits = o.place == "stop"
        if waits:
            asked.trigger = o.price if change.trigger is None else change.trigger
        if change.offset is not None:
            asked.offset = change.offset
        code = self.replace_refusal(o, asked)
        if code != RefusalCode.NONE:
            self.tell(ReportAct.CANCEL_REJECTED, change, change.price, change.size, code)
            return
        unchanged = asked.price == o.limit and (not waits or asked.trigger == o.price)
        unchanged &= not o.has(O.ICEBERG) or asked.display == o.wish.display
        unchanged &= o.type != T.PEGGED or (asked.offset or 0) == (o.wish.offset or 0)
        if unchanged and asked.size <= o.leaves:
            self.shrink(o, asked.size)
        else:
            self.reenter(o, asked)
        self.end()

    def replace_refusal(self, o: Live, asked: Wish) -> RefusalCode:
        if not self.valid_size(asked.size):
            return RefusalCode.BAD_SIZE
        if o.has(O.ICEBERG) and not self.valid_size(asked.display):
            return RefusalCode.BAD_SIZE
        if not self.good_prices(o.type, asked.price, asked.trigger, asked.offset):
            return RefusalCode.BAD_PRICE
        if o.has(O.POST_ONLY) and o.type == T.LIMIT and self.status == Status.TRADING:
            probe = Live(asked, 0, o.type, asked.price, asked.size)
            if self.first_partner(probe):
                return RefusalCode.WOULD_CROSS
        tif = F.DAY if o.type == T.STOP_LIMIT else o.wish.tif
        if not self.phase_allows(o.type, tif, o.wish.options & ~O.MIN_QUANTITY):
            return RefusalCode.NOT_TRADING
        return RefusalCode.NONE

    def shrink(self, o: Live, size: int) -> None:
        self.tell(ReportAct.REPLACED, o.wish, o.limit, size, o.vid)
        left = min(o.open, size)
        changed = left < o.open
        o.open, o.reserve = left, size - left
        if changed and o.place == "shown":
            assert o.price is not None
            self.delta(Action.MODIFY, o, o.price, o.open)

    def reenter(self, o: Live, asked: Wish) -> None:
        place, w = o.place, o.wish
        plain = o.type == T.LIMIT and w.tif not in AUCTION_ONLY
        probe = Live(asked, 0, o.type, asked.price, asked.size)
        trading = self.status == Status.TRADING and not self.dark
        takes = plain and trading and self.first_partner(probe) is not None
        old_price, old_open, old_vid = o.price, o.open, o.vid
        if (plain and takes) or (not plain and place == "shown"):
            o.vid = self.new_vid()
        gone = ("D", Action.CANCEL, o.side, old_vid, old_price, old_open, 0, 0)
        if not plain and place == "shown":
            self.out.append(gone)
        self.tell(ReportAct.REPLACED, w, asked.price, asked.size, o.vid)
        if plain and takes and place == "shown":
            self.out.append(gone)
        o.place, o.limit, o.open, o.reserve = "parked", asked.price, asked.size, 0
        w.price, w.display, w.offset = asked.price, asked.display, asked.offset
        if plain and not self.dark:
            if self.status == Status.TRADING:
                self.match(o)
            self.rest(o, place, Action.ADD if takes else Action.MODIFY)
        elif self.dark:
            self.match(o)
            self.rest(o, "hidden")
        elif o.type in PEGS:
            o.entry = self.tick()
            if self.status == Status.TRADING:
                self.place_peg(o)
        elif place == "stop":
            w.trigger = asked.trigger
            self.join(o, "stop", asked.trigger)
            if self.last is not None and not self.fresh:
                self.fresh.append(self.last)
        elif o.type == T.LIMIT and place == "hidden":
            self.join(o, "hidden", asked.price)

    # Status and auctions.

    def set_status(self, status: Status) -> None:
        old = self.status
        if status != old:
            if not self.dark:
                if old == Status.TRADING:
                    self.park_pegs()
                closing = old == Status.CLOSING_AUCTION
                if status == Status.TRADING or closing:
                    self.uncross(closing)
            self.status = status
            self.out.append(("S", status))
            if status == Status.CLOSING_AUCTION:
                for o in self.auction_orders():
                    if o.wish.tif == F.AT_CLOSE and o.type == T.LIMIT and o.place == "parked":
                        self.join(o, "hidden", o.limit)
            elif status == Status.CLOSED:
                self.close()
            elif status == Status.TRADING:
                if self.dark:
                    self.cross_dark()
                if self.last is not None and not self.fresh:
                    self.fresh.append(self.last)
        self.end()

    def close(self) -> None:
        for o in list(self.orders):
            self.expire(o)

    def expire(self, o: Live) -> None:
        self.tell(ReportAct.EXPIRED, o.wish, o.limit, o.leaves)
        self.withdraw(o)
        self.drop(o)

    def park_pegs(self) -> None:
        for o in self.pegs():
            if o.place == "shown":
                self.withdraw(o)
                o.vid = 0
            o.place = "parked"
        self.reference = (None, None)

    def auction_orders(self) -> list[Live]:
        own = [o for o in self.orders if o.wish.tif in AUCTION_ONLY]
        return sorted(own, key=lambda o: o.entry)

    def in_auction(self, side: Side, closing: bool) -> list[Live]:
        part = [
            o
            for o in self.auction_orders()
            if o.type == T.MARKET and o.side == side and (o.wish.tif == F.AT_OPEN or closing)
        ]
        return part + self.queue(side)

    def uncross(self, closing: bool) -> None:
        price, volume = self.auction_price(closing)
        if volume:
            flags = TradeFlag.AUCTION | TradeFlag.NO_PRINT
            for side in (Side.BID, Side.ASK):
                wanted = volume
                for o in self.in_auction(side, closing):
                    lots = min(wanted, o.leaves)
                    if lots == 0:
                        break
                    wanted -= lots
                    first = min(lots, o.open)
                    if o.place == "shown":
                        self.delta(Action.EXECUTE, o, price, first, flags)
                    self.tell(ReportAct.FILLED, o.wish, price, lots, TradeFlag.AUCTION)
                    o.reserve -= lots - first
                    self.reduce(o, first)
            self.print(Side.NONE, price, volume, TradeFlag.AUCTION, 0)
            self.note(price)
        for o in self.auction_orders():
            if o.wish.tif == F.AT_OPEN or closing:
                self.expire(o)

    def auction_price(self, closing: bool) -> tuple[int, int]:
        reference = self.last if self.last is not None else self.r.reference_ticks
        best: tuple[tuple[int, int, int, int], int, int] | None = None
        buys, sells = self.in_auction(Side.BID, closing), self.in_auction(Side.ASK, closing)
        for price in range(self.r.lowest_ticks, self.r.highest_ticks + 1):
            if not self.on_tick(price):
                continue
            demand = sum(o.leaves for o in buys if o.price is None or o.price >= price)
            supply = sum(o.leaves for o in sells if o.price is None or o.price <= price)
            far = 0 if reference is None else abs(price - reference)
            rank = (-min(demand, supply), abs(demand - supply), far, price)
            if best is None or rank < best[0]:
                best = (rank, price, min(demand, supply))
        assert best is not None
        return best[1], best[2]

    # Dark trading.

    def midpoint(self) -> int | None:
        bid, ask = self.reference
        if not self.dark or bid is None or ask is None:
            return None
        return (bid + ask) // 2

    def set_reference(self, bid: int | None, ask: int | None) -> None:
        self.reference = (bid, ask)
        self.cross_dark()
        self.end()

    def cross_dark(self) -> None:
        if self.status != Status.TRADING or self.midpoint() is None:
            return
        for o in self.queue(Side.BID):
            before = o.leaves
            self.match(o)
            if o.leaves == 0:
                self.drop(o)
            assert o.leaves <= before
