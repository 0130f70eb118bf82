"""Configuration of a replay and of a simulation: frozen, ranges in the types, unknown keys refused.

A dict, TOML or YAML file becomes one of these through :func:`replay_config` and
:func:`simulation_config`; an error names the path of the key (``$.queue.exponent``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import msgspec

from kimera.errors import ConfigError
from kimera.market import SimulationConfig as MarketConfig

__all__ = [
    "ConstantLatency",
    "Consumption",
    "EmpiricalLatency",
    "Latency",
    "QueueConfig",
    "QueueModel",
    "RecordedLatency",
    "ReplayConfig",
    "RunBounds",
    "SimulationConfig",
    "latency_text",
    "replay_config",
    "simulation_config",
]

Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
DurationNs = Annotated[int, msgspec.Meta(ge=0, le=3_600_000_000_000)]


class ConstantLatency(msgspec.Struct, frozen=True, tag="constant", forbid_unknown_fields=True):
    """Always the same delay.

    Attributes
    ----------
    ns : int
        The delay [ns], 0 to one hour.
    """

    ns: DurationNs = 200_000


class RecordedLatency(msgspec.Struct, frozen=True, tag="recorded", forbid_unknown_fields=True):
    """The delay the tape itself shows: receive time minus event time.

    Where the recorder's clock was off, the smallest difference of the tape's first batch counts
    as ``floor_ns`` and the others are measured from it, so that no delay is negative. For order
    entry and response the delay of the last record that arrived is used, times ``scale``.

    Attributes
    ----------
    floor_ns : int or None
        The delay the smallest difference stands for [ns]; None takes the differences as they
        are, unless one is negative: then the smallest stands for 0.
    scale : float
        Factor on the recorded delay, in (0, 100].
    """

    floor_ns: DurationNs | None = None
    scale: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0


class EmpiricalLatency(msgspec.Struct, frozen=True, tag="empirical", forbid_unknown_fields=True):
    """Delays drawn from a histogram by a seeded stream, even within a bucket.

    Attributes
    ----------
    edges_ns : tuple of int
        Ascending bucket edges [ns], one more than counts.
    counts : tuple of int
        How often each bucket was seen.
    """

    edges_ns: tuple[DurationNs, ...]
    counts: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]

    def __post_init__(self) -> None:
        if len(self.edges_ns) != len(self.counts) + 1 or not self.counts:
            raise ValueError(
                f"edges_ns must have one more entry than counts (at least 1), "
                f"was {len(self.edges_ns)} and {len(self.counts)}"
            )
        if any(b <= a for a, b in zip(self.edges_ns, self.edges_ns[1:], strict=False)):
            raise ValueError("edges_ns must rise strictly")
        if sum(self.counts) == 0:
            raise ValueError("counts must not be all zero")


Latency = ConstantLatency | RecordedLatency | EmpiricalLatency


class QueueModel(Enum):
    """How an own resting order's place in the queue is known on a replayed tape."""

    AUTO = "auto"
    """``L3_FIFO`` where the tape names orders, else ``POWER``."""
    L3_FIFO = "l3-fifo"
    """Exact: every recorded order ahead is tracked by its id."""
    RISK_AVERSE = "risk-averse"
    """Only trades move us up; cancellations are all behind us."""
    POWER = "power"
    """A cancelled lot was behind us with odds ``behind^n : ahead^n``."""
    LOG = "log"
    """The same with ``log(1 + x)`` in place of the power."""


class Consumption(Enum):
    """Whether liquidity our takers took stays taken."""

    REMEMBER = "remember"
    """A level we took from shows that much less to our next order."""
    FORGET = "forget"
    """Each order meets the recorded book as if we had never traded."""


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Queue-position model of a replay.

    Attributes
    ----------
    model : QueueModel
    exponent : float
        ``n`` of ``POWER``, in (0, 16].
    """

    model: QueueModel = QueueModel.AUTO
    exponent: Annotated[float, msgspec.Meta(gt=0, le=16)] = 3.0


class RunBounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds every run has; beyond one, the thing is refused and counted."""

    max_orders: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 1_024
    max_in_flight: Annotated[int, msgspec.Meta(ge=16, le=2**24)] = 65_536
    max_timers: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 1_024
    max_fills: Count = 1_000_000
    max_samples: Annotated[int, msgspec.Meta(ge=2, le=10_000_000)] = 20_000
    max_resting_orders: Count = 1 << 17
    max_levels: Count = 1 << 14


class ReplayConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a replay of a recorded tape assumes.

    Attributes
    ----------
    feed : Latency
        Venue to strategy. ``RecordedLatency`` uses the tape's own receive times.
    order_entry, response : Latency
        Strategy to venue, and report back.
    queue : QueueConfig
    consumption : Consumption
    seed : int
    sample_interval_ns : int
        Market time between samples of the curve.
    markout_horizons_ns : tuple of int
        Ascending, at most 8.
    strategy_params : dict
        Parameters of the strategy.
    bounds : RunBounds
    """

    feed: Latency = RecordedLatency()
    order_entry: Latency = ConstantLatency()
    response: Latency = ConstantLatency()
    queue: QueueConfig = QueueConfig()
    consumption: Consumption = Consumption.REMEMBER
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 1
    sample_interval_ns: Annotated[int, msgspec.Meta(ge=1)] = 100_000_000
    markout_horizons_ns: Annotated[tuple[DurationNs, ...], msgspec.Meta(max_length=8)] = (
        100_000_000,
        1_000_000_000,
        5_000_000_000,
        10_000_000_000,
    )
    strategy_params: dict[str, Any] = {}
    bounds: RunBounds = RunBounds()


class SimulationConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run on the simulated market assumes.

    Attributes
    ----------
    market : kimera.market.SimulationConfig
        The market; by default two venues with BTCUSDT and ETHUSDT.
    feed, order_entry, response : Latency
        ``RecordedLatency`` is refused: there is no tape.
    sample_interval_ns, markout_horizons_ns, strategy_params, bounds
        As in :class:`ReplayConfig`.
    """

    market: MarketConfig = msgspec.field(default_factory=MarketConfig.default_crypto)
    feed: Latency = ConstantLatency(200_000)
    order_entry: Latency = ConstantLatency()
    response: Latency = ConstantLatency()
    sample_interval_ns: Annotated[int, msgspec.Meta(ge=1)] = 100_000_000
    markout_horizons_ns: Annotated[tuple[DurationNs, ...], msgspec.Meta(max_length=8)] = (
        100_000_000,
        1_000_000_000,
        5_000_000_000,
        10_000_000_000,
    )
    strategy_params: dict[str, Any] = {}
    bounds: RunBounds = RunBounds()

    def __post_init__(self) -> None:
        recorded = [
            name
            for name in ("feed", "order_entry", "response")
            if isinstance(getattr(self, name), RecordedLatency)
        ]
        if recorded:
            raise ValueError(f"{recorded[0]}: a simulation has no recorded latency")


def replay_config(values: Mapping[str, Any]) -> ReplayConfig:
    """Make a :class:`ReplayConfig` from plain values; ConfigError names the path of a bad key."""
    try:
        return msgspec.convert(dict(values), ReplayConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error


def simulation_config(values: Mapping[str, Any]) -> SimulationConfig:
    """Make a :class:`SimulationConfig` from plain values; ConfigError names the bad key."""
    try:
        return msgspec.convert(dict(values), SimulationConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error


def latency_text(latency: Latency) -> str:
    """Say a latency model in a few words, as the report prints it."""
    match latency:
        case ConstantLatency(ns=ns):
            return f"constant {ns} ns"
        case RecordedLatency(floor_ns=floor, scale=scale):
            start = "as recorded" if floor is None else f"recorded from {floor} ns"
            return start if scale == 1.0 else f"{start} x {scale}"
        case EmpiricalLatency(counts=counts):
            return f"empirical, {len(counts)} buckets, {sum(counts)} samples"
