from decimal import Decimal

import pytest

from kimera.errors import InputError
from kimera.model import Instrument


def make(tick: str = "0.01", lot: str = "0.00001") -> Instrument:
    return Instrument(
        instrument_id=1,
        symbol="BTCUSDT",
        venue_id=1,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
    )


def test_to_ticks_round_trips_exactly() -> None:
    assert make().price(make().to_ticks("61234.56")) == Decimal("61234.56")


def test_to_ticks_between_two_ticks_is_refused_with_the_numbers() -> None:
    with pytest.raises(InputError, match=r"price 1\.005 is not a multiple of the tick 0\.01"):
        make().to_ticks("1.005")


@pytest.mark.parametrize("tick", ["0", "-0.01", "NaN", "Infinity"])
def test_instrument_with_an_impossible_tick_is_refused(tick: str) -> None:
    with pytest.raises(InputError, match="tick_size"):
        make(tick=tick)
