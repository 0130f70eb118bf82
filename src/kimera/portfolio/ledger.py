"""What we own: positions, cash, fees and profit, exact to the last unit.

Money is counted per instrument in its own unit (:func:`unit_value`): for a linear contract
``tick x lot x multiplier x 1e-7`` of the quote currency, for an inverse one
``lot x multiplier / tick x 1e-18`` of the base currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera._native import portfolio as _native
from kimera.errors import InputError
from kimera.model import NO_PRICE, RECORD, Instrument, RecordArray, Venue

__all__ = ["Account", "Ledger", "currency", "unit_value"]


def currency(instrument: Instrument) -> str:
    """Name the currency an instrument's profit is in; empty where the tape does not tell."""
    return instrument.base if instrument.inverse else instrument.quote


def unit_value(instrument: Instrument) -> Fraction:
    """Value of one unit of the ledger in :func:`currency`."""
    tick, lot = Fraction(instrument.tick_size), Fraction(instrument.lot_size)
    many = Fraction(instrument.multiplier)
    if instrument.inverse:
        return lot * many / tick / 10**18
    return tick * lot * many / 10**7


_COUNTS: Final = (
    "position_lots",
    "bought_lots",
    "sold_lots",
    "maker_lots",
    "taker_lots",
    "n_fills",
)
_MONEY: Final = ("cash", "fees", "realised", "unrealised", "spread", "profit")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of a ledger; money in :func:`currency`, exact.

    Attributes
    ----------
    instrument_id : int
    position_lots : int
        Signed [lots].
    bought_lots, sold_lots, maker_lots, taker_lots : int
        Volume filled [lots].
    n_fills : int
    cash : Fraction
        Received minus paid for fills, before fees.
    fees : Fraction
        Paid; negative is a rebate.
    realised, unrealised : Fraction
        Closed and open trades by average cost, before fees. The split is rounded to a unit of
        the ledger at each closing fill; the sum is exact.
    spread : Fraction
        ``sum of side x (mid - price) x size`` over the fills; 0 for inverse contracts.
    profit : Fraction
        ``realised + unrealised - fees``.
    """

    instrument_id: int
    position_lots: int
    bought_lots: int
    sold_lots: int
    maker_lots: int
    taker_lots: int
    n_fills: int
    cash: Fraction
    fees: Fraction
    realised: Fraction
    unrealised: Fraction
    spread: Fraction
    profit: Fraction


class Ledger:
    """Positions and profit of a set of instruments, from fills.

    Parameters
    ----------
    instruments : sequence of Instrument
        Ids from 1 without a gap.
    venues : sequence of Venue
        Their fees; an instrument whose venue is not named pays none.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from kimera.model import Instrument, Kind, ReportAct, Side, empty_records
    >>> from kimera.portfolio import Ledger
    >>> coin = Instrument(instrument_id=1, symbol="X", venue_id=1, tick_size=Decimal("0.5"),
    ...                   lot_size=Decimal(1), quote="USD")
    >>> fills = empty_records(2)
    >>> fills["kind"], fills["action"] = Kind.REPORT, ReportAct.FILLED
    >>> fills["instrument_id"], fills["size_lots"] = 1, 10
    >>> fills["side"], fills["price_ticks"] = [Side.BID, Side.ASK], [100, 104]
    >>> ledger = Ledger([coin], [])
    >>> ledger.apply(fills)
    2
    >>> ledger.account(1).profit
    Fraction(20, 1)
    """

    def __init__(self, instruments: Sequence[Instrument], venues: Sequence[Venue]) -> None:
        for index, instrument in enumerate(instruments):
            if instrument.instrument_id != index + 1:
                raise InputError(
                    f"ledger: expected instrument_id {index + 1}, was {instrument.instrument_id}"
                )
        fees: Mapping[int, Venue] = {venue.venue_id: venue for venue in venues}
        free = Venue(1, "")
        self._instruments = tuple(instruments)
        self._native = _native.Ledger(
            [
                (
                    fees.get(i.venue_id, free).maker_fee_e7,
                    fees.get(i.venue_id, free).taker_fee_e7,
                    i.inverse,
                )
                for i in instruments
            ]
        )

    def apply(self, records: RecordArray, mids2: npt.NDArray[np.int64] | None = None) -> int:
        """Take fills.

        Parameters
        ----------
        records : ndarray of shape (n,)
            Records; those that are no ``Report Filled`` of a known instrument are passed over.
        mids2 : ndarray of shape (n,), optional
            Twice the mid at each fill [half ticks], for ``spread``; ``NO_PRICE`` where unknown.

        Returns
        -------
        int
            Fills taken.
        """
        if records.dtype != RECORD:
            raise InputError(f"ledger: expected records of dtype RECORD, found {records.dtype}")
        mids = np.full(len(records), NO_PRICE, np.int64) if mids2 is None else mids2
        raw = np.ascontiguousarray(records).reshape(-1).view(np.uint8)
        return int(self._native.apply(raw, np.ascontiguousarray(mids, np.int64)))

    def account(self, instrument_id: int, mid2: int = NO_PRICE) -> Account:
        """Look at one instrument.

        Parameters
        ----------
        instrument_id : int
            From 1.
        mid2 : int
            Twice the price the position is marked at [half ticks]; needed unless flat.

        Raises
        ------
        InputError
            If the id is not known, or the position is open and there is no mark.
        """
        if not 1 <= instrument_id <= len(self._instruments):
            raise InputError(
                f"ledger: instrument_id must be 1 to {len(self._instruments)}, was {instrument_id}"
            )
        raw = self._native.account(instrument_id, mid2)
        if raw["position_lots"] != 0 and mid2 == NO_PRICE:
            raise InputError(
                f"ledger: instrument {instrument_id} holds {raw['position_lots']} lots: "
                "expected a mark (mid2), was none"
            )
        unit = unit_value(self._instruments[instrument_id - 1])
        counts = {name: int(raw[name]) for name in _COUNTS}
        money = {name: unit * raw[name] for name in _MONEY}
        return msgspec.convert({"instrument_id": instrument_id, **counts, **money}, Account)
