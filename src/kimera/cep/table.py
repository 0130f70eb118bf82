"""Columns in and columns out: numpy, polars or Python values as the engine's typed cells.

A cell is 64 bits: integers, times and booleans as they are, doubles by their bits, text as the
number the engine's interner gave it. NULL is a separate mask; NaN is a number, not NULL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kimera._native import cep as _native
from kimera.cep.expression import Type
from kimera.errors import InputError

__all__ = ["Cells", "Coded", "Table", "cells_of", "type_of", "types_of"]

Int64Array = npt.NDArray[np.int64]
MaskArray = npt.NDArray[np.uint8]

_KINDS: Final = {
    "i": Type.BIGINT,
    "u": Type.BIGINT,
    "f": Type.DOUBLE,
    "b": Type.BOOLEAN,
    "M": Type.TIMESTAMP,
    "m": Type.INTERVAL,
    "U": Type.VARCHAR,
    "S": Type.VARCHAR,
    "T": Type.VARCHAR,
}


class Coded(NamedTuple):
    """A column of text by number: how files hand it over without a Python string per row.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        int64 index into ``texts``; -1 is NULL.
    texts : tuple of str
        The distinct texts.
    """

    codes: Int64Array
    texts: tuple[str, ...]

    def cells(self, interner: _native.Interner) -> Cells:
        """Cells of type VARCHAR."""
        numbers = np.array([*(interner.intern(t) for t in self.texts), 0], dtype=np.int64)
        missing = (self.codes < 0).astype(np.uint8)
        return Cells(Type.VARCHAR, numbers[self.codes], missing if missing.any() else None)


class Cells:
    """One column: its type, its bits and, where there are NULLs, their mask.

    Parameters
    ----------
    kind : Type
    bits : ndarray of shape (n_rows,)
        int64.
    nulls : ndarray of shape (n_rows,) or None
        uint8, 1 where NULL; None when there is none.
    """

    __slots__ = ("bits", "kind", "nulls")

    def __init__(self, kind: Type, bits: Int64Array, nulls: MaskArray | None) -> None:
        self.kind, self.bits, self.nulls = kind, bits, nulls

    def __len__(self) -> int:
        return len(self.bits)

    def take(self, index: Int64Array) -> Cells:
        """Rows by position."""
        nulls = None if self.nulls is None else np.ascontiguousarray(self.nulls[index])
        return Cells(self.kind, np.ascontiguousarray(self.bits[index]), nulls)

    def values(self, interner: _native.Interner) -> list[Any]:
        """Python values, None for NULL; times as numpy datetime64[ns]."""
        plain: Sequence[Any]
        match self.kind:
            case Type.DOUBLE:
                plain = self.bits.view(np.float64).tolist()
            case Type.BOOLEAN:
                plain = (self.bits != 0).tolist()
            case Type.VARCHAR:
                known = {int(b): interner.text(int(b)) for b in np.unique(self._present())}
                plain = [known.get(b) for b in self.bits.tolist()]
            case Type.TIMESTAMP:
                plain = list(self.bits.view("datetime64[ns]"))
            case Type.INTERVAL:
                plain = list(self.bits.view("timedelta64[ns]"))
            case _:
                plain = self.bits.tolist()
        if self.kind == Type.NULL:
            return [None] * len(self)
        if self.nulls is None:
            return list(plain)
        return [None if n else v for v, n in zip(plain, self.nulls.tolist(), strict=True)]

    def _present(self) -> Int64Array:
        return self.bits if self.nulls is None else self.bits[self.nulls == 0]


class Table:
    """Named columns of equal length: what a query gives.

    Parameters
    ----------
    columns : dict of str to Cells
    interner : Interner
        Where the text is.
    """

    def __init__(self, columns: dict[str, Cells], interner: _native.Interner) -> None:
        self.columns = columns
        self._interner = interner

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def joined(self, other: Table) -> Table:
        """Put the rows of another table of the same columns behind these."""
        columns = {}
        for name, cells in self.columns.items():
            more = other.columns[name]
            nulls = None
            if cells.nulls is not None or more.nulls is not None:
                masks = [
                    np.zeros(len(c), np.uint8) if c.nulls is None else c.nulls
                    for c in (cells, more)
                ]
                nulls = np.concatenate(masks)
            columns[name] = Cells(cells.kind, np.concatenate([cells.bits, more.bits]), nulls)
        return Table(columns, self._interner)

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns as lists of Python values, None for NULL."""
        return {name: cells.values(self._interner) for name, cells in self.columns.items()}

    def rows(self) -> list[dict[str, Any]]:
        """Rows as dictionaries."""
        columns = self.to_dict()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_polars(self) -> Any:
        """A polars DataFrame (extra ``data``)."""
        from kimera.cep.files import polars  # the extra is imported in one place

        pl = polars()
        kinds = {
            Type.BIGINT: pl.Int64,
            Type.DOUBLE: pl.Float64,
            Type.BOOLEAN: pl.Boolean,
            Type.VARCHAR: pl.String,
            Type.TIMESTAMP: pl.Datetime("ns"),
            Type.INTERVAL: pl.Duration("ns"),
            Type.NULL: pl.Null,
        }
        series = []
        for name, cells in self.columns.items():
            values: Any = cells.values(self._interner)
            if cells.kind in {Type.TIMESTAMP, Type.INTERVAL}:
                masked = pl.Series(name, cells.bits)
                if cells.nulls is not None:
                    masked = pl.select(
                        pl.when(pl.Series(cells.nulls == 0)).then(masked).alias(name)
                    ).to_series()
                series.append(masked.cast(kinds[cells.kind]))
            else:
                series.append(pl.Series(name, values, dtype=kinds[cells.kind]))
        return pl.DataFrame(series)


