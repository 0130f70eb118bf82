"""Fills of a replay against the slow exact queue of exact_queue.py, fill by fill."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from tests.simulation.exact_queue import TouchRule, run_touch_rule
from tests.simulation.tapes import MemoryTape, streams

from kimera.model import RecordArray
from kimera.system import (
    ConstantLatency,
    QueueConfig,
    QueueModel,
    ReplayConfig,
    RunResult,
    replay,
)

LATENCY_NS = 200_000
RULE = "touch-maker-v1"


@functools.cache
def market(n_events: int, seed: int) -> tuple[RecordArray, RecordArray, dict[str, Any]]:
    by_order, by_price = streams(n_events, seed)
    return by_order, by_price, run_touch_rule(by_order, TouchRule(), LATENCY_NS)


def run(records: RecordArray, queue: QueueConfig | None = None) -> RunResult:
    config = ReplayConfig(feed=ConstantLatency(LATENCY_NS), queue=queue or QueueConfig())
    return replay(MemoryTape(records), RULE, config)


def lots_of(result: RunResult) -> int:
    return int(result.fills["size_lots"].sum())


@pytest.mark.parametrize("seed", [7, 8])
def test_replay_by_order_on_defaults_gives_exactly_the_reference_fills(seed: int) -> None:
    by_order, _, reference = market(60_000, seed)
    result = run(by_order)
    assert result.queue_models == ("l3-fifo",)
    fills = result.fills
    ours = list(
        zip(
            fills["ts_recv_ns"].tolist(),
            fills["side"].tolist(),
            fills["price_ticks"].tolist(),
            fills["size_lots"].tolist(),
            strict=True,
        )
    )
    assert reference["lots"] > 400
    assert ours == reference["fills"]
    assert result.positions_lots == (reference["position"],)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 9])
def test_replay_by_order_of_a_million_events_gives_the_reference_fills(seed: int) -> None:
    by_order, _, reference = market(1_000_000, seed)
    assert lots_of(run(by_order)) == reference["lots"]


@pytest.mark.slow
@pytest.mark.parametrize("model", [QueueModel.POWER, QueueModel.LOG])
@pytest.mark.parametrize("seed", [7, 9])
def test_replay_by_price_is_within_five_per_cent_of_the_reference(
    model: QueueModel, seed: int
) -> None:
    _, by_price, reference = market(1_000_000, seed)
    result = run(by_price, QueueConfig(model=model))
    assert abs(lots_of(result) / reference["lots"] - 1) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 9])
def test_replay_by_price_risk_averse_fills_less_than_the_reference(seed: int) -> None:
    """The cautious model errs to one side by design: at most 8 % below, never above."""
    _, by_price, reference = market(1_000_000, seed)
    result = run(by_price, QueueConfig(model=QueueModel.RISK_AVERSE))
    assert -0.08 < lots_of(result) / reference["lots"] - 1 < 0


def test_replay_by_price_on_defaults_names_its_model_and_is_near_the_reference() -> None:
    totals = np.zeros(2)
    for seed in (7, 8):
        _, by_price, reference = market(60_000, seed)
        result = run(by_price)
        assert result.queue_models == ("power-3",)
        totals += (lots_of(result), reference["lots"])
    assert abs(totals[0] / totals[1] - 1) < 0.05


def test_replay_by_price_risk_averse_never_fills_more_than_the_power_model() -> None:
    _, by_price, _ = market(60_000, 7)
    cautious = run(by_price, QueueConfig(model=QueueModel.RISK_AVERSE))
    assert lots_of(cautious) <= lots_of(run(by_price))
