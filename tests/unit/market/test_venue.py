"""Worked examples of every order type and mode, each small enough to check by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kimera.errors import ConfigError, InputError
from kimera.market import (
    DepthLevel,
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
    Action,
    Kind,
    OrderOption,
    OrderType,
    RecordArray,
    RecordFlag,
    RefusalCode,
    ReportAct,
    SelfTradePrevention,
    Side,
    Status,
    TimeInForce,
    TradeFlag,
)

BID, ASK = Side.BID, Side.ASK


def venue(**changes: Any) -> MatchingEngine:
    instrument = InstrumentRules(
        instrument_id=1,
        lowest_ticks=1,
        highest_ticks=1000,
        **{k: changes.pop(k) for k in ("tick_table", "reference_ticks") if k in changes},
    )
    return MatchingEngine(VenueRules(instruments=(instrument,), **changes))


class Desk:
    """Orders with short words: `buy(1, 5, 100)` is 5 lots at 100 by actor 1."""

    def __init__(self, **changes: Any) -> None:
        self.venue = venue(**changes)
        self.n = 0

    def _new(self, actor: int, side: Side, lots: int, price: int | None, more: Any) -> RecordArray:
        self.n += 1
        return self.venue.submit(
            new_order(
                actor_id=actor,
                order_id=self.n,
                side=side,
                size_lots=lots,
                price_ticks=price,
                **more,
            )
        )

    def buy(self, actor: int, lots: int, price: int | None = None, **more: Any) -> RecordArray:
        return self._new(actor, BID, lots, price, more)

    def sell(self, actor: int, lots: int, price: int | None = None, **more: Any) -> RecordArray:
        return self._new(actor, ASK, lots, price, more)

    def status(self, status: Status) -> RecordArray:
        return self.venue.submit(status_change(status))


def reports(out: RecordArray, actor: int | None = None) -> list[tuple[str, int, int]]:
    """(what, price, lots) of an actor's reports; price 0 when absent."""
    rows = out[out["kind"] == Kind.REPORT]
    return [
        (ReportAct(r["action"]).name, max(0, int(r["price_ticks"])), int(r["size_lots"]))
        for r in rows
        if actor in (None, r["actor_id"])
    ]


def public(out: RecordArray) -> list[tuple[str, int, int]]:
    """(what, price, lots) of the public deltas."""
    rows = out[out["kind"] == Kind.DELTA]
    return [(Action(r["action"]).name, int(r["price_ticks"]), int(r["size_lots"])) for r in rows]


def refusal(out: RecordArray) -> RefusalCode:
    assert len(out) == 1
    assert ReportAct(out["action"][0]) in (ReportAct.REJECTED, ReportAct.CANCEL_REJECTED)
    return RefusalCode(out["detail"][0])


def test_limit_rests_and_trades_at_the_resting_price() -> None:
    desk = Desk()
    assert public(desk.sell(1, 5, 101)) == [("ADD", 101, 5)]
    out = desk.buy(2, 7, 103)
    assert public(out) == [("EXECUTE", 101, 5), ("ADD", 103, 2)]
    assert reports(out, 1) == [("FILLED", 101, 5)]
    assert reports(out, 2) == [("ACCEPTED", 103, 7), ("FILLED", 101, 5)]
    maker = out[(out["kind"] == Kind.REPORT) & (out["actor_id"] == 1)]
    assert maker["flags"][0] & RecordFlag.MAKER


def test_price_then_time_decides_who_trades() -> None:
    desk = Desk()
    desk.sell(1, 5, 102)
    desk.sell(2, 5, 101)
    desk.sell(3, 5, 101)
    out = desk.buy(4, 12, 102)
    fills = out[(out["action"] == ReportAct.FILLED) & (out["kind"] == Kind.REPORT)]
    makers = fills[(fills["flags"] & RecordFlag.MAKER) != 0]
    assert makers["actor_id"].tolist() == [2, 3, 1]
    assert makers["size_lots"].tolist() == [5, 5, 2]


