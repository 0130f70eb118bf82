"""What a user does, as a user does it: whole processes, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kimera.runtime import verify_journal


def kimera(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kimera", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def digest_of(text: str) -> str:
    last = text.splitlines()[-1]
    assert last.startswith("digest: ")
    return last.removeprefix("digest: ")


def run(output: Path, *arguments: str) -> str:
    return kimera("run", "--duration", "2s", "--output", output, *arguments).stdout


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    output = tmp_path_factory.mktemp("acceptance") / "out"
    return output, run(output, "--seed", "7")


def test_run_writes_report_summary_and_a_sound_journal(first_run: tuple[Path, str]) -> None:
    output, text = first_run
    summary = json.loads((output / "summary.json").read_text())
    report = (output / "report.html").read_text()
    assert {p.name for p in output.iterdir()} == {
        "report.html",
        "journal",
        "summary.json",
        ".kimera-run",
    }
    assert summary["digest"] == digest_of(text)
    assert summary["digest"] in report
    verdict = verify_journal(output / "journal")
    assert list(verdict.findings) == []
    assert summary["digest"] == verdict.digest
    assert f"fingerprint: {summary['fingerprint']}" in text
    assert f"digest {verdict.digest[:16]}" in report


def test_run_prints_positions_profit_costs_and_latencies(first_run: tuple[Path, str]) -> None:
    _, text = first_run
    for part in ("BTCUSDT", "ETHUSDT", "position", "fees", "P&L, USDT", "p99.9", "requests"):
        assert part in text
    assert "\x1b" not in text


def test_run_again_with_the_same_seed_is_bit_identical(
    first_run: tuple[Path, str], tmp_path: Path
) -> None:
    output, text = first_run
    again = run(tmp_path / "out", "--seed", "7")
    assert digest_of(again) == digest_of(text)
    first, second = (
        json.loads((folder / "summary.json").read_text()) for folder in (output, tmp_path / "out")
    )
    for different in ("wall_s", "journal"):
        del first[different], second[different]
    del first["latency_ns"]["processing"], second["latency_ns"]["processing"]
    assert first == second
    records = [
        b"".join(path.read_bytes() for path in sorted((folder / "journal").glob("*.seg")))
        for folder in (output, tmp_path / "out")
    ]
    assert records[0] == records[1]


def test_run_with_another_seed_differs(first_run: tuple[Path, str], tmp_path: Path) -> None:
    assert digest_of(run(tmp_path / "out", "--seed", "8")) != digest_of(first_run[1])


def test_run_into_the_folder_of_an_earlier_run_replaces_it(tmp_path: Path) -> None:
    run(tmp_path / "out", "--seed", "1")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    text = run(tmp_path / "out", "--seed", "2", "--no-web", "--profile", "hft")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["seed"], summary["digest"]) == (2, digest_of(text))
    assert summary["latency_models"]["feed"] == "constant 10000 ns"
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_run_with_a_strategy_from_a_file_trades_by_it(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text("class Idle:\n    def on_start(self, context):\n        pass\n")
    run(tmp_path / "out", "--strategy", f"{source}:Idle")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["strategy"] == f"{source}:Idle"
    assert summary["counters"]["sent"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--duration", "3 parsecs"), "expected a number above 0 with a unit"),
        (("--seed", "-1"), "$.seed: Expected int >= 0"),
        (("--seed", "x"), "--seed"),
        (("--profile", "fast"), "$.profile: Invalid enum value 'fast'"),
        (("--config", "absent.toml"), "absent.toml: No such file or directory"),
        (("--strategy", "absent-v1"), "expected one of do-nothing"),
        (("--strategy", "absent.py:Idle"), "no such file absent.py"),
        (("--output", "/proc/kimera"), "/proc/kimera: No such file or directory"),
        (("--output", "/etc"), "/etc: not empty and not made by an earlier run"),
    ],
)
def test_run_with_bad_input_is_one_line_and_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    where = () if "--output" in arguments else ("--output", str(tmp_path / "out"))
    done = kimera("run", *arguments, *where, code=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_replay_of_a_recorded_tape_writes_the_same_report(
    market_data: Path, tmp_path: Path
) -> None:
    tape = market_data / "binance" / "usdm_btcusdt_20240808.jsonl.gz"
    if not tape.is_file():
        pytest.skip(f"{tape} is absent")
    copy = tmp_path / tape.name
    shutil.copyfile(tape, copy)
    texts = [
        kimera("replay", one, "--report", tmp_path / "r.html", "--output", tmp_path / "out")
        for one in (tape, copy)
    ]
    first = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert digest_of(texts[0].stdout) == digest_of(texts[1].stdout)
    report = (tmp_path / "r.html").read_text()
    assert "power-3" in report
    assert "as recorded" in report
    other = kimera("replay", tape, "--queue-model", "risk-averse", "--latency", "5ms", "--json")
    summary = json.loads(other.stdout)
    assert summary["instruments"][0]["queue_model"] == "risk-averse"
    assert summary["latency_models"]["order_entry"] == "constant 5000000 ns"
    assert summary["digest"] is None
    assert summary["fingerprint"] != first["fingerprint"]


def test_replay_of_the_journal_of_a_run_meets_the_same_market(first_run: tuple[Path, str]) -> None:
    output, _ = first_run
    done = kimera("replay", output / "journal", "--strategy", "do-nothing", "--as-tape", "--json")
    summary = json.loads(done.stdout)
    assert summary["tape_format"] == "journal"
    assert [row["symbol"] for row in summary["instruments"]].count("BTCUSDT") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.gz",), "absent.gz"),
        ((os.devnull, "--format", "lobster"), os.devnull),
        ((os.devnull, "--format", "nonsense"), "nonsense"),
        (("absent.gz", "--report", "no/such/folder/r.html"), "no/such/folder: no such folder"),
        (("absent.gz", "--latency", "soon"), "--latency: expected a number above 0"),
        (("absent.gz", "--queue-model", "magic"), "queue-model"),
        ((), "Missing argument"),
    ],
)
def test_replay_with_bad_input_is_one_line_and_code_2(
    arguments: tuple[str, ...], message: str
) -> None:
    done = kimera("replay", *arguments, code=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_run_stopped_in_the_middle_leaves_a_sound_journal_and_a_usable_folder(
    how: signal.Signals, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "kimera",
        "run",
        "--duration",
        "100000s",
        "--output",
        str(output),
    ]
    # The progress is a line now and then: with the first one the run is under way.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert "market time" in running.stderr.readline()
        refused = kimera("run", "--duration", "1s", "--output", output, code=2)
        assert "another run is writing here" in refused.stderr
        running.send_signal(how)
        rest = running.stderr.read()
        code = running.wait(timeout=60)
    assert code == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert rest.splitlines()[-1] == "kimera: interrupted"
    assert "Traceback" not in rest
    verdict = verify_journal(output / "journal")
    assert list(verdict.findings) == []
    assert verdict.records > 10_000
    assert kimera("journal", "tail", output / "journal", "--records", "1").stdout
    run(output)
    assert list(verify_journal(output / "journal").findings) == []


def test_run_whose_folder_is_deleted_meanwhile_says_so(tmp_path: Path) -> None:
    output = tmp_path / "out"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "kimera",
        "run",
        "--duration",
        "100000s",
        "--output",
        str(output),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert "market time" in running.stderr.readline()
        shutil.rmtree(output)
        lines = running.stderr.read().splitlines()
        assert running.wait(timeout=120) == 2
    assert str(output / "journal") in lines[-1]
    assert "No such file or directory" in lines[-1]
    assert "Traceback" not in "\n".join(lines)
