"""``kimera microstructure``: the measures of how a recorded market trades."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer

from kimera.desk.output import check_writable
from kimera.desk.tape_options import parsed_options
from kimera.errors import InputError, MissingExtraError
from kimera.market import Tape, open_tape
from kimera.microstructure.analyzer import FEATURES
from kimera.microstructure.feed import MarketFeed
from kimera.microstructure.tape_analysis import analyse
from kimera.microstructure.tape_measures import Measures, measure
from kimera.model import NO_PRICE

if TYPE_CHECKING:
    from kimera.microstructure.tape_analysis import FeatureArray

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "kimera microstructure tape.zip --out features.parquet --report report.html"

_PRICES: Final = ("bid_ticks", "ask_ticks", "mid2_ticks", "spread_ticks")
_SIZED: Final = (
    *("bid_lots", "ask_lots", "bid_depth_lots", "ask_depth_lots", "imbalance_1", "imbalance_5"),
    *("weighted_mid_ticks", "bid_slope", "ask_slope", "liquidity_score"),
    *(f"ofi_{level}" for level in range(1, 6)),
)


def command(
    tapes: Annotated[
        list[Path], typer.Argument(help="Files; quotes and trades of one day may be two files.")
    ],
    *,
    tape_format: Annotated[
        str | None, typer.Option("--format", help="Format; recognised when absent.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the feature rows: .parquet or .csv.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the HTML report to this file.")
    ] = None,
    levels: Annotated[
        int, typer.Option("--levels", min=1, max=5, help="Levels of order flow written.")
    ] = 5,
    by: Annotated[
        str, typer.Option("--by", help="Best quotes where a tape has both: book or quotes.")
    ] = "book",
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Only this instrument of the tape.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Count what does not fit instead of stopping.")
    ] = False,
    option: Annotated[
        list[str] | None, typer.Option("--set", help="Option of the format, as tick_size=0.01.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Measure how a recorded market trades: spreads, order flow, impact, toxicity.

    One row of features is written per change; the table gives each measure with its error bar.
    What a tape has no material for is NaN, and the reason is said once.
    """
    if report is not None:
        check_writable(report.parent)
    options = parsed_options(option or [])
    opened = [open_tape(p, format=tape_format, strict=not lenient, **options) for p in tapes]
    with _progress(opened) as step:
        feed = MarketFeed(
            opened, symbol=symbol, by=by, progress=lambda n: step("counting", n, None)
        )
        analyses, rows = analyse(feed, depth=report is not None)
        n_rows = done = 0
        with ExitStack() as stack:
            writer = None if out is None else stack.enter_context(_Rows(out, feed, levels))
            for number, batch, n_records in rows:
                if writer is not None:
                    writer.write(number, batch)
                n_rows += len(batch)
                done += n_records
                step("measuring", min(done, feed.n_records), feed.n_records)
        found = [measure(one.kept()) for one in analyses]
    if report is not None:
        from kimera.desk.report.microstructure import write_microstructure_report

        write_microstructure_report(found, [str(p) for p in tapes], report)
    if as_json:
        print(json.dumps(_as_json(found, n_rows, opened)))
    else:
        _show(found, opened)
        for what, path in (("feature rows", out), ("report", report)):
            if path is not None:
                print(f"{what}: {path}" + (f" ({n_rows:,} rows)" if path is out else ""))
    return 0


