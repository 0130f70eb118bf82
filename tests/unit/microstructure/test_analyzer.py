"""The streaming analyzer equals the batch functions, bit for bit."""

from __future__ import annotations

import importlib
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.market import SimulatedMarket, SimulationConfig
from kimera.microstructure import (
    FEATURES,
    Analyzer,
    AnalyzerConfig,
    MicroPrice,
    batch_features,
)
from kimera.model import Action, Kind, RecordArray, RecordFlag, Side, empty_records

sys.path.insert(0, str(Path(__file__).resolve().parent))
naive_book = importlib.import_module("naive_book")  # beside the room's unit tests

CONFIG = AnalyzerConfig(
    typical_depth_lots=120, bucket_lots=61, vpin_window=7, kyle_window=25, horizon_ns=400
)


def assert_same_bits(left: np.ndarray, right: np.ndarray) -> None:
    for name in FEATURES.names or ():
        a, b = np.ascontiguousarray(left[name]), np.ascontiguousarray(right[name])
        if a.dtype.kind == "f":  # one NaN is as good as another
            a, b = (np.where(np.isnan(v), np.nan, v) for v in (a, b))
        wrong = np.flatnonzero(a.view(np.int64) != b.view(np.int64))
        assert wrong.size == 0, f"{name} row {wrong[0]}: {left[name][wrong[0]]!r} {b[wrong[0]]!r}"


