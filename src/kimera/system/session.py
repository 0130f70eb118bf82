"""What replay and simulation share: the native run's specification, the drive and the harvest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from kimera._native import system as _native
from kimera.errors import CapacityError, JournalFullError, StrategyError
from kimera.model import NO_PRICE, RECORD, Instrument, RecordArray, Venue
from kimera.portfolio import currency, drawdown, unit_value
from kimera.runtime import Clock, Journal, SystemClock
from kimera.strategy import CompiledStrategy, NativeStrategy
from kimera.system.config import (
    ConstantLatency,
    EmpiricalLatency,
    Latency,
    RecordedLatency,
    RunBounds,
    latency_text,
)
from kimera.system.run_result import (
    Counters,
    Curve,
    LatencyHistogram,
    PnlParts,
    Progress,
    RunResult,
    Snapshot,
    TopSamples,
)

__all__ = [
    "RUN_FORMAT",
    "Lane",
    "Setup",
    "collect",
    "drive",
    "feed",
    "latency_row",
    "raise_failure",
    "start",
    "written",
]

EVENTS_PER_TURN: Final = 10_000
"""Market records between two looks at the clock."""
EVENTS_PER_QUIET_TURN: Final = 100_000
"""The same without a view: an interrupt waits for the end of a turn, at most about a second."""
PROGRESS_NS: Final = 50_000_000
RUN_FORMAT: Final = "kimera-run-2"
"""Of the metadata of a run's journal."""
_FINISHED, _STARVED, _BUDGET, _STOPPED, _QUEUE_FULL, _JOURNAL_FULL = range(6)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What both kinds of run know before they start."""

    kind: str
    instruments: tuple[Instrument, ...]
    venues: tuple[Venue, ...]
    config: dict[str, Any]
    seed: int
    latencies: dict[str, Latency]
    queue_models: tuple[str, ...]
    sample_interval_ns: int
    markout_horizons_ns: tuple[int, ...]
    bounds: RunBounds
    strategy_name: str
    strategy: Any
    strategy_params: dict[str, Any]
    tape: str
    tape_format: str
    start_ns: int
    packets: bool


class Lane(msgspec.Struct):
    """Batches still to come for one venue of the run, and the one it has."""

    batches: Iterator[RecordArray]
    held: RecordArray | None = None


def latency_row(latency: Latency) -> tuple[int, int, float, list[int], list[int]]:
    """Turn a latency into what the native run takes."""
    match latency:
        case ConstantLatency(ns=ns):
            return (0, ns, 1.0, [], [])
        case RecordedLatency(scale=scale):
            return (1, 0, scale, [], [])
        case EmpiricalLatency(edges_ns=edges, counts=counts):
            return (2, 0, 1.0, list(edges), list(counts))


def start(setup: Setup, spec: Any, source: str, *market: Any) -> Any:
    """Make the native run: ``source`` is ``"replay"`` or ``"simulate"``."""
    latencies = setup.latencies
    spec.set_latencies(
        latency_row(latencies["feed"]),
        latency_row(latencies["order_entry"]),
        latency_row(latencies["response"]),
    )
    bounds = setup.bounds
    spec.set_bounds(
        bounds.max_orders,
        bounds.max_timers,
        bounds.max_in_flight,
        bounds.max_resting_orders,
        bounds.max_levels,
    )
    spec.set_log(
        setup.sample_interval_ns,
        bounds.max_samples,
        bounds.max_fills,
        list(setup.markout_horizons_ns),
    )
    spec.seed = setup.seed
    strategy = setup.strategy
    if isinstance(strategy, NativeStrategy):
        make = getattr(_native, f"{source}_native")
        return make(spec, *market, strategy.name, strategy.values())
    if isinstance(strategy, CompiledStrategy):
        make = getattr(_native, f"{source}_compiled")
        return make(spec, *market, strategy.addresses, strategy.state_address, strategy)
    return getattr(_native, f"{source}_python")(spec, *market, strategy)


@contextmanager
def written(path: str | Path | None, spec: Any, setup: Setup) -> Iterator[Callable[[], str | None]]:
    """Keep a journal of the run while the context lasts, if a path is given.

    Yields
    ------
    callable
        The head of the journal's hash chain, to be asked afterwards; None without a journal.
    """
    if path is None:
        yield lambda: None
        return
    journal = Journal.create(path, metadata=_metadata(setup))
    spec.set_journal(journal.writer)
    try:
        yield journal.digest
    except JournalFullError:
        journal.writer.check()  # knows why: the disk, the bound, a folder that is gone
        raise
    finally:
        journal.close()


def _metadata(setup: Setup) -> dict[str, Any]:
    """What a reader of the journal must know to run it again.

    Tapes without their folders: the digest must not depend on where somebody keeps them.
    """
    return {
        "format": RUN_FORMAT,
        "kind": setup.kind,
        "instruments": msgspec.to_builtins(setup.instruments),
        "venues": msgspec.to_builtins(setup.venues),
        "config": setup.config,
        "seed": setup.seed,
        "strategy": setup.strategy_name,
        "strategy_params": setup.strategy_params,
        "queue_models": setup.queue_models,
        "tape": ", ".join(Path(one).name for one in setup.tape.split(", ")),
        "tape_format": setup.tape_format,
        "start_ns": setup.start_ns,
        "packets": setup.packets,
    }


def drive(
    run: Any,
    setup: Setup,
    lanes: Sequence[Lane],
    *,
    progress: Progress | None,
    share: Any,
    clock: Clock | None = None,
    refused_ends: bool = False,
) -> float:
    """Run to the end, feeding batches and telling progress.

    With ``refused_ends`` a record that the journal's place refuses is an end like any other: so
    a playback stops at the first difference.

    Returns
    -------
    float
        Wall time [s].
    """
    clock = clock or SystemClock()
    begin_ns = clock.monotonic_ns()
    told_ns = begin_ns
    turn = EVENTS_PER_TURN if progress is not None else EVENTS_PER_QUIET_TURN
    while True:
        pause = run.go(turn)
        raise_failure(run, setup)
        if pause == _STARVED:
            feed(run, lanes)
        elif pause == _QUEUE_FULL:
            raise CapacityError(
                f"more records in flight than bounds.max_in_flight = {setup.bounds.max_in_flight} "
                f"at {run.now_ns} ns; raise it or lower the latency"
            )
        elif pause == _JOURNAL_FULL and not refused_ends:
            raise JournalFullError(f"the journal refused a record at {run.now_ns} ns")
        elif pause != _BUDGET:
            break
        if progress is not None:
            now_ns = clock.monotonic_ns()
            if now_ns - told_ns >= PROGRESS_NS:
                told_ns = now_ns
                progress(share(run), _snapshot(run, setup, now_ns - begin_ns))
    wall_ns = clock.monotonic_ns() - begin_ns
    if progress is not None:
        progress(1.0, _snapshot(run, setup, wall_ns))
    return wall_ns * 1e-9


def feed(run: Any, lanes: Sequence[Lane]) -> None:
    """Give the lane that waits its next batch."""
    index = run.starved_lane
    lane = lanes[index]
    batch = next(lane.batches, None)
    if batch is None:
        run.finish(index)
        return
    if len(batch):
        lane.held = np.ascontiguousarray(batch)
        run.feed(index, np.frombuffer(lane.held.data, dtype=np.uint8))


def raise_failure(run: Any, setup: Setup) -> None:
    """Raise what a callback raised: as a StrategyError, but an interrupt as it is."""
    failure = run.failure()
    if failure is None:
        return
    callback, at_ns, error = failure
    if not isinstance(error, Exception):
        raise error  # an interrupt that found the strategy at work, not a fault of it
    raise StrategyError(
        f"{setup.strategy_name}.{callback} at {at_ns} ns: {type(error).__name__}: {error}"
    ) from error


def _snapshot(run: Any, setup: Setup, wall_ns: int) -> Snapshot:
    accounts = [run.account(i + 1) for i in range(len(setup.instruments))]
    profit: dict[str, float] = {}
    for instrument, account in zip(setup.instruments, accounts, strict=True):
        value = float(unit_value(instrument) * account["profit"])
        profit[currency(instrument)] = profit.get(currency(instrument), 0.0) + value
    return Snapshot(
        ts_ns=run.now_ns,
        events=run.events,
        events_per_s=run.events / max(wall_ns * 1e-9, 1e-9),
        bid_ticks=tuple(_price(a["bid_ticks"]) for a in accounts),
        ask_ticks=tuple(_price(a["ask_ticks"]) for a in accounts),
        positions_lots=tuple(a["position_lots"] for a in accounts),
        pnl=profit,
        orders=run.sent,
        fills=run.filled,
    )


def _price(ticks: int) -> int | None:
    return None if ticks == NO_PRICE else ticks


def collect(
    run: Any,
    setup: Setup,
    *,
    wall_s: float,
    anomalies: Mapping[str, int],
    journal_path: str | None,
    digest: str | None,
) -> RunResult:
    """Gather the outcome of a finished run."""
    log = run.log()
    counters = run.counters()
    n_instruments = len(setup.instruments)
    n_horizons = len(setup.markout_horizons_ns)
    fills = np.frombuffer(log["fills"].data, dtype=RECORD)
    shape = (len(log["ts_ns"]), n_instruments)
    positions = log["positions"].reshape(shape)
    found = dict(anomalies)
    for name, count in run.anomalies():
        found[name] = found.get(name, 0) + count
    accounts = [run.account(i + 1) for i in range(n_instruments)]
    return RunResult(
        kind=setup.kind,
        instruments=setup.instruments,
        venues=setup.venues,
        config=setup.config,
        seed=setup.seed,
        strategy=setup.strategy_name,
        strategy_params=setup.strategy_params,
        tape=setup.tape,
        tape_format=setup.tape_format,
        queue_models=setup.queue_models,
        latency_models={name: latency_text(one) for name, one in setup.latencies.items()},
        journal_path=journal_path,
        digest=digest,
        fingerprint=run.digest,
        start_ns=run.start_ns,
        end_ns=run.now_ns,
        fills=fills,
        fills_dropped=log["fills_dropped"],
        fill_mids2=log["fill_mids2"],
        curve=_curve(log, positions, setup),
        top=TopSamples(
            ts_ns=log["ts_ns"],
            bid_ticks=log["bids"].reshape(shape),
            ask_ticks=log["asks"].reshape(shape),
        ),
        markout_horizons_ns=setup.markout_horizons_ns,
        markout_mids2=log["markout_mids2"].reshape(len(fills), n_horizons),
        positions_lots=tuple(a["position_lots"] for a in accounts),
        pnl=tuple(_parts(i, a) for i, a in zip(setup.instruments, accounts, strict=True)),
        counters=_counters(counters, accounts),
        latencies={name: _histogram(run, name) for name in _LATENCIES},
        wall_s=wall_s,
        events=counters["events"],
        callbacks={name: counters[name] for name in _CALLBACKS},
        anomalies=found,
    )


_LATENCIES: Final = ("feed", "order_entry", "response", "processing")
_CALLBACKS: Final = ("on_top", "on_book", "on_trade", "on_report", "on_timer")


def _curve(log: Mapping[str, Any], positions: Any, setup: Setup) -> Curve:
    profits = log["profits"].reshape(positions.shape)
    equity: dict[str, Any] = {}
    for column, instrument in enumerate(setup.instruments):
        value = profits[:, column] * float(unit_value(instrument))
        name = currency(instrument)
        equity[name] = equity[name] + value if name in equity else value
    return Curve(
        ts_ns=log["ts_ns"],
        equity=equity,
        drawdown={name: drawdown(curve) for name, curve in equity.items()},
        positions_lots=positions,
        interval_ns=log["interval_ns"],
    )


def _parts(instrument: Instrument, account: Mapping[str, Any]) -> PnlParts:
    unit = unit_value(instrument)
    total = account["profit"]
    return PnlParts(
        instrument_id=instrument.instrument_id,
        currency=currency(instrument),
        spread=unit * account["spread"],
        inventory=unit * (total + account["fees"] - account["spread"]),
        fees=unit * account["fees"],
        total=unit * total,
        realised=unit * account["realised"],
        unrealised=unit * account["unrealised"],
    )


def _counters(counters: Mapping[str, Any], accounts: Sequence[Mapping[str, Any]]) -> Counters:
    reports = counters["reports"]
    return Counters(
        sent=counters["sent"],
        denied=counters["denied"],
        accepted=reports[1],
        rejected=reports[2],
        filled=reports[3],
        cancelled=reports[4],
        replaced=reports[5],
        expired=reports[6],
        cancel_rejected=reports[7],
        maker_lots=sum(a["maker_lots"] for a in accounts),
        taker_lots=sum(a["taker_lots"] for a in accounts),
    )


def _histogram(run: Any, name: str) -> LatencyHistogram:
    edges, counts = run.latency(name)
    if not len(counts):
        edges, counts = np.array([0, 1], dtype=np.int64), np.zeros(1, dtype=np.int64)
    return LatencyHistogram(name=name, edges_ns=edges, counts=counts)
