"""Loops that `kimera bench` times."""

import enum
from typing import Annotated

import numpy
from numpy.typing import NDArray

import kimera._native.runtime


def make_stream(n_events: int, seed: int = 7, live_orders: int = 2000, max_depth_ticks: int = 200) -> tuple[Annotated[NDArray[numpy.uint8], dict(shape=(None,))], Annotated[NDArray[numpy.uint8], dict(shape=(None,))]]:
    """
    Make an order stream: (records by order, the same as totals per price), 64 bytes each.
    """

def book_workload(n_events: int, seed: int, n_live: int, max_depth: int) -> tuple[Annotated[NDArray[numpy.uint8], dict(shape=(None,))], Annotated[NDArray[numpy.uint8], dict(shape=(None,))]]:
    """Records by order and by price, as bytes."""

def run_l3(records: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[float, int, int]: ...

def run_l2(records: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[float, int, int]: ...

def run_plain_l3(records: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[float, int, int]: ...

def run_plain_l2(records: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[float, int, int]: ...

def itch_workload(n_messages: int, seed: int, n_symbols: int, depth: int) -> Annotated[NDArray[numpy.uint8], dict(shape=(None,))]:
    """A day of ITCH in BinaryFILE framing."""

def run_itch_books(data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[float, int, int]: ...

def run_itch_decode(data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[float, int, int]: ...

class VenueRun:
    @property
    def n_records(self) -> int: ...

    @property
    def n_fills(self) -> int: ...

    @property
    def n_resting(self) -> int: ...

    @property
    def elapsed_ns(self) -> int: ...

class VenueWorkload:
    def __init__(self, arg0: int, arg1: int, arg2: int, arg3: int, /) -> None: ...

    def run(self, arg: str, /) -> VenueRun:
        """Time the requests; an empty folder means memory."""

    def __len__(self) -> int: ...

class Handover(enum.Enum):
    RING_ONE = 0

    RING_SPAN = 1

    RING_OBSERVED = 2

    BOOST_ONE = 3

    BOOST_MANY = 4

class Between(enum.Enum):
    THREADS = 0

    PROCESSES = 1

def boost_version() -> str:
    """Version of Boost's headers, empty without them."""

def handover_per_s(queue: Handover, between: Between, n_records: int) -> float: ...

def ring_round_trip_ns(n_trips: int) -> tuple[float, float]:
    """(p50, p99) of a record there and back."""

def line_round_trip_ns(n_trips: int) -> tuple[float, float]:
    """(p50, p99) of one word there and back over two cache lines."""

def journal_append_per_s(folder: str, n_records: int, upkeep: kimera._native.runtime.Upkeep) -> tuple[float, float]:
    """(appended, with the digest) per second."""

def journal_read_per_s(folder: str) -> float: ...

def journal_verify_per_s(folder: str) -> float: ...

def hash_rates(n_records: int) -> tuple[float, float, float]:
    """(CRC-32C, SHA-256, SHA-256 of two at once) bytes per second."""

class OrderStream:
    """Events by order for the loops below."""

    def __init__(self, n: int, seed: int) -> None: ...

    def __len__(self) -> int: ...

    def seconds(self, what: int) -> float:
        """
        Seconds for the last nine tenths: 0 bare book, 1 top of book, 2 analyzer.
        """
