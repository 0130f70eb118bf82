"""ITCH 5.0: full books of all stocks, decoding alone, rows of best prices.

The days are generated with a fixed seed (100 and 8,000 stocks); :func:`measure_file` takes a
recorded day instead. Peers are the Python packages
that build full books natively, each called by its fastest way: bytes in memory, no tables.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from kimera._native import bench as _native
from kimera.desk.bench import Interleaved, Measurement, Profile, interleave, rate_of
from kimera.market.itch import ItchBooks

__all__ = ["measure", "measure_file"]

_Bytes = npt.NDArray[np.uint8]
_DATE: Final = dt.date(2019, 12, 30)
_CHUNK: Final = 8 << 20


def measure(profile: Profile) -> list[Measurement]:
    """Measure on generated days [M messages/s]."""
    rows: list[Measurement] = []
    for n_symbols, depth, target in ((100, 400, 25.0), (8000, 400, 12.0)):
        n = (
            profile.events(10_000_000)
            if n_symbols == 100
            else max(profile.events(10_000_000), 4_000_000)
        )
        data = np.asarray(_native.itch_workload(n, 42, n_symbols, depth))
        rows.append(_books(data, f"{n_symbols} stocks", target, profile))
        if n_symbols == 100:
            rows.append(_decode(data, profile))
            rows.append(_bbo(data, profile))
    return rows


def measure_file(path: str | Path, profile: Profile) -> list[Measurement]:
    """Measure on a day in BinaryFILE framing, not packed."""
    data = np.fromfile(path, dtype=np.uint8)
    name = Path(path).name
    return [_books(data, name, None, profile), _decode(data, profile), _bbo(data, profile)]


def _books(data: _Bytes, name: str, target: float | None, profile: Profile) -> Measurement:
    n_messages = _native.run_itch_books(data)[2]
    if n_messages == 0:
        raise RuntimeError(f"{name}: the books could not take the day")
    peers = _book_peers(data, n_messages)
    turns = interleave(
        {"ours": lambda: _rate(_native.run_itch_books, data), **peers}, profile.rounds
    )
    return _row(f"full books with queues, {name}", turns, list(peers), target, profile)


def _decode(data: _Bytes, profile: Profile) -> Measurement:
    turns = interleave({"ours": lambda: _rate(_native.run_itch_decode, data)}, profile.rounds)
    return _row("decode every field, no books", turns, [], 87.0, profile)


def _bbo(data: _Bytes, profile: Profile) -> Measurement:
    n_messages = _native.run_itch_books(data)[2]
    with _as_file(data) as path:

        def ours() -> int:
            return sum(len(rows) for rows in ItchBooks(path, session_date=_DATE).bbo())

        works: dict[str, Callable[[], float]] = {"ours": lambda: rate_of(ours, n_messages) / 1e6}
        peer = _bbo_peer(path)
        if peer is not None:
            name, count_rows = peer
            if count_rows() != ours():
                raise RuntimeError(f"best-price rows: {name} gives another number of them")
            works[name] = lambda: rate_of(count_rows, n_messages) / 1e6
        turns = interleave(works, profile.rounds)
    return _row("numpy table of best-price changes", turns, list(works)[1:], None, profile)


def _rate(run: Callable[[_Bytes], tuple[float, int, int]], data: _Bytes) -> float:
    seconds, _, n_messages = run(data)
    return n_messages / seconds / 1e6


def _row(
    name: str, turns: Interleaved, peers: list[str], target: float | None, profile: Profile
) -> Measurement:
    best = turns.best(peers) if peers else None
    return Measurement(
        area="itch",
        name=name,
        value=turns.median("ours"),
        unit="M messages/s",
        target=target,
        peer=best,
        peer_value=turns.median(best) if best else None,
        ratio=turns.ratio("ours", best) if best else None,
        runs=profile.rounds,
    )


def _book_peers(data: _Bytes, n_messages: int) -> dict[str, Callable[[], float]]:
    peers: dict[str, Callable[[], float]] = {}
    try:
        from itch_book._core import Session
    except ImportError:
        pass
    else:

        def itch_book() -> None:
            session = Session(tables=[], depth=0, symbols=[])
            for start in range(0, len(data), _CHUNK):
                session.feed(data[start : start + _CHUNK])

        peers[f"itch-book {version('itch-book')}"] = lambda: rate_of(itch_book, n_messages) / 1e6
    try:
        from itchcpp.book import BookManager
    except ImportError:
        pass
    else:
        raw = data.tobytes()

        def itchcpp() -> None:
            BookManager().process_stream(raw)

        peers[f"itchcpp {version('itchcpp')}"] = lambda: rate_of(itchcpp, n_messages) / 1e6
    return peers


def _bbo_peer(path: Path) -> tuple[str, Callable[[], int]] | None:
    try:
        import itch_book
    except ImportError:
        return None

    def count_rows() -> int:
        # Integer prices: what ours gives, and the faster of its two ways.
        feed = itch_book.open(str(path), date=_DATE, price_type="fixed")
        return sum(len(batch.bbo["seq"]) for batch in feed.batches(("bbo",)))

    return f"itch-book {version('itch-book')}", count_rows


@contextmanager
def _as_file(data: _Bytes) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(suffix=".itch")
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.data)
        yield path
    finally:
        path.unlink()
