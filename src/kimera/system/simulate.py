"""Run a strategy on the simulated market."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from kimera._native import system as _native
from kimera.errors import CapacityError, InputError
from kimera.market import native_venue
from kimera.strategy import NativeStrategy, load
from kimera.system.config import SimulationConfig
from kimera.system.run_result import Progress, RunResult
from kimera.system.session import Setup, collect, drive, start, written

__all__ = ["simulate"]


def simulate(
    config: SimulationConfig | None,
    strategy: Any,
    *,
    seed: int,
    duration_ns: int,
    journal: str | Path | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a strategy on the simulated market, where its orders match for real.

    Parameters
    ----------
    config : SimulationConfig or None
        None is the embedded default: two venues, BTCUSDT and ETHUSDT.
    strategy : str, type or object
        A registered name, ``"FILE.py:Class"``, or a strategy (:func:`kimera.strategy.load`).
    seed : int
        0 to 2**63 - 1; the same seed gives the same run, byte for byte.
    duration_ns : int
        Market time [ns], > 0.
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
        If a bound is reached where nothing may be lost.
    InputError, ConfigError
        If strategy or configuration are not usable.

    Examples
    --------
    >>> from kimera.system import simulate
    >>> result = simulate(None, "market-making-v1", seed=1, duration_ns=1_000_000_000)
    >>> result.kind, len(result.instruments)
    ('simulation', 4)
    """
    config = config or SimulationConfig()
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be in [0, 2**63), was {seed}")
    if duration_ns <= 0:
        raise InputError(f"duration_ns must be above 0, was {duration_ns}")
    name, runnable = load(strategy, config.strategy_params)
    venue = native_venue(config.market, seed, duration_ns)
    setup = _setup(config, seed, name, runnable, venue.next_event_ns())
    spec = _spec(setup)
    begin_ns = config.market.start_ns
    spec.end_ns = begin_ns + duration_ns

    def share(run: Any) -> float:
        return float(min(1.0, max(0.0, (run.now_ns - begin_ns) / duration_ns)))

    with written(journal, spec, setup) as digest:
        run = start(setup, spec, "simulate", venue)
        wall_s = drive(run, setup, (), progress=progress, share=share)
    result = collect(
        run,
        setup,
        wall_s=wall_s,
        anomalies={},
        journal_path=None if journal is None else str(journal),
        digest=digest(),
    )
    lost = result.anomalies.get("market_records_lost", 0)
    if lost or result.anomalies.get("market_wake_ups_refused", 0):
        raise CapacityError(f"the simulated market reached a bound: {result.anomalies}")
    return result


def _setup(config: SimulationConfig, seed: int, name: str, runnable: Any, start_ns: int) -> Setup:
    instruments = tuple(config.market.instruments())
    params = runnable.values() if isinstance(runnable, NativeStrategy) else config.strategy_params
    return Setup(
        kind="simulation",
        instruments=instruments,
        venues=tuple(config.market.venue_table()),
        config=msgspec.to_builtins(config),
        seed=seed,
        latencies={
            "feed": config.feed,
            "order_entry": config.order_entry,
            "response": config.response,
        },
        queue_models=("matching",) * len(instruments),
        sample_interval_ns=config.sample_interval_ns,
        markout_horizons_ns=config.markout_horizons_ns,
        bounds=config.bounds,
        strategy_name=name,
        strategy=runnable,
        strategy_params=dict(params),
        tape="simulated market",
        tape_format="simulated",
        start_ns=start_ns,
        packets=True,
    )


def _spec(setup: Setup) -> Any:
    spec = _native.RunSpec()
    fees = {venue.venue_id: venue for venue in setup.venues}
    spec.set_instruments(
        [
            (
                instrument.venue_id,
                0,
                True,
                fees[instrument.venue_id].maker_fee_e7,
                fees[instrument.venue_id].taker_fee_e7,
                instrument.inverse,
            )
            for instrument in setup.instruments
        ]
    )
    spec.set_lanes([(True, 0)])
    spec.packets = setup.packets
    return spec
