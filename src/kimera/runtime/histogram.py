"""Latencies in fixed memory, three significant digits from 1 ns to 137 s.

>>> from kimera.runtime import LatencyHistogram
>>> h = LatencyHistogram()
>>> for ns in (100, 200, 300, 400):
...     h.record(ns)
>>> h.quantile_ns(0.5), h.max_ns
(200, 400)
"""

from __future__ import annotations

from kimera._native.runtime import LatencyHistogram

__all__ = ["LatencyHistogram"]
