"""What Kimera costs before it does anything: start-up time and installed size.

Start-ups are whole processes, timed from outside, in turns with an empty interpreter, which is
taken off: what remains is ours. Sizes are what the package manager recorded, on disk.
"""

from __future__ import annotations

import importlib.metadata
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import kimera
from kimera.desk.bench import Measurement, Profile, interleave

__all__ = ["measure"]

STARTUPS = {
    "import kimera": "import kimera",
    "import kimera.system (numpy and native code)": "import kimera.system",
    "kimera --help": "from kimera.desk.cli import main; main(['--help'])",
}
BASE = ("numpy", "msgspec", "typer", "rich")
MB = 1e6


def measure(profile: Profile) -> list[Measurement]:
    """Measure start-up times [s] and installed sizes [MB]."""
    return [*_startups(profile), *_sizes()]


def _startups(profile: Profile) -> list[Measurement]:
    codes = {"": "pass", **STARTUPS}
    works = {name: _process(code) for name, code in codes.items()}
    turns = interleave(works, rounds=profile.rounds)
    empty = turns.values[""]
    rows = []
    for name in STARTUPS:
        own = [value - bare for value, bare in zip(turns.values[name], empty, strict=True)]
        rows.append(
            Measurement(
                area="footprint",
                name=f"{name}, above an empty interpreter",
                value=statistics.median(own),
                unit="s",
                better="lower",
                target=0.3,
                peer=f"python {sys.version.split()[0]} -c pass",
                peer_value=turns.median(""),
                runs=profile.rounds,
            )
        )
    return rows


def _process(code: str) -> Callable[[], float]:
    def run() -> float:
        start_ns = time.perf_counter_ns()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        return (time.perf_counter_ns() - start_ns) / 1e9

    return run


def _sizes() -> list[Measurement]:
    packages = sorted(_closure(BASE))
    others = sum(_installed_bytes(name) for name in packages)
    own = sum(path.stat().st_size for path in _own_files())
    return [
        Measurement(
            area="footprint",
            name=f"installed size: kimera and its base ({', '.join(packages)})",
            value=(own + others) / MB,
            unit="MB",
            better="lower",
            target=100.0,
        ),
        Measurement(
            area="footprint", name="of which kimera", value=own / MB, unit="MB", better="lower"
        ),
    ]


def _own_files() -> Iterator[Path]:
    root = Path(next(iter(kimera.__path__)))
    yield from (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyi")
    for path in {Path(p) for p in kimera.__path__} - {root}:
        yield from (inner for inner in path.rglob("*") if inner.is_file())


def _installed_bytes(package: str) -> int:
    distribution = importlib.metadata.distribution(package)
    paths = {Path(str(distribution.locate_file(file))) for file in distribution.files or ()}
    # Byte code is written after the installation and may not be in the record.
    cached = {inner for path in paths for inner in path.parent.glob("__pycache__/*.pyc")}
    return sum(path.stat().st_size for path in paths | cached if path.is_file())


def _closure(names: tuple[str, ...]) -> set[str]:
    """Names of some distributions and of all they require here, without extras."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # required only on another platform
        found.add(name)
        plain = (line for line in requires if ";" not in line)
        pending += [re.split(r"[\s<>=!~\[;(]", line)[0].lower() for line in plain]
    return found
