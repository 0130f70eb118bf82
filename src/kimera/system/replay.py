"""Run a strategy on recorded tapes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from kimera._native import system as _native
from kimera.errors import InputError
from kimera.model import (
    NO_TIME,
    Action,
    Instrument,
    Kind,
    RecordArray,
    RecordFlag,
    Venue,
)
from kimera.strategy import NativeStrategy, load
from kimera.system.config import Consumption, QueueModel, RecordedLatency, ReplayConfig
from kimera.system.run_result import Progress, RunResult
from kimera.system.session import Lane, Setup, collect, drive, start, written
from kimera.system.venue_time import VenueTimes

__all__ = ["TapeLike", "replay"]

_MODELS: Final = {
    QueueModel.L3_FIFO: 0,
    QueueModel.RISK_AVERSE: 1,
    QueueModel.POWER: 2,
    QueueModel.LOG: 3,
}
_ORDER_ACTIONS: Final = (Action.ADD, Action.CANCEL, Action.MODIFY, Action.EXECUTE)


class TapeLike(Protocol):
    """What a replay needs of a tape (:class:`kimera.market.Tape` has it)."""

    format: str
    instruments: tuple[Instrument, ...]
    venues: tuple[Venue, ...]
    anomalies: Any

    def batches(self, n_records: int = ...) -> Iterator[RecordArray]:
        """Iterate over the records from the start."""
        ...


class _Shape(msgspec.Struct, frozen=True):
    """What the first batch of a tape tells about it."""

    by_order: bool
    packets: bool
    clock_offset_ns: int
    first_ns: int | None


def replay(
    tape: TapeLike | Sequence[TapeLike],
    strategy: Any,
    config: ReplayConfig | None = None,
    *,
    journal: str | Path | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a strategy on one tape, or on several merged by exchange time.

    Parameters
    ----------
    tape : Tape or sequence of Tape
        Several tapes are several connections; their instruments and venues are numbered on.
    strategy : str, type or object
        A registered name, ``"FILE.py:Class"``, or a strategy (:func:`kimera.strategy.load`).
    config : ReplayConfig, optional
        Latencies, queue model, bounds.
    journal : path, optional
        A folder: everything the strategy saw, asked and was told is written there.
    progress : callable, optional
        ``progress(share, snapshot)`` about twenty times a second of wall time.

    Returns
    -------
    RunResult

    Raises
    ------
    StrategyError
        If a callback raises: names callback and time; the cause is chained.
    CapacityError
        If a bound of the configuration is reached where nothing may be lost.
    InputError, ConfigError
        If tape, strategy or configuration are not usable.

    Examples
    --------
    >>> from kimera.market import open_tape
    >>> from kimera.system import replay
    >>> result = replay(open_tape("day.parquet"), "market-making-v1")  # doctest: +SKIP
    """
    config = config or ReplayConfig()
    tapes = [tape] if not isinstance(tape, Sequence) else list(tape)
    if not tapes:
        raise InputError("replay: expected at least one tape, was none")
    name, runnable = load(strategy, config.strategy_params)
    times = [VenueTimes() for _ in tapes]
    lanes, shapes = _open(tapes, times, config)
    setup = _setup(tapes, shapes, config, name, runnable)
    spec = _spec(tapes, shapes, setup, config)
    with written(journal, spec, setup) as digest:
        run = start(setup, spec, "replay")
        wall_s = drive(run, setup, lanes, progress=progress, share=_share(tapes))
    anomalies: dict[str, int] = {}
    for one in tapes:
        for key, count in dict(one.anomalies).items():
            anomalies[key] = anomalies.get(key, 0) + count
    if estimated := sum(one.estimated for one in times):
        anomalies["event_times_estimated"] = estimated
    return collect(
        run,
        setup,
        wall_s=wall_s,
        anomalies=anomalies,
        journal_path=None if journal is None else str(journal),
        digest=digest(),
    )


def _open(
    tapes: Sequence[TapeLike], times: Sequence[VenueTimes], config: ReplayConfig
) -> tuple[list[Lane], list[_Shape]]:
    lanes: list[Lane] = []
    shapes: list[_Shape] = []
    n_instruments = n_venues = 0
    for tape, venue_times in zip(tapes, times, strict=True):
        batches = venue_times.fill(tape.batches())
        first = next(batches, None)
        shapes.append(_shape(first, config))
        rest: Iterator[RecordArray] = (
            iter(()) if first is None else itertools.chain((first,), batches)
        )
        if n_instruments or n_venues:
            rest = _renumbered(rest, n_instruments, n_venues)
        lanes.append(Lane(rest))
        n_instruments += len(tape.instruments)
        n_venues += len(tape.venues)
    return lanes, shapes


def _renumbered(
    batches: Iterator[RecordArray], n_instruments: int, n_venues: int
) -> Iterator[RecordArray]:
    for batch in batches:
        out = batch.copy()
        out["instrument_id"] += np.uint32(n_instruments)
        out["venue_id"] += np.uint16(n_venues)
        yield out


