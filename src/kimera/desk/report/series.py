"""Series for pictures: thinned to a bound, keeping every extreme, and rounded for the file."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["POINTS", "milliseconds", "rounded", "spaced_index", "stretch_means", "thin_index"]

POINTS: Final = 2_000
"""Points a line of a picture has at most."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def thin_index(values: FloatArray, limit: int = POINTS) -> IntArray:
    """Choose which samples of a line to draw.

    The line is cut into equal stretches; of each the lowest and the highest sample stay, so that
    no peak is lost at any length, and the first and the last sample stay.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        nan where there is no value; a stretch without any keeps its first sample, so that the
        gap stays visible.
    limit : int
        Samples to keep at most, >= 4.

    Returns
    -------
    ndarray of shape (n_kept,)
        Rising indices, all of them when ``n_samples <= limit``.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.desk.report.series import thin_index
    >>> spike = np.zeros(1000)
    >>> spike[123] = 1.0
    >>> 123 in thin_index(spike, limit=10)
    True
    """
    n_samples = len(values)
    if n_samples <= limit:
        return np.arange(n_samples)
    edges = np.linspace(0, n_samples, (limit - 2) // 2 + 1).astype(np.int64)
    kept = [0, n_samples - 1]
    for begin, end in itertools.pairwise(edges):
        stretch = values[begin:end]
        if np.isnan(stretch).all():
            kept.append(int(begin))
        else:
            kept += [int(begin + np.nanargmin(stretch)), int(begin + np.nanargmax(stretch))]
    return np.unique(np.array(kept, dtype=np.int64))


def spaced_index(n_items: int, limit: int) -> IntArray:
    """Choose at most `limit` of `n_items` evenly, the first and the last among them."""
    if n_items <= limit:
        return np.arange(n_items)
    return np.unique(np.linspace(0, n_items - 1, limit).round().astype(np.int64))


def stretch_means(values: FloatArray, limit: int) -> tuple[IntArray, FloatArray]:
    """Average a line over at most `limit` equal stretches; nan where a stretch has no value.

    Returns
    -------
    begins, means : ndarray of shape (n_stretches,)
        Index of the first sample of each stretch, and the mean of its values.
    """
    begins = spaced_index(len(values) + 1, limit + 1)[:-1] if len(values) else np.arange(0)
    known = np.isfinite(values)
    if len(begins) == 0:
        return begins, np.zeros(0)
    counts = np.add.reduceat(known.astype(np.float64), begins)
    sums = np.add.reduceat(np.where(known, values, 0.0), begins)
    return begins, np.divide(sums, counts, out=np.full(len(begins), np.nan), where=counts > 0)


def milliseconds(ts_ns: IntArray) -> list[float]:
    """Convert times to what a date axis takes [ms since the epoch, 0.1 ms apart]."""
    return [float(value) for value in np.round(ts_ns / 1e6, 1)]


def rounded(values: FloatArray, digits: int = 6) -> list[float | None]:
    """Round to significant digits; nan and infinities become None, a gap in the line."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]
