"""The command line: one table of commands, each loaded when it is called.

A module ``kimera.desk.commands.<name>`` exposes either ``command`` (a function with typer
annotations; it may return an exit code) or ``app`` (a :class:`typer.Typer` with sub-commands),
and ``EXAMPLE``, the line that ends its help.

Exit codes: 0 fine, 1 a finding (a mismatch, a changed journal, a failed benchmark), 2 a usage or
input error, told in one line on stderr.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

from kimera import __version__
from kimera.errors import InputError, KimeraError

if TYPE_CHECKING:
    import typer

__all__ = ["COMMANDS", "CommandLine", "build_app", "main"]


class CommandLine(NamedTuple):
    """A row of the table: where it stands in the help and what it does in one line."""

    panel: str
    help: str


COMMANDS: Final[dict[str, CommandLine]] = {
    "run": CommandLine("trade", "Run the whole system on a simulated market."),
    "replay": CommandLine("trade", "Run a strategy on recorded market data."),
    "book": CommandLine("data", "Rebuild the books of a tape and write their levels down."),
    "microstructure": CommandLine("data", "Measure spreads, order flow, impact and toxicity."),
    "data": CommandLine("data", "Import, inspect and convert recorded tapes."),
    "journal": CommandLine("data", "Inspect and verify a journal, show its last records."),
    "cep": CommandLine("trade", "Find patterns in streams of rows: SQL MATCH_RECOGNIZE."),
    "bench": CommandLine("machine", "Measure the speed of every room, beside its peers."),
    "doctor": CommandLine("machine", "Say what this machine offers and what will be used."),
}
"""Every command, in the order of the help."""

_PANELS: Final = ("trade", "data", "machine")
_SECTIONS: Final = ("\nParameters\n", "\nReturns\n", "\nRaises\n", "\nExamples\n", "\nNotes\n")
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; ``sys.argv[1:]`` when None.

    Returns
    -------
    int
        0 fine, 1 a finding, 2 a usage or input error, 130 interrupted.

    Examples
    --------
    >>> from kimera.desk.cli import main
    >>> main(["--version"])
    kimera 0.1.0
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except KimeraError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # The reader of our output left (`kimera bench | head`): nothing is wrong. The descriptor
        # is pointed at nowhere so that the interpreter's last flush does not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.strerror is None:
            raise
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    except KeyboardInterrupt:
        print("kimera: interrupted", file=sys.stderr)
        return INTERRUPTED


def entry() -> None:
    """Run as the console script: exit with the code of :func:`main`."""
    sys.exit(main())


def build_app(name: str) -> typer.Typer:
    """Load a command of the table.

    Parameters
    ----------
    name : str
        A key of :data:`COMMANDS`.

    Returns
    -------
    typer.Typer
        The command alone, or the group with its sub-commands.
    """
    import typer

    module = importlib.import_module(f"kimera.desk.commands.{name}")
    example = _example(module)
    if hasattr(module, "app"):
        app: typer.Typer = module.app
        app.info.epilog = app.info.epilog or example
        for info in app.registered_commands:
            info.help = info.help or _summary(info.callback)
            info.epilog = info.epilog or example
        return app
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name=name, help=_summary(module.command), epilog=example)(module.command)
    return app


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"--help", "-h", "help"}:
        print(_overview())
        return 0
    if arguments[0] in {"--version", "-V"}:
        print(f"kimera {__version__}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        raise InputError(_unknown(name))
    return _call(name, arguments[1:])


def _call(name: str, arguments: list[str]) -> int:
    import typer

    # Usage errors share the parent class of BadParameter; its name moved between releases.
    usage_errors: type[Exception] = typer.BadParameter.__mro__[2]
    app = build_app(name)
    try:
        outcome = app(args=arguments, prog_name=f"kimera {name}", standalone_mode=False)
    except usage_errors as error:
        text: str = error.format_message()  # type: ignore[attr-defined]
        return _refuse(f"{name}: {' '.join(text.split())} (see kimera {name} --help)")
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    if outcome == INTERRUPTED:  # typer ends an interrupted command with this code and no word
        raise KeyboardInterrupt
    return outcome if isinstance(outcome, int) else 0


def _refuse(message: str) -> int:
    print(f"kimera: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else "see kimera --help"
    return f"no command {name!r}: {hint}"


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"kimera {__version__}: an autonomous trading system", ""]
    lines += ["usage: kimera COMMAND [OPTIONS]   (kimera COMMAND --help for the options)"]
    for panel in _PANELS:
        rows = [(name, row.help) for name, row in COMMANDS.items() if row.panel == panel]
        if rows:
            lines += ["", f"{panel}:", *(f"  {name:<{width}}  {text}" for name, text in rows)]
    lines += ["", "options: --version, --help", "", "Example: kimera run --duration 30s --seed 7"]
    return "\n".join(lines)


def _summary(function: Callable[..., object] | None) -> str:
    """Take what a docstring says before its numpydoc sections."""
    text = inspect.getdoc(function) or "" if function is not None else ""
    ends = [at for at in map(text.find, _SECTIONS) if at >= 0]
    prose = text[: min(ends)] if ends else text
    return "\n\n".join(" ".join(part.split()) for part in prose.split("\n\n")).strip()


def _example(module: ModuleType) -> str:
    return f"Example: {module.EXAMPLE}"
