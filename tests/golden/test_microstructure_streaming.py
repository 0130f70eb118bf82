"""On every recorded tape with a book: streaming equals batch, bit for bit, at every record.

The batch side gets its levels from a plain dict book, its measures from the batch functions.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from kimera.market import open_tape
from kimera.microstructure import (
    FEATURES,
    Analyzer,
    AnalyzerConfig,
    batch_features,
    quote_at,
)
from kimera.microstructure.regression import ols_hac
from kimera.model import NO_PRICE, Action, RecordArray, Side

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "microstructure"))
naive_book = importlib.import_module("naive_book")  # beside the room's unit tests


# tape: kind of book, records taken
TAPES = {
    "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip": ("orders", 226_000),
    "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip": ("orders", 60_000),
    "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip": ("orders", 60_000),
    "cme_databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst": ("orders", 69_000),
    "binance/spot_btcusdt_20240808.jsonl.gz": ("prices", 100_000),
    "binance/usdm_btcusdt_20240808.jsonl.gz": ("prices", 150_000),
    "binance/cm_btcusd_perp_20240808.jsonl.gz": ("prices", 100_000),
}


def tape_records(path: Path, most: int) -> RecordArray:
    taken: list[RecordArray] = []
    for batch in open_tape(path).batches():
        taken.append(batch)
        if sum(len(b) for b in taken) >= most:
            break
    return np.concatenate(taken)[:most]


def assert_same_bits(left: np.ndarray, right: np.ndarray) -> None:
    for name in FEATURES.names or ():
        a, b = np.ascontiguousarray(left[name]), np.ascontiguousarray(right[name])
        if a.dtype.kind == "f":
            a, b = (np.where(np.isnan(v), np.nan, v) for v in (a, b))
        wrong = np.flatnonzero(a.view(np.int64) != b.view(np.int64))
        assert wrong.size == 0, f"{name} row {wrong[0]}: {left[name][wrong[0]]!r} {b[wrong[0]]!r}"


@pytest.mark.parametrize("tape", TAPES)
def test_stream_equals_batch_on_tape(market_data: Path, tape: str) -> None:
    path = market_data / tape
    if not path.is_file():
        pytest.skip(f"no {path}")
    by, most = TAPES[tape]
    records = tape_records(path, most)
    traded = np.isin(records["action"], (Action.EXECUTE, Action.TRADE))
    config = AnalyzerConfig(bucket_lots=max(1, int(records["size_lots"][traded].sum()) // 200))
    stream = Analyzer(by=by, config=config)
    rows = stream.update(records)
    assert stream.book_errors == 0
    assert stream.dropped == 0
    assert_same_bits(rows, batch_features(records, naive_book.levels_after(records), config=config))
    for name in ("effective_spread_ticks", "realised_spread_ticks", "kyle_lambda", "vpin"):
        assert np.isfinite(rows[name][-1]), name
    # and the prefix of the tape gives the prefix of the rows
    half = Analyzer(by=by, config=config).update(records[: most // 3])
    assert_same_bits(half, rows[: most // 3])


def test_trades_pay_more_than_makers_keep(market_data: Path) -> None:
    """On the Nasdaq tape the effective spread is the realised one and the impact, and positive."""
    records = tape_records(
        market_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip", 226_000
    )
    last = Analyzer(by="orders").update(records)[-1]
    assert 0 < last["effective_spread_ticks"] < last["quoted_spread_ticks"]
    assert last["price_impact_ticks"] > 0
    assert last["realised_spread_ticks"] < last["effective_spread_ticks"]
    assert last["kyle_lambda"] > 0
    assert np.count_nonzero(records["side"] == Side.NONE) < len(records)


@pytest.mark.parametrize("ticker", ["AMZN_2012-06-21_5", "AAPL_2012-06-21_1"])
def test_order_flow_explains_more_of_the_price_than_trades_do(
    market_data: Path, ticker: str
) -> None:
    """Cont, Kukanov and Stoikov (2014): at 10 s OFI explains most, and trade imbalance less."""
    path = market_data / "lobster" / f"LOBSTER_SampleFile_{ticker}.zip"
    rows = Analyzer(by="orders").update(tape_records(path, 300_000))
    rows = rows[rows["mid2_ticks"] != NO_PRICE]
    grid = np.arange(rows["ts_ns"][0] + 10**9, rows["ts_ns"][-1], 10**10)
    at = rows[quote_at(grid, rows["ts_ns"])]
    move = np.diff(at["mid2_ticks"]) / 2.0
    ones = np.ones(move.size)

    def mean_r2(flow: np.ndarray) -> float:
        x = np.column_stack([ones, flow])
        return float(
            np.mean([ols_hac(move[h], x[h]).r2 for h in np.array_split(np.arange(move.size), 13)])
        )

    by_flow = mean_r2(np.diff(at["ofi_1"]).astype(float))
    by_trades = mean_r2(np.diff(at["signed_volume_lots"]).astype(float))
    assert by_flow > 0.45
    assert by_flow > 1.2 * by_trades
