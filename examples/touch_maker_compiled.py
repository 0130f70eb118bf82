"""touch-maker-v1 compiled by Numba: the event loop calls it without the interpreter.

Run it with ``kimera replay TAPE --strategy examples/touch_maker_compiled.py:touch_maker``.
It trades the first instrument only.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from kimera.model import NO_PRICE
from kimera.strategy import CompiledStrategy
from kimera.strategy.compiled import functions

STATE = np.dtype(
    [
        ("bid_id", "<u8"),
        ("ask_id", "<u8"),
        ("size_lots", "<i8"),
        ("max_position_lots", "<i8"),
        ("interval_ns", "<i8"),
    ]
)
CLOSING = 3
NONE = NO_PRICE

_api = functions()
submit, cancel, set_timer = _api.submit, _api.cancel, _api.set_timer
order_state, order_price = _api.order_state, _api.order_price


@numba.njit
def stands(context: int, order_id: int, price: int) -> bool:
    state = order_state(context, order_id)
    if state in {0, CLOSING}:
        return False
    if order_price(context, order_id) == price:
        return True
    cancel(context, order_id)
    return False


def on_start(view: Any, state: Any) -> None:
    set_timer(view.context, view.now_ns + state.interval_ns, 0)


def on_timer(view: Any, state: Any) -> None:
    bid, ask = view.bid_ticks, view.ask_ticks
    if view.position_lots + state.size_lots > state.max_position_lots:
        bid = NONE
    if view.position_lots - state.size_lots < -state.max_position_lots:
        ask = NONE
    bid_stands = stands(view.context, state.bid_id, bid)
    ask_stands = stands(view.context, state.ask_id, ask)
    if not bid_stands and bid != NONE:
        state.bid_id = submit(view.context, view.instrument_id, 0, bid, state.size_lots, 0)
    if not ask_stands and ask != NONE:
        state.ask_id = submit(view.context, view.instrument_id, 1, ask, state.size_lots, 0)
    set_timer(view.context, view.now_ns + state.interval_ns, 0)


def touch_maker(
    size_lots: int = 10, max_position_lots: int = 200, interval_ns: int = 100_000_000
) -> CompiledStrategy:
    """Make the strategy."""
    state = np.zeros(1, STATE)
    state["size_lots"] = size_lots
    state["max_position_lots"] = max_position_lots
    state["interval_ns"] = interval_ns
    return CompiledStrategy("touch-maker-compiled", state, on_start=on_start, on_timer=on_timer)
