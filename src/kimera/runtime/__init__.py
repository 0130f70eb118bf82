"""How it runs: ring, journal, clock, seeds, telemetry. Knows no finance."""

from kimera.runtime.clock import Clock, ManualClock, SystemClock
from kimera.runtime.histogram import LatencyHistogram
from kimera.runtime.journal import (
    Journal,
    JournalConfig,
    JournalFinding,
    JournalSegment,
    JournalVerdict,
    Sync,
    Upkeep,
    verify_journal,
)
from kimera.runtime.random import Random, numpy_generator, stream_seed
from kimera.runtime.ring import (
    RingMemory,
    RingMode,
    RingReader,
    RingRole,
    RingStart,
    RingWriter,
)

__all__ = [
    "Clock",
    "Journal",
    "JournalConfig",
    "JournalFinding",
    "JournalSegment",
    "JournalVerdict",
    "LatencyHistogram",
    "ManualClock",
    "Random",
    "RingMemory",
    "RingMode",
    "RingReader",
    "RingRole",
    "RingStart",
    "RingWriter",
    "Sync",
    "SystemClock",
    "Upkeep",
    "numpy_generator",
    "stream_seed",
    "verify_journal",
]
