"""Replays of tapes so small that the outcome can be worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulation.tapes import T0, MemoryTape, streams, tape_of

from kimera.errors import CapacityError, InputError, StrategyError
from kimera.model import (
    NO_PRICE,
    Action,
    Kind,
    OrderOption,
    RecordArray,
    RefusalCode,
    ReportAct,
    Side,
    TimeInForce,
    Venue,
)
from kimera.runtime import Journal
from kimera.strategy import Context, Report, Strategy
from kimera.system import (
    ConstantLatency,
    Consumption,
    EmpiricalLatency,
    QueueConfig,
    QueueModel,
    RecordedLatency,
    ReplayConfig,
    RunBounds,
    Snapshot,
    replay,
)

A, C, M, X, L, T = (
    Action.ADD,
    Action.CANCEL,
    Action.MODIFY,
    Action.EXECUTE,
    Action.LEVEL,
    Action.TRADE,
)
BID, ASK = Side.BID, Side.ASK
FAST = ReplayConfig(
    feed=ConstantLatency(0), order_entry=ConstantLatency(10), response=ConstantLatency(5)
)


class Script(Strategy):
    """Does what it is told at given times after T0, and keeps what it is told."""

    def __init__(self, *steps: tuple[int, Any]) -> None:
        self.steps = steps
        self.reports: list[tuple[int, ReportAct, int, int]] = []
        self.codes: list[int] = []
        self.ids: list[int] = []

    def on_start(self, ctx: Context) -> None:
        for index, (at, _) in enumerate(self.steps):
            ctx.set_timer(T0 + at, index)

    def on_timer(self, ctx: Context, timer_id: int) -> None:
        self.ids.append(self.steps[timer_id][1](ctx, self))

    def on_report(self, ctx: Context, report: Report) -> None:
        price = NO_PRICE if report.price_ticks is None else report.price_ticks
        self.reports.append((ctx.now_ns - T0, ReportAct(report.act), price, int(report.size_lots)))
        self.codes.append(int(report.code))

    def acts(self) -> list[ReportAct]:
        return [act for _, act, _, _ in self.reports]


def buy(price: int, lots: int, **options: Any) -> Any:
    return lambda ctx, _self: ctx.submit(1, BID, price, lots, **options)


def sell(price: int, lots: int, **options: Any) -> Any:
    return lambda ctx, _self: ctx.submit(1, ASK, price, lots, **options)


def start() -> list[Any]:
    """Bids 99 x 5 (id 1) and 99 x 3 (id 2), asks 101 x 4 (id 3) and 102 x 6 (id 4)."""
    return [
        (0, A, BID, 1, 99, 5),
        (0, A, BID, 2, 99, 3),
        (0, A, ASK, 3, 101, 4),
        (0, A, ASK, 4, 102, 6),
    ]


def run(rows: list[Any], script: Script, config: ReplayConfig = FAST, **more: Any) -> Any:
    last = (10_000, L, BID, 0, 1, 1) if rows[0][1] == L else (10_000, A, BID, 999, 1, 1)
    return replay(MemoryTape(tape_of([*rows, last]), **more), script, config)


def test_resting_order_waits_for_what_is_ahead_by_id() -> None:
    script = Script((100, buy(99, 4)))
    result = run(
        [
            *start(),
            (200, A, BID, 5, 99, 7),  # behind us
            (300, C, BID, 2, 99, 3),  # ahead of us
            (400, C, BID, 5, 99, 2),  # behind us: changes nothing
            (500, X, BID, 1, 99, 5),  # what is ahead of us is gone now
            (600, X, BID, 5, 99, 3),  # would have met us
        ],
        script,
    )
    assert script.reports == [
        (115, ReportAct.ACCEPTED, 99, 4),
        (605, ReportAct.FILLED, 99, 3),
    ]
    assert result.positions_lots == (3,)
    assert result.counters.maker_lots == 3


def test_modify_of_an_order_ahead_frees_exactly_what_it_gives_up() -> None:
    script = Script((100, buy(99, 4)))
    run(
        [
            *start(),
            (200, M, BID, 1, 99, 2),  # shrinks, keeps its place: 3 lots fewer ahead
            (300, M, BID, 2, 99, 9),  # grows: goes behind us
            (400, X, BID, 1, 99, 2),
            (500, X, BID, 2, 99, 1),
        ],
        script,
    )
    assert script.reports[-1] == (505, ReportAct.FILLED, 99, 1)


def test_execution_at_a_worse_price_fills_the_better_quote_first() -> None:
    script = Script((100, buy(100, 2)))
    run([*start(), (500, X, BID, 1, 99, 5)], script)
    assert script.reports[-1] == (505, ReportAct.FILLED, 100, 2)


def test_order_that_arrives_through_our_price_meets_us() -> None:
    script = Script((100, buy(100, 5)))
    run([*start(), (500, A, ASK, 9, 100, 3)], script)
    assert script.reports[-1] == (505, ReportAct.FILLED, 100, 3)


def test_cancel_races_the_fill_and_is_refused_when_too_late() -> None:
    def give_up(ctx: Context, self: Script) -> int:
        return ctx.cancel(self.ids[0])

    script = Script((100, buy(100, 2)), (495, give_up))
    run([*start(), (500, X, BID, 1, 99, 5)], script)
    assert script.acts() == [ReportAct.ACCEPTED, ReportAct.FILLED, ReportAct.CANCEL_REJECTED]
    assert script.codes[-1] == RefusalCode.TOO_LATE


def test_cancel_in_time_returns_the_open_size() -> None:
    script = Script((100, buy(99, 4)), (200, lambda ctx, self: ctx.cancel(self.ids[0])))
    run(start(), script)
    assert script.reports[-1] == (215, ReportAct.CANCELLED, 99, 4)


def test_replace_to_less_keeps_the_place_and_to_another_price_loses_it() -> None:
    script = Script((100, buy(99, 4)), (200, lambda ctx, self: ctx.replace(self.ids[0], 99, 2)))
    run(
        [
            *start(),
            (150, A, BID, 5, 99, 7),
            (500, X, BID, 1, 99, 5),
            (600, X, BID, 2, 99, 3),
            (700, X, BID, 5, 99, 7),
        ],
        script,
    )
    assert script.reports[-1] == (705, ReportAct.FILLED, 99, 2)
    moved = Script((100, buy(98, 4)), (200, lambda ctx, self: ctx.replace(self.ids[0], 99, 4)))
    run([*start(), (500, X, BID, 1, 99, 5), (600, X, BID, 2, 99, 3)], moved)
    assert moved.acts() == [ReportAct.ACCEPTED, ReportAct.REPLACED]


def test_marketable_order_takes_levels_best_first_and_rests_with_the_rest() -> None:
    script = Script((100, buy(102, 12)))
    result = run(start(), script)
    assert script.reports == [
        (115, ReportAct.ACCEPTED, 102, 12),
        (115, ReportAct.FILLED, 101, 4),
        (115, ReportAct.FILLED, 102, 6),
    ]
    assert result.counters.taker_lots == 10


@pytest.mark.parametrize(
    ("consumption", "second"), [(Consumption.REMEMBER, 0), (Consumption.FORGET, 4)]
)
def test_liquidity_we_took_is_remembered_or_not(consumption: Consumption, second: int) -> None:
    ioc = {"time_in_force": TimeInForce.IOC}
    script = Script((100, buy(101, 4, **ioc)), (200, buy(101, 4, **ioc)))
    config = ReplayConfig(
        feed=FAST.feed,
        order_entry=FAST.order_entry,
        response=FAST.response,
        consumption=consumption,
    )
    result = run(start(), script, config)
    assert result.counters.taker_lots == 4 + second


def test_liquidity_that_is_new_after_we_took_is_there_for_us() -> None:
    ioc = {"time_in_force": TimeInForce.IOC}
    script = Script((100, buy(101, 4, **ioc)), (300, buy(101, 4, **ioc)))
    result = run([*start(), (200, A, ASK, 7, 101, 3)], script)
    assert result.counters.taker_lots == 7


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (buy(101, 1, options=OrderOption.POST_ONLY), RefusalCode.WOULD_CROSS),
        (buy(101, 99, time_in_force=TimeInForce.FOK), RefusalCode.CANNOT_FILL),
        (buy(99, 1, order_type=2), RefusalCode.NOT_SUPPORTED),
    ],
)
def test_venue_refuses_with_a_code(ask: Any, code: RefusalCode) -> None:
    script = Script((100, ask))
    run(start(), script)
    assert script.acts() == [ReportAct.REJECTED]
    assert script.codes == [code]


def test_own_orders_never_trade_with_each_other() -> None:
    script = Script((100, sell(100, 1)), (200, buy(100, 1)))
    run(start(), script)
    assert script.acts() == [ReportAct.ACCEPTED, ReportAct.REJECTED]
    assert script.codes[-1] == RefusalCode.SELF_TRADE


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((9, 0, 100, 1), RefusalCode.UNKNOWN_INSTRUMENT),
        ((1, 0, 100, 0), RefusalCode.BAD_SIZE),
        ((1, 0, 2**62, 1), RefusalCode.BAD_PRICE),
        ((1, 2, 100, 1), RefusalCode.NOT_SUPPORTED),
    ],
)
def test_context_denies_at_once_with_minus_the_code(
    arguments: tuple[int, int, int, int], code: RefusalCode
) -> None:
    script = Script((100, lambda ctx, _self: ctx.submit(*arguments)))
    result = run(start(), script)
    assert script.ids == [-code]
    assert result.counters.denied == 1
    assert result.counters.sent == 0


def test_order_bound_reached_denies_further_orders() -> None:
    script = Script(*((100 + i, buy(50 + i, 1)) for i in range(4)))
    config = ReplayConfig(
        feed=FAST.feed,
        order_entry=FAST.order_entry,
        response=FAST.response,
        bounds=RunBounds(max_orders=2),
    )
    run(start(), script, config)
    assert [identity > 0 for identity in script.ids] == [True, True, False, False]
    assert script.ids[-1] == -RefusalCode.BOOK_FULL


def test_totals_tape_risk_averse_moves_up_by_trades_only() -> None:
    rows = [
        (0, L, BID, 0, 99, 8),
        (0, L, ASK, 0, 101, 4),
        (200, L, BID, 0, 99, 14),  # 6 behind us
        (300, L, BID, 0, 99, 9),  # 5 cancelled: behind us, if anybody was there
        (400, T, ASK, 0, 99, 7),  # a seller
        (400, L, BID, 0, 99, 2),
        (500, T, ASK, 0, 99, 2),
    ]
    script = Script((100, buy(99, 4)))
    config = ReplayConfig(
        feed=FAST.feed,
        order_entry=FAST.order_entry,
        response=FAST.response,
        queue=QueueConfig(model=QueueModel.RISK_AVERSE),
    )
    run(rows, script, config)
    assert script.reports[-1] == (505, ReportAct.FILLED, 99, 1)


def test_fees_and_pnl_parts_are_exact() -> None:
    # 1.5 bp taker = 15000e-7, maker rebate 0.5 bp.
    venue = Venue(1, "FEES", maker_fee_e7=-500, taker_fee_e7=1_500)
    script = Script((100, buy(100, 3)), (600, sell(101, 3, time_in_force=TimeInForce.IOC)))
    result = run([*start(), (500, X, BID, 1, 99, 5), (550, A, BID, 8, 101, 9)], script, venue=venue)
    (parts,) = result.pnl
    tick = Fraction(1, 100)
    assert parts.fees == tick * 3 * (101 * 1_500 - 100 * 500) / 10**7
    assert parts.total == 3 * tick - parts.fees
    assert parts.spread + parts.inventory - parts.fees == parts.total
    assert parts.realised == 3 * tick
    assert parts.unrealised == 0


def test_recorded_latency_with_a_slow_clock_is_measured_from_the_least() -> None:
    records = tape_of([(i * 1_000, A, BID, i + 1, 99, 1) for i in range(50)])
    delays = np.resize([300, 100, 700], 50) - 1_270_000_000
    records["ts_recv_ns"] = np.maximum.accumulate(records["ts_event_ns"] + delays)
    result = replay(MemoryTape(records), "do-nothing", ReplayConfig(feed=RecordedLatency()))
    histogram = result.latencies["feed"]
    assert histogram.percentile_ns(1) == 1
    assert histogram.percentile_ns(100) == 601
    floored = ReplayConfig(feed=RecordedLatency(floor_ns=50_000))
    result = replay(MemoryTape(records), "do-nothing", floored)
    assert result.latencies["feed"].percentile_ns(1) == pytest.approx(50_000, rel=1e-3)


def test_empirical_latency_is_drawn_by_the_seed_and_keeps_its_order() -> None:
    by_order, _ = streams(20_000)
    latency = EmpiricalLatency((1_000, 2_000, 900_000), (3, 1))

    def fingerprint(seed: int) -> str:
        config = ReplayConfig(order_entry=latency, seed=seed)
        result = replay(MemoryTape(by_order), "touch-maker-v1", config)
        assert result.latencies["order_entry"].percentile_ns(50) < 2_001
        return result.fingerprint

    assert fingerprint(1) == fingerprint(1) != fingerprint(2)


def test_strategy_that_raises_stops_the_run_and_is_named() -> None:
    class Broken(Strategy):
        def on_top(self, *_: Any) -> None:
            raise KeyError("gone")

    with pytest.raises(StrategyError, match=rf"Broken\.on_top at {T0} ns: KeyError: 'gone'") as e:
        run(start(), Broken())  # type: ignore[arg-type]
    assert isinstance(e.value.__cause__, KeyError)


def test_queue_model_that_does_not_fit_the_tape_is_refused() -> None:
    config = ReplayConfig(queue=QueueConfig(model=QueueModel.POWER))
    with pytest.raises(InputError, match="names orders"):
        replay(MemoryTape(tape_of(start())), "do-nothing", config)


def test_more_in_flight_than_allowed_is_one_clear_error() -> None:
    config = ReplayConfig(feed=ConstantLatency(10**12), bounds=RunBounds(max_in_flight=16))
    with pytest.raises(CapacityError, match="max_in_flight = 16"):
        replay(MemoryTape(streams(1_000)[0]), "do-nothing", config)


def test_python_native_and_compiled_touch_makers_are_one_meaning() -> None:
    pytest.importorskip("numba")
    examples = Path(__file__).parents[3] / "examples"
    by_order, _ = streams(60_000)
    fingerprints = {
        replay(MemoryTape(by_order), strategy).fingerprint
        for strategy in (
            "touch-maker-v1",
            f"{examples}/touch_maker_python.py:TouchMaker",
            f"{examples}/touch_maker_compiled.py:touch_maker",
        )
    }
    assert len(fingerprints) == 1


def test_two_tapes_are_merged_by_exchange_time_and_numbered_on() -> None:
    class Order(Strategy):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []

        def on_book(self, ctx: Context, event: Any) -> None:
            self.seen.append((event.ts_event_ns - T0, event.instrument_id))

    one = MemoryTape(tape_of([(i * 20, A, BID, i + 1, 99, 1) for i in range(5)]))
    two = MemoryTape(tape_of([(i * 20 + 10, A, BID, i + 1, 99, 1) for i in range(5)]))
    order = Order()
    result = replay([one, two], order, FAST)
    assert order.seen == [(i * 10, i % 2 + 1) for i in range(10)]
    assert [i.instrument_id for i in result.instruments] == [1, 2]
    assert [v.venue_id for v in result.venues] == [1, 2]


def test_batches_of_records_hold_everything_once() -> None:
    class Sizes(Strategy):
        batch_records = 1_000

        def __init__(self) -> None:
            self.lots = 0
            self.lengths: list[int] = []

        def on_batch(self, ctx: Context, records: RecordArray) -> None:
            self.lots += int(records["size_lots"].sum())
            self.lengths.append(len(records))

    by_order, _ = streams(4_500)
    sizes = Sizes()
    replay(MemoryTape(by_order), sizes)
    assert sizes.lots == int(by_order["size_lots"].sum())
    assert sizes.lengths[:4] == [1_000] * 4
    assert sum(sizes.lengths) == len(by_order)


def test_journal_holds_what_was_seen_asked_and_told(tmp_path: Path) -> None:
    by_order, _ = streams(30_000)
    with_journal = replay(MemoryTape(by_order), "touch-maker-v1", journal=tmp_path / "j")
    without = replay(MemoryTape(by_order), "touch-maker-v1")
    assert with_journal.fingerprint == without.fingerprint
    journal = Journal.open(tmp_path / "j")
    records = np.concatenate(list(journal.records()))
    kinds = {
        int(k): int(n) for k, n in zip(*np.unique(records["kind"], return_counts=True), strict=True)
    }
    assert kinds[Kind.DELTA] == with_journal.events
    assert kinds[Kind.ORDER] == with_journal.counters.sent
    fills = records[(records["kind"] == Kind.REPORT) & (records["action"] == ReportAct.FILLED)]
    assert fills.tobytes() == with_journal.fills.tobytes()
    assert journal.digest() == with_journal.digest
    assert journal.metadata["strategy"] == "touch-maker-v1"


def test_progress_is_told_and_ends_at_one() -> None:
    told: list[tuple[float, Snapshot]] = []
    by_order, _ = streams(5_000)
    replay(
        MemoryTape(by_order),
        "touch-maker-v1",
        progress=lambda share, snapshot: told.append((share, snapshot)),
    )
    share, last = told[-1]
    assert share == 1.0
    assert last.events == len(by_order)
    assert last.bid_ticks[0] is not None


def test_curve_and_top_are_sampled_evenly_and_within_the_bound() -> None:
    by_order, _ = streams(60_000)
    config = ReplayConfig(sample_interval_ns=1_000_000, bounds=RunBounds(max_samples=500))
    result = replay(MemoryTape(by_order), "touch-maker-v1", config)
    steps = np.diff(result.curve.ts_ns[:-1])
    assert len(result.curve.ts_ns) <= 500
    assert (steps > 0).all()
    assert (steps % result.curve.interval_ns == 0).all()
    assert result.curve.equity["USD"][-1] == pytest.approx(float(result.pnl[0].total))
    assert (result.curve.drawdown["USD"] >= 0).all()
    assert result.curve.positions_lots[-1].tolist() == list(result.positions_lots)


def test_markouts_are_the_mid_that_held_then() -> None:
    script = Script((100, buy(100, 5)))
    rows = [
        *start(),
        (500, X, BID, 1, 99, 5),
        (600, C, ASK, 3, 101, 4),
        (900, A, BID, 11, 100, 1),
    ]
    config = ReplayConfig(
        feed=FAST.feed,
        order_entry=FAST.order_entry,
        response=FAST.response,
        markout_horizons_ns=(50, 200, 1_000, 60_000),
    )
    result = run(rows, script, config)
    # At the fill (500): 99 / 101 before it; told at 505. Then 101 goes, then a bid of 100 comes.
    assert result.fill_mids2.tolist() == [200]
    assert result.markout_mids2.tolist() == [[200, 201, 202, NO_PRICE]]
