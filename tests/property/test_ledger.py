"""The ledger against the same sums in rational numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimera.errors import InputError
from kimera.model import (
    NO_PRICE,
    Instrument,
    Kind,
    RecordArray,
    RecordFlag,
    ReportAct,
    Side,
    Venue,
    empty_records,
)
from kimera.portfolio import Ledger, unit_value

Fill = tuple[Side, int, int, bool]
fills = st.lists(
    st.tuples(
        st.sampled_from([Side.BID, Side.ASK]),
        st.integers(1, 10**7),
        st.integers(1, 10**6),
        st.booleans(),
    ),
    max_size=60,
)
MAKER, TAKER = -137, 4_501


def instrument(*, inverse: bool) -> Instrument:
    return Instrument(
        instrument_id=1,
        symbol="X",
        venue_id=1,
        tick_size=Decimal("0.5"),
        lot_size=Decimal("0.001"),
        base="X",
        quote="USD",
        multiplier=Decimal(100) if inverse else Decimal(1),
        inverse=inverse,
    )


def records_of(rows: list[Fill]) -> RecordArray:
    out = empty_records(len(rows))
    out["kind"], out["action"], out["instrument_id"] = Kind.REPORT, ReportAct.FILLED, 1
    for record, (side, price, lots, maker) in zip(out, rows, strict=True):
        record["side"], record["price_ticks"], record["size_lots"] = side, price, lots
        record["flags"] = RecordFlag.MAKER if maker else 0
    return out


def ledger(*, inverse: bool) -> Ledger:
    return Ledger([instrument(inverse=inverse)], [Venue(1, "V", MAKER, TAKER)])


@settings(max_examples=200, deadline=None)
@given(fills, st.integers(2, 2 * 10**7))
def test_linear_ledger_equals_the_sum_of_its_fills(rows: list[Fill], mid2: int) -> None:
    book = ledger(inverse=False)
    mids = np.full(len(rows), mid2, np.int64)
    assert book.apply(records_of(rows), mids) == len(rows)
    account = book.account(1, mid2)
    point = Fraction(1, 2) * Fraction(1, 1000)  # tick x lot
    signs = [1 if side == Side.BID else -1 for side, *_ in rows]
    position = sum(s * lots for s, (_, _, lots, _) in zip(signs, rows, strict=True))
    cash = -point * sum(s * p * n for s, (_, p, n, _) in zip(signs, rows, strict=True))
    fees = point * sum(
        Fraction(p * n * (MAKER if maker else TAKER), 10**7) for _, p, n, maker in rows
    )
    mid = Fraction(mid2, 2)
    assert account.position_lots == position
    assert account.cash == cash
    assert account.fees == fees
    assert account.profit == cash + point * position * mid - fees
    assert account.realised + account.unrealised == account.profit + fees
    assert account.spread == point * sum(
        s * n * (mid - p) for s, (_, p, n, _) in zip(signs, rows, strict=True)
    )


@settings(max_examples=200, deadline=None)
@given(fills, st.integers(2, 2 * 10**7))
def test_linear_realised_profit_is_average_cost_but_for_one_unit_a_fill(
    rows: list[Fill], mid2: int
) -> None:
    book = ledger(inverse=False)
    book.apply(records_of(rows))
    held, average, realised = 0, Fraction(0), Fraction(0)
    for side, price, lots, _ in rows:
        signed = lots if side == Side.BID else -lots
        if held == 0 or (held > 0) == (signed > 0):
            average = (average * abs(held) + price * lots) / (abs(held) + lots)
        else:
            closed = min(abs(held), lots)
            realised += closed * (price - average) * (1 if held > 0 else -1)
            if lots > abs(held):
                average = Fraction(price)
        held += signed
    account = book.account(1, mid2)
    unit = unit_value(instrument(inverse=False))
    # A rounded cost moves the average of what stays open, so later fills carry it on.
    slack = unit * len(rows) * (2 + sum(n for _, _, n, _ in rows))
    exact = realised * unit * 10**7
    assert abs(account.realised - exact) <= min(slack, abs(exact) * Fraction(1, 10**9) + unit * 100)


@settings(max_examples=100, deadline=None)
@given(fills, st.integers(2, 2 * 10**7))
def test_inverse_ledger_is_within_a_unit_per_fill_of_the_rational_sum(
    rows: list[Fill], mid2: int
) -> None:
    book = ledger(inverse=True)
    assert book.apply(records_of(rows)) == len(rows)
    account = book.account(1, mid2)
    unit = unit_value(instrument(inverse=True))
    scale = unit * 10**18  # lot x multiplier / tick
    value = sum(
        (1 if side == Side.BID else -1) * Fraction(lots, price) for side, price, lots, _ in rows
    )
    position = sum(lots if side == Side.BID else -lots for side, _, lots, _ in rows)
    fees = sum(
        Fraction(lots, price) * Fraction(MAKER if maker else TAKER, 10**7)
        for _, price, lots, maker in rows
    )
    profit = scale * (value - Fraction(2 * position, mid2) - fees)
    assert account.position_lots == position
    assert abs(account.profit - profit) <= unit * (len(rows) + 1) * 2
    assert account.realised + account.unrealised == account.profit + account.fees


def test_ledger_passes_over_what_is_no_fill() -> None:
    rows = records_of([(Side.BID, 100, 5, True)] * 3)
    rows["action"][0] = ReportAct.CANCELLED
    rows["instrument_id"][1] = 9
    book = ledger(inverse=False)
    assert book.apply(rows) == 1
    assert book.account(1, 200).position_lots == 5


def test_ledger_open_position_without_a_mark_is_refused() -> None:
    book = ledger(inverse=False)
    book.apply(records_of([(Side.BID, 100, 5, True)]))
    with pytest.raises(InputError, match="expected a mark"):
        book.account(1, NO_PRICE)
