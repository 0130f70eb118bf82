"""The simulated market: several venues and assets, made by agents on our own matching engine.

:class:`SimulatedMarket` gives the same record stream that a real tape gives. The seed decides
everything: the same configuration and seed give the same bytes, in any process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from kimera._native import market as _native
from kimera.errors import CapacityError, ConfigError, InputError
from kimera.market.simulation_config import (
    Manipulation,
    SimulationConfig,
    TopFeed,
)
from kimera.market.stylised_facts import TopOfBook, Trades
from kimera.model import (
    NO_PRICE,
    NO_TIME,
    RECORD,
    Action,
    Kind,
    RecordArray,
    Side,
    records_from_bytes,
)

__all__ = ["FlowLabel", "SimulatedMarket", "native_venue", "observe"]

META_ORDER: Final[int] = _native.META_ORDER_LABEL
"""Kind of a label that is a large order, not a manipulation."""
FIRST_AGENT_ACTOR: Final[int] = _native.FIRST_AGENT_ACTOR
"""Actor ids from here on are agents; lower ones are for strategies."""

_FOREVER: Final = 2**63 - 1
_TOP_FEED: Final = {TopFeed.DELTAS: 0, TopFeed.DELTAS_AND_QUOTES: 1}


class FlowLabel(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted episode or one large order: what really happened.

    Attributes
    ----------
    label_id : int
        ``detail`` of its ``Mark`` records (large orders have none), from 1.
    manipulation : Manipulation or None
        None for a large order.
    side : Side
        Of a large order; NONE for an episode.
    venue_id : int
        0 for a large order, which goes to every venue.
    instrument_id : int
        At that venue; for a large order at the first.
    actor_id : int
        The agent.
    begin_ns, end_ns : int
        Exchange time [ns]; ``end_ns`` is None while it goes on.
    size_lots, filled_lots : int
        Wanted by a large order (0 for an episode), and filled [lots].
    n_orders : int
        Orders the agent sent in that time.
    mid_begin_ticks, mid_end_ticks : float
        Midpoint at both ends [ticks].
    value_begin_ticks, value_end_ticks : float
        Fundamental at both ends [ticks]: the news of that time, apart from the impact.
    """

    label_id: int
    manipulation: Manipulation | None
    side: Side
    venue_id: int
    instrument_id: int
    actor_id: int
    begin_ns: int
    end_ns: int | None
    size_lots: int
    filled_lots: int
    n_orders: int
    mid_begin_ticks: float
    mid_end_ticks: float
    value_begin_ticks: float
    value_end_ticks: float


def native_venue(
    config: SimulationConfig, seed: int, duration_ns: int | None = None
) -> _native.SimulatedVenue:
    """Build the native venue of a configuration, as the event loop takes it.

    Parameters
    ----------
    config : SimulationConfig
        The market.
    seed : int
        0 to 2**64 - 1.
    duration_ns : int, optional
        Market time after which it has no more events [ns], > 0; None for no end.

    Raises
    ------
    ConfigError
        If a parameter is out of range; the message names it.
    """
    if not 0 <= seed < 2**64:
        raise InputError(f"seed must be in [0, 2**64), was {seed}")
    if duration_ns is not None and duration_ns <= 0:
        raise InputError(f"duration_ns must be above 0, was {duration_ns}")
    parameters = _native.SimulationParameters()
    parameters.set_run(
        config.start_ns,
        _FOREVER if duration_ns is None else config.start_ns + duration_ns,
        config.fundamental_mark_ns,
        _TOP_FEED[config.top_feed],
        config.price_window_frac,
    )
    for group, name, *_ in _native.simulation_fields():
        parameters.set(group, name, float(getattr(getattr(config, group), name)))
    for v in config.venues:
        parameters.add_venue(
            v.name, v.activity, v.depth, v.taker_share, v.maker_fee_e7, v.taker_fee_e7
        )
    for a in config.assets:
        parameters.add_asset(
            a.symbol,
            float(a.price / a.tick_size),
            a.volatility_bp,
            a.common_loading,
            a.jump_bp,
            a.unit_lots,
            a.activity,
        )
    venue_names = [v.name for v in config.venues]
    symbols = [a.symbol for a in config.assets]
    for e in config.episodes:
        parameters.add_episode(
            e.kind,
            venue_names.index(e.venue) + 1,
            symbols.index(e.symbol),
            e.start_ns,
            e.duration_ns,
            e.intensity,
        )
    try:
        return _native.SimulatedVenue(parameters, seed)
    except ValueError as error:
        raise ConfigError(str(error)) from error


