"""Print the table of impact prediction on the US equity tapes of ``impact.md``.

``python docs/microstructure/evaluate_equities.py DATA``: three days of AIG, BAC and IBM in the
folder DATA. Everything a prediction uses (volatility, volume, constants, kernels) comes from the
first two days; every score is of the third.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kimera.market import open_tape
from kimera.microstructure import fit_propagator, fit_square_root_law, quote_at
from kimera.microstructure.feed import MarketFeed
from kimera.microstructure.regression import ols_hac
from kimera.microstructure.tape_analysis import Kept, analyse, mid2_before
from kimera.microstructure.tape_measures import two_sided

SECOND = 1_000_000_000
DAYS = ("20131007", "20131008", "20131009")
OPEN_S, CLOSE_S = 34_500, 57_300  # 9:35 to 15:55 New York, from midnight
FloatArray = npt.NDArray[np.float64]


class Day(NamedTuple):
    """A day in bins: the move of the mid, net and total volume, and the orders."""

    move: FloatArray  # fraction
    net: FloatArray  # lots
    volume: FloatArray
    edges_ns: npt.NDArray[np.int64]
    order_ns: npt.NDArray[np.int64]
    sign: FloatArray
    mid: FloatArray  # before each order


def kept_of(folder: Path, ticker: str, day: str) -> Kept:
    """Stream a day through the analyzer."""
    paths = [folder / f"{ticker}_{day}_{what}.zip" for what in ("quote", "trade")]
    feed = MarketFeed([open_tape(path, strict=False) for path in paths])
    analyses, rows = analyse(feed)
    for _ in rows:
        pass
    return analyses[0].kept()


def in_bins(kept: Kept, step_s: int) -> Day:
    """Cut the continuous session into bins."""
    quotes, trades = two_sided(kept), kept.trades
    # New York is at UTC-04:00 on these days.
    midnight = int(quotes["ts_ns"][0] - 4 * 3600 * SECOND) // (86_400 * SECOND) * 86_400 * SECOND
    midnight += 4 * 3600 * SECOND
    edges = midnight + np.arange(OPEN_S, CLOSE_S + 1, step_s, dtype=np.int64) * SECOND
    mids = (quotes["bid_ticks"] + quotes["ask_ticks"])[quote_at(edges, quotes["ts_ns"])] / 2.0
    where = np.searchsorted(edges, trades.ts_ns, side="right") - 1
    inside = (where >= 0) & (where < len(edges) - 1)
    lots = trades.size_lots[inside].astype(float)
    n = len(edges) - 1
    net = np.bincount(where[inside], lots * trades.sign[inside], n)
    volume = np.bincount(where[inside], lots, n)
    at, flow = trades.ts_ns[inside], lots * trades.sign[inside]
    first = np.flatnonzero(np.diff(at, prepend=at[0] - 1))
    sign, order = np.sign(np.add.reduceat(flow, first)), at[first]
    mid = mid2_before(kept, order) / 2.0
    return Day(np.diff(np.log(mids)), net, volume, edges, order, sign, mid)


def score(move: FloatArray, told: FloatArray) -> float:
    """R2 about zero."""
    return 1.0 - float(((move - told) ** 2).sum() / (move**2).sum())


def evaluate(ticker: str, step_s: int, days: list[Kept]) -> None:
    """Fit on two days, tell the third."""
    *past, now = (in_bins(day, step_s) for day in days)
    move, net = (np.concatenate([getattr(d, n) for d in past]) for n in ("move", "net"))
    sigma = float(move.std())
    volume = float(np.mean(np.concatenate([d.volume for d in past])))
    law = fit_square_root_law(move, net / volume, np.full(move.size, sigma))
    share = now.net / volume
    root = sigma * np.sign(share) * np.sqrt(np.abs(share))
    fitted, error = law.predict(share, np.full(share.size, sigma))
    slope = float(net @ move / (net @ net))
    free = sigma * law.y_free * np.sign(share) * np.abs(share) ** law.delta
    told = {"naive, Y = 1": root, "fitted": fitted, "free exponent": free, "line": slope * now.net}
    kernel = fit_propagator(past[-1].mid, past[-1].sign, n_lags=50)
    path = np.append(kernel.price(now.sign), 0.0)[
        np.searchsorted(now.order_ns, now.edges_ns, side="left") - 1
    ]
    told["propagator"] = np.diff(path) / float(now.mid.mean())
    gains = []
    for name, values in told.items():
        gain = ((now.move - root) ** 2 - (now.move - values) ** 2) / float((now.move**2).mean())
        fit = ols_hac(gain, np.ones((gain.size, 1)))
        text = f"{name} {score(now.move, values):.3f}"
        if name != "naive, Y = 1":
            bar = 1.96 * fit.stderrs[0]
            text += f" (gain {fit.coefficients[0]:+.3f} ± {bar:.3f})"
        gains.append(text)
    covered = float((np.abs(now.move - fitted) < 1.96 * error).mean())
    print(
        f"{ticker.upper()} {step_s} s: {now.move.size} bins, Y {law.y:.2f} ± "
        f"{1.96 * law.y_stderr:.2f}, exponent {law.delta:.2f} ± {1.96 * law.delta_stderr:.2f}; "
        f"{'; '.join(gains)}; within the 95 % bar {covered:.2f}"
    )


if __name__ == "__main__":
    data = Path(sys.argv[1]) / "us_equity_ticks"
    for name in ("aig", "bac", "ibm"):
        all_days = [kept_of(data, name, day) for day in DAYS]
        for seconds in (60, 300):
            evaluate(name, seconds, all_days)
