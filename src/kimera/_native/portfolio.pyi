"""Ledger."""

from collections.abc import Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray


class Ledger:
    """Positions, cash, fees and profit in exact integers."""

    def __init__(self, instruments: Sequence[tuple[int, int, bool]]) -> None: ...

    def apply(self, records: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', writable=False)], mids2: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', writable=False)]) -> int: ...

    def account(self, instrument_id: int, mid2: int) -> dict: ...
