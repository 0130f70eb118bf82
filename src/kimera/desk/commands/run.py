"""``kimera run``: the whole system on the embedded market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kimera.desk.output import JOURNAL, prepare_folder
from kimera.desk.report.words import name_of
from kimera.desk.runs import conclude, shown
from kimera.model import Instrument
from kimera.system import simulate
from kimera.system.config_file import RunFile, duration_ns, load_run

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "kimera run --duration 30s --seed 7 --output out"


def command(
    *,
    config: Annotated[
        Path | None, typer.Option(help="TOML or JSON file; options here win over it.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="dev, prod or hft: sets latencies.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random stream.")] = None,
    duration: Annotated[str | None, typer.Option(help="Market time: 30s, 2m, 500ms.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Registered name, or FILE.py:Class.")] = None,
    output: Annotated[
        Path, typer.Option(help="Folder for report.html, journal/ and summary.json.")
    ] = Path("out"),
    no_web: Annotated[
        bool, typer.Option("--no-web", help="This version has no web view; accepted as it is.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON instead of tables.")
    ] = False,
) -> int:
    """Run the whole system on a simulated market: two venues, BTCUSDT and ETHUSDT.

    Nothing is downloaded and no key is needed. It shows a live view, ends by itself, prints
    positions, profit, costs and latencies, and writes a report and the journal. The same seed
    gives the same digest, bit for bit.
    """
    del no_web
    given = {"profile": profile, "seed": seed, "duration": duration, "strategy": strategy}
    plan = load_run(config, {key: value for key, value in given.items() if value is not None})
    span_ns = duration_ns(plan.duration, "$.duration")
    instruments, names = _market(plan)
    title = f"{plan.strategy} on the simulated market"
    start_ns = plan.simulation.market.start_ns
    with prepare_folder(output):
        with shown(title, instruments, names, start_ns=start_ns) as view:
            result = simulate(
                plan.simulation,
                plan.strategy,
                seed=plan.seed,
                duration_ns=span_ns,
                journal=output / JOURNAL,
                progress=view,
            )
            view.finish(result)
        conclude(result, output=output, report=None, as_json=as_json)
    return 0


def _market(plan: RunFile) -> tuple[tuple[Instrument, ...], list[str]]:
    """Instruments of the market to be simulated, and what to call them."""
    market = plan.simulation.market
    venues = tuple(venue.name for venue in market.venue_table())
    instruments = market.instruments()
    return instruments, [name_of(instrument, venues) for instrument in instruments]
