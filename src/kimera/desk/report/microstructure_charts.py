"""Pictures of the measures of a tape, one per family, as plotly figures."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kimera.desk.report.charts import LINES, Figure, _axis, _figure, _line, _time_axis
from kimera.desk.report.series import milliseconds, rounded, spaced_index, stretch_means, thin_index
from kimera.microstructure import (
    LeadLag,
    PriceDiscovery,
    hawkes_residuals,
    kyle_lambda_rolling,
    response_function,
)
from kimera.microstructure.tape_measures import Measures, signature, two_sided
from kimera.model import NO_PRICE

__all__ = [
    "depth_map",
    "flow_against_move",
    "hawkes",
    "hawkes_residual",
    "imbalance",
    "impact",
    "kyle",
    "lead",
    "markouts",
    "micro_price",
    "shares",
    "signature_plot",
    "spread_terms",
    "spreads",
    "vpin",
]

FloatArray = npt.NDArray[np.float64]
POINTS: Final = 3_000


def _samples(one: Measures, name: str) -> FloatArray:
    values = one.kept.samples[name]
    known = values.astype(np.float64)
    return np.where(values == NO_PRICE, np.nan, known) if values.dtype.kind == "i" else known


def _times(one: Measures) -> list[float]:
    return milliseconds(one.kept.samples["ts_ns"])


def spreads(one: Measures) -> Figure:
    """Quoted spread as it was, and the running means of the four."""
    x = _times(one)
    rows = (
        ("quoted, now", "spread_ticks", "var(--quote)", 1.0),
        ("quoted, mean so far", "quoted_spread_ticks", LINES[0], 2.0),
        ("effective", "effective_spread_ticks", LINES[1], 2.0),
        ("realised (1 s)", "realised_spread_ticks", LINES[2], 2.0),
        ("impact (1 s)", "price_impact_ticks", LINES[3], 2.0),
    )
    traces = []
    for title, name, color, width in rows:
        values = _samples(one, name)
        if np.isfinite(values).any():
            traces.append(_line(x, rounded(values, 5), title, color, width=width))
    known = _samples(one, "spread_ticks")
    known = known[np.isfinite(known)]
    top = float(np.percentile(known, 98)) * 1.3 if known.size else 1.0
    low = min(
        0.0,
        *(
            float(np.nanmin(_samples(one, n)))
            for n in ("realised_spread_ticks",)
            if np.isfinite(_samples(one, n)).any()
        ),
        0.0,
    )
    axis = _axis("ticks", range=[max(low, -top), top], zeroline=True)
    return _figure(traces, xaxis=_time_axis(), yaxis=axis)


def spread_terms(one: Measures) -> Figure:
    """Realised spread and impact by horizon with 95 % bars."""
    traces = []
    for title, prefix, color in (
        ("realised: what makers keep", "realised spread", LINES[2]),
        ("impact: what they lose", "price impact", LINES[3]),
    ):
        rows = [row for row in one.table if row.name.startswith(prefix + ",") and not row.why]
        terms: Any = [row.name.split(", ")[1] for row in rows]
        trace = _line(terms, [row.value for row in rows], title, color, mode="lines+markers")
        trace["error_y"] = {"type": "data", "array": [1.96 * row.stderr for row in rows]}
        traces.append(trace)
    return _figure(
        traces, xaxis=_axis("after the trade", type="category"),
        yaxis=_axis("ticks", zeroline=True),
    )  # fmt: skip


def depth_map(one: Measures) -> Figure:
    """Sizes of the levels around the mid as a heat map."""
    depth = one.kept.depth
    times, tops = [], []
    for at, bids, asks in zip(depth.ts_ns, depth.bids, depth.asks, strict=True):
        if len(bids) and len(asks) and bids[0, 0] <= asks[0, 0]:
            times.append(at)
            tops.append((bids, asks))
    reach = (
        np.median([max(a[-1, 0] - a[0, 0], b[0, 0] - b[-1, 0], a[0, 0] - b[0, 0]) for b, a in tops])
        if tops
        else 1.0
    )
    n_bins = 25
    step = max(0.5, float(reach) / n_bins)
    grid = np.zeros((2 * n_bins, len(tops)))
    for column, (bids, asks) in enumerate(tops):
        mid = (bids[0, 0] + asks[0, 0]) / 2.0
        for levels in (bids, asks):
            at = np.floor((levels[:, 0] - mid) / step).astype(int) + n_bins
            inside = (at >= 0) & (at < 2 * n_bins)
            np.add.at(grid[:, column], at[inside], levels[inside, 1].astype(float))
    shown = np.where(grid > 0, np.log10(np.maximum(grid, 1.0)), np.nan)
    centres = np.asarray((np.arange(2 * n_bins) - n_bins + 0.5) * step, dtype=np.float64)
    heat: Figure = {
        "type": "heatmap",
        # Slices hold equally many records; by number, so that quiet hours take no room.
        "x": list(range(len(times))),
        "y": rounded(centres, 5),
        "z": [rounded(row, 4) for row in shown],
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": "lots, log10"}, "thickness": 12},
        "hovertemplate": "%{y:.1f} ticks from the mid: 10^%{z:.2f} lots<extra></extra>",
    }
    picked = spaced_index(len(times), 8).tolist()
    labels = [_clock(times[i]) for i in picked]
    return _figure(
        [heat], xaxis=_axis("", tickvals=picked, ticktext=labels),
        yaxis=_axis("ticks from the mid"),
    )  # fmt: skip


def _clock(ts_ns: int) -> str:
    seconds = ts_ns // 1_000_000_000 % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def imbalance(one: Measures) -> Figure:
    """Mean move of the mid by the imbalance of the best quotes before it."""
    quotes = two_sided(one.kept)
    total = quotes["bid_lots"] + quotes["ask_lots"]
    skew = (quotes["bid_lots"] - quotes["ask_lots"]) / np.maximum(total, 1)
    mid = (quotes["bid_ticks"] + quotes["ask_ticks"]) / 2.0
    traces = []
    edges = np.linspace(-1, 1, 11)
    for number, ahead in enumerate((1, 10, 50)):
        if len(mid) <= ahead + 20:
            continue
        move, at = mid[ahead:] - mid[:-ahead], np.clip(np.digitize(skew[:-ahead], edges) - 1, 0, 9)
        counts = np.bincount(at, minlength=10).astype(float)
        means = np.bincount(at, move, 10) / np.where(counts > 0, counts, np.nan)
        x = rounded((edges[1:] + edges[:-1]) / 2, 3)
        title = f"{ahead} change{'s' if ahead > 1 else ''} of the quotes on"
        traces.append(_line(x, rounded(means, 4), title, LINES[number], mode="lines+markers"))
    return _figure(
        traces, xaxis=_axis("imbalance of the best quotes, (B - A)/(B + A)"),
        yaxis=_axis("mean move of the mid [ticks]", zeroline=True),
    )  # fmt: skip


def flow_against_move(one: Measures) -> Figure:
    """Change of the mid against order-flow imbalance by interval, with the fitted line."""
    flow, move = one.flow_move
    picked = spaced_index(len(flow), POINTS)
    dots: Figure = {
        "type": "scatter",
        "mode": "markers",
        "name": f"{one.interval_ns / 1e9:g} s intervals",
        "x": rounded(flow[picked], 6),
        "y": rounded(move[picked], 6),
        "marker": {"size": 4, "color": LINES[0], "opacity": 0.5},
    }
    slope = one.named("OFI slope").value
    traces = [dots]
    if math.isfinite(slope):
        ends = np.array([flow.min(), flow.max()])
        at = float(move.mean()) + slope * (ends - float(flow.mean()))
        title = f"R² {one.named('OFI R2').value:.2f}"
        traces.append(_line(rounded(ends, 6), rounded(at, 6), title, "var(--sell)"))
    return _figure(
        traces, xaxis=_axis("order-flow imbalance [lots]", zeroline=True),
        yaxis=_axis("change of the mid [ticks]", zeroline=True),
    )  # fmt: skip


def micro_price(one: Measures) -> Figure:
    """Fitted adjustment of the mid by imbalance, a line per spread."""
    assert one.micro_price is not None
    table = one.micro_price.adjustment_ticks
    x = rounded((np.arange(table.shape[1]) + 0.5) / table.shape[1], 3)
    picked = spaced_index(table.shape[0], 4).tolist()
    traces = [
        _line(x, rounded(table[row], 4), f"spread {row + 1}", LINES[number], mode="lines+markers")
        for number, row in enumerate(picked)
        if np.isfinite(table[row]).any()
    ]  # fmt: skip
    return _figure(
        traces, xaxis=_axis("share of the bid in the best sizes"),
        yaxis=_axis("micro-price less mid [price steps]", zeroline=True),
    )  # fmt: skip


def kyle(one: Measures) -> Figure:
    """Rolling Kyle's lambda with its 95 % band."""
    orders, window = one.orders, one.kept.config.kyle_window
    whole = (orders.mid2_ticks[:-1] != NO_PRICE) & (orders.mid2_ticks[1:] != NO_PRICE)
    move = ((orders.mid2_ticks[1:] - orders.mid2_ticks[:-1]) / 2.0)[whole]
    slope, error = kyle_lambda_rolling(move, orders.flow_lots[:-1][whole], window)
    at = orders.ts_ns[1:][whole]
    kept = thin_index(slope, 800)
    x = milliseconds(at[kept])
    high, low = slope[kept] + 1.96 * error[kept], slope[kept] - 1.96 * error[kept]
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    traces = [
        edge | {"x": x, "y": rounded(high), "showlegend": False},
        edge | {"x": x, "y": rounded(low), "showlegend": False, "fill": "tonexty",
                "fillcolor": "var(--line-1-faint)"},
        _line(x, rounded(slope[kept]), f"last {window} orders", LINES[0]),
    ]  # fmt: skip
    return _figure(traces, xaxis=_time_axis(), yaxis=_axis("ticks per lot", zeroline=True))


