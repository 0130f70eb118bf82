"""Draw the simulated market beside recorded ones: docs/images/simulated-market.svg.

Usage: ``python docs/make_market_figure.py DATA`` where DATA holds ``binance/*_20240808.jsonl.gz``.
The same functions (:mod:`kimera.market.stylised_facts`) measure both. Prints the table that
stands in docs/simulated-market.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.market import SimulatedMarket, TopFeed, observe, open_tape, simulated_market_config
from kimera.market import stylised_facts as sf
from kimera.model import Action, Kind, RecordArray, Side

Floats = npt.NDArray[np.float64]
SECOND = 1_000_000_000
SEEDS = (1, 2, 3)
DURATION_S = 346  # as long as the tapes
STEPS_NS = [SECOND // 100, SECOND // 20, SECOND // 10, SECOND // 2, SECOND, 5 * SECOND]
DEPTH_BP = np.array([0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0])
OUT = Path(__file__).parent / "images" / "simulated-market.svg"
COLOURS = ("#1b6ca8", "#56b4e9", "#d1495b")
PANEL_W, PANEL_H, MARGIN = 300, 200, 46


class Market(msgspec.Struct, frozen=True):
    """What is drawn of one instrument; sizes in the base currency."""

    facts: sf.StylisedFacts
    top: sf.TopOfBook
    orders: sf.Trades
    depth: Floats


def tape(path: Path) -> Market:
    """Measure a recorded tape; quotes by receive time, orders joined by exchange time."""
    source = open_tape(path)
    records = np.concatenate(list(source.batches()))
    lot = float(source.instruments[0].lot_size)
    _, trades = observe(records, 1)
    trade_rows = (records["kind"] == Kind.DELTA) & (records["action"] == Action.TRADE)
    arrival = records["ts_recv_ns"][trade_rows]
    records["ts_event_ns"] = records["ts_recv_ns"]
    top, _ = observe(records, 1)
    joined = sf.aggregate_trades(trades)
    first = np.searchsorted(trades.ts_ns, joined.ts_ns, side="left")
    facts = sf.summarise(top, trades)
    orders = sf.Trades(arrival[first], joined.price, joined.size * lot, joined.sign)
    return Market(facts, top, orders, depth_profile(records, lot))


def simulation(seed: int) -> tuple[Market, Market, Market, SimulatedMarket]:
    """Run the embedded default: BTCUSDT and ETHUSDT of ALPHA, BTCUSDT of BETA."""
    config = msgspec.structs.replace(
        simulated_market_config({}), top_feed=TopFeed.DELTAS_AND_QUOTES
    )
    market = SimulatedMarket(config, seed)
    records = market.records(DURATION_S * SECOND)
    out = []
    for instrument_id in (1, 2, 3):
        own = records[records["instrument_id"] == instrument_id]
        lot = float(market.instruments[instrument_id - 1].lot_size)
        top, trades = observe(own, instrument_id)
        orders = sf.aggregate_trades(trades)
        orders = msgspec.structs.replace(orders, size=orders.size * lot)
        out.append(Market(sf.summarise(top, trades), top, orders, depth_profile(own, lot)))
    return out[0], out[1], out[2], market


def depth_profile(records: RecordArray, lot: float) -> Floats:
    """Average the resting size within a distance of the mid, both sides, every 2 s [base]."""
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    orders: dict[int, tuple[int, int]] = {}
    samples: list[Floats] = []
    due = int(records["ts_recv_ns" if records["ts_event_ns"][0] < 0 else "ts_event_ns"][0])
    rows = records[records["kind"] == Kind.DELTA]
    fields = ("ts_event_ns", "action", "side", "order_id", "price_ticks", "size_lots")
    for ts, action, side, order_id, price, size in zip(
        *(rows[name].tolist() for name in fields), strict=True
    ):
        if ts >= due:
            due = ts + 2 * SECOND
            samples.extend(profile(sides, lot))
        if action == Action.LEVEL:
            sides[side][price] = size
        elif action == Action.ADD:
            orders[order_id] = (side, price)
            sides[side][price] = sides[side].get(price, 0) + size
        elif action in (Action.CANCEL, Action.EXECUTE) and order_id in orders:
            own_side, own_price = orders[order_id]
            sides[own_side][own_price] -= size
    return np.median(samples, axis=0)


def profile(sides: tuple[dict[int, int], dict[int, int]], lot: float) -> Iterable[Floats]:
    """Give the profile now; nothing while a side is empty or the book is crossed."""
    bid, ask = (np.array(sorted((p, q) for p, q in s.items() if q > 0)) for s in sides)
    if not len(bid) or not len(ask) or bid[-1, 0] >= ask[0, 0]:
        return
    mid = (bid[-1, 0] + ask[0, 0]) / 2
    prices, sizes = np.concatenate([bid, ask]).T
    away = 1e4 * np.abs(prices - mid) / mid
    yield np.array([sizes[away <= bp].sum() * lot for bp in DEPTH_BP])


def tail(market: Market) -> tuple[Floats, Floats]:
    """Complementary distribution of 1 s returns over their standard deviation."""
    returns = sf.log_returns(market.top.ts_ns, market.top.mid, SECOND)
    sizes = np.sort(np.abs(returns / returns.std()))
    return sizes, 1 - np.arange(len(sizes)) / len(sizes)


def large_order_impact(markets: Iterable[SimulatedMarket]) -> tuple[Floats, Floats]:
    """Impact of BTC and ETH large orders, net of the news, by size in units of the asset."""
    rows = []
    for market in markets:
        for label in market.labels():
            if label.manipulation or label.end_ns is None or not label.filled_lots:
                continue
            sign = 1 if label.side is Side.BID else -1
            move = np.log(label.mid_end_ticks / label.mid_begin_ticks)
            news = np.log(label.value_end_ticks / label.value_begin_ticks)
            unit = market.config.assets[label.instrument_id - 1].unit_lots
            rows.append((label.filled_lots / unit, 1e4 * sign * (move - news)))
    size, impact = np.array(sorted(rows)).T
    parts = np.array_split(np.arange(len(size)), 7)
    return np.array([size[p].mean() for p in parts]), np.array([impact[p].mean() for p in parts])


class Panel:
    """One pair of axes in the SVG."""

    def __init__(self, place: int, title: str, x: str, y: str, logs: str) -> None:
        self.left = MARGIN + (place % 3) * (PANEL_W + MARGIN + 14)
        self.top = 40 + (place // 3) * (PANEL_H + 2 * MARGIN)
        self.title, self.x, self.y, self.logs = title, x, y, logs
        self.lines: list[tuple[Floats, Floats, str, str]] = []

    def line(self, x: Floats, y: Floats, colour: str, dash: str = "") -> None:
        """Add a line; points that a logarithmic axis cannot show are left out."""
        keep = np.isfinite(x) & np.isfinite(y)
        keep &= (x > 0) if "x" in self.logs else True
        keep &= (y > 0) if "y" in self.logs else True
        self.lines.append((x[keep], y[keep], colour, dash))

    def svg(self) -> str:
        """Draw the panel."""
        scale_x = self._scale([line[0] for line in self.lines], "x" in self.logs)
        scale_y = self._scale([line[1] for line in self.lines], "y" in self.logs)
        parts = [
            f'<rect x="{self.left}" y="{self.top}" width="{PANEL_W}" height="{PANEL_H}" '
            f'fill="none" stroke="#999"/>',
            f'<text x="{self.left}" y="{self.top - 8}" font-weight="600">{self.title}</text>',
            f'<text x="{self.left + PANEL_W}" y="{self.top + PANEL_H + 32}" '
            f'text-anchor="end" fill="#555">{self.x}</text>',
            f'<text x="{self.left + 6}" y="{self.top + 14}" fill="#555">{self.y}</text>',
        ]
        for value, at in scale_x[1]:
            x = self.left + at * PANEL_W
            y = self.top + PANEL_H + 15
            parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{value}</text>')
        for value, at in scale_y[1]:
            y = self.top + (1 - at) * PANEL_H
            parts.append(
                f'<text x="{self.left - 5}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
                f'<line x1="{self.left}" x2="{self.left + PANEL_W}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="#eee"/>'
            )
        for xs, ys, colour, dash in self.lines:
            points = " ".join(
                f"{self.left + scale_x[0](x) * PANEL_W:.1f},"
                f"{self.top + (1 - scale_y[0](y)) * PANEL_H:.1f}"
                for x, y in zip(xs, ys, strict=True)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8" '
                f'stroke-dasharray="{dash}"/>'
            )
        return "\n".join(parts)

    @staticmethod
    def _scale(
        data: list[Floats],
        log: bool,  # noqa: FBT001
    ) -> tuple[Callable[[float], float], list[tuple[str, float]]]:
        values = np.concatenate(data)
        if log:
            low, high = np.floor(np.log10(values.min())), np.ceil(np.log10(values.max()))
            ticks = [(f"{10.0**k:g}", (k - low) / (high - low)) for k in np.arange(low, high + 1)]
            return lambda v: (np.log10(v) - low) / (high - low), ticks
        low, high = min(0.0, values.min()), values.max() * 1.05
        ticks = [(f"{v:.2g}", (v - low) / (high - low)) for v in np.linspace(low, high, 5)]
        return lambda v: (v - low) / (high - low), ticks


def thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Keep about 120 points, evenly in rank but with the whole tail."""
    every = np.arange(0, len(x), max(1, len(x) // 100))
    keep = np.unique(np.concatenate([every, np.arange(-20, 0) % len(x)]))
    return x[keep], y[keep]


def draw(
    real: dict[str, Market], runs: list[tuple[Market, Market, Market, SimulatedMarket]]
) -> str:
    """Lay out the six panels."""
    panels = [
        Panel(0, "Tails: P(|1 s return| > x)", "x / standard deviation", "", "xy"),
        Panel(1, "Memory of volatility", "lag [s]", "autocorrelation of |1 s return|", ""),
        Panel(2, "Memory of taker signs", "lag [orders]", "autocorrelation", "xy"),
        Panel(3, "Impact of taker orders after 0.1 s", "size [BTC]", "mid move [bp]", "xy"),
        Panel(4, "Depth, both sides", "distance from mid [bp]", "resting size [BTC]", "xy"),
        Panel(5, "Epps effect: correlation by sampling step", "step [s]", "", "x"),
    ]
    spot, usdm, eth = real["BTC spot"], real["BTC usdm"], real["ETH spot"]
    lags = np.arange(1.0, 101.0)
    drawn = [(spot, COLOURS[0], ""), (usdm, COLOURS[1], "")]
    drawn += [(run[0], COLOURS[2], "" if i == 0 else "3 3") for i, run in enumerate(runs)]
    for market, colour, dash in drawn:
        panels[0].line(*thin(*tail(market)), colour, dash)
        panels[1].line(lags[:30], market.facts.abs_return_acf[:30], colour, dash)
        panels[2].line(lags, sf.autocorrelation(market.orders.sign, 100), colour, dash)
        panels[3].line(*sf.impact_curve(market.top, market.orders), colour, dash)
        panels[4].line(DEPTH_BP, market.depth, colour, dash)
    steps = np.array(STEPS_NS) / SECOND
    pairs = [(spot, usdm, COLOURS[0], ""), (spot, eth, COLOURS[1], "")]
    pairs += [(runs[0][0], runs[0][2], COLOURS[2], ""), (runs[0][0], runs[0][1], COLOURS[2], "3 3")]
    for one, other, colour, dash in pairs:
        found = sf.correlation_by_step(
            (one.top.ts_ns, one.top.mid), (other.top.ts_ns, other.top.mid), STEPS_NS
        )
        panels[5].line(steps, found, colour, dash)
    width = 3 * (PANEL_W + MARGIN + 14) + MARGIN
    height = 2 * (PANEL_H + 2 * MARGIN) + 30
    legend = (
        f'<text x="{MARGIN}" y="{height - 8}"><tspan fill="{COLOURS[0]}">Binance BTC spot, '
        f'2024-08-08</tspan>  <tspan fill="{COLOURS[1]}">Binance BTC perpetual</tspan>  '
        f'<tspan fill="{COLOURS[2]}">simulated BTCUSDT, seeds 1 (line), 2, 3</tspan>  '
        f"Last panel: two BTC venues (blue, red line); BTC and ETH (light blue, red dashes)</text>"
    )
    body = "\n".join(panel.svg() for panel in panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" '
        f'fill="white"/>\n{body}\n{legend}\n</svg>\n'
    )


def row(name: str, m: Market) -> str:
    """Write one row of the table."""
    f = m.facts
    sign = sf.autocorrelation(m.orders.sign, 50)
    orders_hz = len(m.orders.ts_ns) / f.duration_s
    volatile = f.abs_return_acf[:5].mean()
    impact = sf.log_log_slope(*sf.impact_curve(m.top, m.orders))
    cells = [
        name,
        f"{f.volatility_1s_bp:.2f}",
        f"{f.kurtosis_1s:.1f} / {f.kurtosis_10s:.1f}",
        f"{f.hill_1s:.1f}",
        f"{f.return_acf[0]:+.2f}",
        f"{volatile:.2f}",
        f"{sign[0]:.2f} / {sign[9]:.2f} / {sign[49]:.2f}",
        f"{orders_hz:.0f} / {f.trades_hz:.0f}",
        f"{sf.fano_factor(m.orders.ts_ns, SECOND):.0f}",
        f"{f.spread_median_bp:.4f} / {f.spread_mean_bp:.4f}",
        f"{impact:.2f}",
        f"{m.depth[3]:.1f} / {m.depth[5]:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, draw, print the table."""
    data = Path(sys.argv[1]) / "binance"
    files = {"BTC spot": "spot_btcusdt", "BTC usdm": "usdm_btcusdt", "ETH spot": "spot_ethusdt"}
    real = {name: tape(data / f"{file}_20240808.jsonl.gz") for name, file in files.items()}
    runs = [simulation(seed) for seed in SEEDS]
    for name, market in real.items():
        print(row(f"Binance {name}", market))
    for seed, run in zip(SEEDS, runs, strict=True):
        print(row(f"simulated BTC, seed {seed}", run[0]))
    print(row("simulated ETH, seed 1", runs[0][1]))
    size, impact = large_order_impact(run[3] for run in runs)
    curve = (f"{s:.0f}->{i:.2f}" for s, i in zip(size, impact, strict=True))
    print("large orders [units -> bp]:", *curve)
    print(f"exponent {sf.log_log_slope(size, impact):.2f}")
    OUT.write_text(draw(real, runs), encoding="utf-8")


if __name__ == "__main__":
    main()
