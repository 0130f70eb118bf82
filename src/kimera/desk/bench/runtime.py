"""Speed of the ring and the journal.

Two cores of a virtual machine may be near or far from each other, and change: every figure over
two cores is taken beside its peer, and beside the raw exchange of one cache line, in the same turn.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kimera._native import bench as _native
from kimera._native.bench import Between, Handover
from kimera.desk.bench import Interleaved, Measurement, Profile, interleave
from kimera.runtime import Upkeep

__all__ = ["measure"]

AREA = "runtime"
RECORD_BYTES = 64


def measure(profile: Profile) -> list[Measurement]:
    """Measure the ring between threads and processes, and the journal."""
    return [*_handovers(profile), *_round_trip(profile), *_journal(profile.rounds)]


def _handovers(profile: Profile) -> list[Measurement]:
    """Records from one pinned thread (or process) to another [M records/s]."""
    n_records = 2_000_000  # about 0.1 s: one burst, before the host moves the cores again
    names: dict[str, tuple[Handover, Between]] = {
        "ring one": (Handover.RING_ONE, Between.THREADS),
        "ring span": (Handover.RING_SPAN, Between.THREADS),
        "ring observed": (Handover.RING_OBSERVED, Between.THREADS),
        "processes one": (Handover.RING_ONE, Between.PROCESSES),
        "processes span": (Handover.RING_SPAN, Between.PROCESSES),
    }
    boost = str(_native.boost_version())
    if boost:
        names["boost one"] = (Handover.BOOST_ONE, Between.THREADS)
        names["boost many"] = (Handover.BOOST_MANY, Between.THREADS)

    def candidate(queue: Handover, between: Between) -> Callable[[], float]:
        return lambda: float(_native.handover_per_s(queue, between, n_records)) / 1e6

    turns = interleave(
        {name: candidate(*what) for name, what in names.items()}, rounds=2 * profile.rounds + 1
    )
    if turns.median("ring one") == 0:
        return []  # a single core
    peers = {
        "ring one": ("boost one", 1.5, "ring: push and pop one by one, two threads"),
        "ring span": ("boost many", None, "ring: in place in spans of 64, two threads"),
        "ring observed": ("boost one", None, "ring: overwriting, validated copies by an observer"),
        "processes one": ("ring one", 0.5, "ring: push and pop one by one, two processes"),
        "processes span": ("ring span", 0.5, "ring: in place in spans of 64, two processes"),
    }
    rows = []
    for name, (peer, factor, text) in peers.items():
        known = peer in turns.values
        label = f"boost spsc_queue {boost}" if peer.startswith("boost") else "between two threads"
        target = factor * turns.median(peer) if factor and known else None
        rows.append(
            Measurement(
                area=AREA,
                name=text,
                value=turns.median(name),
                unit="M records/s",
                target=target,
                peer=label if known else None,
                peer_value=turns.median(peer) if known else None,
                ratio=turns.ratio(name, peer) if known else None,
                runs=len(turns.values[name]),
            )
        )
    return rows


def _round_trip(profile: Profile) -> list[Measurement]:
    """A record there and back, beside one cache line there and back in the same turn."""
    turns = interleave(
        {
            "ring": lambda: float(_native.ring_round_trip_ns(100_000)[0]),
            "line": lambda: float(_native.line_round_trip_ns(100_000)[0]),
        },
        rounds=2 * profile.rounds + 1,
    )
    if turns.median("line") == 0:
        return []
    one_way = [value / 2 for value in turns.values["line"]]
    ratio = statistics.median(
        ring / line for ring, line in zip(turns.values["ring"], one_way, strict=True)
    )
    return [
        Measurement(
            area=AREA,
            name="ring: round trip p50",
            value=turns.median("ring"),
            unit="ns",
            better="lower",
            target=4 * statistics.median(one_way),
            peer="one cache line, one way",
            peer_value=statistics.median(one_way),
            ratio=ratio,
            runs=len(one_way),
        )
    ]


def _journal(rounds: int) -> list[Measurement]:
    n_records = 4_000_000  # a burst of less than half a second
    with _scratch() as folder:
        made: list[Path] = []

        def append(upkeep: Upkeep, which: int) -> float:
            path = folder / f"j{len(made)}"
            made.append(path)
            rates = _native.journal_append_per_s(str(path), n_records, upkeep)
            if len(made) > 1:
                shutil.rmtree(made[-2])
            return float(rates[which]) / 1e6

        appended = interleave(
            {
                "inline": lambda: append(Upkeep.INLINE, 1),
                "background": lambda: append(Upkeep.BACKGROUND, 0),
            },
            rounds=rounds,
        )
        last = str(made[-1])
        read = interleave(
            {
                "read": lambda: float(_native.journal_read_per_s(last)) / 1e6,
                "verify": lambda: float(_native.journal_verify_per_s(last)) / 1e6,
            },
            rounds=rounds,
        )
    hashes = _hash_rates(rounds)
    return [
        _rate(appended, "inline", "journal: append, chain and all on one thread", 15),
        _rate(appended, "background", "journal: append, chain on a second thread", 15),
        _rate(read, "read", "journal: scan, summing a field", 100),
        _rate(read, "verify", "journal: verify everything", None),
        *hashes,
    ]


def _rate(turns: Interleaved, name: str, text: str, target: float | None) -> Measurement:
    return Measurement(
        area=AREA,
        name=text,
        value=turns.median(name),
        unit="M records/s",
        target=target,
        runs=len(turns.values[name]),
    )


def _hash_rates(rounds: int) -> list[Measurement]:
    turns = [_native.hash_rates(500_000) for _ in range(rounds)]
    names = ("CRC-32C of each record", "SHA-256, one block", "SHA-256, two blocks at once")
    return [
        Measurement(
            area=AREA,
            name=f"journal: {name}",
            value=statistics.median(row[i] for row in turns) / RECORD_BYTES / 1e6,
            unit="M records/s",
            runs=len(turns),
        )
        for i, name in enumerate(names)
    ]


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder in memory where the machine has one, so that no disk is measured."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="kimera-bench-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
