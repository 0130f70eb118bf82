"""Numbers that other projects print for their own sample data.

The samples belong to those projects and are not part of this one: the tests run where they have
been put (``KIMERA_ORACLES``, or ``microstructure/`` beside the recorded tapes), under these names:

==========================  =====================================================================
``ohlc.csv``                github eguidotti/bidask, ``pseudocode/ohlc.csv`` (and ``ohlc-miss.csv``)
``dollar_bar_sample.csv``   github hudson-and-thames/mlfinlab, ``mlfinlab/datasets/data/``
``dailytrades.csv.gz``      github monty-se/PINstimation, ``data/dailytrades.RData`` as CSV
``hfdata.csv.gz``           the same, ``data/hfdata.RData`` as CSV
``sampleTData.csv.gz``      github jonathancornelissen/highfrequency, ``data/sampleTData.rda``
``sampleQData.csv.gz``      the same, ``data/sampleQData.rda``
==========================  =====================================================================
"""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from kimera.microstructure import (
    bar_lambda,
    bulk_volume_buys,
    corwin_schultz_spread,
    edge_spread,
    fit_pin,
    lagged_covariance,
    lee_ready_sign,
    parkinson_volatility,
    pin_log_likelihood,
    quote_at,
    tick_rule_sign,
    vpin,
    vpin_bars,
)


@pytest.fixture(scope="module")
def oracles() -> Path:
    root = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("KIMERA_DATA", root.parent / "shared" / "data"))
    folder = Path(os.environ.get("KIMERA_ORACLES", data / "microstructure"))
    if not folder.is_dir():
        pytest.skip(f"sample data of other projects are not at {folder} (set KIMERA_ORACLES)")
    return folder


def columns(path: Path, *names: str) -> list[np.ndarray]:
    if not path.is_file():
        pytest.skip(f"{path.name} is not at {path.parent}")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = list(csv.DictReader(file))
    return [np.array([float(r[n]) if r[n] else np.nan for r in rows]) for n in names]


def test_edge_of_bidask(oracles: Path) -> None:
    names = ("Open", "High", "Low", "Close")
    ohlc = columns(oracles / "ohlc.csv", *names)
    assert edge_spread(*ohlc).value == pytest.approx(0.0101849034905478, rel=1e-12)
    first = edge_spread(*(v[:10] for v in ohlc)).value
    assert first == pytest.approx(-0.016889917516422, rel=1e-12)
    missing = columns(oracles / "ohlc-miss.csv", *names)
    assert edge_spread(*missing).value == pytest.approx(0.01013284969780197, rel=1e-12)


def test_bar_measures_of_mlfinlab(oracles: Path) -> None:
    path = oracles / "dollar_bar_sample.csv"
    high, low, close = columns(path, "high", "low", "close")
    volume, value = columns(path, "cum_vol", "cum_dollar")
    roll = 2 * np.sqrt(np.abs(lagged_covariance(close, 20)))  # their sign convention
    assert (np.nanmax(roll), np.nanmean(roll), roll[25]) == pytest.approx(
        (7.158451, 2.341811, 1.176525), abs=1e-5
    )
    spread = np.maximum(corwin_schultz_spread(high, low, window=20), 0.0)
    assert (np.nanmax(spread), np.nanmean(spread), spread[25]) == pytest.approx(
        (0.01652, 0.00151602, 0.00139617), abs=1e-5
    )
    sigma = parkinson_volatility(high, low, window=20)
    assert (np.nanmax(sigma), np.nanmean(sigma), sigma[25]) == pytest.approx(
        (0.018773, 0.001456, 0.000517), abs=1e-6
    )
    change = np.concatenate([[np.nan], np.diff(close)])
    returns = np.concatenate([[np.nan], np.diff(np.log(close))])
    kyle = bar_lambda(change, volume, 20)
    assert (np.nanmax(kyle), np.nanmean(kyle), kyle[25]) == pytest.approx(
        (0.000163423, 7.02e-5, 7.76e-5), abs=1e-6
    )
    amihud = bar_lambda(returns, value, 20)
    assert (np.nanmax(amihud), np.nanmean(amihud), amihud[25]) == pytest.approx(
        (4.057838e-11, 1.7213e-11, 1.8439e-11), rel=1e-3
    )
    hasbrouck = bar_lambda(returns, np.sqrt(value), 20)
    assert (np.nanmax(hasbrouck), np.nanmean(hasbrouck), hasbrouck[25]) == pytest.approx(
        (3.39527e-7, 1.44037e-7, 1.5433e-7), rel=1e-3
    )


