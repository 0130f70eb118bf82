import msgspec
import numpy as np
import pytest

from kimera.errors import ConfigError
from kimera.system import (
    ConstantLatency,
    EmpiricalLatency,
    LatencyHistogram,
    QueueModel,
    ReplayConfig,
    SimulationConfig,
    replay_config,
    simulation_config,
)


def test_replay_config_from_plain_values_reads_every_kind_of_latency() -> None:
    config = replay_config(
        {
            "feed": {"type": "recorded", "floor_ns": 1000},
            "order_entry": {"type": "constant", "ns": 5},
            "response": {"type": "empirical", "edges_ns": [0, 10, 30], "counts": [1, 2]},
            "queue": {"model": "power", "exponent": 2.5},
        }
    )
    assert config.order_entry == ConstantLatency(5)
    assert config.response == EmpiricalLatency((0, 10, 30), (1, 2))
    assert config.queue.model is QueueModel.POWER


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"queue": {"exponent": 0}}, r"\$\.queue\.exponent"),
        ({"queue": {"model": "magic"}}, r"\$\.queue\.model"),
        ({"order_entry": {"type": "constant", "ns": -1}}, r"\$\.order_entry\.ns"),
        ({"no_such_key": 1}, "no_such_key"),
        ({"feed": {"type": "empirical", "edges_ns": [0], "counts": []}}, r"\$\.feed"),
        ({"feed": {"type": "empirical", "edges_ns": [5, 5], "counts": [1]}}, "rise strictly"),
        ({"bounds": {"max_orders": 0}}, r"\$\.bounds\.max_orders"),
    ],
)
def test_replay_config_bad_value_names_the_path(values: dict[str, object], path: str) -> None:
    with pytest.raises(ConfigError, match=path):
        replay_config(values)


def test_simulation_config_recorded_latency_is_refused() -> None:
    with pytest.raises(ConfigError, match="no recorded latency"):
        simulation_config({"feed": {"type": "recorded"}})


@pytest.mark.parametrize("config", [ReplayConfig(), SimulationConfig()])
def test_config_round_trips_through_plain_values(config: ReplayConfig | SimulationConfig) -> None:
    plain = msgspec.to_builtins(config)
    assert msgspec.convert(plain, type(config)) == config


def test_percentile_of_known_counts_is_the_upper_edge() -> None:
    histogram = LatencyHistogram(
        name="feed",
        edges_ns=np.array([0, 10, 20, 40]),
        counts=np.array([50, 49, 1]),
    )
    assert histogram.percentile_ns(50) == 10
    assert histogram.percentile_ns(99) == 20
    assert histogram.percentile_ns(100) == 40
    empty = LatencyHistogram(name="x", edges_ns=np.array([0, 1]), counts=np.array([0]))
    assert np.isnan(empty.percentile_ns(50))
