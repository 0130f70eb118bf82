from __future__ import annotations

import math
from decimal import Decimal

import pytest

from kimera.desk.report import words
from kimera.desk.report.words import MINUS
from kimera.model import NO_TIME, Instrument

BTC = Instrument(
    instrument_id=1,
    symbol="BTCUSDT",
    venue_id=2,
    tick_size=Decimal("0.010"),
    lot_size=Decimal("0.00001"),
    base="BTC",
    quote="USDT",
)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0.0, "0 ns"),
        (999.0, "999 ns"),
        (200_000.0, "200 µs"),
        (29_900_000_000.0, "29.9 s"),
        (120e9, "2.0 min"),
        (7_500e9, "2 h 05 min"),
        (math.nan, "n/a"),
    ],
)
def test_duration_takes_the_unit_that_suits_it(ns: float, text: str) -> None:
    assert words.duration(ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "+1,234.50 USDT"),
        (-0.0712, f"{MINUS}0.0712 USDT"),
        (0.00002, "+0.000020 USDT"),
        (0.0, "+0.00 USDT"),
        (-0.0, "+0.00 USDT"),
        (math.nan, "n/a USDT"),
    ],
)
def test_money_shows_small_amounts_with_more_decimals(value: float, text: str) -> None:
    assert words.money(value, "USDT") == text


def test_money_without_a_known_currency_says_quote() -> None:
    assert words.money(2.0, "") == "+2.00 quote"


@pytest.mark.parametrize(
    ("lots", "text"), [(0, "0 BTC"), (-3, f"{MINUS}0.00003 BTC"), (250_000, "+2.5 BTC")]
)
def test_size_words_never_use_exponents(lots: int, text: str) -> None:
    assert words.size_words(BTC, lots) == text


def test_decimals_of_a_price_ignore_trailing_zeros() -> None:
    assert words.decimals(BTC) == 2


def test_name_of_names_the_venue_only_where_there_are_several() -> None:
    assert words.name_of(BTC, ("NORTH",)) == "BTCUSDT"
    assert words.name_of(BTC, ("NORTH", "SOUTH")) == "BTCUSDT @ SOUTH"


def test_instant_is_utc_to_the_millisecond() -> None:
    assert words.instant(1_700_000_000_123_456_789) == "2023-11-14 22:13:20.123 UTC"
    assert words.instant(NO_TIME) == "n/a"


@pytest.mark.parametrize("model", ["l3-fifo", "risk-averse", "power-3", "log", "matching"])
def test_queue_words_explain_every_model(model: str) -> None:
    assert words.queue_words(model).startswith(f"{model}: ")


def test_queue_words_of_an_unknown_model_repeat_it() -> None:
    assert words.queue_words("new-model") == "new-model"
