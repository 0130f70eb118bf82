"""A matching engine to trade on: rules in, orders in, the venue's record stream out.

The engine itself is C++ (``native/include/kimera/market/matching_engine.hpp``); this is its face
for notebooks and tests. Orders and what becomes of them are record arrays; ``docs/venue.md``
says what each order type does.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec
import numpy as np

from kimera._native import market as _native
from kimera.errors import ConfigError, InputError
from kimera.model import (
    NO_PRICE,
    NO_TIME,
    RECORD,
    Kind,
    OrderAct,
    OrderOption,
    OrderType,
    RecordArray,
    RefusalCode,
    SelfTradePrevention,
    Side,
    Status,
    TimeInForce,
    empty_records,
    records_from_bytes,
)

__all__ = [
    "DepthLevel",
    "Display",
    "HaltPolicy",
    "InstrumentRules",
    "MatchingEngine",
    "OrderState",
    "QuoteOutput",
    "VenueRules",
    "cancel_order",
    "new_order",
    "replace_order",
    "status_change",
]

_MAX_MIN_LOTS = 2**32 - 1


class HaltPolicy(IntEnum):
    """What happens to new orders during a halt."""

    REFUSE = 0
    QUEUE = 1


class QuoteOutput(IntEnum):
    """Whether a change of the best price or its size is printed as a Quote record."""

    OFF = 0
    ON = 1


class Display(IntEnum):
    """Whether the venue displays its book."""

    LIT = 0
    DARK = 1


class InstrumentRules(msgspec.Struct, frozen=True, kw_only=True):
    """What may be ordered in one instrument.

    Attributes
    ----------
    instrument_id : int
        Index in the tape's instrument table, from 1.
    lowest_ticks, highest_ticks : int
        Price window [ticks], both ends allowed, at most 2^24 wide.
    tick_table : tuple of (int, int)
        Bands ``(from_ticks, step_ticks)``: from there on prices are multiples of the step. Each
        band starts on a multiple of its own step and of the one below.
    lot_step, min_lots, max_lots : int
        A size [lots] is a multiple of the step within the bounds.
    reference_ticks : int or None
        Breaks ties of the first auction, before there is a last trade [ticks].
    """

    instrument_id: Annotated[int, msgspec.Meta(ge=1, lt=2**24)]
    lowest_ticks: Annotated[int, msgspec.Meta(ge=1)] = 1
    highest_ticks: Annotated[int, msgspec.Meta(ge=1)] = 1 << 17
    tick_table: tuple[tuple[int, int], ...] = ((1, 1),)
    lot_step: Annotated[int, msgspec.Meta(ge=1)] = 1
    min_lots: Annotated[int, msgspec.Meta(ge=1)] = 1
    max_lots: Annotated[int, msgspec.Meta(ge=1)] = 10**12
    reference_ticks: int | None = None


class VenueRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue is told at its opening.

    Attributes
    ----------
    instruments : tuple of InstrumentRules
        At least one.
    venue_id : int
        Stamped on every record.
    maker_fee_e7, taker_fee_e7, auction_fee_e7 : int
        Fee per unit of traded value, in 1e-7; negative is a rebate.
    self_trade, halt, quotes, display, initial_status
        See the enumerations.
    max_orders, max_orders_per_actor, max_levels, max_actors, max_schedule : int
        Bounds: resting orders in all and per actor, price levels per instrument and side, highest
        actor id, timed status changes. Beyond them an order is refused with ``BOOK_FULL``
        (``UNKNOWN_ACTOR`` for the actor id).
    """

    instruments: tuple[InstrumentRules, ...]
    venue_id: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1
    maker_fee_e7: int = 0
    taker_fee_e7: int = 0
    auction_fee_e7: int = 0
    self_trade: SelfTradePrevention = SelfTradePrevention.NONE
    halt: HaltPolicy = HaltPolicy.REFUSE
    quotes: QuoteOutput = QuoteOutput.OFF
    display: Display = Display.LIT
    initial_status: Status = Status.TRADING
    max_orders: Annotated[int, msgspec.Meta(ge=1, le=2**28)] = 1 << 17
    max_orders_per_actor: Annotated[int, msgspec.Meta(ge=1, le=2**28)] = 1 << 17
    max_levels: Annotated[int, msgspec.Meta(ge=1, le=2**24)] = 1 << 17
    max_actors: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 65535
    max_schedule: Annotated[int, msgspec.Meta(ge=1, le=2**20)] = 1024


