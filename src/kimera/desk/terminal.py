"""The live view of a run in the terminal; plain lines where the output is not a terminal."""

from __future__ import annotations

import math
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Final, TextIO

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kimera.desk.report.analysis import mid_prices
from kimera.desk.report.series import spaced_index
from kimera.desk.report.words import instant, money, size_words

if TYPE_CHECKING:
    from kimera.model import Instrument
    from kimera.system import RunResult, Snapshot

__all__ = ["RunView", "sparkline"]

HISTORY: Final = 16
ROWS: Final = 12
BAR_WIDTH: Final = 24
LINE_EVERY_NS: Final = 2_000_000_000
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: list[float]) -> str:
    """Draw values as a row of blocks, lowest to highest; a flat row in the middle.

    Examples
    --------
    >>> from kimera.desk.terminal import sparkline
    >>> sparkline([1.0, 2.0, 3.0])
    '▁▄█'
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    if high == low:
        return _BLOCKS[3] * len(known)
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[int((value - low) / (high - low) * top)] for value in known)


class RunView:
    """Shows a run while it runs; give it to the run as its progress callback.

    Parameters
    ----------
    title : str
        What runs.
    instruments : tuple of Instrument
    names : list of str
        Of the instruments, as shown.
    stream : text file
        Where to write; a live picture if it is a terminal, else a line every two seconds.
    start_ns : int, optional
        Market time at which the run begins [ns], where that is known before.
    """

    def __init__(
        self,
        title: str,
        instruments: tuple[Instrument, ...],
        names: list[str],
        stream: TextIO,
        *,
        start_ns: int | None = None,
    ) -> None:
        self._title = title
        self._instruments = instruments
        self._names = names
        self._console = Console(file=stream)
        self._live: Live | None = None
        self._mids: list[deque[float]] = [deque(maxlen=HISTORY) for _ in instruments]
        self._pnl: dict[str, deque[float]] = {}
        self._start_ns = start_ns
        self._next_line_ns = 0
        self._last: Snapshot | None = None

    def __enter__(self) -> RunView:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, share: float, snapshot: Snapshot) -> None:
        """Take the state of the run: the share that is done (nan where unknown) and a snapshot."""
        self._last = snapshot
        for mids, bid, ask in zip(self._mids, snapshot.bid_ticks, snapshot.ask_ticks, strict=True):
            mids.append((bid + ask) / 2 if bid is not None and ask is not None else math.nan)
        for currency, value in snapshot.pnl.items():
            self._pnl.setdefault(currency, deque(maxlen=HISTORY)).append(value)
        if self._live is not None:
            self._live.update(self.picture(share, snapshot), refresh=True)
        else:
            self._line(share, snapshot)

    def finish(self, result: RunResult) -> None:
        """Draw the last frame with the lines of the whole run: a fast one has few frames."""
        if self._last is None:
            return
        rows = spaced_index(len(result.top.ts_ns), HISTORY)
        for number, mids in enumerate(self._mids):
            mids.clear()
            mids.extend(mid_prices(result.top, number, 1.0)[rows])
        for currency, values in result.curve.equity.items():
            self._pnl[currency] = deque(values[rows], maxlen=HISTORY)
        if self._live is not None:
            self._live.update(self.picture(1.0, self._last), refresh=True)

    def picture(self, share: float, snapshot: Snapshot) -> Panel:
        """Draw the whole view."""
        group = Group(self._progress(share, snapshot), self._table(snapshot), self._money(snapshot))
        return Panel(group, title=self._title, title_align="left", border_style="cyan")

    def _progress(self, share: float, snapshot: Snapshot) -> Table:
        known = math.isfinite(share)
        bar = ProgressBar(
            total=1.0, completed=share if known else 0.0, pulse=not known, width=BAR_WIDTH
        )
        done = f"{share:4.0%}" if known else ""
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            self._clock(snapshot),
            bar,
            done,
            f"{snapshot.events_per_s / 1e6:.2f} M events/s",
        )
        return grid

    def _table(self, snapshot: Snapshot) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, padding=(0, 1, 0, 0))
        table.add_column("instrument", no_wrap=True)
        for header in ("mid", "spread bps"):
            table.add_column(header, justify="right", no_wrap=True)
        table.add_column("lately", no_wrap=True, style="cyan")
        table.add_column("position", justify="right", no_wrap=True)
        for number, instrument in enumerate(self._instruments[:ROWS]):
            bid, ask = snapshot.bid_ticks[number], snapshot.ask_ticks[number]
            mid, spread = "-", "-"
            if bid is not None and ask is not None and bid + ask > 0:
                # Twice the mid is exact; the halved tick needs one more decimal.
                mid = f"{(instrument.price(bid) + instrument.price(ask)) / 2:,f}"
                spread = f"{2e4 * (ask - bid) / (ask + bid):.3f}"
            lots = snapshot.positions_lots[number]
            style = "" if lots == 0 else "green" if lots > 0 else "red"
            lately = sparkline(list(self._mids[number]))
            table.add_row(
                self._names[number], mid, spread, lately, Text(size_words(instrument, lots), style)
            )
        more = len(self._instruments) - ROWS
        if more > 0:
            table.add_row(f"and {more} more", "", "", "", "")
        return table

    def _money(self, snapshot: Snapshot) -> Text:
        text = Text()
        for currency, value in snapshot.pnl.items():
            text.append("P&L after fees ")
            text.append(f"{money(value, currency)} ", "bold green" if value >= 0 else "bold red")
            text.append(sparkline(list(self._pnl.get(currency, ()))) + "   ", "cyan")
        text.append(f"{snapshot.orders:,} orders, {snapshot.fills:,} fills", "dim")
        return text

    def _clock(self, snapshot: Snapshot) -> str:
        """Time since the start where that is known, else the time of the tape."""
        if self._start_ns is None:
            return f"market clock {instant(snapshot.ts_ns)}"
        return f"market time {(snapshot.ts_ns - self._start_ns) / 1e9:.1f} s"

    def _line(self, share: float, snapshot: Snapshot) -> None:
        now_ns = time.perf_counter_ns()
        if now_ns < self._next_line_ns:
            return
        self._next_line_ns = now_ns + LINE_EVERY_NS
        pnl = ", ".join(money(value, currency) for currency, value in snapshot.pnl.items())
        done = f"{share:4.0%} " if math.isfinite(share) else ""
        print(
            f"{done}{self._clock(snapshot)}, {snapshot.events:,} events "
            f"({snapshot.events_per_s / 1e6:.2f} M/s), {snapshot.fills:,} fills, P&L {pnl or '0'}",
            file=self._console.file,
            flush=True,
        )
