"""Evaluation and toxicity against brute force and processes with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from kimera.errors import InputError
from kimera.microstructure import (
    alarm_markouts,
    flow_runs,
    incremental_value,
    one_sided_flow,
    roc_auc,
    roc_curve,
    toxicity_alarm,
)


def test_auc_matches_counting_pairs_and_the_area_of_its_curve() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 120).astype(float)
    score = np.round(label + rng.normal(0, 2, 120))  # with ties
    pairs = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p in score[label == 1]
        for q in score[label == 0]
    ]
    found = roc_auc(score, label)
    assert found.value == pytest.approx(np.mean(pairs))
    false_rate, true_rate, threshold = roc_curve(score, label)
    assert np.trapezoid(true_rate, false_rate) == pytest.approx(found.value)
    at = 3
    assert true_rate[at] == np.mean(score[label == 1] >= threshold[at])


def test_auc_error_bar_covers_as_it_says() -> None:
    truth = 0.7602499  # P(N(1,1) > N(0,1)) = Phi(1 / sqrt 2)
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        label = np.repeat([0.0, 1.0], 60)
        found = roc_auc(label + rng.normal(size=120), label)
        hits += abs(found.value - truth) < 1.96 * found.stderr
    assert 272 <= hits <= 298


def test_auc_without_both_classes_says_why() -> None:
    assert roc_auc([1.0, 2.0], [1, 1]).why
    assert roc_curve([1.0], [1])[0].size == 0
    with pytest.raises(InputError, match="label"):
        roc_auc([1.0], [2])


def test_incremental_value_tells_news_from_disguise() -> None:
    rng = np.random.default_rng(3)
    volume, news = rng.normal(size=3000), rng.normal(size=3000)
    target = volume + 0.4 * news + rng.normal(size=3000)
    real = incremental_value(target, news, volume[:, None])
    assert real.verdict.startswith("adds")
    assert real.gain == pytest.approx(0.16 / 2.16, rel=0.4)
    assert abs(real.t_value) > 10
    disguise = incremental_value(target, volume + rng.normal(size=3000), volume[:, None])
    assert disguise.verdict.startswith("descriptive only")
    assert incremental_value([1.0] * 5, [1.0] * 5, np.ones((5, 1))).verdict.startswith("no verdict")
    same = incremental_value(target, volume, volume[:, None])
    assert same.verdict.startswith("no verdict")


def test_one_sided_flow_matches_the_weighted_sum() -> None:
    rng = np.random.default_rng(4)
    at = np.sort(rng.integers(0, 1000, 80))
    lots, sign = rng.integers(0, 50, 80), rng.integers(-1, 2, 80)
    found = one_sided_flow(at, lots, sign, half_life_ns=60)
    for k in range(80):
        weight = 2.0 ** (-(at[k] - at[: k + 1]) / 60) * np.sqrt(lots[: k + 1])
        expected = (weight * sign[: k + 1]).sum() / (1 + weight.sum())
        assert found[k] == pytest.approx(expected, abs=1e-12)
    assert np.all(np.abs(found) < 1)
    assert one_sided_flow([], [], [], half_life_ns=1).size == 0


def test_alarm_has_hysteresis_and_bad_thresholds_are_refused() -> None:
    rng = np.random.default_rng(2)
    score = rng.uniform(-1, 1, 500)
    found = toxicity_alarm(score, on=0.8, off=0.3)
    state = False
    for k in range(500):
        state = True if abs(score[k]) >= 0.8 else False if abs(score[k]) < 0.3 else state
        assert found[k] == state
    assert not toxicity_alarm([np.nan], on=0.5, off=0.5)[0]
    with pytest.raises(InputError, match="off <= on"):
        toxicity_alarm([0.0], on=0.1, off=0.2)


def test_alarm_markouts_are_the_group_means() -> None:
    rng = np.random.default_rng(6)
    alarm = rng.random(4000) < 0.2
    kept = np.where(alarm, -1.0, 0.5) + rng.normal(size=4000)
    found = alarm_markouts(kept, alarm)
    assert found.inside.value == pytest.approx(kept[alarm].mean())
    assert found.outside.value == pytest.approx(kept[~alarm].mean())
    assert found.difference.value == pytest.approx(kept[alarm].mean() - kept[~alarm].mean())
    assert abs(found.difference.value + 1.5) < 4 * found.difference.stderr
    assert found.inside.n_obs + found.outside.n_obs == 4000
    assert alarm_markouts([1.0], [1]).difference.why


def test_flow_runs_find_a_hidden_order_and_little_in_noise() -> None:
    rng = np.random.default_rng(5)
    noise = rng.choice([-1, 1], 4000)
    assert len(flow_runs(noise)) <= 1
    assert len(flow_runs(noise, threshold=8.0)) > 3
    buried = noise.copy()
    buried[1500:1700] = np.where(rng.random(200) < 0.85, -1, 1)
    runs = [r for r in flow_runs(buried) if r.sign == -1 and r.score > 20]
    assert len(runs) == 1
    assert abs(runs[0].first - 1500) < 25
    assert abs(runs[0].last - 1699) < 25
    assert flow_runs([]) == []
    with pytest.raises(InputError, match="drift"):
        flow_runs([1], drift=0.0)
