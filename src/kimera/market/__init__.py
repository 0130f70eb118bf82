"""What is out there: codecs, tapes, books, venues."""

from kimera.market.bars import read_bars
from kimera.market.book import Applied, Book, BookCapacity, BookState, replay_books
from kimera.market.simulation import FlowLabel, SimulatedMarket, native_venue, observe
from kimera.market.simulation_config import (
    Manipulation,
    SimulationConfig,
    TopFeed,
    simulated_market_config,
)
from kimera.market.tape import CODECS, Codec, Tape, open_tape, recognise, write_tape

__all__ = [
    "CODECS",
    "Applied",
    "Book",
    "BookCapacity",
    "BookState",
    "Codec",
    "FlowLabel",
    "Manipulation",
    "SimulatedMarket",
    "SimulationConfig",
    "Tape",
    "TopFeed",
    "native_venue",
    "observe",
    "open_tape",
    "read_bars",
    "recognise",
    "replay_books",
    "simulated_market_config",
    "write_tape",
]