class DepthLevel(msgspec.Struct, frozen=True):
    """One displayed price level: price [ticks], total [lots], orders."""

    price_ticks: int
    size_lots: int
    n_orders: int


class OrderState(msgspec.Struct, frozen=True):
    """What the venue knows about a live order.

    Attributes
    ----------
    side : Side
        Side.
    price_ticks : int or None
        Where it rests [ticks], its trigger while it waits as a stop; None while it has no price.
    leaves_lots, displayed_lots : int
        What is open, and the part that is in the displayed book [lots].
    venue_order_id : int
        Its id in the public stream.
    """

    side: Side
    price_ticks: int | None
    leaves_lots: int
    displayed_lots: int
    venue_order_id: int


def _native_rules(rules: InstrumentRules) -> _native.InstrumentRules:
    out = _native.InstrumentRules()
    for name in ("instrument_id", "lowest_ticks", "highest_ticks", "lot_step", "min_lots"):
        setattr(out, name, getattr(rules, name))
    out.max_lots = rules.max_lots
    out.reference_ticks = NO_PRICE if rules.reference_ticks is None else rules.reference_ticks
    out.set_ticks(list(rules.tick_table))
    return out


def _native_config(rules: VenueRules) -> _native.VenueConfig:
    out = _native.VenueConfig()
    out.venue_id = rules.venue_id
    for name in ("max_orders", "max_orders_per_actor", "max_levels", "max_actors", "max_schedule"):
        setattr(out, name, getattr(rules, name))
    out.set_fees(rules.maker_fee_e7, rules.taker_fee_e7, rules.auction_fee_e7)
    out.set_modes(rules.self_trade, rules.halt, rules.quotes, rules.display, rules.initial_status)
    for instrument in rules.instruments:
        out.add(_native_rules(instrument))
    return out


