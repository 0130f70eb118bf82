"""``kimera cep``: run and explain SQL MATCH_RECOGNIZE queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kimera.cep import Query, Type, match, types_of
from kimera.cep.drawing import draw
from kimera.cep.files import read_columns, write_table
from kimera.errors import InputError

__all__ = ["EXAMPLE", "app"]

EXAMPLE = "kimera cep run --sql vshape.sql --input ticks.csv --output json"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find patterns in streams of rows: SQL MATCH_RECOGNIZE.",
)

_Sql = Annotated[Path, typer.Option("--sql", help="File with one MATCH_RECOGNIZE query.")]


@app.command("run")
def run(
    *,
    sql: _Sql,
    source: Annotated[Path, typer.Option("--input", help="Rows: .csv, .csv.gz or .parquet.")],
    output: Annotated[str, typer.Option("--output", help="json, csv or parquet.")] = "json",
    out: Annotated[Path | None, typer.Option("--out", help="File; printed when absent.")] = None,
) -> int:
    """Run a query over a table and give its matches.

    The rows are sorted by ORDER BY first; the exit code is 0 whether or not there are matches.
    """
    found = match(_query_text(sql), read_columns(source), name=sql.stem)
    text = write_table(found, output, out)
    if text is not None:
        print(text, end="")
    else:
        print(f"{len(found)} rows written to {out}")
    return 0


@app.command("explain")
def explain(
    *,
    sql: _Sql,
    source: Annotated[
        Path | None, typer.Option("--input", help="Table whose columns the query is bound to.")
    ] = None,
    schema: Annotated[str, typer.Option("--schema", help="Columns, as name:type,name:type.")] = "",
    picture: Annotated[Path | None, typer.Option("--svg", help="Write the rail diagram.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Tell what a query compiles to: its automaton, its bound on memory, its picture."""
    text = _query_text(sql)
    columns = types_of(read_columns(source)) if source is not None else _parsed_schema(schema)
    query = Query(text, columns, name=sql.stem)
    facts = _facts(query)
    if picture is not None:
        picture.write_text(draw(query.compiled.statement.pattern, sql.stem))
    if as_json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name:<20} {value}")
    return 0


def _query_text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    return path.read_text()


def _parsed_schema(text: str) -> dict[str, Type]:
    if not text:
        raise InputError("name the columns: --input TABLE or --schema name:type,...")
    columns = {}
    for part in text.split(","):
        name, _, kind = part.strip().partition(":")
        if kind.upper() not in Type.__members__:
            known = ", ".join(t.name.lower() for t in Type if t not in {Type.NULL, Type.INTERVAL})
            raise InputError(f"--schema {part.strip()}: expected name:type with type of {known}")
        columns[name] = Type[kind.upper()]
    return columns


def _facts(query: Query) -> dict[str, Any]:
    statement = query.compiled.statement
    within = statement.within_ns
    return {
        "partition by": ", ".join(query.partition_by) or "none: one partition",
        "order by": ", ".join(query.order_by) or "none: order of arrival",
        "output": statement.output.value,
        "after match": f"SKIP {statement.skip.mode.value} {statement.skip.variable}".strip(),
        "states": query.compiled.n_states,
        "variables": ", ".join(dict.fromkeys(query.compiled.define)) or "none has a condition",
        "columns read": ", ".join(query.compiled.columns),
        "rows held": (
            f"those of the last {within} ns of each partition"
            if within is not None
            else f"at most {query.max_rows_held} of each partition (no WITHIN)"
        ),
        "ways held": f"at most {query.max_ways} of each partition",
    }
