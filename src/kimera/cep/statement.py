"""A MATCH_RECOGNIZE query as a tree: the clause grammar of SQL:2016 and Flink's WITHIN.

::

    SELECT * | item {, item} FROM table MATCH_RECOGNIZE (
      [ PARTITION BY column {, column} ]
      [ ORDER BY column [ASC] {, column} ]
      [ MEASURES expression AS name {, ...} ]
      [ ONE ROW PER MATCH | ALL ROWS PER MATCH [ SHOW EMPTY MATCHES | OMIT EMPTY MATCHES
                                                 | WITH UNMATCHED ROWS ] ]
      [ AFTER MATCH SKIP PAST LAST ROW | TO NEXT ROW | TO [FIRST | LAST] variable ]
      PATTERN ( pattern ) [ WITHIN INTERVAL 'n' unit ]
      [ SUBSET name = ( variable {, variable} ) {, ...} ]
      [ DEFINE variable AS condition {, ...} ]
    ) [ [AS] alias ] [ ; ]

Scalar expressions are kept as source text with their place; ``kimera.cep.expression`` reads them.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from kimera.cep.lexer import Token, Tokens
from kimera.cep.pattern import Pattern, parse_pattern, variables_of

__all__ = ["Output", "Scalar", "Skip", "SkipTo", "Statement", "parse_statement"]

_CLAUSES: Final = frozenset(
    {"PARTITION", "ORDER", "MEASURES", "ONE", "ALL", "AFTER", "PATTERN", "SUBSET", "DEFINE", "AS"}
)
_UNITS_NS: Final = {
    "NANOSECOND": 1,
    "MICROSECOND": 1_000,
    "MILLISECOND": 1_000_000,
    "SECOND": 1_000_000_000,
    "MINUTE": 60 * 1_000_000_000,
    "HOUR": 3_600 * 1_000_000_000,
    "DAY": 86_400 * 1_000_000_000,
}


class Output(Enum):
    """What a match gives."""

    ONE_ROW = "ONE ROW PER MATCH"
    ALL_SHOW_EMPTY = "ALL ROWS PER MATCH SHOW EMPTY MATCHES"
    ALL_OMIT_EMPTY = "ALL ROWS PER MATCH OMIT EMPTY MATCHES"
    ALL_WITH_UNMATCHED = "ALL ROWS PER MATCH WITH UNMATCHED ROWS"


class Skip(Enum):
    """Where the search goes on after a match."""

    PAST_LAST_ROW = "PAST LAST ROW"
    TO_NEXT_ROW = "TO NEXT ROW"
    TO_FIRST = "TO FIRST"
    TO_LAST = "TO LAST"


class SkipTo(msgspec.Struct, frozen=True):
    """AFTER MATCH SKIP; ``variable`` only for TO_FIRST and TO_LAST."""

    mode: Skip = Skip.PAST_LAST_ROW
    variable: str = ""


class Scalar(msgspec.Struct, frozen=True):
    """The text of a scalar expression and its offset in the query."""

    text: str
    start: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed query.

    Attributes
    ----------
    source : str
        The query as written; offsets point into it.
    table : str
        Name of the input.
    select : tuple of (Scalar, str)
        Output expressions and their names; empty for ``*``.
    partition_by, order_by : tuple of str
        Column names.
    measures : tuple of (Scalar, str)
    output : Output
    skip : SkipTo
    pattern : Pattern
    within_ns : int or None
        Longest time from first to last row of a match, exclusive [ns].
    subsets : dict of str to tuple of str
        Union variables.
    define : dict of str to Scalar
        Conditions; a variable without one is always true.
    """

    source: str
    table: str
    select: tuple[tuple[Scalar, str], ...]
    partition_by: tuple[str, ...]
    order_by: tuple[str, ...]
    measures: tuple[tuple[Scalar, str], ...]
    output: Output
    skip: SkipTo
    pattern: Pattern
    within_ns: int | None
    subsets: dict[str, tuple[str, ...]]
    define: dict[str, Scalar]


def fold(token: Token) -> str:
    """Give a name its canonical form: bare names in upper case, quoted ones as written."""
    return token.text if token.kind == "quoted" else token.text.upper()


