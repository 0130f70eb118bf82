"""The measures of whole tapes: the batch table against the streaming analyzer, NaN with its reason.

Needs the recorded tapes; skips without them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kimera.market import open_tape
from kimera.microstructure.feed import MarketFeed
from kimera.microstructure.tape_analysis import analyse
from kimera.microstructure.tape_measures import Measures, measure, two_sided


def measures(folder: Path, *names: str) -> list[Measures]:
    paths = [folder / name for name in names]
    for path in paths:
        if not path.is_file():
            pytest.skip(f"no {path}")
    analyses, rows = analyse(MarketFeed([open_tape(path) for path in paths]))
    for _ in rows:
        pass
    return [measure(one.kept()) for one in analyses]


IBM = ("us_equity_ticks/ibm_20131007_quote.zip", "us_equity_ticks/ibm_20131007_trade.zip")
TAPES = [
    ("lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",),
    pytest.param(("cme_databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst",), marks=pytest.mark.slow),
    pytest.param(IBM, marks=pytest.mark.slow),
    pytest.param(("binance/usdm_btcusdt_20230404.jsonl.gz",), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("names", TAPES, ids=lambda n: Path(n[0]).name)
def test_table_of_a_tape_agrees_with_the_stream(market_data: Path, names: tuple[str, ...]) -> None:
    (one,) = measures(market_data, *names)
    last = one.kept.last
    assert last is not None
    assert not one.kept.left_out
    assert not one.kept.book_errors
    # Two ways to the same number: means over kept trades and quotes, and running sums. Of the
    # last second's trades the two know the horizon differently: by the last record or quote.
    for name, column, apart in (
        ("effective spread", "effective_spread_ticks", 1e-9),
        ("realised spread, 1 s", "realised_spread_ticks", 1e-3),
        ("price impact, 1 s", "price_impact_ticks", 1e-3),
    ):
        assert one.named(name).value == pytest.approx(float(last[column]), rel=apart), name
    # The classical slope of the stream is the Newey-West one of the table.
    slope = one.named("Kyle's lambda")
    assert slope.value == pytest.approx(float(last["kyle_lambda"]), rel=0.02)
    assert slope.stderr > 0
    assert not [row.name for row in one.table if math.isfinite(row.value) and row.why]
    assert not [row.name for row in one.table if not math.isfinite(row.value) and not row.why]


def test_trades_of_us_equities_lie_within_the_merged_quotes(market_data: Path) -> None:
    """The data set says: 96 to 99.8 % of trades at or within the best quotes in the session."""
    (one,) = measures(market_data, *IBM)
    quotes, trades = two_sided(one.kept), one.kept.trades
    hour = trades.ts_ns // 3_600_000_000_000 % 24
    inside = (hour >= 14) & (hour < 20)  # 10:00 to 16:00 New York
    at = np.searchsorted(quotes["ts_ns"], trades.ts_ns, side="right") - 1
    price = trades.price_ticks
    within = (price >= quotes["bid_ticks"][at]) & (price <= quotes["ask_ticks"][at])
    assert within[inside].mean() > 0.95
    assert (trades.sign[inside] != 0).mean() > 0.99


def test_quotes_of_two_venues_have_spreads_and_say_why_the_rest_is_missing(
    market_data: Path,
) -> None:
    fxcm, oanda = measures(
        market_data,
        "fx_two_venues/fxcm_eurusd_20140506_quote.zip",
        "fx_two_venues/oanda_eurusd_20140506_quote.zip",
    )
    assert 0 < fxcm.named("quoted spread").value < oanda.named("quoted spread").value
    for one in (fxcm, oanda):
        assert one.named("effective spread").why == "no trades on the tape"
        assert one.named("OFI R2").why == "the quotes have no sizes"
