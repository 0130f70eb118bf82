from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kimera import __version__
from kimera.desk import cli
from kimera.errors import InputError


def test_main_without_arguments_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", text, re.M) for name in cli.COMMANDS)


def test_main_version_prints_the_packages_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"kimera {__version__}\n"


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_of_each_command_ends_in_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"kimera {name}" in text
    assert "Example:" in text
    assert "Parameters" not in text


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_unknown_option_is_one_line_on_stderr(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([name, "--no-such-option"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "--no-such-option" in err


def test_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["benhc"]) == 2
    assert capsys.readouterr().err == "kimera: no command 'benhc': did you mean bench?\n"


def raises(error: BaseException) -> object:
    def command(*_: object, **__: object) -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("price must be above 0,\nwas -1"), 2, "kimera: price must be above 0, was -1"),
        (PermissionError(13, "Permission denied", "/x/y"), 2, "kimera: /x/y: Permission denied"),
        (KeyboardInterrupt(), 130, "kimera: interrupted"),
    ],
)
def test_error_of_a_command_becomes_one_line_and_a_code(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "_call", raises(error))
    assert cli.main(["bench"]) == code
    assert capsys.readouterr().err == line + "\n"


def test_bug_in_a_command_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_call", raises(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["bench"])


def test_overview_loads_neither_numpy_nor_typer() -> None:
    code = (
        "import sys; from kimera.desk.cli import main; main(['--help']);"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'typer', 'rich', 'kimera._native')))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0


def test_output_to_a_closed_pipe_is_not_an_error() -> None:
    shell = f"set -o pipefail; {sys.executable} -m kimera --help | true"
    done = subprocess.run(["bash", "-c", shell], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_missing_extra_is_one_line_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = tmp_path / "tape.parquet"
    tape.write_bytes(b"PAR1")
    for package in ("pyarrow", "pyarrow.parquet", "polars"):
        monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["replay", str(tape), "--format", "parquet"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install 'kimera-trading[data]'" in error
