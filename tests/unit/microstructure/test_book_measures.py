"""Order flow, depth, score, resiliency and the micro-price."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    book_arrays,
    book_depth,
    book_imbalance,
    book_slope,
    bucketed_sum,
    fit_micro_price,
    integrated_ofi,
    liquidity_score,
    multi_level_ofi,
    order_flow_imbalance,
    resiliency,
    weighted_mid,
)
from kimera.model import NO_PRICE


def random_books(n: int, levels: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    middle = 1000 + np.cumsum(rng.integers(-1, 2, n))
    gaps = rng.integers(1, 4, (2, n, levels)).cumsum(axis=2)
    bid, ask = middle[:, None] - gaps[0], middle[:, None] + gaps[1]
    lots = rng.integers(1, 50, (2, n, levels))
    for price, size in ((bid, lots[0]), (ask, lots[1])):
        depth = rng.integers(0, levels + 1, n)
        gone = np.arange(levels)[None, :] >= depth[:, None]
        price[gone], size[gone] = NO_PRICE, 0
    return bid, lots[0], ask, lots[1]


def test_ofi_matches_the_definition_event_by_event() -> None:
    bid, bid_lots, ask, ask_lots = random_books(500, 3)
    found = multi_level_ofi(bid, bid_lots, ask, ask_lots)
    for n in range(1, 500):
        for m in range(3):
            pb, pb0 = (-np.inf if v == NO_PRICE else v for v in (bid[n, m], bid[n - 1, m]))
            pa, pa0 = (np.inf if v == NO_PRICE else v for v in (ask[n, m], ask[n - 1, m]))
            e = (
                (pb >= pb0) * bid_lots[n, m]
                - (pb <= pb0) * bid_lots[n - 1, m]
                - (pa <= pa0) * ask_lots[n, m]
                + (pa >= pa0) * ask_lots[n - 1, m]
            )
            assert found[n, m] == e
    top = order_flow_imbalance(bid[:, 0], bid_lots[:, 0], ask[:, 0], ask_lots[:, 0])
    assert np.array_equal(top, found[:, 0])


def test_ofi_of_single_events_is_their_size() -> None:
    # limit buy +, cancel of a bid -, sell into the bid -, limit sell -
    bid, lots = [99, 99, 99, 99, 98], [5, 8, 6, 6, 4]
    ask, ask_lots = [100, 100, 100, 100, 100], [7, 7, 7, 9, 9]
    assert order_flow_imbalance(bid, lots, ask, ask_lots).tolist() == [0, 3, -2, -2, -6]


def test_bucketed_sum_matches_a_loop_and_drops_what_is_outside() -> None:
    rng = np.random.default_rng(4)
    at, values = np.sort(rng.integers(-20, 130, 200)), rng.integers(-9, 9, (200, 2))
    found = bucketed_sum(values, at, width_ns=30, start_ns=0, end_ns=100)
    assert found.shape == (3, 2)
    for b in range(3):
        inside = (at >= 30 * b) & (at < 30 * b + 30)
        assert np.array_equal(found[b], values[inside].sum(axis=0))


def test_integrated_ofi_is_the_first_principal_component() -> None:
    rng = np.random.default_rng(2)
    flow = np.rint(rng.normal(0, 10, (300, 1)) * np.array([3, 2, 1]) + rng.normal(0, 1, (300, 3)))
    series, weights = integrated_ofi(flow, 10.0)
    first = np.linalg.svd(flow - flow.mean(axis=0))[2][0]
    assert np.abs(weights).sum() == pytest.approx(1.0)
    assert np.abs(weights) == pytest.approx(np.abs(first) / np.abs(first).sum())
    assert series == pytest.approx(flow / 10.0 @ weights)
    assert np.isnan(integrated_ofi([[1, 1]], 1.0)[0]).all()


def test_depth_measures_match_rationals() -> None:
    bid, bid_lots, ask, ask_lots = random_books(300, 4, seed=3)
    depth, imbalance = book_depth(bid_lots), book_imbalance(bid_lots, ask_lots)
    middle = weighted_mid(bid[:, 0], bid_lots[:, 0], ask[:, 0], ask_lots[:, 0])
    for i in range(300):
        b, a = int(bid_lots[i].sum()), int(ask_lots[i].sum())
        assert depth[i] == b
        if a + b == 0:
            assert np.isnan(imbalance[i])
        else:
            assert imbalance[i] == float(Fraction(b - a, a + b))
        if bid[i, 0] == NO_PRICE or ask[i, 0] == NO_PRICE:
            assert np.isnan(middle[i])
        else:
            qb, qa = int(bid_lots[i, 0]), int(ask_lots[i, 0])
            exact = Fraction(int(bid[i, 0]) * qa + int(ask[i, 0]) * qb, qa + qb)
            assert middle[i] == pytest.approx(float(exact), rel=1e-15)


def test_slope_walks_to_the_last_level() -> None:
    assert book_slope([[101, 103, NO_PRICE]], [[4, 6, 0]], [201])[0] == 10 / 2.5
    assert np.isnan(book_slope([[NO_PRICE]], [[0]], [201])[0])
    assert np.isnan(book_slope([[100]], [[5]], [200])[0])


def test_liquidity_score_stays_in_range_and_falls_with_the_spread() -> None:
    spread = np.arange(1, 30)
    score = liquidity_score(spread, [50] * 29, [50] * 29, typical_depth_lots=100)
    assert np.all(np.diff(score) < 0)
    assert score.max() <= 100
    assert score.min() >= 0
    edge = liquidity_score(
        [NO_PRICE, 0, -1, 1], [0, 5, 5, 10**9], [5, 5, 5, 10**9], typical_depth_lots=1
    )
    assert edge[0] == 0
    assert edge[1] == 40 + 40 * 10 / 11 + 20
    assert np.isnan(edge[2])
    assert edge[3] == pytest.approx(100)


def test_resiliency_matches_a_loop() -> None:
    rng = np.random.default_rng(7)
    quote_ts = np.sort(rng.integers(0, 2000, 400))
    spread = rng.integers(1, 5, 400)
    trade_ts = np.sort(rng.integers(0, 2000, 60))
    found = resiliency(trade_ts, quote_ts, spread, horizon_ns=100)
    for i, t in enumerate(trade_ts):
        before = np.flatnonzero(quote_ts < t)
        if before.size == 0:
            assert np.isnan(found.recovery_ns[i])
            continue
        start = np.flatnonzero(quote_ts <= t)[-1]
        target = spread[before[-1]]
        wait = (
            next(
                (
                    quote_ts[j] - t
                    for j in range(start, 400)
                    if spread[j] <= target and quote_ts[j] <= t + 100
                ),
                None,
            )
            if spread[start] > target
            else 0
        )
        assert (np.isnan(found.recovery_ns[i]) and wait is None) or found.recovery_ns[i] == wait
    assert 0 <= found.recovered_frac <= 1


def test_book_arrays_refuse_unsorted_levels() -> None:
    with pytest.raises(InputError, match="bid_ticks: expected levels from the best on, row 1"):
        book_arrays([[99, 98], [98, 99]], [[1, 1]] * 2, [[100, 101]] * 2, [[1, 1]] * 2)
    with pytest.raises(InputError, match="bid_lots: expected sizes >= 0"):
        book_arrays([[99]], [[-1]], [[100]], [[1]])
    with pytest.raises(InputError, match="one shape"):
        book_arrays([[99]], [[1]], [[100], [101]], [[1]])


def markov_quotes(
    n: int = 60_000,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Quotes whose next move has the odds of the imbalance: a chain with a known answer."""
    rng = np.random.default_rng(12)
    mid = np.empty(n, dtype=np.int64)
    heavy = rng.integers(1, 10, n)
    moves = rng.random(n) < 0.3
    up = rng.random(n) < heavy / 10
    mid[0] = 1000
    mid[1:] = 1000 + np.cumsum(np.where(moves[:-1], np.where(up[:-1], 1, -1), 0))
    return mid, heavy, mid + 1, 10 - heavy


