"""The matching engine against a venue written to be obviously right, and against laws.

Random streams of every order type, mode and status, in a window so narrow that everything meets
everything. What the two venues print is compared record by record.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kimera.market import (
    Book,
    BookCapacity,
    Display,
    HaltPolicy,
    InstrumentRules,
    MatchingEngine,
    QuoteOutput,
    VenueRules,
    cancel_order,
    new_order,
    replace_order,
    status_change,
)
from kimera.model import (
    NO_PRICE,
    Action,
    Kind,
    OrderOption,
    OrderType,
    RecordArray,
    RecordFlag,
    ReportAct,
    SelfTradePrevention,
    Side,
    Status,
    TimeInForce,
)

sys.path.insert(0, str(Path(__file__).parent))
from naive_venue import NaiveVenue, Wish  # type: ignore[import-not-found]

LOW, HIGH = 80, 120
LAST = RecordFlag.LAST


def price_or_none(ticks: Any) -> int | None:
    return None if ticks == NO_PRICE else int(ticks)


def as_tuples(records: RecordArray) -> list[tuple[Any, ...]]:
    """What the naive venue would have written for these records."""
    out: list[tuple[Any, ...]] = []
    for r in records:
        price, flags = price_or_none(r["price_ticks"]), int(r["flags"]) & ~LAST
        size, detail, side = int(r["size_lots"]), int(r["detail"]), Side(r["side"])
        if r["kind"] == Kind.DELTA:
            out.append(
                ("D", Action(r["action"]), side, int(r["order_id"]), price, size, detail, flags)
            )
        elif r["kind"] == Kind.REPORT:
            who = (int(r["actor_id"]), int(r["order_id"]))
            out.append(("R", ReportAct(r["action"]), *who, side, price, size, detail, flags))
        elif r["kind"] == Kind.QUOTE:
            out.append(("Q", side, price, size, detail))
        else:
            out.append(("S", Status(r["action"])))
    return out


def request_of(w: Wish) -> RecordArray:
    return new_order(
        actor_id=w.actor,
        order_id=w.cid,
        side=w.side,
        size_lots=w.size,
        price_ticks=w.price,
        order_type=w.type,
        time_in_force=w.tif,
        options=OrderOption(w.options),
        trigger_ticks=w.trigger,
        display_lots=w.display,
        min_lots=w.least,
        peg_offset_ticks=w.offset,
    )


class Twins:
    """The engine and the naive venue, given the same requests."""

    def __init__(self, rules: VenueRules) -> None:
        self.engine = MatchingEngine(rules)
        self.naive = NaiveVenue(rules)
        self.tape: list[tuple[Any, ...]] = []
        self.sequence = 0
        self.book = Book("l3", capacity=BookCapacity(max_orders=128, max_levels=64))

    def new(self, w: Wish) -> None:
        self._both(request_of(w), lambda: self.naive.new(w))

    def replace(self, w: Wish) -> None:
        self._both(
            replace_order(
                actor_id=w.actor,
                order_id=w.cid,
                size_lots=w.size,
                price_ticks=w.price,
                trigger_ticks=w.trigger,
                display_lots=w.display,
                peg_offset_ticks=w.offset,
            ),
            lambda: self.naive.replace(w),
        )

    def cancel(self, actor: int, cid: int) -> None:
        self._both(
            cancel_order(actor_id=actor, order_id=cid), lambda: self.naive.cancel(actor, cid)
        )

    def set_status(self, status: Status) -> None:
        self._both(status_change(status), lambda: self.naive.set_status(status))

    def set_reference(self, bid: int, ask: int) -> None:
        got = self.engine.set_reference(1, bid, ask, 0)
        self._compare(got, lambda: self.naive.set_reference(bid, ask))

    def _both(self, request: RecordArray, naive: Any) -> None:
        self._compare(self.engine.submit(request), naive)

    def _compare(self, got: RecordArray, naive: Any) -> None:
        self.naive.out.clear()
        naive()
        ours, theirs = as_tuples(got), list(self.naive.out)
        if ("S", Status.CLOSED) in theirs:  # expiries of a day's end: in no particular order
            ours, theirs = sorted(ours, key=repr), sorted(theirs, key=repr)
        assert ours == theirs
        self.tape += ours
        self.book.apply(got)  # strict: raises on the first record it cannot take
        self._check_marks(got)
        self._check_book()

    def _check_marks(self, got: RecordArray) -> None:
        public = got[got["kind"] != Kind.REPORT]
        expected = np.arange(self.sequence + 1, self.sequence + 1 + len(public))
        assert public["sequence"].tolist() == expected.tolist()
        self.sequence += len(public)
        if len(public):
            assert public["flags"][-1] & LAST

    def _check_book(self) -> None:
        sides = []
        for side in (Side.BID, Side.ASK):
            levels = [
                (x.price_ticks, x.size_lots, x.n_orders) for x in self.engine.levels(1, side, 100)
            ]
            assert levels == self.naive.shown(side)
            assert levels == [tuple(row) for row in self.book.levels(side, 100).tolist()]
            sides.append(levels)
        if self.naive.status == Status.TRADING and sides[0] and sides[1]:
            assert sides[0][0][0] < sides[1][0][0]
        assert self.engine.n_orders == len(self.naive.orders)


def random_wish(g: np.random.Generator, cid: int, *, dark: bool, wild: float) -> Wish:
    """A new order: mostly allowed, now and then anything."""
    side = Side(int(g.integers(2)))
    w = Wish(int(g.integers(1, 4)), cid, side, int(g.integers(1, 20)))
    w.price = int(np.clip(round(g.normal(100, 3)), LOW - 2, HIGH + 2))
    if g.random() < wild:
        w.type = OrderType(int(g.integers(6)))
        w.tif = TimeInForce(int(g.integers(5)))
        w.options = int(g.choice([0, 0, 1, 2, 4, 8, 16, 3, 10, 17]))
    elif dark:
        w.type = OrderType(int(g.choice([0, 0, 0, 5, 5, 1])))
        w.tif = TimeInForce(int(g.choice([0, 0, 0, 1, 2])))
        if w.tif != TimeInForce.FOK and g.random() < 0.4:
            w.options = int(OrderOption.MIN_QUANTITY)
    else:
        choices = [
            (OrderType.LIMIT, 0, 0, 6.0),
            (OrderType.LIMIT, 1, 0, 1.0),
            (OrderType.LIMIT, 2, 0, 1.0),
            (OrderType.LIMIT, 0, 1, 1.0),
            (OrderType.LIMIT, 0, 2, 2.0),
            (OrderType.LIMIT, 0, 8, 1.5),
            (OrderType.LIMIT, 1, 16, 0.5),
            (OrderType.LIMIT, 0, 16, 0.5),
            (OrderType.LIMIT, 3, 0, 0.5),
            (OrderType.LIMIT, 4, 0, 0.5),
            (OrderType.MARKET, 0, 0, 0.7),
            (OrderType.MARKET, 2, 0, 0.3),
            (OrderType.MARKET, 3, 0, 0.4),
            (OrderType.MARKET, 4, 0, 0.4),
            (OrderType.STOP, 0, 0, 1.0),
            (OrderType.STOP_LIMIT, 0, 0, 0.7),
            (OrderType.STOP_LIMIT, 2, 0, 0.3),
            (OrderType.PEGGED, 0, 0, 1.0),
            (OrderType.PEGGED, 0, 8, 0.3),
            (OrderType.MIDPOINT, 0, 0, 0.8),
            (OrderType.MIDPOINT, 1, 0, 0.3),
            (OrderType.MIDPOINT, 0, 16, 0.2),
        ]
        weights = np.array([c[3] for c in choices])
        kind, tif, options, _ = choices[int(g.choice(len(choices), p=weights / weights.sum()))]
        w.type, w.tif, w.options = kind, TimeInForce(tif), options
    if w.type in (OrderType.PEGGED, OrderType.MIDPOINT) and g.random() < 0.6:
        w.price = None
    if w.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        w.trigger = int(np.clip(round(g.normal(100, 4)), LOW, HIGH))
    if w.type == OrderType.PEGGED:
        w.offset = None if g.random() < 0.3 else int(g.integers(0, 4))
    if w.options & OrderOption.ICEBERG:
        w.display = int(g.integers(0 if g.random() < wild else 1, w.size + 1))
    if w.options & OrderOption.MIN_QUANTITY:
        w.least = int(g.integers(1, w.size + 1))
    return w


def play(rules: VenueRules, seed: int, n_requests: int, *, wild: float = 0.1) -> Twins:
    """Random requests to both venues."""
    g = np.random.default_rng(seed)
    twins = Twins(rules)
    dark = rules.display == Display.DARK
    for cid in range(1, n_requests + 1):
        what = g.random()
        live = twins.naive.orders
        if what < 0.70 or not live:
            again = int(g.integers(1, cid + 1)) if g.random() < 0.05 else cid
            twins.new(random_wish(g, again, dark=dark, wild=wild))
        elif what < 0.80:
            twins.cancel(*pick(g, twins))
        elif what < 0.92:
            twins.replace(random_change(g, twins))
        elif dark:
            bid = int(g.integers(95, 104))
            twins.set_reference(bid, bid + int(g.integers(0, 6)))
        elif what < 0.95:
            twins.set_status(Status(int(g.choice([0, 1, 2, 4, 5]))))
        elif twins.naive.status != Status.TRADING:
            twins.set_status(Status.TRADING)
        if twins.naive.status == Status.CLOSED and g.random() < 0.7:
            twins.set_status(Status.PRE_OPEN)
        elif twins.naive.status != Status.TRADING and g.random() < 0.15:
            twins.set_status(Status.TRADING)
    return twins


def random_change(g: np.random.Generator, twins: Twins) -> Wish:
    actor, order = pick(g, twins)
    change = Wish(actor, order, Side.NONE, int(g.integers(1, 20)))
    if g.random() < 0.6:
        change.price = int(np.clip(round(g.normal(100, 3)), LOW - 1, HIGH + 1))
    found = twins.naive.find(actor, order)
    if g.random() < 0.1:
        change.display = int(g.integers(1, 10))
    elif found is not None and found.place == "stop" and g.random() < 0.5:
        change.trigger = int(g.integers(95, 106))
    elif found is not None and found.type == OrderType.PEGGED and g.random() < 0.5:
        change.offset = int(g.integers(0, 3))
    return change


def pick(g: np.random.Generator, twins: Twins) -> tuple[int, int]:
    if g.random() < 0.1:
        return int(g.integers(0, 5)), int(g.integers(1, 50))
    w = twins.naive.orders[int(g.integers(len(twins.naive.orders)))].wish
    return w.actor, w.cid


def rules_of(
    self_trade: SelfTradePrevention = SelfTradePrevention.NONE,
    halt: HaltPolicy = HaltPolicy.QUEUE,
    display: Display = Display.LIT,
    status: Status = Status.TRADING,
    ticks: tuple[tuple[int, int], ...] = ((1, 1),),
) -> VenueRules:
    instrument = InstrumentRules(
        instrument_id=1, lowest_ticks=LOW, highest_ticks=HIGH, tick_table=ticks, max_lots=1000
    )
    return VenueRules(
        instruments=(instrument,),
        self_trade=self_trade,
        halt=halt,
        display=display,
        quotes=QuoteOutput.ON,
        initial_status=status,
        max_orders=60,
        max_orders_per_actor=30,
        max_actors=3,
    )


some_rules = st.builds(
    rules_of,
    st.sampled_from(SelfTradePrevention),
    st.sampled_from(HaltPolicy),
    st.sampled_from(Display),
    st.sampled_from([Status.TRADING, Status.PRE_OPEN]),
    st.sampled_from([((1, 1),), ((1, 1), (100, 2)), ((1, 2),)]),
)


@settings(max_examples=60, deadline=None)
@given(rules=some_rules, seed=st.integers(0, 2**32 - 1), n_requests=st.integers(1, 150))
def test_engine_prints_what_the_naive_venue_prints(
    rules: VenueRules, seed: int, n_requests: int
) -> None:
    play(rules, seed, n_requests)


LIT = [rules_of(mode, halt) for mode in SelfTradePrevention for halt in HaltPolicy]


@settings(max_examples=30, deadline=None)
@given(rules=st.sampled_from(LIT), seed=st.integers(0, 2**32 - 1))
def test_quantity_is_conserved_for_every_order(rules: VenueRules, seed: int) -> None:
    """Accepted = filled + cancelled + expired + resting; what a replace adds counts as asked."""
    twins = play(rules, seed, 150)
    asked: dict[tuple[int, int], int] = {}
    gone: dict[tuple[int, int], int] = {}
    bought = sold = 0
    for event in (e for e in twins.tape if e[0] == "R"):
        act, key, side, lots = event[1], event[2:4], event[4], event[6]
        if act == ReportAct.ACCEPTED:
            assert gone.get(key, 0) == asked.get(key, 0), (
                "an id may come again only when it is over"
            )
            asked[key], gone[key] = lots, 0
        elif act == ReportAct.REPLACED:
            asked[key] = gone[key] + lots
        elif act in (ReportAct.FILLED, ReportAct.CANCELLED, ReportAct.EXPIRED):
            gone[key] += lots
            if act == ReportAct.FILLED:
                bought += lots * (side == Side.BID)
                sold += lots * (side == Side.ASK)
    assert bought == sold
    for key, lots in asked.items():
        live = twins.engine.order(*key)
        assert lots - gone[key] == (live.leaves_lots if live else 0)


@settings(max_examples=30, deadline=None)
@given(rules=st.sampled_from(LIT), seed=st.integers(0, 2**32 - 1))
def test_promises_of_the_order_types_hold(rules: VenueRules, seed: int) -> None:
    """FOK all or none, post-only never takes, market and IOC never rest, own never meets own."""
    twins = Promises(rules)
    g = np.random.default_rng(seed)
    for cid in range(1, 151):
        twins.new(random_wish(g, cid, dark=False, wild=0.1))


class Promises(Twins):
    """Looks at what each new order did at once."""

    def new(self, w: Wish) -> None:
        n = len(self.tape)
        super().new(w)
        news = self.tape[n:]
        own = [e for e in news if e[0] == "R" and e[2:4] == (w.actor, w.cid)]
        took = [e for e in own if e[1] == ReportAct.FILLED and not e[8]]
        accepted = any(e[1] == ReportAct.ACCEPTED for e in own)
        live = self.engine.order(w.actor, w.cid)
        if w.type in (OrderType.LIMIT, OrderType.MARKET):
            if w.tif == TimeInForce.FOK and accepted:
                assert sum(e[6] for e in took) == w.size
            if w.tif in (TimeInForce.IOC, TimeInForce.FOK):
                assert live is None
            if w.options & OrderOption.POST_ONLY:
                assert not took
            if w.options & OrderOption.MIN_QUANTITY and accepted:
                assert sum(e[6] for e in took) >= w.least
            for e in took:
                assert w.type == OrderType.MARKET or (
                    e[5] <= w.price if w.side == Side.BID else e[5] >= w.price
                )
        if live is not None:
            assert live.displayed_lots <= max(w.size, 1)
            if w.options & OrderOption.ICEBERG:
                assert live.displayed_lots <= w.display
            if w.options & OrderOption.HIDDEN or w.type == OrderType.MIDPOINT:
                assert live.displayed_lots == 0
        if self.naive.rules.self_trade != SelfTradePrevention.NONE:
            fills = [e for e in news if e[0] == "R" and e[1] == ReportAct.FILLED]
            for maker, taker in zip(fills[::2], fills[1::2], strict=True):
                assert maker[2] != taker[2]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_same_input_gives_the_same_bytes(seed: int) -> None:
    rules = rules_of()
    g = np.random.default_rng(seed)
    wishes = [random_wish(g, cid, dark=False, wild=0.2) for cid in range(1, 100)]
    requests = np.concatenate([request_of(w) for w in wishes])
    whole = MatchingEngine(rules).submit(requests)
    parts = MatchingEngine(rules)
    cut = int(g.integers(len(requests)))
    pieces = [parts.submit(requests[:cut]), parts.submit(requests[cut:])]
    assert whole.tobytes() == pieces[0].tobytes() + pieces[1].tobytes()
