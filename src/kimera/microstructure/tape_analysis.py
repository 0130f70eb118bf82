"""One pass of the analyzer over a tape: feature rows out, and what the batch measures need kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.market import Book
from kimera.market.book import BookCapacity
from kimera.microstructure.analyzer import FEATURES, Analyzer, AnalyzerConfig
from kimera.microstructure.feed import Market, MarketFeed
from kimera.microstructure.quotes import quote_at
from kimera.model import NO_PRICE, Action, RecordArray, Side

__all__ = ["DepthMap", "Kept", "TapeAnalysis", "Trades", "analyse"]

MAX_QUOTES: Final = 8_000_000
"""Changes of the best quotes kept per instrument for the batch measures (448 MB)."""
MAX_TRADES: Final = 4_000_000
SAMPLES: Final = 2_000
DEPTH_SLICES: Final = 240
DEPTH_LEVELS: Final = 20

IntArray = npt.NDArray[np.int64]
FeatureArray = npt.NDArray[np.void]

QUOTE_FIELDS: Final = (
    *("ts_ns", "bid_ticks", "ask_ticks", "bid_lots", "ask_lots", "ofi_1", "signed_volume_lots"),
)
QUOTES: Final = np.dtype([(name, np.int64) for name in QUOTE_FIELDS])
TRADES: Final = np.dtype(
    [("ts_ns", np.int64), ("price_ticks", np.int64), ("size_lots", np.int64), ("sign", np.int64)]
)


class Trades(msgspec.Struct, frozen=True):
    """Trades of one instrument; one array an attribute, all of shape (n_trades,)."""

    ts_ns: IntArray
    price_ticks: IntArray
    size_lots: IntArray
    sign: IntArray


class DepthMap(msgspec.Struct):
    """Sizes on the levels of a book, sampled.

    Attributes
    ----------
    ts_ns : list of int
    bids, asks : list of ndarray of shape (n_levels, 3)
        Price, size and orders of the levels at each time.
    """

    ts_ns: list[int]
    bids: list[IntArray]
    asks: list[IntArray]


class Kept(msgspec.Struct, frozen=True):
    """What the batch measures of one instrument are made of.

    Attributes
    ----------
    market : Market
    config : AnalyzerConfig
    last : ndarray of shape (), dtype FEATURES, or None
        The last row; None when the analyzer had no record.
    quotes : ndarray of shape (n_changes,), dtype QUOTES
        A row where the best quotes changed, of one time stamp the last.
    trades : Trades
    samples : ndarray of shape (n,), dtype FEATURES
        About 2,000 rows spread evenly over the records.
    depth : DepthMap
        Empty unless asked for, or where there is no book by order or price.
    left_out : int
        Changes of quotes and trades not kept because there were too many.
    book_errors, dropped : int
        Of the analyzer.
    """

    market: Market
    config: AnalyzerConfig
    last: FeatureArray | None
    quotes: npt.NDArray[np.void]
    trades: Trades
    samples: FeatureArray
    depth: DepthMap
    left_out: int
    book_errors: int
    dropped: int


class TapeAnalysis:
    """Streams one instrument of a feed through an :class:`Analyzer`.

    Parameters
    ----------
    market : Market
    instrument_id : int
        That its records bear.
    config : AnalyzerConfig
    small : bool
        Whether the book is one of many and gets less room.
    depth : bool
        Whether the levels are sampled too, which costs a second book.
    """

    def __init__(
        self,
        market: Market,
        instrument_id: int,
        config: AnalyzerConfig,
        *,
        small: bool,
        depth: bool,
    ) -> None:
        by = "orders" if market.by == "orders" else "prices"
        n_orders, n_levels = (1 << 17, 1 << 14) if small else (1 << 20, 1 << 16)
        self.market, self._config = market, config
        self._analyzer = Analyzer(
            by=by,
            instrument_id=instrument_id,
            config=config,
            max_orders=n_orders,
            max_levels=n_levels,
        )
        self._book: Book | None = None
        if depth and market.by in {"orders", "prices"}:
            capacity = BookCapacity(max_orders=n_orders, max_levels=n_levels)
            self._book = Book("l3" if by == "orders" else "l2", capacity=capacity)
        self._depth = DepthMap([], [], [])
        self._quotes: list[npt.NDArray[np.void]] = []
        self._trades: list[npt.NDArray[np.void]] = []
        self._samples: list[FeatureArray] = []
        self._last: FeatureArray | None = None
        self._n_seen = self._n_quotes = self._n_trades = self._left_out = 0
        self._every = max(1, market.n_records // SAMPLES)
        self._slice = max(1, market.n_records // DEPTH_SLICES)

    def update(
        self, records: RecordArray, whole: npt.NDArray[np.bool_]
    ) -> tuple[FeatureArray, IntArray]:
        """Take records of a whole number of time stamps.

        Returns
        -------
        rows : ndarray of shape (n,), dtype FEATURES
            One per record that changed a feature, without those in the middle of a quote.
        index : ndarray of shape (n,)
            Which record each belongs to.
        """
        rows, index = self._analyzer.changes(records)
        kept = whole[index]
        rows, index = rows[kept], np.asarray(index[kept], dtype=np.int64)
        if len(rows):
            self._last = rows[-1].copy()
            self._keep_quotes(rows)
            at = np.flatnonzero(np.diff((index + self._n_seen) // self._every, append=-1))
            self._samples.append(rows[at].copy())
        self._keep_trades(records)
        if self._book is not None:
            self._keep_depth(records)
        self._n_seen += len(records)
        return rows, index

    def _keep_quotes(self, rows: FeatureArray) -> None:
        # The last row of each time stamp, where the best quotes are others than before.
        ends = rows[np.flatnonzero(np.diff(rows["ts_ns"], append=np.iinfo(np.int64).max))]
        values = np.column_stack([ends[name] for name in QUOTE_FIELDS[1:5]])
        if self._quotes:
            first = np.array([[self._quotes[-1][-1][name] for name in QUOTE_FIELDS[1:5]]])
        else:
            first = np.full((1, 4), NO_PRICE)
        new = (np.diff(np.vstack([first, values]), axis=0) != 0).any(axis=1)
        picked = np.empty(int(new.sum()), dtype=QUOTES)
        for name in QUOTE_FIELDS:
            picked[name] = ends[name][new]
        room = MAX_QUOTES - self._n_quotes
        self._left_out += max(0, len(picked) - room)
        if len(picked[:room]):
            self._quotes.append(picked[:room])
            self._n_quotes += len(picked[:room])

    def _keep_trades(self, records: RecordArray) -> None:
        acts = np.isin(records["action"], (Action.EXECUTE, Action.TRADE))
        traded = acts & (records["size_lots"] > 0) & (records["price_ticks"] != NO_PRICE)
        at = np.maximum.accumulate(records["ts_event_ns"])[traded]
        mine = records[traded]
        side = mine["side"].astype(np.int64)
        sign = (side == Side.BID).astype(np.int64) - (side == Side.ASK)
        sign = np.where(mine["action"] == Action.EXECUTE, -sign, sign)
        picked = np.empty(len(mine), dtype=TRADES)
        picked["ts_ns"], picked["sign"] = at, sign
        picked["price_ticks"], picked["size_lots"] = mine["price_ticks"], mine["size_lots"]
        room = MAX_TRADES - self._n_trades
        self._left_out += max(0, len(picked) - room)
        if len(picked[:room]):
            self._trades.append(picked[:room])
            self._n_trades += len(picked[:room])

    def _keep_depth(self, records: RecordArray) -> None:
        assert self._book is not None
        start = 0
        first = -self._n_seen % self._slice
        for stop in range(first, len(records), self._slice):
            self._book.apply(records[start:stop], strict=False)
            start = stop
            bids, asks = (self._book.levels(s, DEPTH_LEVELS) for s in (Side.BID, Side.ASK))
            if len(bids) or len(asks):
                self._depth.ts_ns.append(int(records["ts_event_ns"][stop]))
                self._depth.bids.append(np.asarray(bids))
                self._depth.asks.append(np.asarray(asks))
        self._book.apply(records[start:], strict=False)

    def kept(self) -> Kept:
        """Give what was kept, after the last record."""
        trades = np.concatenate(self._trades) if self._trades else np.empty(0, dtype=TRADES)
        times = np.maximum.accumulate(trades["ts_ns"]) if len(trades) else trades["ts_ns"]
        return Kept(
            market=self.market,
            config=self._config,
            last=self._last,
            quotes=np.concatenate(self._quotes) if self._quotes else np.empty(0, dtype=QUOTES),
            trades=Trades(times, *(trades[n].copy() for n in ("price_ticks", "size_lots", "sign"))),
            samples=np.concatenate(self._samples) if self._samples else np.empty(0, dtype=FEATURES),
            depth=self._depth,
            left_out=self._left_out,
            book_errors=self._analyzer.book_errors,
            dropped=self._analyzer.dropped,
        )


def default_config(market: Market) -> AnalyzerConfig:
    """Set the analyzer to a tape: VPIN buckets of 1/200 of its volume, ..."""
    return AnalyzerConfig(bucket_lots=max(1, market.volume_lots // 200), max_pending=1 << 20)


def analyse(
    feed: MarketFeed, *, depth: bool = False
) -> tuple[list[TapeAnalysis], Iterator[tuple[int, FeatureArray, int]]]:
    """Make an analysis per instrument and the stream that drives them.

    Parameters
    ----------
    feed : MarketFeed
    depth : bool
        Whether to sample the levels of the books too.

    Returns
    -------
    analyses : list of TapeAnalysis
        One per market of the feed.
    rows : iterator of (market, rows, n_records)
        Feature rows of a batch and how many records were taken; drive it to the end, then ask
        the analyses what they kept.
    """
    active = sum(market.n_records > 0 for market in feed.markets)
    analyses = [
        TapeAnalysis(market, number, default_config(market), small=active > 4, depth=depth)
        for number, market in enumerate(feed.markets, 1)
        if market.n_records
    ]
    place = {id(one.market): one for one in analyses}

    def stream() -> Iterator[tuple[int, FeatureArray, int]]:
        for number, records, whole in feed.batches():
            if not len(records):
                continue
            rows, _ = place[id(feed.markets[number])].update(records, whole)
            yield number, rows, len(records)

    return analyses, stream()


def mid2_before(kept: Kept, at_ns: IntArray) -> IntArray:
    """Doubled mid in force before each time; NO_PRICE where there was none."""
    quotes = kept.quotes
    both = (quotes["bid_ticks"] != NO_PRICE) & (quotes["ask_ticks"] != NO_PRICE)
    bid, ask = (np.where(both, quotes[n], 0) for n in ("bid_ticks", "ask_ticks"))
    mids = np.append(np.where(both, bid + ask, NO_PRICE), NO_PRICE)
    return np.asarray(mids[quote_at(at_ns, quotes["ts_ns"], equal_times="before")])
