"""The engine against the plain matcher of cep_reference: the same rows, always."""

from __future__ import annotations

from typing import Any

import cep_reference as reference  # type: ignore[import-not-found]
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kimera.cep import Query, Type, match
from kimera.errors import InputError, SqlError

COLUMNS = {"sym": Type.VARCHAR, "ts": Type.BIGINT, "price": Type.BIGINT, "x": Type.DOUBLE}
VARIABLES = ("A", "B", "C")
CONDITIONS = (
    "price > PREV(price)",
    "price < PREV(price)",
    "price >= NEXT(price)",
    "A.price > FIRST(B.price)",
    "price > LAST(C.price)",
    "COUNT(B.*) < 2",
    "SUM(A.price) < 12",
    "price = 3 OR x IS NULL",
    "price > AVG(B.price)",
    "x > 1.5",
    "LAST(A.price, 1) = price",
    "PREV(LAST(B.price), 1) < price",
    "CLASSIFIER(U) = 'A'",
    "PREV(CLASSIFIER()) = 'B'",
    "COUNT(DISTINCT C.price) < 3",
    "MAX(price) - MIN(price) < 4",
    "price BETWEEN 2 AND 4",
    "NOT (price = 2)",
    "TRUE",
    "CASE WHEN price > 2 THEN x > 1 ELSE price = 1 END",
    "COUNT(U.price) < 3",
    "MATCH_NUMBER() < 3",
    "price + COUNT(*) < 7",
)
MEASURES = (
    "FIRST(A.price)",
    "LAST(B.price)",
    "FINAL LAST(C.price)",
    "COUNT(*)",
    "FINAL COUNT(*)",
    "SUM(A.price)",
    "AVG(x)",
    "MIN(U.price)",
    "CLASSIFIER()",
    "CLASSIFIER(U)",
    "MATCH_NUMBER()",
    "LAST(price, 1)",
    "PREV(A.price)",
    "NEXT(LAST(B.price))",
    "FINAL SUM(price) - SUM(price)",
    "COUNT(DISTINCT price)",
    "MAX(x)",
    "COALESCE(A.price, B.price, 0)",
    "STDDEV(price)",
    "FIRST(U.price, 1)",
    "CASE WHEN B.price > 2 THEN 'hi' WHEN A.price IS NULL THEN 'none' END",
)
SKIPS = (
    "",
    "AFTER MATCH SKIP PAST LAST ROW",
    "AFTER MATCH SKIP TO NEXT ROW",
    "AFTER MATCH SKIP TO FIRST B",
    "AFTER MATCH SKIP TO LAST U",
)
OUTPUTS = (
    "ONE ROW PER MATCH",
    "ALL ROWS PER MATCH",
    "ALL ROWS PER MATCH OMIT EMPTY MATCHES",
    "ALL ROWS PER MATCH WITH UNMATCHED ROWS",
)
QUANTIFIERS = ("*", "+", "?", "{2}", "{1,}", "{1,2}", "{,2}", "{0,1}", "{2,3}")


def quantified(inner: str, quantifier: str, reluctant: str) -> str:
    return inner if inner in {"^", "$"} else inner + quantifier + reluctant


def patterns() -> st.SearchStrategy[str]:
    leaf = st.sampled_from([*VARIABLES, *VARIABLES, "()"])
    anchors = st.sampled_from(["^", "$"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        some = st.lists(inner | anchors, min_size=1, max_size=3)
        return st.one_of(
            some.map(lambda items: f"({' '.join(items)})"),
            some.map(lambda items: f"({' | '.join(items)})"),
            inner.map(lambda item: f"{{- {item} -}}"),
            st.tuples(inner, inner).map(lambda two: f"PERMUTE({two[0]}, {two[1]})"),
            st.tuples(inner, st.sampled_from(QUANTIFIERS), st.sampled_from(["", "?"])).map(
                lambda parts: quantified(f"({parts[0]})", parts[1], parts[2])
            ),
        )

    # Every variable stands in the pattern so that any condition may name it.
    return st.tuples(st.recursive(leaf, grow, max_leaves=6), st.permutations(VARIABLES)).map(
        lambda parts: f"{parts[0]} ({parts[1][0]} | {parts[1][1]} {parts[1][2]}?)*"
    )


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "sym": st.sampled_from("XY"),
            "ts": st.integers(0, 20),
            "price": st.integers(1, 5),
            "x": st.sampled_from([None, 0.5, 1.0, 2.0]),
        }
    ),
    max_size=12,
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    define = [
        f"{v} AS {draw(st.sampled_from(CONDITIONS))}" for v in VARIABLES if draw(st.integers(0, 4))
    ]
    measures = draw(st.lists(st.sampled_from(MEASURES), min_size=1, max_size=4))
    named = ", ".join(f"{m} AS m{i}" for i, m in enumerate(measures))
    return (
        f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY sym ORDER BY ts MEASURES {named} "
        f"{draw(st.sampled_from(OUTPUTS))} {draw(st.sampled_from(SKIPS))} "
        f"PATTERN ({draw(patterns())}) "
        f"{draw(st.sampled_from(['', '', 'WITHIN INTERVAL 5 NANOSECONDS']))} "
        f"SUBSET U = (A, B) " + ("DEFINE " + ", ".join(define) if define else "") + ")"
    )