def parse_statement(source: str) -> Statement:
    """Parse a query with one MATCH_RECOGNIZE clause.

    Parameters
    ----------
    source : str
        SQL text.

    Returns
    -------
    Statement

    Raises
    ------
    SqlError
        With line, column and what to write instead.

    Examples
    --------
    >>> s = parse_statement("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts "
    ...                     "PATTERN (A B+) DEFINE B AS B.price > PREV(B.price))")
    >>> s.order_by
    ('TS',)
    """
    tokens = Tokens(source)
    tokens.expect_words("SELECT")
    select = _select(tokens)
    tokens.expect_words("FROM")
    table = tokens.expect_name("a table name").text
    tokens.expect_words("MATCH_RECOGNIZE")
    tokens.expect("(")
    partition_by = _columns(tokens) if tokens.accept_words("PARTITION", "BY") else ()
    order_by = _order(tokens) if tokens.accept_words("ORDER", "BY") else ()
    measures = _named(tokens) if tokens.accept_words("MEASURES") else ()
    output = _output(tokens)
    skip_at = tokens.peek()
    skip = _skip(tokens)
    tokens.expect_words("PATTERN")
    tokens.expect("(")
    pattern = parse_pattern(tokens)
    tokens.expect(")")
    within_ns = _interval(tokens) if tokens.accept_words("WITHIN") else None
    subsets = _subsets(tokens) if tokens.accept_words("SUBSET") else {}
    define = _define(tokens) if tokens.accept_words("DEFINE") else {}
    tokens.expect(")")
    _tail(tokens)
    statement = Statement(
        source=source,
        table=table,
        select=select,
        partition_by=partition_by,
        order_by=order_by,
        measures=measures,
        output=output,
        skip=skip,
        pattern=pattern,
        within_ns=within_ns,
        subsets=subsets,
        define=define,
    )
    _check_names(statement, tokens, skip_at)
    return statement


def _select(tokens: Tokens) -> tuple[tuple[Scalar, str], ...]:
    if tokens.accept("*"):
        return ()
    items: list[tuple[Scalar, str]] = []
    while True:
        start = tokens.peek()
        text, offset = tokens.cut_expression(frozenset({"FROM", "AS"}), "an output column")
        bare = start.kind in {"name", "quoted"} and start.stop == offset + len(text)
        if tokens.accept_words("AS"):
            name = tokens.expect_name("an output name").text
        elif bare:
            name = start.text
        else:
            tokens.fail(f"name this output: {text} AS name", start)
        items.append((Scalar(text, offset), name))
        if not tokens.accept(","):
            return tuple(items)


def _columns(tokens: Tokens) -> tuple[str, ...]:
    names = [fold(tokens.expect_name("a column"))]
    while tokens.accept(","):
        names.append(fold(tokens.expect_name("a column")))
    return tuple(names)


def _order(tokens: Tokens) -> tuple[str, ...]:
    names: list[str] = []
    while True:
        names.append(fold(tokens.expect_name("a column")))
        if tokens.peek().word == "DESC":
            tokens.fail("only ascending order is supported: a stream cannot run backwards")
        tokens.accept_words("ASC")
        if tokens.at_words("NULLS"):
            tokens.fail("NULLS FIRST/LAST is not supported: the order column may not be NULL")
        if not tokens.accept(","):
            return tuple(names)


def _named(tokens: Tokens) -> tuple[tuple[Scalar, str], ...]:
    items: list[tuple[Scalar, str]] = []
    while True:
        text, offset = tokens.cut_expression(_CLAUSES, "a measure")
        tokens.expect_words("AS")
        items.append((Scalar(text, offset), tokens.expect_name("the name of the measure").text))
        if not tokens.accept(","):
            return tuple(items)


def _output(tokens: Tokens) -> Output:
    if tokens.accept_words("ALL", "ROWS", "PER", "MATCH"):
        if tokens.accept_words("OMIT", "EMPTY", "MATCHES"):
            return Output.ALL_OMIT_EMPTY
        if tokens.accept_words("WITH", "UNMATCHED", "ROWS"):
            return Output.ALL_WITH_UNMATCHED
        tokens.accept_words("SHOW", "EMPTY", "MATCHES")
        return Output.ALL_SHOW_EMPTY
    tokens.accept_words("ONE", "ROW", "PER", "MATCH")
    return Output.ONE_ROW


