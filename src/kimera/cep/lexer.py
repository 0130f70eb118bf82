"""Tokens of SQL text, each with its place, for the clause and the pattern grammar.

Only what the row-pattern grammar needs is told apart; scalar expressions are cut out of the
source by token positions and handed to sqlglot.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NoReturn

import msgspec

from kimera.errors import SqlError

__all__ = ["Token", "Tokens", "tokenise"]

Kind = Literal["name", "quoted", "number", "string", "symbol", "end"]

_PATTERN: Final = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
  | (?P<string>'(?:[^']|'')*')
  | (?P<symbol>\{-|-\}|<>|<=|>=|!=|\|\||[-+*/%(),.;:{}|?^$<>=\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(msgspec.Struct, frozen=True):
    """One token.

    Attributes
    ----------
    kind : str
        name, quoted, number, string, symbol or end.
    text : str
        As written; quoted names without their quotes.
    start, stop : int
        Offsets into the source.
    """

    kind: Kind
    text: str
    start: int
    stop: int

    @property
    def word(self) -> str:
        """The text in upper case if it is a bare name, else empty: for keywords."""
        return self.text.upper() if self.kind == "name" else ""


def place(source: str, offset: int) -> tuple[int, int]:
    """Tell line and column, both from 1, of an offset."""
    before = source[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def tokenise(source: str) -> list[Token]:
    """Cut SQL text into tokens; the last is of kind ``end``.

    Raises
    ------
    SqlError
        At a character that starts no token, as an unclosed quote.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(source):
        found = _PATTERN.match(source, at)
        if found is None:
            what = "quote is not closed" if source[at] in "'\"`" else "cannot be read"
            raise SqlError(f"{source[at]!r} {what}", *place(source, at))
        kind = found.lastgroup
        text = found.group()
        if kind == "quoted":
            quote = text[0]
            text = text[1:-1].replace(quote * 2, quote)
        if kind != "space":
            tokens.append(Token(kind, text, at, found.end()))  # type: ignore[arg-type]
        at = found.end()
    tokens.append(Token("end", "end of the query", len(source), len(source)))
    return tokens


class Tokens:
    """A cursor over tokens.

    Parameters
    ----------
    source : str
        The SQL text.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._tokens = tokenise(source)
        self._at = 0

    def peek(self, ahead: int = 0) -> Token:
        """Look at a token without taking it."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def at_words(self, *words: str) -> bool:
        """Tell whether these keywords come next."""
        return all(self.peek(i).word == word for i, word in enumerate(words))

    def accept_words(self, *words: str) -> bool:
        """Take these keywords if they come next."""
        if not self.at_words(*words):
            return False
        self._at += len(words)
        return True

    def accept(self, symbol: str) -> bool:
        """Take this symbol if it comes next."""
        if self.peek().kind != "symbol" or self.peek().text != symbol:
            return False
        self._at += 1
        return True

    def expect_words(self, *words: str) -> None:
        """Take these keywords; SqlError when something else comes."""
        if not self.accept_words(*words):
            self.fail(f"expected {' '.join(words)}, found {self.peek().text!r}")

    def expect(self, symbol: str) -> Token:
        """Take this symbol; SqlError when something else comes."""
        token = self.peek()
        if not self.accept(symbol):
            self.fail(f"expected {symbol!r}, found {token.text!r}")
        return token

    def expect_name(self, what: str) -> Token:
        """Take a name, quoted or not; SqlError when something else comes."""
        if self.peek().kind not in {"name", "quoted"}:
            self.fail(f"expected {what}, found {self.peek().text!r}")
        return self.take()

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        """Raise SqlError at a token (the next one unless given)."""
        raise SqlError(message, *place(self.source, (token or self.peek()).start))

    def cut_expression(self, stop_words: frozenset[str], what: str) -> tuple[str, int]:
        """Take tokens up to a comma, a closing bracket or a keyword at depth zero.

        Returns
        -------
        text : str
            The source between them.
        start : int
            Its offset in the source.
        """
        depth = 0
        first = self.peek()
        last = first
        while True:
            token = self.peek()
            if token.kind == "end":
                break
            if depth == 0 and (
                token.word in stop_words or (token.kind == "symbol" and token.text in {",", ")"})
            ):
                break
            if token.kind == "symbol" and token.text == "(":
                depth += 1
            if token.kind == "symbol" and token.text == ")":
                depth -= 1
            last = self.take()
        if last is first and self.peek() is first:
            self.fail(f"expected {what}, found {first.text!r}")
        return self.source[first.start : last.stop], first.start
