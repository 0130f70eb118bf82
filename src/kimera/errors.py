"""Every error Kimera raises, in one tree.

::

    KimeraError
    ├── InputError (ValueError)        what was given is wrong; exit code 2
    │   ├── FormatError                a file is not what it should be: file, offset or row
    │   ├── SequenceError              time runs backwards, or records are missing
    │   ├── UnknownSymbolError (KeyError)
    │   ├── SqlError                   a pattern query is wrong: line, column, what to write
    │   └── ConfigError                names the key, as in ``$.risk_limits.max_drawdown``
    ├── BookError (ValueError)         an event the book cannot take (strict mode)
    ├── JournalError (OSError)         the journal cannot be written, or was changed
    │   ├── JournalFullError           the disk or the configured bound is reached
    │   └── JournalCorruptError        a block does not match its checksum or its chain
    ├── StrategyError (RuntimeError)   a strategy raised; names the callback and the time
    ├── CapacityError (RuntimeError)   a configured bound is reached
    └── MissingExtraError (ImportError)  an optional package is absent; names the command

A business "no" (a refused order) is never an error: it is a :class:`kimera.model.Refused`.
Messages say what happened, what the limit or expectation was, and what was found.
"""

from __future__ import annotations

__all__ = [
    "BookError",
    "CapacityError",
    "ConfigError",
    "FormatError",
    "InputError",
    "JournalCorruptError",
    "JournalError",
    "JournalFullError",
    "KimeraError",
    "MissingExtraError",
    "SequenceError",
    "SqlError",
    "StrategyError",
    "UnknownSymbolError",
]


class KimeraError(Exception):
    """Root of the tree: catch it to catch everything Kimera raises on purpose."""


class InputError(KimeraError, ValueError):
    """What the user gave is wrong."""


class FormatError(InputError):
    """A file is not in the format it should be in.

    Parameters
    ----------
    file : str
        The file as the user named it.
    where : str
        ``"offset 1234"`` or ``"row 17"``.
    expected, found : str
        What should have stood there, and what does.
    """

    def __init__(self, file: str, where: str, expected: str, found: str) -> None:
        super().__init__(f"{file}: {where}: expected {expected}, found {found}")
        self.file = file
        self.where = where
        self.expected = expected
        self.found = found


class SequenceError(InputError):
    """Time runs backwards or records are missing, and the caller asked for strictness."""


class UnknownSymbolError(InputError, KeyError):
    """A symbol or instrument id nobody defined."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class SqlError(InputError):
    """A pattern query is wrong or asks for what is not supported.

    Parameters
    ----------
    message : str
        What is wrong and what to write instead.
    line, column : int
        Where, both from 1.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column


class ConfigError(InputError):
    """A configuration value is out of range, missing, or not known."""


class BookError(KimeraError, ValueError):
    """An event the book cannot take."""


class JournalError(KimeraError, OSError):
    """The journal cannot be read or written."""


class JournalFullError(JournalError):
    """The disk, or the bound given by configuration, is full."""


class JournalCorruptError(JournalError):
    """A block does not match its checksum or the hash chain."""


class CapacityError(KimeraError, RuntimeError):
    """A bound given by configuration is reached."""


class MissingExtraError(KimeraError, ImportError):
    """An optional package is not installed.

    Parameters
    ----------
    extra : str
        The extra that brings it, as in ``pip install 'kimera-trading[data]'``.
    package : str
        The package that is missing.
    """

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(f"this needs the package {package}: pip install 'kimera-trading[{extra}]'")
        self.extra = extra
        self.package = package


class StrategyError(KimeraError, RuntimeError):
    """A callback of a strategy raised, and the run was stopped there."""
