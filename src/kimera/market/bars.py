"""One-minute bars from CSV: a table, not records.

Three layouts are recognised by their first line: ``open_time,open,...`` and ``timestamp,open,...``
(ISO 8601 UTC), and Kraken's without a header (Unix seconds, OHLC, volume, trade count).
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kimera.errors import FormatError, MissingExtraError
from kimera.market.source import Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_bars"]

_MAX_BYTES: Final = 1 << 30
_PRICES: Final = ("open", "high", "low", "close", "volume")
_KRAKEN: Final = re.compile(rb"^\d{9,10}(,\d+(\.\d*)?){5},\d+\r?$")


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise MissingExtraError("data", "polars") from error
    return polars


def read_bars(path: str | Path) -> pl.DataFrame:
    """Read bars.

    Parameters
    ----------
    path : path
        A CSV, packed or not.

    Returns
    -------
    polars.DataFrame
        ``ts_open_ns`` (int64, start of the bar, ns since the epoch), ``open``, ``high``, ``low``,
        ``close`` (float, quote currency), ``volume`` (float, unit of the file) and, where the file
        tells it, ``n_trades``. Sorted by time.

    Raises
    ------
    FormatError
        If the layout is not known, a value does not parse, times do not rise, or a bar's high and
        low do not enclose its open and close.

    Examples
    --------
    >>> from kimera.market import read_bars
    >>> read_bars("kraken_btcusdc_1m.csv.gz")  # doctest: +SKIP
    """
    pl, source = _polars(), Source(path)
    first = source.head.split(b"\n", 1)[0].strip()
    header = first.decode("ascii", "replace").split(",")
    kraken = bool(_KRAKEN.match(first))
    if not kraken and (header[1:] != list(_PRICES) or header[0] not in {"open_time", "timestamp"}):
        expected = "open_time or timestamp,open,high,low,close,volume, or Kraken's seven columns"
        raise FormatError(str(source), "row 1", expected, repr(first[:60]))
    text = b"".join(source.chunks())
    if len(text) > _MAX_BYTES:
        raise FormatError(str(source), "offset 0", f"at most {_MAX_BYTES} bytes", f"{len(text)}")
    names = ["time", *_PRICES, *(["n_trades"] if kraken else [])]
    kinds = dict.fromkeys(names, pl.Float64)
    kinds["time"] = pl.Int64 if kraken else pl.String
    if kraken:
        kinds["n_trades"] = pl.Int64
    try:
        table = pl.read_csv(
            io.BytesIO(text), has_header=not kraken, new_columns=names, schema=kinds
        )
    except pl.exceptions.PolarsError as error:
        found = " ".join(str(error).split())[:120]
        raise FormatError(str(source), "rows", "times and numbers", found) from error
    return _checked(source, table.with_columns(_time(pl, kraken=kraken)).drop("time"))


def _time(pl: Any, *, kraken: bool) -> Any:
    if kraken:
        return (pl.col("time") * 1_000_000_000).alias("ts_open_ns")
    text = pl.col("time").str.replace(r"\+00:00$", "")
    parsed = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False)
    return parsed.dt.epoch("ns").alias("ts_open_ns")


def _checked(source: Source, table: pl.DataFrame) -> pl.DataFrame:
    pl = _polars()
    checks = {
        "a value in every field": pl.any_horizontal(pl.all().is_null()),
        "a time after the one before": pl.col("ts_open_ns").diff() <= 0,
        "high and low around open and close": (
            (pl.col("high") < pl.max_horizontal("open", "close", "low"))
            | (pl.col("low") > pl.min_horizontal("open", "close"))
        ),
        "a volume from 0 on": pl.col("volume") < 0,
    }
    for expected, wrong in checks.items():
        rows = table.select(wrong.fill_null(value=False).arg_true()).to_series()
        if len(rows):
            row = int(rows[0])
            found = ",".join(map(str, table.row(row)))
            raise FormatError(str(source), f"bar {row + 1}", expected, found)
    first = ["ts_open_ns", *_PRICES]
    return table.select(first + [name for name in table.columns if name not in first])
