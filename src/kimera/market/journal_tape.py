"""A journal of our own as a tape, and a tape written as a journal.

The instrument and venue tables are the members ``instruments`` and ``venues`` of the journal's
metadata. Every checksum and the hash chain are verified before the first record. Blobs and
their payload rows are left out; everything else is given as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from kimera.errors import FormatError
from kimera.market.parquet import Tables
from kimera.market.source import Source
from kimera.market.tape import BATCH_RECORDS, Tape, only_source
from kimera.model import Kind, RecordArray
from kimera.runtime import Journal

__all__ = ["JournalTape", "open_tape", "recognise", "write_tape"]


class JournalTape(Tape):
    """The records of a journal, from the first that retention has left."""

    format = "journal"

    def __init__(self, source: Source, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        self._journal = Journal.open(source.path)
        metadata = self._journal.metadata
        try:
            tables = msgspec.convert(
                {
                    "instruments": metadata.get("instruments", ()),
                    "venues": metadata.get("venues", ()),
                    "notes": metadata.get("notes", ()),
                },
                Tables,
            )
        except msgspec.ValidationError as error:
            expected = "tables of instruments and venues"
            raise FormatError(self.file, "metadata.json", expected, str(error)) from error
        self.instruments, self.venues = tables.instruments, tables.venues
        self.notes.extend(tables.notes)

    def _verify(self) -> None:
        """Hold every record against its checksum: a changed one must not pass for what happened."""
        for finding in self._journal.verify().findings:
            where = "the journal" if finding.offset is None else f"offset {finding.offset}"
            file = str(self.sources[0].path / finding.file)
            self.report("journal_findings", where, "a record as written", finding.what, file=file)

    def _pieces(self) -> Iterator[RecordArray]:
        self._verify()
        for batch in self._journal.records():
            blobs = batch["kind"] == Kind.BLOB
            if blobs.any():
                self.counts["blob_rows"] += int(np.count_nonzero(blobs))
                yield batch[~blobs]
            else:
                yield batch


def recognise(source: Source) -> bool:
    """Tell whether this is a folder with the metadata of a journal."""
    return source.packing == "folder" and (source.path / "metadata.json").is_file()


def open_tape(sources: Sequence[Source], *, strict: bool) -> JournalTape:
    """Open a journal as a tape."""
    source = only_source(sources, "journal")
    if not recognise(source):
        raise FormatError(str(source), "folder", "a journal with metadata.json", "none")
    return JournalTape(source, strict=strict)


def write_tape(tape: Tape, path: Path) -> int:
    """Write a tape as a new journal; gives the number of records."""
    tables = msgspec.to_builtins(Tables.of(tape), builtin_types=())
    n_written = 0
    with Journal.create(path, metadata=tables) as journal:
        for batch in tape.batches(BATCH_RECORDS):
            journal.append(np.ascontiguousarray(batch))
            n_written += len(batch)
    return n_written
