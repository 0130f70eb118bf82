import pytest

from kimera.cep.pattern import (
    Alternation,
    Anchor,
    Concatenation,
    Exclusion,
    Quantified,
    Variable,
)
from kimera.cep.statement import Output, Skip, parse_statement
from kimera.errors import SqlError

A, B, C = Variable("A"), Variable("B"), Variable("C")


def clause(inside: str) -> str:
    return f"SELECT * FROM t MATCH_RECOGNIZE ({inside})"


def pattern_of(text: str) -> object:
    return parse_statement(clause(f"PATTERN ({text})")).pattern


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("A", A),
        ("", Concatenation(())),
        ("A B", Concatenation((A, B))),
        ("A | B C", Alternation((A, Concatenation((B, C))))),
        ("(A | B) C", Concatenation((Alternation((A, B)), C))),
        ("A*", Quantified(A, 0, None, greedy=True)),
        ("A+?", Quantified(A, 1, None, greedy=False)),
        ("A??", Quantified(A, 0, 1, greedy=False)),
        ("A{3}", Quantified(A, 3, 3, greedy=True)),
        ("A{2,}", Quantified(A, 2, None, greedy=True)),
        ("A{,4}?", Quantified(A, 0, 4, greedy=False)),
        ("{- A -} B", Concatenation((Exclusion(A), B))),
        ("^ A $", Concatenation((Anchor(at_start=True), A, Anchor(at_start=False)))),
        ("PERMUTE(A, B)", Alternation((Concatenation((A, B)), Concatenation((B, A))))),
        ("a", A),
        ('"a"', Variable("a")),
    ],
)
def test_pattern_parses_to_its_tree(text: str, tree: object) -> None:
    assert pattern_of(text) == tree


def test_clauses_are_all_read() -> None:
    statement = parse_statement(
        clause(
            "PARTITION BY s, v ORDER BY ts ASC MEASURES A.x AS first, FINAL LAST(B.x) AS end_x "
            "ALL ROWS PER MATCH WITH UNMATCHED ROWS AFTER MATCH SKIP TO LAST U "
            "PATTERN (A B+) WITHIN INTERVAL '2' MINUTE SUBSET U = (A, B) "
            "DEFINE A AS x > 1, B AS x < 2 AND (x, 1) IS NOT NULL"
        )
    )
    assert statement.partition_by == ("S", "V")
    assert statement.order_by == ("TS",)
    assert [name for _, name in statement.measures] == ["first", "end_x"]
    assert statement.output is Output.ALL_WITH_UNMATCHED
    assert statement.skip.mode is Skip.TO_LAST
    assert statement.skip.variable == "U"
    assert statement.within_ns == 120_000_000_000
    assert statement.subsets == {"U": ("A", "B")}
    assert statement.define["A"].text == "x > 1"


@pytest.mark.parametrize(
    ("sql", "place", "says"),
    [
        (clause("PATTERN (A**)"), (1, 46), "two quantifiers"),
        (clause("PATTERN (A{3,2})"), (1, 46), "upper bound"),
        (clause("PATTERN (A{99999})"), (1, 45), "at most 10000"),
        (clause("PATTERN (^*)"), (1, 43), "anchor"),
        (clause("PATTERN (A) DEFINE B AS x > 1"), (1, 58), "no such variable"),
        (clause("PATTERN (A) DEFINE A AS 'x"), (1, 58), "quote is not closed"),
        (clause("ORDER BY ts DESC PATTERN (A)"), (1, 46), "only ascending"),
        (clause("PATTERN (A) WITHIN INTERVAL '1' FORTNIGHT"), (1, 66), "is not a unit"),
        (clause("AFTER MATCH SKIP TO Z PATTERN (A)"), (1, 34), "SKIP TO Z"),
        (clause("PATTERN (A) SUBSET U = (Q)"), (1, 34), "no variable Q"),
        ("SELECT * FROM t", (1, 16), "MATCH_RECOGNIZE"),
        (clause("PATTERN (A)") + " WHERE x > 1", (1, 47), "put the condition into DEFINE"),
        ("SELECT *\nFROM t MATCH_RECOGNIZE (\n  PATTERN (A B", (3, 15), "expected ')'"),
    ],
)
def test_bad_query_is_refused_at_its_place(sql: str, place: tuple[int, int], says: str) -> None:
    with pytest.raises(SqlError, match="line") as caught:
        parse_statement(sql)
    assert says in str(caught.value)
    assert caught.value.line == place[0]
    assert caught.value.column == pytest.approx(place[1], abs=2)


def test_permute_of_too_many_is_refused() -> None:
    with pytest.raises(SqlError, match="at most 6"):
        pattern_of("PERMUTE(A, B, C, D, E, F, G)")
