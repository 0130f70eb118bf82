"""Laws that hold for any input, found by search."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kimera.microstructure import (
    FEATURES,
    Analyzer,
    AnalyzerConfig,
    batch_features,
    clnv_sign,
    effective_spread,
    emo_sign,
    hawkes_log_likelihood,
    hayashi_yoshida_covariance,
    lee_ready_sign,
    liquidity_score,
    multi_level_ofi,
    price_impact,
    realised_spread,
    roc_auc,
    tick_rule_sign,
    vpin_signed,
)
from kimera.model import Action, Kind, Side, empty_records

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "microstructure"))
naive_book = importlib.import_module("naive_book")  # beside the room's unit tests


PRICE = st.integers(-10_000, 10_000)


def columns(*dtypes_ranges: tuple[int, int]) -> st.SearchStrategy[list[np.ndarray]]:
    return st.integers(0, 40).flatmap(
        lambda n: st.tuples(
            *(hnp.arrays(np.int64, n, elements=st.integers(a, b)) for a, b in dtypes_ranges)
        ).map(list)
    )


@given(columns((-5000, 5000), (-9000, 9000), (-9000, 9000), (-1, 1)))
def test_effective_is_realised_plus_impact(c: list[np.ndarray]) -> None:
    price, before, after, sign = c
    total = realised_spread(price, after, sign) + price_impact(before, after, sign)
    assert np.array_equal(effective_spread(price, before, sign), total, equal_nan=True)


@given(columns((0, 60), (0, 60), (0, 60)))
def test_trade_signs_turn_around_when_prices_do(c: list[np.ndarray]) -> None:
    price, bid, width = c
    ask = bid + width
    assert np.array_equal(tick_rule_sign(-price), -tick_rule_sign(price))
    for rule in (lee_ready_sign, clnv_sign, emo_sign):
        here, mirrored = rule(price, bid, ask), rule(-price, -ask, -bid)
        apart = bid != ask  # a locked quote is the tick rule's, which turns too
        assert np.array_equal(mirrored[apart], -here[apart])


@given(columns((0, 50), (-1, 1)), st.integers(1, 60), st.integers(1, 5))
def test_vpin_is_a_share_and_blind_to_sides(c: list[np.ndarray], bucket: int, window: int) -> None:
    lots, sign = c
    found = vpin_signed(lots, sign, bucket_lots=bucket, window=window)
    known = found.value[~np.isnan(found.value)]
    assert np.all((known >= 0) & (known <= 1))
    other = vpin_signed(lots, -sign, bucket_lots=bucket, window=window)
    assert np.array_equal(found.value, other.value, equal_nan=True)
    assert found.value.size == lots.sum() // bucket


@given(columns((-300, 300), (0, 40), (-300, 300), (0, 40)))
def test_order_flow_changes_sign_when_the_book_is_mirrored(c: list[np.ndarray]) -> None:
    bid, bid_lots, ask, ask_lots = c
    flow = multi_level_ofi(bid, bid_lots, ask, ask_lots)
    mirrored = multi_level_ofi(-ask, ask_lots, -bid, bid_lots)
    assert np.array_equal(mirrored, -flow)


@given(columns((1, 500), (0, 10**6), (0, 10**6)), st.integers(1, 10**6))
def test_liquidity_score_is_within_its_range(c: list[np.ndarray], typical: int) -> None:
    score = liquidity_score(*c, typical_depth_lots=typical)
    assert np.all((score >= 0) & (score <= 100))


@given(
    st.lists(st.integers(0, 200), min_size=2, max_size=30, unique=True),
    st.lists(st.integers(0, 200), min_size=2, max_size=30, unique=True),
    st.randoms(use_true_random=False),
)
def test_hayashi_yoshida_is_symmetric_and_sees_no_third_tick(
    t: list[int], u: list[int], chance: object
) -> None:
    a = (sorted(t), [float(x % 17) for x in t])
    b = (sorted(u), [float(x % 13) for x in u])
    assert hayashi_yoshida_covariance(a, b) == hayashi_yoshida_covariance(b, a)
    assert hayashi_yoshida_covariance(a, b, shift_ns=5) == hayashi_yoshida_covariance(
        b, a, shift_ns=-5
    )


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.floats(0.0, 3.0))
def test_hawkes_likelihood_does_not_depend_on_the_unit_of_time(
    ticks: list[int], alpha: float
) -> None:
    t = np.sort(np.array(ticks, dtype=float))
    here = hawkes_log_likelihood(t, 101.0, mu=0.3, alpha=alpha, beta=0.7)
    scaled = hawkes_log_likelihood(t / 8, 101.0 / 8, mu=0.3 * 8, alpha=alpha, beta=0.7 * 8)
    assert np.isclose(scaled, here + t.size * np.log(8.0), rtol=1e-9, atol=1e-9)


@given(hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(-5, 5).map(float)))
def test_auc_and_its_mirror_sum_to_one(score: np.ndarray) -> None:
    label = (np.arange(score.size) % 2).astype(float)
    total = roc_auc(score, label).value + roc_auc(-score, label).value
    assert np.isclose(total, 1.0)


def assert_same_bits(left: np.ndarray, right: np.ndarray) -> None:
    for name in FEATURES.names or ():
        a, b = (np.ascontiguousarray(rows[name]) for rows in (left, right))
        if a.dtype.kind == "f":
            a, b = (np.where(np.isnan(v), np.nan, v) for v in (a, b))
        assert a.tobytes() == b.tobytes(), name


EVENT = st.tuples(
    st.integers(-3, 20),  # step in time, sometimes back
    st.sampled_from([Action.LEVEL, Action.LEVEL, Action.LEVEL, Action.TRADE, Action.CLEAR]),
    st.sampled_from(list(Side)),
    st.integers(95, 105),
    st.integers(0, 9),
    st.sampled_from([0, 0, 0, 0, 0x04, 0x20, 0xA0]),  # none, gap, snapshot, its last record
)


@settings(max_examples=150)
@given(st.lists(EVENT, min_size=1, max_size=60), st.integers(0, 60))
def test_analyzer_of_any_stream_is_that_of_its_pieces_and_the_batch(
    events: list[tuple[int, Action, Side, int, int, int]], cut: int
) -> None:
    records = empty_records(len(events))
    at = 1_000
    for i, (step, action, side, price, lots, flags) in enumerate(events):
        at += step
        records[i]["ts_event_ns"], records[i]["kind"], records[i]["action"] = at, Kind.DELTA, action
        records[i]["side"], records[i]["price_ticks"], records[i]["size_lots"] = side, price, lots
        records[i]["flags"], records[i]["instrument_id"] = flags, 1
    config = AnalyzerConfig(bucket_lots=7, vpin_window=3, kyle_window=4, horizon_ns=15)
    whole = Analyzer(by="prices", config=config).update(records)
    stream = Analyzer(by="prices", config=config)
    parts = np.concatenate([stream.update(records[:cut]), stream.update(records[cut:])])
    assert parts.tobytes() == whole.tobytes()
    assert np.all(np.diff(whole["ts_ns"]) >= 0)
    assert_same_bits(
        whole, batch_features(records, naive_book.levels_after(records), config=config)
    )
    score = whole["liquidity_score"]
    assert np.all(np.isnan(score) | ((score >= 0) & (score <= 100)))
    empty = (whole["bid_depth_lots"] == 0) & (whole["ask_depth_lots"] == 0)
    assert np.isnan(whole["imbalance_5"][empty]).all()
