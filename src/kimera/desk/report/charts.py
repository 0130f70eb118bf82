"""Pictures of a run as plotly figures: plain dicts, drawn by the page's own script.

A colour is a custom property of the style sheet (``var(--buy)``), looked up when the picture is
drawn, so that one figure serves the light and the dark theme.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kimera.desk.report.analysis import (
    MarkoutCurve,
    ReturnFacts,
    is_maker,
    mid_prices,
)
from kimera.desk.report.series import milliseconds, rounded, spaced_index, stretch_means, thin_index
from kimera.desk.report.words import decimals, duration
from kimera.model import NO_PRICE, Instrument, Side
from kimera.system import LatencyHistogram, PnlParts, RunResult

__all__ = [
    "Figure",
    "autocorrelations",
    "equity",
    "latency",
    "markouts",
    "pnl_parts",
    "price",
    "return_distribution",
    "spread",
]

Figure = dict[str, Any]
FloatArray = npt.NDArray[np.float64]

LINES: Final = tuple(f"var(--line-{number})" for number in range(1, 9))
FILL_MARKERS: Final = 150
LATENCY_BARS: Final = 60
SPREAD_POINTS: Final = 150


def equity(result: RunResult) -> Figure:
    """Equity above, drawdown below, one line per currency."""
    traces = []
    for number, (currency, values) in enumerate(result.curve.equity.items()):
        kept = thin_index(values)
        x = milliseconds(result.curve.ts_ns[kept])
        down = -result.curve.drawdown[currency]
        low = thin_index(down)
        traces += [
            _line(x, rounded(values[kept], 8), f"equity [{currency}]", LINES[number % 8]),
            _line(
                milliseconds(result.curve.ts_ns[low]),
                rounded(down[low], 8),
                f"drawdown [{currency}]",
                "var(--sell)",
                yaxis="y2",
                fill="tozeroy",
                fillcolor="var(--sell-faint)",
            ),
        ]
    unit = next(iter(result.curve.equity), "") if len(result.curve.equity) == 1 else "currency"
    return _figure(
        traces,
        xaxis=_time_axis(anchor="y2"),
        yaxis=_axis(f"equity [{unit}]", domain=[0.36, 1.0], zeroline=True),
        yaxis2=_axis(f"drawdown [{unit}]", domain=[0.0, 0.28], nticks=4),
        hovermode="x unified",
    )


def price(result: RunResult, column: int) -> Figure:
    """Best bid and ask of one instrument with our fills; the position below."""
    instrument = result.instruments[column]
    tick = float(instrument.tick_size)
    kept = thin_index(mid_prices(result.top, column, tick))
    x = milliseconds(result.top.ts_ns[kept])
    bid = _price_or_nan(result.top.bid_ticks[kept, column], tick)
    ask = _price_or_nan(result.top.ask_ticks[kept, column], tick)
    lots = result.curve.positions_lots[:, column].astype(np.float64)
    position = lots * float(instrument.lot_size)
    steps = thin_index(position)
    traces = [
        _line(x, rounded(ask, 10), "best ask", "var(--quote)", width=1),
        _line(x, rounded(bid, 10), "best bid", "var(--quote)", width=1)
        | {"fill": "tonexty", "fillcolor": "var(--quote-faint)"},
        *_fill_markers(result, instrument),
        _line(
            milliseconds(result.curve.ts_ns[steps]),
            rounded(position[steps], 8),
            f"position [{instrument.base or 'units'}]",
            "var(--accent)",
            yaxis="y2",
            fill="tozeroy",
            fillcolor="var(--accent-faint)",
            shape="hv",
        ),
    ]
    return _figure(
        traces,
        xaxis=_time_axis(anchor="y2"),
        yaxis=_axis(
            f"price [{instrument.quote or 'quote'}]",
            domain=[0.34, 1.0],
            tickformat=f",.{decimals(instrument)}~f",
        ),
        yaxis2=_axis(
            f"position [{instrument.base or 'units'}]",
            domain=[0.0, 0.26],
            nticks=4,
            tickformat=",.6~f",
        ),
        hovermode="closest",
    )


def pnl_parts(parts: tuple[PnlParts, ...], names: list[str]) -> Figure:
    """Spread, inventory and fees of each instrument as bars, their sum as a mark."""
    series = [
        ("spread captured", [float(p.spread) for p in parts], "var(--line-2)"),
        ("inventory", [float(p.inventory) for p in parts], "var(--line-4)"),
        ("fees (paid below 0)", [-float(p.fees) for p in parts], "var(--line-5)"),
    ]
    traces: list[Figure] = [
        {
            "type": "bar",
            "name": name,
            "x": names,
            "y": values,
            "marker": {"color": color},
            "hovertemplate": "%{x}: %{y:,.4f}",
        }
        for name, values, color in series
    ]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "total",
            "x": names,
            "y": [float(p.total) for p in parts],
            "marker": {"color": "var(--ink)", "size": 11, "symbol": "diamond"},
            "hovertemplate": "%{x}: %{y:,.4f}",
        }
    )
    unit = parts[0].currency if len({p.currency for p in parts}) == 1 else "own currency"
    return _figure(
        traces,
        barmode="relative",
        bargap=0.45,
        xaxis=_axis(""),
        yaxis=_axis(f"P&L [{unit}]", zeroline=True),
    )


def markouts(curves: dict[str, MarkoutCurve]) -> Figure:
    """Mean markout with its 95 % band, one line per kind of fill."""
    traces: list[Figure] = []
    colors = {"maker": "var(--line-1)", "taker": "var(--line-3)"}
    for name, curve in curves.items():
        color = colors.get(name, "var(--accent)")
        x = ["at the fill", *(f"+{duration(h)}" for h in curve.horizons_ns[1:])]
        mean, half = np.array(curve.mean_bps), np.array(curve.half_width_bps)
        high, low = rounded(mean + half), rounded(mean - half)
        band = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        faint = color.replace(")", "-faint)")
        traces += [
            band | {"x": x, "y": high, "showlegend": False},
            band
            | {"x": x, "y": low, "name": f"{name}, 95 % band"}
            | {"fill": "tonexty", "fillcolor": faint, "showlegend": False},
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{name} ({curve.counts[0]:,} fills)",
                "x": x,
                "y": rounded(mean),
                "line": {"color": color, "width": 2.5},
                "marker": {"size": 8},
                "hovertemplate": "%{x}: %{y:.3f} bps",
            },
        ]
    return _figure(
        traces,
        xaxis=_axis("time after the fill", type="category"),
        yaxis=_axis("mid against fill price [bps]", zeroline=True),
    )


def latency(histogram: LatencyHistogram) -> Figure:
    """Share of durations per bucket on a logarithmic axis, with p50, p99 and p99.9."""
    edges, counts = _log_bars(histogram)
    centres = np.sqrt(np.maximum(edges[:-1], 1.0) * edges[1:])
    shares = counts / max(1, counts.sum()) * 100.0
    bars: Figure = {
        "type": "bar",
        "x": rounded(centres, 4),
        "y": rounded(shares, 4),
        "width": rounded(edges[1:] - edges[:-1], 4),
        "marker": {"color": "var(--line-1)"},
        "customdata": [[duration(a), duration(b)] for a, b in itertools.pairwise(edges)],
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}: %{y:.3g} %<extra></extra>",
    }
    marks = [(p, histogram.percentile_ns(p)) for p in (50.0, 99.0, 99.9)]
    shapes = [
        {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at}
        | {"line": {"color": "var(--sell)", "width": 1.5, "dash": "dot"}}
        for _, at in marks
    ]
    labels = [
        {"x": float(np.log10(max(1.0, at))), "y": 1.0 - 0.13 * row, "yref": "paper"}
        | {"text": f"p{p:g} {duration(at)}", "showarrow": False, "xanchor": "left"}
        | {"xshift": 4, "font": {"size": 11, "color": "var(--sell)"}}
        for row, (p, at) in enumerate(marks)
    ]
    ticks = _decades(edges)
    return _figure(
        [bars],
        xaxis=_axis("", type="log", tickvals=ticks, ticktext=[duration(t) for t in ticks]),
        yaxis=_axis("share [%]"),
        shapes=shapes,
        annotations=labels,
        showlegend=False,
    )


def spread(result: RunResult, columns: list[int], names: list[str]) -> Figure:
    """Bid-ask spread over time, in basis points of the mid, averaged over stretches."""
    traces = []
    for number, (column, name) in enumerate(zip(columns, names, strict=True)):
        bid = _price_or_nan(result.top.bid_ticks[:, column], 1.0)
        ask = _price_or_nan(result.top.ask_ticks[:, column], 1.0)
        bps = (ask - bid) / ((ask + bid) / 2.0) * 1e4
        begins, means = stretch_means(bps, SPREAD_POINTS)
        x = milliseconds(result.top.ts_ns[begins])
        traces.append(_line(x, rounded(means, 5), name, LINES[number % 8], width=1.6))
    return _figure(
        traces,
        xaxis=_time_axis(),
        yaxis=_axis("spread [bps]", rangemode="tozero"),
        hovermode="closest",
    )


def return_distribution(facts: dict[str, ReturnFacts]) -> Figure:
    """Density of standardised returns beside the normal one, on a logarithmic axis."""
    grid = np.linspace(-6.0, 6.0, 49)
    centres = (grid[1:] + grid[:-1]) / 2.0
    traces = []
    for number, (name, fact) in enumerate(facts.items()):
        if not fact.sd_bps > 0:
            continue
        scaled = np.clip((fact.returns_bps - fact.returns_bps.mean()) / fact.sd_bps, -6, 6)
        density = np.histogram(scaled, grid)[0] / (len(scaled) * (grid[1] - grid[0]))
        density = np.where(density > 0, density, np.nan)
        traces.append(_line(rounded(centres), rounded(density, 4), name, LINES[number % 8]))
    normal = np.exp(-(centres**2) / 2) / np.sqrt(2 * np.pi)
    dashed = _line(rounded(centres), rounded(normal, 4), "normal", "var(--muted)")
    dashed["line"]["dash"] = "dash"
    return _figure(
        [dashed, *traces],
        xaxis=_axis("return [standard deviations]"),
        yaxis=_axis("density", type="log", range=[-4.0, 0.5], exponentformat="power", dtick=1),
    )


def autocorrelations(facts: dict[str, ReturnFacts], interval: str) -> Figure:
    """Autocorrelation of returns and of their sizes, with the 95 % bounds of white noise."""
    traces = []
    for number, (name, fact) in enumerate(facts.items()):
        lags = [float(lag) for lag in range(1, len(fact.acf) + 1)]
        color = LINES[number % 8]
        size = _line(lags, rounded(fact.acf_absolute, 4), name, color, width=2)
        plain = _line(lags, rounded(fact.acf, 4), f"{name}, return", color, width=1.3)
        plain["line"]["dash"] = "dot"
        plain["showlegend"] = False
        traces += [size, plain]
    n_returns = min((len(fact.returns_bps) for fact in facts.values()), default=0)
    bound = 1.96 / np.sqrt(n_returns) if n_returns else 0.0
    band = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": -bound, "y1": bound}
    return _figure(
        traces,
        xaxis=_axis(f"lag [{interval} samples]"),
        yaxis=_axis("autocorrelation", zeroline=True),
        shapes=[band | {"fillcolor": "var(--quote-faint)", "line": {"width": 0}}],
    )


def _fill_markers(result: RunResult, instrument: Instrument) -> list[Figure]:
    own = result.fills[result.fills["instrument_id"] == instrument.instrument_id]
    traces = []
    for name, side, color, up in (
        ("we buy", Side.BID, "var(--buy)", "triangle-up"),
        ("we sell", Side.ASK, "var(--sell)", "triangle-down"),
    ):
        fills = own[own["side"] == side]
        fills = fills[spaced_index(len(fills), FILL_MARKERS)]
        prices = fills["price_ticks"] * float(instrument.tick_size)
        sizes = fills["size_lots"] * float(instrument.lot_size)
        kinds = np.where(is_maker(fills), "maker", "taker")
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": milliseconds(fills["ts_event_ns"]),
                "y": rounded(prices, 10),
                "customdata": [
                    [f"{s:.8g}", str(k)] for s, k in zip(sizes.tolist(), kinds, strict=True)
                ],
                "hovertemplate": "%{customdata[1]} %{customdata[0]} at %{y}",
                "marker": {
                    "color": color,
                    "symbol": up,
                    "size": 7,
                    "line": {"color": "var(--card)", "width": 0.8},
                },
            }
        )
    return traces


def _log_bars(histogram: LatencyHistogram) -> tuple[FloatArray, FloatArray]:
    """Merge buckets into at most LATENCY_BARS, about even in the logarithm, over what was seen."""
    seen = np.flatnonzero(histogram.counts)
    if len(seen) == 0:
        return np.array([1.0, 10.0]), np.zeros(1)
    edges = histogram.edges_ns[seen[0] : seen[-1] + 2].astype(np.float64)
    counts = histogram.counts[seen[0] : seen[-1] + 1].astype(np.float64)
    n_bars = min(LATENCY_BARS, 8 + int(np.sqrt(counts.sum()) / 2))  # few samples, wide bars
    if len(counts) > n_bars:
        wanted = np.geomspace(max(1.0, edges[0]), edges[-1], n_bars + 1)
        starts = np.unique(np.searchsorted(edges[:-1], wanted[:-1], side="left"))
        starts = np.unique(np.append(starts[starts < len(counts)], 0))
        counts = np.add.reduceat(counts, starts)
        edges = np.append(edges[starts], edges[-1])
    return edges, counts


def _decades(edges: FloatArray) -> list[float]:
    low, high = np.log10(max(1.0, edges[0])), np.log10(max(10.0, edges[-1]))
    steps = [1.0] if high - low > 1.2 else [1.0, 2.0, 5.0]
    exponents = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    return [step * 10.0**exponent for exponent in exponents for step in steps]


def _price_or_nan(ticks: npt.NDArray[np.int64], tick: float) -> FloatArray:
    return np.where(ticks == NO_PRICE, np.nan, ticks * tick)


def _line(
    x: list[float] | list[float | None],
    y: list[float | None],
    name: str,
    color: str,
    *,
    width: float = 2.0,
    shape: str = "linear",
    **more: Any,
) -> Figure:
    line = {"color": color, "width": width, "shape": shape}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line} | more


def _axis(title: str, **more: Any) -> Figure:
    named = {"text": title, "font": {"size": 12}, "standoff": 6}
    return {"title": named, "automargin": True, "zeroline": False} | more


def _time_axis(**more: Any) -> Figure:
    return _axis("", type="date", hoverformat="%H:%M:%S.%L", **more)


def _figure(traces: list[Figure], **layout: Any) -> Figure:
    return {"data": traces, "layout": layout}