def test_market_takes_what_there_is_and_never_rests() -> None:
    desk = Desk()
    assert refusal(desk.buy(1, 5, order_type=OrderType.MARKET)) == RefusalCode.NO_LIQUIDITY
    desk.sell(1, 3, 110)
    out = desk.buy(2, 5, order_type=OrderType.MARKET)
    assert reports(out, 2) == [("ACCEPTED", 0, 5), ("FILLED", 110, 3), ("CANCELLED", 0, 2)]
    assert desk.venue.n_orders == 0


def test_ioc_cancels_its_rest() -> None:
    desk = Desk()
    desk.sell(1, 3, 100)
    out = desk.buy(2, 5, 100, time_in_force=TimeInForce.IOC)
    assert reports(out, 2)[1:] == [("FILLED", 100, 3), ("CANCELLED", 100, 2)]


def test_fok_fills_whole_or_is_refused() -> None:
    desk = Desk()
    desk.sell(1, 3, 100)
    desk.sell(1, 3, 101, options=OrderOption.HIDDEN)
    fok = {"time_in_force": TimeInForce.FOK}
    assert refusal(desk.buy(2, 7, 101, **fok)) == RefusalCode.CANNOT_FILL
    assert public(desk.buy(2, 6, 101, **fok)) == [("EXECUTE", 100, 3), ("TRADE", 101, 3)]


def test_post_only_that_would_take_is_refused() -> None:
    desk = Desk()
    desk.sell(1, 3, 100)
    post = {"options": OrderOption.POST_ONLY}
    assert refusal(desk.buy(2, 1, 100, **post)) == RefusalCode.WOULD_CROSS
    assert public(desk.buy(2, 1, 99, **post)) == [("ADD", 99, 1)]


def test_iceberg_shows_a_part_and_loses_priority_when_it_shows_the_next() -> None:
    desk = Desk()
    ice = desk.sell(1, 10, 100, options=OrderOption.ICEBERG, display_lots=4)
    assert public(ice) == [("ADD", 100, 4)]
    desk.sell(2, 4, 100)
    out = desk.buy(3, 10, 100)
    assert public(out) == [
        ("EXECUTE", 100, 4),
        ("ADD", 100, 4),  # the next part, behind actor 2
        ("EXECUTE", 100, 4),
        ("EXECUTE", 100, 2),
    ]
    ids = out[out["kind"] == Kind.DELTA]["order_id"]
    assert ids[0] != ids[1], "the tape must not tell the next part from a new order"
    assert desk.venue.best(1, ASK) == DepthLevel(100, 2, 1)


def test_hidden_order_is_never_displayed_and_trades_after_displayed_ones() -> None:
    desk = Desk()
    assert public(desk.sell(1, 5, 100, options=OrderOption.HIDDEN)) == []
    desk.sell(2, 5, 100)
    out = desk.buy(3, 8, 100)
    assert public(out) == [("EXECUTE", 100, 5), ("TRADE", 100, 3)]
    trade = out[(out["kind"] == Kind.DELTA) & (out["action"] == Action.TRADE)]
    assert trade["flags"][0] & RecordFlag.HIDDEN
    assert trade["side"][0] == BID
    assert trade["order_id"][0] == 0
    assert desk.venue.best(1, ASK) is None


def test_stop_is_elected_by_a_trade_at_its_trigger() -> None:
    desk = Desk()
    desk.sell(1, 1, 105)
    desk.sell(1, 5, 106)
    desk.buy(2, 2, order_type=OrderType.STOP, trigger_ticks=105)
    out = desk.buy(3, 1, 105)
    assert reports(out, 2) == [("TRIGGERED", 105, 2), ("FILLED", 106, 2)]


