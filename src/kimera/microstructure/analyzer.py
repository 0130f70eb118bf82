"""The streaming analyzer, updated in native code at every record, and its batch twin.

The two share nothing but the definitions: the analyzer moves sums record by record, the twin
composes the room's batch functions over whole arrays. They agree to the bit, which a test holds
on every tape: sums are integers (or float sums taken in the same order), and each number is made
of them by one IEEE expression.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera._native import microstructure as _native
from kimera.errors import InputError
from kimera.microstructure.depth import book_depth, book_imbalance, book_slope, liquidity_score
from kimera.microstructure.depth import weighted_mid as weighted_mid_of
from kimera.microstructure.inputs import FloatArray, IntArray
from kimera.microstructure.micro_price import MicroPrice
from kimera.microstructure.order_flow import BookArrays, book_arrays, multi_level_ofi
from kimera.microstructure.price_response import kyle_lambda_cumulative, kyle_lambda_rolling
from kimera.microstructure.quotes import QuoteState, mid2, quote_at, quote_state
from kimera.microstructure.vpin import vpin_signed
from kimera.model import NO_PRICE, RECORD, Action, Kind, RecordArray, RecordFlag, Side

__all__ = ["FEATURES", "Analyzer", "AnalyzerConfig", "batch_features"]

FEATURES: Final[np.dtype[np.void]] = np.dtype(
    {
        "names": [name for name, _, _ in _native.feature_fields()],
        "formats": [form for _, form, _ in _native.feature_fields()],
        "offsets": [offset for _, _, offset in _native.feature_fields()],
        "itemsize": _native.ROW_BYTES,
    }
)
"""dtype of a row of features, derived from the C++ struct."""

FeatureArray = npt.NDArray[np.void]
BOOK_STALE: Final = 5
"""Value of the feature ``state`` while records are missing; the others are `QuoteState`."""


class AnalyzerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the analyzer's measures are set to.

    Attributes
    ----------
    typical_depth_lots : int
        Depth that earns half the depth points of the liquidity score [lots].
    bucket_lots : int
        Volume of a VPIN bucket [lots].
    vpin_window : int
        Buckets in the VPIN mean.
    kyle_window : int
        Orders in the rolling Kyle lambda.
    horizon_ns : int
        Horizon of the realised spread [ns].
    max_pending : int
        Trades that may wait for their horizon; one more is not scored, and counted.
    """

    typical_depth_lots: int = 1_000
    bucket_lots: int = 10_000
    vpin_window: int = 50
    kyle_window: int = 500
    horizon_ns: int = 1_000_000_000
    max_pending: int = 65_536


def _native_config(config: AnalyzerConfig, micro_price: MicroPrice | None) -> Any:
    native = _native.AnalyzerConfig()
    for name in AnalyzerConfig.__struct_fields__:
        setattr(native, name, getattr(config, name))
    if micro_price is not None:
        native.micro_spreads, native.micro_imbalances = micro_price.adjustment_ticks.shape
    return native


class Analyzer:
    """Book, flow and price measures of one instrument, at every record.

    Parameters
    ----------
    by : {"orders", "prices"}
        Whether the records are those of a book by order (L3) or by price (L2).
    instrument_id : int
        Records of other instruments are passed over.
    venue_id : int
        0 = any venue.
    config : AnalyzerConfig, optional
    micro_price : MicroPrice, optional
        A fitted micro-price; without it that feature is NaN.
    max_orders, max_levels : int
        Bounds of the book.

    Examples
    --------
    >>> from kimera.microstructure import Analyzer
    >>> from kimera.model import Action, Kind, Side, empty_records
    >>> r = empty_records(2)
    >>> r["kind"], r["action"], r["instrument_id"] = Kind.DELTA, Action.LEVEL, 1
    >>> r["side"], r["price_ticks"], r["size_lots"] = [Side.BID, Side.ASK], [100, 102], [3, 1]
    >>> r["ts_event_ns"] = [1, 2]
    >>> rows = Analyzer(by="prices").update(r)
    >>> rows["spread_ticks"][1].item(), rows["imbalance_1"][1].item()
    (2, 0.5)
    """

    def __init__(
        self,
        *,
        by: str,
        instrument_id: int = 1,
        venue_id: int = 0,
        config: AnalyzerConfig | None = None,
        micro_price: MicroPrice | None = None,
        max_orders: int = 1 << 20,
        max_levels: int = 1 << 16,
    ) -> None:
        kinds: dict[str, Any] = {"orders": _native.OrderAnalyzer, "prices": _native.LevelAnalyzer}
        if by not in kinds:
            raise InputError(f"by: expected 'orders' or 'prices', found {by!r}")
        table = np.empty(0) if micro_price is None else micro_price.adjustment_ticks.ravel()
        try:
            self._native = kinds[by](
                _native_config(config or AnalyzerConfig(), micro_price),
                np.ascontiguousarray(table),
                instrument_id,
                venue_id,
                max_orders,
                max_levels,
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"config: {error}") from error

    def update(self, records: RecordArray) -> FeatureArray:
        """Take records; one row per record of this instrument, as it is after the record."""
        return self._run(records, every=True)[0]

    def changes(self, records: RecordArray) -> tuple[FeatureArray, IntArray]:
        """Take records; one row per record that changed a feature, and which record it was."""
        return self._run(records, every=False)

    def _run(self, records: RecordArray, *, every: bool) -> tuple[FeatureArray, IntArray]:
        if records.dtype != RECORD:
            raise InputError(f"records: expected dtype RECORD, found {records.dtype}")
        raw = np.ascontiguousarray(records).view(np.uint8).reshape(-1)
        rows, index = self._native.update(raw, every)
        return rows.view(FEATURES), index

    @property
    def book_errors(self) -> int:
        """Records the book could not take."""
        return int(self._native.book_errors)

    @property
    def dropped(self) -> int:
        """Trades not scored because too many were waiting for their horizon."""
        return int(self._native.dropped)


