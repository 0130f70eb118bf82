"""Records in Parquet: one column a field, the instrument and venue tables in the metadata.

The round trip is exact: every field, every record, the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from kimera.errors import FormatError, MissingExtraError
from kimera.market.source import Source
from kimera.market.tape import Tape, only_source
from kimera.model import RECORD, Instrument, RecordArray, Venue

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["ParquetTape", "Tables", "open_tape", "recognise", "write_tape"]

_KEY: Final = b"kimera.tables"
_MAGIC: Final = b"PAR1"
_ROWS: Final = 65_536


class Tables(msgspec.Struct, frozen=True):
    """The tables that give the ids of a tape a meaning, as they are stored beside records."""

    instruments: tuple[Instrument, ...]
    venues: tuple[Venue, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, tape: Tape) -> Tables:
        """Take the tables of a tape."""
        return cls(tuple(tape.instruments), tuple(tape.venues), tuple(tape.notes))


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("data", "pyarrow") from error
    return pa


class ParquetTape(Tape):
    """Records written by :func:`write_tape`."""

    format = "parquet"

    def __init__(self, source: Source, *, strict: bool) -> None:
        super().__init__([source], strict=strict)
        self._file: pq.ParquetFile = self._open()
        schema = self._file.schema_arrow
        missing = [name for name in RECORD.names or () if name not in schema.names]
        if missing:
            raise FormatError(
                self.file, "schema", f"a column {missing[0]}", f"{', '.join(schema.names)}"
            )
        stored = (schema.metadata or {}).get(_KEY)
        if stored is None:
            raise FormatError(self.file, "schema", f"metadata {_KEY.decode()}", "none")
        try:
            tables = msgspec.json.decode(stored, type=Tables)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FormatError(self.file, "metadata", "tables as JSON", str(error)) from error
        self.instruments, self.venues = tables.instruments, tables.venues
        self.notes.extend(tables.notes)

    def _open(self) -> pq.ParquetFile:
        pa = _pyarrow()
        try:
            return pa.parquet.ParquetFile(self.sources[0].path)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            where, found = "footer", " ".join(str(error).split())
            raise FormatError(self.file, where, "a whole Parquet file", found) from error

    def _pieces(self) -> Iterator[RecordArray]:
        pa = _pyarrow()
        row = 0
        try:
            for batch in self._file.iter_batches(_ROWS, columns=list(RECORD.names or ())):
                records = np.empty(batch.num_rows, dtype=RECORD)
                for name in RECORD.names or ():
                    records[name] = batch.column(name).to_numpy()
                row += len(records)
                yield records
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            found = " ".join(str(error).split())
            self.report("damaged", f"row {row}", "a whole row group", found)


def recognise(source: Source) -> bool:
    """Tell whether this is a Parquet file of records."""
    if source.packing != "plain" or source.head[:4] != _MAGIC:
        return False
    try:
        import pyarrow.parquet as pq
    except ImportError:
        return True  # opening it then says what is missing
    import pyarrow as pa

    try:
        metadata = pq.read_schema(source.path).metadata or {}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return True  # a damaged Parquet file: opening it says where
    return _KEY in metadata


def open_tape(sources: Sequence[Source], *, strict: bool) -> ParquetTape:
    """Open records in Parquet."""
    return ParquetTape(only_source(sources, "parquet"), strict=strict)


def write_tape(tape: Tape, path: Path) -> int:
    """Write a tape as Parquet (zstandard), a row group a batch; gives the number of records."""
    pa = _pyarrow()
    kinds = {"i": "int", "u": "uint"}
    fields = []
    for name in RECORD.names or ():
        dtype = RECORD.fields[name][0]  # type: ignore[index]
        fields.append((name, getattr(pa, f"{kinds[dtype.kind]}{8 * dtype.itemsize}")()))
    schema = pa.schema(fields, metadata={_KEY: msgspec.json.encode(Tables.of(tape))})
    n_written = 0
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in tape.batches(_ROWS):
            columns = [np.ascontiguousarray(batch[name]) for name in schema.names]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            n_written += len(batch)
    return n_written
