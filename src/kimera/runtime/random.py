"""Chance is injected: a seed, and a stream of it for every component.

:class:`Random` is the native generator (xoshiro256++ with its own distributions, the same numbers
as in C++). Where numpy's distributions are wanted, :func:`numpy_generator` gives a generator that
hangs on the same seed and stream name.
"""

from __future__ import annotations

import numpy as np

from kimera._native.runtime import Random, stream_seed

__all__ = ["Random", "numpy_generator", "stream_seed"]


def numpy_generator(seed: int, stream: str) -> np.random.Generator:
    """Make a numpy generator for one component.

    Parameters
    ----------
    seed : int
        Seed of the run, 0 .. 2**64 - 1.
    stream : str
        Name of the component; another name gives independent numbers.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> from kimera.runtime import numpy_generator
    >>> a = numpy_generator(7, "takers")
    >>> b = numpy_generator(7, "takers")
    >>> float(a.uniform()) == float(b.uniform())
    True
    """
    return np.random.Generator(np.random.PCG64(stream_seed(seed, stream)))
