"""Quotes, spreads and their exact identity."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kimera.errors import InputError, SequenceError
from kimera.microstructure import (
    QuoteState,
    effective_spread,
    mid2,
    price_impact,
    quote_at,
    quote_state,
    quoted_spread,
    realised_spread,
    trade_spreads,
)
from kimera.model import NO_PRICE


def test_quoted_spread_weights_by_time_and_leaves_out_what_is_no_spread() -> None:
    ts = [0, 10, 30, 60, 100]
    bid = [100, 100, NO_PRICE, 103, 101]
    ask = [102, 100, 105, 101, 104]
    found = quoted_spread(ts, bid, ask, end_ns=200)
    # normal 10 ns at 2, locked 20 ns at 0, one-sided 30, crossed 40, normal 100 at 3
    assert found.mean_ticks == float(Fraction(2 * 10 + 0 * 20 + 3 * 100, 130))
    assert (found.counted_ns, found.one_sided_ns, found.crossed_ns, found.locked_ns) == (
        130,
        30,
        40,
        20,
    )


def test_quoted_spread_of_no_two_sided_time_is_nan() -> None:
    found = quoted_spread([0], [NO_PRICE], [100], end_ns=10)
    assert np.isnan(found.mean_ticks)
    assert found.one_sided_ns == 10
    assert np.isnan(quoted_spread([], [], [], end_ns=10).mean_ticks)


def test_quoted_spread_beyond_int64_is_still_exact() -> None:
    day = 86_400_000_000_000
    found = quoted_spread([0, day], [0, 0], [10**6, 10**6 + 1], end_ns=2 * day)
    assert found.mean_ticks == 10**6 + 0.5


def test_quote_state_names_every_case() -> None:
    bid = [NO_PRICE, 10, NO_PRICE, 10, 11, 12]
    ask = [NO_PRICE, NO_PRICE, 11, 11, 11, 11]
    assert [QuoteState(s).name for s in quote_state(bid, ask)] == [
        "EMPTY",
        "ONE_SIDED",
        "ONE_SIDED",
        "NORMAL",
        "LOCKED",
        "CROSSED",
    ]


def test_mid2_without_a_side_has_no_price() -> None:
    assert mid2([10, NO_PRICE], [13, 13]).tolist() == [23, NO_PRICE]


def test_effective_equals_realised_plus_impact_to_the_bit() -> None:
    rng = np.random.default_rng(11)
    n = 2000
    price = rng.integers(10_000, 11_000, n)
    before, after = rng.integers(20_000, 22_000, n), rng.integers(20_000, 22_000, n)
    sign = rng.integers(-1, 2, n)
    effective = effective_spread(price, before, sign)
    realised = realised_spread(price, after, sign)
    impact = price_impact(before, after, sign)
    known = sign != 0
    assert np.array_equal(effective[known], realised[known] + impact[known])
    assert np.isnan(effective[~known]).all()
    # the definition in rationals, trade by trade
    for i in np.flatnonzero(known)[:200]:
        d, p, m = int(sign[i]), int(price[i]), Fraction(int(before[i]), 2)
        assert effective[i] == 2 * d * (p - m)


def test_trade_spreads_at_horizons_match_a_loop() -> None:
    rng = np.random.default_rng(5)
    quote_ts = np.sort(rng.integers(0, 1000, 300))
    bid = 100 + rng.integers(-3, 4, 300)
    ask = bid + rng.integers(1, 4, 300)
    trade_ts = np.sort(rng.integers(0, 1100, 80))
    price, sign = rng.integers(95, 108, 80), rng.choice([-1, 0, 1], 80)
    found = trade_spreads((trade_ts, price, sign), (quote_ts, bid, ask), horizons_ns=(1, 50, 400))
    for i in range(80):
        before = [j for j in range(300) if quote_ts[j] < trade_ts[i]]
        for h, horizon in enumerate((1, 50, 400)):
            later = [j for j in range(300) if quote_ts[j] <= trade_ts[i] + horizon]
            if sign[i] == 0 or not later or trade_ts[i] + horizon > quote_ts[-1]:
                assert np.isnan(found.realised[h, i])
                continue
            m_after = Fraction(int(bid[later[-1]] + ask[later[-1]]), 2)
            assert found.realised[h, i] == 2 * int(sign[i]) * (int(price[i]) - m_after)
            if before:
                assert found.effective[i] == found.realised[h, i] + found.impact[h, i]
    means = found.mean(np.ones(80))
    assert np.allclose(means[:, 0], means[:, 1] + means[:, 2])


def test_quote_at_equal_times_is_as_asked() -> None:
    assert quote_at([10], [10, 10, 20]).tolist() == [1]
    assert quote_at([10], [10, 10, 20], equal_times="before").tolist() == [-1]
    with pytest.raises(InputError, match="equal_times"):
        quote_at([1], [1], equal_times="maybe")


def test_bad_input_has_one_clear_error() -> None:
    with pytest.raises(InputError, match=r"price_ticks: expected integers, found 1\.5 at row 1"):
        effective_spread([1.0, 1.5], [2, 2], [1, 1])
    with pytest.raises(InputError, match="found nan at row 0"):
        effective_spread([np.nan], [2], [1])
    with pytest.raises(InputError, match="price_ticks 2, mid2_ticks 1"):
        effective_spread([1, 2], [2], [1, 1])
    with pytest.raises(InputError, match="expected -1, 0 or 1"):
        effective_spread([1], [2], [5])
    with pytest.raises(SequenceError, match="found 1 after 2 at row 1"):
        quoted_spread([2, 1], [1, 1], [2, 2], end_ns=5)
    with pytest.raises(InputError, match="2\\*\\*51"):
        mid2([2**52], [2**52])


def test_polars_columns_are_taken_as_they_are() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"price": [101, 100], "bid": [100, 100], "ask": [101, 101]})
    middle = mid2(frame["bid"], frame["ask"])
    assert effective_spread(frame["price"], middle, [1, -1]).tolist() == [1.0, 1.0]
