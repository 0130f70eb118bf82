"""What a run came to, for programs (``summary.json``) and for the end of the terminal view."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kimera import __version__
from kimera.desk.output import write_file
from kimera.desk.report.analysis import fill_statistics
from kimera.desk.report.words import (
    digits_for,
    duration,
    name_of,
    percent,
    size_words,
    span_ns,
)
from kimera.model import NO_PRICE, NO_TIME
from kimera.system import LatencyHistogram, RunResult

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["PERCENTILES", "print_summary", "summary", "write_summary"]

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)


def summary(result: RunResult) -> dict[str, Any]:
    """Give a run's outcome as plain values.

    Money is exact, as a decimal string where it ends and as ``"n/d"`` where it does not; times
    are ns since the epoch, durations ns.

    Parameters
    ----------
    result : RunResult

    Returns
    -------
    dict
        JSON-able.
    """
    return {
        "kimera": __version__,
        "kind": result.kind,
        "strategy": result.strategy,
        "strategy_params": result.strategy_params,
        "tape": result.tape,
        "tape_format": result.tape_format,
        "seed": result.seed,
        "digest": result.digest,
        "fingerprint": result.fingerprint,
        "start_ns": None if result.start_ns == NO_TIME else result.start_ns,
        "end_ns": None if result.end_ns == NO_TIME else result.end_ns,
        "wall_s": result.wall_s,
        "events": result.events,
        "instruments": [_instrument(result, column) for column in range(len(result.instruments))],
        "max_drawdown": {
            currency: float(values.max()) if len(values) else 0.0
            for currency, values in result.curve.drawdown.items()
        },
        "counters": msgspec.to_builtins(result.counters),
        "latency_models": result.latency_models,
        "latency_ns": {name: _percentiles(h) for name, h in result.latencies.items()},
        "callbacks": result.callbacks,
        "anomalies": result.anomalies,
        "fills_dropped": result.fills_dropped,
        "journal": result.journal_path,
        "config": result.config,
    }


def write_summary(result: RunResult, path: Path) -> None:
    """Write :func:`summary` as JSON."""
    text = msgspec.json.format(msgspec.json.encode(summary(result)), indent=2)
    write_file(path, text.decode() + "\n")


def print_summary(result: RunResult, console: Console, paths: dict[str, Path]) -> None:
    """Print positions, profit, costs, latency percentiles, paths; last the journal's digest.

    Parameters
    ----------
    result : RunResult
    console : rich.console.Console
    paths : dict of str to Path
        What was written, by name.
    """
    console.print(_positions(result))
    console.print(_latencies(result))
    c = result.counters
    lots = c.maker_lots + c.taker_lots
    maker = percent(c.maker_lots / lots) if lots else "n/a"
    span = duration(span_ns(result))
    speed = result.events / result.wall_s if result.wall_s > 0 else math.nan
    lines = [
        f"{c.sent:,} requests, {c.filled:,} fills ({maker} of the lots as maker), "
        f"{c.rejected:,} rejected, {c.denied:,} denied",
        f"{result.events:,} events, {span} of market time in {result.wall_s:.2f} s "
        f"({speed / 1e6:.2f} M events/s)",
        *(f"{name}: {path}" for name, path in paths.items()),
    ]
    if not _was_quoted(result):
        lines.insert(2, "no bid or ask was ever seen: this tape gives a strategy nothing to act on")
    lines.append(f"fingerprint: {result.fingerprint}")
    if result.digest is not None:
        lines.append(f"digest: {result.digest}")
    for line in lines:
        # Plain text, never wrapped: a program may read the last line.
        console.out(line, highlight=False)


def _was_quoted(result: RunResult) -> bool:
    top = result.top
    return bool((top.bid_ticks != NO_PRICE).any() or (top.ask_ticks != NO_PRICE).any())


def _positions(result: RunResult) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    venues = tuple(venue.name for venue in result.venues)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    currencies = {part.currency for part in result.pnl}
    # One currency stands in the heading, so that the table fits into 80 columns.
    unit = f", {next(iter(currencies)) or 'quote'}" if len(currencies) == 1 else ""
    headers = ("instrument", "position", "spread", "inventory", "fees", f"P&L{unit}", "fills")
    for number, header in enumerate(headers):
        table.add_column(header, justify="right" if number else "left", no_wrap=True)
    digits = digits_for(float(part.total) for part in result.pnl)
    totals: dict[str, Fraction] = {}
    for column, (instrument, part) in enumerate(zip(result.instruments, result.pnl, strict=True)):
        totals[part.currency] = totals.get(part.currency, Fraction(0)) + part.total
        parts = (part.spread, part.inventory, -part.fees)
        amounts = [f"{float(value):+,.{digits}f}" for value in parts]
        table.add_row(
            name_of(instrument, venues),
            size_words(instrument, result.positions_lots[column]),
            *amounts,
            _amount(part.total, "" if unit else part.currency, digits),
            f"{fill_statistics(instrument, result.fills).fills:,}",
        )
    table.add_section()
    for currency, value in totals.items():
        table.add_row(
            Text("all", "bold"),
            "",
            "",
            "",
            "",
            _amount(value, "" if unit else currency, digits),
            "",
        )
    return table


def _amount(value: Fraction, currency: str, digits: int) -> RenderableType:
    from rich.text import Text

    style = "green" if value > 0 else "red" if value < 0 else ""
    return Text(f"{float(value):+,.{digits}f} {currency}".rstrip(), style)


def _latencies(result: RunResult) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("latency")
    for percent_below in PERCENTILES:
        name = "max" if percent_below == 100.0 else f"p{percent_below:g}"
        table.add_column(name, justify="right")
    for name, histogram in result.latencies.items():
        if histogram.total:
            values = (duration(histogram.percentile_ns(p)) for p in PERCENTILES)
            table.add_row(name.replace("_", " "), *values)
    return table


def _instrument(result: RunResult, column: int) -> dict[str, Any]:
    instrument, part = result.instruments[column], result.pnl[column]
    row = fill_statistics(instrument, result.fills)
    money = ("spread", "inventory", "fees", "total", "realised", "unrealised")
    return {
        "symbol": instrument.symbol,
        "venue": result.venues[instrument.venue_id - 1].name,
        "position_lots": result.positions_lots[column],
        "position": str(instrument.size(result.positions_lots[column])),
        "currency": part.currency,
        **{f"pnl_{name}": _exact(getattr(part, name)) for name in money},
        "fills": row.fills,
        "maker_fills": row.maker_fills,
        "bought_lots": row.bought_lots,
        "sold_lots": row.sold_lots,
        "traded_value": row.traded_value,
        "queue_model": result.queue_models[column],
    }


def _exact(value: Fraction) -> str:
    """Write a fraction as a decimal if it ends, else as n/d."""
    rest = value.denominator
    twos = fives = 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    whole = abs(value.numerator) * 10**places // value.denominator
    sign = "-" if value < 0 else ""
    digits = str(whole).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def _percentiles(histogram: LatencyHistogram) -> dict[str, float | int | None]:
    values: dict[str, float | int | None] = {"n": histogram.total}
    for percent_below in PERCENTILES:
        value = histogram.percentile_ns(percent_below)
        name = "max" if percent_below == 100.0 else f"p{percent_below:g}"
        values[name] = None if math.isnan(value) else value
    return values
