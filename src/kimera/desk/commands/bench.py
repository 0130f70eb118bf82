"""``kimera bench``: the benchmark table."""

from __future__ import annotations

import enum
import json
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kimera.desk.bench import AREAS, Measurement, Profile, load_area
from kimera.desk.machine import machine_line
from kimera.errors import InputError, KimeraError

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["EXAMPLE", "Outcome", "command", "measure_area"]

EXAMPLE = "kimera bench book --quick --json"


class State(enum.Enum):
    """How an area ended."""

    MEASURED = "measured"
    ABSENT = "absent"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one area."""

    area: str
    state: State
    rows: tuple[Measurement, ...] = ()
    message: str = ""
    seconds: float = 0.0


def command(
    area: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(AREAS)}; all when absent.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of measurements as JSON.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller workloads and fewer rounds.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the table to this Markdown file.")
    ] = None,
) -> int:
    """Measure the speed of every room, beside the peers that are installed.

    Each figure is a median of several runs; peers run in turns with ours in the same process,
    and a ratio is the median of the ratios of the pairs. An area that fails makes exit code 1.
    """
    profile = Profile.QUICK if quick else Profile.FULL
    if area is not None and area not in AREAS:
        raise InputError(f"no benchmark area {area!r}: there are {', '.join(AREAS)}")
    outcomes = [
        _announce(measure_area(name, profile)) for name in (AREAS if area is None else (area,))
    ]
    if as_json:
        rows = [msgspec.to_builtins(row) for outcome in outcomes for row in outcome.rows]
        print(json.dumps(rows, indent=1))
    else:
        _show(outcomes)
    if out is not None:
        out.write_text(to_markdown(outcomes, profile), encoding="utf-8")
    return 1 if any(outcome.state is State.FAILED for outcome in outcomes) else 0


def measure_area(area: str, profile: Profile) -> Outcome:
    """Measure one area; a failure becomes an outcome with its message, so the others still run."""
    start_ns = time.perf_counter_ns()
    try:
        module = load_area(area)
        if module is None:
            return Outcome(area, State.ABSENT, message="not in this build")
        rows = tuple(module.measure(profile))
    except KimeraError as error:
        return Outcome(area, State.FAILED, message=f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001  a bug in one area is reported, the rest still runs
        traceback.print_exc()
        return Outcome(area, State.FAILED, message=f"{type(error).__name__}: {error}")
    seconds = (time.perf_counter_ns() - start_ns) / 1e9
    return Outcome(area, State.MEASURED, rows, seconds=seconds)


def to_markdown(outcomes: list[Outcome], profile: Profile) -> str:
    """Write the table as Markdown, with the machine and the command that reproduces it."""
    flag = " --quick" if profile is Profile.QUICK else ""
    lines = [f"`kimera bench{flag}` on {machine_line()}", ""]
    lines += ["| " + " | ".join(_HEADERS) + " |", "|" + "---|" * len(_HEADERS)]
    for outcome in outcomes:
        lines += ["| " + " | ".join(_cells(row)) + " |" for row in outcome.rows]
    notes = [f"- {o.area}: {o.state.value}: {o.message}" for o in outcomes if o.message]
    return "\n".join(lines + (["", *notes] if notes else [])) + "\n"


_HEADERS = ("area", "what", "value", "unit", "target", "met", "peer", "peer value", "ratio", "runs")


def _announce(outcome: Outcome) -> Outcome:
    """Tell on stderr how an area ended, so that a long run shows where it is."""
    tail = outcome.message or f"{len(outcome.rows)} figures in {outcome.seconds:.1f} s"
    print(f"{outcome.area}: {outcome.state.value}: {tail}", file=sys.stderr)
    return outcome


def _show(outcomes: list[Outcome]) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_table(outcomes))
    for outcome in outcomes:
        if outcome.message:
            console.print(f"{outcome.area}: {outcome.state.value}: {outcome.message}")
    console.print(machine_line(), style="dim", highlight=False)


def _table(outcomes: list[Outcome]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in _HEADERS:
        right = header in {"value", "target", "peer value", "ratio", "runs"}
        table.add_column(header, justify="right" if right else "left")
    styles = {True: "green", False: "red", None: ""}
    for outcome in outcomes:
        for row in outcome.rows:
            table.add_row(*_cells(row), style=styles[row.met])
    return table


def _cells(row: Measurement) -> tuple[str, ...]:
    bound = "≥" if row.better == "higher" else "≤"
    return (
        row.area,
        row.name,
        _number(row.value),
        row.unit,
        "" if row.target is None else f"{bound} {_number(row.target)}",
        {True: "yes", False: "no", None: ""}[row.met],
        row.peer or "",
        "" if row.peer_value is None else _number(row.peer_value),
        "" if row.ratio is None else f"{row.ratio:.2f} x",
        str(row.runs),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