def _shape(first: RecordArray | None, config: ReplayConfig) -> _Shape:
    if first is None or not len(first):
        return _Shape(by_order=False, packets=False, clock_offset_ns=0, first_ns=None)
    deltas = first[first["kind"] == Kind.DELTA]
    by_order = bool(np.any(np.isin(deltas["action"], _ORDER_ACTIONS) & (deltas["order_id"] != 0)))
    packets = bool(np.any(first["flags"] & RecordFlag.LAST))
    return _Shape(
        by_order=by_order,
        packets=packets,
        clock_offset_ns=_offset(first, config),
        first_ns=int(first["ts_event_ns"][0]),
    )


def _offset(first: RecordArray, config: ReplayConfig) -> int:
    """Correction of the recorder's clock: added to receive minus event time [ns]."""
    recorded = [
        one
        for one in (config.feed, config.order_entry, config.response)
        if isinstance(one, RecordedLatency)
    ]
    known = (first["ts_recv_ns"] != NO_TIME) & (first["ts_event_ns"] != NO_TIME)
    if not recorded or not known.any():
        return 0
    least = int((first["ts_recv_ns"][known] - first["ts_event_ns"][known]).min())
    floor = recorded[0].floor_ns
    if floor is not None:
        return floor - least
    return max(0, -least)


def _setup(
    tapes: Sequence[TapeLike],
    shapes: Sequence[_Shape],
    config: ReplayConfig,
    name: str,
    runnable: Any,
) -> Setup:
    instruments: list[Instrument] = []
    venues: list[Venue] = []
    models: list[str] = []
    for tape, shape in zip(tapes, shapes, strict=True):
        for instrument in tape.instruments:
            models.append(_queue_text(_model(shape, config), config))
            instruments.append(
                msgspec.structs.replace(
                    instrument,
                    instrument_id=len(instruments) + 1,
                    venue_id=instrument.venue_id + len(venues),
                )
            )
        venues.extend(
            msgspec.structs.replace(venue, venue_id=len(venues) + i + 1)
            for i, venue in enumerate(tape.venues)
        )
    if not instruments:
        raise InputError("replay: the tape names no instrument")
    params = runnable.values() if isinstance(runnable, NativeStrategy) else config.strategy_params
    return Setup(
        kind="replay",
        instruments=tuple(instruments),
        venues=tuple(venues),
        config=msgspec.to_builtins(config),
        seed=config.seed,
        latencies={
            "feed": config.feed,
            "order_entry": config.order_entry,
            "response": config.response,
        },
        queue_models=tuple(models),
        sample_interval_ns=config.sample_interval_ns,
        markout_horizons_ns=config.markout_horizons_ns,
        bounds=config.bounds,
        strategy_name=name,
        strategy=runnable,
        strategy_params=dict(params),
        tape=", ".join(str(getattr(tape, "file", tape.format)) for tape in tapes),
        tape_format=", ".join(tape.format for tape in tapes),
        start_ns=min((one.first_ns for one in shapes if one.first_ns is not None), default=NO_TIME),
        packets=all(shape.packets for shape in shapes),
    )


def _model(shape: _Shape, config: ReplayConfig) -> QueueModel:
    model = config.queue.model
    if model is QueueModel.AUTO:
        return QueueModel.L3_FIFO if shape.by_order else QueueModel.POWER
    if (model is QueueModel.L3_FIFO) != shape.by_order:
        shown = "names orders: use l3-fifo" if shape.by_order else "shows totals: use power or log"
        raise InputError(f"queue.model: {model.value} does not fit a tape that {shown}, or auto")
    return model


def _queue_text(model: QueueModel, config: ReplayConfig) -> str:
    return f"power-{config.queue.exponent:g}" if model is QueueModel.POWER else model.value


def _spec(
    tapes: Sequence[TapeLike], shapes: Sequence[_Shape], setup: Setup, config: ReplayConfig
) -> Any:
    spec = _native.RunSpec()
    models = [_model(shape, config) for shape in shapes]
    by_order = [shape.by_order for shape in shapes]
    modelled = [model for model in models if model is not QueueModel.L3_FIFO]
    lane_of = [lane for lane, tape in enumerate(tapes) for _ in tape.instruments]
    fees: Mapping[int, Venue] = {venue.venue_id: venue for venue in setup.venues}
    rows = []
    for instrument, lane in zip(setup.instruments, lane_of, strict=True):
        venue = fees.get(instrument.venue_id)
        maker, taker = (venue.maker_fee_e7, venue.taker_fee_e7) if venue is not None else (0, 0)
        rows.append((instrument.venue_id, lane, by_order[lane], maker, taker, instrument.inverse))
    spec.set_instruments(rows)
    spec.set_lanes(
        [(flag, shape.clock_offset_ns) for flag, shape in zip(by_order, shapes, strict=True)]
    )
    spec.set_queue(
        _MODELS[modelled[0] if modelled else QueueModel.L3_FIFO],
        config.queue.exponent,
        config.consumption is Consumption.REMEMBER,
    )
    spec.packets = setup.packets
    return spec


def _share(tapes: Sequence[TapeLike]) -> Any:
    """Done share of the tapes, where they know how many records they hold; else nan."""
    totals = [getattr(tape, "n_records", None) for tape in tapes]
    if any(total is None for total in totals):
        return lambda _run: float("nan")
    total = max(1, sum(int(t) for t in totals if t is not None))
    return lambda run: min(1.0, run.events / total)