def test_micro_price_recovers_a_known_chain() -> None:
    # With independent imbalances: E[first move] = I - (1 - I), then nothing is foreseeable
    # beyond the mean of a symmetric draw, 0. Quiet steps redraw the state.
    fit = fit_micro_price(markov_quotes(), n_imbalances=10, n_spreads=1)
    g = fit.adjustment_ticks[0]
    assert fit.martingale_residual_ticks < 1e-12
    seen = ~np.isnan(g)
    assert np.allclose(g[seen], -g[::-1][seen], atol=1e-12)  # antisymmetric
    direct = []
    bid, qb, _, qa = markov_quotes()
    move = np.diff(bid)
    for q in (1, 3, 7, 9):
        here = qb[:-1] == q
        direct.append(move[here].mean())  # one step; later steps have mean 0 but for sampling
    found = [fit.price([0], [q], [1], [10 - q])[0] - 0.5 for q in (1, 3, 7, 9)]
    assert found == pytest.approx(direct, abs=0.02)
    assert qa.min() > 0


def test_micro_price_solve_equals_the_power_series() -> None:
    rng = np.random.default_rng(3)
    n = 40_000
    bid = 1000 + np.cumsum(rng.choice([-1, 0, 0, 1], n))
    ask = bid + rng.integers(1, 3, n)
    qb = np.clip(5 + np.cumsum(rng.integers(-1, 2, n)) % 9, 1, None)
    fit = fit_micro_price((bid, qb, ask, 12 - np.clip(qb, 1, 11)), n_imbalances=6, n_spreads=2)
    first = np.nan_to_num(fit.first_move_ticks.ravel())
    term, series = first.copy(), first.copy()
    for _ in range(3000):
        term = fit.transition @ term
        series += term
    assert np.nan_to_num(fit.adjustment_ticks.ravel()) == pytest.approx(series, abs=1e-10)


def test_micro_price_of_states_it_does_not_know_is_nan() -> None:
    fit = fit_micro_price(markov_quotes(5000), n_imbalances=4, n_spreads=1)
    known = fit.price([100, 100, 100, NO_PRICE], [5, 5, 0, 5], [101, 105, 101, 101], [5] * 4)
    assert not np.isnan(known[0])
    assert np.isnan(known[1:]).all()
    with pytest.raises(InputError, match="moves of the mid"):
        fit_micro_price(([1, 1], [1, 1], [2, 2], [1, 1]), n_imbalances=2, n_spreads=1)
    with pytest.raises(InputError, match="even"):
        fit_micro_price(markov_quotes(100), n_imbalances=3)