class SimulatedMarket:
    """A market that makes itself.

    Parameters
    ----------
    config : SimulationConfig
        The market; ``SimulationConfig.default_crypto()`` is the embedded default.
    seed : int
        0 to 2**64 - 1. Same configuration and seed, same bytes.

    Attributes
    ----------
    instruments, venues : tuple
        Index is id - 1.

    Examples
    --------
    >>> from kimera.market import SimulatedMarket, SimulationConfig
    >>> market = SimulatedMarket(SimulationConfig.default_crypto(), seed=1)
    >>> n = sum(len(batch) for batch in market.run(1_000_000_000))
    >>> n > 1000
    True
    """

    def __init__(self, config: SimulationConfig, seed: int) -> None:
        self.config = config
        self.seed = seed
        self.instruments = config.instruments()
        self.venues = config.venue_table()
        self._venue = native_venue(config, seed)
        self._until_ns = config.start_ns

    @property
    def now_ns(self) -> int:
        """Exchange time up to which the market has run [ns]."""
        return self._until_ns

    def run(self, duration_ns: int, n_records: int = 65_536) -> Iterator[RecordArray]:
        """Go on for some market time.

        Parameters
        ----------
        duration_ns : int
            How long [ns], > 0; a second call goes on where the first ended.
        n_records : int
            Aim for the size of a batch, > 0; a batch ends with a whole event.

        Yields
        ------
        ndarray of shape (n,)
            Records in the order of exchange time, dtype ``RECORD``.

        Raises
        ------
        CapacityError
            If a bound of the market was reached and the tape would have a hole.
        """
        if duration_ns <= 0:
            raise InputError(f"duration_ns must be above 0, was {duration_ns}")
        if n_records <= 0:
            raise InputError(f"n_records must be above 0, was {n_records}")
        self._until_ns += duration_ns
        return self._batches(self._until_ns, n_records)

    def _batches(self, until_ns: int, n_records: int) -> Iterator[RecordArray]:
        while True:
            raw = self._venue.run_batch(until_ns, n_records)
            if not len(raw):
                break
            yield records_from_bytes(raw)
        counters = self._venue.counters()
        if counters["lost_records"] or counters["refused_wake_ups"]:
            raise CapacityError(
                f"the simulated market reached a bound: {counters['lost_records']} records and "
                f"{counters['refused_wake_ups']} wake-ups were refused"
            )

    def records(self, duration_ns: int) -> RecordArray:
        """Return all the records of some market time as one array (64 bytes each)."""
        batches = list(self.run(duration_ns))
        return np.concatenate(batches) if batches else np.empty(0, RECORD)

    def submit(self, order: RecordArray) -> RecordArray:
        """Send a request of a strategy, at ``ts_event_ns`` or now if that is past.

        Parameters
        ----------
        order : ndarray of shape (1,) and dtype RECORD
            Kind ORDER, actor below ``FIRST_AGENT_ACTOR``.

        Returns
        -------
        ndarray of shape (n,)
            Reports and public records that follow at once.
        """
        if len(order) != 1 or order.dtype != RECORD:
            raise InputError(f"submit takes one record, got {len(order)} of {order.dtype}")
        return records_from_bytes(self._venue.submit(order.tobytes()))

    def labels(self) -> tuple[FlowLabel, ...]:
        """Return the episodes and large orders so far, in the order in which they began."""
        return tuple(
            FlowLabel(
                label_id=row[0],
                manipulation=None if row[1] == META_ORDER else Manipulation(row[1]),
                side=Side(row[2]),
                venue_id=row[3],
                instrument_id=row[4],
                actor_id=row[5],
                begin_ns=row[6],
                end_ns=None if row[7] == NO_TIME else row[7],
                size_lots=row[8],
                filled_lots=row[9] if row[7] != NO_TIME else 0,
                n_orders=row[10] if row[7] != NO_TIME else 0,
                mid_begin_ticks=row[11],
                mid_end_ticks=row[12],
                value_begin_ticks=row[13],
                value_end_ticks=row[14],
            )
            for row in self._venue.labels()
        )

    def counters(self) -> dict[str, int]:
        """Return counts: events, requests, public_records, refused_requests and bounds reached."""
        return dict(self._venue.counters())


def observe(records: RecordArray, instrument_id: int) -> tuple[TopOfBook, Trades]:
    """Read the touch and the trades of one instrument from records with ``Quote`` rows.

    Parameters
    ----------
    records : ndarray of shape (n,)
        In time order; the touch is taken from ``Quote`` records.
    instrument_id : int
        From 1.

    Returns
    -------
    top : TopOfBook
        One row per time at which the touch changed, while it has two sides. [ticks, lots]
    trades : Trades
        Every ``Execute``, or every ``Trade`` on tapes that print only those. [ticks, lots]
    """
    own = records[records["instrument_id"] == instrument_id]
    quotes = own[own["kind"] == Kind.QUOTE]
    return _top_of_book(quotes), _trades(own[own["kind"] == Kind.DELTA])


def _top_of_book(quotes: RecordArray) -> TopOfBook:
    rows = np.arange(len(quotes))
    last_row = {}
    for side in (Side.BID, Side.ASK):
        latest = np.where(quotes["side"] == side, rows, -1)
        last_row[side] = np.maximum.accumulate(latest) if len(rows) else latest
    known = (last_row[Side.BID] >= 0) & (last_row[Side.ASK] >= 0)
    final = np.ones(len(quotes), dtype=np.bool_)
    final[:-1] = quotes["ts_event_ns"][1:] != quotes["ts_event_ns"][:-1]
    keep = np.flatnonzero(known & final)
    bid, ask = (quotes[last_row[side][keep]] for side in (Side.BID, Side.ASK))
    sound = (bid["price_ticks"] != NO_PRICE) & (ask["price_ticks"] != NO_PRICE)
    sound &= bid["price_ticks"] < ask["price_ticks"]
    return TopOfBook(
        ts_ns=quotes["ts_event_ns"][keep][sound].astype(np.int64),
        bid=bid["price_ticks"][sound].astype(np.float64),
        bid_size=bid["size_lots"][sound].astype(np.float64),
        ask=ask["price_ticks"][sound].astype(np.float64),
        ask_size=ask["size_lots"][sound].astype(np.float64),
    )


def _trades(deltas: RecordArray) -> Trades:
    executed = deltas[deltas["action"] == Action.EXECUTE]
    printed = deltas[deltas["action"] == Action.TRADE]
    rows = executed if len(executed) else printed
    # An Execute bears the side of the resting order, a Trade that of the taker.
    buyer = rows["side"] == (Side.ASK if len(executed) else Side.BID)
    return Trades(
        ts_ns=rows["ts_event_ns"].astype(np.int64),
        price=rows["price_ticks"].astype(np.float64),
        size=rows["size_lots"].astype(np.float64),
        sign=np.where(buyer, 1.0, -1.0),
    )
