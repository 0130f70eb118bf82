"""What a replay or a simulation ends in: everything the report, the summary and a test need.

Units: times are int64 ns since the Unix epoch; prices are ticks, sizes lots and positions signed
lots of their instrument; money is in the currency that pays the instrument (the quote currency,
or the base currency of an inverse contract). Exact money is ``Fraction``; curves are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.model import Instrument, RecordArray, Venue

__all__ = [
    "Counters",
    "Curve",
    "LatencyHistogram",
    "PnlParts",
    "Progress",
    "RunResult",
    "Snapshot",
    "TopSamples",
]

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run under way, small enough to draw a few times a second.

    Attributes
    ----------
    ts_ns : int
        Market time at the strategy [ns].
    events : int
        Records the strategy's books have taken so far.
    events_per_s : float
        ``events`` per second of wall time since the start.
    bid_ticks, ask_ticks : tuple of (int or None)
        Best prices per instrument [ticks], None where that side is empty.
    positions_lots : tuple of int
        Signed position per instrument [lots].
    pnl : dict of str to float
        Profit after fees, marked at mid, per currency.
    orders, fills : int
        Sent and filled so far.
    """

    ts_ns: int
    events: int
    events_per_s: float
    bid_ticks: tuple[int | None, ...]
    ask_ticks: tuple[int | None, ...]
    positions_lots: tuple[int, ...]
    pnl: dict[str, float]
    orders: int
    fills: int


Progress = Callable[[float, Snapshot], None]
"""Called about twenty times a second of wall time with the done share (0 to 1, or nan)."""


class LatencyHistogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of durations in ascending buckets.

    Attributes
    ----------
    name : str
        ``"feed"`` (venue to strategy), ``"order_entry"`` (strategy to venue), ``"response"``
        (report, venue to strategy), or ``"processing"`` (wall time per event, sampled).
    edges_ns : ndarray of shape (n_buckets + 1,)
        Bucket ``i`` counts ``edges_ns[i] <= duration < edges_ns[i + 1]`` [ns].
    counts : ndarray of shape (n_buckets,)
    """

    name: str
    edges_ns: Int64Array
    counts: Int64Array

    @property
    def total(self) -> int:
        """Number of durations counted."""
        return int(self.counts.sum())

    def percentile_ns(self, percent: float) -> float:
        """Smallest bucket edge that at least ``percent`` of the durations lie below [ns].

        Parameters
        ----------
        percent : float
            In [0, 100].

        Returns
        -------
        float
            The upper edge of the bucket, nan when nothing was counted.
        """
        total = self.total
        if total == 0:
            return float("nan")
        rank = max(1.0, np.ceil(total * percent / 100.0))
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(self.edges_ns[bucket + 1])


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Equity and position sampled at even steps of market time.

    Attributes
    ----------
    ts_ns : ndarray of shape (n_samples,)
        int64, strictly rising [ns].
    equity : dict of str to ndarray of shape (n_samples,)
        Profit after fees since the start, open positions marked at mid, per currency.
    drawdown : dict of str to ndarray of shape (n_samples,)
        Highest equity so far minus equity (>= 0), per currency.
    positions_lots : ndarray of shape (n_samples, n_instruments)
        int64, signed [lots].
    interval_ns : int
        Market time between samples; doubled as often as needed to stay within the bound.
    """

    ts_ns: Int64Array
    equity: dict[str, Float64Array]
    drawdown: dict[str, Float64Array]
    positions_lots: Int64Array
    interval_ns: int


