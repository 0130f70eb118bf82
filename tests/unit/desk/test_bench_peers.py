from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kimera.desk.bench.peers import VARIABLE, Peer, installed, peers_python
from kimera.errors import InputError


def program(folder: Path, text: str) -> str:
    path = folder / "program.py"
    path.write_text(text)
    return str(path)


def test_peer_answers_each_candidate_with_its_seconds(tmp_path: Path) -> None:
    text = (
        "import sys\nprint('ready 1.2 500', flush=True)\n"
        "for line in sys.stdin: print(len(line.strip()) / 4, 'more', flush=True)\n"
    )
    with Peer(sys.executable, program(tmp_path, text)) as peer:
        assert (peer.version, peer.n_records) == ("1.2", 500)
        assert [peer.seconds("ab"), peer.seconds("abcd")] == [0.5, 1.0]


def test_peer_that_dies_is_an_error_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="code 3"):
        Peer(sys.executable, program(tmp_path, "raise SystemExit(3)"))


def test_peer_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected 'ready VERSION', found 'hello'"):
        Peer(sys.executable, program(tmp_path, "print('hello')"))


def test_interpreter_of_peers_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "python"))
    with pytest.raises(InputError, match="found no file"):
        peers_python()
    monkeypatch.delenv(VARIABLE)
    assert peers_python() is None


def test_installed_tells_what_an_interpreter_has() -> None:
    assert installed(sys.executable, "numpy")
    assert not installed(sys.executable, "no_such_module_of_anybody")
