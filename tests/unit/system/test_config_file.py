from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kimera.errors import ConfigError
from kimera.system import ConstantLatency, QueueModel
from kimera.system.config_file import (
    Profile,
    duration_ns,
    load_replay,
    load_run,
    merged,
    read_values,
)


def write(folder: Path, text: str, name: str = "run.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_load_run_without_a_file_is_the_default() -> None:
    run = load_run(None, {})
    assert (run.seed, run.duration, run.strategy) == (1, "30s", "market-making-v1")
    assert run.simulation.feed == ConstantLatency(200_000)


def test_load_run_same_values_in_toml_and_json_are_equal(tmp_path: Path) -> None:
    toml = write(tmp_path, 'seed = 9\n[simulation.feed]\ntype = "constant"\nns = 5\n')
    json = write(
        tmp_path, '{"seed": 9, "simulation": {"feed": {"type": "constant", "ns": 5}}}', "r.json"
    )
    assert load_run(toml, {}) == load_run(json, {})
    assert load_run(toml, {}).simulation.feed == ConstantLatency(5)


def test_load_run_command_line_wins_over_file_over_profile(tmp_path: Path) -> None:
    path = write(tmp_path, 'profile = "hft"\nseed = 9\n[simulation]\nsample_interval_ns = 7\n')
    run = load_run(path, {"seed": 3})
    assert run.profile is Profile.HFT
    assert run.seed == 3  # command line
    assert run.simulation.sample_interval_ns == 7  # file
    assert run.simulation.order_entry == ConstantLatency(10_000)  # profile
    assert load_run(path, {"profile": "prod"}).simulation.feed == ConstantLatency(1_000_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "$.sed: no such key"),
        ("[simulation]\nsampel = 1", "$.simulation.sampel: no such key"),
        ("[simulation.bounds]\nmax_fils = 1", "$.simulation.bounds.max_fils: no such key"),
        ("seed = -1", "$.seed: Expected int >= 0"),
        ('seed = "a"', "$.seed: Expected int, got str"),
        ('profile = "fast"', "$.profile: Invalid enum value 'fast'"),
        (
            '[simulation.feed]\ntype = "recorded"',
            "$.simulation: feed: a simulation has no recorded latency",
        ),
    ],
)
def test_load_run_bad_key_names_file_and_path(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_run(path, {})
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("run.toml", "seed = = 1", "not TOML: Invalid value (at line 1, column 8)"),
        ("run.json", '{"seed": }', "not JSON: Expecting value: line 1 column 10"),
        ("run.json", "[1]", "$: expected a table, found list"),
        ("run.yaml", "seed: 1", "ends in .toml or .json, was '.yaml'"),
    ],
)
def test_read_values_bad_file_is_one_clear_error(
    tmp_path: Path, name: str, text: str, part: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_values(write(tmp_path, text, name))
    assert part in str(caught.value)
    assert name in str(caught.value)


def test_load_run_one_parameter_of_the_market_leaves_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, "[simulation.market.noise_taking]\nbase_rate_hz = 1.0\n")
    market, default = load_run(path, {}).simulation.market, load_run(None, {}).simulation.market
    assert market.noise_taking.base_rate_hz == 1.0
    assert market.noise_taking.branching_self == default.noise_taking.branching_self
    assert market.assets == default.assets


def test_load_replay_reads_the_queue_model(tmp_path: Path) -> None:
    path = write(tmp_path, '[replay.queue]\nmodel = "log"\n')
    assert load_replay(path, {}).replay.queue.model is QueueModel.LOG
    with pytest.raises(ConfigError, match=r"\$\.replay\.queue\.model: Invalid enum value 'x'"):
        load_replay(path, {"replay": {"queue": {"model": "x"}}})


def test_merged_table_with_a_type_replaces_the_other_whole() -> None:
    base: dict[str, Any] = {"feed": {"type": "constant", "ns": 5}, "queue": {"a": 1, "b": 2}}
    over: dict[str, Any] = {"feed": {"type": "recorded"}, "queue": {"b": 3}}
    assert merged(base, over) == {"feed": {"type": "recorded"}, "queue": {"a": 1, "b": 3}}
    assert base["queue"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("30s", 30_000_000_000),
        ("500ms", 500_000_000),
        ("1.5m", 90_000_000_000),
        ("2 h", 7_200_000_000_000),
        ("200us", 200_000),
    ],
)
def test_duration_ns_with_a_unit_is_read(text: str, ns: int) -> None:
    assert duration_ns(text) == ns


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "0s", "1e9s", "30 parsecs", "200h"])
def test_duration_ns_other_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a number above 0 with a unit"):
        duration_ns(text)