def micro_table() -> MicroPrice:
    """A table of any numbers: what is tested is how it is looked up."""
    table = np.random.default_rng(0).normal(size=(8, 4))
    return MicroPrice(table, table, np.eye(32), 1, 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_stream_equals_batch_on_random_orders(seed: int) -> None:
    records = naive_book.random_orders(2500, seed)
    table = micro_table()
    stream = Analyzer(by="orders", config=CONFIG, micro_price=table)
    rows = stream.update(records)
    assert stream.book_errors == 0
    assert stream.dropped == 0
    assert_same_bits(
        rows,
        batch_features(records, naive_book.levels_after(records), config=CONFIG, micro_price=table),
    )
    for name in FEATURES.names or ():  # and none of them is empty
        if FEATURES[name].kind == "f":
            assert np.isfinite(rows[name]).any(), name


@pytest.mark.parametrize("instrument", [1, 4])
def test_stream_equals_batch_on_the_simulated_market(instrument: int) -> None:
    market = SimulatedMarket(SimulationConfig.default_crypto(), seed=5)
    records = market.records(6_000_000_000)
    own = records[records["instrument_id"] == instrument]
    traded = own["size_lots"][own["action"] == Action.EXECUTE]
    config = AnalyzerConfig(bucket_lots=int(traded.sum()) // 80 + 1, horizon_ns=100_000_000)
    rows = Analyzer(by="orders", instrument_id=instrument, config=config).update(records)
    assert_same_bits(rows, batch_features(own, naive_book.levels_after(own), config=config))
    assert np.isfinite(rows["vpin"][-1])
    assert np.isfinite(rows["kyle_lambda"][-1])


def test_any_cut_of_the_stream_gives_the_same_rows() -> None:
    records = naive_book.random_orders(1500, 9)
    whole = Analyzer(by="orders", config=CONFIG).update(records)
    stream = Analyzer(by="orders", config=CONFIG)
    cuts = [0, 1, 2, 700, 701, 1500]
    parts = [stream.update(records[a:b]) for a, b in pairwise(cuts)]
    assert_same_bits(np.concatenate(parts), whole)


def test_changes_are_the_rows_that_differ() -> None:
    records = naive_book.random_orders(1500, 4)
    rows, index = Analyzer(by="orders", config=CONFIG).changes(records)
    every = Analyzer(by="orders", config=CONFIG).update(records)
    assert_same_bits(rows, every[index])
    left_out = np.setdiff1d(np.arange(1, 1500), index)
    for name in ("bid_ticks", "ask_lots", "trades", "ofi_3", "imbalance_5", "vpin", "adds"):
        before, after = every[name][left_out - 1], every[name][left_out]
        assert np.array_equal(before, after, equal_nan=True)


def level(at: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    return {
        "ts_event_ns": at,
        "side": side,
        "price_ticks": price,
        "size_lots": size,
        "kind": Kind.DELTA,
        "action": Action.LEVEL,
        "instrument_id": 1,
        **more,
    }


def made(rows: list[dict[str, int]]) -> RecordArray:
    records = empty_records(len(rows))
    for i, row in enumerate(rows):
        for field, value in row.items():
            records[i][field] = value
    return records


def test_books_that_are_no_market_have_defined_answers() -> None:
    rows = Analyzer(by="prices", config=CONFIG).update(
        made(
            [
                level(1, Side.BID, 100, 5),
                level(2, Side.ASK, 100, 5),  # locked
                level(3, Side.ASK, 99, 5),  # crossed
                level(4, Side.ASK, 99, 0),
                level(5, Side.ASK, 100, 0),
                level(6, Side.BID, 100, 0),  # empty
            ]
        )
    )
    assert rows["state"].tolist() == [1, 3, 4, 3, 1, 0]
    assert np.isnan(rows["weighted_mid_ticks"][[0, 4, 5]]).all()
    assert rows["liquidity_score"][[0, 4, 5]].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(rows["liquidity_score"][2])
    assert rows["imbalance_1"][:2].tolist() == [1.0, 0.0]
    assert np.isnan(rows["imbalance_1"][5])
    assert np.isnan(rows["vpin"]).all()
    assert rows["quoted_spread_ticks"][2] == 0.0  # locked for one ns; crossed does not count
    assert rows["quoted_spread_ticks"][5] == 0.0


def test_a_gap_is_no_order_flow_and_is_seen_in_the_state() -> None:
    rows = Analyzer(by="prices", config=CONFIG).update(
        made(
            [
                level(1, Side.BID, 100, 5),
                level(2, Side.ASK, 101, 5),
                level(3, Side.BID, 100, 50, flags=RecordFlag.GAP_BEFORE),
                {**level(4, Side.NONE, 0, 0), "action": Action.CLEAR, "flags": RecordFlag.SNAPSHOT},
                level(4, Side.BID, 90, 7, flags=RecordFlag.SNAPSHOT),
                level(4, Side.ASK, 92, 7, flags=RecordFlag.SNAPSHOT | RecordFlag.LAST),
                level(5, Side.BID, 90, 9),
            ]
        )
    )
    assert rows["state"].tolist()[2] == 5
    assert rows["state"].tolist()[-1] == 2
    assert rows["ofi_1"].tolist() == [5, 0, 0, 0, 0, 0, 2]


def test_times_that_run_backwards_are_counted_and_never_weighed() -> None:
    records = naive_book.random_orders(600, 2)
    records["ts_event_ns"][300] -= 5_000
    rows = Analyzer(by="orders", config=CONFIG).update(records)
    assert rows["late"][-1] >= 1
    assert np.all(np.diff(rows["ts_ns"]) >= 0)
    assert_same_bits(rows, batch_features(records, naive_book.levels_after(records), config=CONFIG))


def test_more_trades_than_may_wait_are_counted_not_lost() -> None:
    records = naive_book.random_orders(2000, 3)
    small = AnalyzerConfig(
        **{**{f: getattr(CONFIG, f) for f in AnalyzerConfig.__struct_fields__}, "max_pending": 1}
    )
    stream = Analyzer(by="orders", config=small)
    rows = stream.update(records)
    assert stream.dropped > 0
    full = Analyzer(by="orders", config=CONFIG).update(records)
    assert rows["trades"][-1] == full["trades"][-1]


def test_one_trade_of_many_buckets_equals_batch() -> None:
    records = naive_book.random_orders(400, 6)
    records["action"][200], records["size_lots"][200] = Action.TRADE, 61 * 1000 + 13
    records["side"][200], records["price_ticks"][200] = Side.BID, 1000
    rows = Analyzer(by="orders", config=CONFIG).update(records[:201])
    assert_same_bits(
        rows, batch_features(records[:201], naive_book.levels_after(records[:201]), config=CONFIG)
    )


def test_sums_beyond_64_bits_make_their_measure_nan() -> None:
    trade = {
        "kind": Kind.DELTA,
        "action": Action.TRADE,
        "instrument_id": 1,
        "side": Side.BID,
        "price_ticks": 2**50,
        "size_lots": 2**40,
    }
    rows = Analyzer(by="prices", config=CONFIG).update(
        made(
            [
                level(1, Side.BID, 10, 1),
                level(1, Side.ASK, 12, 1),
                {**trade, "ts_event_ns": 2},
            ]
        )
    )
    assert np.isnan(rows["effective_spread_ticks"][-1])


def test_records_of_others_are_passed_over() -> None:
    records = naive_book.random_orders(100, 1)
    records["instrument_id"][50:] = 2
    assert Analyzer(by="orders").update(records).shape == (50,)
    assert Analyzer(by="orders", venue_id=9).update(records).shape == (0,)
    assert Analyzer(by="orders").update(empty_records(0)).shape == (0,)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="by: expected"):
        Analyzer(by="levels")
    with pytest.raises(InputError, match="must be positive"):
        Analyzer(by="orders", config=AnalyzerConfig(bucket_lots=0))
    with pytest.raises(InputError, match="kyle_window"):
        Analyzer(by="orders", config=AnalyzerConfig(kyle_window=2))
    with pytest.raises(InputError, match="dtype RECORD"):
        Analyzer(by="orders").update(np.zeros(3))  # type: ignore[arg-type]
