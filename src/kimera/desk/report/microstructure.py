"""The report of ``kimera microstructure``: one picture per family of measures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from kimera.desk.machine import build_line
from kimera.desk.report import microstructure_charts as charts
from kimera.desk.report.charts import Figure
from kimera.desk.report.page import Card, Page, Tile, table
from kimera.desk.report.words import instant
from kimera.errors import InputError
from kimera.microstructure import information_share, lead_lag, sample_prices
from kimera.microstructure.tape_measures import Measures, two_sided

__all__ = ["write_microstructure_report"]

DRAWN: Final = 4
"""Instruments with pictures; the rest are in the tables."""
_PAIR_QUOTES: Final = 200_000


def write_microstructure_report(found: list[Measures], files: list[str], path: Path) -> None:
    """Write the report of a tape's measures.

    Parameters
    ----------
    found : list of Measures
        One per instrument.
    files : list of str
        What was read, as the user named it.
    path : Path
        Overwritten if it exists; its folder must exist.
    """
    order = sorted(found, key=lambda one: -one.kept.market.n_records)
    drawn, sections = order[:DRAWN], []
    for one in drawn:
        cards = _cards(one)
        name = one.kept.market.name
        sections.append((f"{name}: in numbers", [_numbers(one)]))
        sections.append((f"{name}: in pictures", cards))
    pair = _pair(drawn)
    if pair:
        sections.insert(0, ("Two markets: who leads", pair))
    if len(order) > DRAWN:
        rest = ", ".join(one.kept.market.name for one in order[DRAWN:])
        sections.append(("Not drawn", [Card("Other instruments", f"{rest}: see --json.")]))
    names = ", ".join(one.kept.market.name for one in drawn)
    first = order[0].kept
    began = instant(int(first.samples["ts_ns"][0])) if len(first.samples) else "no times"
    page = Page(
        title=f"How {names} trades" if len(drawn) == 1 else f"How {names} trade",
        subtitle=f"{began} · {', '.join(Path(file).name for file in files)}",
        tiles=_tiles(order[0]),
        sections=sections,
        footer=build_line() + ". Pictures by plotly.js (MIT licence). Times are UTC.",
    )
    path.write_text(page.html(), encoding="utf-8")


def _tiles(one: Measures) -> list[Tile]:
    market = one.kept.market
    tiles = [Tile("records", f"{market.n_records:,}", f"{market.n_trades:,} trades")]
    for label, name, note in (
        ("quoted spread", "quoted spread", "weighted by time"),
        ("effective spread", "effective spread", "what takers pay"),
        ("realised, 1 s", "realised spread, 1 s", "what makers keep"),
        ("Kyle's lambda", "Kyle's lambda", "price of pushing"),
        ("OFI R²", "OFI R2", "of price moves"),
        ("VPIN", "VPIN", "one-sided volume"),
        ("branching ratio", "Hawkes branching ratio", "orders set off by orders"),
    ):
        row = one.named(name)
        if row.why:
            continue
        unit = "" if row.unit == "1" else f" {row.unit}"
        tiles.append(Tile(label, f"{row.value:.3g}{unit}", note))
    return tiles


def _numbers(one: Measures) -> Card:
    rows = []
    for row in one.table:
        bar = f"± {1.96 * row.stderr:.3g}" if math.isfinite(row.stderr) else ""
        value = "NaN" if row.why else f"{row.value:.4g}"
        count = f"{row.n_obs:,}" if row.n_obs else ""
        rows.append([row.name, row.why, value, bar, row.unit, count])
    headers = ["measure", "why not", "value", "95 %", "unit", "n"]
    market = one.kept.market
    note = (
        f"Tick {market.tick_size}, lot {market.lot_size}. Each measure with its error bar; "
        "what the tape has no material for is NaN and says why."
    )
    return Card("All measures", note, body=table(headers, rows, left=2), wide=True)


def _cards(one: Measures) -> list[Card]:
    """Cards of one instrument, each where the tape has what it shows."""
    quoted = not one.named("quoted spread").why
    traded = not one.named("effective spread").why
    sized = one.kept.market.sized and quoted
    plans: list[tuple[bool, str, str, Callable[[Measures], Figure], bool]] = [
        (quoted, "Spreads over time",
         "The spread as it stood, and the running means: effective is what takers paid, realised "
         "what makers kept a second later, impact the difference.", charts.spreads, True),
        (len(one.kept.depth.ts_ns) > 2, "Depth of market",
         "Lots resting around the mid; each column holds as many records.",
         charts.depth_map, True),
        (traded, "What makers keep, by horizon",
         "The longer the horizon, the more of the spread adverse selection takes back.",
         charts.spread_terms, False),
        (sized, "Imbalance against what follows",
         "When the bid outweighs the ask, the mid tends to rise next.", charts.imbalance, False),
        (not one.named("OFI R2").why, "Order-flow imbalance against the move of its interval",
         "The net of what was added, cancelled and taken at the best quotes explains this part of "
         "the price moves of the same interval.", charts.flow_against_move, False),
        (one.micro_price is not None, "Micro-price",
         "Where the mid is expected to settle, given the sizes at the best quotes.",
         charts.micro_price, False),
        (not one.named("Kyle's lambda").why, "Kyle's lambda, rolling",
         "How far one lot of signed volume moves the mid; the band is 95 %.", charts.kyle, False),
        (one.propagator is not None and not one.propagator.why, "Price impact and its decay",
         "The response grows because orders follow orders; the propagator is the part of one "
         "order alone.", charts.impact, False),
        (quoted, "Signature plot",
         "Variance that falls with the sampling interval is bounce; flat is a random walk.",
         charts.signature_plot, False),
        (not one.named("VPIN").why, "Toxicity scores",
         "Share of volume that was one-sided. Descriptive: see the documentation on what it "
         "foretells beyond volume and volatility.", charts.vpin, False),
        (one.markouts is not None and not one.markouts.difference.why,
         "Makers inside and outside the alarm",
         "The alarm stands in the most one-sided fifth of the flow, as known before each trade; "
         "bars are 95 %.", charts.markouts, False),
        (one.hawkes is not None and not one.hawkes.why, "Hawkes intensity of orders",
         "Each order makes the next likelier for a while; fitted by maximum likelihood, with one "
         "base rate for the whole tape.",
         charts.hawkes, False),
        (one.hawkes is not None and not one.hawkes.why, "Residuals of the Hawkes fit",
         "On the dashed line the fit explains the clustering; above it, gaps are longer than it "
         "says.", charts.hawkes_residual, False),
    ]  # fmt: skip
    return [
        Card(title, note, draw(one), wide=wide) for shown, title, note, draw, wide in plans if shown
    ]


def _pair(drawn: list[Measures]) -> list[Card]:
    """Price discovery of the first two instruments that overlap in time."""
    for a, b in itertools.combinations(drawn, 2):
        cards = _pair_cards(a, b)
        if cards:
            return cards
    return []


def _pair_cards(a: Measures, b: Measures) -> list[Card]:
    series = []
    for one in (a, b):
        quotes = two_sided(one.kept)
        tick = float(one.kept.market.tick_size)
        prices = (quotes["bid_ticks"] + quotes["ask_ticks"]) / 2.0 * tick
        moved = np.flatnonzero(np.diff(prices, prepend=np.nan) != 0)
        series.append((quotes["ts_ns"][moved], np.log(np.maximum(prices[moved], tick))))
    if min(len(at) for at, _ in series) < 100:
        return []
    start = max(int(at[0]) for at, _ in series)
    end = min(int(at[-1]) for at, _ in series)
    if end - start < 10_000_000_000:
        return []
    names = [one.kept.market.name for one in (a, b)]
    step = max(1_000_000, min(50_000_000, (end - start) // 2_000))
    shifts = np.arange(-20, 21) * step
    cut = [(at[-_PAIR_QUOTES:], price[-_PAIR_QUOTES:]) for at, price in series]
    found = lead_lag(cut[0], cut[1], shifts)
    who = names[0] if found.lead_ns > 0 else names[1]
    told = f"{who} leads by {abs(found.lead_ns) / 1e6:g} ms" if found.lead_ns else "neither leads"
    note = f"{names[0]} against {names[1]}: {told} at the greatest correlation."
    cards = [Card("Lead and lag", note, charts.lead(found))]
    if a.kept.market.symbol == b.kept.market.symbol:
        grid = max(1_000_000_000, (end - start) // 50_000)
        prices = sample_prices(series, start_ns=start, end_ns=end, step_ns=grid)
        try:
            shares = information_share(prices, n_lags=10)
        except (InputError, np.linalg.LinAlgError):
            return cards
        if not shares.why:
            text = "Part of each venue in the news that stays; the bars are Hasbrouck's bounds."
            cards.append(Card("Price discovery", text, charts.shares(shares, names)))
    return cards
