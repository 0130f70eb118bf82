"""Microstructure: features per record, and the fits whose speed was promised."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from kimera._native import bench as _native
from kimera.desk.bench import Measurement, Profile, interleave, median_of
from kimera.microstructure import (
    FEATURES,
    PinParameters,
    edge_spread,
    fit_pin,
    hawkes_log_likelihood,
    information_share,
    simulate_hawkes,
)

__all__ = ["measure"]

AREA = "microstructure"
DAYS = 252
SECONDS = 23_400


def _seconds(work: Callable[[], object]) -> float:
    start_ns = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start_ns) / 1e9


def measure(profile: Profile) -> list[Measurement]:
    """Measure the area."""
    return [*_records(profile), *_fits(profile), *_peers(profile)]


def _records(profile: Profile) -> list[Measurement]:
    stream = _native.OrderStream(profile.events(5_000_000), 7)
    counted = 0.9 * len(stream)  # the first tenth builds the book

    def rate(what: int) -> Callable[[], float]:
        return lambda: counted / stream.seconds(what) / 1e6

    rates = interleave({"book": rate(0), "top": rate(1), "analyzer": rate(2)}, profile.rounds)
    n_features = len(FEATURES.names or ())
    overhead = 100.0 * (rates.ratio("book", "top") - 1.0)
    return [
        Measurement(
            area=AREA,
            name=f"book and {n_features} features on 5 levels, a row per record",
            value=rates.median("analyzer"),
            unit="M records/s",
            target=8.0,
            peer="the bare book",
            peer_value=rates.median("book"),
            ratio=rates.ratio("analyzer", "book"),
            runs=profile.rounds,
        ),
        Measurement(
            area=AREA,
            name="top-of-book features over the bare book",
            value=overhead,
            unit="%",
            better="lower",
            target=15.0,
            runs=profile.rounds,
        ),
    ]


def _fits(profile: Profile) -> list[Measurement]:
    rng = np.random.default_rng(7)
    truth = PinParameters(0.4, 0.4, 400.0, 1_500.0, 1_600.0)
    odds = [1 - truth.alpha, truth.alpha * (1 - truth.delta), truth.alpha * truth.delta]
    news = rng.choice(3, size=DAYS, p=odds)
    buys = rng.poisson(truth.epsilon_b + truth.mu * (news == 1))
    sells = rng.poisson(truth.epsilon_s + truth.mu * (news == 2))
    events = simulate_hawkes(500_000.0, mu=1.0, alpha=0.5, beta=5.0, rng=rng)[:1_000_000]
    end = float(events[-1])
    value = np.cumsum(rng.normal(size=SECONDS))
    price = np.round(value[:, None] + rng.normal(size=(SECONDS, 2)), 2)
    lagged = np.concatenate([[value[0]], value[:-1]])
    price[:, 1] = np.round(lagged + rng.normal(size=SECONDS), 2)
    works: list[tuple[str, Callable[[], object], float, float, str]] = [
        (f"PIN fit, {DAYS} days", lambda: fit_pin(buys, sells), 1.0, 1.0, "s"),
        (
            f"Hawkes log-likelihood, {events.size / 1e6:.2f} M events",
            lambda: hawkes_log_likelihood(events, end, mu=1.0, alpha=0.5, beta=5.0),
            1e3,
            50.0,
            "ms",
        ),
        (
            "information shares, two venues, a day of seconds, 60 lags",
            lambda: information_share(price, n_lags=60),
            1.0,
            1.0,
            "s",
        ),
    ]
    return [
        Measurement(
            area=AREA,
            name=name,
            value=scale * median_of(partial(_seconds, work), profile.rounds),
            unit=unit,
            better="lower",
            target=target,
            runs=profile.rounds,
        )
        for name, work, scale, target, unit in works
    ]


def _peers(profile: Profile) -> list[Measurement]:
    """EDGE beside its authors' package, where it is installed: the same number is checked."""
    rng = np.random.default_rng(3)
    n_days = profile.events(100_000)
    steps = np.exp(np.cumsum(rng.normal(0, 1e-3, (n_days, 8)).ravel())).reshape(n_days, 8)
    ohlc = steps[:, 0], steps.max(axis=1), steps.min(axis=1), steps[:, -1]
    candidates = {"ours": lambda: n_days / _seconds(lambda: edge_spread(*ohlc)) / 1e6}
    peer = None
    try:
        import bidask
    except ImportError:
        bidask = None
    if bidask is not None:
        peer = "bidask"
        theirs = float(bidask.edge(*ohlc, True))  # noqa: FBT003
        ours = edge_spread(*ohlc).value
        if not np.isclose(theirs, ours, rtol=1e-9, equal_nan=True):
            raise ArithmeticError(f"EDGE: ours {ours}, bidask {theirs}")
        candidates["peer"] = lambda: n_days / _seconds(lambda: bidask.edge(*ohlc, True)) / 1e6  # noqa: FBT003
    rates = interleave(candidates, profile.rounds)
    return [
        Measurement(
            area=AREA,
            name="EDGE spread",
            value=rates.median("ours"),
            unit="M bars/s",
            peer=peer,
            peer_value=rates.median("peer") if peer else None,
            ratio=rates.ratio("ours", "peer") if peer else None,
            runs=profile.rounds,
        )
    ]
