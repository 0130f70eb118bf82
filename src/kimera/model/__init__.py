"""The nouns: records, instruments, orders. Knows nothing but itself."""

from kimera.model.instrument import Instrument, Venue
from kimera.model.order import (
    OrderOption,
    OrderRequest,
    OrderType,
    RefusalCode,
    Refused,
    SelfTradePrevention,
    TimeInForce,
)
from kimera.model.record import (
    NO_PRICE,
    NO_TIME,
    RECORD,
    Action,
    Kind,
    MarkAct,
    OrderAct,
    RecordArray,
    RecordFlag,
    ReportAct,
    Side,
    Status,
    empty_records,
    records_from_bytes,
)

__all__ = [
    "NO_PRICE",
    "NO_TIME",
    "RECORD",
    "Action",
    "Instrument",
    "Kind",
    "MarkAct",
    "OrderAct",
    "OrderOption",
    "OrderRequest",
    "OrderType",
    "RecordArray",
    "RecordFlag",
    "RefusalCode",
    "Refused",
    "ReportAct",
    "SelfTradePrevention",
    "Side",
    "Status",
    "TimeInForce",
    "Venue",
    "empty_records",
    "records_from_bytes",
]