def test_stop_whose_trigger_has_passed_is_elected_at_once() -> None:
    desk = Desk()
    desk.sell(1, 1, 105)
    desk.buy(2, 1, 105)
    desk.sell(1, 5, 107)
    out = desk.buy(3, 2, order_type=OrderType.STOP, trigger_ticks=104)
    assert [r[0] for r in reports(out, 3)] == ["ACCEPTED", "TRIGGERED", "FILLED"]


def test_stop_limit_rests_at_its_limit_when_elected() -> None:
    desk = Desk()
    desk.buy(1, 1, 95)
    desk.sell(2, 4, 94, order_type=OrderType.STOP_LIMIT, trigger_ticks=95)
    assert desk.venue.best(1, ASK) is None
    out = desk.sell(3, 1, 95)
    assert reports(out, 2) == [("TRIGGERED", 95, 4)]
    assert desk.venue.best(1, ASK) == DepthLevel(94, 4, 1)


def test_stops_elect_stops() -> None:
    desk = Desk()
    for price in (101, 102, 103):
        desk.sell(1, 1, price)
    desk.buy(2, 1, order_type=OrderType.STOP, trigger_ticks=102)
    desk.buy(3, 1, order_type=OrderType.STOP, trigger_ticks=101)
    out = desk.buy(4, 1, 101)
    triggered = out[(out["kind"] == Kind.REPORT) & (out["action"] == ReportAct.TRIGGERED)]
    assert triggered["actor_id"].tolist() == [3, 2]
    assert desk.venue.last_trade_ticks(1) == 103


def test_peg_follows_the_best_price_and_loses_priority() -> None:
    desk = Desk()
    desk.buy(1, 5, 100)
    peg = desk.buy(2, 3, order_type=OrderType.PEGGED, peg_offset_ticks=1)
    assert public(peg) == [("ADD", 99, 3)]
    desk.buy(1, 5, 101)
    assert desk.venue.order(2, 2) is not None
    assert desk.venue.size_at(1, BID, 100) == 8
    assert desk.venue.lots_ahead(2, 2) == 5


def test_peg_keeps_its_limit_and_waits_without_a_reference() -> None:
    desk = Desk()
    desk.sell(2, 3, 104, order_type=OrderType.PEGGED)
    assert desk.venue.best(1, ASK) is None
    assert public(desk.sell(1, 1, 102)) == [("ADD", 102, 1), ("ADD", 104, 3)]
    desk.venue.submit(cancel_order(actor_id=1, order_id=2))
    assert desk.venue.best(1, ASK) is None, "a peg does not support itself"


def test_midpoint_trades_between_the_best_prices_undisplayed() -> None:
    desk = Desk()
    desk.buy(1, 5, 100)
    desk.sell(1, 5, 104)
    assert public(desk.buy(2, 3, order_type=OrderType.MIDPOINT)) == []
    out = desk.sell(3, 2, order_type=OrderType.MIDPOINT)
    assert public(out) == [("TRADE", 102, 2)]
    assert public(desk.sell(3, 5, 101)) == [("TRADE", 102, 1), ("ADD", 101, 4)]


def test_minimum_quantity_is_met_at_once_or_refused() -> None:
    desk = Desk()
    desk.sell(1, 3, 100)
    wish = {"options": OrderOption.MIN_QUANTITY}
    assert refusal(desk.buy(2, 9, 100, min_lots=4, **wish)) == RefusalCode.CANNOT_FILL
    out = desk.buy(2, 9, 100, min_lots=3, **wish)
    assert public(out) == [("EXECUTE", 100, 3), ("ADD", 100, 6)]


