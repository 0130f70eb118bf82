"""``kimera data``: import, inspect and convert tapes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from kimera.desk.tape_options import parsed_options
from kimera.errors import InputError
from kimera.market import CODECS, Tape, open_tape, write_tape
from kimera.model import NO_TIME, Action, Kind, RecordArray

__all__ = ["EXAMPLE", "app"]

EXAMPLE = "kimera data inspect spot_btcusdt_20240808.jsonl.gz"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Import, inspect and convert recorded tapes.",
)

# Anomalies that a strict reader only counts: traits of a recording, not faults of the file.
_TRAITS: Final = frozenset({"event_time_backwards", "pending_dropped"})

_Format = Annotated[str | None, typer.Option("--format", help="Format; recognised when absent.")]
_Options = Annotated[
    list[str] | None, typer.Option("--set", help="Option of the format, as tick_size=0.01.")
]
_Lenient = Annotated[
    bool, typer.Option("--lenient", help="Count what does not fit instead of stopping.")
]


@app.command("inspect")
def inspect(
    path: Annotated[list[Path], typer.Argument(help="A tape, or files that continue each other.")],
    *,
    tape_format: _Format = None,
    option: _Options = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Tell what is in a tape: instruments, counts, time span, anomalies.

    Reads the whole tape and counts every anomaly; exit code 1 if there is one that a strict
    reader would stop at.
    """
    tape = open_tape(path, format=tape_format, strict=False, **parsed_options(option or []))
    result = _summary(tape)
    if as_json:
        print(json.dumps(result))
    else:
        _show(result)
    return 1 if set(tape.anomalies) - _TRAITS else 0


@app.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(help="The tape.")],
    target: Annotated[Path, typer.Argument(help="NAME.parquet, NAME.csv or NAME.journal.")],
    *,
    tape_format: _Format = None,
    option: _Options = None,
    lenient: _Lenient = False,
) -> int:
    """Write a tape in one of our own formats, by the suffix of the target."""
    options = parsed_options(option or [])
    tape = open_tape(source, format=tape_format, strict=not lenient, **options)
    _write(tape, target)
    return 0


@app.command("import")
def import_(
    source: Annotated[list[Path], typer.Argument(help="Tapes.")],
    *,
    to: Annotated[Path, typer.Option("--to", help="A folder, or one file NAME.parquet.")],
    tape_format: _Format = None,
    option: _Options = None,
    lenient: _Lenient = False,
) -> int:
    """Import recordings as Parquet: one file each into a folder, or one into one file."""
    single = to.suffix == ".parquet"
    if single and len(source) > 1:
        raise InputError(f"--to {to}: one file cannot take {len(source)} tapes: give a folder")
    if not single:
        try:
            to.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{to}: cannot be made: {error.strerror}") from error
    for path in source:
        options = parsed_options(option or [])
        tape = open_tape(path, format=tape_format, strict=not lenient, **options)
        stem = path.name.split(".", 1)[0] or path.name
        _write(tape, to if single else to / f"{stem}.parquet")
    return 0


@app.command("formats")
def formats() -> int:
    """List the formats that can be read."""
    for codec in CODECS:
        writes = ", can be written" if codec.writes else ""
        print(f"{codec.name:12} {codec.summary}{writes}")
    return 0


class _Watched:
    """A tape that tells how far it is; everything else is the tape's."""

    def __init__(self, tape: Tape, note: Any) -> None:
        self._tape, self._note = tape, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tape, name)

    def batches(self, n_records: int = 65_536) -> Any:
        """Pass the batches on."""
        done = 0
        for batch in self._tape.batches(n_records):
            done += len(batch)
            self._note(done)
            yield batch


def _write(tape: Tape, target: Path) -> None:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(tape.file)

        def note(done: int) -> None:
            progress.update(task, description=f"{tape.file}: {done:,} records")

        watched: Any = _Watched(tape, note)
        n_written = write_tape(watched, target)
    found = f", anomalies: {dict(tape.anomalies)}" if tape.anomalies else ""
    print(f"{target}: {n_written} records{found}")


def _summary(tape: Tape) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    n_of = np.zeros(len(tape.instruments) + 1, dtype=np.int64)
    spans: dict[str, list[int]] = {"ts_event_ns": [], "ts_recv_ns": []}
    n_records = 0
    for batch in tape.batches():
        n_records += len(batch)
        _count_kinds(batch, kinds)
        known = batch["instrument_id"][batch["instrument_id"] < len(n_of)]
        n_of += np.bincount(known, minlength=len(n_of))
        for name, span in spans.items():
            times = batch[name][batch[name] != NO_TIME]
            if len(times):
                seen = [*span, int(times.min()), int(times.max())]
                span[:] = [min(seen), max(seen)]
    return {
        "file": tape.file,
        "format": tape.format,
        "records": n_records,
        "kinds": dict(sorted(kinds.items())),
        "source_counts": dict(tape.counts),
        **spans,
        "instruments": [
            {
                "symbol": one.symbol,
                "venue": tape.venues[one.venue_id - 1].name,
                "tick_size": format(one.tick_size, "f"),
                "lot_size": format(one.lot_size, "f"),
                "multiplier": format(one.multiplier, "f"),
                "inverse": one.inverse,
                "records": int(n_of[one.instrument_id]),
            }
            for one in tape.instruments
        ],
        "venues": [venue.name for venue in tape.venues],
        "notes": list(tape.notes),
        "anomalies": dict(tape.anomalies),
    }


def _count_kinds(batch: RecordArray, kinds: Counter[str]) -> None:
    pairs = batch["kind"].astype(np.uint16) << 8 | batch["action"]
    for pair, n in zip(*np.unique(pairs, return_counts=True), strict=True):
        kind, action = Kind(int(pair) >> 8), int(pair) & 255
        what = Action(action).name.lower() if kind in {Kind.DELTA, Kind.QUOTE} else str(action)
        kinds[f"{kind.name.lower()} {what}"] += int(n)


def _span(times: list[int]) -> str:
    return " to ".join(datetime.fromtimestamp(t / 1e9, UTC).isoformat(" ") for t in times) or "none"


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"{result['file']}: {result['format']}, {result['records']:,} records")
    for name in ("ts_event_ns", "ts_recv_ns"):
        console.print(f"{name:14} {_span(result[name])}")
    for name in ("kinds", "source_counts", "anomalies"):
        rows = ", ".join(f"{key} {value:,}" for key, value in result[name].items())
        console.print(f"{name:14} {rows or 'none'}", soft_wrap=True)
    table = Table()
    for header in ("symbol", "venue", "tick", "lot", "records"):
        table.add_column(header)
    for one in result["instruments"][:40]:
        sizes = one["tick_size"], one["lot_size"]
        table.add_row(one["symbol"], one["venue"], *sizes, f"{one['records']:,}")
    console.print(table)
    if len(result["instruments"]) > 40:
        console.print(f"... and {len(result['instruments']) - 40} more instruments")
    for note in result["notes"]:
        console.print(note)
