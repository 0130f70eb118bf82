from __future__ import annotations

import io
import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from rich.console import Console

from kimera.desk.report.words import MINUS
from kimera.desk.terminal import RunView, sparkline
from kimera.system import RunResult, Snapshot

RunMaker = Callable[..., RunResult]

SNAPSHOT = Snapshot(
    ts_ns=10_000_000_000,
    events=2_000_000,
    events_per_s=4_000_000.0,
    bid_ticks=(6_000_000, None),
    ask_ticks=(6_000_006, 350_000),
    positions_lots=(-25, 0),
    pnl={"USDT": 12.345},
    orders=100,
    fills=40,
)


def drawn(view: RunView, share: float, snapshot: Snapshot) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(view.picture(share, snapshot))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def make_view(run: RunResult, stream: io.StringIO) -> RunView:
    return RunView("test", run.instruments, ["BTC", "ETH"], stream, start_ns=0)


@pytest.mark.parametrize(
    ("values", "blocks"),
    [([0.0, 7.0, 3.5], "▁█▄"), ([5.0, 5.0], "▄▄"), ([], ""), ([math.nan, 1.0, 2.0], "▁█")],
)
def test_sparkline_scales_between_lowest_and_highest(values: list[float], blocks: str) -> None:
    assert sparkline(values) == blocks


def test_picture_shows_prices_positions_and_money(make_run: RunMaker) -> None:
    view = make_view(make_run(), io.StringIO())
    view(0.1, msgspec.structs.replace(SNAPSHOT, ts_ns=0, bid_ticks=(5_999_000, None)))
    view(0.4, SNAPSHOT)
    text = drawn(view, 0.4, SNAPSHOT)
    assert "60,000.03" in text  # mid of 60,000.00 and 60,000.06
    assert "0.010" in text  # 6 ticks of 6,000,003: 0.01 bps
    assert f"{MINUS}0.0025 BTC" in text
    assert "+12.35 USDT" in text or "+12.34 USDT" in text
    assert "10.0 s" in text
    assert "40%" in text
    assert "4.00 M events/s" in text
    assert "▁█" in text


def test_picture_with_unknown_length_has_no_percentage(make_run: RunMaker) -> None:
    assert "%" not in drawn(make_view(make_run(), io.StringIO()), math.nan, SNAPSHOT)


def test_view_without_a_terminal_writes_plain_lines_seldom(make_run: RunMaker) -> None:
    stream = io.StringIO()
    with make_view(make_run(), stream) as view:
        for _ in range(100):
            view(0.5, SNAPSHOT)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(" 50% market time 10.0 s, 2,000,000 events (4.00 M/s), 40 fills")
    assert "\x1b" not in lines[0]


def test_view_of_a_tape_shows_the_tapes_clock(make_run: RunMaker) -> None:
    stream = io.StringIO()
    RunView("test", make_run().instruments, ["BTC", "ETH"], stream)(math.nan, SNAPSHOT)
    assert stream.getvalue().startswith("market clock 1970-01-01 00:00:10.000 UTC, 2,000,000")


def test_view_finished_with_the_result_shows_the_whole_run(make_run: RunMaker) -> None:
    run = make_run(n_instruments=2, n_samples=300)
    rising = np.linspace(0.0, 1.0, 300)
    run.curve.equity["USDT"] = rising
    view = make_view(run, io.StringIO())
    view(1.0, SNAPSHOT)
    assert "▁▁▁" not in drawn(view, 1.0, SNAPSHOT)
    view.finish(run)
    assert sparkline(list(rising[np.linspace(0, 299, 16).round().astype(int)])) in drawn(
        view, 1.0, SNAPSHOT
    )