def _skip(tokens: Tokens) -> SkipTo:
    if not tokens.accept_words("AFTER", "MATCH"):
        return SkipTo()
    tokens.expect_words("SKIP")
    if tokens.accept_words("PAST", "LAST", "ROW"):
        return SkipTo()
    tokens.expect_words("TO")
    if tokens.accept_words("NEXT", "ROW"):
        return SkipTo(Skip.TO_NEXT_ROW)
    mode = Skip.TO_FIRST if tokens.accept_words("FIRST") else Skip.TO_LAST
    if mode is Skip.TO_LAST:
        tokens.accept_words("LAST")
    return SkipTo(mode, fold(tokens.expect_name("a pattern variable")))


def _interval(tokens: Tokens) -> int:
    tokens.expect_words("INTERVAL")
    token = tokens.take()
    amount = token.text.strip("'").strip()
    if token.kind not in {"string", "number"} or not amount.isdigit() or int(amount) == 0:
        tokens.fail(f"expected a whole number above 0, found {token.text}", token)
    unit = tokens.expect_name("a unit, as SECOND")
    factor = _UNITS_NS.get(unit.word.removesuffix("S") if unit.word else "")
    if factor is None:
        tokens.fail(f"{unit.text!r} is not a unit: use one of {', '.join(_UNITS_NS)}", unit)
    return int(amount) * factor


def _subsets(tokens: Tokens) -> dict[str, tuple[str, ...]]:
    subsets: dict[str, tuple[str, ...]] = {}
    while True:
        name = tokens.expect_name("the name of the union")
        if fold(name) in subsets:
            tokens.fail(f"the union {name.text} is defined twice", name)
        tokens.expect("=")
        tokens.expect("(")
        subsets[fold(name)] = _columns(tokens)
        tokens.expect(")")
        if not tokens.accept(","):
            return subsets


def _define(tokens: Tokens) -> dict[str, Scalar]:
    define: dict[str, Scalar] = {}
    while True:
        name = tokens.expect_name("a pattern variable")
        if fold(name) in define:
            tokens.fail(f"the variable {name.text} is defined twice", name)
        tokens.expect_words("AS")
        text, offset = tokens.cut_expression(frozenset(), "a condition")
        define[fold(name)] = Scalar(text, offset)
        if not tokens.accept(","):
            return define


def _tail(tokens: Tokens) -> None:
    tokens.accept_words("AS")
    if tokens.peek().kind in {"name", "quoted"}:
        word = tokens.peek().word
        if word in {"WHERE", "GROUP", "ORDER", "LIMIT", "JOIN", "UNION", "HAVING"}:
            tokens.fail(
                f"{word} after the clause is not supported: put the condition into DEFINE "
                "or filter the result"
            )
        tokens.take()
    tokens.accept(";")
    if tokens.peek().kind != "end":
        tokens.fail(f"expected the end of the query, found {tokens.peek().text!r}")


def _check_names(statement: Statement, tokens: Tokens, skip_at: Token) -> None:
    """Hold DEFINE, SUBSET and SKIP against the variables of the pattern."""
    primary = set(variables_of(statement.pattern))
    for name, scalar in statement.define.items():
        if name not in primary:
            at = Token("name", name, scalar.start, scalar.start)
            tokens.fail(f"DEFINE {name}: the pattern has no such variable", at)
    for union, members in statement.subsets.items():
        if union in primary:
            tokens.fail(f"SUBSET {union}: the pattern already has a variable of that name", skip_at)
        missing = [m for m in members if m not in primary]
        if missing:
            tokens.fail(f"SUBSET {union}: the pattern has no variable {missing[0]}", skip_at)
    target = statement.skip.variable
    if target and target not in primary and target not in statement.subsets:
        tokens.fail(f"SKIP TO {target}: the pattern has no such variable", skip_at)
