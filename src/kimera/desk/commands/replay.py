"""``kimera replay``: a strategy on recorded market data."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from kimera.desk.commands.playback import play_back
from kimera.desk.output import JOURNAL, check_writable, prepare_folder
from kimera.desk.runs import conclude, shown
from kimera.errors import InputError
from kimera.market import Tape, open_tape
from kimera.system import QueueModel, is_run, replay
from kimera.system.config_file import duration_ns, load_replay

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "kimera replay tape.gz --strategy market-making-v1 --report out.html"


def command(
    tapes: Annotated[list[Path], typer.Argument(help="Files of recorded data.")],
    *,
    tape_format: Annotated[
        str | None, typer.Option("--format", help="Recognised when absent (kimera data --help).")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Registered name, or FILE.py:Class.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the HTML report to this file.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for report.html, journal/ and summary.json.")
    ] = None,
    queue_model: Annotated[
        QueueModel | None, typer.Option(help="How our place in the queue is known.")
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(help="Of orders and reports, as 200us; or 'recorded', that of the tape."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random stream.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML or JSON file; options here win over it.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Count anomalies of the tape instead of stopping.")
    ] = False,
    as_tape: Annotated[
        bool,
        typer.Option("--as-tape", help="Take a run's journal as market data: a new run on it."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON instead of tables.")
    ] = False,
) -> int:
    """Run a strategy on recorded market data.

    The books are rebuilt from the tape; orders take time to arrive, wait in the queue and are
    filled by the recorded trades. Several tapes are merged by exchange time. The report says
    which queue and latency models were used. The same tape, seed and options give the same digest
    of the journal and, with or without one, the same fingerprint.

    The journal of a run is played back instead: its strategy is told what it was told, and must
    ask what it asked; the first difference is printed, with exit code 1. A parameter changed in
    the configuration, or another strategy, is held against the recorded requests in the same way.
    """
    if not as_tape and tape_format is None and len(tapes) == 1 and is_run(tapes[0]):
        unused = {
            "--report": report,
            "--output": output,
            "--queue-model": queue_model,
            "--latency": latency,
            "--seed": seed,
        }
        return play_back(tapes[0], strategy, config, unused, as_json=as_json)
    if report is not None:
        check_writable(report.parent)
    given: dict[str, Any] = {"replay": _assumed(queue_model, latency, seed)}
    if strategy is not None:
        given["strategy"] = strategy
    plan = load_replay(config, given)
    if not tapes:
        raise InputError("replay: expected at least one tape")
    opened = [open_tape(path, format=tape_format, strict=not lenient) for path in tapes]
    with nullcontext() if output is None else prepare_folder(output):
        with shown(f"replay of {', '.join(path.name for path in tapes)}", *_named(opened)) as view:
            result = replay(
                opened,
                plan.strategy,
                plan.replay,
                journal=None if output is None else output / JOURNAL,
                progress=view,
            )
            view.finish(result)
        conclude(result, output=output, report=report, as_json=as_json)
    return 0


def _assumed(
    queue_model: QueueModel | None, latency: str | None, seed: int | None
) -> dict[str, Any]:
    """Options of the command line as a part of a replay's configuration."""
    values: dict[str, Any] = {}
    if seed is not None:
        values["seed"] = seed
    if queue_model is not None:
        values["queue"] = {"model": queue_model.value}
    if latency is not None:
        both = (
            {"type": "recorded"}
            if latency == "recorded"
            else {"type": "constant", "ns": duration_ns(latency, "--latency")}
        )
        values |= {"order_entry": both, "response": both}
    return values


def _named(tapes: list[Tape]) -> tuple[tuple[Any, ...], list[str]]:
    """Instruments of all tapes in order, and what to call them."""
    from kimera.desk.report.words import name_of

    pairs = [
        (instrument, name_of(instrument, tuple(venue.name for venue in tape.venues)))
        for tape in tapes
        for instrument in tape.instruments
    ]
    return tuple(instrument for instrument, _ in pairs), [name for _, name in pairs]
