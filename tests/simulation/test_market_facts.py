"""The simulated market has the facts of real ones, and loses each with the agent that makes it.

Medians over seeds against bands wide enough for sampling noise and narrow enough to fail: every
fact has an ablation beside it, the same market without the mechanism, that falls out of the band.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from kimera.market import FlowLabel, SimulatedMarket, observe, simulated_market_config
from kimera.market import stylised_facts as sf
from kimera.model import Action, Kind, RecordArray

SECOND = 1_000_000_000
SEEDS = (1, 2, 3, 4)
DURATION_S = 300
Floats = npt.NDArray[np.float64]

CALM = {"log_volatility_std": 0.0, "jump_rate_hz": 0.0, "news_rate_hz": 0.0}


class Run(msgspec.Struct, frozen=True):
    """What the tests need of one market, so that the records can go."""

    facts: sf.StylisedFacts
    fine_acf: Floats  # of 0.1 s returns
    venue_correlation: Floats  # at 10 ms, 100 ms, 1 s, 10 s
    asset_correlation: Floats
    cancel_ratio: float
    messages_hz: float
    labels: tuple[FlowLabel, ...]
    lots_per_unit: tuple[float, ...]


def measure(records: RecordArray, labels: tuple[FlowLabel, ...]) -> Run:
    top, trades = observe(records, 1)
    prices = [(t.ts_ns, t.mid) for t in (observe(records, i)[0] for i in (1, 2, 3))]
    steps = [SECOND // 100, SECOND // 10, SECOND, 10 * SECOND]
    own = records[(records["instrument_id"] == 1) & (records["kind"] == Kind.DELTA)]
    added = np.sum(own["action"] == Action.ADD)
    return Run(
        facts=sf.summarise(top, trades),
        fine_acf=sf.autocorrelation(sf.log_returns(top.ts_ns, top.mid, SECOND // 10), 5),
        venue_correlation=sf.correlation_by_step(prices[0], prices[2], steps),
        asset_correlation=sf.correlation_by_step(prices[0], prices[1], steps),
        cancel_ratio=float(np.sum(own["action"] == Action.CANCEL) / added),
        messages_hz=len(own) / DURATION_S,
        labels=labels,
        lots_per_unit=(10_000.0, 5_000.0),
    )


@functools.cache
def runs(changes: bytes = b"{}", seeds: tuple[int, ...] = SEEDS) -> tuple[Run, ...]:
    config = simulated_market_config(
        {"top_feed": "deltas-and-quotes", **msgspec.json.decode(changes)}
    )
    out = []
    for seed in seeds:
        market = SimulatedMarket(config, seed)
        out.append(measure(market.records(DURATION_S * SECOND), market.labels()))
    return tuple(out)


def without(**changes: Any) -> tuple[Run, ...]:
    return runs(msgspec.json.encode(changes, order="deterministic"), SEEDS[:3])


def median(values: list[float]) -> float:
    return float(np.median(values))


def test_returns_have_fat_tails() -> None:
    base = [run.facts for run in runs()]
    assert 3 < median([f.kurtosis_1s for f in base]) < 80
    assert 1.5 < median([f.hill_1s for f in base]) < 5
    # Aggregational Gaussianity: tails thin out with the horizon.
    assert median([f.kurtosis_10s for f in base]) < median([f.kurtosis_1s for f in base])


def test_returns_without_news_jumps_and_nervousness_have_thin_tails() -> None:
    calm = [run.facts for run in without(fundamental=CALM)]
    assert median([f.kurtosis_1s for f in calm]) < 2
    assert median([f.hill_1s for f in calm]) > 3


def test_volatility_clusters_for_many_seconds() -> None:
    acf = np.median([run.facts.abs_return_acf for run in runs()], axis=0)
    assert acf[:5].mean() > 0.06
    assert acf[:5].mean() > acf[20:].mean() > -0.03


def test_volatility_without_nervousness_does_not_cluster() -> None:
    still = {"log_volatility_std": 0.0, "jump_rate_hz": 0.0}
    acf = np.median([run.facts.abs_return_acf for run in without(fundamental=still)], axis=0)
    base = np.median([run.facts.abs_return_acf for run in runs()], axis=0)
    assert acf[1:10].mean() < 0.05
    assert acf[1:10].mean() < base[1:10].mean() / 2


def test_returns_are_hardly_correlated() -> None:
    acf = np.median([run.facts.return_acf for run in runs()], axis=0)
    assert np.abs(acf).max() < 0.12
    assert abs(float(np.median([run.fine_acf[2:] for run in runs()]))) < 0.08


def test_signs_of_taker_orders_have_long_memory() -> None:
    acf = np.median([run.facts.sign_acf for run in runs()], axis=0)
    assert 0.2 < acf[0] < 0.6
    assert acf[9:20].mean() > 0.03
    assert acf[40:].mean() > 0.008


def test_signs_without_large_orders_forget() -> None:
    acf = np.median(
        [
            run.facts.sign_acf
            for run in without(meta_orders={"slots": 0}, momentum_herd={"members": 0})
        ],
        axis=0,
    )
    base = np.median([run.facts.sign_acf for run in runs()], axis=0)
    assert acf[40:].mean() < 0.006
    assert acf[9:20].mean() < base[9:20].mean() / 2


def test_taker_orders_cluster() -> None:
    base = [run.facts for run in runs()]
    assert 3 < median([f.fano_1s for f in base]) < 40
    assert 1.2 < median([f.interarrival_cv for f in base]) < 3


def test_noise_takers_without_hawkes_are_a_poisson_process() -> None:
    alone: dict[str, Any] = {
        "fundamental": CALM,
        "informed_taking": {"wake_rate_hz": 0.0},
        "meta_orders": {"slots": 0},
        "momentum_herd": {"members": 0},
        "arbitrage": {"wake_rate_hz": 0.0},
    }
    off = {"branching_self": 0.0, "branching_cross": 0.0, "base_rate_hz": 4.0}
    clustered = [run.facts for run in without(**alone)]
    poisson = [run.facts for run in without(**alone, noise_taking=off)]
    assert median([f.fano_1s for f in poisson]) == pytest.approx(1, abs=0.25)
    assert median([f.interarrival_cv for f in poisson]) == pytest.approx(1, abs=0.08)
    assert median([f.fano_1s for f in clustered]) > 2
    assert median([f.interarrival_cv for f in clustered]) > 1.25
    assert np.median([f.sign_acf[0] for f in poisson]) < 0.08
    assert np.median([f.sign_acf[0] for f in clustered]) > 0.2


def impact_of_large_orders(some: tuple[Run, ...]) -> tuple[Floats, Floats]:
    """Mean size [units] and mean impact net of the news [bp], in bins of size."""
    rows = []
    for label in (label for run in some for label in run.labels):
        if label.manipulation is not None or label.end_ns is None or label.filled_lots == 0:
            continue
        sign = 1.0 if label.side == 0 else -1.0
        move = np.log(label.mid_end_ticks / label.mid_begin_ticks)
        news = np.log(label.value_end_ticks / label.value_begin_ticks)
        unit = some[0].lots_per_unit[label.instrument_id - 1]
        rows.append((label.filled_lots / unit, 1e4 * sign * (move - news)))
    size, impact = np.array(sorted(rows)).T
    edges = [int(q * len(size)) for q in (0, 0.35, 0.65, 0.85, 0.95, 1)]
    bins = [slice(a, b) for a, b in itertools.pairwise(edges)]
    return np.array([size[b].mean() for b in bins]), np.array([impact[b].mean() for b in bins])


def test_impact_of_large_orders_is_concave() -> None:
    size, impact = impact_of_large_orders(runs())
    assert (impact > 0.1).all()
    assert 0.3 < sf.log_log_slope(size, impact) < 0.85


def test_impact_of_large_orders_without_impression_is_mechanical_only() -> None:
    size, impact = impact_of_large_orders(without(flow_impression={"bp_per_unit": 0.0}))
    _, base = impact_of_large_orders(runs())
    assert size[-1] > 100
    assert impact[2:].mean() < base[2:].mean() / 2


def test_impact_of_taker_orders_is_concave() -> None:
    exponents = [run.facts.impact_exponent for run in runs()]
    assert 0.25 < median(exponents) < 0.9


def test_spread_is_mostly_a_tick_and_volatility_is_that_of_the_tapes() -> None:
    base = [run.facts for run in runs()]
    tick_bp = 1e4 * 0.01 / 61_800
    assert median([f.spread_median_bp for f in base]) == pytest.approx(tick_bp, rel=0.1)
    assert 1.5 * tick_bp < median([f.spread_mean_bp for f in base]) < 30 * tick_bp
    assert 0.7 < median([f.volatility_1s_bp for f in base]) < 2.5


def test_most_orders_are_cancelled() -> None:
    assert 0.8 < median([run.cancel_ratio for run in runs()]) < 1
    assert 500 < median([run.messages_hz for run in runs()]) < 5_000


def test_venues_move_as_one_at_a_second_and_less_at_fine_steps() -> None:
    corr = np.median([run.venue_correlation for run in runs()], axis=0)
    assert corr[2] > 0.9
    assert corr[3] > 0.98
    assert corr[0] < 0.6
    assert (np.diff(corr) > 0).all()


def test_assets_correlate_with_an_epps_effect() -> None:
    corr = np.median([run.asset_correlation for run in runs()], axis=0)
    assert 0.3 < corr[2] < 0.9
    assert corr[0] < corr[2] - 0.2


def test_assets_without_a_common_factor_do_not_correlate() -> None:
    default = msgspec.to_builtins(simulated_market_config({}))["assets"]
    apart = [{**asset, "common_loading": 0.0} for asset in default]
    quiet = {"jump_rate_hz": 0.0}
    corr = np.median(
        [run.asset_correlation for run in without(assets=apart, fundamental=quiet)], axis=0
    )
    assert abs(corr[2]) < 0.15
