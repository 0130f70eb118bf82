"""What every registered strategy must do."""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.simulation.tapes import T0, MemoryTape, streams, tape_of

from kimera.model import (
    NO_PRICE,
    Action,
    Kind,
    RecordArray,
    RecordFlag,
    Side,
    Status,
    empty_records,
)
from kimera.strategy import STRATEGIES, load, summary
from kimera.system import ReplayConfig, replay, simulate

every_strategy = pytest.mark.parametrize("name", sorted(STRATEGIES))


@every_strategy
def test_strategy_run_twice_on_a_tape_gives_the_same_fingerprint(name: str) -> None:
    by_order, _ = streams(30_000)
    first = replay(MemoryTape(by_order), name)
    again = replay(MemoryTape(by_order), name)
    assert first.fingerprint == again.fingerprint
    assert first.events == len(by_order)


@every_strategy
def test_strategy_on_the_simulated_market_is_decided_by_the_seed(name: str) -> None:
    fingerprints = [
        simulate(None, name, seed=s, duration_ns=300_000_000).fingerprint for s in (1, 1, 2)
    ]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


@every_strategy
def test_strategy_sees_time_only_move_forward(name: str, tmp_path: Path) -> None:
    from kimera.runtime import Journal

    by_order, _ = streams(20_000)
    replay(MemoryTape(by_order), name, journal=tmp_path / "journal")
    batches = list(Journal.open(tmp_path / "journal").records())
    times = np.concatenate([batch["ts_recv_ns"] for batch in batches])
    assert len(times) >= 20_000
    assert (np.diff(times) >= 0).all()


def _one_sided() -> RecordArray:
    rows = [(i * 10_000_000, Action.ADD, Side.BID, i + 1, 100 - i % 7, 5) for i in range(200)]
    return tape_of(rows)


def _halted() -> RecordArray:
    records = streams(5_000)[0].copy()
    at = 2_000
    halt = empty_records(1)
    halt["kind"], halt["action"] = Kind.STATUS, Status.HALTED
    halt["instrument_id"] = halt["venue_id"] = 1
    for field in ("ts_event_ns", "ts_recv_ns"):
        halt[field] = records[at][field]
    halt["flags"] = RecordFlag.LAST
    out: RecordArray = np.concatenate((records[:at], halt, records[at:]))
    return out


def _with_a_gap() -> RecordArray:
    records = streams(5_000)[0].copy()
    records["flags"][2_500] |= RecordFlag.GAP_BEFORE
    out: RecordArray = np.concatenate((records[:2_400], records[2_500:]))
    return out


@every_strategy
@pytest.mark.parametrize(
    "records",
    [empty_records(0), _one_sided(), _halted(), _with_a_gap()],
    ids=["empty", "one-sided", "halted", "gap"],
)
def test_strategy_survives_a_bad_market(name: str, records: RecordArray) -> None:
    result = replay(MemoryTape(records), name)
    assert result.events == len(records)
    assert sum(result.positions_lots) == sum(
        int(lots) if side == Side.BID else -int(lots)
        for side, lots in zip(result.fills["side"], result.fills["size_lots"], strict=True)
    )


@every_strategy
def test_strategy_sends_nothing_new_while_the_only_market_is_one_sided(name: str) -> None:
    result = replay(MemoryTape(_one_sided()), name)
    assert result.counters.filled == 0
    assert result.top.ask_ticks.size == 0 or (result.top.ask_ticks == NO_PRICE).all()
    assert result.start_ns == T0


@every_strategy
def test_strategy_documents_itself(name: str) -> None:
    params = STRATEGIES[name].params
    text = inspect.getdoc(params) or ""
    assert len(summary(name)) > 20
    for field in msgspec.structs.fields(params):
        assert field.name in text, f"{name}: {field.name} is not documented"


@every_strategy
def test_strategy_configuration_round_trips(name: str) -> None:
    entry = STRATEGIES[name]
    plain = msgspec.to_builtins(entry.params())
    known, made = load(name, plain)
    assert known == name
    assert made.values() == plain
    result = replay(MemoryTape(empty_records(0)), name, ReplayConfig(strategy_params=plain))
    assert result.strategy == name
    assert result.strategy_params == plain
