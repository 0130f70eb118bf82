"""One query over a stream of rows, or over a whole table at once.

:func:`match` is the batch form: it sorts, matches and gives a :class:`Table`. :class:`Query` is
the streaming form: batches of rows that arrive in the order of ORDER BY, matches given out as
soon as they are decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kimera._native import cep as _native
from kimera.cep.compile import Compiled, compile_statement, resolve
from kimera.cep.expression import Type
from kimera.cep.lexer import place
from kimera.cep.statement import Scalar
from kimera.cep.table import Cells, Table, cells_of, types_of
from kimera.errors import CapacityError, InputError, SqlError

__all__ = ["MAX_ROWS_HELD", "MAX_WAYS", "Query", "match"]

MAX_ROWS_HELD: Final = 1 << 20
"""Rows a partition may hold while a match is open."""
MAX_WAYS: Final = 1 << 14
"""Ways an open match may still go."""


class Query:
    """A registered pattern.

    Parameters
    ----------
    sql : str
        One MATCH_RECOGNIZE query.
    columns : dict of str to Type
        Columns of the input and their types.
    interner : Interner, optional
        Shared by queries over the same stream.
    name : str
        How errors call the pattern.
    max_rows_held, max_ways : int
        Bounds per partition; reaching one raises CapacityError naming pattern and partition.

    Raises
    ------
    SqlError
        With line, column and what to write instead.
    """

    def __init__(
        self,
        sql: str,
        columns: dict[str, Type],
        interner: _native.Interner | None = None,
        *,
        name: str = "query",
        max_rows_held: int = MAX_ROWS_HELD,
        max_ways: int = MAX_WAYS,
    ) -> None:
        self.interner = _native.Interner() if interner is None else interner
        self.name = name
        self.columns = dict(columns)
        self.compiled: Compiled = compile_statement(sql, columns, self.interner, name=name)
        statement = self.compiled.statement
        self.partition_by = [resolve(c, columns, "PARTITION BY") for c in statement.partition_by]
        self.order_by = [resolve(c, columns, "ORDER BY") for c in statement.order_by]
        self._check_order()
        self.outputs = self._outputs()
        self.max_rows_held, self.max_ways = max_rows_held, max_ways
        self.compiled.program.set_bounds(max_rows_held, max_ways)
        self._matcher = _native.Matcher(self.compiled.program, self.interner)
        self._keys = _native.KeyTable()
        self._rows_seen = 0

    def _check_order(self) -> None:
        statement = self.compiled.statement
        if not self.order_by:
            if statement.within_ns is not None:
                raise SqlError("WITHIN needs ORDER BY a time column", 1, 1)
            return
        kind = self.columns[self.order_by[0]]
        if kind not in {Type.BIGINT, Type.TIMESTAMP, Type.DOUBLE}:
            raise SqlError(f"ORDER BY {self.order_by[0]}: cannot order by {kind.name}", 1, 1)
        if statement.within_ns is not None and kind == Type.DOUBLE:
            raise SqlError("WITHIN needs ORDER BY a timestamp or integer nanoseconds", 1, 1)

    def _outputs(self) -> list[tuple[str, str]]:
        """Pairs (name in the result, source): measures by name, input columns by name."""
        measures = [m.name for m in self.compiled.measures]
        available = [*self.compiled.row_columns, *measures]
        if not self.compiled.statement.select:
            return [(name, name) for name in available]
        return [(name, self._selected(s, available)) for s, name in self.compiled.statement.select]

    def _selected(self, scalar: Scalar, available: list[str]) -> str:
        text = scalar.text.strip().strip('"').rpartition(".")[2].strip('"')
        for name in available:
            if text == name or text.upper() == name.upper():
                return name
        line, column = place(self.compiled.statement.source, scalar.start)
        known = ", ".join(available)
        raise SqlError(
            f"SELECT {scalar.text}: write * or columns of the result ({known}); "
            "compute in MEASURES",
            line,
            column,
        )

    # Streaming

    def push(self, frame: Mapping[str, Any]) -> Table:
        """Take rows in the order of ORDER BY; give the matches they decide.

        Parameters
        ----------
        frame : mapping of str to array-like of shape (n_rows,)

        Raises
        ------
        InputError
            Wrong types, rows out of order, NULL in ORDER BY.
        CapacityError
            A bound of a partition is reached.
        """
        return self.push_cells(self.cells(frame))

    def finish(self) -> Table:
        """Say that no row will come any more; give the matches this decides."""
        return self._table(self._run(self._matcher.finish))

    def cells(self, frame: Mapping[str, Any]) -> dict[str, Cells]:
        """Turn rows into cells of the types the query was compiled for."""
        missing = [c for c in self.columns if c not in frame]
        if missing:
            raise InputError(f"the rows lack the column {missing[0]}")
        return {c: cells_of(c, frame[c], kind, self.interner) for c, kind in self.columns.items()}

    def push_cells(self, cells: dict[str, Cells]) -> Table:
        """Take rows that are cells already; see :meth:`push`."""
        n_rows = len(next(iter(cells.values())))
        used = [cells[c] for c in self.compiled.columns]
        order = self._order(cells, n_rows)
        keys = self._partition(cells, n_rows)
        self._rows_seen += n_rows
        raw = self._run(
            self._matcher.push, [c.bits for c in used], [c.nulls for c in used], order, keys
        )
        return self._table(raw)

    def _run(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except _native.BoundReached as error:
            raise CapacityError(str(error)) from None
        except ValueError as error:
            raise InputError(str(error)) from None

    def _order(self, cells: dict[str, Cells], n_rows: int) -> npt.NDArray[np.int64]:
        if not self.order_by:
            return np.arange(self._rows_seen, self._rows_seen + n_rows, dtype=np.int64)
        first = cells[self.order_by[0]]
        if first.nulls is not None and first.nulls.any():
            row = int(np.argmax(first.nulls)) + self._rows_seen
            raise InputError(f"row {row}: ORDER BY {self.order_by[0]} is NULL")
        if first.kind != Type.DOUBLE:
            return first.bits
        if np.isnan(first.bits.view(np.float64)).any():
            raise InputError(f"ORDER BY {self.order_by[0]} is not a number in some row")
        # The bits of a double, turned so that they order as integers.
        flipped = np.where(first.bits < 0, first.bits ^ np.int64(2**63 - 1), first.bits)
        return np.ascontiguousarray(flipped)

    def _partition(self, cells: dict[str, Cells], n_rows: int) -> npt.NDArray[np.uint64]:
        if not self.partition_by:
            return np.zeros(n_rows, dtype=np.uint64)
        columns = [cells[c] for c in self.partition_by]
        if len(columns) == 1 and columns[0].nulls is None:
            return columns[0].bits.view(np.uint64)
        return self._keys.combine([c.bits for c in columns], [c.nulls for c in columns])

    # Results

    def _table(self, raw: Any) -> Table:
        _, values, nulls = raw
        kinds = {c: self.columns[c] for c in self.compiled.row_columns}
        kinds |= {m.name: m.expression.type for m in self.compiled.measures}
        made: dict[str, Cells] = {}
        for index, (name, kind) in enumerate(kinds.items()):
            mask = np.ascontiguousarray(nulls[:, index])
            bits = np.ascontiguousarray(values[:, index])
            made[name] = Cells(kind, bits, mask if mask.any() else None)
        return Table({name: made[source] for name, source in self.outputs}, self.interner)

    @property
    def n_matches(self) -> int:
        """Matches found so far."""
        return int(self._matcher.n_matches)

    @property
    def n_partitions(self) -> int:
        """Partitions seen so far."""
        return int(self._matcher.n_partitions)


def match(sql: str, frame: Mapping[str, Any], *, name: str = "query") -> Table:
    """Run a query over a whole table.

    Parameters
    ----------
    sql : str
        One MATCH_RECOGNIZE query; the table's name in it is not looked at.
    frame : mapping of str to array-like of shape (n_rows,)
        A dict of arrays or lists, or a polars DataFrame as ``frame.to_dict()``; None is NULL.
    name : str
        How errors call the pattern.

    Returns
    -------
    Table
        Rows in the order in which their matches were decided.

    Examples
    --------
    >>> from kimera.cep import match
    >>> sql = '''SELECT * FROM t MATCH_RECOGNIZE (
    ...     ORDER BY ts MEASURES A.price AS top, LAST(B.price) AS bottom
    ...     PATTERN (A B+) DEFINE B AS price < PREV(price))'''
    >>> found = match(sql, {"ts": [1, 2, 3, 4], "price": [5, 4, 3, 6]})
    >>> found.rows()
    [{'top': 5, 'bottom': 3}]
    """
    query = Query(sql, types_of(frame), name=name)
    cells = query.cells(frame)
    if query.order_by:
        if any(cells[c].nulls is not None for c in query.order_by):
            query.push_cells(cells)  # raises, naming the row
        order = np.lexsort([_sortable(cells[c]) for c in reversed(query.order_by)])
        cells = {c: column.take(order) for c, column in cells.items()}
    first, last = query.push_cells(cells), query.finish()
    return first.joined(last)


def _sortable(column: Cells) -> npt.NDArray[Any]:
    return column.bits.view(np.float64) if column.kind == Type.DOUBLE else column.bits