@pytest.mark.parametrize(
    ("mode", "resting", "incoming"),
    [
        (SelfTradePrevention.NONE, [("FILLED", 100, 3)], [("FILLED", 100, 3)]),
        (SelfTradePrevention.CANCEL_RESTING, [("CANCELLED", 100, 3)], [("FILLED", 100, 5)]),
        (SelfTradePrevention.CANCEL_INCOMING, [], [("CANCELLED", 100, 5)]),
        (SelfTradePrevention.CANCEL_BOTH, [("CANCELLED", 100, 3)], [("CANCELLED", 100, 5)]),
        (
            SelfTradePrevention.DECREMENT_BOTH,
            [("CANCELLED", 100, 3)],
            [("CANCELLED", 100, 3), ("FILLED", 100, 2)],
        ),
    ],
)
def test_self_trade_prevention_modes(
    mode: SelfTradePrevention, resting: list[Any], incoming: list[Any]
) -> None:
    desk = Desk(self_trade=mode)
    desk.sell(1, 3, 100)
    desk.sell(2, 9, 100)
    out = desk.buy(1, 5, 100)
    rows = out[(out["kind"] == Kind.REPORT) & (out["actor_id"] == 1)]
    assert reports(rows[rows["side"] == ASK]) == resting
    first = reports(rows[rows["side"] == BID])[1 : 1 + len(incoming)]
    assert first == incoming


def test_self_trade_mode_of_an_actor_comes_before_that_of_the_venue() -> None:
    desk = Desk(self_trade=SelfTradePrevention.CANCEL_BOTH)
    desk.venue.set_self_trade(1, SelfTradePrevention.NONE)
    desk.sell(1, 3, 100)
    assert public(desk.buy(1, 3, 100)) == [("EXECUTE", 100, 3)]


def test_opening_auction_finds_the_price_of_most_volume() -> None:
    # demand:  102: 5, 101: 15, 100: 25   supply: 99: 10, 100: 18, 101: 30
    # volume:  102: 5, 101: 15, 100: 18  -> 100, with 18
    desk = Desk(initial_status=Status.PRE_OPEN)
    for lots, price in ((5, 102), (10, 101), (10, 100)):
        desk.buy(1, lots, price)
    for lots, price in ((10, 99), (8, 100), (12, 101)):
        desk.sell(2, lots, price)
    assert desk.venue.best(1, BID) == DepthLevel(102, 5, 1)
    out = desk.status(Status.TRADING)
    prints = out[(out["kind"] == Kind.DELTA) & (out["action"] == Action.TRADE)]
    assert prints["price_ticks"].tolist() == [100]
    assert prints["size_lots"].tolist() == [18]
    assert prints["detail"][0] == TradeFlag.AUCTION
    executes = out[(out["kind"] == Kind.DELTA) & (out["action"] == Action.EXECUTE)]
    assert (executes["detail"] == TradeFlag.AUCTION | TradeFlag.NO_PRINT).all()
    assert executes["size_lots"].sum() == 2 * 18
    assert desk.venue.best(1, BID) == DepthLevel(100, 7, 1)
    assert desk.venue.best(1, ASK) == DepthLevel(101, 12, 1)


def test_auction_ties_go_to_the_least_imbalance_and_then_to_the_reference() -> None:
    # 100..103 all trade 5; at 100 one seller more is there, 101..103 balance: nearest to 102 wins.
    desk = Desk(initial_status=Status.PRE_OPEN, reference_ticks=102)
    desk.buy(1, 5, 103)
    desk.sell(2, 5, 101)
    desk.buy(3, 1, 100)
    out = desk.status(Status.TRADING)
    assert ("TRADE", 102, 5) in public(out)


def test_orders_for_the_open_expire_after_it_and_limits_stay() -> None:
    desk = Desk(initial_status=Status.OPENING_AUCTION)
    desk.buy(1, 8, order_type=OrderType.MARKET, time_in_force=TimeInForce.AT_OPEN)
    desk.sell(2, 5, 100)
    desk.sell(3, 2, 120)
    desk.buy(4, 1, 90, time_in_force=TimeInForce.AT_OPEN)
    out = desk.status(Status.TRADING)
    assert reports(out, 1) == [("FILLED", 120, 7), ("EXPIRED", 0, 1)]
    assert reports(out, 4) == [("EXPIRED", 90, 1)]
    desk.sell(2, 5, 100)
    assert desk.venue.n_orders == 1


