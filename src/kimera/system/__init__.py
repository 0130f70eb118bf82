"""Who wires it: configuration, event loop, replay, simulation, playback."""

from kimera.system.config import (
    ConstantLatency,
    Consumption,
    EmpiricalLatency,
    QueueConfig,
    QueueModel,
    RecordedLatency,
    ReplayConfig,
    RunBounds,
    SimulationConfig,
    replay_config,
    simulation_config,
)
from kimera.system.playback import Difference, Playback, is_run, playback
from kimera.system.replay import replay
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
from kimera.system.simulate import simulate

__all__ = [
    "ConstantLatency",
    "Consumption",
    "Counters",
    "Curve",
    "Difference",
    "EmpiricalLatency",
    "LatencyHistogram",
    "Playback",
    "PnlParts",
    "Progress",
    "QueueConfig",
    "QueueModel",
    "RecordedLatency",
    "ReplayConfig",
    "RunBounds",
    "RunResult",
    "SimulationConfig",
    "Snapshot",
    "TopSamples",
    "is_run",
    "playback",
    "replay",
    "replay_config",
    "simulate",
    "simulation_config",
]
