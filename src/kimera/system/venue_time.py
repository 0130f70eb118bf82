"""Venue times of records that carry none.

Some streams name no exchange time (Binance spot's ``bookTicker``). Between records that do, such
a record has only its receive time, which is on another clock. It is taken to have been as long on
its way as the latest record before it that shows its delay, so that the difference of the two
clocks cancels, and never to have happened before what was received earlier.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kimera.model import NO_TIME, RecordArray

__all__ = ["VenueTimes"]


class VenueTimes:
    """Fills in the venue times of one tape, batch by batch.

    Attributes
    ----------
    estimated : int
        Records that got a venue time so far.

    Examples
    --------
    >>> from kimera.model import NO_TIME, empty_records
    >>> from kimera.system.venue_time import VenueTimes
    >>> batch = empty_records(3)
    >>> batch["ts_event_ns"] = [1_000, NO_TIME, 1_500]
    >>> batch["ts_recv_ns"] = [1_200, 1_400, 1_700]
    >>> [filled] = VenueTimes().fill([batch])
    >>> filled["ts_event_ns"].tolist()
    [1000, 1200, 1500]
    """

    def __init__(self) -> None:
        self.estimated = 0
        self._delay_ns: int | None = None
        self._latest_ns = NO_TIME

    def fill(self, batches: Iterator[RecordArray] | list[RecordArray]) -> Iterator[RecordArray]:
        """Iterate over the batches with every venue time set; those that lack none are not copied.

        Before the first record that shows a delay, that of the first in the same batch counts; in
        a batch without any, venue time is receive time.
        """
        for batch in batches:
            yield self._filled(batch) if len(batch) else batch

    def _filled(self, batch: RecordArray) -> RecordArray:
        event_ns, receive_ns = batch["ts_event_ns"], batch["ts_recv_ns"]
        missing = event_ns == NO_TIME
        shown = np.flatnonzero(~missing & (receive_ns != NO_TIME))
        delays_ns = receive_ns[shown] - event_ns[shown]
        if not missing.any():
            self._latest_ns = max(self._latest_ns, int(event_ns.max()))
            self._delay_ns = int(delays_ns[-1]) if len(shown) else self._delay_ns
            return batch
        out = batch.copy()
        delay_ns = self._carried(shown, delays_ns, len(batch))
        at_ns = np.where(receive_ns == NO_TIME, NO_TIME, receive_ns - delay_ns)
        times_ns = np.where(missing, at_ns, event_ns)
        latest_ns = np.maximum(np.maximum.accumulate(times_ns), self._latest_ns)
        out["ts_event_ns"] = np.where(missing, latest_ns, event_ns)
        self.estimated += int(np.count_nonzero(missing))
        self._latest_ns = int(latest_ns[-1])
        return out

    def _carried(
        self, shown: npt.NDArray[np.int64], delays_ns: npt.NDArray[np.int64], n_records: int
    ) -> npt.NDArray[np.int64]:
        """Delay of the latest record up to each that shows one [ns]."""
        if not len(shown):
            return np.full(n_records, self._delay_ns or 0, dtype=np.int64)
        before = int(delays_ns[0]) if self._delay_ns is None else self._delay_ns
        which = np.searchsorted(shown, np.arange(n_records), side="right")
        self._delay_ns = int(delays_ns[-1])
        return np.concatenate(([before], delays_ns)).astype(np.int64)[which]
