"""``kimera journal``: look into a journal, verify it, show its last records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from kimera.model import NO_PRICE, NO_TIME, RECORD, Kind, RecordArray
from kimera.runtime import Journal, verify_journal

__all__ = ["EXAMPLE", "app"]

EXAMPLE = "kimera journal verify out/journal"

app = typer.Typer(no_args_is_help=True, add_completion=False)

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the journal.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SHOWN = ("ts_event_ns", "ts_recv_ns", "kind", "action", "side", "price_ticks", "size_lots")
_SHOWN_IDS = ("instrument_id", "venue_id", "order_id", "sequence", "detail", "flags")


@app.command()
def inspect(path: Folder, *, as_json: AsJson = False) -> None:
    """Say what a journal holds: its records by kind, times, files, metadata and digest.

    Example: kimera journal inspect out/journal
    """
    journal = Journal.open(path)
    counts = _count_kinds(journal)
    segments = journal.segments()
    times = _times(journal)
    summary: dict[str, Any] = {
        "path": str(path),
        "records": len(journal) - journal.first,
        "first_record": journal.first,
        "first_recv_ns": times[0],
        "last_recv_ns": times[1],
        "kinds": counts,
        "bytes": sum(segment.bytes for segment in segments),
        "digest": journal.digest(),
        "segments": [
            {
                "file": segment.file,
                "first_record": segment.first_record,
                "records": segment.records,
                "bytes": segment.bytes,
                "state": segment.state,
            }
            for segment in segments
        ],
        "metadata": journal.metadata,
    }
    if as_json:
        _print_json(summary)
        return
    for name in ("path", "records", "first_record", "first_recv_ns", "last_recv_ns", "bytes"):
        print(f"{name:<14}{summary[name]}")
    print(f"{'kinds':<14}{', '.join(f'{kind} {n:,}' for kind, n in counts.items()) or '-'}")
    print(f"{'metadata':<14}{', '.join(sorted(journal.metadata)) or '-'}")
    print(f"{'digest':<14}{summary['digest']}")
    for row in summary["segments"]:
        print(
            f"{row['file']}  from {row['first_record']:,}  records {row['records']:,}  "
            f"bytes {row['bytes']:,}  {row['state']}"
        )


@app.command()
def verify(path: Folder, *, as_json: AsJson = False) -> None:
    """Recompute every checksum and the whole hash chain; exit code 1 names each finding.

    Example: kimera journal verify out/journal
    """
    verdict = verify_journal(path)
    findings = [
        {
            "file": finding.file,
            "offset": finding.offset,
            "block": finding.block,
            "record": finding.record,
            "what": finding.what,
        }
        for finding in verdict.findings
    ]
    if as_json:
        _print_json(
            {
                "path": str(path),
                "first_record": verdict.first,
                "records": verdict.records,
                "blocks": verdict.blocks,
                "digest": verdict.digest,
                "findings": findings,
            }
        )
    else:
        for row in findings:
            named = (f"{name} {row[name]}" for name in ("offset", "block", "record"))
            known = [text for text in named if not text.endswith("None")]
            print(": ".join([str(row["file"]), ", ".join(known), str(row["what"])]))
        print(
            f"{path}: {verdict.records:,} records in {verdict.blocks:,} blocks, "
            f"{len(findings)} findings, digest {verdict.digest}"
        )
    if findings:
        raise typer.Exit(1)


@app.command()
def tail(
    path: Folder,
    *,
    n_records: Annotated[int, typer.Option("--records", "-n", min=0, help="How many.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the last records of a journal.

    Example: kimera journal tail out/journal --records 20
    """
    journal = Journal.open(path)
    rows = journal.tail(n_records)
    first = len(journal) - len(rows)
    if as_json:
        _print_json([_row(rows, i, first) for i in range(len(rows))])
        return
    names = ("index", *_SHOWN, *_SHOWN_IDS)
    lines = [[str(_row(rows, i, first)[name]) for name in names] for i in range(len(rows))]
    widths = [max(len(row[c]) for row in [list(names), *lines]) for c in range(len(names))]
    for line in [list(names), *lines]:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def _row(rows: RecordArray, i: int, first: int) -> dict[str, int | str | None]:
    row: dict[str, int | str | None] = {"index": first + i}
    for name in RECORD.names or ():
        value = int(rows[i][name])
        unset = value == (NO_TIME if name.startswith("ts_") else NO_PRICE)
        row[name] = (
            None if unset and name in {"ts_event_ns", "ts_recv_ns", "price_ticks"} else value
        )
    kind = int(rows[i]["kind"])
    row["kind"] = Kind(kind).name if kind in Kind._value2member_map_ else kind
    return row


def _count_kinds(journal: Journal) -> dict[str, int]:
    import numpy as np

    totals = np.zeros(256, dtype=np.int64)
    for batch in journal.records():
        totals += np.bincount(batch["kind"], minlength=256)
    return {
        (Kind(int(k)).name if int(k) in Kind._value2member_map_ else f"kind {k}"): int(totals[k])
        for k in np.flatnonzero(totals)
    }


def _times(journal: Journal) -> tuple[int | None, int | None]:
    """Earliest and latest set time of receipt [ns]."""
    low: int | None = None
    high: int | None = None
    for batch in journal.records():
        times = batch["ts_recv_ns"]
        times = times[times != NO_TIME]
        if len(times):
            low = int(times.min()) if low is None else min(low, int(times.min()))
            high = int(times.max()) if high is None else max(high, int(times.max()))
    return low, high


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=1).decode())