class MatchingEngine:
    """One venue with many instruments: price, then displayed before hidden, then time.

    Parameters
    ----------
    rules : VenueRules
        Instruments, modes, fees and bounds.

    Raises
    ------
    ConfigError
        If the rules contradict themselves.

    Examples
    --------
    >>> from kimera.market import InstrumentRules, MatchingEngine, VenueRules, new_order
    >>> from kimera.model import ReportAct, Side
    >>> venue = MatchingEngine(VenueRules(instruments=(InstrumentRules(instrument_id=1),)))
    >>> _ = venue.submit(new_order(actor_id=1, order_id=1, side=Side.ASK, price_ticks=101,
    ...                            size_lots=5))
    >>> out = venue.submit(new_order(actor_id=2, order_id=1, side=Side.BID, price_ticks=101,
    ...                              size_lots=2))
    >>> [ReportAct(r["action"]).name for r in out if r["actor_id"] == 2]
    ['ACCEPTED', 'FILLED']
    >>> venue.best(1, Side.ASK)
    DepthLevel(price_ticks=101, size_lots=3, n_orders=1)
    """

    def __init__(self, rules: VenueRules) -> None:
        if not rules.instruments:
            raise ConfigError("$.instruments: expected at least one instrument, found none")
        try:  # ranges are checked by a conversion, not by a constructor
            self.rules = msgspec.convert(msgspec.to_builtins(rules), VenueRules)
        except msgspec.ValidationError as error:
            raise ConfigError(str(error)) from error
        try:
            self._engine = _native.MatchingEngine(_native_config(rules))
        except ValueError as error:
            raise ConfigError(f"$.instruments: {error}") from error

    def submit(self, requests: RecordArray) -> RecordArray:
        """Let requests arrive, one after the other.

        Parameters
        ----------
        requests : ndarray of shape (n_requests,) and dtype RECORD
            ``ORDER`` records (see :func:`new_order`) and ``STATUS`` records. Times that run
            backwards are taken as "now".

        Returns
        -------
        ndarray of shape (n_records,) and dtype RECORD
            Public records (``DELTA``, ``QUOTE``, ``STATUS``; ``sequence`` rises by one) and private
            ``REPORT`` records, in the order in which things happened.

        Raises
        ------
        InputError
            If `requests` has another dtype.
        """
        if requests.dtype != RECORD:
            raise InputError(f"requests: expected dtype RECORD, found {requests.dtype}")
        raw = np.ascontiguousarray(requests).view(np.uint8).reshape(-1)
        return records_from_bytes(self._engine.submit(raw))

    def set_reference(
        self, instrument_id: int, bid_ticks: int | None, ask_ticks: int | None, ts_ns: int
    ) -> RecordArray:
        """Tell a dark venue the best prices elsewhere [ticks]; None: none. Gives what trades."""
        bid = NO_PRICE if bid_ticks is None else bid_ticks
        ask = NO_PRICE if ask_ticks is None else ask_ticks
        return records_from_bytes(self._engine.set_reference(instrument_id, bid, ask, ts_ns))

    def set_self_trade(self, actor_id: int, mode: SelfTradePrevention) -> None:
        """Set the mode of one actor's incoming orders, instead of the venue's."""
        self._engine.set_self_trade(actor_id, mode)

    def schedule(self, ts_ns: int, instrument_id: int, status: Status) -> bool:
        """Plan a status change at `ts_ns`; False when ``max_schedule`` are waiting."""
        return bool(self._engine.schedule(ts_ns, instrument_id, status))

    def advance(self, ts_ns: int) -> RecordArray:
        """Let time pass until `ts_ns`: planned status changes happen. Gives their records."""
        return records_from_bytes(self._engine.advance(ts_ns))

    def levels(self, instrument_id: int, side: Side, n_levels: int) -> tuple[DepthLevel, ...]:
        """List the best displayed levels, best first."""
        return tuple(DepthLevel(*row) for row in self._engine.levels(instrument_id, side, n_levels))

    def best(self, instrument_id: int, side: Side) -> DepthLevel | None:
        """Give the best displayed level; None when the side is empty."""
        found = self.levels(instrument_id, side, 1)
        return found[0] if found else None

    def size_at(self, instrument_id: int, side: Side, price_ticks: int) -> int:
        """Give the displayed total [lots] at a price [ticks]."""
        return int(self._engine.size_at(instrument_id, side, price_ticks))

    def order(self, actor_id: int, order_id: int) -> OrderState | None:
        """Give the state of a live order by its owner's id; None when there is none."""
        live, side, price, leaves, displayed, venue_id = self._engine.order(actor_id, order_id)
        if not live:
            return None
        return OrderState(
            Side(side), None if price == NO_PRICE else price, leaves, displayed, venue_id
        )

    def lots_ahead(self, actor_id: int, order_id: int) -> int | None:
        """Give the displayed lots before an order in its queue; None when it is not displayed."""
        lots = int(self._engine.lots_ahead(actor_id, order_id))
        return None if lots < 0 else lots

    def status(self, instrument_id: int) -> Status:
        """Give the trading status of an instrument."""
        return Status(self._engine.status(instrument_id))

    def last_trade_ticks(self, instrument_id: int) -> int | None:
        """Give the price of the last trade [ticks]; None before the first."""
        price = int(self._engine.last_trade_ticks(instrument_id))
        return None if price == NO_PRICE else price

    @property
    def n_orders(self) -> int:
        """Live orders of all instruments."""
        return int(self._engine.n_orders())

    def counters(self) -> dict[str, int]:
        """Count what happened so far; refusals as ``refused_<code>`` where there were any."""
        counted = self._engine.counters()
        refused = counted.pop("refused")
        for code in RefusalCode:
            if refused[code]:
                counted[f"refused_{code.name.lower()}"] = refused[code]
        return {name: int(value) for name, value in counted.items()}


