"""Numbers and models in words: every number with its unit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from kimera.model import NO_TIME, Instrument
from kimera.system import RunResult

__all__ = [
    "decimals",
    "digits_for",
    "duration",
    "first_ns",
    "instant",
    "latency_words",
    "money",
    "name_of",
    "paid_in",
    "percent",
    "plain",
    "queue_words",
    "signed",
    "size_words",
    "spacing",
    "span_ns",
]

MISSING: Final = "n/a"
MINUS: Final = "\N{MINUS SIGN}"
_STEPS: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign and thousands: ``+1,234.50``."""
    if not math.isfinite(value):
        return MISSING
    # Adding 0 turns a negative zero into a positive one.
    return f"{round(value, digits) + 0.0:+,.{digits}f}".replace("-", MINUS)


def plain(value: float, digits: int = 2) -> str:
    """Write a number with thousands: ``1,234.50``."""
    return f"{value:,.{digits}f}".replace("-", MINUS) if math.isfinite(value) else MISSING


def digits_for(values: Iterable[float]) -> int:
    """Decimals that show the largest of some amounts to three digits or better: 2, 4 or 6."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 2 if largest >= 1 or largest == 0 else 4 if largest >= 0.01 else 6


def money(value: float, currency: str) -> str:
    """Write a signed amount with its currency."""
    return f"{signed(value, digits_for([value]))} {currency or 'quote'}"


def percent(share: float) -> str:
    """Write a share as per cent."""
    return f"{share * 100:.1f} %" if math.isfinite(share) else MISSING


def duration(value_ns: float) -> str:
    """Write a duration in the unit that suits it: ``200 µs``, ``30 s``, ``2 h 05 min``."""
    if not math.isfinite(value_ns):
        return MISSING
    if value_ns >= 3600e9:
        minutes = round(value_ns / 60e9)
        return f"{minutes // 60} h {minutes % 60:02d} min"
    if value_ns >= 120e9:
        return f"{value_ns / 60e9:.1f} min"
    for size, unit in _STEPS:
        if value_ns >= size:
            return f"{value_ns / size:.4g} {unit}"
    return f"{value_ns:.0f} ns"


def spacing(interval_ns: int) -> str:
    """Write the distance of samples."""
    return duration(float(interval_ns))


def instant(ts_ns: int) -> str:
    """Write a time in UTC to the millisecond."""
    if ts_ns == NO_TIME:
        return MISSING
    moment = datetime.fromtimestamp(ts_ns // 1_000_000_000, tz=UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1000:03d} UTC"


def first_ns(result: RunResult) -> int:
    """First market time of a run [ns]; of its first sample where the tape's first has no time."""
    if result.start_ns != NO_TIME or not len(result.curve.ts_ns):
        return result.start_ns
    return int(result.curve.ts_ns[0])


def span_ns(result: RunResult) -> float:
    """Market time a run took [ns]; nan where the tape has no times."""
    begin_ns = first_ns(result)
    known = NO_TIME not in (begin_ns, result.end_ns)
    return float(result.end_ns - begin_ns) if known else math.nan


def name_of(instrument: Instrument, venues: tuple[str, ...]) -> str:
    """Name an instrument with its venue where there is more than one venue."""
    if len(venues) < 2:
        return instrument.symbol
    return f"{instrument.symbol} @ {venues[instrument.venue_id - 1]}"


def paid_in(instrument: Instrument) -> str:
    """Name the currency that pays an instrument."""
    return (instrument.base if instrument.inverse else instrument.quote) or "quote"


def decimals(instrument: Instrument) -> int:
    """Count the decimals a price of an instrument has."""
    return max(0, -int(instrument.tick_size.normalize().as_tuple().exponent))


def size_words(instrument: Instrument, lots: int) -> str:
    """Write a signed size with its unit."""
    size = instrument.size(lots)
    text = f"{size.normalize() if size else Decimal(0):+,f}" if lots else "0"
    return f"{text.replace('-', MINUS)} {instrument.base or 'units'}"


def queue_words(model: str) -> str:
    """Explain a queue-position model in one sentence."""
    if model.startswith("power"):
        return (
            f"{model}: the tape shows level sizes only; a cancelled lot was behind us with odds "
            "behind^n : ahead^n"
        )
    known = {
        "l3-fifo": "every recorded order ahead of ours is tracked by its id: exact",
        "risk-averse": "only trades move us up the queue; every cancellation was behind us",
        "log": "a cancelled lot was behind us with odds log(1 + behind) : log(1 + ahead)",
        "matching": "our orders rest in the matching engine itself: exact",
    }
    return f"{model}: {known[model]}" if model in known else model


def latency_words(name: str) -> str:
    """Say what a latency is of."""
    known = {
        "feed": "venue to strategy",
        "order_entry": "strategy to venue",
        "response": "report, venue to strategy",
        "processing": "wall time of our own code per event",
    }
    return known.get(name, "")