class TopSamples(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask as the strategy saw them, at the times of the curve.

    Attributes
    ----------
    ts_ns : ndarray of shape (n_samples,)
    bid_ticks, ask_ticks : ndarray of shape (n_samples, n_instruments)
        int64; ``NO_PRICE`` where the side was empty.
    """

    ts_ns: Int64Array
    bid_ticks: Int64Array
    ask_ticks: Int64Array


class PnlParts(msgspec.Struct, frozen=True, kw_only=True):
    """Where the money of one instrument came from, exact: ``total = spread + inventory - fees``.

    Attributes
    ----------
    instrument_id : int
    currency : str
        The currency of the four amounts.
    spread : Fraction
        Sum over fills of ``side x (mid - price) x size``: mid as the strategy saw it at the
        moment the venue filled; > 0 for a maker inside its own quotes. Zero for inverse
        contracts, whose profit is all in ``inventory``.
    inventory : Fraction
        What the position earned while the mid moved; the rest.
    fees : Fraction
        Paid to the venue; negative is a rebate earned.
    total : Fraction
        Profit after fees with the open position marked at the last mid.
    realised, unrealised : Fraction
        ``total + fees`` split by average cost into closed and open trades.
    """

    instrument_id: int
    currency: str
    spread: Fraction
    inventory: Fraction
    fees: Fraction
    total: Fraction
    realised: Fraction
    unrealised: Fraction


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """How often what happened.

    ``sent`` counts requests that left the strategy (new, cancel, replace); ``denied`` those our
    own bounds refused before they left; the rest are reports of the venue.
    """

    sent: int
    denied: int
    accepted: int
    rejected: int
    filled: int
    cancelled: int
    replaced: int
    expired: int
    cancel_rejected: int
    maker_lots: int
    taker_lots: int


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole outcome of one run.

    Attributes
    ----------
    kind : str
        ``"replay"`` or ``"simulation"``.
    instruments, venues : tuple
        Index = id - 1.
    config : dict
        The configuration as plain values (JSON-able).
    seed : int
        Of every random stream of the run.
    strategy, strategy_params : str, dict
        Registered name (or ``FILE.py:Class``) and its parameters.
    tape, tape_format : str
        Source and its format (``"simulated"`` for a simulation).
    queue_models : tuple of str
        Which queue-position model each instrument used, as in ``"l3-fifo"``, ``"power-3"``,
        ``"matching"`` (real matching in a simulation).
    latency_models : dict of str to str
        For ``feed``, ``order_entry`` and ``response``, as in ``"constant 200000 ns"``.
    journal_path, digest : str or None
        Where the journal lies and the head of its hash chain (64 hex digits), as
        ``kimera journal verify`` prints it; None when no journal was written. It covers the
        journal's metadata too: configuration, strategy, name of the tape.
    fingerprint : str
        128-bit hash (32 hex digits) of every record the strategy saw and every order and report,
        in order; the same with and without a journal, and for the same seed anywhere.
    start_ns, end_ns : int
        First and last market time at the strategy [ns]; NO_TIME for an empty tape.
    fills : ndarray of shape (n_fills,)
        ``Report Filled`` records in the order they reached the strategy (dtype RECORD);
        ``side`` is ours, flag MAKER tells maker from taker. At most ``config.max_fills``.
    fills_dropped : int
        Fills beyond that bound (the ledger has them all).
    fill_mids2 : ndarray of shape (n_fills,)
        Twice the mid [half ticks] as the strategy saw it when the venue filled; NO_PRICE before
        there was one.
    curve, top : Curve, TopSamples
        Sampled in market time.
    markout_horizons_ns : tuple of int
        Horizons the markouts were taken at.
    markout_mids2 : ndarray of shape (n_fills, n_horizons)
        Twice the mid [half ticks] at the strategy that long after the fill; NO_PRICE where the
        tape ended before.
    positions_lots : tuple of int
        Final signed positions [lots].
    pnl : tuple of PnlParts
        Per instrument, exact.
    counters : Counters
    latencies : dict of str to LatencyHistogram
        ``feed``, ``order_entry``, ``response``, ``processing``.
    wall_s : float
        Wall time of the run [s].
    events : int
        Records the strategy's books have taken.
    callbacks : dict of str to int
        How often each callback was called.
    anomalies : dict of str to int
        Of the tape, the books and the run, by name.
    """

    kind: str
    instruments: tuple[Instrument, ...]
    venues: tuple[Venue, ...]
    config: dict[str, Any]
    seed: int
    strategy: str
    strategy_params: dict[str, Any]
    tape: str
    tape_format: str
    queue_models: tuple[str, ...]
    latency_models: dict[str, str]
    journal_path: str | None
    fingerprint: str
    start_ns: int
    end_ns: int
    fills: RecordArray
    fills_dropped: int
    fill_mids2: Int64Array
    curve: Curve
    top: TopSamples
    markout_horizons_ns: tuple[int, ...]
    markout_mids2: Int64Array
    positions_lots: tuple[int, ...]
    pnl: tuple[PnlParts, ...]
    counters: Counters
    latencies: dict[str, LatencyHistogram]
    wall_s: float
    events: int
    callbacks: dict[str, int]
    anomalies: dict[str, int]
    digest: str | None = None
