"""What an order says beside price, size and side; why one may be refused.

A gate or a venue that says no answers a :class:`Refused`, which is a value, never an exception.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

import msgspec

from kimera.model.record import Side

__all__ = [
    "OrderOption",
    "OrderRequest",
    "OrderType",
    "RefusalCode",
    "Refused",
    "SelfTradePrevention",
    "TimeInForce",
    "TradeFlag",
]


class OrderType(IntEnum):
    """How an order finds its price."""

    LIMIT = 0
    MARKET = 1
    STOP = 2
    STOP_LIMIT = 3
    PEGGED = 4
    MIDPOINT = 5


class TimeInForce(IntEnum):
    """How long an order lives."""

    DAY = 0
    IOC = 1
    FOK = 2
    AT_OPEN = 3
    AT_CLOSE = 4


class SelfTradePrevention(IntEnum):
    """What happens when an actor's order would trade with its own."""

    NONE = 0
    CANCEL_RESTING = 1
    CANCEL_INCOMING = 2
    CANCEL_BOTH = 3
    DECREMENT_BOTH = 4


class OrderOption(IntFlag):
    """Bits of the options of an order."""

    NONE = 0
    POST_ONLY = 1
    ICEBERG = 2
    REDUCE_ONLY = 4
    HIDDEN = 8
    MIN_QUANTITY = 16


class TradeFlag(IntFlag):
    """Bits of ``detail`` of an execution, a trade and a filled report."""

    AUCTION = 1
    NO_PRINT = 2


class RefusalCode(IntEnum):
    """Stable codes: a number once given is never given another meaning."""

    NONE = 0
    UNKNOWN_INSTRUMENT = 1
    BAD_PRICE = 2
    BAD_SIZE = 3
    UNKNOWN_ORDER = 4
    DUPLICATE_ORDER_ID = 5
    WOULD_CROSS = 6
    NO_LIQUIDITY = 7
    CANNOT_FILL = 8
    SELF_TRADE = 9
    NOT_TRADING = 10
    BOOK_FULL = 11
    NOT_SUPPORTED = 12
    TOO_LATE = 13
    UNKNOWN_ACTOR = 14


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy asks a venue for.

    Attributes
    ----------
    instrument_id : int
        Index in the tape's instrument table, from 1.
    side : Side
        BID buys, ASK sells.
    price_ticks : int
        Limit price [ticks]; ignored for a market order.
    size_lots : int
        Size [lots], > 0.
    order_type, time_in_force, options
        See the enumerations.
    """

    instrument_id: int
    side: Side
    price_ticks: int
    size_lots: int
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.DAY
    options: OrderOption = OrderOption.NONE


class Refused(msgspec.Struct, frozen=True):
    """A "no" with its reason.

    Attributes
    ----------
    code : RefusalCode
        Stable code.
    message : str
        One sentence with the numbers.
    """

    code: RefusalCode
    message: str