def test_closing_auction_gathers_orders_for_the_close() -> None:
    desk = Desk(reference_ticks=100)
    desk.buy(1, 5, 100)
    at_close = {"time_in_force": TimeInForce.AT_CLOSE}
    assert public(desk.sell(2, 3, 99, **at_close)) == [], "not matched before the close"
    desk.status(Status.CLOSING_AUCTION)
    desk.sell(3, 4, order_type=OrderType.MARKET, **at_close)
    out = desk.status(Status.CLOSED)
    assert reports(out, 3) == [("FILLED", 100, 4)]
    assert reports(out, 2) == [("FILLED", 100, 1), ("EXPIRED", 99, 2)]
    assert desk.venue.n_orders == 0


def test_halt_refuses_new_orders_but_not_cancels() -> None:
    desk = Desk()
    desk.buy(1, 5, 100)
    desk.status(Status.HALTED)
    assert refusal(desk.sell(2, 5, 100)) == RefusalCode.NOT_TRADING
    out = desk.venue.submit(cancel_order(actor_id=1, order_id=1))
    assert reports(out) == [("CANCELLED", 100, 5)]


def test_halt_that_queues_reopens_with_an_auction() -> None:
    desk = Desk(halt=HaltPolicy.QUEUE)
    desk.buy(1, 5, 100)
    desk.status(Status.HALTED)
    assert public(desk.sell(2, 3, 98)) == [("ADD", 98, 3)]
    out = desk.status(Status.TRADING)
    assert reports(out, 2) == [("FILLED", 98, 3)]
    assert desk.venue.best(1, BID) == DepthLevel(100, 2, 1)


def test_day_ends_by_schedule_and_orders_expire() -> None:
    desk = Desk()
    desk.buy(1, 5, 100, ts_event_ns=10)
    assert desk.venue.schedule(50, 1, Status.CLOSED)
    assert len(desk.venue.advance(49)) == 0
    out = desk.venue.advance(50)
    assert reports(out) == [("EXPIRED", 100, 5)]
    assert out["ts_event_ns"].tolist() == [50, 50, 50]
    assert desk.venue.status(1) == Status.CLOSED


def test_scheduled_status_comes_before_a_later_order() -> None:
    desk = Desk()
    desk.venue.schedule(50, 1, Status.HALTED)
    out = desk.buy(1, 5, 100, ts_event_ns=60)
    assert out["kind"].tolist() == [Kind.STATUS, Kind.REPORT]
    assert out["detail"][1] == RefusalCode.NOT_TRADING


def test_dark_venue_prints_at_the_midpoint_and_displays_nothing() -> None:
    desk = Desk(display=Display.DARK)
    desk.venue.set_reference(1, 100, 104, 1)
    assert public(desk.buy(1, 10, 103)) == []
    assert public(desk.sell(2, 4, 103)) == [], "its limit is above the midpoint"
    assert public(desk.sell(3, 4, 101)) == [("TRADE", 102, 4)]
    assert desk.venue.best(1, BID) is None
    out = desk.venue.set_reference(1, 102, 104, 2)
    assert public(out) == [("TRADE", 103, 4)]


def test_dark_minimum_quantity_passes_over_small_ones() -> None:
    desk = Desk(display=Display.DARK)
    desk.venue.set_reference(1, 100, 104, 1)
    large: dict[str, Any] = {
        "order_type": OrderType.MIDPOINT,
        "options": OrderOption.MIN_QUANTITY,
        "min_lots": 5,
    }
    desk.buy(1, 10, **large)
    assert public(desk.sell(2, 4, 102)) == []
    assert public(desk.sell(3, 6, 102)) == [("TRADE", 102, 6)]


