"""touch-maker-v1 as a Python class: quote at the touch, look every 100 ms.

Run it with ``kimera replay TAPE --strategy examples/touch_maker_python.py:TouchMaker``.
"""

from __future__ import annotations

from kimera.model import Side
from kimera.strategy import Context, Strategy

CLOSING = 3


class TouchMaker(Strategy):
    """Rest at the best bid and ask of every instrument; move what is no longer there."""

    def __init__(
        self,
        size_lots: int = 10,
        max_position_lots: int = 200,
        interval_ns: int = 100_000_000,
    ) -> None:
        self.size_lots = size_lots
        self.max_position_lots = max_position_lots
        self.interval_ns = interval_ns
        self.quotes: dict[tuple[int, Side], int] = {}

    def on_start(self, ctx: Context) -> None:
        ctx.set_timer(ctx.now_ns + self.interval_ns)

    def on_timer(self, ctx: Context, timer_id: int) -> None:
        for instrument_id in range(1, ctx.n_instruments + 1):
            self.look(ctx, instrument_id)
        ctx.set_timer(ctx.now_ns + self.interval_ns)

    def look(self, ctx: Context, instrument_id: int) -> None:
        position = ctx.position_lots(instrument_id)
        buys = position + self.size_lots <= self.max_position_lots
        sells = position - self.size_lots >= -self.max_position_lots
        wanted = {
            Side.BID: ctx.bid_ticks(instrument_id) if buys else None,
            Side.ASK: ctx.ask_ticks(instrument_id) if sells else None,
        }
        # Both cancels before both quotes, or a new quote could meet our own old one.
        moved = [side for side in wanted if not self.stands(ctx, instrument_id, side, wanted[side])]
        for side in moved:
            price = wanted[side]
            if price is not None:
                self.quotes[instrument_id, side] = ctx.submit(
                    instrument_id, side, price, self.size_lots
                )

    def stands(self, ctx: Context, instrument_id: int, side: Side, price: int | None) -> bool:
        order_id = self.quotes.get((instrument_id, side), 0)
        order = ctx.order(order_id) if order_id > 0 else None
        if order is None or order[2] == CLOSING:
            return False
        if order[0] == price:
            return True
        ctx.cancel(order_id)
        return False
