from __future__ import annotations

import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from kimera.desk.summary import _exact, print_summary, summary, write_summary
from kimera.model import NO_PRICE
from kimera.system import RunResult

RunMaker = Callable[..., RunResult]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(5), "5"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(25, 2), "12.5"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-123456789, 10**7), "-12.3456789"),
        (Fraction(0), "0"),
    ],
)
def test_exact_money_ends_or_stays_a_fraction(value: Fraction, text: str) -> None:
    assert _exact(value) == text
    assert Fraction(text) == value


def test_summary_parts_of_the_money_add_up_exactly(make_run: RunMaker) -> None:
    for row in summary(make_run())["instruments"]:
        spread, inventory, fees, total = (
            Fraction(row[f"pnl_{name}"]) for name in ("spread", "inventory", "fees", "total")
        )
        assert spread + inventory - fees == total


def test_write_summary_is_json_with_digest_and_positions(
    make_run: RunMaker, tmp_path: Path
) -> None:
    run = make_run()
    write_summary(run, tmp_path / "s.json")
    read = json.loads((tmp_path / "s.json").read_text())
    assert (read["digest"], read["fingerprint"]) == (run.digest, run.fingerprint)
    assert [row["position_lots"] for row in read["instruments"]] == list(run.positions_lots)
    assert read["latency_ns"]["feed"] == {
        "n": 5_000,
        "p50": 201_000,
        "p90": 201_000,
        "p99": 201_000,
        "p99.9": 201_000,
        "max": 201_000,
    }


def test_print_summary_ends_with_the_digest_in_plain_text(
    make_run: RunMaker, tmp_path: Path
) -> None:
    run = msgspec.structs.replace(make_run(), digest="cd" * 64)
    stream = io.StringIO()
    print_summary(run, Console(file=stream, width=80), {"report": tmp_path / "report.html"})
    lines = stream.getvalue().splitlines()
    assert lines[-1] == "digest: " + "cd" * 64
    assert lines[-2] == "fingerprint: " + "ef" * 16
    assert lines[-3] == f"report: {tmp_path / 'report.html'}"
    assert "P&L, USDT" in stream.getvalue()
    assert "+9.50 " in stream.getvalue()
    assert max(map(len, lines[:-3])) <= 80
    assert "BTCUSDT @ NORTH" in stream.getvalue()


def test_print_summary_in_two_currencies_names_each(make_run: RunMaker) -> None:
    run = make_run()
    coin = msgspec.structs.replace(run.pnl[1], currency="BTC")
    stream = io.StringIO()
    two = msgspec.structs.replace(run, pnl=(run.pnl[0], coin))
    print_summary(two, Console(file=stream, width=120), {})
    text = stream.getvalue()
    assert text.count(" USDT") == 2  # the instrument and the sum
    assert text.count(" BTC ") >= 2


def test_print_summary_of_a_tape_without_quotes_says_so(make_run: RunMaker) -> None:
    run = make_run()
    texts = []
    for bids in (run.top.bid_ticks, np.full_like(run.top.bid_ticks, NO_PRICE)):
        asks = bids if bids is not run.top.bid_ticks else run.top.ask_ticks
        top = msgspec.structs.replace(run.top, bid_ticks=bids, ask_ticks=asks)
        stream = io.StringIO()
        print_summary(msgspec.structs.replace(run, top=top), Console(file=stream), {})
        texts.append(stream.getvalue())
    assert ["no bid or ask was ever seen" in text for text in texts] == [False, True]
