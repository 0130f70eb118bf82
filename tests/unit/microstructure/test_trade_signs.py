"""Trade classification against plain loops in rational numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    bulk_volume_buys,
    clnv_sign,
    emo_sign,
    exact_sign,
    lee_ready_sign,
    quote_rule_sign,
    tick_rule_sign,
)
from kimera.model import NO_PRICE


def tape(n: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    bid = 1000 + np.cumsum(rng.integers(-1, 2, n))
    ask = bid + rng.integers(0, 12, n)
    price = bid + rng.integers(-2, 14, n)
    bid = np.where(rng.random(n) < 0.03, NO_PRICE, bid)
    return price, bid, ask


def loop_tick(price: np.ndarray) -> list[int]:
    signs, last = [], 0
    for i, p in enumerate(price):
        if i and p != price[i - 1]:
            last = 1 if p > price[i - 1] else -1
        signs.append(last)
    return signs


def test_tick_rule_matches_a_loop() -> None:
    price = tape()[0]
    assert tick_rule_sign(price).tolist() == loop_tick(price)
    assert tick_rule_sign([]).tolist() == []
    assert tick_rule_sign([5]).tolist() == [0]


def test_quote_based_rules_match_loops_in_rationals() -> None:
    price, bid, ask = tape()
    tick = loop_tick(price)
    lee_ready, emo, clnv = [], [], []
    for p, b, a, t in zip(price.tolist(), bid.tolist(), ask.tolist(), tick, strict=True):
        two = NO_PRICE not in {b, a}
        middle = Fraction(a + b, 2)
        lee_ready.append(t if not two or p == middle else 1 if p > middle else -1)
        emo.append(1 if two and a != b and p == a else -1 if two and a != b and p == b else t)
        top, low = b + Fraction(7, 10) * (a - b), b + Fraction(3, 10) * (a - b)
        if two and b < a and top <= p <= a:
            clnv.append(1)
        elif two and b < a and b <= p <= low:
            clnv.append(-1)
        else:
            clnv.append(t)
    assert lee_ready_sign(price, bid, ask).tolist() == lee_ready
    assert emo_sign(price, bid, ask).tolist() == emo
    assert clnv_sign(price, bid, ask).tolist() == clnv


def test_float_prices_misread_the_mid_and_integers_do_not() -> None:
    missed = [
        (bid, ask)
        for bid in range(10_000, 10_200)
        for ask in range(bid + 2, bid + 10, 2)
        if (bid / 100 + ask / 100) / 2 != (bid + ask) // 2 / 100
    ]
    assert missed  # in cents there are such quotes
    bid, ask = (np.array(side) for side in zip(*missed, strict=True))
    assert not quote_rule_sign((bid + ask) // 2, bid, ask).any()


def test_exact_sign_reads_the_taker() -> None:
    assert exact_sign(np.array([0, 1, 2], dtype=np.uint8)).tolist() == [1, -1, 0]
    with pytest.raises(InputError, match="expected 0, 1 or 2"):
        exact_sign([3])


def test_distribution_functions_match_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    x = np.concatenate([np.linspace(-12, 12, 401), [-1e5, 1e5, 0.0]])
    ones = np.ones(x.size)
    normal = bulk_volume_buys(x, ones, sigma=1.0)
    assert np.abs(normal - stats.norm.cdf(x)).max() < 1e-15
    for dof in (0.25, 1.0, 2.5, 30.0):
        student = bulk_volume_buys(x, ones, sigma=1.0, dof=dof)
        assert np.abs(student - stats.t.cdf(x, dof)).max() < 1e-12


def test_student_t_of_one_degree_is_the_cauchy_closed_form() -> None:
    x = np.linspace(-5, 5, 41)
    share = bulk_volume_buys(x, np.ones(41), sigma=1.0, dof=1.0)
    assert np.abs(share - (0.5 + np.arctan(x) / np.pi)).max() < 1e-14
    near = bulk_volume_buys([1e-9, 2e-9], [1, 1], sigma=1.0, dof=1.0)
    assert near - 0.5 == pytest.approx(np.array([1e-9, 2e-9]) / np.pi, rel=1e-6)


def test_bulk_volume_without_variation_is_nan() -> None:
    assert np.isnan(bulk_volume_buys([0.0, 0.0], [1, 1])).all()
    assert np.isnan(bulk_volume_buys([1.0], [1])).all()
    assert np.isnan(bulk_volume_buys([1.0, np.nan, 2.0], [1, 1, 1])[1])
    with pytest.raises(InputError, match="volume"):
        bulk_volume_buys([1.0, 2.0], [1, -1])