def type_of(name: str, values: Any) -> Type:
    """Tell the SQL type of a column.

    Raises
    ------
    InputError
        When the column holds something the engine has no type for.
    """
    if isinstance(values, Coded):
        return Type.VARCHAR
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    if array.dtype.kind == "O":
        return _type_of_objects(name, array.tolist())
    kind = _KINDS.get(array.dtype.kind)
    if kind is None:
        raise InputError(f"column {name}: no SQL type for {array.dtype}")
    return kind


def _type_of_objects(name: str, values: list[Any]) -> Type:
    found = {type(v) for v in values if v is not None}
    if not found:
        return Type.NULL
    for python_types, kind in (
        ({str}, Type.VARCHAR),
        ({bool}, Type.BOOLEAN),
        ({int}, Type.BIGINT),
        ({int, float}, Type.DOUBLE),
    ):
        if found <= python_types:
            return kind
    names = ", ".join(sorted(t.__name__ for t in found))
    raise InputError(f"column {name}: expected one SQL type, found {names}")


def types_of(frame: Mapping[str, Any]) -> dict[str, Type]:
    """Tell the SQL types of all columns."""
    return {name: type_of(name, frame[name]) for name in frame}


def cells_of(name: str, values: Any, kind: Type, interner: _native.Interner) -> Cells:
    """Turn a column into cells of a given type.

    Parameters
    ----------
    name : str
        For the error.
    values : array-like of shape (n_rows,)
        None stands for NULL.
    kind : Type
        What the query was compiled for.
    interner : Interner

    Raises
    ------
    InputError
        When the column is of another type.
    """
    if isinstance(values, Coded) and kind == Type.VARCHAR:
        return values.cells(interner)
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    found = type_of(name, values)
    if found != kind and not (found == Type.BIGINT and kind == Type.DOUBLE) and found != Type.NULL:
        raise InputError(f"column {name}: expected {kind.name}, found {found.name}")
    nulls: MaskArray | None = None
    if array.dtype.kind == "O":
        nulls = np.array([v is None for v in array.tolist()], dtype=np.uint8)
        fill: Any = "" if kind == Type.VARCHAR else 0
        array = np.array([fill if v is None else v for v in array.tolist()])
        if not nulls.any():
            nulls = None
    if array.dtype.kind in "Mm":
        array = array.astype(f"{array.dtype.kind}8[ns]")
        missing = np.isnat(array)
        nulls = missing.astype(np.uint8) if missing.any() else None
    return Cells(kind, _bits_of(name, array, kind, interner), nulls)


def _bits_of(name: str, array: Any, kind: Type, interner: _native.Interner) -> Int64Array:
    if kind == Type.VARCHAR:
        distinct, inverse = np.unique(array.astype(str), return_inverse=True)
        codes = np.array([interner.intern(str(text)) for text in distinct], dtype=np.int64)
        return np.ascontiguousarray(codes[inverse]) if len(distinct) else np.zeros(0, np.int64)
    if kind == Type.DOUBLE:
        return np.ascontiguousarray(array, dtype=np.float64).view(np.int64)
    if array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63:
        raise InputError(f"column {name}: {int(array.max())} does not fit a signed 64-bit integer")
    if array.dtype.kind in "Mm":
        return np.ascontiguousarray(array).view(np.int64)
    return np.ascontiguousarray(array, dtype=np.int64)
