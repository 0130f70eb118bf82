"""Tapes whose decoder is native: chunks of bytes in, records out, anomalies told or counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kimera.errors import FormatError, InputError, SequenceError
from kimera.market.source import CHUNK_BYTES, Source
from kimera.market.tape import Tape
from kimera.model import RECORD, Instrument, RecordArray

__all__ = ["Decoder", "NativeTape", "decimal_unit", "unit_of", "units_of"]


class Decoder(Protocol):
    """What every native decoder answers."""

    def take(self) -> npt.NDArray[np.uint8]:
        """Take what was decoded since the last call, as bytes."""

    def anomalies(self) -> dict[str, int]:
        """Count the anomalies so far by name."""

    def first_anomaly(self) -> tuple[str, int, str, str] | None:
        """Tell the first that stops a strict reader: name, where, expected, found."""


class NativeTape(Tape):
    """A tape that feeds a native decoder."""

    where = "row"
    """What a decoder's position counts: ``"row"`` or ``"offset"``."""

    def drain(self, decoder: Decoder, seen: Counter[str]) -> RecordArray:
        """Take what was decoded; count new anomalies, or raise the first in strict mode.

        Parameters
        ----------
        decoder : Decoder
            Fed before.
        seen : Counter
            What this decoder had told before; brought up to date.

        Returns
        -------
        ndarray of shape (n_records,)
        """
        now = Counter(decoder.anomalies())
        self.anomalies.update(now - seen)
        seen.update(now - seen)
        first = decoder.first_anomaly()
        if first is not None and self.strict:
            name, where, expected, found = first
            if name == "sequence_gap":
                raise SequenceError(
                    f"{self.file}: {self.where} {where}: expected {expected}, found {found}"
                )
            raise FormatError(self.file, f"{self.where} {where}", expected, found)
        records: RecordArray = decoder.take().view(RECORD)
        return records

    def chunks_of(self, source: Source, member: str | None = None) -> Iterator[bytes]:
        """Read a source; a packing that ends too early is an anomaly, not a crash."""
        try:
            yield from source.chunks(CHUNK_BYTES, member=member)
        except FormatError as error:
            self.report("truncated", error.where, error.expected, error.found, file=str(source))


def decimal_unit(text: Decimal | str | int, what: str) -> Decimal:
    """Read a tick or lot size given by the user; InputError when it is none."""
    try:
        unit = Decimal(text)
    except ArithmeticError as error:
        raise InputError(f"{what}: expected a decimal number above 0, was {text!r}") from error
    if not (unit.is_finite() and unit > 0):
        raise InputError(f"{what}: expected a decimal number above 0, was {text!r}")
    return unit


def unit_of(decimals: int) -> Decimal:
    """Give the unit with that many decimals: 2 is 0.01."""
    return Decimal(1).scaleb(-decimals)


def _split(unit: Decimal, what: str) -> tuple[int, int]:
    _, digits, exponent = unit.normalize().as_tuple()
    if not isinstance(exponent, int) or exponent < -18 or unit >= Decimal(10) ** 18:
        raise InputError(f"{what}: expected a unit from 1e-18 to 1e18, was {unit}")
    whole = int("".join(map(str, digits)))
    return (-exponent, whole) if exponent < 0 else (0, whole * 10**exponent)


def units_of(instruments: tuple[Instrument, ...]) -> list[tuple[str, int, int, int, int]]:
    """List what a native decoder needs of each instrument: symbol, tick and lot.

    Returns
    -------
    list of (symbol, tick decimals, tick units, lot decimals, lot units)
        ``tick = units x 10**-decimals``.
    """
    rows: list[Any] = []
    for one in instruments:
        tick = _split(one.tick_size, f"{one.symbol}: tick_size")
        lot = _split(one.lot_size, f"{one.symbol}: lot_size")
        rows.append((one.symbol, *tick, *lot))
    return rows