def columns_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sym": np.array([r["sym"] for r in rows], dtype=str),
        "ts": np.array([r["ts"] for r in rows], dtype=np.int64),
        "price": np.array([r["price"] for r in rows], dtype=np.int64),
        "x": np.array([None if r["x"] is None else float(r["x"]) for r in rows], dtype=object)
        if any(r["x"] is None for r in rows)
        else np.array([r["x"] for r in rows], dtype=np.float64),
    }


def expected(sql: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Rows of the reference, None where SKIP cannot be done."""
    compiled = Query(sql, COLUMNS).compiled
    measures = [(m.name, m.expression) for m in compiled.measures]
    try:
        found: list[dict[str, Any]] = reference.run(
            compiled.statement, compiled.define, measures, rows
        )
    except LookupError:
        return None
    return found


def by_partition(rows: list[dict[str, Any]]) -> list[list[tuple[str, Any]]]:
    return [sorted(r.items()) for r in sorted(rows, key=lambda r: str(r["sym"]))]


def assert_same(got: list[dict[str, Any]], want: list[dict[str, Any]]) -> None:
    assert len(got) == len(want)
    for one, other in zip(by_partition(got), by_partition(want), strict=True):
        for (name, a), (_, b) in zip(one, other, strict=True):
            if isinstance(a, float) and isinstance(b, float):
                assert a == pytest.approx(b, nan_ok=True), name
            else:
                assert a == b, name


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(queries(), ROWS)
def test_match_equals_the_plain_matcher(sql: str, rows: list[dict[str, Any]]) -> None:
    want = expected(sql, rows)
    query = Query(sql, COLUMNS)
    ordered = sorted(rows, key=lambda r: r["ts"])
    if want is None:
        with pytest.raises(InputError, match="SKIP"):
            (query.push(columns_of(ordered)), query.finish())
        return
    got = query.push(columns_of(ordered)).joined(query.finish())
    assert_same(got.rows(), want)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(queries(), ROWS, st.integers(1, 5))
def test_query_in_small_batches_gives_the_same_rows(
    sql: str, rows: list[dict[str, Any]], size: int
) -> None:
    want = expected(sql, rows)
    if want is None:
        return
    ordered = sorted(rows, key=lambda r: r["ts"])
    query = Query(sql, COLUMNS)
    got: list[dict[str, Any]] = []
    for start in range(0, len(ordered), size):
        got += query.push(columns_of(ordered[start : start + size])).rows()
    got += query.finish().rows()
    assert_same(got, want)


def test_match_sorts_the_rows_itself() -> None:
    sql = (
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.price AS a, B.price AS b "
        "PATTERN (A B) DEFINE B AS price > PREV(price))"
    )
    found = match(sql, {"ts": [3, 1, 2], "price": [1, 2, 9]})
    assert found.rows() == [{"a": 2, "b": 9}]


WORDS = (
    "SELECT * FROM t MATCH_RECOGNIZE ( ) PARTITION BY ORDER ts MEASURES AS A B , PATTERN "
    "{ } {- -} | ? + 1 2 99999 DEFINE SUBSET = AFTER MATCH SKIP TO LAST PERMUTE ^ $ 'x' "
    "price > PREV . FINAL COUNT CASE END WITHIN INTERVAL '1' SECOND \" --"
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=40))
def test_any_text_is_a_query_or_one_sql_error(words: list[str]) -> None:
    for text in (" ".join(words), "SELECT * FROM t MATCH_RECOGNIZE (" + " ".join(words)):
        place = refused_at(text)
        assert place is None or (1 <= place[0] <= text.count("\n") + 1 and place[1] >= 1)


def refused_at(text: str) -> tuple[int, int] | None:
    """Line and column of the refusal, None for a query that compiles; anything else escapes."""
    try:
        Query(text, COLUMNS)
    except SqlError as error:
        return error.line, error.column
    return None
