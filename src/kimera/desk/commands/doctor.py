"""``kimera doctor``: what this machine offers and what the system will use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kimera.desk.checks import Finding, State, examine

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "kimera doctor --json"

_MARKS = {State.OK: "[green]ok[/]", State.NOTE: "[yellow]note[/]", State.MISSING: "[red]missing[/]"}


def command(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of findings as JSON.")
    ] = False,
) -> int:
    """Say what this machine offers and what the system will use.

    Every line is read or measured now. Exit code 1 if something the base needs is missing.
    """
    findings = examine(Path.cwd())
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(findings), indent=1).decode())
    else:
        _show(findings)
    return 1 if any(finding.state is State.MISSING for finding in findings) else 0


def _show(findings: list[Finding]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("", "what", "found", "use"):
        table.add_column(header, overflow="fold")
    for row in findings:
        texts = (escape(text) for text in (row.topic, row.found, row.use))
        table.add_row(_MARKS[row.state], *texts)
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(table)
