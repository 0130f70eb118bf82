"""Print the tables of "How a score is judged" in ``informed-flow.md``.

``python docs/microstructure/evaluate_toxicity.py DATA``: three quarters of a minute.

DATA is the folder of the recorded tapes; without it only the simulated part runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from kimera.market import SimulatedMarket, open_tape, simulated_market_config
from kimera.microstructure import (
    Analyzer,
    Estimate,
    alarm_markouts,
    flow_runs,
    incremental_value,
    one_sided_flow,
    quote_at,
    roc_auc,
    toxicity_alarm,
    trade_spreads,
    vpin_signed,
)
from kimera.model import NO_PRICE, RecordArray, Side

SECOND = 1_000_000_000
HALF_LIFE_NS = 5 * SECOND


def said(e: Estimate) -> str:
    """Say an estimate with its 95 % half width."""
    return f"{e.value:+.3f} ± {1.96 * e.stderr:.3f}"


def read(records: RecordArray, *, by: str) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Orders (time, last price, sign, lots: trades of one time stamp) and best quotes."""
    rows, index = Analyzer(by=by, instrument_id=int(records["instrument_id"][0])).changes(records)
    traded = np.diff(rows["trades"], prepend=0) > 0
    lots, signed = (
        np.diff(rows["volume_lots"], prepend=0),
        np.diff(rows["signed_volume_lots"], prepend=0),
    )
    at = rows["ts_ns"][traded]
    price = records["price_ticks"][index][traded]
    first = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
    last = np.concatenate([first[1:], [at.size]]) - 1
    net = np.add.reduceat(signed[traded], first)
    size = np.add.reduceat(lots[traded], first)
    known = (rows["bid_ticks"] != NO_PRICE) & (rows["ask_ticks"] != NO_PRICE)
    quotes = rows["ts_ns"][known], rows["bid_ticks"][known], rows["ask_ticks"][known]
    return (at[first], price[last], np.sign(net), size), quotes


