from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from kimera.desk import checks, machine
from kimera.desk.checks import EXTRAS, Finding, State, examine
from kimera.desk.cli import main

ROOT = Path(__file__).resolve().parents[3]


def by_topic(folder: Path) -> dict[str, Finding]:
    return {finding.topic: finding for finding in examine(folder)}


def test_examine_says_what_the_operating_system_says(tmp_path: Path) -> None:
    found = by_topic(tmp_path)
    assert found["cores"].found.startswith(f"{len(os.sched_getaffinity(0))} usable")
    free = shutil.disk_usage(tmp_path).free / (1 << 30)
    told = float(found["disk"].found.split()[0].replace(",", ""))
    assert told == pytest.approx(free, abs=1.0)
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    of = re.search(r"of ([\d.]+) GiB", found["memory"].found)
    assert of is not None
    assert float(of[1]) == pytest.approx(total, rel=0.02)


def test_examine_native_code_of_another_processor_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "cpu_flags", lambda: frozenset({"sse2"}))
    finding = by_topic(tmp_path)["native code"]
    assert finding.state is State.MISSING
    assert "this processor lacks" in finding.use


def test_examine_absent_extra_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(checks.EXTRAS, "jit", ("no-such-package-at-all",))
    finding = by_topic(tmp_path)["extra jit"]
    assert finding.found == "no-such-package-at-all absent"
    assert finding.use == "to install: pip install 'kimera-trading[jit]'"


def test_extras_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra, packages in EXTRAS.items():
        told = [re.split(r"[<>=\[]", line)[0] for line in project["optional-dependencies"][extra]]
        assert sorted(packages) == sorted(told)
    base = [re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]]
    assert sorted(checks.BASE) == sorted(base)


def test_doctor_json_has_the_same_topics_as_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--json"]) == 0
    topics = [row["topic"] for row in json.loads(capsys.readouterr().out)]
    assert main(["doctor"]) == 0
    table = capsys.readouterr().out
    assert topics[0] == "cores"
    assert all(topic in table for topic in topics)


def test_doctor_with_something_missing_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "cpu_flags", frozenset)
    assert main(["doctor"]) == 1
    assert "missing" in capsys.readouterr().out


def test_machine_line_names_processor_cores_and_python() -> None:
    line = machine.machine_line()
    assert machine.cpu_model() in line
    assert f"{len(machine.usable_cores())} cores" in line
