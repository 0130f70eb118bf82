"""A run's journal played back by another process, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kimera.model import Kind, OrderAct
from kimera.runtime import Journal


def kimera(
    *arguments: str | Path, code: int = 0, hash_seed: str = "0"
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kimera", *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("playback") / "out"
    kimera("run", "--duration", "2s", "--seed", "5", "--output", output)
    return output


def test_playback_of_a_run_is_identical_in_another_process(recorded: Path) -> None:
    told = kimera("replay", recorded / "journal", "--json", hash_seed="123").stdout
    outcome = json.loads(told)
    journal = Journal.open(recorded / "journal")
    orders = sum(int(np.count_nonzero(b["kind"] == Kind.ORDER)) for b in journal.records())
    assert outcome["difference"] is None
    assert outcome["records"] == len(journal)
    assert outcome["orders"] == orders > 100
    assert (
        outcome["fingerprint"] == json.loads((recorded / "summary.json").read_text())["fingerprint"]
    )


def test_playback_with_a_changed_parameter_names_the_first_different_request(
    recorded: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.toml"
    changed.write_text("[simulation.strategy_params]\nsize_lots = 7\n")
    told = kimera("replay", recorded / "journal", "--config", changed, code=1).stdout
    records = np.concatenate(list(Journal.open(recorded / "journal").records()))
    new = (records["kind"] == Kind.ORDER) & (records["action"] == OrderAct.NEW)
    first = int(np.flatnonzero(new)[0])
    assert f"different at record {first}, " in told
    assert f"{records['size_lots'][first]} lots at {records['price_ticks'][first]}" in told
    assert "found:    order new" in told
    assert "7 lots at" in told


def test_playback_with_another_strategy_says_what_it_did_not_do(recorded: Path) -> None:
    told = kimera("replay", recorded / "journal", "--strategy", "do-nothing", code=1).stdout
    assert "expected: order new" in told
    assert "found:    nothing" in told


def test_market_data_of_a_journal_is_a_tape_for_another_strategy(
    recorded: Path, tmp_path: Path
) -> None:
    arguments = ("replay", recorded / "journal", "--as-tape", "--strategy", "do-nothing", "--json")
    outcome = json.loads(kimera(*arguments).stdout)
    journal = Journal.open(recorded / "journal")
    ours = sum(
        int(np.count_nonzero(np.isin(b["kind"], (Kind.ORDER, Kind.REPORT))))
        for b in journal.records()
    )
    assert outcome["anomalies"]["own_records_on_tape"] == ours


def test_replay_of_a_tape_plays_back_identically_from_its_journal(
    recorded: Path, tmp_path: Path
) -> None:
    tape = recorded / "journal"
    again = tmp_path / "again"
    kimera("replay", tape, "--as-tape", "--strategy", "touch-maker-v1", "--output", again)
    told = kimera("replay", again / "journal", hash_seed="9").stdout
    assert told.startswith("identical: ")
    assert json.loads((again / "summary.json").read_text())["fingerprint"] in told


def test_replay_in_two_processes_gives_one_fingerprint(recorded: Path) -> None:
    arguments = ("replay", recorded / "journal", "--as-tape", "--json")
    fingerprints = {
        json.loads(kimera(*arguments, hash_seed=seed).stdout)["fingerprint"] for seed in ("1", "77")
    }
    assert len(fingerprints) == 1


def test_option_that_a_playback_cannot_use_is_refused(recorded: Path) -> None:
    done = kimera("replay", recorded / "journal", "--seed", "3", code=2)
    assert "--seed needs --as-tape" in done.stderr
    assert len(done.stderr.splitlines()) == 1
