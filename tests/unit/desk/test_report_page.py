from __future__ import annotations

import json
import re
from collections.abc import Callable
from gzip import decompress
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
import pytest

from kimera.desk.report import report_html, write_report
from kimera.desk.report.page import PLOTLY_ASSET
from kimera.desk.report.words import MINUS
from kimera.errors import InputError
from kimera.model import NO_TIME, empty_records
from kimera.system import RunResult

RunMaker = Callable[..., RunResult]


class Reader(HTMLParser):
    """Collect the text, the figures' data and whatever would be loaded from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.outside: list[str] = []
        self.figures = ""
        self.scripts = 0
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        link = values.get("src") or values.get("href") or ""
        if link and not link.startswith("data:"):
            self.outside.append(link)
        self._inside = values.get("id") or tag if tag in {"script", "style"} else ""
        self.scripts += tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "figures":
            self.figures += data
        elif not self._inside:
            self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def empty_run(run: RunResult) -> RunResult:
    n = len(run.instruments)
    none = np.zeros(0, dtype=np.int64)
    grid = np.zeros((0, n), dtype=np.int64)
    return msgspec.structs.replace(
        run,
        fills=empty_records(0),
        fill_mids2=none,
        markout_mids2=np.zeros((0, len(run.markout_horizons_ns)), dtype=np.int64),
        curve=msgspec.structs.replace(
            run.curve,
            ts_ns=none,
            equity={"USDT": np.zeros(0)},
            drawdown={"USDT": np.zeros(0)},
            positions_lots=grid,
        ),
        top=msgspec.structs.replace(run.top, ts_ns=none, bid_ticks=grid, ask_ticks=grid),
        latencies={},
    )


def test_report_is_one_file_that_loads_nothing(make_run: RunMaker) -> None:
    page = read(report_html(make_run()))
    assert page.outside == []
    assert page.scripts == 3
    figures = json.loads(page.figures)
    assert len(figures) >= 8
    assert all(figure["data"] for figure in figures)


def test_report_shows_the_runs_numbers_with_units(make_run: RunMaker) -> None:
    run = make_run(n_instruments=2, n_fills=120)
    text = " ".join(read(report_html(run)).text)
    # Two instruments: spread 12.5, inventory -7.75, fees -1.5 and +1.5: 4.75 each before fees.
    assert "+9.50 USDT" in text
    assert f"spread +25.00, inventory {MINUS}15.50, fees +0.00" in text
    assert f"{run.curve.drawdown['USDT'].max():.2f} USDT" in text
    assert "seed 7" in text
    assert run.digest is not None
    assert run.digest in text
    assert run.fingerprint in text
    assert "BTCUSDT @ NORTH" in text
    assert "matching engine itself" in text
    assert "constant 200000 ns" in text


def test_report_lists_only_anomalies_that_happened(make_run: RunMaker) -> None:
    text = " ".join(read(report_html(make_run())).text)
    assert re.search(r"crossed\s+3", text)
    assert "1 other kinds were counted and none found" in text


def test_report_of_names_with_markup_shows_them_as_text(make_run: RunMaker) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    run = msgspec.structs.replace(make_run(), strategy=name, tape=name, config={"a": name})
    page = read(report_html(run))
    assert page.outside == []
    assert page.scripts == 3
    assert name in " ".join(page.text)


def test_report_of_an_empty_run_says_so(make_run: RunMaker) -> None:
    text = " ".join(read(report_html(empty_run(make_run()))).text)
    assert "There were no fills" in text
    assert " nan" not in text


def test_report_of_a_long_run_stays_small(make_run: RunMaker, tmp_path: Path) -> None:
    write_report(make_run(n_instruments=20, n_samples=100_000, n_fills=50_000), tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < 6_000_000


def test_report_draws_the_busiest_instruments_and_counts_the_rest(make_run: RunMaker) -> None:
    text = " ".join(read(report_html(make_run(n_instruments=20, n_fills=400))).text)
    assert "The 8 busiest; 12 more are not shown." in text


def test_report_of_a_tape_whose_first_record_has_no_time_begins_at_the_first_sample(
    make_run: RunMaker,
) -> None:
    run = make_run(n_samples=300)  # 300 samples, 100 ms apart, from 22:13:20
    text = " ".join(read(report_html(msgspec.structs.replace(run, start_ns=NO_TIME))).text)
    assert "2023-11-14 22:13:20.000 UTC" in text
    assert "29.9 s" in text


def test_plotly_asset_is_the_whole_library() -> None:
    packed = resources.files("kimera.desk.report").joinpath("assets", PLOTLY_ASSET).read_bytes()
    text = decompress(packed).decode("utf-8")
    assert text.lstrip().startswith("/**\n* plotly.js v")
    assert "</script" not in text  # it is put into a script element


def test_write_report_into_a_missing_folder_raises(make_run: RunMaker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_report(make_run(), tmp_path / "absent" / "report.html")
