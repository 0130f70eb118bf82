"""The folder of a run: ``report.html``, ``journal/``, ``summary.json``, and a mark that it is ours.

A folder is only ever replaced if it carries the mark, and of a marked folder only the three
things that a run writes are removed: what somebody else put there stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO, Final

from kimera.errors import InputError

__all__ = ["JOURNAL", "MARK", "REPORT", "SUMMARY", "check_writable", "prepare_folder", "write_file"]

REPORT: Final = "report.html"
JOURNAL: Final = "journal"
SUMMARY: Final = "summary.json"
MARK: Final = ".kimera-run"


def prepare_folder(folder: Path) -> IO[str]:
    """Make an output folder ready: created, or cleared of an earlier run of ours.

    Parameters
    ----------
    folder : Path
        Absent, empty, or made by an earlier run; its parent must exist.

    Returns
    -------
    text file
        The mark. While it is open no other run takes the folder; close it at the end.

    Raises
    ------
    InputError
        If it holds something and was not made by a run, is not a folder, or is in use.
    OSError
        If it cannot be created or written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder}: the output must be a folder, found another kind of file")
    folder.mkdir(exist_ok=True)
    if any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(
            f"{folder}: not empty and not made by an earlier run; choose another --output"
        )
    check_writable(folder)
    # The mark comes first: a run that is killed leaves a folder that the next may replace.
    mark = (folder / MARK).open("a")
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _clear(folder, mark)
    except BlockingIOError as error:
        mark.close()
        raise InputError(
            f"{folder}: another run is writing here; wait for its end or choose another --output"
        ) from error
    except BaseException:
        mark.close()
        raise
    return mark


def _clear(folder: Path, mark: IO[str]) -> None:
    mark.truncate(0)
    mark.write("This folder was made by kimera and may be replaced by it.\n")
    mark.flush()
    for name in (REPORT, SUMMARY):
        (folder / name).unlink(missing_ok=True)
    journal = folder / JOURNAL
    if journal.is_symlink():
        journal.unlink()  # the link only: what it leads to is not ours
    elif journal.is_dir():
        shutil.rmtree(journal)


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written; what stood there before stays.
    """
    target = path.resolve()
    special = target.exists() and not target.is_file()  # a pipe or a device takes it as it comes
    draft = target if special else target.with_name(f".{target.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        if not special:
            draft.replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if not special and draft.exists():
            draft.unlink()


def check_writable(folder: Path) -> None:
    """Raise before a long run, not after it, if a folder cannot take a file.

    Raises
    ------
    InputError
        If `folder` is absent or not writable.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: not writable")
