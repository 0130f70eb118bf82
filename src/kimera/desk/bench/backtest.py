"""How fast a backtest runs: both latencies, queue positions, digest on; one thread.

The stream is made by ``native/bench/backtest.cpp``; every candidate runs on the same records, and
so do peers where ``KIMERA_PEERS`` names an interpreter that has them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from kimera._native import bench as _native
from kimera.desk.bench import Interleaved, Measurement, Profile, interleave
from kimera.desk.bench.peers import Peer, installed, peers_python
from kimera.model import RECORD, Instrument, RecordArray, Venue
from kimera.strategy import Strategy
from kimera.system import ConstantLatency, ReplayConfig, replay

__all__ = ["measure"]

EVENTS: Final = 2_000_000


class _Stream:
    """A generated stream as a tape."""

    format: str = "generated"

    def __init__(self, raw: Any) -> None:
        self.records: RecordArray = raw.view(RECORD)
        self.anomalies: Counter[str] = Counter()
        self.venues: tuple[Venue, ...] = (Venue(1, "BENCH"),)
        self.instruments: tuple[Instrument, ...] = (
            Instrument(
                instrument_id=1,
                symbol="X",
                venue_id=1,
                tick_size=Decimal("0.01"),
                lot_size=Decimal(1),
                quote="USD",
            ),
        )

    def batches(self, n_records: int = 65_536) -> Iterator[RecordArray]:
        for start in range(0, len(self.records), n_records):
            yield self.records[start : start + n_records]


class _Listener(Strategy):
    """Does what little a strategy must do on a change of the top: looks at it."""

    def __init__(self) -> None:
        self.spread = 0

    def on_top(self, *told: Any) -> None:
        _, _, bid_ticks, _, ask_ticks, _ = told
        if bid_ticks is not None and ask_ticks is not None:
            self.spread = ask_ticks - bid_ticks


def measure(profile: Profile) -> list[Measurement]:
    """Time the event loop on one stream, by price and by order."""
    raw_l3, raw_l2 = _native.make_stream(profile.events(EVENTS))
    by_order, by_price = _Stream(raw_l3), _Stream(raw_l2)
    candidates: dict[str, tuple[_Stream, Any, float | None]] = {
        "bare, L2": (by_price, "do-nothing", 20.0),
        "bare, L3": (by_order, "do-nothing", None),
        "touch maker, L2": (by_price, "touch-maker-v1", 15.0),
        "market-making-v1, L2": (by_price, "market-making-v1", 15.0),
        "touch maker, L3": (by_order, "touch-maker-v1", 8.0),
        "market-making-v1, L3": (by_order, "market-making-v1", 8.0),
    }
    config = ReplayConfig(feed=ConstantLatency())

    def rate(tape: _Stream, strategy: Any) -> Callable[[], float]:
        def once() -> float:
            result = replay(tape, strategy, config)
            return result.events / result.wall_s / 1e6

        return once

    def calls() -> float:
        result = replay(by_price, _Listener(), config)
        return result.callbacks["on_top"] / result.wall_s / 1e6

    runs: dict[str, Callable[[], float]] = {
        name: rate(tape, strategy) for name, (tape, strategy, _) in candidates.items()
    }
    runs["Python class, calls of on_top, L2"] = calls
    targets = {name: target for name, (_, _, target) in candidates.items()}
    targets["Python class, calls of on_top, L2"] = 1.5
    with _beside(by_order, by_price) as peers:
        found = interleave(runs | peers, profile.rounds)
    rows: list[Measurement] = []
    for name in runs:
        beside: list[str | None] = [one for one in peers if one.endswith(f": {name}")]
        shown: list[str | None] = beside if beside else list[str | None]((None,))
        rows += [_row(name, found, targets[name], peer, profile) for peer in shown]
    return rows


def _row(
    name: str, found: Interleaved, target: float | None, peer: str | None, profile: Profile
) -> Measurement:
    return Measurement(
        area="backtest",
        name=name,
        value=found.median(name),
        unit="M calls/s" if "calls" in name else "M events/s",
        target=target,
        peer=None if peer is None else peer.partition(":")[0],
        peer_value=None if peer is None else found.median(peer),
        ratio=None if peer is None else found.ratio(name, peer),
        runs=profile.rounds,
    )


_OF_PEERS: Final = {
    "bare, L2": "bare-l2",
    "bare, L3": "bare-l3",
    "touch maker, L2": "maker-l2",
    "touch maker, L3": "maker-l3",
}
"""What a peer calls the same candidate."""
_PROGRAMS: Final = {
    "hftbacktest": "hftbacktest_peer.py",
    "nautilus_trader": "nautilus_peer.py",
}


@contextmanager
def _beside(by_order: _Stream, by_price: _Stream) -> Iterator[dict[str, Callable[[], float]]]:
    """Candidates of the peers on the same records, in events of those records; none without."""
    python = peers_python()
    if python is None:
        yield {}
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        files = (folder / "l3.npy", folder / "l2.npy")
        for path, tape in zip(files, (by_order, by_price), strict=True):
            np.save(path, tape.records)
        rates: dict[str, Callable[[], float]] = {}
        for module, program in _PROGRAMS.items():
            if not installed(python, module):
                continue
            peer = stack.enter_context(Peer(python, program, *files))
            for name, candidate in _OF_PEERS.items():
                tape = by_order if candidate.endswith("l3") else by_price
                n_records = peer.n_records or len(tape.records)
                label = f"{module} {peer.version}: {name}"
                rates[label] = partial(_peer_rate, peer, candidate, n_records)
        yield rates


def _peer_rate(peer: Peer, candidate: str, n_records: int) -> float:
    return n_records / peer.seconds(candidate) / 1e6
