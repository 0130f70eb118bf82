"""Scalar expressions of DEFINE and MEASURES as typed trees in which navigation is resolved.

sqlglot reads the text; here names are bound to columns and pattern variables, types are checked
and every way of looking at a row becomes one of four leaves (ISO/IEC 9075-2:2016, 4.21.12):

* :class:`Reference` - a column of one row. The row is found by a *logical* step (the first or
  last row of a variable, ``logical`` further in) and then a *physical* one (``physical`` rows
  ahead in the partition, negative is back). ``A.price`` is ``LAST(A.price)``; a bare ``price`` is
  that of the last row of any variable; ``PREV(LAST(A.price, 2), 3)`` is logical 2, physical -3.
* :class:`Aggregate` - over all rows of a variable (or of all) matched so far.
* :class:`Classifier` - the variable a row was matched to.
* :class:`MatchNumber` - 1, 2, ... in each partition.

A NULL row (a step outside the match or the partition) gives NULL; logic is three-valued.
"""

from __future__ import annotations

import re
from enum import Enum, IntEnum
from typing import Any, Final, NoReturn

import msgspec

from kimera.cep.lexer import place
from kimera.cep.statement import Scalar
from kimera.errors import MissingExtraError, SqlError

try:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError, TokenError
except ImportError:
    raise MissingExtraError("cep", "sqlglot") from None

__all__ = [
    "ANY",
    "Aggregate",
    "Binder",
    "Call",
    "Classifier",
    "Expression",
    "Literal",
    "MatchNumber",
    "Reference",
    "Semantics",
    "Type",
]

ANY: Final = ""
"""The variable every row belongs to."""


class Type(IntEnum):
    """Type of a column or expression."""

    NULL = 0
    BOOLEAN = 1
    BIGINT = 2
    DOUBLE = 3
    VARCHAR = 4
    TIMESTAMP = 5  # int64 ns since the Unix epoch
    INTERVAL = 6  # int64 ns


class Semantics(Enum):
    """RUNNING sees the rows matched so far, FINAL the whole match."""

    RUNNING = "RUNNING"
    FINAL = "FINAL"


class Literal(msgspec.Struct, frozen=True):
    """A constant; ``value`` is None for NULL."""

    value: bool | int | float | str | None
    type: Type


class Reference(msgspec.Struct, frozen=True):
    """A column of the row found by a logical and then a physical step."""

    column: str
    type: Type
    variable: str
    last: bool = True
    logical: int = 0
    physical: int = 0
    semantics: Semantics = Semantics.RUNNING


class Classifier(msgspec.Struct, frozen=True):
    """Name of the variable the row was matched to."""

    variable: str
    last: bool = True
    logical: int = 0
    physical: int = 0
    semantics: Semantics = Semantics.RUNNING
    type: Type = Type.VARCHAR


class MatchNumber(msgspec.Struct, frozen=True):
    """Number of the match in its partition, from 1."""

    type: Type = Type.BIGINT


class Aggregate(msgspec.Struct, frozen=True):
    """``count``, ``sum``, ``avg``, ``min``, ``max``, ``stddev``, ``variance``, ``count_if`` ...

    ``argument`` is evaluated at each row of ``variable`` (its references are logical 0 of that
    row); None counts rows.
    """

    function: str
    argument: Expression | None
    variable: str
    distinct: bool
    semantics: Semantics
    type: Type


class Call(msgspec.Struct, frozen=True):
    """An operator or function applied to arguments."""

    function: str
    arguments: tuple[Expression, ...]
    type: Type


Expression = Literal | Reference | Classifier | MatchNumber | Aggregate | Call

_NUMERIC: Final = {Type.BIGINT, Type.DOUBLE, Type.NULL}
_ORDERED: Final = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_COMPARISONS: Final[dict[type[exp.Expression], str]] = {
    exp.EQ: "eq",
    exp.NEQ: "ne",
    exp.LT: "lt",
    exp.LTE: "le",
    exp.GT: "gt",
    exp.GTE: "ge",
}
_ARITHMETIC: Final[dict[type[exp.Expression], str]] = {
    exp.Add: "add",
    exp.Sub: "sub",
    exp.Mul: "mul",
    exp.Div: "div",
    exp.Mod: "mod",
}
_DOUBLE_FUNCTIONS: Final[dict[type[exp.Expression], str]] = {
    exp.Sqrt: "sqrt",
    exp.Ln: "ln",
    exp.Exp: "exp",
    exp.Pow: "pow",
}
_STRING_FUNCTIONS: Final[dict[type[exp.Expression], str]] = {
    exp.Upper: "upper",
    exp.Lower: "lower",
    exp.Trim: "trim",
}
_AGGREGATES: Final[dict[type[exp.Expression], str]] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.CountIf: "count_if",
    exp.Stddev: "stddev",
    exp.StddevPop: "stddev_pop",
    exp.Variance: "variance",
    exp.VariancePop: "variance_pop",
}
_NAMED_AGGREGATES: Final = {name.upper(): name for name in _AGGREGATES.values()} | {
    "STDDEV_SAMP": "stddev",
    "VAR_SAMP": "variance",
    "VAR_POP": "variance_pop",
}
_INTERVAL_NS: Final = {
    "NANOSECOND": 1,
    "MICROSECOND": 1_000,
    "MILLISECOND": 1_000_000,
    "SECOND": 1_000_000_000,
    "MINUTE": 60_000_000_000,
    "HOUR": 3_600_000_000_000,
    "DAY": 86_400_000_000_000,
}
_SEMANTICS_MARK: Final = re.compile(r"\b(FINAL|RUNNING)(\s+)(?=[A-Za-z_]+\s*\()", re.IGNORECASE)
_MARKED: Final = re.compile(r"(FINAL|RUNNING)_+(\w+)", re.IGNORECASE)


