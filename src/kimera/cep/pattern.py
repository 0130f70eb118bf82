"""The PATTERN grammar of SQL row pattern matching (ISO/IEC 9075-2:2016, section 7.6).

::

    pattern      = alternative { "|" alternative }
    alternative  = { factor }
    factor       = primary [ quantifier ]
    primary      = name | "(" [ pattern ] ")" | "{-" pattern "-}"
                 | "PERMUTE" "(" pattern { "," pattern } ")" | "^" | "$"
    quantifier   = ( "*" | "+" | "?" | "{" n "}" | "{" n "," "}" | "{" n "," m "}" | "{" "," m "}" )
                   [ "?" ]

A trailing ``?`` makes a quantifier reluctant. ``PERMUTE(A, B)`` means ``(A B | B A)``, tried in
lexicographic order of the positions of its arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Final

import msgspec

from kimera.cep.lexer import Token, Tokens

__all__ = [
    "MAX_PERMUTE",
    "MAX_REPEATS",
    "Alternation",
    "Anchor",
    "Concatenation",
    "Exclusion",
    "Pattern",
    "Quantified",
    "Variable",
    "parse_pattern",
    "variables_of",
]

MAX_PERMUTE: Final = 6
"""Most arguments of PERMUTE (6! = 720 orders)."""
MAX_REPEATS: Final = 10_000
"""Highest bound in a ``{n,m}`` quantifier."""


class Variable(msgspec.Struct, frozen=True):
    """A primary variable: one row that meets its DEFINE condition."""

    name: str


class Concatenation(msgspec.Struct, frozen=True):
    """Items one after another; no items is the empty pattern."""

    items: tuple[Pattern, ...]


class Alternation(msgspec.Struct, frozen=True):
    """The first of the items that leads to a match is preferred."""

    items: tuple[Pattern, ...]


class Quantified(msgspec.Struct, frozen=True):
    """An item repeated ``least`` to ``most`` times (None: without bound)."""

    item: Pattern
    least: int
    most: int | None
    greedy: bool


class Exclusion(msgspec.Struct, frozen=True):
    """Matched, but left out of the output of ALL ROWS PER MATCH."""

    item: Pattern


class Anchor(msgspec.Struct, frozen=True):
    """Start (``^``) or end (``$``) of the partition; takes no row."""

    at_start: bool


Pattern = Variable | Concatenation | Alternation | Quantified | Exclusion | Anchor


def parse_pattern(tokens: Tokens) -> Pattern:
    """Parse what stands between the brackets of ``PATTERN ( ... )``.

    Parameters
    ----------
    tokens : Tokens
        Just behind the opening bracket; left at the closing one.

    Returns
    -------
    Pattern

    Raises
    ------
    SqlError
        With line and column.
    """
    items = [_alternative(tokens)]
    while tokens.accept("|"):
        items.append(_alternative(tokens))
    return items[0] if len(items) == 1 else Alternation(tuple(items))


def _alternative(tokens: Tokens) -> Pattern:
    items: list[Pattern] = []
    while not _at_end(tokens):
        items.append(_factor(tokens))
    return items[0] if len(items) == 1 else Concatenation(tuple(items))


def _at_end(tokens: Tokens) -> bool:
    token = tokens.peek()
    return token.kind == "end" or (token.kind == "symbol" and token.text in {")", "|", ",", "-}"})


def _factor(tokens: Tokens) -> Pattern:
    start = tokens.peek()
    item = _primary(tokens)
    bounds = _quantifier(tokens)
    if bounds is None:
        return item
    if isinstance(item, Anchor):
        tokens.fail("an anchor cannot be repeated: drop the quantifier", start)
    greedy = not tokens.accept("?")
    if _is_quantifier(tokens.peek()):
        tokens.fail("two quantifiers in a row: put the inner one in brackets, as in (A*)+")
    return Quantified(item, bounds[0], bounds[1], greedy)


def _is_quantifier(token: Token) -> bool:
    return token.kind == "symbol" and token.text in {"*", "+", "?", "{"}


def _quantifier(tokens: Tokens) -> tuple[int, int | None] | None:
    if tokens.accept("*"):
        return 0, None
    if tokens.accept("+"):
        return 1, None
    if tokens.accept("?"):
        return 0, 1
    if not tokens.accept("{"):
        return None
    start = tokens.peek()
    least = 0 if tokens.peek().text == "," else _count(tokens)
    most: int | None = least
    if tokens.accept(","):
        most = None if tokens.peek().text == "}" else _count(tokens)
        if start.text == "," and most is None:
            tokens.fail("expected a number in {,m}")
    tokens.expect("}")
    if most is not None and most < max(least, 1):
        tokens.fail(f"{{{least},{most}}}: the upper bound must be at least {max(least, 1)}", start)
    return least, most


def _count(tokens: Tokens) -> int:
    token = tokens.peek()
    if token.kind != "number" or not token.text.isdigit():
        tokens.fail(f"expected a whole number, found {token.text!r}")
    tokens.take()
    value = int(token.text)
    if value > MAX_REPEATS:
        tokens.fail(f"at most {MAX_REPEATS} repeats, was {value}", token)
    return value


def _primary(tokens: Tokens) -> Pattern:
    token = tokens.peek()
    if token.kind == "symbol":
        if tokens.accept("("):
            inner = parse_pattern(tokens)
            tokens.expect(")")
            return inner
        if tokens.accept("{-"):
            inner = parse_pattern(tokens)
            tokens.expect("-}")
            return Exclusion(inner)
        if tokens.accept("^"):
            return Anchor(at_start=True)
        if tokens.accept("$"):
            return Anchor(at_start=False)
        tokens.fail(f"expected a variable, '(' or '{{-', found {token.text!r}")
    if token.word == "PERMUTE" and tokens.peek(1).text == "(":
        return _permute(tokens)
    name = tokens.expect_name("a pattern variable")
    return Variable(name.text if name.kind == "quoted" else name.text.upper())


def _permute(tokens: Tokens) -> Pattern:
    start = tokens.take()
    tokens.expect("(")
    items = [parse_pattern(tokens)]
    while tokens.accept(","):
        items.append(parse_pattern(tokens))
    tokens.expect(")")
    if len(items) > MAX_PERMUTE:
        tokens.fail(f"PERMUTE takes at most {MAX_PERMUTE} patterns, was {len(items)}", start)
    return Alternation(tuple(Concatenation(order) for order in permutations(items)))


def variables_of(pattern: Pattern) -> Iterator[str]:
    """Name the primary variables in the order they stand, repeats included."""
    match pattern:
        case Variable(name):
            yield name
        case Concatenation(items) | Alternation(items):
            for item in items:
                yield from variables_of(item)
        case Quantified(item) | Exclusion(item):
            yield from variables_of(item)
        case Anchor():
            return
