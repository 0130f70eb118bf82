"""Instruments and venues: where decimal prices become integer ticks, once, at the edge.

``price = price_ticks x tick_size`` and ``size = size_lots x lot_size``, both exact decimals.
The value of a trade in the quote currency is ``price x size x multiplier``; for an inverse
(coin-margined) contract it is ``size x multiplier / price`` in the base currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from kimera.errors import InputError

__all__ = ["Instrument", "Venue"]


class Venue(msgspec.Struct, frozen=True):
    """A place where orders meet.

    Attributes
    ----------
    venue_id : int
        Index in the tape's venue table, from 1.
    name : str
        Short name, as in ``"BINANCE_SPOT"``.
    maker_fee_e7, taker_fee_e7 : int
        Fee per unit of traded value, in 1e-7; negative is a rebate. 1 bp = 1,000.
    """

    venue_id: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    name: str
    maker_fee_e7: int = 0
    taker_fee_e7: int = 0


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that trades at one venue.

    Attributes
    ----------
    instrument_id : int
        Index in the tape's instrument table, from 1.
    symbol : str
        The venue's own symbol.
    venue_id : int
        The venue it trades at.
    tick_size, lot_size : Decimal
        Value of one tick [quote currency] and of one lot [base currency or contracts], > 0.
    base, quote : str
        Currency codes, empty where unknown.
    multiplier : Decimal
        Contract multiplier, 1 for spot.
    inverse : bool
        True for coin-margined contracts.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from kimera.model import Instrument
    >>> btc = Instrument(instrument_id=1, symbol="BTCUSDT", venue_id=1,
    ...                  tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"))
    >>> btc.to_ticks("61234.56")
    6123456
    >>> btc.price(6123456)
    Decimal('61234.56')
    """

    instrument_id: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    symbol: str
    venue_id: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    tick_size: Decimal
    lot_size: Decimal
    base: str = ""
    quote: str = ""
    multiplier: Decimal = Decimal(1)
    inverse: bool = False

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "multiplier"):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and value > 0):
                raise InputError(f"{self.symbol}: {name} must be a number above 0, was {value}")

    def to_ticks(self, price: Decimal | str | int) -> int:
        """Convert a price [quote currency] to ticks; InputError when it is between two ticks."""
        return self._whole(price, self.tick_size, "price", "tick")

    def to_lots(self, size: Decimal | str | int) -> int:
        """Convert a size [base currency or contracts] to lots; InputError when not whole."""
        return self._whole(size, self.lot_size, "size", "lot")

    def price(self, price_ticks: int) -> Decimal:
        """Convert ticks to a price [quote currency]."""
        return int(price_ticks) * self.tick_size

    def size(self, size_lots: int) -> Decimal:
        """Convert lots to a size [base currency or contracts]."""
        return int(size_lots) * self.lot_size

    def _whole(self, value: Decimal | str | int, unit: Decimal, what: str, name: str) -> int:
        quotient = Decimal(value) / unit
        whole = int(quotient)
        if quotient != whole:
            raise InputError(
                f"{self.symbol}: {what} {value} is not a multiple of the {name} {unit}"
            )
        return whole