def batch_features(
    records: RecordArray,
    book: BookArrays,
    *,
    config: AnalyzerConfig | None = None,
    micro_price: MicroPrice | None = None,
) -> FeatureArray:
    """Compute the analyzer's rows from whole arrays, with the room's batch functions.

    Parameters
    ----------
    records : ndarray of shape (n,), dtype RECORD
        Records of one instrument.
    book : (bid_ticks, bid_lots, ask_ticks, ask_lots), arrays of shape (n, n_levels)
        The best levels after each record, from wherever they are known.
    config, micro_price
        As for :class:`Analyzer`; ``max_pending`` does not bound this one.

    Returns
    -------
    ndarray of shape (n,), dtype FEATURES
        Equal to ``Analyzer.update`` bit for bit as long as nothing was dropped. Cost
        O(n n_levels).

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import batch_features
    >>> from kimera.model import empty_records
    >>> levels = np.zeros((0, 5), dtype=np.int64)
    >>> batch_features(empty_records(0), (levels, levels, levels, levels)).shape
    (0,)
    """
    settings = config or AnalyzerConfig()
    n_levels = _native.LEVELS
    bid, bid_lots, ask, ask_lots = (a[:, :n_levels] for a in book_arrays(*book))
    rows = np.zeros(records.shape[0], dtype=FEATURES)
    if records.shape[0] == 0:
        return rows
    _book_columns(rows, (bid, bid_lots, ask, ask_lots), settings, micro_price)
    rows["state"][_stale(records)] = BOOK_STALE
    _event_columns(rows, records)
    _flow_columns(rows, records, (bid, bid_lots, ask, ask_lots))
    _trade_columns(rows, records, settings)
    return rows


def _stale(records: RecordArray) -> npt.NDArray[np.bool_]:
    """Rows after which the book waits for a snapshot, from the flags alone.

    A gap makes it stale; a clear of both sides by the venue ends that, and a clear that opens a
    snapshot does when the snapshot ends: with its last record or the first one beyond it.
    """
    book_rows = np.flatnonzero(records["kind"] == Kind.DELTA)
    every, records = records, records[book_rows]
    flags = records["flags"]
    clears = (records["action"] == Action.CLEAR) & (records["side"] == Side.NONE)
    snapshot, last = (flags & RecordFlag.SNAPSHOT) != 0, (flags & RecordFlag.LAST) != 0
    gap = ((flags & RecordFlag.GAP_BEFORE) != 0) & ~snapshot
    stale = np.zeros(records.shape[0], dtype=bool)
    phase, begin = "fresh", 0
    # Only these rows can change the phase, and after "filling" any row may.
    turning = np.flatnonzero(gap | clears | snapshot)
    turning = np.unique(np.concatenate([turning, turning + 1]))
    for row in turning[turning < records.shape[0]].tolist():
        stale[begin:row] = phase != "fresh"
        begin = row
        if gap[row]:
            phase = "stale"
        if clears[row]:
            phase = "filling" if snapshot[row] and not last[row] else "fresh"
        elif phase == "filling" and (not snapshot[row] or last[row]):
            phase = "fresh"
    stale[begin:] = phase != "fresh"
    latest = np.searchsorted(book_rows, np.arange(every.shape[0]), side="right") - 1
    return np.asarray(np.append(stale, False)[latest])  # row -1: no change of the book yet


