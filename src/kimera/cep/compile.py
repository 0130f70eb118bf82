"""From a parsed query to the tables the native engine runs.

The automaton is built backwards from its end, in continuation style: each part of the pattern is
told where to go when it has taken a row and where when it has taken none. A turn of a loop beyond
the least number must take a row, which is how the standard keeps ``(A?)*`` from turning for ever.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from kimera._native import cep as _native
from kimera.cep.expression import (
    ANY,
    Aggregate,
    Binder,
    Call,
    Classifier,
    Expression,
    Literal,
    MatchNumber,
    Reference,
    Semantics,
    Type,
)
from kimera.cep.pattern import (
    Alternation,
    Anchor,
    Concatenation,
    Exclusion,
    Pattern,
    Quantified,
    Variable,
    variables_of,
)
from kimera.cep.statement import Output, Skip, Statement, parse_statement
from kimera.errors import SqlError

__all__ = ["Compiled", "Measure", "compile_statement"]

MAX_STATES: Final = 20_000
"""Most states of an automaton; ``{n,m}`` is written out."""
MAX_VARIABLES: Final = 64
MAX_COLUMNS: Final = 63
_ALL: Final = 2**64 - 1

_ROWS: Final = {
    Output.ONE_ROW: "One",
    Output.ALL_SHOW_EMPTY: "AllShowEmpty",
    Output.ALL_OMIT_EMPTY: "AllOmitEmpty",
    Output.ALL_WITH_UNMATCHED: "AllWithUnmatched",
}
_SKIP: Final = {
    Skip.PAST_LAST_ROW: "PastLastRow",
    Skip.TO_NEXT_ROW: "ToNextRow",
    Skip.TO_FIRST: "ToFirst",
    Skip.TO_LAST: "ToLast",
}


class Measure(msgspec.Struct, frozen=True):
    """An output column computed from a match."""

    name: str
    expression: Expression


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A query ready to run.

    Attributes
    ----------
    statement : Statement
    columns : tuple of str
        Input columns the engine reads, in the order it expects them.
    row_columns : tuple of str
        Input columns given out with each output row, before the measures.
    define : dict of str to Expression
    measures : tuple of Measure
    program : native Program
    n_states : int
        Size of the automaton.
    """

    statement: Statement
    columns: tuple[str, ...]
    row_columns: tuple[str, ...]
    define: dict[str, Expression]
    measures: tuple[Measure, ...]
    program: _native.Program
    n_states: int


def compile_statement(
    sql: str, columns: dict[str, Type], interner: _native.Interner, *, name: str = "query"
) -> Compiled:
    """Parse, bind and compile a query.

    Parameters
    ----------
    sql : str
    columns : dict of str to Type
        Columns of the input.
    interner : Interner
        Where text becomes numbers; shared with the data.
    name : str
        How errors call the pattern.

    Raises
    ------
    SqlError
        With line and column.
    """
    statement = parse_statement(sql)
    primary = list(dict.fromkeys(variables_of(statement.pattern)))
    if len(primary) > MAX_VARIABLES:
        raise SqlError(f"at most {MAX_VARIABLES} pattern variables, was {len(primary)}", 1, 1)
    names = set(primary) | set(statement.subsets)
    in_define = Binder(sql, columns, names, in_define=True)
    in_measures = Binder(sql, columns, names, in_define=False)
    define = {v: in_define.condition(scalar) for v, scalar in statement.define.items()}
    measures = tuple(Measure(n, in_measures.bind(s)) for s, n in statement.measures)
    emitter = _Emitter(statement, primary, interner, name)
    emitter.pattern()
    carried = row_columns(statement, columns)
    emitter.expressions(define, measures, carried)
    return Compiled(
        statement=statement,
        columns=tuple(emitter.columns),
        row_columns=tuple(carried),
        define=define,
        measures=measures,
        program=emitter.program,
        n_states=emitter.n_states,
    )


def row_columns(statement: Statement, columns: dict[str, Type]) -> list[str]:
    """List the input columns of an output row: PARTITION BY, ORDER BY, then the rest."""
    keys = [resolve(c, columns, "PARTITION BY") for c in statement.partition_by]
    if statement.output is Output.ONE_ROW:
        return keys
    order = [resolve(c, columns, "ORDER BY") for c in statement.order_by]
    first = list(dict.fromkeys([*keys, *order]))
    return [*first, *(c for c in columns if c not in first)]


