"""Time is injected: whoever needs it takes a :class:`Clock`, and only this module reads one.

Wall times are int64 ns since the Unix epoch; durations are differences of a monotonic clock.
"""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

from kimera.errors import SequenceError

__all__ = ["Clock", "ManualClock", "SystemClock"]


@runtime_checkable
class Clock(Protocol):
    """Where time comes from."""

    def now_ns(self) -> int:
        """Tell the wall time [ns since the Unix epoch]."""
        ...

    def monotonic_ns(self) -> int:
        """Tell the time [ns] since a fixed but unknown moment; never runs backwards."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        """Tell the wall time [ns since the Unix epoch]."""
        return time.time_ns()  # noqa: TID251

    def monotonic_ns(self) -> int:
        """Tell the time [ns] since the machine started; never runs backwards."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that moves when told: simulation, replay and tests.

    Parameters
    ----------
    start_ns : int
        First wall time [ns since the Unix epoch].

    Examples
    --------
    >>> from kimera.runtime import ManualClock
    >>> clock = ManualClock(1_000)
    >>> clock.advance_ns(250)
    >>> clock.now_ns(), clock.monotonic_ns()
    (1250, 250)
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._start_ns = start_ns
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Tell the wall time [ns since the Unix epoch]."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Tell the time [ns] since the clock was made."""
        return self._now_ns - self._start_ns

    def advance_to(self, time_ns: int) -> None:
        """Move to a wall time [ns] that is not earlier; SequenceError if it is."""
        if time_ns < self._now_ns:
            raise SequenceError(
                f"clock: asked to move to {time_ns} ns, already at {self._now_ns} ns"
            )
        self._now_ns = time_ns

    def advance_ns(self, duration_ns: int) -> None:
        """Move on by this many ns, >= 0."""
        self.advance_to(self._now_ns + duration_ns)
