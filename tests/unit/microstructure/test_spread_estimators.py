"""Spread estimators against closed forms, another library, and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    abdi_ranaldo_spread,
    corwin_schultz_spread,
    edge_spread,
    lagged_covariance,
    parkinson_volatility,
    roll_spread,
)


def bars(spread: float, n_days: int = 2000, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Open, high, low, close of a random walk traded at the mid +- half the spread."""
    rng = np.random.default_rng(seed)
    steps = 390
    log_mid = np.cumsum(rng.normal(0, 0.02 / np.sqrt(steps), n_days * steps))
    price = np.exp(log_mid) * (1 + spread / 2 * rng.choice([-1, 1], n_days * steps))
    day = price.reshape(n_days, steps)
    return day[:, 0], day.max(axis=1), day.min(axis=1), day[:, -1]


def test_roll_matches_numpy_covariance_and_truth() -> None:
    rng = np.random.default_rng(2)
    price = np.cumsum(rng.normal(0, 0.1, 200_000)) + 0.5 * rng.choice([-1, 1], 200_000)
    found = roll_spread(price)
    change = np.diff(price)
    assert found.value == pytest.approx(2 * np.sqrt(-np.cov(change[1:], change[:-1])[0, 1]))
    assert abs(found.value - 1.0) < 4 * found.stderr


def test_roll_of_trending_prices_is_nan_with_its_reason() -> None:
    found = roll_spread([1.0, 2.0, 4.0, 8.0, 16.0])
    assert np.isnan(found.value)
    assert "positive" in found.why
    assert roll_spread([1.0]).why == "fewer than four prices"
    assert roll_spread([1.0, np.nan, 2.0, 1.0, 2.0]).why == "a price is NaN"


def test_lagged_covariance_matches_numpy_window_by_window() -> None:
    price = np.cumsum(np.random.default_rng(4).normal(size=60))
    found = lagged_covariance(price, 20)
    change = np.diff(price)
    for t in range(60):
        if t < 21:
            assert np.isnan(found[t])
            continue
        now, before = change[t - 20 : t], change[t - 21 : t - 1]
        assert found[t] == pytest.approx(np.cov(now, before)[0, 1])


def test_corwin_schultz_inverts_its_own_model() -> None:
    # Ranges that are spread and nothing else: beta = 2 gamma, so alpha = log(H/L).
    for spread in (0.001, 0.01, 0.1):
        high, low = 1 + spread / 2, 1 - spread / 2
        found = corwin_schultz_spread([high] * 3, [low] * 3)
        assert np.isnan(found[0])
        assert found[1:] == pytest.approx(spread)


def test_corwin_schultz_keeps_negatives_and_adjusts_overnight() -> None:
    raw = corwin_schultz_spread([10.0, 12.0], [9.9, 11.9])
    adjusted = corwin_schultz_spread([10.0, 12.0], [9.9, 11.9], [10.0, 12.0])
    assert raw[1] < 0
    # after the gap of 1.9 the second day is 10.1 to 10.0
    assert adjusted[1] == pytest.approx(corwin_schultz_spread([10.0, 10.1], [9.9, 10.0])[1])
    with pytest.raises(InputError, match="high: expected >= low"):
        corwin_schultz_spread([1.0], [2.0])
    with pytest.raises(InputError, match="low: expected > 0"):
        corwin_schultz_spread([1.0], [0.0])


def test_estimators_find_the_spread_that_was_simulated() -> None:
    spread = 0.01
    open_, high, low, close = bars(spread)
    assert edge_spread(open_, high, low, close).value == pytest.approx(spread, rel=0.12)
    assert abdi_ranaldo_spread(high, low, close, form="pooled").value == pytest.approx(
        spread, rel=0.15
    )
    assert np.nanmean(corwin_schultz_spread(high, low)) == pytest.approx(spread, rel=0.35)
    assert np.mean(parkinson_volatility(high, low)[1:]) == pytest.approx(0.02, rel=0.15)


def test_abdi_ranaldo_matches_a_loop() -> None:
    _, high, low, close = bars(0.01, n_days=50)
    eta, c = (np.log(high) + np.log(low)) / 2, np.log(close)
    products = [4 * (c[t] - eta[t]) * (c[t] - eta[t + 1]) for t in range(49)]
    two_day = np.mean([np.sqrt(max(p, 0.0)) for p in products])
    assert abdi_ranaldo_spread(high, low, close).value == pytest.approx(two_day)
    pooled = np.sqrt(max(np.mean(products), 0.0))
    assert abdi_ranaldo_spread(high, low, close, form="pooled").value == pytest.approx(pooled)
    assert np.isnan(abdi_ranaldo_spread([1.0], [1.0], [1.0]).value)


def test_edge_agrees_with_the_authors_package() -> None:
    bidask = pytest.importorskip("bidask")
    rng = np.random.default_rng(9)
    for seed in range(5):
        ohlc = np.array(bars(0.02 * rng.random(), n_days=40, seed=seed))
        assert edge_spread(*ohlc).value == pytest.approx(bidask.edge(*ohlc, True), rel=1e-10)
        holes = np.where(rng.random(ohlc.shape) < 0.1, np.nan, ohlc)
        assert edge_spread(*holes).value == pytest.approx(bidask.edge(*holes, True), rel=1e-10)


def test_edge_without_information_says_why() -> None:
    flat = [18.21, 17.61, 17.61]
    found = edge_spread(flat, flat, [17.61] * 3, [17.61] * 3)  # the authors' NaN case
    assert np.isnan(found.value)
    assert found.why
    assert edge_spread([1.0], [1.0], [1.0], [1.0]).why == "fewer than three periods"