def impact(one: Measures) -> Figure:
    """Response to an order and the propagator by lag."""
    assert one.propagator is not None
    fit = one.propagator
    known = one.orders.mid2_ticks != NO_PRICE
    mid, flow = one.orders.mid2_ticks[known] / 2.0, np.sign(one.orders.flow_lots[known])
    lags = list(range(1, len(fit.kernel) + 1))
    response = response_function(mid, flow, len(lags))
    kernel = _line(lags, rounded(fit.kernel, 5), "propagator G: of one order alone", LINES[0])  # type: ignore[arg-type]
    kernel["error_y"] = {"type": "data", "array": rounded(1.96 * fit.stderr, 4), "width": 0}
    seen = _line(lags, rounded(response, 5), "response R: with the orders that follow", LINES[2])  # type: ignore[arg-type]
    return _figure(
        [seen, kernel], xaxis=_axis("orders later"), yaxis=_axis("ticks", rangemode="tozero")
    )


def signature_plot(one: Measures) -> Figure:
    """Realised variance against the sampling interval."""
    seconds, variance = signature(one.kept)
    line = _line(rounded(seconds, 4), rounded(variance, 5), "mid", LINES[0], mode="lines+markers")
    return _figure(
        [line], xaxis=_axis("sampling interval [s]", type="log"),
        yaxis=_axis("variance [ticks² per s]", rangemode="tozero"), showlegend=False,
    )  # fmt: skip