def new_order(
    *,
    actor_id: int,
    order_id: int,
    side: Side,
    size_lots: int,
    price_ticks: int | None = None,
    instrument_id: int = 1,
    ts_event_ns: int = NO_TIME,
    order_type: OrderType = OrderType.LIMIT,
    time_in_force: TimeInForce = TimeInForce.DAY,
    options: OrderOption = OrderOption.NONE,
    trigger_ticks: int | None = None,
    display_lots: int = 0,
    min_lots: int = 0,
    peg_offset_ticks: int | None = None,
) -> RecordArray:
    """Make the record, or the two, of a new order.

    Parameters
    ----------
    actor_id, order_id : int
        Who, and the actor's own id, unique among its live orders.
    side, size_lots, price_ticks
        Side, size [lots], limit price [ticks], None for none.
    trigger_ticks : int, optional
        Price whose trade elects a stop [ticks].
    display_lots, min_lots : int
        Size an iceberg shows; least size a minimum-quantity order trades [lots].
    peg_offset_ticks : int, optional
        How far behind its own side's best price a peg stands [ticks], >= 0.

    Returns
    -------
    ndarray of shape (1,) or (2,)
        A ``TERMS`` record comes first when one record cannot hold the order.
    """
    return _request(
        OrderAct.NEW,
        (actor_id, order_id, instrument_id, ts_event_ns),
        (side, price_ticks, size_lots, order_type | time_in_force << 8 | options << 16),
        (trigger_ticks, display_lots, min_lots, peg_offset_ticks),
    )


def replace_order(
    *,
    actor_id: int,
    order_id: int,
    size_lots: int,
    price_ticks: int | None = None,
    instrument_id: int = 1,
    ts_event_ns: int = NO_TIME,
    trigger_ticks: int | None = None,
    display_lots: int = 0,
    peg_offset_ticks: int | None = None,
) -> RecordArray:
    """Make the records of a replace: `size_lots` is the new open size [lots].

    What is left out (price, trigger, display size, offset) stays as it is. The order keeps its
    place in the queue when only its size shrinks.
    """
    return _request(
        OrderAct.REPLACE,
        (actor_id, order_id, instrument_id, ts_event_ns),
        (Side.NONE, price_ticks, size_lots, 0),
        (trigger_ticks, display_lots, 0, peg_offset_ticks),
    )


def cancel_order(
    *, actor_id: int, order_id: int, instrument_id: int = 1, ts_event_ns: int = NO_TIME
) -> RecordArray:
    """Make the record of a cancel."""
    return _request(
        OrderAct.CANCEL,
        (actor_id, order_id, instrument_id, ts_event_ns),
        (Side.NONE, None, 0, 0),
        (None, 0, 0, None),
    )


def status_change(
    status: Status, *, instrument_id: int = 1, ts_event_ns: int = NO_TIME
) -> RecordArray:
    """Make the record that sets the trading status of an instrument."""
    record = empty_records(1)
    record["kind"] = Kind.STATUS
    record["action"] = status
    record["instrument_id"] = instrument_id
    record["ts_event_ns"] = ts_event_ns
    return record


_Identity = tuple[int, int, int, int]
_Wish = tuple[Side, int | None, int, int]
_Terms = tuple[int | None, int, int, int | None]


def _request(act: OrderAct, identity: _Identity, wish: _Wish, terms: _Terms) -> RecordArray:
    trigger, display, least, offset = terms
    if not 0 <= least <= _MAX_MIN_LOTS:
        raise InputError(f"min_lots: expected 0 to {_MAX_MIN_LOTS}, found {least}")
    plain = trigger is None and offset is None and display == 0 and least == 0
    records = empty_records(1 if plain else 2)
    records["kind"] = Kind.ORDER
    for field, value in zip(
        ("actor_id", "order_id", "instrument_id", "ts_event_ns"), identity, strict=True
    ):
        records[field] = value
    side, price, size, detail = wish
    order = records[-1:]
    records["action"], order["action"] = OrderAct.TERMS, act
    records["side"] = side
    order["price_ticks"] = NO_PRICE if price is None else price
    order["size_lots"] = size
    order["detail"] = detail
    if not plain:
        first = trigger if trigger is not None else offset
        records["price_ticks"][0] = NO_PRICE if first is None else first
        records["size_lots"][0] = display
        records["detail"][0] = least
    return records
