from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import msgspec
import pytest

from kimera.desk import bench
from kimera.desk.bench import Interleaved, Measurement, Profile, interleave, median_of
from kimera.desk.cli import main
from kimera.errors import InputError

ROW = Measurement(
    area="book",
    name="L3 events",
    value=31.5,
    unit="M/s",
    target=30.0,
    peer="other 1.0",
    peer_value=3.0,
    ratio=10.5,
    runs=7,
)


def install(monkeypatch: pytest.MonkeyPatch, area: str, measure: object) -> None:
    module = types.ModuleType(f"kimera.desk.bench.{area}")
    module.measure = measure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize(
    ("better", "value", "target", "met"),
    [
        ("higher", 30.0, 30.0, True),
        ("higher", 29.9, 30.0, False),
        ("lower", 0.3, 0.3, True),
        ("lower", 0.31, 0.3, False),
        ("lower", 0.31, None, None),
    ],
)
def test_measurement_target_is_met_on_its_good_side(
    better: str, value: float, target: float | None, met: bool | None
) -> None:
    row = msgspec.structs.replace(ROW, better=better, value=value, target=target)
    assert row.met is met


def test_interleave_two_candidates_runs_them_in_alternating_turns() -> None:
    calls: list[str] = []

    def candidate(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    result = interleave({"a": lambda: candidate("a"), "b": lambda: candidate("b")}, 3, warm_up=1)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert result.values == {"a": (3.0, 6.0, 7.0), "b": (4.0, 5.0, 8.0)}


def test_interleaved_ratio_is_the_median_of_pairs_not_of_medians() -> None:
    result = Interleaved({"ours": (10.0, 40.0, 90.0), "peer": (10.0, 80.0, 30.0)})
    assert result.ratio("ours", "peer") == 1.0  # pairs: 1, 0.5, 3
    assert result.median("ours") == 40.0
    assert result.best(["ours", "peer"]) == "ours"


def test_interleave_without_rounds_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1, was 0"):
        interleave({"a": lambda: 1.0}, 0)


def test_median_of_is_the_middle_run() -> None:
    values = iter([5.0, 1.0, 3.0])
    assert median_of(lambda: next(values), 3) == 3.0


def test_load_area_unknown_is_refused() -> None:
    with pytest.raises(InputError, match="no benchmark area 'speed'"):
        bench.load_area("speed")


def test_bench_json_is_a_list_of_the_documented_fields(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Profile] = []

    def measure(profile: Profile) -> list[Measurement]:
        seen.append(profile)
        return [ROW]

    install(monkeypatch, "book", measure)
    assert main(["bench", "book", "--json", "--quick"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert seen == [Profile.QUICK]
    assert " ".join(rows[0]) == "area name value unit better target peer peer_value ratio runs"
    assert msgspec.convert(rows[0], Measurement) == ROW


def test_bench_failing_area_is_shown_and_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(profile: Profile) -> list[Measurement]:
        raise InputError("the workload is missing")

    install(monkeypatch, "book", fail)
    out = tmp_path / "bench.md"
    assert main(["bench", "book", "--out", str(out)]) == 1
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, out.read_text()):
        assert "book: failed: InputError: the workload is missing" in text


def test_bench_table_shows_value_target_peer_and_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    install(monkeypatch, "book", lambda profile: [ROW])
    out = tmp_path / "bench.md"
    assert main(["bench", "book", "--out", str(out)]) == 0
    for text in (capsys.readouterr().out, out.read_text()):
        for part in ("L3 events", "31.5", "≥ 30", "other 1.0", "10.50 x"):
            assert part in text


def test_bench_unwritable_out_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    install(monkeypatch, "book", lambda profile: [ROW])
    out = tmp_path / "absent" / "bench.md"
    assert main(["bench", "book", "--out", str(out)]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"kimera: {out}: No such file or directory"