def vpin(one: Measures) -> Figure:
    """VPIN over time, and the score of one-sided flow."""
    trades = one.kept.trades
    traces = [_line(_times(one), rounded(_samples(one, "vpin"), 4), "VPIN (50 buckets)", LINES[0])]
    if len(one.alarm_score):
        size = np.abs(one.alarm_score)
        begins, means = stretch_means(size, 200)
        x = milliseconds(trades.ts_ns[begins])
        traces.insert(0, _line(x, rounded(means, 3), "one-sided flow, mean", "var(--quote)"))
    return _figure(traces, xaxis=_time_axis(), yaxis=_axis("0 to 1", range=[0, 1]))


def markouts(one: Measures) -> Figure:
    """Makers' realised spread inside and outside the alarm."""
    assert one.markouts is not None
    parts = (("outside", one.markouts.outside), ("inside", one.markouts.inside))
    bars: Figure = {
        "type": "bar",
        "x": [f"{name} the alarm<br>{part.n_obs:,} trades" for name, part in parts],
        "y": [part.value for _, part in parts],
        "error_y": {"type": "data", "array": [1.96 * part.stderr for _, part in parts]},
        "marker": {"color": [LINES[1], "var(--sell)"]},
    }
    return _figure(
        [bars], xaxis=_axis(""), yaxis=_axis("makers keep after 1 s [ticks]", zeroline=True),
        bargap=0.6, showlegend=False,
    )  # fmt: skip


