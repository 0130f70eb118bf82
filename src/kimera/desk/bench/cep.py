"""Pattern matching: rows per second of whole queries, one thread.

Workload: a random walk of ticks over ``n`` symbols, one tick per microsecond, symbols drawn
uniformly, seeded. Rates are rows per second of CPU time from typed columns in to matches out. The
peer is the state machine a Python programmer writes by hand for the V shape; its matches must be
the same in number.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from kimera.cep import Query, Type
from kimera.desk.bench import Measurement, Profile, interleave

__all__ = ["measure"]

ROWS: Final = 2_000_000
BATCH: Final = 65_536
COLUMNS: Final = {"symbol": Type.BIGINT, "ts": Type.BIGINT, "price": Type.BIGINT}

V_SHAPE: Final = """
SELECT * FROM ticks MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY ts
  MEASURES STRT.price AS start_price, LAST(DOWN.price) AS bottom, UP.price AS end_price
  PATTERN (STRT DOWN+ UP)
  DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))
"""
WITHIN: Final = """
SELECT * FROM ticks MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY ts
  MEASURES A.price AS first_price, C.price AS last_price
  PATTERN (A B* C) WITHIN INTERVAL '1' MILLISECOND
  DEFINE B AS B.price >= A.price, C AS C.price < A.price - 3)
"""


def measure(profile: Profile) -> list[Measurement]:
    """Time the queries of the page on patterns.

    Parameters
    ----------
    profile : Profile

    Returns
    -------
    list of Measurement
    """
    rows = profile.events(ROWS)
    ticks = _ticks(rows, 100)
    runs = profile.rounds
    timed = interleave(
        {
            "vshape": lambda: _rate(V_SHAPE, ticks),
            "within": lambda: _rate(WITHIN, ticks),
            "by hand": lambda: _rate_by_hand(ticks),
        },
        runs,
    )
    peer = "state machine by hand in Python"
    found = [
        Measurement(
            area="cep",
            name="V shape, 100 symbols",
            value=timed.median("vshape"),
            unit="M rows/s",
            target=10.0,
            peer=peer,
            peer_value=timed.median("by hand"),
            ratio=timed.ratio("vshape", "by hand"),
            runs=runs,
        ),
        Measurement(
            area="cep",
            name="A B* C WITHIN, 100 symbols",
            value=timed.median("within"),
            unit="M rows/s",
            target=10.0,
            runs=runs,
        ),
    ]
    return found + _by_partitions(rows, runs)


def _by_partitions(rows: int, runs: int) -> list[Measurement]:
    """The V shape over few and many symbols."""
    candidates: dict[str, Callable[[], float]] = {}
    for n_symbols in (10, 10_000, 1_000_000):
        ticks = _ticks(rows, n_symbols)
        candidates[str(n_symbols)] = lambda ticks=ticks: _rate(V_SHAPE, ticks)  # type: ignore[misc]
    timed = interleave(candidates, runs)
    return [
        Measurement(
            area="cep",
            name=f"V shape, {int(name):,} symbols",
            value=timed.median(name),
            unit="M rows/s",
            runs=runs,
        )
        for name in candidates
    ]


def _ticks(rows: int, n_symbols: int) -> dict[str, Any]:
    random = np.random.default_rng(7)
    steps = random.integers(-3, 4, rows)
    return {
        "symbol": random.integers(0, n_symbols, rows),
        "ts": np.arange(rows, dtype=np.int64) * 1_000,
        "price": 10_000 + steps + np.cumsum(random.integers(-1, 2, rows)),
    }


def _rate(sql: str, ticks: dict[str, Any]) -> float:
    query = Query(sql, COLUMNS)
    rows = len(ticks["ts"])
    start = time.process_time()
    for at in range(0, rows, BATCH):
        query.push({name: column[at : at + BATCH] for name, column in ticks.items()})
    query.finish()
    return rows / (time.process_time() - start) / 1e6


def _rate_by_hand(ticks: dict[str, Any]) -> float:
    symbols, prices = ticks["symbol"].tolist(), ticks["price"].tolist()
    start = time.process_time()
    matches = _v_shapes(symbols, prices)
    seconds = time.process_time() - start
    query = Query(V_SHAPE, COLUMNS)
    query.push(ticks)
    query.finish()
    if matches != query.n_matches:
        raise AssertionError(f"by hand {matches} matches, the engine {query.n_matches}")
    return len(symbols) / seconds / 1e6


def _v_shapes(symbols: list[int], prices: list[int]) -> int:
    last: dict[int, int] = {}
    falling: dict[int, bool] = {}
    matches = 0
    for symbol, price in zip(symbols, prices, strict=True):
        before = last.get(symbol)
        last[symbol] = price
        if before is None:
            continue
        if price < before:
            falling[symbol] = True
        elif price > before and falling.get(symbol):
            matches += 1
            falling[symbol] = False
            del last[symbol]  # the next match starts behind this row
        else:
            falling[symbol] = False
    return matches