def _book_columns(
    rows: FeatureArray, book: BookArrays, config: AnalyzerConfig, micro_price: MicroPrice | None
) -> None:
    bid, bid_lots, ask, ask_lots = book
    best = bid[:, 0], bid_lots[:, 0], ask[:, 0], ask_lots[:, 0]
    rows["bid_ticks"], rows["bid_lots"], rows["ask_ticks"], rows["ask_lots"] = best
    middle = mid2(bid[:, 0], ask[:, 0])
    rows["mid2_ticks"] = middle
    spread = np.where(middle == NO_PRICE, NO_PRICE, ask[:, 0] - bid[:, 0])
    rows["spread_ticks"] = spread
    rows["state"] = quote_state(bid[:, 0], ask[:, 0])
    rows["bid_depth_lots"], rows["ask_depth_lots"] = book_depth(bid_lots), book_depth(ask_lots)
    rows["imbalance_1"] = book_imbalance(bid_lots, ask_lots, levels=1)
    rows["imbalance_5"] = book_imbalance(bid_lots, ask_lots)
    rows["weighted_mid_ticks"] = weighted_mid_of(*best)
    rows["bid_slope"] = book_slope(bid, bid_lots, middle)
    rows["ask_slope"] = book_slope(ask, ask_lots, middle)
    rows["liquidity_score"] = liquidity_score(
        spread,
        rows["bid_depth_lots"],
        rows["ask_depth_lots"],
        typical_depth_lots=config.typical_depth_lots,
    )
    rows["micro_price_ticks"] = np.nan if micro_price is None else micro_price.price(*best)


def _event_columns(rows: FeatureArray, records: RecordArray) -> None:
    at = np.maximum.accumulate(records["ts_event_ns"])
    rows["ts_ns"] = at
    rows["late"] = np.cumsum(np.concatenate([[False], records["ts_event_ns"][1:] < at[:-1]]))
    state = rows["state"]
    counted = (state == QuoteState.NORMAL) | (state == QuoteState.LOCKED)
    # A quote stands from the last record of its time stamp to the next time stamp.
    stood = np.where(counted[:-1], np.diff(at), 0)
    spread = np.where(counted, rows["spread_ticks"], 0)[:-1]
    total = np.concatenate([[0], np.cumsum(stood)])
    rows["quoted_spread_ticks"] = _ratio(np.concatenate([[0], np.cumsum(spread * stood)]), total)
    known = np.flatnonzero(rows["mid2_ticks"] != NO_PRICE)
    moves = np.zeros(at.size, dtype=np.int64)
    moves[known[1:]] = np.diff(rows["mid2_ticks"][known])
    rows["realised_variance"] = np.cumsum(moves * moves)


def _ratio(numerator: IntArray, denominator: IntArray) -> FloatArray:
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _flow_columns(rows: FeatureArray, records: RecordArray, book: BookArrays) -> None:
    delta, action = records["kind"] == Kind.DELTA, records["action"]
    gap = (records["flags"] & (RecordFlag.GAP_BEFORE | RecordFlag.SNAPSHOT)) != 0
    broken = gap | (action == Action.CLEAR)
    flow = multi_level_ofi(*book)
    # From nothing before the first record: what it adds is flow too.
    empty = tuple(
        np.vstack([np.full_like(a[:1], fill), a[:1]])
        for a, fill in zip(book, (NO_PRICE, 0, NO_PRICE, 0), strict=True)
    )
    flow[0] = multi_level_ofi(*empty)[1]
    flow[broken | ~delta] = 0
    running = np.cumsum(flow, axis=0)
    for level in range(flow.shape[1]):
        rows[f"ofi_{level + 1}"] = running[:, level]
    rows["adds"] = np.cumsum(delta & (action == Action.ADD) & ~broken)
    rows["cancels"] = np.cumsum(delta & (action == Action.CANCEL) & ~broken)


