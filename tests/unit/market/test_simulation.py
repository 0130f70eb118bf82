"""The Python face of the simulated market: configuration, batches, labels, observation."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest

from kimera._native import market as native
from kimera.errors import ConfigError, InputError
from kimera.market import (
    Manipulation,
    SimulatedMarket,
    SimulationConfig,
    TopFeed,
    observe,
    simulated_market_config,
)
from kimera.market.simulation_config import EpisodeConfig
from kimera.model import (
    RECORD,
    Action,
    Kind,
    OrderAct,
    RecordArray,
    ReportAct,
    Side,
    TimeInForce,
    empty_records,
)

SECOND = 1_000_000_000
DEFAULT = SimulationConfig.default_crypto()


def with_quotes(**changes: Any) -> SimulationConfig:
    return msgspec.structs.replace(DEFAULT, top_feed=TopFeed.DELTAS_AND_QUOTES, **changes)


def digest(records: RecordArray) -> str:
    return hashlib.sha256(records.tobytes()).hexdigest()


def test_config_groups_have_the_native_parameters_and_defaults() -> None:
    rows = native.simulation_fields()
    for group, name, default, low, high in rows:
        assert getattr(getattr(DEFAULT, group), name) == default, f"{group}.{name}"
        assert low <= default <= high, f"{group}.{name}"
    for group in {row[0] for row in rows}:
        ours = set(type(getattr(DEFAULT, group)).__struct_fields__)
        assert ours == {row[1] for row in rows if row[0] == group}


def test_default_instruments_run_over_assets_then_venues() -> None:
    market = SimulatedMarket(DEFAULT, 1)
    named = [(i.instrument_id, i.symbol, i.venue_id) for i in market.instruments]
    assert named == [(1, "BTCUSDT", 1), (2, "ETHUSDT", 1), (3, "BTCUSDT", 2), (4, "ETHUSDT", 2)]
    assert [v.name for v in market.venues] == ["ALPHA", "BETA"]
    records = market.records(2 * SECOND)
    public = records[records["kind"] == Kind.DELTA]
    for instrument in market.instruments:
        own = public[public["instrument_id"] == instrument.instrument_id]
        assert (own["venue_id"] == instrument.venue_id).all()
        asset = DEFAULT.assets[(instrument.instrument_id - 1) % 2]
        traded = own["price_ticks"][own["action"] == Action.EXECUTE]
        assert abs(float(instrument.price(int(traded[0])) / asset.price) - 1) < 0.01


def test_run_same_seed_gives_the_same_bytes_in_another_process() -> None:
    here = digest(SimulatedMarket(DEFAULT, 42).records(2 * SECOND))
    code = (
        "import hashlib; from kimera.market import SimulatedMarket, SimulationConfig;"
        "m = SimulatedMarket(SimulationConfig.default_crypto(), 42);"
        "print(hashlib.sha256(m.records(2_000_000_000).tobytes()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert here == there
    assert here != digest(SimulatedMarket(DEFAULT, 43).records(2 * SECOND))


def test_run_in_parts_and_small_batches_gives_the_same_records() -> None:
    whole = SimulatedMarket(DEFAULT, 7).records(3 * SECOND)
    market = SimulatedMarket(DEFAULT, 7)
    parts = [b for _ in range(3) for b in market.run(SECOND, n_records=100)]
    assert max(len(part) for part in parts) < 2_000
    assert digest(np.concatenate(parts)) == digest(whole)
    assert whole.dtype == RECORD
    assert (np.diff(whole["ts_event_ns"]) >= 0).all()
    assert market.now_ns == DEFAULT.start_ns + 3 * SECOND


def test_run_without_quotes_prints_the_same_deltas_as_with() -> None:
    plain = SimulatedMarket(DEFAULT, 5).records(2 * SECOND)
    quoted = SimulatedMarket(with_quotes(), 5).records(2 * SECOND)
    assert not (plain["kind"] == Kind.QUOTE).any()
    names = ["ts_event_ns", "order_id", "price_ticks", "size_lots", "instrument_id", "action"]
    left = plain[plain["kind"] == Kind.DELTA]
    right = quoted[quoted["kind"] == Kind.DELTA]
    assert all((left[name] == right[name]).all() for name in names)


def test_config_from_values_changes_only_what_it_names() -> None:
    config = simulated_market_config({"noise_taking": {"base_rate_hz": 5.0}, "start_ns": 9})
    assert config.noise_taking.base_rate_hz == 5.0
    assert config.noise_taking.branching_self == DEFAULT.noise_taking.branching_self
    assert config.start_ns == 9
    assert config.assets == DEFAULT.assets
    assert simulated_market_config(msgspec.to_builtins(DEFAULT)) == DEFAULT


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"noise_taking": {"base_rate_hz": -1}}, r"\$\.noise_taking\.base_rate_hz"),
        ({"noise_taking": {"speed": 1}}, "speed"),
        ({"colour": 1}, "colour"),
        ({"venues": []}, r"\$\.venues"),
        ({"venues": [{"name": "A"}, {"name": "A"}]}, "names must differ"),
        (
            {
                "episodes": [
                    {"kind": 1, "venue": "X", "symbol": "BTCUSDT", "start_ns": 0, "duration_ns": 1}
                ]
            },
            "not in this market",
        ),
    ],
)
def test_config_from_bad_values_names_the_key(values: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError, match=path):
        simulated_market_config(values)


def test_market_with_exploding_arrivals_is_refused() -> None:
    config = simulated_market_config(
        {"noise_taking": {"branching_self": 0.7, "branching_cross": 0.3}}
    )
    with pytest.raises(ConfigError, match=r"\$\.noise_taking.*below 1"):
        SimulatedMarket(config, 1)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_market_with_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        SimulatedMarket(DEFAULT, seed)


def test_run_with_no_duration_is_refused() -> None:
    with pytest.raises(InputError, match="duration_ns must be above 0, was 0"):
        SimulatedMarket(DEFAULT, 1).run(0)


def order(side: Side, price: int, lots: int, tif: TimeInForce) -> RecordArray:
    record = empty_records(1)
    record["kind"] = Kind.ORDER
    record["action"] = OrderAct.NEW
    record["actor_id"] = 1
    record["order_id"] = 1
    record["instrument_id"] = 1
    record["venue_id"] = 1
    record["side"] = side
    record["price_ticks"] = price
    record["size_lots"] = lots
    record["detail"] = int(tif) << 8
    return record


def test_submit_large_order_fills_and_moves_the_price() -> None:
    market = SimulatedMarket(with_quotes(), 3)
    before, _ = observe(market.records(2 * SECOND), 1)
    answer = market.submit(order(Side.BID, int(before.ask[-1]) + 20_000, 500_000, TimeInForce.IOC))
    reports = answer[answer["kind"] == Kind.REPORT]
    filled = reports[reports["action"] == ReportAct.FILLED]
    executed = answer[answer["action"] == Action.EXECUTE]
    executed = executed[executed["kind"] == Kind.DELTA]
    assert (reports["actor_id"] == 1).all()
    assert filled["size_lots"].sum() == executed["size_lots"].sum() > 0
    quotes = answer[(answer["kind"] == Kind.QUOTE) & (answer["side"] == Side.ASK)]
    assert quotes["price_ticks"][-1] > before.ask[-1]


def test_episodes_leave_marks_that_the_labels_tell() -> None:
    episodes = tuple(
        EpisodeConfig(
            kind=kind, venue="BETA", symbol="ETHUSDT", start_ns=SECOND, duration_ns=3 * SECOND
        )
        for kind in Manipulation
    )
    market = SimulatedMarket(with_quotes(episodes=episodes), 3)
    records = market.records(8 * SECOND)
    marks = records[records["kind"] == Kind.MARK]
    labels = {label.label_id: label for label in market.labels() if label.manipulation}
    assert {label.manipulation for label in labels.values()} == set(Manipulation)
    assert len(marks) == 2 * len(Manipulation)
    for begin, end in ((marks[marks["detail"] == i]) for i in labels):
        label = labels[int(begin["detail"])]
        assert label.begin_ns == begin["ts_event_ns"] == DEFAULT.start_ns + SECOND
        assert label.end_ns == end["ts_event_ns"] == label.begin_ns + 3 * SECOND
        assert label.actor_id == begin["actor_id"]
        assert label.instrument_id == begin["instrument_id"] == 4
        assert label.n_orders > 0


def test_quote_stuffing_multiplies_the_messages_of_its_instrument_only() -> None:
    episode = EpisodeConfig(
        kind=Manipulation.QUOTE_STUFFING,
        venue="ALPHA",
        symbol="BTCUSDT",
        start_ns=2 * SECOND,
        duration_ns=2 * SECOND,
    )
    records = SimulatedMarket(with_quotes(episodes=(episode,)), 4).records(6 * SECOND)
    delta = records[records["kind"] == Kind.DELTA]
    at = delta["ts_event_ns"] - DEFAULT.start_ns
    inside = (at >= 2 * SECOND) & (at < 4 * SECOND)
    outside = at >= 4 * SECOND
    ratio = {
        i: np.sum(inside & (delta["instrument_id"] == i))
        / np.sum(outside & (delta["instrument_id"] == i))
        for i in (1, 2)
    }
    assert ratio[1] > 2
    assert ratio[2] < 2


def test_wash_trades_happen_between_the_two_hands_at_one_instant() -> None:
    episode = EpisodeConfig(
        kind=Manipulation.WASH_TRADES,
        venue="BETA",
        symbol="BTCUSDT",
        start_ns=SECOND,
        duration_ns=9 * SECOND,
    )
    market = SimulatedMarket(with_quotes(episodes=(episode,)), 4)
    records = market.records(11 * SECOND)
    (label,) = (label for label in market.labels() if label.manipulation)
    delta = records[(records["kind"] == Kind.DELTA) & (records["instrument_id"] == 3)]
    added = {
        (int(r["order_id"])): int(r["ts_event_ns"]) for r in delta if r["action"] == Action.ADD
    }
    executed = delta[delta["action"] == Action.EXECUTE]
    at_once = sum(added.get(int(r["order_id"])) == int(r["ts_event_ns"]) for r in executed)
    assert at_once >= 5
    assert label.filled_lots > 0


def test_observe_takes_touch_and_trades_from_records() -> None:
    records = empty_records(7)
    records["instrument_id"] = [1, 1, 1, 2, 1, 1, 1]
    records["ts_event_ns"] = [10, 10, 20, 20, 30, 30, 40]
    records["kind"] = [Kind.QUOTE, Kind.QUOTE, Kind.DELTA, Kind.DELTA, Kind.QUOTE, Kind.DELTA, 3]
    records["action"] = [Action.LEVEL, Action.LEVEL, Action.EXECUTE, 4, 8, Action.EXECUTE, 0]
    records["side"] = [Side.BID, Side.ASK, Side.ASK, 0, Side.ASK, Side.BID, 2]
    records["price_ticks"] = [99, 101, 101, 5, 102, 99, 0]
    records["size_lots"] = [7, 8, 3, 1, 9, 2, 0]
    top, trades = observe(records, 1)
    assert top.ts_ns.tolist() == [10, 30]
    assert top.bid.tolist() == [99, 99]
    assert top.ask.tolist() == [101, 102]
    assert top.ask_size.tolist() == [8, 9]
    assert trades.ts_ns.tolist() == [20, 30]
    assert trades.sign.tolist() == [1, -1]
    assert trades.size.tolist() == [3, 2]
