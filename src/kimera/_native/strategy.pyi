"""Strategies of the fast lane."""



class Context:
    """What a strategy sees and may ask for. Instrument ids count from 1."""

    @property
    def now_ns(self) -> int:
        """Time at the strategy [ns]."""

    @property
    def n_instruments(self) -> int: ...

    @property
    def n_open_orders(self) -> int: ...

    def bid_ticks(self, instrument_id: int) -> int | None:
        """Best bid [ticks], None when there is none."""

    def ask_ticks(self, instrument_id: int) -> int | None:
        """Best ask [ticks], None when there is none."""

    def bid_lots(self, instrument_id: int) -> int:
        """Size at the best bid [lots]."""

    def ask_lots(self, instrument_id: int) -> int:
        """Size at the best ask [lots]."""

    def mid2(self, instrument_id: int) -> int | None:
        """Twice the last two-sided mid [half ticks], None before one."""

    def position_lots(self, instrument_id: int) -> int:
        """Signed position [lots], as far as reports have arrived."""

    def size_at(self, instrument_id: int, side: int, price_ticks: int) -> int:
        """Total at a price of the local book [lots]."""

    def levels(self, instrument_id: int, side: int, n_levels: int = 10) -> list[tuple[int, int, int]]:
        """Best levels first, as (price_ticks, size_lots, order_count)."""

    def order(self, order_id: int) -> tuple[int, int, int] | None:
        """
        (price_ticks, leaves_lots, state) of an open order; None once it is gone. State: 1 sent, 2 open, 3 being cancelled.
        """

    def submit(self, instrument_id: int, side: int, price_ticks: int, size_lots: int, order_type: int = 0, time_in_force: int = 0, options: int = 0) -> int:
        """
        Send an order. Returns its id (> 0), or minus the RefusalCode when it is denied here.
        """

    def cancel(self, order_id: int) -> int:
        """Ask to cancel. Returns a RefusalCode; 0 = sent."""

    def replace(self, order_id: int, price_ticks: int, size_lots: int) -> int:
        """Ask for another price or open size. Returns a RefusalCode; 0 = sent."""

    def set_timer(self, at_ns: int, timer_id: int = 0) -> bool:
        """
        Have on_timer called at this time; False when the bound on timers is reached.
        """

    def stop(self) -> None:
        """End the run after this callback."""

class Report:
    """What became of one of our orders."""

    @property
    def act(self) -> int:
        """A kimera.model.ReportAct."""

    @property
    def order_id(self) -> int: ...

    @property
    def instrument_id(self) -> int: ...

    @property
    def side(self) -> int: ...

    @property
    def price_ticks(self) -> int | None: ...

    @property
    def size_lots(self) -> int:
        """Filled by this report, or open."""

    @property
    def code(self) -> int:
        """A RefusalCode where something was refused."""

    @property
    def is_maker(self) -> bool: ...

    @property
    def ts_event_ns(self) -> int: ...

    @property
    def ts_recv_ns(self) -> int: ...

class BookEvent:
    """The record of on_book, valid during the call only."""

    @property
    def kind(self) -> int: ...

    @property
    def action(self) -> int: ...

    @property
    def side(self) -> int: ...

    @property
    def flags(self) -> int: ...

    @property
    def instrument_id(self) -> int: ...

    @property
    def order_id(self) -> int: ...

    @property
    def price_ticks(self) -> int | None: ...

    @property
    def size_lots(self) -> int: ...

    @property
    def sequence(self) -> int: ...

    @property
    def ts_event_ns(self) -> int: ...

    @property
    def ts_recv_ns(self) -> int: ...

def compiled_view_fields() -> list[tuple[str, str, int]]:
    """
    Fields of the view a compiled callback gets, as (name, numpy format, offset).
    """

def compiled_functions() -> list[tuple[str, int]]:
    """
    Addresses of the functions a compiled callback may call, as (name, address).
    """

COMPILED_VIEW_BYTES: int = 104
