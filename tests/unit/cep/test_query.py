import numpy as np
import pytest

from kimera.cep import Query, Type, match
from kimera.cep.drawing import draw
from kimera.errors import CapacityError, InputError, SqlError

V_SHAPE = """
SELECT * FROM ticks MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY ts
  MEASURES STRT.price AS start_price, LAST(DOWN.price) AS bottom, LAST(UP.price) AS end_price
  ONE ROW PER MATCH AFTER MATCH SKIP TO LAST UP
  PATTERN (STRT DOWN+ UP+)
  DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))
"""


def test_v_shape_worked_by_hand() -> None:
    found = match(
        V_SHAPE,
        {
            "symbol": ["A"] * 6 + ["B"] * 3,
            "ts": [1, 2, 3, 4, 5, 6, 1, 2, 3],
            "price": [12.0, 17.0, 13.0, 16.0, 25.0, 23.0, 5.0, 4.0, 3.0],
        },
    )
    assert found.rows() == [{"symbol": "A", "start_price": 17.0, "bottom": 13.0, "end_price": 25.0}]


def test_select_renames_columns_of_the_result() -> None:
    sql = V_SHAPE.replace("SELECT *", "SELECT bottom AS low, symbol")
    found = match(sql, {"symbol": ["A"] * 3, "ts": [1, 2, 3], "price": [3, 1, 2]})
    assert found.to_dict() == {"low": [1], "symbol": ["A"]}


def test_within_is_strictly_below_the_interval() -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES COUNT(*) AS n
             PATTERN (A B) WITHIN INTERVAL '10' NANOSECOND DEFINE B AS TRUE)"""
    assert match(sql, {"ts": [0, 9]}).to_dict() == {"n": [2]}
    assert match(sql, {"ts": [0, 10]}).to_dict() == {"n": []}


def test_within_counts_nanoseconds_of_timestamps() -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.ts AS since
             PATTERN (A B) WITHIN INTERVAL '1' SECOND)"""
    start = np.datetime64("2024-01-01T00:00:00", "us")
    near, far = start + np.timedelta64(999_999, "us"), start + np.timedelta64(1, "s")
    assert match(sql, {"ts": np.array([start, near])}).to_dict()["since"] == [start]
    assert len(match(sql, {"ts": np.array([start, far])})) == 0


def test_query_without_within_says_which_bound_was_hit() -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.ts AS since
             PATTERN (A B* C) DEFINE C AS FALSE)"""
    query = Query(sql, {"k": Type.BIGINT, "ts": Type.BIGINT}, name="endless", max_rows_held=100)
    rows = np.arange(101)
    with pytest.raises(CapacityError, match=r"pattern endless, partition 7: 100 rows are held"):
        query.push({"k": np.full(101, 7), "ts": rows})


def test_rows_out_of_order_are_refused() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.ts AS a PATTERN (A))"
    query = Query(sql, {"ts": Type.BIGINT})
    with pytest.raises(InputError, match="not in the order of ORDER BY"):
        query.push({"ts": [2, 1]})


def test_null_in_order_by_is_refused_with_its_row() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.ts AS a PATTERN (A))"
    with pytest.raises(InputError, match="row 1: ORDER BY ts is NULL"):
        match(sql, {"ts": [1, None, 3]})


def test_null_partition_is_a_partition_of_its_own() -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES COUNT(*) AS n
             PATTERN (A+))"""
    found = match(sql, {"k": ["x", None, "x", None], "ts": [1, 2, 3, 4]})
    assert sorted(found.rows(), key=str) == sorted(
        [{"k": "x", "n": 2}, {"k": None, "n": 2}], key=str
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7.0 / 2", 3.5),
        ("1 / 0", None),
        ("9223372036854775807 + 1", None),
        ("UPPER('ab') || 'c'", "ABc"),
        ("SUBSTRING('abcdef', 2, 3)", "bcd"),
        ("LENGTH(TRIM('  ab '))", 2),
        ("CASE WHEN NULL THEN 1 ELSE 2 END", 2),
        ("COALESCE(NULL, 3)", 3),
        ("NULLIF(3, 3)", None),
        ("GREATEST(1, 5, 3)", 5),
        ("'abc' LIKE 'a_c'", True),
        ("'abc' LIKE 'a%d'", False),
        ("2 IN (1, NULL)", None),
        ("NOT (1 = NULL)", None),
        ("FLOOR(-1.5)", -2.0),
        ("CAST(2.9 AS BIGINT)", 2),
        ("ABS(-4)", 4),
        ("2 BETWEEN 1 AND 3", True),
        ("1 IS DISTINCT FROM NULL", True),
    ],
)
def test_scalar_expression_has_the_value_of_the_standard(expression: str, value: object) -> None:
    sql = (
        f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES {expression} AS v, A.ts AS t "
        "PATTERN (A))"
    )
    assert match(sql, {"ts": [1]}).to_dict()["v"] == [value]


@pytest.mark.parametrize(
    ("define", "says"),
    [
        ("prize > 1", "there is no column prize"),
        ("price > 'x'", "cannot compare"),
        ("price + 1", "a condition must be a boolean"),
        ("FINAL LAST(A.price) > 1", "FINAL is not allowed in DEFINE"),
        ("SUM(A.price + B.price) > 1", "one pattern variable"),
        ("PREV(PREV(price)) > 1", "cannot stand inside each other"),
        ("foo(price) > 1", "there is no function FOO"),
        ("Z.price > 1", "there is no pattern variable Z"),
        ("price IN (SELECT 1)", "sub-query"),
    ],
)
def test_bad_condition_is_refused_with_line_and_column(define: str, says: str) -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A B)\nDEFINE A AS {define})"
    with pytest.raises(SqlError, match="line 2, column") as caught:
        Query(sql, {"ts": Type.BIGINT, "price": Type.DOUBLE})
    assert says in str(caught.value)


@pytest.mark.parametrize("pattern", ["(A|B)* C", "A* A* A* C", "((A*)*)* C", "(A? B?){12} C"])
def test_blow_up_patterns_stay_polynomial(pattern: str) -> None:
    """A backtracking matcher needs more than 2^60 steps for these rows."""
    sql = (
        f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES COUNT(*) AS n "
        f"PATTERN ({pattern}) DEFINE C AS FALSE)"
    )
    assert len(match(sql, {"ts": np.arange(60)})) == 0


def test_drawing_is_svg_and_names_every_variable() -> None:
    query = Query(V_SHAPE, {"symbol": Type.VARCHAR, "ts": Type.BIGINT, "price": Type.DOUBLE})
    picture = draw(query.compiled.statement.pattern, "v <shape>")
    assert picture.startswith("<svg")
    assert "v &lt;shape&gt;" in picture
    for variable in ("STRT", "DOWN", "UP"):
        assert f">{variable}</text>" in picture