def intervals(
    orders: tuple[np.ndarray, ...], quotes: tuple[np.ndarray, ...], width_ns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per interval: mean |score|, volume, volatility, and the next interval's |mid change|."""
    at, _, sign, size = orders
    score = np.abs(one_sided_flow(at, size, sign, half_life_ns=HALF_LIFE_NS))
    edges = np.arange(quotes[0][0], quotes[0][-1], width_ns)
    mid = (quotes[1] + quotes[2]) / 2.0
    bucket = np.searchsorted(edges, at, side="right") - 1
    n = edges.size - 1
    inside = (bucket >= 0) & (bucket < n)
    count = np.bincount(bucket[inside], minlength=n)[:n]
    volume = np.bincount(bucket[inside], size[inside], minlength=n)[:n]
    total = np.bincount(bucket[inside], score[inside], minlength=n)[:n]
    mean = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    at_edge = mid[quote_at(edges, quotes[0])]
    moves = np.abs(np.diff(mid, prepend=mid[0]))
    moved = np.bincount(
        np.clip(np.searchsorted(edges, quotes[0], side="right") - 1, 0, n), moves**2, minlength=n
    )[:n]
    change = np.abs(np.diff(at_edge))
    return mean[:-1], np.log1p(volume)[:-1], np.sqrt(moved)[:-1], change[1:]


def on_tape(path: Path, by: str) -> None:
    """Markouts inside and outside the alarm, and the score beyond volume and volatility."""
    records = np.concatenate(list(open_tape(path).batches()))
    orders, quotes = read(records, by=by)
    at, price, sign, size = orders
    spreads = trade_spreads((at, price, sign), quotes, horizons_ns=(SECOND, 10 * SECOND))
    score = one_sided_flow(at, size, sign, half_life_ns=HALF_LIFE_NS)
    level = float(np.quantile(np.abs(score), 0.8))
    alarm = toxicity_alarm(score, on=level, off=0.8 * level)
    before = np.concatenate([[False], alarm[:-1]])
    with_it = before & (np.concatenate([[0.0], score[:-1]]) * sign > 0)
    print(f"\n{path.name}: {at.size} orders")
    for h, horizon in enumerate(("1 s", "10 s")):
        for name, flag in (("any side", before), ("trades with the flow", with_it)):
            m = alarm_markouts(spreads.realised[h], flag)
            print(
                f"  markout {horizon}, {name}: inside {said(m.inside)}, outside "
                f"{said(m.outside)}, difference {said(m.difference)} ticks, in alarm "
                f"{100 * m.alarm_frac:.0f} %"
            )
    mean, volume, volatility, target = intervals(orders, quotes, 10 * SECOND)
    v = incremental_value(target, mean, np.column_stack([volume, volatility]))
    print(
        f"  next 10 s |mid change|: t {v.t_value:+.1f}, R2 {v.r2_controls:.3f} -> {v.r2_all:.3f}, "
        f"out of sample {v.gain:+.4f} ± {1.96 * v.gain_stderr:.4f}: {v.verdict}"
    )


def simulated(n_segments: int, duration_s: int) -> None:
    """Segments with and without informed takers, all else equal in law."""
    rows = []
    for seed in range(n_segments):
        informed = seed % 2
        config = simulated_market_config(
            {"informed_taking": {"wake_rate_hz": 20.0 if informed else 0.001}}
        )
        records = SimulatedMarket(config, seed=1_000 + seed).records(duration_s * SECOND)
        own = records[records["instrument_id"] == 1]
        (at, _, sign, size), quotes = read(own, by="orders")
        mid = (quotes[1] + quotes[2]) / 2.0
        grid = np.arange(quotes[0][0], quotes[0][-1], SECOND)
        volatility = np.diff(mid[quote_at(grid, quotes[0])]).std()
        toxic = vpin_signed(size, sign, bucket_lots=max(1, int(size.sum()) // 60), window=50)
        flow = np.abs(one_sided_flow(at, size, sign, half_life_ns=HALF_LIFE_NS)).mean()
        rows.append((informed, flow, np.nanmean(toxic.value), size.sum(), volatility, at.size))
    table = np.array(rows, dtype=float)
    label = table[:, 0]
    print(f"\nsimulated: {n_segments} segments of {duration_s} s, half with informed takers")
    for name, column in (("one-sided flow", 1), ("VPIN", 2), ("volume", 3), ("volatility", 4)):
        print(f"  area under ROC, {name}: {said(roc_auc(table[:, column], label))}")
    controls = np.log(table[:, 3:5])
    for name, column in (("one-sided flow", 1), ("VPIN", 2)):
        v = incremental_value(label, table[:, column], controls, lags=0)
        print(
            f"  {name} beyond volume and volatility: t {v.t_value:+.1f}, R2 {v.r2_controls:.3f} -> "
            f"{v.r2_all:.3f}, out of sample {v.gain:+.3f} ± {1.96 * v.gain_stderr:.3f}: {v.verdict}"
        )


def large_orders(duration_s: int) -> None:
    """Runs of one-sided flow against the simulator's large orders."""
    market = SimulatedMarket(simulated_market_config({}), seed=77)
    records = market.records(duration_s * SECOND)
    own = records[records["instrument_id"] == 1]
    (at, _, sign, _), _ = read(own, by="orders")
    symbol = market.instruments[0].symbol
    mine = [
        x
        for x in market.labels()
        if x.manipulation is None and market.instruments[x.instrument_id - 1].symbol == symbol
    ]
    spans = [(x.begin_ns, x.end_ns or int(at[-1]), 1 if x.side == Side.BID else -1) for x in mine]

    def hit(begin: int, end: int, way: int) -> bool:
        return any(s == way and b < end and e > begin for b, e, s in spans)

    runs = flow_runs(sign)
    found = [hit(int(at[r.first]), int(at[r.last]), r.sign) for r in runs]
    chance = [hit(int(at[r.first]), int(at[r.last]), -r.sign) for r in runs]
    caught = [
        any(r.sign == s and at[r.first] < e and at[r.last] > b for r in runs) for b, e, s in spans
    ]
    print(f"\nlarge orders, {duration_s} s: {len(spans)} labelled, {len(runs)} runs found")
    print(
        f"  runs during a large order of their side {np.mean(found):.2f}, of the other side "
        f"{np.mean(chance):.2f}; large orders met by a run {np.mean(caught):.2f}"
    )


if __name__ == "__main__":
    simulated(120, 60)
    large_orders(600)
    if len(sys.argv) > 1:
        data = Path(sys.argv[1])
        for ticker in ("AMZN_2012-06-21_5", "AAPL_2012-06-21_1"):
            on_tape(data / "lobster" / f"LOBSTER_SampleFile_{ticker}.zip", "orders")
        on_tape(data / "binance" / "usdm_btcusdt_20240808.jsonl.gz", "prices")
