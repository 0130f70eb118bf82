"""Print the tables of ``impact.md`` and ``book.md``.

``python docs/microstructure/evaluate_impact.py DATA``: order-flow imbalance on the Nasdaq tapes of
the folder DATA, and the square-root law on the simulator's large orders.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from kimera.market import SimulatedMarket, open_tape, simulated_market_config
from kimera.microstructure import Analyzer, fit_propagator, fit_square_root_law, quote_at
from kimera.microstructure.regression import ols_hac
from kimera.model import NO_PRICE, Side

SECOND = 1_000_000_000


def ofi_on_tape(path: Path) -> None:
    """Regress the 10 s mid change on OFI and on trade imbalance, as Cont, Kukanov and Stoikov."""
    records = np.concatenate(list(open_tape(path).batches()))
    rows = Analyzer(by="orders").update(records)
    rows = rows[rows["mid2_ticks"] != NO_PRICE]
    grid = np.arange(rows["ts_ns"][0] + SECOND, rows["ts_ns"][-1], 10 * SECOND)
    at = rows[quote_at(grid, rows["ts_ns"])]
    move = np.diff(at["mid2_ticks"]) / 2.0
    flow = np.column_stack([np.diff(at[f"ofi_{k}"]) for k in range(1, 6)]).astype(float)
    flow = flow[:, flow.any(axis=0)]  # a tape of the best level has no others
    trades = np.diff(at["signed_volume_lots"]).astype(float)
    ones = np.ones(move.size)
    half_hours = np.array_split(np.arange(move.size), 13)

    def mean_r2(x: np.ndarray) -> float:
        return float(np.mean([ols_hac(move[h], x[h]).r2 for h in half_hours]))

    top = np.column_stack([ones, flow[:, 0]])
    fit = ols_hac(move, top)
    depth = float(np.mean(rows["bid_lots"] + rows["ask_lots"])) / 2.0
    print(
        f"{path.name}: R2 by half hours OFI {mean_r2(top):.2f}, five levels "
        f"{mean_r2(np.column_stack([ones, flow])):.2f}, trades "
        f"{mean_r2(np.column_stack([ones, trades])):.2f}; slope {fit.coefficients[1]:.4f} ± "
        f"{1.96 * fit.stderrs[1]:.4f} ticks per share, spread / (2 mean depth) "
        f"{float(np.mean(rows['spread_ticks'])) / (2 * depth):.4f}"
    )
    traded = np.flatnonzero(np.diff(rows["trades"], prepend=0) > 0)
    starts = np.flatnonzero(np.diff(rows["ts_ns"][traded], prepend=0) > 0)
    signed = np.diff(rows["signed_volume_lots"], prepend=0)[traded]
    sign = np.sign(np.add.reduceat(signed, starts))[1:]  # one order a time stamp
    first = traded[starts][1:]
    g = fit_propagator(rows["mid2_ticks"][first - 1] / 2.0, sign, n_lags=30)
    print(
        f"  propagator: G(1) {g.kernel[0]:.1f}, G(30) {g.kernel[-1]:.1f} ± "
        f"{1.96 * g.stderr[-1]:.1f} ticks, R2 {g.r2:.3f}, out of sample {g.score:.3f}"
    )


def law_on_simulator(n_markets: int, duration_s: int) -> None:
    """Fit the square-root law to labelled large orders, the news of the time taken out."""
    impact, share, sigma = [], [], []
    for seed in range(n_markets):
        market = SimulatedMarket(simulated_market_config({}), seed=500 + seed)
        records = market.records(duration_s * SECOND)
        traded = records[(records["action"] == 4) & (records["kind"] == 1)]
        for order in market.labels():
            if order.manipulation is not None or order.end_ns is None or order.filled_lots == 0:
                continue
            symbol = market.instruments[order.instrument_id - 1].symbol
            ids = [i + 1 for i, x in enumerate(market.instruments) if x.symbol == symbol]
            lasted = max(order.end_ns - order.begin_ns, 1) / SECOND
            volume = traded["size_lots"][np.isin(traded["instrument_id"], ids)].sum() / duration_s
            way = 1.0 if order.side == Side.BID else -1.0
            moved = order.mid_end_ticks - order.mid_begin_ticks
            news = order.value_end_ticks - order.value_begin_ticks
            impact.append((moved - news) / order.mid_begin_ticks)
            share.append(way * order.filled_lots / (volume * lasted))
            sigma.append(1.1e-4 * np.sqrt(lasted))  # the configured volatility, bp per root second
    law = fit_square_root_law(impact, share, sigma)
    print(
        f"simulator: {law.n_obs} large orders, Y {law.y:.3f} ± {1.96 * law.y_stderr:.3f}, exponent "
        f"{law.delta:.2f} ± {1.96 * law.delta_stderr:.2f}; out of sample R2 {law.score:.3f}, naive "
        f"(Y = 1) {law.score_naive:.3f}, gain {law.score_gain:.3f} ± "
        f"{1.96 * law.score_gain_stderr:.3f}; noise {law.residual_frac:.2f} sigma"
    )


if __name__ == "__main__":
    law_on_simulator(10, 120)
    if len(sys.argv) > 1:
        for ticker in ("AMZN_2012-06-21_5", "AAPL_2012-06-21_1"):
            ofi_on_tape(Path(sys.argv[1]) / "lobster" / f"LOBSTER_SampleFile_{ticker}.zip")
