"""Fixtures: a run result made by hand, a random walk with fills around it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from kimera.model import (
    NO_PRICE,
    Instrument,
    Kind,
    RecordFlag,
    ReportAct,
    Side,
    Venue,
    empty_records,
)
from kimera.system import (
    Counters,
    Curve,
    LatencyHistogram,
    PnlParts,
    RunResult,
    TopSamples,
)

START_NS = 1_700_000_000_000_000_000
INTERVAL_NS = 100_000_000
HORIZONS_NS = (100_000_000, 1_000_000_000, 5_000_000_000)


def _instruments(n_instruments: int) -> tuple[Instrument, ...]:
    symbols = ("BTCUSDT", "ETHUSDT")
    return tuple(
        Instrument(
            instrument_id=number + 1,
            symbol=symbols[number % 2],
            venue_id=number // 2 % 2 + 1,
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.0001"),
            base=symbols[number % 2][:3],
            quote="USDT",
        )
        for number in range(n_instruments)
    )


def _result(n_instruments: int = 2, n_samples: int = 300, n_fills: int = 120) -> RunResult:
    chance = np.random.default_rng(7)
    ts_ns = START_NS + INTERVAL_NS * np.arange(n_samples)
    steps = chance.standard_t(3, (n_samples, n_instruments)) * 40
    mid = (6_000_000 + np.cumsum(steps, axis=0)).astype(np.int64)
    half = chance.integers(1, 8, mid.shape)
    top = TopSamples(ts_ns=ts_ns, bid_ticks=mid - half, ask_ticks=mid + half)
    at = np.sort(chance.integers(0, n_samples, n_fills))
    column = chance.integers(0, n_instruments, n_fills)
    buys = chance.random(n_fills) < 0.5
    fills = empty_records(n_fills)
    fills["kind"], fills["action"] = Kind.REPORT, ReportAct.FILLED
    fills["ts_event_ns"] = ts_ns[at]
    fills["instrument_id"] = column + 1
    fills["side"] = np.where(buys, Side.BID, Side.ASK)
    maker = chance.random(n_fills) < 0.8
    fills["flags"] = np.where(maker, RecordFlag.MAKER, 0)
    away = np.where(buys == maker, -1, 1) * half[at, column]
    fills["price_ticks"] = mid[at, column] + away
    fills["size_lots"] = chance.integers(1, 50, n_fills)
    fills["order_id"] = np.arange(n_fills) + 1
    positions = np.zeros((n_samples, n_instruments), dtype=np.int64)
    signed = np.where(buys, 1, -1) * fills["size_lots"]
    np.add.at(positions, (at, column), signed)
    positions = np.cumsum(positions, axis=0)
    later = np.full((n_fills, len(HORIZONS_NS)), NO_PRICE, dtype=np.int64)
    for number, horizon_ns in enumerate(HORIZONS_NS):
        then = at + horizon_ns // INTERVAL_NS
        known = then < n_samples
        later[known, number] = 2 * mid[then[known], column[known]]
    equity = np.cumsum(chance.normal(0.02, 1.0, n_samples))
    curve = Curve(
        ts_ns=ts_ns,
        equity={"USDT": equity},
        drawdown={"USDT": np.maximum.accumulate(equity) - equity},
        positions_lots=positions,
        interval_ns=INTERVAL_NS,
    )
    return RunResult(
        kind="simulation",
        instruments=_instruments(n_instruments),
        venues=(Venue(1, "NORTH", -500, 2_000), Venue(2, "SOUTH", 1_000, 4_000)),
        config={"feed": {"type": "constant", "ns": 200_000}},
        seed=7,
        strategy="market-making-v1",
        strategy_params={"size_lots": 10},
        tape="embedded",
        tape_format="simulated",
        queue_models=("matching",) * n_instruments,
        latency_models={"feed": "constant 200000 ns", "order_entry": "constant 200000 ns"},
        journal_path=None,
        digest="ab" * 32,
        fingerprint="ef" * 16,
        start_ns=int(ts_ns[0]),
        end_ns=int(ts_ns[-1]),
        fills=fills,
        fills_dropped=0,
        fill_mids2=2 * mid[at, column],
        curve=curve,
        top=top,
        markout_horizons_ns=HORIZONS_NS,
        markout_mids2=later,
        positions_lots=tuple(int(p) for p in positions[-1]),
        pnl=tuple(
            PnlParts(
                instrument_id=number + 1,
                currency="USDT",
                spread=Fraction(25, 2),
                inventory=Fraction(-31, 4),
                fees=Fraction(3, 2) if number % 2 else Fraction(-3, 2),
                total=Fraction(25, 2)
                - Fraction(31, 4)
                - (Fraction(3, 2) if number % 2 else Fraction(-3, 2)),
                realised=Fraction(2),
                unrealised=Fraction(11, 4),
            )
            for number in range(n_instruments)
        ),
        counters=Counters(
            sent=900,
            denied=0,
            accepted=400,
            rejected=3,
            filled=n_fills,
            cancelled=260,
            replaced=0,
            expired=0,
            cancel_rejected=7,
            maker_lots=2_000,
            taker_lots=500,
        ),
        latencies={
            "feed": LatencyHistogram(
                name="feed",
                edges_ns=np.array([199_000, 201_000], dtype=np.int64),
                counts=np.array([5_000], dtype=np.int64),
            ),
            "processing": LatencyHistogram(
                name="processing",
                edges_ns=np.geomspace(10, 1e6, 400).astype(np.int64),
                counts=np.round(1e5 * np.exp(-((np.linspace(-2, 7, 399)) ** 2))).astype(np.int64),
            ),
        },
        wall_s=0.8,
        events=1_234_567,
        callbacks={"on_top": 1_000, "on_report": 500},
        anomalies={"gap": 0, "crossed": 3},
    )


@pytest.fixture
def make_run() -> Callable[..., RunResult]:
    """Make a run of a size: n_instruments, n_samples, n_fills."""
    return _result