def hawkes(one: Measures) -> Figure:
    """Orders per second by stretch, as they came and as the fit expects them."""
    assert one.hawkes is not None
    fit, at = one.hawkes, one.orders.ts_ns[: one.hawkes.n_events]
    seconds = (at - at[0]) / 1e9
    gaps = hawkes_residuals(seconds, mu=fit.mu, alpha=fit.alpha, beta=fit.beta)
    expected = np.cumsum(gaps)  # the integral of the intensity up to each order
    edges = np.linspace(0.0, float(seconds[-1]), 121)
    told = np.diff(np.interp(edges, seconds[-len(expected) :], expected)) / np.diff(edges)
    seen = np.histogram(seconds, edges)[0] / np.diff(edges)
    x = milliseconds(at[0] + (edges[:-1] * 1e9).astype(np.int64))
    return _figure(
        [
            _line(x, rounded(seen, 4), "as they came", "var(--quote)", shape="hv"),
            _line(x, rounded(told, 4), "mean fitted intensity", LINES[0], shape="hv"),
        ],
        xaxis=_time_axis(), yaxis=_axis("orders per second", rangemode="tozero"),
    )  # fmt: skip


def hawkes_residual(one: Measures) -> Figure:
    """Quantiles of the time-rescaled gaps against the exponential law."""
    assert one.hawkes is not None
    fit, at = one.hawkes, one.orders.ts_ns[: one.hawkes.n_events]
    gaps = np.sort(hawkes_residuals((at - at[0]) / 1e9, mu=fit.mu, alpha=fit.alpha, beta=fit.beta))
    expected = -np.log1p(-(np.arange(1, gaps.size + 1) - 0.5) / gaps.size)
    kept = np.unique(np.concatenate([spaced_index(gaps.size, 300), np.arange(gaps.size)[-60:]]))
    top = float(expected[-1])
    ideal = _line([0.0, top], [0.0, top], "exponential", "var(--muted)")
    ideal["line"]["dash"] = "dash"
    dots = _line(rounded(expected[kept], 4), rounded(gaps[kept], 4), "gaps", LINES[0],
                 mode="markers", marker={"size": 4})  # fmt: skip
    return _figure([ideal, dots], xaxis=_axis("expected quantile"), yaxis=_axis("gap, rescaled"))


def shares(found: PriceDiscovery, names: list[str]) -> Figure:
    """Information shares with their bounds, and component shares."""
    middle = np.asarray(found.middle)
    bars: Figure = {
        "type": "bar",
        "name": "information share (bounds)",
        "x": names,
        "y": rounded(middle, 4),
        "error_y": {
            "type": "data", "symmetric": False,
            "array": rounded(found.upper - middle, 4),
            "arrayminus": rounded(middle - found.lower, 4),
        },
        "marker": {"color": LINES[0]},
    }  # fmt: skip
    other = {
        "type": "bar",
        "name": "component share",
        "x": names,
        "y": rounded(found.component, 4),
        "marker": {"color": LINES[3]},
    }
    low = min(0.0, float(np.min(found.component)))
    axis = _axis("share", range=[low, 1.05])
    return _figure([bars, other], barmode="group", bargap=0.4, xaxis=_axis(""), yaxis=axis)


def lead(found: LeadLag) -> Figure:
    """Cross-correlation of two instruments by shift."""
    x: list[Any] = rounded(found.shifts_ns / 1e6, 6)
    return _figure(
        [_line(x, rounded(found.correlation, 4), "correlation", LINES[0], mode="lines+markers")],
        xaxis=_axis("shift [ms], right of 0: the first leads", zeroline=True),
        yaxis=_axis("Hayashi-Yoshida correlation"), showlegend=False,
    )  # fmt: skip
