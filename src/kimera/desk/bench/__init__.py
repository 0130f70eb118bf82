"""Benchmarks: one module per area, each with ``measure(profile) -> list[Measurement]``.

An area is loaded when it is measured. Candidates that are compared are run in turns within one
process (A B A B ...), because this is the only comparison that a shared machine cannot spoil:
:func:`interleave` gives the medians and the median of the ratios of the pairs.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import ModuleType
from typing import Final, Literal

import msgspec

from kimera.errors import InputError

__all__ = [
    "AREAS",
    "Interleaved",
    "Measurement",
    "Profile",
    "interleave",
    "load_area",
    "median_of",
    "rate_of",
]

AREAS: Final = (
    "runtime",
    "book",
    "itch",
    "codecs",
    "venue",
    "flow",
    "backtest",
    "microstructure",
    "cep",
    "footprint",
)
"""Every area, in the order of the table; ``kimera.desk.bench.<area>`` when it is built."""


class Profile(Enum):
    """How thoroughly to measure."""

    QUICK = "quick"
    FULL = "full"

    @property
    def rounds(self) -> int:
        """Turns each candidate gets; odd, so that a median is one of the runs."""
        return 3 if self is Profile.QUICK else 7

    def events(self, full: int) -> int:
        """Scale a workload [events]: a tenth of `full` when quick."""
        return full if self is Profile.FULL else max(1, full // 10)


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes
    ----------
    area, name : str
        Which room, and what was done.
    value : float
        Median of `runs` runs, in `unit`.
    unit : str
        ``"M events/s"``, ``"ns"``, ``"MB"``; ``"x"`` for a row that is itself a ratio.
    better : {"higher", "lower"}
        Which way is good.
    target : float or None
        What `value` should reach (at least, or at most), in `unit`.
    peer : str or None
        The other program measured in the same run, with its version.
    peer_value : float or None
        Its median, in `unit`.
    ratio : float or None
        Median over the pairs of ours / peer's; above 1 is better when `better` is "higher".
    runs : int
        Runs each median is of.
    """

    area: str
    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"] = "higher"
    target: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    runs: int = 1

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


class Interleaved(msgspec.Struct, frozen=True):
    """What candidates measured in turns gave.

    Attributes
    ----------
    values : dict of str to tuple of float
        One value per round and candidate, in the order of the rounds.
    """

    values: dict[str, tuple[float, ...]]

    def median(self, name: str) -> float:
        """Median of one candidate's rounds."""
        return statistics.median(self.values[name])

    def ratio(self, ours: str, peer: str) -> float:
        """Median over the rounds of ours / peer's, each pair measured side by side."""
        pairs = zip(self.values[ours], self.values[peer], strict=True)
        return statistics.median(a / b for a, b in pairs)

    def best(self, names: Iterable[str]) -> str:
        """Name the candidate with the highest median."""
        return max(names, key=self.median)


def median_of(work: Callable[[], float], runs: int) -> float:
    """Run `work` `runs` times, >= 1, and give the median of what it returns."""
    return statistics.median(work() for _ in range(runs))


def rate_of(work: Callable[[], object], count: int) -> float:
    """Time one call of `work`, which handles `count` things: things per second."""
    start_ns = time.perf_counter_ns()
    work()
    return count * 1e9 / max(1, time.perf_counter_ns() - start_ns)


def interleave(
    candidates: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 1
) -> Interleaved:
    """Measure candidates in turns: A B A B ..., every other round in the opposite order.

    Parameters
    ----------
    candidates : mapping of str to callable
        Each call does the whole work once and returns its value (a rate, a duration).
    rounds : int
        Turns that count, >= 1.
    warm_up : int
        Turns before them that do not count.

    Returns
    -------
    Interleaved
        `rounds` values per candidate.

    Examples
    --------
    >>> from kimera.desk.bench import interleave
    >>> result = interleave({"ours": lambda: 4.0, "peer": lambda: 2.0}, rounds=3)
    >>> result.ratio("ours", "peer")
    2.0
    """
    if rounds < 1:
        raise InputError(f"rounds must be at least 1, was {rounds}")
    for _ in range(warm_up):
        for work in candidates.values():
            work()
    values: dict[str, list[float]] = {name: [] for name in candidates}
    order: Sequence[str] = list(candidates)
    for _ in range(rounds):
        for name in order:
            values[name].append(candidates[name]())
        order = order[::-1]
    return Interleaved({name: tuple(row) for name, row in values.items()})


def load_area(area: str) -> ModuleType | None:
    """Import an area; None when this build does not have it.

    Raises
    ------
    InputError
        If `area` is not in :data:`AREAS`.
    """
    if area not in AREAS:
        raise InputError(f"no benchmark area {area!r}: there are {', '.join(AREAS)}")
    name = f"{__name__}.{area}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise
