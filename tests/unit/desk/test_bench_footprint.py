from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import kimera
from kimera.desk.bench import Profile, footprint


def test_closure_of_typer_holds_what_it_requires() -> None:
    assert {"typer", "rich", "pygments", "shellingham"} <= footprint._closure(("typer",))


def test_installed_bytes_are_those_on_the_disk() -> None:
    # An independent count: the folder of the package, as `du` sees its apparent size.
    folder = Path(str(msgspec.__file__)).parent
    told = subprocess.run(
        ["du", "-sb", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = int(told.stdout.split()[0])
    assert footprint._installed_bytes("msgspec") == pytest.approx(expected, rel=0.15)


def test_own_files_hold_native_code_and_python() -> None:
    suffixes = {path.suffix for path in footprint._own_files()}
    assert {".py", ".so", ".gz"} <= suffixes
    assert kimera.__file__ is not None


def test_import_kimera_loads_no_third_party_package() -> None:
    code = "import sys, kimera; sys.exit(any(m in sys.modules for m in ('numpy', 'rich')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_measure_meets_its_targets() -> None:
    rows = footprint.measure(Profile.QUICK)
    assert {row.unit for row in rows} == {"s", "MB"}
    assert all(row.value > 0 for row in rows)
