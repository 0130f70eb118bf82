"""Strategies compiled by Numba: C functions the event loop calls without the interpreter.

A callback is a plain function ``f(view, state)``. ``view`` has the fields of :data:`VIEW`;
``state`` is a record of the strategy's own dtype, kept from call to call. Orders are sent with the
functions of :func:`functions`, which compiled code can call:

    from kimera.strategy.compiled import CompiledStrategy, functions
    api = functions()
    submit = api.submit

    def on_timer(view, state):
        state.order_id = submit(view.context, 1, 0, view.bid_ticks, 10, 0)

The same rules hold as for Python classes: what the view tells is as late as the feed is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kimera._native import strategy as _native
from kimera.errors import InputError, MissingExtraError

__all__ = ["VIEW", "CompiledStrategy", "functions"]

_fields = _native.compiled_view_fields()
VIEW: Final[np.dtype[np.void]] = np.dtype(
    {
        "names": [name for name, _, _ in _fields],
        "formats": [form for _, form, _ in _fields],
        "offsets": [offset for _, _, offset in _fields],
        "itemsize": _native.COMPILED_VIEW_BYTES,
    }
)
"""dtype of the view a compiled callback gets, derived from the C++ struct."""
del _fields

_I8, _U4, _U8 = ctypes.c_int64, ctypes.c_uint32, ctypes.c_uint64
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    # name: (result, arguments ...); the first argument is view.context
    "submit": (_U8, _U8, _U4, _U4, _I8, _I8, _U4),
    "cancel": (_U4, _U8, _U8),
    "replace": (_U4, _U8, _U8, _I8, _I8),
    "set_timer": (_U4, _U8, _I8, _U8),
    "order_leaves": (_I8, _U8, _U8),
    "order_price": (_I8, _U8, _U8),
    "order_state": (_U4, _U8, _U8),
    "position": (_I8, _U8, _U4),
    "top": (_I8, _U8, _U4, _U4),
    "size_at": (_I8, _U8, _U4, _U4, _I8),
}
_CALLBACKS: Final = (
    "on_start",
    "on_top",
    "on_book",
    "on_trade",
    "on_report",
    "on_timer",
    "on_stop",
)

Callback = Callable[[Any, Any], None]


def functions() -> Any:
    """Functions that compiled callbacks may call.

    Returns
    -------
    namespace
        ``submit(context, instrument_id, side, price_ticks, size_lots, detail) -> order id or 0``,
        ``cancel(context, order_id) -> RefusalCode``,
        ``replace(context, order_id, price_ticks, size_lots) -> RefusalCode``,
        ``set_timer(context, at_ns, timer_id) -> 1 or 0``,
        ``order_leaves``, ``order_price``, ``order_state(context, order_id)``,
        ``position(context, instrument_id)``, ``top(context, instrument_id, what)`` with what 0 to
        3 for bid price, bid size, ask price, ask size, and
        ``size_at(context, instrument_id, side, price_ticks)``.
    """
    made = {
        name: ctypes.CFUNCTYPE(*_PROTOTYPES[name])(address)
        for name, address in _native.compiled_functions()
    }
    return SimpleNamespace(**made)


class CompiledStrategy:
    """A strategy of Numba-compiled callbacks.

    Parameters
    ----------
    name : str
        What it goes by in the result.
    state : ndarray of shape (1,)
        Structured: the strategy's memory, changed in place. One run at a time may use it.
    **callbacks : callable
        ``on_start``, ``on_top``, ``on_book``, ``on_trade``, ``on_report``, ``on_timer``,
        ``on_stop``: functions of ``(view, state)``.

    Raises
    ------
    MissingExtraError
        If Numba is not installed.
    InputError
        If a callback is not known, there is none, or the state is not one record.
    """

    def __init__(self, name: str, state: npt.NDArray[np.void], **callbacks: Callback) -> None:
        if state.shape != (1,) or state.dtype.names is None:
            raise InputError(f"{name}: state must be one record, was {state.shape} {state.dtype}")
        unknown = set(callbacks) - set(_CALLBACKS)
        if unknown or not callbacks:
            raise InputError(
                f"{name}: expected callbacks of {', '.join(_CALLBACKS)}, "
                f"was {', '.join(callbacks) or 'none'}"
            )
        self.name = name
        self.state = state
        self._compiled = {key: _compile(f, state.dtype) for key, f in callbacks.items()}

    @property
    def addresses(self) -> dict[str, int]:
        """Addresses of the C functions, by callback."""
        return {key: int(f.address) for key, f in self._compiled.items()}

    @property
    def state_address(self) -> int:
        """Address of the state."""
        return int(self.state.ctypes.data)


def _compile(function: Callback, state: np.dtype[np.void]) -> Any:
    try:
        import numba
    except ImportError as error:
        raise MissingExtraError("jit", "numba") from error
    inner = numba.njit(function)
    signature = numba.types.void(
        numba.types.CPointer(numba.from_dtype(VIEW)),
        numba.types.CPointer(numba.from_dtype(state)),
    )

    def outer(view: Any, own: Any) -> None:
        inner(numba.carray(view, 1)[0], numba.carray(own, 1)[0])

    return numba.cfunc(signature)(outer)
