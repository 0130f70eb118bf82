"""What `run` and `replay` share: the live view before, and everything that is written after."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from kimera.desk.output import REPORT, SUMMARY
from kimera.desk.report import write_report
from kimera.desk.summary import print_summary, summary, write_summary
from kimera.desk.terminal import RunView
from kimera.model import Instrument
from kimera.system import RunResult

__all__ = ["conclude", "shown"]

PLAIN_WIDTH = 110
"""Columns of tables that go to a file."""


def shown(
    title: str,
    instruments: tuple[Instrument, ...],
    names: list[str],
    *,
    start_ns: int | None = None,
) -> RunView:
    """Make the live view of a run; it goes to stderr, so that stdout holds the outcome only."""
    return RunView(title, instruments, names, sys.stderr, start_ns=start_ns)


def conclude(result: RunResult, *, output: Path | None, report: Path | None, as_json: bool) -> None:
    """Write and print the outcome of a run.

    Parameters
    ----------
    result : RunResult
    output : Path or None
        A prepared folder: gets the report and the summary (the journal is there already).
    report : Path or None
        A further file for the report.
    as_json : bool
        Print the summary as JSON instead of tables.
    """
    paths: dict[str, Path] = {}
    if output is not None:
        paths = {"report": output / REPORT, "summary": output / SUMMARY}
        write_report(result, paths["report"])
        write_summary(result, paths["summary"])
    if report is not None:
        write_report(result, report)
        paths["report"] = report
    if result.journal_path is not None:
        paths["journal"] = Path(result.journal_path)
    if as_json:
        encoded = msgspec.json.encode(summary(result))
        print(msgspec.json.format(encoded, indent=2).decode("utf-8"))
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    print_summary(result, console, paths)
