"""Make the pictures of the documentation: a run, its terminal view, its report.

``python docs/make_images.py`` writes ``images/terminal.svg``, and ``images/report.png`` where a
Chromium is installed.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from kimera.desk.report import write_report
from kimera.desk.report.words import name_of
from kimera.desk.terminal import RunView
from kimera.system import SimulationConfig, Snapshot, simulate

IMAGES = Path(__file__).parent / "images"
SECONDS = 30
STRATEGY = "market-making-v1"


def main() -> None:
    """Run the embedded market once and take both pictures of it."""
    config = SimulationConfig()
    venues = tuple(venue.name for venue in config.market.venue_table())
    instruments = config.market.instruments()
    view = RunView(
        f"{STRATEGY} on the simulated market",
        instruments,
        [name_of(instrument, venues) for instrument in instruments],
        io.StringIO(),
        start_ns=config.market.start_ns,
    )
    frames: list[tuple[float, Snapshot]] = []

    def keep(share: float, snapshot: Snapshot) -> None:
        view(share, snapshot)
        frames.append((share, snapshot))

    result = simulate(config, STRATEGY, seed=7, duration_ns=SECONDS * 1_000_000_000, progress=keep)
    view.finish(result)
    console = Console(record=True, width=104, file=io.StringIO())
    console.print(view.picture(*frames[-1]))
    console.save_svg(str(IMAGES / "terminal.svg"), title="kimera run", theme=MONOKAI)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_report(result, page)
        photograph(page, IMAGES / "report.png", Path(folder))


def photograph(page: Path, picture: Path, folder: Path) -> None:
    """Take a picture of a page with a headless Chromium, if there is one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("no Chromium: report.png is left as it is")
        return
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    switches += [f"--user-data-dir={folder}", "--window-size=1280,2000"]
    switches += ["--virtual-time-budget=8000", f"--screenshot={picture}", page.as_uri()]
    subprocess.run([browser, *switches], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