def test_vpin_of_mlfinlab(oracles: Path) -> None:
    close, volume = columns(oracles / "dollar_bar_sample.csv", "close", "cum_vol")
    change = np.concatenate([[np.nan], np.diff(close)])
    rolling = np.full(close.size, np.nan)
    for t in range(20, close.size):
        rolling[t] = change[t - 19 : t + 1].std(ddof=1)
    buys = bulk_volume_buys(change / rolling, volume, sigma=1.0)
    known = ~np.isnan(buys)
    found = np.full(close.size, np.nan)
    found[known] = np.abs(2 * buys[known] - volume[known]) / volume[known]
    assert (found[25], np.nanmax(found), np.nanmean(found)) == pytest.approx(
        (0.554, 0.999, 0.501), abs=1e-3
    )
    # Theirs divides the mean of |B - S| over the window by the volume of the last bar alone.
    gap = np.abs(2 * buys - volume)[26:46]
    assert gap.mean() / volume[45] == pytest.approx(0.4638, abs=1e-3)
    # The paper's buckets are of equal volume, where that and our ratio of sums are the same.
    ours = vpin(buys[26:46], (volume - buys)[26:46], 20)[-1]
    assert ours == pytest.approx(gap.sum() / volume[26:46].sum())


def test_pin_of_pinstimation(oracles: Path) -> None:
    buys, sells = columns(oracles / "dailytrades.csv.gz", "B", "S")
    fit = fit_pin(buys, sells)
    assert fit.log_likelihood == pytest.approx(-3226.469, abs=5e-4)
    assert fit.pin == pytest.approx(0.566, abs=5e-4)
    assert pin_log_likelihood(fit.parameters, buys, sells, form="lin_ke") == pytest.approx(
        fit.log_likelihood, rel=1e-12
    )


def test_vpin_of_pinstimation(oracles: Path) -> None:
    at, price, volume = columns(oracles / "hfdata.csv.gz", "timestamp", "price", "volume")
    order = np.argsort(at, kind="stable")
    ts_ns = np.round(at[order] * 1e9).astype(np.int64)
    found = vpin_bars((ts_ns, price[order], volume[order]), bar_ns=300 * 10**9)
    assert found.bucket_volume == pytest.approx(4058.956, abs=5e-4)
    values = found.value[~np.isnan(found.value)]
    assert found.value.size - values.size == 49
    printed = [0.129, 0.208, 0.252, 0.269, 0.319, 0.643]
    quartiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1.0]).tolist()
    summary = [*quartiles[:3], float(values.mean()), *quartiles[3:]]
    assert summary == pytest.approx(printed, abs=5e-4)


def test_lee_ready_of_highfrequency_and_its_float_fault(oracles: Path) -> None:
    trade_time, price = columns(oracles / "sampleTData.csv.gz", "DT", "PRICE")
    quote_time, bid, offer = columns(oracles / "sampleQData.csv.gz", "DT", "BID", "OFR")
    day = np.floor(quote_time / 86_400)
    first = np.array([quote_time[day == d].min() for d in np.unique(day)])
    start = first[np.searchsorted(np.unique(day), day)]
    known_ns = np.round(1e6 * (quote_time + np.where(quote_time == start, 0.0, 2.0)))
    order = np.argsort(known_ns, kind="stable")
    met = order[quote_at(np.round(1e6 * trade_time), known_ns[order])]
    ticks = [np.round(1e4 * v).astype(np.int64) for v in (price, bid[met], offer[met])]
    exact = lee_ready_sign(*ticks)
    # The published sum compares floats: trades at the mid are misread by it, in both directions.
    middle = (bid[met] + offer[met]) / 2
    tick = tick_rule_sign(ticks[0])
    by_floats = np.where(price < middle, -1, np.where(price > middle, 1, tick))
    assert by_floats.sum() == -1572
    assert exact.sum() == -1554
    assert np.count_nonzero(exact != by_floats) == 55
    assert np.count_nonzero(2 * ticks[0] == ticks[1] + ticks[2]) == 484
