"""Rows from files and results to files, through polars (extra ``data``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from kimera.cep.table import Coded, Table
from kimera.errors import FormatError, InputError, MissingExtraError

__all__ = ["WRITERS", "polars", "read_columns", "write_table"]

WRITERS: Final = ("json", "csv", "parquet")


def polars() -> Any:
    """Import polars; MissingExtraError with the command that installs it."""
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("data", "polars") from None
    return pl


def read_columns(path: Path) -> dict[str, Any]:
    """Read a CSV or Parquet file as columns.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.csv.gz`` or ``.parquet``.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,) or Coded
        Columns with NULLs are object arrays with None; text is :class:`Coded`.

    Raises
    ------
    InputError
        No such file, or a suffix nothing is known of.
    FormatError
        The file is not what its suffix says.
    """
    pl = polars()
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        elif path.name.endswith((".csv", ".csv.gz")):
            frame = pl.read_csv(path, try_parse_dates=True)
        else:
            raise InputError(f"{path}: expected .csv, .csv.gz or .parquet, found {path.suffix!r}")
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        raise FormatError(str(path), "offset 0", f"a {path.suffix} table", first) from None
    return {column.name: _array(column, pl) for column in frame.get_columns()}


def _array(column: Any, pl: Any) -> Any:
    if column.dtype == pl.String:
        # One Python string per distinct text, not per row.
        texts = column.drop_nulls().unique(maintain_order=True)
        codes = column.cast(pl.Enum(texts)).to_physical().cast(pl.Int64).fill_null(-1)
        return Coded(codes.to_numpy(), tuple(texts.to_list()))
    if column.dtype in {pl.Datetime, pl.Date}:
        return column.cast(pl.Datetime("ns")).to_numpy()
    if column.null_count():
        return np.array(column.to_list(), dtype=object)
    return column.to_numpy()


def write_table(table: Table, form: str, path: Path | None) -> str | None:
    """Write a result.

    Parameters
    ----------
    table : Table
    form : str
        ``"json"`` (one object a line), ``"csv"`` or ``"parquet"``.
    path : Path or None
        None gives the text back (not for Parquet).

    Returns
    -------
    str or None
        The text when no path was given.
    """
    if form == "parquet":
        if path is None:
            raise InputError("Parquet is not text: name a file with --out")
        table.to_polars().write_parquet(path)
        return None
    if form == "json":
        text = "".join(json.dumps(row, default=str) + "\n" for row in table.rows())
    elif form == "csv":
        text = str(table.to_polars().write_csv())
    else:
        raise InputError(f"--output: expected one of {', '.join(WRITERS)}, was {form!r}")
    if path is None:
        return text
    path.write_text(text)
    return None
