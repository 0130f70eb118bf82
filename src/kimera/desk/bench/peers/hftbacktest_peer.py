"""Runs the backtest's benchmark stream in hftbacktest; a program of its own interpreter.

Usage: ``PYTHON hftbacktest_peer.py L3.npy L2.npy``. It says ``ready VERSION`` when everything is
compiled; then every line on stdin names a candidate (``bare-l2``, ``maker-l3``, ...) and is
answered with the seconds that one run took and the requests it sent. It imports nothing of ours:
the arrays carry their field names.
"""

import sys
import time
from importlib.metadata import version

import numpy as np
from hftbacktest import GTC, LIMIT, BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.types import (
    ADD_ORDER_EVENT,
    BUY_EVENT,
    CANCEL_ORDER_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    FILL_EVENT,
    LOCAL_EVENT,
    MODIFY_ORDER_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    event_dtype,
)
from numba import njit, types
from numba.typed import Dict

DELTA, ADD, CANCEL, MODIFY, EXECUTE, TRADE, LEVEL = 1, 1, 2, 3, 4, 6, 8
LATENCY_NS = 200_000
TICK = 0.01
INTERVAL_NS = 100_000_000
BOTH = EXCH_EVENT | LOCAL_EVENT


@njit
def _put(out, n, record, kind, size):
    side = BUY_EVENT if record.side == 0 else SELL_EVENT
    out[n].ev = BOTH | kind | side
    out[n].exch_ts = record.ts_event_ns
    out[n].local_ts = record.ts_event_ns + LATENCY_NS
    out[n].px = record.price_ticks * TICK
    out[n].qty = size
    out[n].order_id = record.order_id
    return n + 1


@njit
def _convert(records, out):
    """Write the records as events; an execution is a fill and what it leaves of the order."""
    left = Dict.empty(types.uint64, types.int64)
    n = 0
    for r in records:
        if r.kind != DELTA:
            continue
        size, oid = r.size_lots, r.order_id
        if r.action == LEVEL:
            n = _put(out, n, r, DEPTH_EVENT, size)
        elif r.action == TRADE:
            n = _put(out, n, r, TRADE_EVENT, size)
        elif r.action == ADD or r.action == MODIFY:
            kind = ADD_ORDER_EVENT if r.action == ADD else MODIFY_ORDER_EVENT
            left[oid] = size
            n = _put(out, n, r, kind, size)
        elif r.action == CANCEL or r.action == EXECUTE:
            if r.action == EXECUTE:
                n = _put(out, n, r, FILL_EVENT, size)
            rest = 0 if size == 0 else left[oid] - size
            if rest > 0:
                left[oid] = rest
                n = _put(out, n, r, MODIFY_ORDER_EVENT, rest)
            else:
                del left[oid]
                n = _put(out, n, r, CANCEL_ORDER_EVENT, 0)
    return n


@njit
def bare(hbt):
    """Let the market pass."""
    while hbt.elapse(INTERVAL_NS) == 0:
        pass
    return 0


@njit
def maker(hbt):
    """Quote one lot at each best price every 100 ms, up to 100 lots either way."""
    sent = 0
    ids = np.zeros(2, dtype=np.int64)
    prices = np.zeros(2, dtype=np.int64)
    next_id = 1
    while hbt.elapse(INTERVAL_NS) == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        position = hbt.position(0)
        orders = hbt.orders(0)
        for side in range(2):
            tick = depth.best_bid_tick if side == 0 else depth.best_ask_tick
            room = position + 1 <= 100 if side == 0 else position - 1 >= -100
            stands = ids[side] != 0 and ids[side] in orders
            if stands and (prices[side] != tick or not room):
                hbt.cancel(0, ids[side], False)
                sent += 1
                stands = False
            if stands or not room:
                continue
            ids[side], prices[side] = next_id, tick
            if side == 0:
                hbt.submit_buy_order(0, next_id, tick * TICK, 1.0, GTC, LIMIT, False)
            else:
                hbt.submit_sell_order(0, next_id, tick * TICK, 1.0, GTC, LIMIT, False)
            next_id += 1
            sent += 1
    return sent


def _engine(events, by_order):
    asset = BacktestAsset().data(events).linear_asset(1.0)
    asset = asset.constant_order_latency(LATENCY_NS, LATENCY_NS).no_partial_fill_exchange()
    asset = asset.l3_fifo_queue_model() if by_order else asset.power_prob_queue_model(3.0)
    px = events["px"][events["px"] > 0]
    asset = asset.trading_value_fee_model(0.0, 0.0).tick_size(TICK).lot_size(1.0)
    asset = asset.roi_lb(float(px.min()) - 1).roi_ub(float(px.max()) + 1).last_trades_capacity(0)
    return ROIVectorMarketDepthBacktest([asset])


def _timed(run, events, by_order):
    hbt = _engine(events, by_order)
    begin = time.perf_counter()
    sent = run(hbt)
    seconds = time.perf_counter() - begin
    hbt.close()
    return seconds, sent


def main():
    """Serve the candidates."""
    streams = {}
    for name, path in zip(("l3", "l2"), sys.argv[1:3], strict=True):
        records = np.load(path)
        out = np.zeros(2 * len(records), dtype=event_dtype)
        streams[name] = out[: _convert(records, out)].copy()
    runs = {"bare": bare, "maker": maker}
    for run in runs.values():
        for name, events in streams.items():
            _timed(run, events[:10_000].copy(), name == "l3")  # compiles; not counted
    print("ready", version("hftbacktest"), flush=True)
    for line in sys.stdin:
        run, _, name = line.strip().partition("-")
        print(*_timed(runs[run], streams[name], name == "l3"), flush=True)


main()
