"""How it runs: ring, journal, clock, seeds, telemetry. Knows no finance."""

from kimera.runtime.clock import Clock, ManualClock, SystemClock
from kimera.runtime.histogram import LatencyHistogram
from kimera.runtime.random import Random, numpy_generator, stream_seed

__all__ = [
    "Clock",
    "LatencyHistogram",
    "ManualClock",
    "Random",
    "SystemClock",
    "numpy_generator",
    "stream_seed",
]
