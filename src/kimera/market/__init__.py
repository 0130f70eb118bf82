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
from kimera.market.venue import (
    DepthLevel,
    Display,
    HaltPolicy,
    InstrumentRules,
    MatchingEngine,
    OrderState,
    QuoteOutput,
    VenueRules,
    cancel_order,
    new_order,
    replace_order,
    status_change,
)

__all__ = [
    "CODECS",
    "Applied",
    "Book",
    "BookCapacity",
    "BookState",
    "Codec",
    "DepthLevel",
    "Display",
    "FlowLabel",
    "HaltPolicy",
    "InstrumentRules",
    "Manipulation",
    "MatchingEngine",
    "OrderState",
    "QuoteOutput",
    "SimulatedMarket",
    "SimulationConfig",
    "Tape",
    "TopFeed",
    "VenueRules",
    "cancel_order",
    "native_venue",
    "new_order",
    "observe",
    "open_tape",
    "read_bars",
    "recognise",
    "replace_order",
    "replay_books",
    "simulated_market_config",
    "status_change",
    "write_tape",
]