def resolve(folded: str, columns: dict[str, Type], clause: str) -> str:
    """Find an input column by its folded name."""
    for name in columns:
        if folded in {name, name.upper()}:
            return name
    raise SqlError(f"{clause} {folded}: there is no such column", 1, 1)


def _nullable(pattern: Pattern) -> bool:
    match pattern:
        case Variable():
            return False
        case Concatenation(items):
            return all(_nullable(item) for item in items)
        case Alternation(items):
            return any(_nullable(item) for item in items)
        case Quantified(item, least):
            return least == 0 or _nullable(item)
        case Exclusion(item):
            return _nullable(item)
        case Anchor():
            return True


class _Emitter:
    """Fills a native Program."""

    def __init__(
        self, statement: Statement, primary: list[str], interner: _native.Interner, name: str
    ) -> None:
        self.statement = statement
        self.primary = primary
        self.interner = interner
        self.program = _native.Program(name)
        self.columns: list[str] = []
        self.n_states = 0
        self._leaf_index: dict[tuple[object, ...], int] = {}

    # The automaton

    def pattern(self) -> None:
        """Build the automaton of the whole pattern."""
        program, statement = self.program, self.statement
        for variable in self.primary:
            program.add_variable(variable, self.interner.intern(variable))
        self._fail = self._state("Fail")
        accept = self._state("Accept")
        start = self._build(statement.pattern, accept, accept, excluded=False)
        skip_mask = self._mask(statement.skip.variable) if statement.skip.variable else 0
        program.set_output(_ROWS[statement.output], _SKIP[statement.skip.mode], skip_mask)
        program.set_start(start, statement.within_ns or 0)

    def _state(
        self,
        step: str,
        follow: int = 0,
        other: int = 0,
        variable: int = 0,
        *,
        excluded: bool = False,
    ) -> int:
        self.n_states += 1
        if self.n_states > MAX_STATES:
            raise SqlError(
                f"the pattern needs more than {MAX_STATES} states: shorten its {{n,m}} bounds", 1, 1
            )
        return self.program.add_state(step, follow, other, variable, excluded)

    def _build(self, pattern: Pattern, empty: int, taken: int, *, excluded: bool) -> int:
        match pattern:
            case Variable(name):
                index = self.primary.index(name)
                return self._state("Match", taken, 0, index, excluded=excluded)
            case Concatenation(items):
                for item in reversed(items):
                    empty, taken = self._pair(item, empty, taken, excluded=excluded)
                return empty
            case Alternation(items):
                ways = [self._build(item, empty, taken, excluded=excluded) for item in items]
                entry = ways[-1]
                for way in reversed(ways[:-1]):
                    entry = self._state("Split", way, entry)
                return entry
            case Exclusion(item):
                return self._build(item, empty, taken, excluded=True)
            case Anchor(at_start):
                return self._state("AtStart" if at_start else "AtEnd", empty)
            case Quantified():
                return self._loop(pattern, empty, taken, excluded=excluded)

    def _pair(self, item: Pattern, empty: int, taken: int, *, excluded: bool) -> tuple[int, int]:
        """Entries of an item when nothing was taken before it, and when something was."""
        after = self._build(item, taken, taken, excluded=excluded)
        if empty == taken or not _nullable(item):
            return after, after
        return self._build(item, empty, taken, excluded=excluded), after

    def _loop(self, loop: Quantified, empty: int, taken: int, *, excluded: bool) -> int:
        if loop.most is None:
            after = self._state("Split")
            turn = self._build(loop.item, self._fail, after, excluded=excluded)
            self.program.set_split(after, *self._ordered(loop, turn, taken))
            before = after
            if empty != taken:
                before = self._state("Split", *self._ordered(loop, turn, empty))
        else:
            before, after = empty, taken
            for _ in range(loop.most - loop.least):
                turn = self._build(loop.item, self._fail, after, excluded=excluded)
                after = self._state("Split", *self._ordered(loop, turn, taken))
                before = after
                if empty != taken:
                    before = self._state("Split", *self._ordered(loop, turn, empty))
        for _ in range(loop.least):
            before, after = self._pair(loop.item, before, after, excluded=excluded)
        return before

    @staticmethod
    def _ordered(loop: Quantified, turn: int, leave: int) -> tuple[int, int]:
        return (turn, leave) if loop.greedy else (leave, turn)

    def _mask(self, variable: str) -> int:
        if variable == ANY:
            return _ALL
        members = self.statement.subsets.get(variable, (variable,))
        return sum(1 << self.primary.index(member) for member in members)

    # Expressions

    def expressions(
        self,
        define: dict[str, Expression],
        measures: tuple[Measure, ...],
        carried: list[str],
    ) -> None:
        """Compile every condition and measure; ``carried`` are the row columns."""
        for variable in self.primary:
            condition = define.get(variable)
            self.program.add_condition(*(self._code(condition) if condition else ([], 1)))
        for measure in measures:
            self.program.add_measure(*self._code(measure.expression))
        self.program.set_row_columns([self.column(name) for name in carried])
        if len(self.columns) > MAX_COLUMNS:
            raise SqlError(
                f"at most {MAX_COLUMNS} columns, the query uses {len(self.columns)}", 1, 1
            )
        self.program.set_columns(len(self.columns))

    def _code(self, tree: Expression) -> tuple[list[tuple[str, int, int, int, int, int]], int]:
        code = _Code(self)
        code.emit(tree)
        return code.instructions, len(code.instructions)

    def column(self, name: str) -> int:
        """Index of an input column, added when new."""
        if name not in self.columns:
            self.columns.append(name)
        return self.columns.index(name)

    def leaf(self, tree: Reference | Classifier) -> int:
        """Index of a leaf, added when new."""
        column = self.column(tree.column) if isinstance(tree, Reference) else -1
        key = (
            column,
            self._mask(tree.variable),
            tree.last,
            tree.logical,
            tree.physical,
            tree.semantics is Semantics.FINAL,
        )
        if key not in self._leaf_index:
            self._leaf_index[key] = self.program.add_leaf(*key)
        return self._leaf_index[key]

    def aggregate(self, tree: Aggregate) -> int:
        """Index of an aggregate, with its argument compiled for one row."""
        argument, is_double = -1, False
        if tree.argument is not None:
            argument = self.program.add_argument(*self._code(_own_row(tree.argument)))
            is_double = tree.argument.type == Type.DOUBLE
        return self.program.add_aggregate(
            _fold_name(tree),
            argument,
            is_double,
            self._mask(tree.variable),
            tree.distinct,
            tree.semantics is Semantics.FINAL,
        )


