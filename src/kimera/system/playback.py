"""Run the strategy of a journal again and hold what it asks against what it asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from kimera._native import system as _native
from kimera.errors import FormatError
from kimera.model import (
    NO_PRICE,
    NO_TIME,
    RECORD,
    Action,
    Instrument,
    Kind,
    OrderAct,
    RecordArray,
    ReportAct,
    Side,
    Venue,
)
from kimera.runtime import Journal
from kimera.strategy import NativeStrategy, load
from kimera.system.config import ConstantLatency, RunBounds
from kimera.system.run_result import Progress
from kimera.system.session import RUN_FORMAT, Lane, Setup, drive, start

__all__ = ["Difference", "Playback", "is_run", "playback"]

_BY_ORDER: Final = ("l3-fifo", "matching")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first record at which two runs part.

    Attributes
    ----------
    index : int
        Its place in the journal, from 0.
    expected : str
        What the journal holds there, in words; ``"the end of the journal"`` where it ends.
    found : str
        What the strategy did instead, in words; ``"nothing"`` where it did not act.
    """

    index: int
    expected: str
    found: str


class Playback(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a playback.

    Attributes
    ----------
    strategy, strategy_params : str, dict
        What was run.
    records, orders : int
        Records that agree up to the end or the first difference, and requests among them.
    fingerprint : str
        Of the records that agree; that of the recorded run when all do.
    difference : Difference or None
        None when the strategy did the same, in the same order, at the same times.
    wall_s : float
        [s]
    """

    strategy: str
    strategy_params: dict[str, Any]
    records: int
    orders: int
    fingerprint: str
    difference: Difference | None
    wall_s: float


class _Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What the metadata of a run's journal say; a reader needs no other key."""

    format: str
    kind: str
    instruments: tuple[Instrument, ...]
    venues: tuple[Venue, ...]
    config: dict[str, Any]
    seed: int
    strategy: str
    strategy_params: dict[str, Any]
    queue_models: tuple[str, ...]
    tape: str
    tape_format: str
    start_ns: int
    packets: bool


def is_run(path: str | Path) -> bool:
    """Tell whether this is the journal of a run, which can be played back.

    Raises
    ------
    JournalCorruptError
        If it is a journal whose files are not what they must be.
    """
    if not (Path(path) / "metadata.json").is_file():
        return False
    return str(Journal.open(path).metadata.get("format", "")).startswith("kimera-run-")


def playback(
    path: str | Path,
    strategy: Any = None,
    strategy_params: Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
) -> Playback:
    """Run a strategy against the recorded feed and the recorded reports of its journal.

    The strategy is told what it was told, when it was told; each request it makes is compared
    with the recorded one in every field but the time at which it reached the venue.

    Parameters
    ----------
    path : path
        A journal written by :func:`kimera.system.replay` or :func:`kimera.system.simulate`.
    strategy : str, type or object, optional
        The one named in the journal when None.
    strategy_params : mapping, optional
        Laid over the recorded parameters; with another strategy they stand alone.
    progress : callable, optional
        ``progress(share, snapshot)`` about twenty times a second of wall time.

    Returns
    -------
    Playback

    Raises
    ------
    FormatError
        If the journal is not one of a run.
    InputError, ConfigError
        If the strategy or its parameters are not usable.
    StrategyError
        If a callback raises.

    Examples
    --------
    >>> import tempfile
    >>> from kimera.system import playback, simulate
    >>> folder = tempfile.mkdtemp() + "/journal"
    >>> run = simulate(None, "touch-maker-v1", seed=1, duration_ns=10**8, journal=folder)
    >>> again = playback(folder)
    >>> again.difference is None, again.fingerprint == run.fingerprint
    (True, True)
    """
    journal = Journal.open(path)
    recorded = _recorded(journal, path)
    same = strategy is None
    params = (recorded.strategy_params if same else {}) | dict(strategy_params or {})
    name, runnable = load(recorded.strategy if same else strategy, params)
    setup = _setup(recorded, name, runnable, params)
    tape = _native.PlaybackTape(recorded.start_ns, setup.bounds.max_orders * 4 + 16)
    run = start(setup, _spec(setup), "playback", tape)
    total = max(1, len(journal) - journal.first)
    wall_s = drive(
        run,
        setup,
        [Lane(journal.records())],
        progress=progress,
        share=lambda _run: min(1.0, tape.agreed / total),
        refused_ends=True,
    )
    tape.close()
    return Playback(
        strategy=name,
        strategy_params=setup.strategy_params,
        records=tape.agreed,
        orders=tape.orders,
        fingerprint=tape.digest,
        difference=_difference(tape, journal.first) if tape.differs else None,
        wall_s=wall_s,
    )


def _recorded(journal: Journal, path: str | Path) -> _Recorded:
    metadata = journal.metadata
    if metadata.get("format") != RUN_FORMAT:
        found = repr(metadata.get("format"))
        raise FormatError(str(path), "metadata.json", f"format {RUN_FORMAT!r}", found)
    if journal.first:
        found = f"record {journal.first}: retention deleted what stood before"
        raise FormatError(str(path), "first record", "record 0", found)
    try:
        recorded = msgspec.convert(metadata, _Recorded)
    except msgspec.ValidationError as error:
        raise FormatError(str(path), "metadata.json", "a run", str(error)) from error
    n_instruments, n_models = len(recorded.instruments), len(recorded.queue_models)
    if n_models != n_instruments:
        expected = f"{n_instruments} queue models, one for each instrument"
        raise FormatError(str(path), "metadata.json", expected, str(n_models))
    return recorded


def _setup(recorded: _Recorded, name: str, runnable: Any, params: dict[str, Any]) -> Setup:
    bounds = msgspec.convert(recorded.config.get("bounds", {}), RunBounds, strict=False)
    if isinstance(runnable, NativeStrategy):
        params = dict(runnable.values())
    at_once = ConstantLatency(0)
    return Setup(
        kind="playback",
        instruments=recorded.instruments,
        venues=recorded.venues,
        config=recorded.config,
        seed=recorded.seed,
        latencies={"feed": at_once, "order_entry": at_once, "response": at_once},
        queue_models=recorded.queue_models,
        sample_interval_ns=recorded.config.get("sample_interval_ns", 100_000_000),
        markout_horizons_ns=(),
        bounds=bounds,
        strategy_name=name,
        strategy=runnable,
        strategy_params=params,
        tape=recorded.tape,
        tape_format="journal",
        start_ns=recorded.start_ns,
        packets=recorded.packets,
    )


def _spec(setup: Setup) -> Any:
    fees = {venue.venue_id: venue for venue in setup.venues}
    rows = []
    for instrument, model in zip(setup.instruments, setup.queue_models, strict=True):
        venue = fees.get(instrument.venue_id)
        maker, taker = (venue.maker_fee_e7, venue.taker_fee_e7) if venue is not None else (0, 0)
        by_order = model in _BY_ORDER
        rows.append((instrument.venue_id, 0, by_order, maker, taker, instrument.inverse))
    spec = _native.RunSpec()
    spec.set_instruments(rows)
    spec.packets = setup.packets
    return spec


def _difference(tape: Any, first: int) -> Difference:
    expected, found = (_one(raw) for raw in (tape.expected(), tape.found()))
    return Difference(
        index=first + tape.agreed,
        expected="the end of the journal" if expected is None else _words(expected),
        found="nothing" if found is None else _words(found),
    )


def _one(raw: Any) -> RecordArray | None:
    record: RecordArray = raw.view(RECORD)
    return None if record["kind"][0] == Kind.NONE else record


_ACTS: Final = {Kind.DELTA: Action, Kind.ORDER: OrderAct, Kind.REPORT: ReportAct}


def _words(record: RecordArray) -> str:
    """Say a record in one line: what, of which instrument, at what price, and when."""
    row = record[0]
    kind = Kind(int(row["kind"]))
    acts = _ACTS.get(kind)
    act = str(int(row["action"])) if acts is None else acts(int(row["action"])).name.lower()
    words = [kind.name.lower(), act, f"instrument {row['instrument_id']}"]
    if int(row["order_id"]):
        words.append(f"id {row['order_id']}")
    if Side(int(row["side"])) is not Side.NONE:
        words.append(Side(int(row["side"])).name.lower())
    if int(row["price_ticks"]) != NO_PRICE:
        words.append(f"{row['size_lots']} lots at {row['price_ticks']} ticks")
    if int(row["ts_recv_ns"]) != NO_TIME:
        words.append(f"at {row['ts_recv_ns']} ns")
    return " ".join(words)