@contextmanager
def _progress(tapes: list[Tape]) -> Iterator[Any]:
    """Show a bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"reading {tapes[0].file}", total=None)

        def step(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=f"{what}, {done:,} records", completed=done, total=total)

        yield step


class _Rows:
    """Writes feature rows as they come: missing prices are null (Parquet) or empty (CSV)."""

    def __init__(self, out: Path, feed: MarketFeed, levels: int) -> None:
        if out.suffix not in {".parquet", ".csv"}:
            raise InputError(f"{out}: expected a name ending in .csv or .parquet")
        check_writable(out.parent)
        self._out, self._feed = out, feed
        dropped = {f"ofi_{level}" for level in range(levels + 1, 6)}
        self._names = [name for name in FEATURES.names or () if name not in dropped]
        self._file: Any = None

    def __enter__(self) -> _Rows:
        if self._out.suffix == ".csv":
            self._text = self._out.open("w", newline="")
            self._file = csv.writer(self._text, lineterminator="\n")
            self._file.writerow(["instrument", *self._names])
            return self
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise MissingExtraError("data", "pyarrow") from error
        kinds = {"i": pa.int64(), "f": pa.float64()}
        fields = [pa.field("instrument", pa.dictionary(pa.int32(), pa.string()))]
        fields += [
            pa.field(name, kinds[FEATURES[name].kind], metadata={"unit": _unit(name)})
            for name in self._names
        ]
        self._file = pq.ParquetWriter(self._out, pa.schema(fields), compression="zstd")
        return self

    def __exit__(self, *_: object) -> None:
        (self._text if self._out.suffix == ".csv" else self._file).close()

    def write(self, number: int, rows: FeatureArray) -> None:
        """Add rows of a market."""
        market = self._feed.markets[number]
        unknown = set() if market.sized else set(_SIZED)
        if market.by == "trades":
            unknown = unknown | set(_SIZED)
        columns = []
        for name in self._names:
            values = np.ascontiguousarray(rows[name])
            hidden = np.full(len(rows), name in unknown)
            if name in _PRICES:
                hidden |= values == NO_PRICE
            if values.dtype.kind == "f":
                hidden |= np.isnan(values)
            columns.append((values, hidden))
        if self._out.suffix == ".csv":
            texts = [
                ["" if h else v for v, h in zip(values.tolist(), hidden.tolist(), strict=True)]
                for values, hidden in columns
            ]
            self._file.writerows(zip([market.name] * len(rows), *texts, strict=True))
            return
        import pyarrow as pa

        schema = self._file.schema
        index = pa.array(np.zeros(len(rows), dtype=np.int32))
        first = pa.DictionaryArray.from_arrays(index, pa.array([market.name]))
        arrays = [first, *(pa.array(values, mask=hidden) for values, hidden in columns)]
        self._file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _unit(name: str) -> str:
    units = {"_ticks": "ticks", "_lots": "lots", "_ns": "ns", "mid2_ticks": "half ticks"}
    units |= {"_slope": "lots per tick", "kyle_lambda": "ticks per lot", "ofi_": "lots"}
    units |= {"kyle_lambda_rolling": "ticks per lot", "realised_variance": "half ticks squared"}
    if name in units:
        return units[name]
    if name.startswith("ofi_"):
        return "lots"
    return next((unit for end, unit in units.items() if name.endswith(end)), "1")


def _as_json(found: list[Measures], n_rows: int, tapes: list[Tape]) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "files": [tape.file for tape in tapes],
        "rows": n_rows,
        "anomalies": {name: n for tape in tapes for name, n in tape.anomalies.items()},
        "instruments": [
            {
                "instrument": one.kept.market.name,
                "tick_size": str(one.kept.market.tick_size),
                "lot_size": str(one.kept.market.lot_size),
                "by": one.kept.market.by,
                "records": one.kept.market.n_records,
                "trades": one.kept.market.n_trades,
                "unsigned_trades": one.kept.market.n_unsigned,
                "book_errors": one.kept.book_errors,
                "not_kept": one.kept.left_out,
                "measures": {
                    row.name: {
                        "value": number(row.value),
                        "stderr": number(row.stderr),
                        "unit": row.unit,
                        "n": row.n_obs,
                        **({"why": row.why} if row.why else {}),
                    }
                    for row in one.table
                },
            }
            for one in found
        ],
    }


def _show(found: list[Measures], tapes: list[Tape]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for one in found:
        market = one.kept.market
        table = Table(title=f"{market.name}: tick {market.tick_size}, lot {market.lot_size}")
        table.add_column("measure")
        for name in ("value", "± 95 %", "unit", "n"):
            table.add_column(name, justify="right")
        for row in one.table:
            if row.why:
                continue
            bar = f"{1.96 * row.stderr:.3g}" if math.isfinite(row.stderr) else ""
            count = f"{row.n_obs:,}" if row.n_obs else ""
            table.add_row(row.name, f"{row.value:.4g}", bar, row.unit, count)
        console.print(table)
        for why, names in one.reasons.items():
            console.print(f"NaN, {why}: {', '.join(names)}")
        told = f"{market.n_records:,} records by {market.by}, {market.n_trades:,} trades"
        if market.n_unsigned:
            told += f" ({market.n_unsigned:,} with no side on the tape: Lee-Ready where quoted)"
        for n_bad, what in (
            (one.kept.book_errors, "records the book refused"),
            (one.kept.left_out, "rows beyond the bound, not measured"),
        ):
            told += f", {n_bad:,} {what}" if n_bad else ""
        console.print(told)
    anomalies = {name: n for tape in tapes for name, n in tape.anomalies.items() if n}
    if anomalies:
        console.print(f"anomalies: {anomalies}")