def _own_row(tree: Expression) -> Expression:
    """The argument of an aggregate as seen from its own row."""
    match tree:
        case Reference(column=column, type=kind):
            return Reference(column, kind, ANY)
        case Classifier():
            return Classifier(ANY)
        case Call(function=name, arguments=arguments, type=kind):
            return Call(name, tuple(_own_row(a) for a in arguments), kind)
        case _:
            return tree


def _fold_name(tree: Aggregate) -> str:
    if tree.argument is None:
        return "CountRows"
    inner = tree.argument.type
    suffix = {Type.DOUBLE: "D", Type.VARCHAR: "S"}.get(inner, "I")
    plain = {
        "count": "Count",
        "count_if": "CountIf",
        "avg": "Avg",
        "stddev": "Stddev",
        "stddev_pop": "StddevPop",
        "variance": "Variance",
        "variance_pop": "VariancePop",
    }
    return plain.get(tree.function) or tree.function.capitalize() + suffix


_PLAIN: Final = {
    "and": "AndB",
    "or": "OrB",
    "not": "NotB",
    "is_null": "IsNull",
    "not_distinct": "NotDistinct",
    "nullif": "NullIf",
    "upper": "Upper",
    "lower": "Lower",
    "trim": "Trim",
    "length": "Length",
    "concat": "Concat",
    "substring": "Substring",
    "like": "Like",
    "sqrt": "SqrtD",
    "pow": "PowD",
    "exp": "ExpD",
    "ln": "LnD",
}
_COMPARE: Final = {"eq": "Eq", "ne": "Ne", "lt": "Lt", "le": "Le", "gt": "Gt", "ge": "Ge"}
_TYPED: Final = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "mod": "Mod",
    "neg": "Neg",
    "abs": "Abs",
    "greatest": "Max",
    "least": "Min",
}


