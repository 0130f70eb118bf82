"""The report of a run: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from kimera.desk.machine import build_line
from kimera.desk.output import write_file
from kimera.desk.report import words
from kimera.desk.report.page import Page
from kimera.desk.report.sections import View, sections, tiles
from kimera.system import RunResult

__all__ = ["report_html", "write_report"]


def report_html(result: RunResult) -> str:
    """Make the report's HTML.

    Parameters
    ----------
    result : RunResult
        A run of any length: lines are thinned to 2,000 points that keep every extreme, so the
        file stays below 6 MB.

    Returns
    -------
    str
        A whole page; it loads nothing from outside.
    """
    view = View(result)
    names = list(dict.fromkeys(i.symbol for i in result.instruments))
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    kind = {"simulation": "simulated market", "replay": "recorded market"}.get(
        result.kind, result.kind
    )
    subtitle = f"{kind} · {words.instant(words.first_ns(result))} · seed {result.seed} · "
    return Page(
        title=f"{result.strategy} on {shown}",
        subtitle=subtitle + _identity(result),
        tiles=tiles(view),
        sections=sections(view),
        footer=build_line() + ". Pictures by plotly.js (MIT licence). Times are UTC.",
    ).html()


def write_report(result: RunResult, path: Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    result : RunResult
    path : Path
        Overwritten if it exists; its folder must exist.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_file(path, report_html(result))


def _identity(result: RunResult) -> str:
    """Give the first digits of the journal's digest, or of the fingerprint without a journal."""
    if result.digest is not None:
        return f"digest {result.digest[:16]}"
    return f"fingerprint {result.fingerprint[:16]}"
