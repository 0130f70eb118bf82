"""What we want: strategies and their registry."""

from kimera.strategy.compiled import CompiledStrategy
from kimera.strategy.native import (
    DoNothingParams,
    MarketMakingParams,
    MomentumParams,
    NativeStrategy,
    TouchMakerParams,
)
from kimera.strategy.registry import CALLBACKS, STRATEGIES, Entry, find, load, names, summary
from kimera.strategy.strategy import BookEvent, Context, Report, Strategy

__all__ = [
    "CALLBACKS",
    "STRATEGIES",
    "BookEvent",
    "CompiledStrategy",
    "Context",
    "DoNothingParams",
    "Entry",
    "MarketMakingParams",
    "MomentumParams",
    "NativeStrategy",
    "Report",
    "Strategy",
    "TouchMakerParams",
    "find",
    "load",
    "names",
    "summary",
]
