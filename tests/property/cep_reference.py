"""A plain and slow MATCH_RECOGNIZE, written from the standard: the oracle of the engine.

Backtracking over Python lists, no cleverness: for each start row the ways to match the pattern
are enumerated in the order of preference (ISO/IEC 9075-2:2016, 4.21: greedy takes more first,
reluctant less; the earlier alternative first), each DEFINE condition is evaluated at the moment
its row is added, and the first way that reaches the end is the match.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from kimera.cep.expression import (
    ANY,
    Aggregate,
    Call,
    Classifier,
    Expression,
    Literal,
    MatchNumber,
    Reference,
    Semantics,
)
from kimera.cep.pattern import (
    Alternation,
    Anchor,
    Concatenation,
    Exclusion,
    Pattern,
    Quantified,
    Variable,
)
from kimera.cep.statement import Output, Skip, Statement

Row = dict[str, Any]
Step = tuple[int, str, bool]  # row index in the partition, variable, excluded from the output
Path = tuple[Step, ...]


class Match:
    """The rows of a partition, the steps taken so far, and where we look from."""

    def __init__(
        self, rows: list[Row], path: Path, number: int, unions: dict[str, tuple[str, ...]]
    ) -> None:
        self.rows, self.path, self.number, self.unions = rows, path, number, unions

    def steps_of(self, variable: str, upto: int) -> list[Step]:
        names = self.unions.get(variable, (variable,))
        return [s for s in self.path[:upto] if variable == ANY or s[1] in names]


def evaluate(tree: Expression, match: Match, upto: int) -> Any:
    """Value at the point where ``upto`` steps are taken (RUNNING); FINAL sees all steps."""
    match tree:
        case Literal(value=value):
            return value
        case MatchNumber():
            return match.number
        case Reference() | Classifier():
            return _leaf(tree, match, upto)
        case Aggregate():
            return _aggregate(tree, match, upto)
        case Call(function=name, arguments=arguments):
            if name in {"and", "or", "case", "coalesce"}:
                return _lazy(name, arguments, lambda a: evaluate(a, match, upto))
            return _call(name, tree, [evaluate(a, match, upto) for a in arguments])
    raise AssertionError(tree)


def _leaf(tree: Reference | Classifier, match: Match, upto: int) -> Any:
    seen = len(match.path) if tree.semantics is Semantics.FINAL else upto
    steps = match.steps_of(tree.variable, seen)
    if tree.logical >= len(steps):
        return None
    step = steps[-1 - tree.logical] if tree.last else steps[tree.logical]
    index = step[0] + tree.physical
    if not 0 <= index < len(match.rows):
        return None
    if isinstance(tree, Reference):
        return match.rows[index][tree.column]
    labels = {s[0]: s[1] for s in match.path[:seen]}
    return labels.get(index)


def _aggregate(tree: Aggregate, match: Match, upto: int) -> Any:
    seen = len(match.path) if tree.semantics is Semantics.FINAL else upto
    steps = match.steps_of(tree.variable, seen)
    if tree.argument is None:
        return len(steps)
    values = []
    for step in steps:
        one = Match(match.rows, (step,), match.number, match.unions)
        values.append(evaluate(_of_any(tree.argument), one, 1))
    values = [v for v in values if v is not None]
    if tree.distinct:
        values = list(dict.fromkeys(values))
    return _fold(tree.function, values)


def _of_any(tree: Expression) -> Expression:
    """The argument of an aggregate, looked at from its own row."""
    match tree:
        case Reference(column=column, type=kind):
            return Reference(column, kind, ANY)
        case Classifier():
            return Classifier(ANY)
        case Call(function=name, arguments=arguments, type=kind):
            return Call(name, tuple(_of_any(a) for a in arguments), kind)
        case _:
            return tree


def _fold(name: str, values: list[Any]) -> Any:
    counts = {"count": len(values), "count_if": sum(1 for v in values if v)}
    if name in counts:
        return counts[name]
    if len(values) < (2 if name in {"stddev", "variance"} else 1):
        return None
    folds: dict[str, Callable[[list[Any]], Any]] = {
        "sum": lambda v: math.fsum(v) if isinstance(v[0], float) else sum(v),
        "avg": lambda v: math.fsum(v) / len(v),
        "min": min,
        "max": max,
        "stddev": statistics.stdev,
        "variance": statistics.variance,
        "stddev_pop": statistics.pstdev,
        "variance_pop": statistics.pvariance,
    }
    return folds[name](values)


def _lazy(name: str, arguments: tuple[Expression, ...], value: Callable[[Expression], Any]) -> Any:
    if name == "coalesce":
        return next((v for v in map(value, arguments) if v is not None), None)
    if name == "case":
        for when, then in zip(arguments[:-1:2], arguments[1::2], strict=False):
            if value(when) is True:
                return value(then)
        return value(arguments[-1])
    sides = [value(a) for a in arguments]
    decisive = name == "or"
    if any(s is decisive for s in sides):
        return decisive
    return None if any(s is None for s in sides) else not decisive


def _call(name: str, tree: Call, v: list[Any]) -> Any:
    if name == "is_null":
        return v[0] is None
    if name == "not_distinct":
        return v[0] == v[1] if None not in v else v[0] is v[1]
    if name == "nullif":
        return None if v[0] == v[1] else v[0]
    if any(x is None for x in v):
        return None
    whole = tree.type.name == "BIGINT"
    table: dict[str, Callable[[], Any]] = {
        "eq": lambda: v[0] == v[1],
        "ne": lambda: v[0] != v[1],
        "lt": lambda: v[0] < v[1],
        "le": lambda: v[0] <= v[1],
        "gt": lambda: v[0] > v[1],
        "ge": lambda: v[0] >= v[1],
        "not": lambda: not v[0],
        "add": lambda: v[0] + v[1],
        "sub": lambda: v[0] - v[1],
        "mul": lambda: v[0] * v[1],
        "div": lambda: _divide(v[0], v[1], whole),
        "mod": lambda: _modulo(v[0], v[1], whole),
        "neg": lambda: -v[0],
        "abs": lambda: abs(v[0]),
        "floor": lambda: v[0] if whole else float(math.floor(v[0])),
        "ceil": lambda: v[0] if whole else float(math.ceil(v[0])),
        "sqrt": lambda: math.sqrt(v[0]) if v[0] >= 0 else math.nan,
        "pow": lambda: math.pow(v[0], v[1]),
        "exp": lambda: math.exp(v[0]),
        "ln": lambda: math.log(v[0]) if v[0] > 0 else (-math.inf if v[0] == 0 else math.nan),
        "greatest": lambda: max(v),
        "least": lambda: min(v),
        "upper": v[0].upper if isinstance(v[0], str) else str,
        "lower": v[0].lower if isinstance(v[0], str) else str,
        "trim": lambda: v[0].strip(" "),
        "length": lambda: len(v[0]),
        "concat": lambda: v[0] + v[1],
        "substring": lambda: v[0][v[1] - 1 :] if len(v) == 2 else v[0][v[1] - 1 : v[1] - 1 + v[2]],
        "like": lambda: re.fullmatch(_like(v[1]), v[0], re.DOTALL) is not None,
        "cast": lambda: int(v[0]) if whole else float(v[0]),
    }
    return table[name]()


def _divide(a: Any, b: Any, whole: bool) -> Any:
    if b == 0:
        return (
            None if whole else (math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a))
        )
    if whole:
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return a / b


def _modulo(a: Any, b: Any, whole: bool) -> Any:
    if b == 0:
        return None if whole else math.nan
    return (
        math.copysign(abs(a) % abs(b), a) if not whole else (abs(a) % abs(b)) * (-1 if a < 0 else 1)
    )


def _like(pattern: str) -> str:
    return "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)


class Matcher:
    """Enumerates the ways a pattern matches from a row, preferred first."""

    def __init__(
        self, rows: list[Row], statement: Statement, define: dict[str, Expression], number: int
    ) -> None:
        self.rows, self.statement, self.define, self.number = rows, statement, define, number

    def first(self, start: int) -> Path | None:
        """The preferred match from a start row: its steps; None when there is none."""
        ways = self._ways(self.statement.pattern, start, (), excluded=False)
        for _, path in ways:
            if self._within(path):
                return path
        return None

    def _within(self, path: Path) -> bool:
        limit = self.statement.within_ns
        if limit is None or not path:
            return True
        column = _column(self.rows, self.statement.order_by[0])
        return bool(self.rows[path[-1][0]][column] - self.rows[path[0][0]][column] < limit)

    def _ways(
        self, pattern: Pattern, at: int, path: Path, *, excluded: bool
    ) -> Iterator[tuple[int, Path]]:
        match pattern:
            case Variable(name):
                yield from self._take(name, at, path, excluded=excluded)
            case Concatenation(items):
                yield from self._sequence(items, at, path, excluded=excluded)
            case Alternation(items):
                for item in items:
                    yield from self._ways(item, at, path, excluded=excluded)
            case Exclusion(item):
                yield from self._ways(item, at, path, excluded=True)
            case Anchor(at_start):
                if at == (0 if at_start else len(self.rows)):
                    yield at, path
            case Quantified():
                yield from self._repeat(pattern, 0, at, path, excluded=excluded)

    def _take(
        self, name: str, at: int, path: Path, *, excluded: bool
    ) -> Iterator[tuple[int, Path]]:
        if at >= len(self.rows):
            return
        taken = (*path, (at, name, excluded))
        condition = self.define.get(name)
        if condition is not None:
            match = Match(self.rows, taken, self.number, self.statement.subsets)
            if evaluate(condition, match, len(taken)) is not True:
                return
        if self._within(taken):
            yield at + 1, taken

    def _sequence(
        self, items: tuple[Pattern, ...], at: int, path: Path, *, excluded: bool
    ) -> Iterator[tuple[int, Path]]:
        if not items:
            yield at, path
            return
        for middle, so_far in self._ways(items[0], at, path, excluded=excluded):
            yield from self._sequence(items[1:], middle, so_far, excluded=excluded)

    def _repeat(
        self, loop: Quantified, done: int, at: int, path: Path, *, excluded: bool
    ) -> Iterator[tuple[int, Path]]:
        def more() -> Iterator[tuple[int, Path]]:
            if loop.most is not None and done >= loop.most:
                return
            for middle, so_far in self._ways(loop.item, at, path, excluded=excluded):
                if middle == at and done >= loop.least:
                    continue  # an empty turn beyond the least adds nothing
                yield from self._repeat(loop, done + 1, middle, so_far, excluded=excluded)

        if done < loop.least:
            yield from more()
        elif loop.greedy:
            yield from more()
            yield at, path
        else:
            yield at, path
            yield from more()


def _column(rows: list[Row], folded: str) -> str:
    return next((c for c in rows[0] if c in {folded} or c.upper() == folded), folded)


def run(
    statement: Statement,
    define: dict[str, Expression],
    measures: list[tuple[str, Expression]],
    rows: list[Row],
) -> list[Row]:
    """All output rows of the query over unsorted input rows."""
    if not rows:
        return []
    keys = [_column(rows, c) for c in statement.partition_by]
    order = [_column(rows, c) for c in statement.order_by]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[k] for k in keys), []).append(row)
    out: list[Row] = []
    for group in groups.values():
        part = sorted(group, key=lambda r: tuple(r[c] for c in order))
        out += _partition(statement, define, measures, part, keys)
    return out


def _partition(
    statement: Statement,
    define: dict[str, Expression],
    measures: list[tuple[str, Expression]],
    rows: list[Row],
    keys: list[str],
) -> list[Row]:
    out: list[Row] = []
    at, number = 0, 1
    matched_upto = 0
    while at < len(rows):
        path = Matcher(rows, statement, define, number).first(at)
        if path is None:
            if statement.output is Output.ALL_WITH_UNMATCHED and at >= matched_upto:
                out.append({**rows[at], **{name: None for name, _ in measures}})
            at += 1
            continue
        match = Match(rows, path, number, statement.subsets)
        out += _rows_of(statement, measures, match, keys, at)
        number += 1
        matched_upto = max(matched_upto, at + len(path))
        at = _next(statement, match, at)
    return out


def _rows_of(
    statement: Statement,
    measures: list[tuple[str, Expression]],
    match: Match,
    keys: list[str],
    at: int,
) -> list[Row]:
    path = match.path
    if statement.output is Output.ONE_ROW:
        row = {k: match.rows[at][k] for k in keys}
        return [row | {name: evaluate(tree, match, len(path)) for name, tree in measures}]
    if not path:
        if statement.output is Output.ALL_OMIT_EMPTY:
            return []
        return [match.rows[at] | {name: evaluate(tree, match, 0) for name, tree in measures}]
    return [
        match.rows[index] | {name: evaluate(tree, match, upto) for name, tree in measures}
        for upto, (index, _, excluded) in enumerate(path, start=1)
        if not excluded
    ]


def _next(statement: Statement, match: Match, at: int) -> int:
    path, skip = match.path, statement.skip
    if not path or skip.mode is Skip.TO_NEXT_ROW:
        return at + 1
    if skip.mode is Skip.PAST_LAST_ROW:
        return path[-1][0] + 1
    steps = match.steps_of(skip.variable, len(path))
    if not steps:
        raise LookupError(f"SKIP TO {skip.variable}: no row of it in the match")
    target = steps[0][0] if skip.mode is Skip.TO_FIRST else steps[-1][0]
    if target == at:
        raise LookupError(f"SKIP TO {skip.variable}: back to the first row of the match")
    return target