class Binder:
    """Turns expression text into typed trees.

    Parameters
    ----------
    source : str
        The whole query, for places in errors.
    columns : dict of str to Type
        Columns of the input.
    variables : set of str
        Pattern variables and SUBSET unions.
    in_define : bool
        DEFINE allows RUNNING semantics only.
    """

    def __init__(
        self, source: str, columns: dict[str, Type], variables: set[str], *, in_define: bool
    ) -> None:
        self._source = source
        self._columns = columns
        self._folded = {name.upper(): name for name in columns}
        self._variables = variables
        self._in_define = in_define
        self._scalar = Scalar("", 0)

    def bind(self, scalar: Scalar) -> Expression:
        """Parse and bind one expression.

        Raises
        ------
        SqlError
            With line, column and what to write instead.
        """
        self._scalar = scalar
        marked = _SEMANTICS_MARK.sub(lambda m: m[1] + "_" * len(m[2]), scalar.text)
        try:
            tree = sqlglot.parse_one(marked, read="trino")
        except ParseError as error:
            first = error.errors[0]
            self._fail_at(scalar.start + int(first.get("col", 1)) - 1, str(first["description"]))
        except TokenError as error:
            self._fail_at(scalar.start, str(error))
        return self._bind(tree)

    def condition(self, scalar: Scalar) -> Expression:
        """Parse and bind a DEFINE condition, which is a boolean."""
        tree = self.bind(scalar)
        if tree.type not in {Type.BOOLEAN, Type.NULL}:
            self._fail_at(scalar.start, f"a condition must be a boolean, was {tree.type.name}")
        return tree

    def _fail_at(self, offset: int, message: str) -> NoReturn:
        raise SqlError(message, *place(self._source, offset))

    def _fail(self, node: exp.Expression, message: str) -> NoReturn:
        starts = [int(n.meta["start"]) for n in node.walk() if "start" in n.meta]
        self._fail_at(self._scalar.start + min(starts, default=0), message)

    def _bind(self, node: Any) -> Expression:
        for kind, name in _COMPARISONS.items():
            if type(node) is kind:
                return self._comparison(node, name)
        for kind, name in _ARITHMETIC.items():
            if type(node) is kind:
                return self._arithmetic(node, name)
        for kind, name in _AGGREGATES.items():
            if type(node) is kind:
                return self._aggregate(node, name, None)
        method = getattr(self, f"_bind_{type(node).__name__.lower()}", None)
        if method is not None:
            bound: Expression = method(node)
            return bound
        for kind, name in (_DOUBLE_FUNCTIONS | _STRING_FUNCTIONS).items():
            if type(node) is kind:
                return self._plain_function(node, name)
        self._fail(node, f"{node.sql(dialect='trino')} is not supported here")

    # Leaves

    def _bind_paren(self, node: exp.Expression) -> Expression:
        return self._bind(node.this)

    def _bind_literal(self, node: exp.Expression) -> Expression:
        text = str(node.this)
        if node.args["is_string"]:
            return Literal(text, Type.VARCHAR)
        if re.fullmatch(r"\d+", text):
            value = int(text)
            if value >= 2**63:
                self._fail(node, f"{text} does not fit 64 bits")
            return Literal(value, Type.BIGINT)
        return Literal(float(text), Type.DOUBLE)

    def _bind_boolean(self, node: exp.Expression) -> Expression:
        return Literal(bool(node.this), Type.BOOLEAN)

    def _bind_null(self, node: exp.Expression) -> Expression:  # noqa: ARG002
        return Literal(None, Type.NULL)

    def _bind_interval(self, node: exp.Expression) -> Expression:
        unit = str(node.args.get("unit") or "").upper().removesuffix("S")
        amount = str(node.this.this) if node.this is not None else ""
        if unit not in _INTERVAL_NS or not re.fullmatch(r"-?\d+", amount):
            self._fail(node, f"an interval is a whole number of {', '.join(_INTERVAL_NS)}")
        return Literal(int(amount) * _INTERVAL_NS[unit], Type.INTERVAL)

    def _bind_column(self, node: exp.Expression) -> Expression:
        if isinstance(node.this, exp.Star):
            self._fail(node, "A.* stands only inside COUNT")
        variable = ANY
        if node.args.get("table") is not None:
            variable = self._variable(node.args["table"])
        identifier = node.this
        name = str(identifier.this)
        column = name if identifier.quoted else self._folded.get(name.upper(), name)
        if column not in self._columns:
            known = ", ".join(self._columns)
            self._fail(identifier, f"there is no column {name}; there are {known}")
        return Reference(column, self._columns[column], variable)

    def _variable(self, identifier: exp.Expression) -> str:
        name = str(identifier.this)
        name = name if identifier.args.get("quoted") else name.upper()
        if name not in self._variables:
            self._fail(identifier, f"there is no pattern variable {name}")
        return name

    # Operators

    def _bind_and(self, node: exp.Expression) -> Expression:
        return self._logical(node, "and")

    def _bind_or(self, node: exp.Expression) -> Expression:
        return self._logical(node, "or")

    def _bind_not(self, node: exp.Expression) -> Expression:
        return Call("not", (self._boolean(node.this),), Type.BOOLEAN)

    def _logical(self, node: exp.Expression, name: str) -> Expression:
        sides = (self._boolean(node.this), self._boolean(node.expression))
        return Call(name, sides, Type.BOOLEAN)

    def _boolean(self, node: exp.Expression) -> Expression:
        bound = self._bind(node)
        if bound.type not in {Type.BOOLEAN, Type.NULL}:
            self._fail(node, f"expected a boolean, found {bound.type.name}")
        return bound

    def _comparison(self, node: exp.Expression, name: str) -> Expression:
        left, right = self._bind(node.this), self._bind(node.expression)
        self._comparable(node, left.type, right.type)
        return Call(name, (left, right), Type.BOOLEAN)

    def _comparable(self, node: exp.Expression, left: Type, right: Type) -> None:
        same = left == right or Type.NULL in {left, right}
        if not same and not {left, right} <= _NUMERIC:
            self._fail(node, f"cannot compare {left.name} with {right.name}")

    def _arithmetic(self, node: exp.Expression, name: str) -> Expression:
        left, right = self._bind(node.this), self._bind(node.expression)
        kinds = (left.type, right.type)
        times = {
            (Type.TIMESTAMP, Type.TIMESTAMP, "sub"): Type.INTERVAL,
            (Type.TIMESTAMP, Type.INTERVAL, "add"): Type.TIMESTAMP,
            (Type.TIMESTAMP, Type.INTERVAL, "sub"): Type.TIMESTAMP,
            (Type.INTERVAL, Type.TIMESTAMP, "add"): Type.TIMESTAMP,
            (Type.INTERVAL, Type.INTERVAL, "add"): Type.INTERVAL,
            (Type.INTERVAL, Type.INTERVAL, "sub"): Type.INTERVAL,
            (Type.INTERVAL, Type.BIGINT, "mul"): Type.INTERVAL,
            (Type.BIGINT, Type.INTERVAL, "mul"): Type.INTERVAL,
        }
        result = times.get((*kinds, name))
        if result is None:
            if not set(kinds) <= _NUMERIC:
                self._fail(node, f"cannot {name} {kinds[0].name} and {kinds[1].name}")
            result = Type.DOUBLE if Type.DOUBLE in kinds else Type.BIGINT
        return Call(name, (left, right), result)

    def _bind_neg(self, node: exp.Expression) -> Expression:
        inner = self._bind(node.this)
        if inner.type not in _NUMERIC | {Type.INTERVAL}:
            self._fail(node, f"cannot negate {inner.type.name}")
        return Call("neg", (inner,), inner.type)

    def _bind_between(self, node: exp.Expression) -> Expression:
        value = self._bind(node.this)
        low, high = self._bind(node.args["low"]), self._bind(node.args["high"])
        self._comparable(node, value.type, low.type)
        self._comparable(node, value.type, high.type)
        above = Call("ge", (value, low), Type.BOOLEAN)
        below = Call("le", (value, high), Type.BOOLEAN)
        return Call("and", (above, below), Type.BOOLEAN)

    def _bind_in(self, node: exp.Expression) -> Expression:
        if not node.expressions:
            self._fail(node, "IN takes a list of values; a sub-query is not supported")
        value = self._bind(node.this)
        options = [self._bind(option) for option in node.expressions]
        for option in options:
            self._comparable(node, value.type, option.type)
        result: Expression = Call("eq", (value, options[0]), Type.BOOLEAN)
        for option in options[1:]:
            equal = Call("eq", (value, option), Type.BOOLEAN)
            result = Call("or", (result, equal), Type.BOOLEAN)
        return result

    def _bind_is(self, node: exp.Expression) -> Expression:
        value = self._bind(node.this)
        if isinstance(node.expression, exp.Null):
            return Call("is_null", (value,), Type.BOOLEAN)
        if isinstance(node.expression, exp.Boolean):
            wanted = Literal(bool(node.expression.this), Type.BOOLEAN)
            return Call("not_distinct", (value, wanted), Type.BOOLEAN)
        self._fail(node, "IS takes NULL, TRUE or FALSE")

    def _bind_nullsafeeq(self, node: exp.Expression) -> Expression:
        sides = (self._bind(node.this), self._bind(node.expression))
        self._comparable(node, sides[0].type, sides[1].type)
        return Call("not_distinct", sides, Type.BOOLEAN)

    def _bind_nullsafeneq(self, node: exp.Expression) -> Expression:
        return Call("not", (self._bind_nullsafeeq(node),), Type.BOOLEAN)

    def _bind_like(self, node: exp.Expression) -> Expression:
        value, pattern = self._bind(node.this), self._bind(node.expression)
        if value.type != Type.VARCHAR or not isinstance(pattern, Literal):
            self._fail(node, "LIKE takes text and a constant pattern")
        return Call("like", (value, pattern), Type.BOOLEAN)

    def _bind_dpipe(self, node: exp.Expression) -> Expression:
        sides = (self._bind(node.this), self._bind(node.expression))
        if any(side.type not in {Type.VARCHAR, Type.NULL} for side in sides):
            self._fail(node, "|| joins text")
        return Call("concat", sides, Type.VARCHAR)

    def _bind_case(self, node: exp.Expression) -> Expression:
        branches: list[Expression] = []
        for branch in node.args["ifs"]:
            when = branch.this
            if node.this is not None:
                when = exp.EQ(this=node.this.copy(), expression=branch.this)
            branches += [self._boolean(when), self._bind(branch.args["true"])]
        default = node.args.get("default")
        branches.append(Literal(None, Type.NULL) if default is None else self._bind(default))
        return Call("case", tuple(branches), self._common(node, [*branches[1::2], branches[-1]]))

    def _bind_if(self, node: exp.Expression) -> Expression:
        other = node.args.get("false")
        branches = [
            self._boolean(node.this),
            self._bind(node.args["true"]),
            Literal(None, Type.NULL) if other is None else self._bind(other),
        ]
        return Call("case", tuple(branches), self._common(node, branches[1:]))

    def _common(self, node: exp.Expression, branches: list[Expression]) -> Type:
        kinds = {branch.type for branch in branches} - {Type.NULL}
        if kinds == {Type.BIGINT, Type.DOUBLE}:
            return Type.DOUBLE
        if len(kinds) > 1:
            self._fail(node, f"branches of different types: {sorted(k.name for k in kinds)}")
        return kinds.pop() if kinds else Type.NULL

    # Functions

    def _bind_coalesce(self, node: exp.Expression) -> Expression:
        items = [self._bind(item) for item in (node.this, *node.expressions)]
        return Call("coalesce", tuple(items), self._common(node, items))

    def _bind_nullif(self, node: exp.Expression) -> Expression:
        sides = (self._bind(node.this), self._bind(node.expression))
        self._comparable(node, sides[0].type, sides[1].type)
        return Call("nullif", sides, sides[0].type)

    def _bind_greatest(self, node: exp.Expression) -> Expression:
        items = [self._bind(item) for item in (node.this, *node.expressions)]
        return Call("greatest", tuple(items), self._common(node, items))

    def _bind_least(self, node: exp.Expression) -> Expression:
        items = [self._bind(item) for item in (node.this, *node.expressions)]
        return Call("least", tuple(items), self._common(node, items))

    def _bind_abs(self, node: exp.Expression) -> Expression:
        return self._keeps_type(node, "abs")

    def _bind_floor(self, node: exp.Expression) -> Expression:
        return self._keeps_type(node, "floor")

    def _bind_ceil(self, node: exp.Expression) -> Expression:
        return self._keeps_type(node, "ceil")

    def _keeps_type(self, node: exp.Expression, name: str) -> Expression:
        inner = self._bind(node.this)
        if inner.type not in _NUMERIC:
            self._fail(node, f"{name} takes a number, found {inner.type.name}")
        return Call(name, (inner,), inner.type)

    def _bind_length(self, node: exp.Expression) -> Expression:
        return Call("length", (self._text(node.this),), Type.BIGINT)

    def _bind_substring(self, node: exp.Expression) -> Expression:
        parts = [self._text(node.this), self._bind(node.args["start"])]
        if node.args.get("length") is not None:
            parts.append(self._bind(node.args["length"]))
        return Call("substring", tuple(parts), Type.VARCHAR)

    def _text(self, node: exp.Expression) -> Expression:
        inner = self._bind(node)
        if inner.type not in {Type.VARCHAR, Type.NULL}:
            self._fail(node, f"expected text, found {inner.type.name}")
        return inner

    def _plain_function(self, node: exp.Expression, name: str) -> Expression:
        if type(node) in _STRING_FUNCTIONS:
            return Call(name, (self._text(node.this),), Type.VARCHAR)
        arguments = [self._bind(node.this)]
        if node.args.get("expression") is not None:
            arguments.append(self._bind(node.expression))
        for argument in arguments:
            if argument.type not in _NUMERIC:
                self._fail(node, f"{name} takes numbers, found {argument.type.name}")
        return Call(name, tuple(arguments), Type.DOUBLE)

    def _bind_cast(self, node: exp.Expression) -> Expression:
        inner = self._bind(node.this)
        target = str(node.args["to"].this.name)
        kinds = {
            "BIGINT": Type.BIGINT,
            "INT": Type.BIGINT,
            "DOUBLE": Type.DOUBLE,
            "FLOAT": Type.DOUBLE,
        }
        if target not in kinds or inner.type not in _NUMERIC:
            self._fail(node, f"CAST({inner.type.name} AS {target}) is not supported")
        return Call("cast", (inner,), kinds[target])

    # Navigation and aggregates

    def _bind_first(self, node: exp.Expression) -> Expression:
        return self._logical_step(node, [node.this, node.args.get("expression")], last=False)

    def _bind_last(self, node: exp.Expression) -> Expression:
        return self._logical_step(node, [node.this, node.args.get("expression")], last=True)

    def _bind_anonymous(self, node: exp.Expression) -> Expression:
        name = str(node.this).upper()
        marked = _MARKED.fullmatch(name)
        if marked is not None:
            return self._marked(node, Semantics(marked[1]), marked[2])
        arguments = list(node.expressions)
        if name in {"PREV", "NEXT"}:
            return self._physical_step(node, arguments, -1 if name == "PREV" else 1)
        if name == "CLASSIFIER" and len(arguments) <= 1:
            variable = ANY
            if arguments:
                if not isinstance(arguments[0], exp.Column):
                    self._fail(node, "CLASSIFIER takes a pattern variable")
                variable = self._variable(arguments[0].this)
            return Classifier(variable)
        if name == "MATCH_NUMBER" and not arguments:
            return MatchNumber()
        self._fail(node, f"there is no function {name}")

    def _marked(self, node: exp.Expression, semantics: Semantics, name: str) -> Expression:
        if semantics is Semantics.FINAL and self._in_define:
            self._fail(node, "FINAL is not allowed in DEFINE: the match is not finished there")
        arguments = list(node.expressions)
        if name in {"FIRST", "LAST"}:
            bound = self._logical_step(node, arguments, last=name == "LAST")
            return self._with_semantics(bound, semantics)
        if name in _NAMED_AGGREGATES and len(arguments) == 1:
            inner = exp.Count if name == "COUNT" else None
            return self._aggregate(node, _NAMED_AGGREGATES[name], semantics, arguments[0], inner)
        self._fail(node, f"{semantics.value} stands before FIRST, LAST or an aggregate")

    def _with_semantics(self, bound: Expression, semantics: Semantics) -> Expression:
        match bound:
            case Reference() | Classifier():
                return msgspec.structs.replace(bound, semantics=semantics)
            case Call():
                inner = tuple(self._with_semantics(a, semantics) for a in bound.arguments)
                return Call(bound.function, inner, bound.type)
            case _:
                return bound

    def _offset(self, node: exp.Expression, arguments: list[Any], default: int) -> int:
        if len(arguments) < 2 or arguments[1] is None:
            return default
        offset = arguments[1]
        if not isinstance(offset, exp.Literal) or not str(offset.this).isdigit():
            self._fail(node, "an offset is a whole number >= 0")
        value = int(str(offset.this))
        if value > 1_000_000:
            self._fail(node, f"an offset is at most 1000000, was {value}")
        return value

    def _logical_step(
        self, node: exp.Expression, arguments: list[Any], *, last: bool
    ) -> Expression:
        if not arguments or arguments[0] is None:
            self._fail(node, "FIRST and LAST take a column")
        offset = self._offset(node, arguments, 0)
        inner = self._bind(arguments[0])
        self._one_variable(node, inner)

        def step(leaf: Reference | Classifier) -> Reference | Classifier:
            if leaf.physical:
                self._fail(node, "FIRST and LAST stand inside PREV and NEXT, not around them")
            return msgspec.structs.replace(leaf, last=last, logical=offset)

        return self._map_leaves(node, inner, step)

    def _physical_step(self, node: exp.Expression, arguments: list[Any], sign: int) -> Expression:
        if not 1 <= len(arguments) <= 2:
            self._fail(node, "PREV and NEXT take a column and an offset")
        offset = sign * self._offset(node, arguments, 1)
        inner = self._bind(arguments[0])
        self._one_variable(node, inner)

        def step(leaf: Reference | Classifier) -> Reference | Classifier:
            if leaf.physical:
                self._fail(node, "PREV and NEXT cannot stand inside each other")
            return msgspec.structs.replace(leaf, physical=offset)

        return self._map_leaves(node, inner, step)

    def _map_leaves(self, node: exp.Expression, tree: Expression, step: Any) -> Expression:
        match tree:
            case Reference() | Classifier():
                mapped: Expression = step(tree)
                return mapped
            case Call():
                inner = tuple(self._map_leaves(node, a, step) for a in tree.arguments)
                return Call(tree.function, inner, tree.type)
            case Literal():
                return tree
            case _:
                self._fail(node, "no aggregate or MATCH_NUMBER inside FIRST, LAST, PREV or NEXT")

    def _one_variable(self, node: exp.Expression, tree: Expression) -> None:
        names = {leaf.variable for leaf in leaves(tree) if isinstance(leaf, Reference | Classifier)}
        if not names:
            self._fail(node, "a column is needed inside FIRST, LAST, PREV, NEXT or an aggregate")
        if len(names) > 1:
            self._fail(node, "all columns inside must be of one pattern variable")

    def _aggregate(
        self,
        node: exp.Expression,
        name: str,
        semantics: Semantics | None,
        argument: exp.Expression | None = None,
        star_kind: type[exp.Expression] | None = None,
    ) -> Expression:
        inner = node.this if argument is None else argument
        chosen = Semantics.RUNNING if semantics is None else semantics
        counts = name == "count" or star_kind is exp.Count
        if isinstance(inner, exp.Star) and counts:
            return _row_count(ANY, chosen)
        if isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star) and counts:
            variable = self._variable(inner.args["table"])
            return _row_count(variable, chosen)
        distinct = isinstance(inner, exp.Distinct)
        if distinct:
            inner = inner.expressions[0]
        bound = self._bind(inner)
        self._one_variable(node, bound)
        flat = [x for x in leaves(bound) if isinstance(x, Reference | Classifier)]
        if any(x.logical or x.physical or not x.last for x in flat):
            self._fail(node, "no FIRST, LAST, PREV or NEXT inside an aggregate")
        if any(isinstance(x, Aggregate) for x in leaves(bound)):
            self._fail(node, "no aggregate inside an aggregate")
        result = self._aggregate_type(node, name, bound.type)
        return Aggregate(name, bound, flat[0].variable, distinct, chosen, result)

    def _aggregate_type(self, node: exp.Expression, name: str, inner: Type) -> Type:
        if name in {"count", "count_if"}:
            return Type.BIGINT
        if name in {"min", "max"}:
            return inner
        if inner not in _NUMERIC:
            self._fail(node, f"{name} takes numbers, found {inner.name}")
        return Type.BIGINT if name == "sum" and inner == Type.BIGINT else Type.DOUBLE


def _row_count(variable: str, semantics: Semantics) -> Aggregate:
    return Aggregate(
        function="count",
        argument=None,
        variable=variable,
        distinct=False,
        semantics=semantics,
        type=Type.BIGINT,
    )


def leaves(tree: Expression) -> list[Expression]:
    """List the leaves of a tree; an aggregate is a leaf."""
    if isinstance(tree, Call):
        return [leaf for argument in tree.arguments for leaf in leaves(argument)]
    return [tree]