def _trade_columns(rows: FeatureArray, records: RecordArray, config: AnalyzerConfig) -> None:
    traded = (
        (records["kind"] == Kind.DELTA)
        & np.isin(records["action"], (Action.EXECUTE, Action.TRADE))
        & (records["size_lots"] > 0)
        & (records["price_ticks"] != NO_PRICE)
    )
    row = np.flatnonzero(traded)
    side = records["side"][row].astype(np.int64)
    buys, sells = side == Side.BID, side == Side.ASK
    resting = records["action"][row] == Action.EXECUTE
    sign = np.where(resting, sells.astype(int) - buys, buys.astype(int) - sells)
    lots, price = records["size_lots"][row], records["price_ticks"][row]
    rows["trades"] = np.cumsum(traded)
    for name, values in (("volume_lots", lots), ("signed_volume_lots", sign * lots)):
        column = np.zeros(records.shape[0], dtype=np.int64)
        column[row] = values
        rows[name] = np.cumsum(column)
    rows["trade_imbalance"] = _ratio(rows["signed_volume_lots"], rows["volume_lots"])
    rows["cancel_trade_ratio"] = _ratio(rows["cancels"], rows["trades"])
    before = np.append(rows["mid2_ticks"], NO_PRICE)[
        quote_at(rows["ts_ns"][row], rows["ts_ns"], equal_times="before")
    ]
    _spread_columns(rows, (row, price, lots, sign, before), config)
    _order_columns(rows, (row, price, lots, sign, before), config)
    buckets = vpin_signed(lots, sign, bucket_lots=config.bucket_lots, window=config.vpin_window)
    rows["vpin"] = _latest(row[buckets.end_row], buckets.value, records.shape[0])


def _latest(row: IntArray, values: FloatArray, n_rows: int) -> FloatArray:
    """Spread values that come at some rows over all rows: the last one so far, else NaN."""
    last = np.searchsorted(row, np.arange(n_rows), side="right") - 1
    return np.asarray(np.append(values, np.nan)[last])


Trades = tuple[IntArray, IntArray, IntArray, IntArray, IntArray]


def _spread_columns(rows: FeatureArray, trades: Trades, config: AnalyzerConfig) -> None:
    row, price, lots, sign, before = trades
    scored = (sign != 0) & (before != NO_PRICE)
    row, price, lots, sign, before = (a[scored] for a in (row, price, lots, sign, before))
    n, at = rows.shape[0], rows["ts_ns"]
    paid, size = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    np.add.at(paid, row, sign * (2 * price - before) * lots)
    np.add.at(size, row, lots)
    rows["effective_spread_ticks"] = _ratio(np.cumsum(paid), np.cumsum(size))
    due = at[row] + config.horizon_ns
    settled = np.searchsorted(at, due, side="right")  # the first record after the horizon
    after = np.append(rows["mid2_ticks"], NO_PRICE)[quote_at(due, at)]
    used = (settled < n) & (after != NO_PRICE)
    left, moved, weight = (np.zeros(n, dtype=np.int64) for _ in range(3))
    at_row = settled[used]
    np.add.at(left, at_row, (sign * (2 * price - after) * lots)[used])
    np.add.at(moved, at_row, (sign * (after - before) * lots)[used])
    np.add.at(weight, at_row, lots[used])
    total = np.cumsum(weight)
    rows["realised_spread_ticks"] = _ratio(np.cumsum(left), total)
    rows["price_impact_ticks"] = _ratio(np.cumsum(moved), total)


def _order_columns(rows: FeatureArray, trades: Trades, config: AnalyzerConfig) -> None:
    """Kyle and Roll, by orders: the trades of one time stamp."""
    row, price, lots, sign, before = trades
    names = ("kyle_lambda", "kyle_lambda_rolling", "roll_spread_ticks")
    for name in names:
        rows[name] = np.nan
    if row.size == 0:
        return
    at = rows["ts_ns"][row]
    first = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
    flow = np.add.reduceat(sign * lots, first)
    last_price = price[np.concatenate([first[1:], [row.size]]) - 1]
    mid, opens = before[first], row[first]
    # An order is closed by the first trade of the next one.
    whole = (mid[:-1] != NO_PRICE) & (mid[1:] != NO_PRICE)
    move = ((mid[1:] - mid[:-1]) / 2.0)[whole]
    pushed, closed = flow[:-1][whole].astype(np.float64), opens[1:][whole]
    n = rows.shape[0]
    rows["kyle_lambda"] = _latest(closed, kyle_lambda_cumulative(move, pushed)[0], n)
    window = config.kyle_window
    rows["kyle_lambda_rolling"] = _latest(closed, kyle_lambda_rolling(move, pushed, window)[0], n)
    rows["roll_spread_ticks"] = _latest(opens[1:], _running_roll(last_price[:-1]), n)


def _running_roll(price: IntArray) -> FloatArray:
    """Roll's spread over all prices so far, at each of them."""
    result = np.full(price.shape, np.nan)
    change = np.diff(price).astype(np.float64)
    now, before = change[1:], change[:-1]
    pairs = np.arange(1, now.size + 1, dtype=np.float64)
    sums = np.cumsum(now), np.cumsum(before), np.cumsum(now * before)
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = (sums[2] - sums[0] * sums[1] / pairs) / (pairs - 1.0)
        spread = 2.0 * np.sqrt(-covariance)
    result[2:] = np.where((pairs >= 2) & (covariance <= 0), spread, np.nan)
    return result
