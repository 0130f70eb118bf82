"""The matching engine: orders per second, with its record stream kept.

Every row counts requests (new, cancel, replace) of one thread. *In memory* the records go to a
ring of 16 MB; *journalled* the requests and the records go to a real journal in a temporary
folder. The market flow is half adds, half cancels, with takes and moves, around a drifting price;
the inserts are the recipe of liquibook's own performance test (limit orders only, on ten prices a
side of which six cross).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kimera._native import bench as _native
from kimera.desk.bench import Measurement, Profile, interleave

__all__ = ["measure"]

_INSERTS: Final = 0
_MARKET: Final = 1
_TARGET_MPS: Final = 4.0


def measure(profile: Profile) -> list[Measurement]:
    """Measure every flow in turns, in memory and journalled.

    Parameters
    ----------
    profile : Profile
        1 M requests per run when full.

    Returns
    -------
    list of Measurement
    """
    n_requests = profile.events(1_000_000)
    flows = {
        "market, 5 levels": _native.VenueWorkload(_MARKET, 1, n_requests, 5),
        "market, 50 levels": _native.VenueWorkload(_MARKET, 1, n_requests, 50),
        "inserts": _native.VenueWorkload(_INSERTS, 1, n_requests, 10),
    }
    with tempfile.TemporaryDirectory(prefix="kimera-bench-") as folder:
        candidates: dict[str, Callable[[], float]] = {}
        for name, workload in flows.items():
            candidates[f"{name}, in memory"] = _Run(workload, None)
            candidates[f"{name}, journalled"] = _Run(workload, Path(folder))
        result = interleave(candidates, profile.rounds)
    return [
        Measurement(
            area="venue",
            name=name,
            value=result.median(name),
            unit="M orders/s",
            target=_TARGET_MPS if name.startswith("market") else None,
            runs=profile.rounds,
        )
        for name in candidates
    ]


class _Run:
    """One candidate: a workload and where its records go."""

    def __init__(self, workload: _native.VenueWorkload, folder: Path | None) -> None:
        self._workload = workload
        self._folder = folder

    def __call__(self) -> float:
        """Give the rate of one run [M orders/s]."""
        if self._folder is None:
            run = self._workload.run("")
        else:  # the files of one run must not slow the next
            with tempfile.TemporaryDirectory(dir=self._folder) as place:
                run = self._workload.run(str(Path(place) / "journal"))
        return len(self._workload) * 1e3 / run.elapsed_ns