def test_replace_keeps_priority_only_when_it_shrinks() -> None:
    desk = Desk()
    desk.buy(1, 5, 100)
    desk.buy(2, 5, 100)
    smaller = desk.venue.submit(replace_order(actor_id=1, order_id=1, size_lots=3))
    assert public(smaller) == [("MODIFY", 100, 3)]
    assert desk.venue.lots_ahead(1, 1) == 0
    desk.venue.submit(replace_order(actor_id=1, order_id=1, size_lots=4))
    assert desk.venue.lots_ahead(1, 1) == 5


def test_replace_into_the_other_side_trades() -> None:
    desk = Desk()
    desk.sell(1, 2, 101)
    desk.buy(2, 5, 100)
    out = desk.venue.submit(replace_order(actor_id=2, order_id=2, size_lots=5, price_ticks=101))
    assert public(out) == [("CANCEL", 100, 5), ("EXECUTE", 101, 2), ("ADD", 101, 3)]
    assert reports(out, 2) == [("REPLACED", 101, 5), ("FILLED", 101, 2)]


def test_replace_moves_a_stop_and_a_peg() -> None:
    desk = Desk()
    desk.buy(1, 1, order_type=OrderType.STOP, trigger_ticks=110)
    desk.venue.submit(replace_order(actor_id=1, order_id=1, size_lots=1, trigger_ticks=120))
    stop = desk.venue.order(1, 1)
    assert stop is not None
    assert stop.price_ticks == 120
    desk.buy(2, 1, 100)
    desk.buy(3, 1, order_type=OrderType.PEGGED)
    desk.venue.submit(replace_order(actor_id=3, order_id=3, size_lots=1, peg_offset_ticks=2))
    assert desk.venue.size_at(1, BID, 98) == 1


def test_tick_table_refuses_prices_between_ticks() -> None:
    desk = Desk(tick_table=((1, 1), (100, 5)))
    assert refusal(desk.buy(1, 1, 101)) == RefusalCode.BAD_PRICE
    assert public(desk.buy(1, 1, 105)) == [("ADD", 105, 1)]
    assert public(desk.buy(1, 1, 99)) == [("ADD", 99, 1)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument_id": 9}, RefusalCode.UNKNOWN_INSTRUMENT),
        ({"actor_id": 0}, RefusalCode.UNKNOWN_ACTOR),
        ({"size_lots": 0}, RefusalCode.BAD_SIZE),
        ({"size_lots": -5}, RefusalCode.BAD_SIZE),
        ({"price_ticks": 0}, RefusalCode.BAD_PRICE),
        ({"price_ticks": 1001}, RefusalCode.BAD_PRICE),
        ({"price_ticks": None}, RefusalCode.BAD_PRICE),
        ({"side": Side.NONE}, RefusalCode.NOT_SUPPORTED),
        ({"options": OrderOption.REDUCE_ONLY}, RefusalCode.NOT_SUPPORTED),
        ({"order_type": OrderType.STOP}, RefusalCode.BAD_PRICE),
        ({"options": OrderOption.ICEBERG}, RefusalCode.BAD_SIZE),
        ({"time_in_force": TimeInForce.AT_OPEN}, RefusalCode.NOT_TRADING),
    ],
)
def test_wrong_orders_are_refused_with_their_code(changes: Any, code: RefusalCode) -> None:
    wish = {"actor_id": 1, "order_id": 1, "side": BID, "size_lots": 1, "price_ticks": 10}
    engine = venue()
    assert refusal(engine.submit(new_order(**(wish | changes)))) == code
    assert engine.n_orders == 0
    assert engine.counters()[f"refused_{code.name.lower()}"] == 1


def test_bounds_are_refused_and_counted() -> None:
    desk = Desk(max_orders=3, max_orders_per_actor=2, max_levels=2)
    desk.buy(1, 1, 10)
    desk.buy(1, 1, 11)
    assert refusal(desk.buy(1, 1, 10)) == RefusalCode.BOOK_FULL
    assert reports(desk.buy(2, 1, 12), 2)[-1] == ("CANCELLED", 12, 1)
    desk.buy(2, 1, 10)
    assert refusal(desk.buy(3, 1, 10)) == RefusalCode.BOOK_FULL
    assert desk.venue.counters()["refused_book_full"] == 2


def test_cancel_tells_gone_from_never_there() -> None:
    desk = Desk()
    desk.buy(1, 1, 10)
    desk.venue.submit(cancel_order(actor_id=1, order_id=1))
    for order_id, code in ((1, RefusalCode.TOO_LATE), (2, RefusalCode.UNKNOWN_ORDER)):
        out = desk.venue.submit(cancel_order(actor_id=1, order_id=order_id))
        assert refusal(out) == code


def test_same_id_of_two_actors_is_two_orders() -> None:
    engine = venue()
    for actor in (1, 2):
        wish = new_order(actor_id=actor, order_id=7, side=BID, size_lots=actor, price_ticks=10)
        engine.submit(wish)
    assert engine.size_at(1, BID, 10) == 3
    again = new_order(actor_id=2, order_id=7, side=BID, size_lots=1, price_ticks=10)
    assert refusal(engine.submit(again)) == RefusalCode.DUPLICATE_ORDER_ID


def test_quotes_are_printed_when_the_best_level_changes() -> None:
    desk = Desk(quotes=QuoteOutput.ON)
    quotes = desk.buy(1, 5, 100)
    quotes = quotes[quotes["kind"] == Kind.QUOTE]
    assert (quotes["price_ticks"].tolist(), quotes["size_lots"].tolist()) == ([100], [5])
    assert not (desk.buy(1, 5, 99)["kind"] == Kind.QUOTE).any()


def test_instruments_of_one_venue_do_not_touch() -> None:
    rules = tuple(InstrumentRules(instrument_id=i, highest_ticks=1000) for i in (3, 8))
    engine = MatchingEngine(VenueRules(instruments=rules))
    wishes = [
        new_order(
            actor_id=1, order_id=i, side=side, size_lots=1, price_ticks=50, instrument_id=instrument
        )
        for i, (instrument, side) in enumerate([(3, BID), (8, ASK)], start=1)
    ]
    out = engine.submit(np.concatenate(wishes))
    assert public(out) == [("ADD", 50, 1), ("ADD", 50, 1)]
    sequence = out[out["kind"] == Kind.DELTA]["sequence"]
    assert sequence.tolist() == [1, 2]


def test_terms_without_their_order_are_dropped_and_counted() -> None:
    engine = venue()
    stop = new_order(
        actor_id=1, order_id=1, side=BID, size_lots=1, order_type=OrderType.STOP, trigger_ticks=5
    )
    other = new_order(actor_id=1, order_id=2, side=BID, size_lots=1, price_ticks=5)
    engine.submit(np.concatenate([stop[:1], other]))
    assert engine.counters()["unmatched_terms"] == 1
    assert refusal(engine.submit(stop[1:])) == RefusalCode.BAD_PRICE


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (VenueRules(instruments=()), "at least one"),
        (VenueRules(instruments=(InstrumentRules(instrument_id=1),), max_orders=0), "max_orders"),
        (
            VenueRules(
                instruments=(InstrumentRules(instrument_id=1, lowest_ticks=9, highest_ticks=8),)
            ),
            "highest_ticks",
        ),
        (
            VenueRules(
                instruments=(InstrumentRules(instrument_id=1, tick_table=((1, 2), (5, 5))),)
            ),
            "tick band from 5",
        ),
        (VenueRules(instruments=(InstrumentRules(instrument_id=1),) * 2), "twice"),
    ],
)
def test_contradicting_rules_are_a_config_error(rules: VenueRules, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MatchingEngine(rules)


def test_requests_of_another_dtype_are_an_input_error() -> None:
    with pytest.raises(InputError, match="dtype RECORD"):
        venue().submit(np.zeros(3))  # type: ignore[arg-type]
