"""Peers that run in an interpreter of their own, because they do not go with our dependencies.

``KIMERA_PEERS=/path/to/python`` names it (``make bench-peers`` makes one); without it, such peers
are left out of the table. A peer is a program that answers each line on its stdin with seconds.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from kimera.errors import InputError

__all__ = ["VARIABLE", "Peer", "installed", "peers_python"]

VARIABLE: Final = "KIMERA_PEERS"


def peers_python() -> str | None:
    """Give the interpreter with the peers, None when the environment names none."""
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_file():
        raise InputError(f"{VARIABLE}: expected a Python interpreter, found no file {named}")
    return named or None


def installed(python: str, module: str) -> bool:
    """Tell whether that interpreter has the module."""
    line = f"import importlib.util as u; raise SystemExit(u.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", line], check=False).returncode == 0


class Peer:
    """A program beside this one that runs a candidate when asked.

    Parameters
    ----------
    python : str
        Interpreter of the peer.
    program : str
        A file of this folder.
    arguments : Path
        Given to the program.

    Attributes
    ----------
    version : str
        Of the peer.
    n_records : int or None
        How many records of the stream it takes; all of them when None.
    """

    def __init__(self, python: str, program: str, *arguments: Path) -> None:
        script = Path(__file__).parent / program
        self._process = subprocess.Popen(
            [python, str(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        word, *rest = self._line().split() or [""]
        if word != "ready" or not rest:
            self._process.communicate()
            raise InputError(f"{program}: expected 'ready VERSION', found {word!r}")
        self.version = rest[0]
        self.n_records = int(rest[1]) if len(rest) > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def seconds(self, candidate: str) -> float:
        """Run a candidate once and give how long it took, its set-up not counted [s]."""
        assert self._process.stdin is not None
        self._process.stdin.write(candidate + "\n")
        self._process.stdin.flush()
        return float(self._line().split()[0])

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            code = self._process.returncode
            raise InputError(f"the peer ended with code {code}; its words are above")
        return line.strip()
