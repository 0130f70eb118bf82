"""What the report shows of a run, section by section."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from kimera.desk.report import charts, words
from kimera.desk.report.analysis import (
    FillStatistics,
    MarkoutCurve,
    ReturnFacts,
    fill_statistics,
    is_maker,
    markout_curve,
    mid_prices,
    return_facts,
)
from kimera.desk.report.page import Card, Tile, table
from kimera.system import RunResult

__all__ = ["View", "sections", "tiles"]

BUSIEST: Final = 8
"""Instruments drawn at most; the tables name how many more there are."""
FACTS_DRAWN: Final = 4

Section = tuple[str, list[Card]]


class View:
    """A run with what every section needs of it, worked out once.

    Parameters
    ----------
    result : RunResult
        The run.
    """

    def __init__(self, result: RunResult) -> None:
        self.result = result
        venues = tuple(venue.name for venue in result.venues)
        self.names = [words.name_of(i, venues) for i in result.instruments]
        self.statistics = [fill_statistics(i, result.fills) for i in result.instruments]
        # Busiest first; the mids' first index breaks ties, so the order is the same every time.
        busiest = sorted(
            range(len(result.instruments)),
            key=lambda column: (-self.statistics[column].traded_value, column),
        )
        self.columns = busiest[:BUSIEST]

    @property
    def left_out(self) -> str:
        """Say how many instruments are not drawn, or nothing."""
        more = len(self.result.instruments) - len(self.columns)
        return f" The {len(self.columns)} busiest; {more} more are not shown." if more else ""

    def named(self, columns: Iterable[int]) -> list[str]:
        """Names of some instruments."""
        return [self.names[column] for column in columns]

    def total(self, part: str) -> dict[str, float]:
        """Sum a part of the P&L over the instruments, per currency."""
        sums: dict[str, float] = {}
        for row in self.result.pnl:
            sums[row.currency] = sums.get(row.currency, 0.0) + float(getattr(row, part))
        return sums


def tiles(view: View) -> list[Tile]:
    """Headline numbers."""
    result = view.result
    out = []
    for currency, value in view.total("total").items():
        tone = "good" if value > 0 else "bad" if value < 0 else ""
        out.append(Tile("Profit after fees", words.money(value, currency), _split(view), tone))
    for currency, values in result.curve.drawdown.items():
        worst = float(values.max()) if len(values) else 0.0
        out.append(
            Tile(
                "Largest drawdown",
                f"{words.plain(worst, words.digits_for([worst]))} {currency or 'quote'}",
                "from the highest equity",
            )
        )
    lots = sum(s.lots for s in view.statistics)
    maker = sum(s.maker_lots for s in view.statistics) / lots if lots else math.nan
    n_fills = result.counters.filled
    out.append(Tile("Fills", f"{n_fills:,}", f"{words.percent(maker)} of the lots as maker"))
    out.append(Tile("Traded value", _per_currency(view), "bought and sold, at the fill prices"))
    edge = markout_curve(result, np.ones(len(result.fills), dtype=bool)).mean_bps[0]
    out.append(Tile("Spread captured", f"{words.signed(edge)} bps", "mean per fill, mid at fill"))
    fees = ", ".join(words.money(-v, c) for c, v in view.total("fees").items())
    out.append(Tile("Fees", fees, "below 0 paid, above 0 rebates earned"))
    speed = result.events / result.wall_s if result.wall_s > 0 else math.nan
    out.append(
        Tile(
            "Market time",
            words.duration(words.span_ns(result)),
            f"in {result.wall_s:.2f} s of wall time",
        )
    )
    out.append(Tile("Events", f"{result.events:,}", f"{words.plain(speed, 0)} per second"))
    return out


def sections(view: View) -> list[Section]:
    """Every section, in the order of the page."""
    return [
        ("Result", _result(view)),
        ("Fills and positions", _trading(view)),
        ("Latency", _latency(view)),
        ("The market it met", _market(view)),
        ("What this run assumed and how to repeat it", _record(view)),
    ]


def _split(view: View) -> str:
    if len(view.total("total")) != 1:
        return ""
    parts = {part: sum(view.total(part).values()) for part in ("spread", "inventory", "fees")}
    parts["fees"] = -parts["fees"]
    digits = words.digits_for(parts.values())
    return ", ".join(f"{name} {words.signed(value, digits)}" for name, value in parts.items())


def _per_currency(view: View) -> str:
    sums: dict[str, float] = {}
    for instrument, row in zip(view.result.instruments, view.statistics, strict=True):
        currency = words.paid_in(instrument)
        sums[currency] = sums.get(currency, 0.0) + row.traded_value
    return ", ".join(f"{words.plain(v, 0)} {c}" for c, v in sums.items()) or words.MISSING


def _result(view: View) -> list[Card]:
    result = view.result
    cards = [
        Card(
            "Equity and drawdown",
            "Profit after fees since the start, open positions marked at mid; below, how far it "
            f"stands under its highest point. Sampled every "
            f"{words.spacing(result.curve.interval_ns)} of market time.",
            charts.equity(result),
            height=380,
            wide=True,
        )
    ]
    parts = tuple(result.pnl[column] for column in view.columns)
    cards.append(
        Card(
            "Where the money came from",
            "Spread: fill price against the mid at the fill. Inventory: what the position earned "
            f"while the mid moved. Total = spread + inventory - fees, exactly.{view.left_out}",
            charts.pnl_parts(parts, view.named(view.columns)),
            _pnl_table(view),
        )
    )
    maker = is_maker(result.fills)
    chosen = {"maker": maker, "taker": ~maker}
    curves = {
        name: markout_curve(result, rows) for name, rows in chosen.items() if bool(rows.any())
    }
    if curves:
        rows = _markout_rows(curves)
        cards.append(
            Card(
                "Markouts",
                "How much better than the fill price the mid is after the fill, in our direction: "
                "the first point is the spread captured, the fall after it is adverse selection. "
                "Mean per fill with a 95 % band (fills taken as independent).",
                charts.markouts(curves),
                table(["fills", "after", "mean [bps]", "95 % [bps]", "n"], rows, left=2),
            )
        )
    else:
        cards.append(Card("Markouts", "There were no fills, so there is nothing to mark out."))
    return cards


def _markout_rows(curves: dict[str, MarkoutCurve]) -> list[list[str]]:
    return [
        [
            name,
            words.duration(float(horizon_ns)) if horizon_ns else "at the fill",
            words.signed(curve.mean_bps[number], 3),
            f"±{words.plain(curve.half_width_bps[number], 3)}",
            f"{curve.counts[number]:,}",
        ]
        for name, curve in curves.items()
        for number, horizon_ns in enumerate(curve.horizons_ns)
    ]


def _pnl_table(view: View) -> str:
    rows = []
    digits = words.digits_for(float(part.total) for part in view.result.pnl)
    for column in view.columns:
        part = view.result.pnl[column]
        amounts = (part.spread, part.inventory, -part.fees, part.total, part.realised)
        shown = [words.signed(float(amount), digits) for amount in amounts]
        rows.append([view.names[column], *shown, part.currency or "quote"])
    headers = ["instrument", "spread", "inventory", "fees", "total", "realised", "unit"]
    return table(headers, rows)


def _trading(view: View) -> list[Card]:
    result = view.result
    cards = []
    wide = len(view.columns) == 1
    for column in view.columns:
        row = view.statistics[column]
        drawn = min(row.fills, 2 * charts.FILL_MARKERS)
        shown = f"; {drawn:,} drawn, evenly chosen" if row.fills > drawn else ""
        cards.append(
            Card(
                view.names[column],
                f"Best bid and ask with our {row.fills:,} fills{shown}; below, the position.",
                charts.price(result, column),
                height=400,
                wide=wide,
            )
        )
    cards.append(
        Card(
            "Fills by instrument",
            "Value = price x size. Shares are of traded lots. Fees are in bps of traded value; "
            f"below zero they are rebates.{view.left_out}",
            body=table(_FILL_HEADERS, [_fill_row(view, column) for column in view.columns]),
            wide=True,
        )
    )
    cards.append(_orders(view))
    models = [
        [view.names[column], words.queue_words(result.queue_models[column])]
        for column in view.columns
    ]
    cards.append(
        Card(
            "Queue position",
            "How it is known when a resting order of ours is next in line.",
            body=table(["instrument", "model"], models, left=2),
        )
    )
    return cards


_FILL_HEADERS = [
    "instrument",
    "fills",
    "value",
    "maker share",
    "bought",
    "sold",
    "average buy",
    "average sell",
    "fees [bps]",
    "position left",
]


def _fill_row(view: View, column: int) -> list[str]:
    instrument = view.result.instruments[column]
    row: FillStatistics = view.statistics[column]
    digits = words.decimals(instrument)
    fees = float(view.result.pnl[column].fees)
    bps = fees / row.traded_value * 1e4 if row.traded_value else math.nan
    return [
        view.names[column],
        f"{row.fills:,}",
        f"{words.plain(row.traded_value, 0)} {words.paid_in(instrument)}",
        words.percent(row.maker_share),
        words.size_words(instrument, row.bought_lots),
        words.size_words(instrument, -row.sold_lots),
        words.plain(row.vwap_buy, digits),
        words.plain(row.vwap_sell, digits),
        words.signed(bps),
        words.size_words(instrument, view.result.positions_lots[column]),
    ]


def _orders(view: View) -> Card:
    c = view.result.counters
    per_order = c.filled / c.accepted if c.accepted else math.nan
    rows = [
        ["requests sent (new, cancel, replace)", f"{c.sent:,}"],
        ["accepted / rejected by the venue", f"{c.accepted:,} / {c.rejected:,}"],
        ["denied by our own bounds, never sent", f"{c.denied:,}"],
        ["fills", f"{c.filled:,}"],
        ["fills per accepted order", words.plain(per_order, 3)],
        ["cancelled / replaced / expired", f"{c.cancelled:,} / {c.replaced:,} / {c.expired:,}"],
        ["cancels that came too late", f"{c.cancel_rejected:,}"],
    ]
    if view.result.fills_dropped:
        rows.append(["fills beyond the report's bound", f"{view.result.fills_dropped:,}"])
    return Card("Orders", "What we asked for and what became of it.", body=table(["", ""], rows))


def _latency(view: View) -> list[Card]:
    result = view.result
    cards, rows = [], []
    drawn = sum(np.count_nonzero(h.counts) > 1 for h in result.latencies.values())
    for name, histogram in result.latencies.items():
        if histogram.total == 0:
            continue
        model = result.latency_models.get(name)
        title = name.replace("_", " ")
        note = words.latency_words(name)
        # One bucket is a number, not a picture: the table says it.
        if np.count_nonzero(histogram.counts) > 1:
            cards.append(
                Card(
                    f"{title[:1].upper()}{title[1:]}",
                    f"{note}; {model}." if model else f"{note}; measured on this machine.",
                    charts.latency(histogram),
                    height=230,
                    wide=drawn == 1,
                )
            )
        percentiles = [histogram.percentile_ns(p) for p in (50.0, 90.0, 99.0, 99.9, 100.0)]
        rows.append(
            [
                f"{title}: {note}",
                model or "measured",
                f"{histogram.total:,}",
                *map(words.duration, percentiles),
            ]
        )
    headers = ["what", "model", "n", "p50", "p90", "p99", "p99.9", "max"]
    note = "Each percentile is the upper edge of its bucket: never too low."
    body = table(headers, rows, left=2)
    return [*cards, Card("Percentiles", note, body=body, wide=True)]


def _market(view: View) -> list[Card]:
    result = view.result
    names = view.named(view.columns)
    facts: dict[str, ReturnFacts] = {}
    rows = []
    for column, name in zip(view.columns, names, strict=True):
        tick = float(result.instruments[column].tick_size)
        mid = mid_prices(result.top, column, tick)
        fact = return_facts(mid)
        if fact.sd_bps > 0 and len(facts) < FACTS_DRAWN:
            facts[name] = fact
        rows.append(_fact_row(result, column, name, fact))
    interval = words.spacing(result.curve.interval_ns)
    cards = [
        Card(
            "Spread",
            "Best ask minus best bid over the mid, averaged over stretches of the run."
            f"{view.left_out}",
            charts.spread(result, view.columns, names),
            wide=True,
        )
    ]
    if facts:
        cards.append(
            Card(
                "Distribution of returns",
                f"Mid returns over {interval}, standardised: real markets have more mass in the "
                "middle and in the tails than the dashed normal curve.",
                charts.return_distribution(facts),
            )
        )
        cards.append(
            Card(
                "Memory of returns",
                "Returns (dotted) of real markets hardly remember, their sizes (full) do: "
                "volatility clusters. Inside the grey band is indistinguishable from none (95 %).",
                charts.autocorrelations(facts, interval),
            )
        )
    headers = ["instrument", "mean spread", "in ticks", f"volatility per {interval}"]
    headers += ["excess kurtosis", "mid change", "one-sided or empty"]
    cards.append(Card("In numbers", body=table(headers, rows), wide=True))
    return cards


def _fact_row(result: RunResult, column: int, name: str, fact: ReturnFacts) -> list[str]:
    mid = mid_prices(result.top, column, 1.0)
    known = np.flatnonzero(np.isfinite(mid))
    gap = (result.top.ask_ticks[known, column] - result.top.bid_ticks[known, column]).astype(float)
    mean_ticks = float(gap.mean()) if len(known) else math.nan
    mean_bps = float((gap / mid[known]).mean() * 1e4) if len(known) else math.nan
    change = (mid[known[-1]] / mid[known[0]] - 1.0) * 1e4 if len(known) else math.nan
    missing = 1.0 - len(known) / len(mid) if len(mid) else math.nan
    return [
        name,
        f"{words.plain(mean_bps, 3)} bps",
        words.plain(mean_ticks, 1),
        f"{words.plain(fact.sd_bps, 3)} bps",
        words.plain(fact.excess_kurtosis, 1),
        f"{words.signed(change, 1)} bps",
        words.percent(missing),
    ]


def _record(view: View) -> list[Card]:
    result = view.result
    facts = [
        ["kind", result.kind],
        ["tape", f"{result.tape} ({result.tape_format})"],
        ["strategy", result.strategy],
        ["first market time", words.instant(words.first_ns(result))],
        ["last market time", words.instant(result.end_ns)],
        ["seed", str(result.seed)],
        ["fingerprint", result.fingerprint],
        ["journal", result.journal_path or "not written"],
        ["digest", result.digest or "no journal"],
        ["venues", ", ".join(_venue(view, number) for number in range(len(result.venues)))],
        *([f"latency: {key.replace('_', ' ')}", text] for key, text in _models(result)),
        ["callbacks", ", ".join(f"{k} {v:,}" for k, v in result.callbacks.items()) or "none"],
    ]
    anomalies = [[name.replace("_", " "), f"{n:,}"] for name, n in result.anomalies.items()]
    found = [row for row in anomalies if row[1] != "0"]
    counted = f"; {len(anomalies) - len(found)} other kinds were counted and none found"
    shown = table(["what", "times"], found) if found else ""
    settings = {"strategy_params": result.strategy_params, **result.config}
    text = msgspec.json.format(msgspec.json.encode(settings), indent=2).decode("utf-8")
    listing = f"<details><summary>Show</summary><pre class=mono>{html.escape(text)}</pre></details>"
    return [
        Card(
            "Run",
            "The digest is the head of the journal's hash chain, as kimera journal verify prints "
            "it. The fingerprint covers every record the strategy saw and every order and report, "
            "with or without a journal. The same seed and configuration give both again anywhere.",
            body=table(["", ""], facts, left=2),
        ),
        Card(
            "Anomalies",
            ("Of the tape, the books and the run" if found else "None found")
            + (counted if len(anomalies) > len(found) else "")
            + ".",
            body=shown,
        ),
        Card(
            "Configuration",
            "As it was used, with every default filled in.",
            body=listing,
            wide=True,
        ),
    ]


def _models(result: RunResult) -> list[tuple[str, str]]:
    return sorted(result.latency_models.items())


def _venue(view: View, number: int) -> str:
    venue = view.result.venues[number]
    maker, taker = venue.maker_fee_e7 / 1000, venue.taker_fee_e7 / 1000
    return f"{venue.name} (maker {maker:+g} bps, taker {taker:+g} bps)"
