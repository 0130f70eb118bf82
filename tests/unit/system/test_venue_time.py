from __future__ import annotations

import numpy as np
import pytest
from tests.simulation.tapes import MemoryTape, streams

from kimera.model import NO_TIME, RecordArray, empty_records
from kimera.system import replay
from kimera.system.venue_time import VenueTimes


def batch(*times: tuple[int | None, int | None]) -> RecordArray:
    out = empty_records(len(times))
    for row, (event, receive) in zip(out, times, strict=True):
        row["ts_event_ns"] = NO_TIME if event is None else event
        row["ts_recv_ns"] = NO_TIME if receive is None else receive
    return out


def filled(*batches: RecordArray) -> list[int]:
    return [int(t) for one in VenueTimes().fill(list(batches)) for t in one["ts_event_ns"]]


def test_record_without_venue_time_is_as_late_as_the_one_before_it() -> None:
    assert filled(batch((1_000, 100), (None, 150), (1_200, 340), (None, 400))) == [
        1_000,
        1_050,
        1_200,
        1_260,
    ]


def test_delay_is_carried_from_batch_to_batch() -> None:
    assert filled(batch((1_000, 100)), batch((None, 150)), batch((None, 160))) == [
        1_000,
        1_050,
        1_060,
    ]


def test_first_records_take_the_first_delay_that_shows() -> None:
    assert filled(batch((None, 90), (1_000, 100))) == [990, 1_000]


def test_estimated_times_never_run_backwards_and_shown_ones_are_kept() -> None:
    assert filled(batch((1_000, 100), (2_000, 800), (None, 810), (1_500, 900), (None, 901))) == [
        1_000,
        2_000,
        2_010,
        1_500,
        2_010,
    ]


def test_record_without_any_time_stands_where_it_was_received() -> None:
    assert filled(batch((1_000, 100), (None, None), (None, 130))) == [1_000, 1_000, 1_030]


def test_batch_with_all_times_is_passed_on_uncopied() -> None:
    whole = batch((5, 6), (7, 8))
    times = VenueTimes()
    assert next(times.fill([whole])) is whole
    assert times.estimated == 0


def test_estimates_do_not_depend_on_how_the_tape_is_cut() -> None:
    rng = np.random.default_rng(4)
    events = np.cumsum(rng.integers(0, 50, 2_000))
    receives = events + 1_000_000 + rng.integers(0, 400, 2_000)
    records = empty_records(2_000)
    records["ts_event_ns"] = np.where(rng.random(2_000) < 0.4, NO_TIME, events)
    records["ts_event_ns"][0] = events[0]
    records["ts_recv_ns"] = receives
    whole = filled(records)
    assert filled(*np.split(records, [1, 2, 3, 700, 701])) == whole
    # Off by no more than two delays differ, and by what they were held back for order.
    assert np.abs(np.array(whole) - events).max() <= 800


def test_replay_of_a_tape_that_hides_times_counts_them_and_shows_its_delays() -> None:
    records, _ = streams(20_000)
    hidden = records.copy()
    which = np.random.default_rng(1).random(len(hidden)) < 0.5
    which[0] = False
    hidden["ts_event_ns"][which] = NO_TIME
    hidden["ts_recv_ns"] -= 1_273_000_000  # the recorder's clock is behind
    shown = replay(MemoryTape(records), "do-nothing")
    result = replay(MemoryTape(hidden), "do-nothing")
    assert result.anomalies["event_times_estimated"] == int(which.sum())
    assert result.events == shown.events
    for percent in (50.0, 90.0, 99.0):
        expected = shown.latencies["feed"].percentile_ns(percent)
        expected -= shown.latencies["feed"].percentile_ns(0.0)  # the least stands for 0
        assert result.latencies["feed"].percentile_ns(percent) == pytest.approx(expected, rel=0.2)