class _Code:
    """Emits the instructions of one expression; each gives one slot."""

    def __init__(self, emitter: _Emitter) -> None:
        self.emitter = emitter
        self.instructions: list[tuple[str, int, int, int, int, int]] = []

    def emit(self, tree: Expression) -> int:
        """Emit a tree; returns its slot."""
        match tree:
            case Literal(value, kind):
                return self._constant(value, kind)
            case Reference() | Classifier():
                return self._push("Leaf", index=self.emitter.leaf(tree))
            case Aggregate():
                return self._push("Aggregate", index=self.emitter.aggregate(tree))
            case MatchNumber():
                return self._push("MatchNumber")
            case Call():
                return self._call(tree)

    def _push(self, op: str, *slots: int, index: int = 0) -> int:
        a, b, c = (*slots, 0, 0, 0)[:3]
        self.instructions.append((op, len(self.instructions), a, b, c, index))
        return len(self.instructions) - 1

    def _constant(self, value: float | str | None, kind: Type) -> int:
        bits = 0
        if isinstance(value, str):
            bits = self.emitter.interner.intern(value)
        elif kind == Type.DOUBLE and value is not None:
            bits = struct.unpack("<q", struct.pack("<d", float(value)))[0]
        elif value is not None:
            bits = int(value)
        index = self.emitter.program.add_constant(bits, value is None)
        return self._push("Const", index=index)

    def _number(self, tree: Expression, *, as_double: bool) -> int:
        slot = self.emit(tree)
        if as_double and tree.type == Type.BIGINT:
            return self._push("ToDouble", slot)
        return slot

    def _call(self, tree: Call) -> int:
        name, arguments = tree.function, tree.arguments
        if name in _COMPARE:
            return self._comparison(name, arguments)
        if name in _TYPED:
            return self._typed(tree)
        if name in {"case", "coalesce"}:
            return self._branches(tree)
        if name in {"floor", "ceil"}:
            slot = self.emit(arguments[0])
            return slot if tree.type != Type.DOUBLE else self._push(name.capitalize() + "D", slot)
        if name == "cast":
            return self._cast(tree)
        doubles = name in {"sqrt", "pow", "exp", "ln"}
        if name in {"nullif", "not_distinct"}:
            doubles = Type.DOUBLE in {a.type for a in arguments}
        slots = [self._number(a, as_double=doubles) for a in arguments]
        if name == "substring" and len(slots) == 2:
            slots.append(self._constant(2**62, Type.BIGINT))
        return self._push(_PLAIN[name], *slots)

    def _comparison(self, name: str, arguments: tuple[Expression, ...]) -> int:
        kinds = {a.type for a in arguments}
        suffix = "D" if Type.DOUBLE in kinds else "I"
        if Type.VARCHAR in kinds and name not in {"eq", "ne"}:
            suffix = "S"
        slots = [self._number(a, as_double=suffix == "D") for a in arguments]
        return self._push(_COMPARE[name] + suffix, *slots)

    def _typed(self, tree: Call) -> int:
        suffix = "D" if tree.type == Type.DOUBLE else "I"
        slots = [self._number(a, as_double=suffix == "D") for a in tree.arguments]
        result = slots[0]
        if len(slots) == 1:
            return self._push(_TYPED[tree.function] + suffix, result)
        for slot in slots[1:]:
            result = self._push(_TYPED[tree.function] + suffix, result, slot)
        return result

    def _branches(self, tree: Call) -> int:
        doubles = tree.type == Type.DOUBLE
        arguments = tree.arguments
        result = self._number(arguments[-1], as_double=doubles)
        if tree.function == "coalesce":
            for argument in reversed(arguments[:-1]):
                slot = self._number(argument, as_double=doubles)
                result = self._push("Coalesce", slot, result)
            return result
        for k in range(len(arguments) - 3, -1, -2):
            when = self.emit(arguments[k])
            then = self._number(arguments[k + 1], as_double=doubles)
            result = self._push("Case", when, then, result)
        return result

    def _cast(self, tree: Call) -> int:
        inner = tree.arguments[0]
        slot = self.emit(inner)
        if inner.type == Type.BIGINT and tree.type == Type.DOUBLE:
            return self._push("ToDouble", slot)
        if inner.type == Type.DOUBLE and tree.type == Type.BIGINT:
            return self._push("ToInt", slot)
        return slot
