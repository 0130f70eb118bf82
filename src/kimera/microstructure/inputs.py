"""What comes in from outside: array-likes made into checked numpy arrays.

Every public function of the room takes anything ``numpy.asarray`` understands (lists, numpy
arrays, polars series) and passes it through here once, so that bad input has one clear answer.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.errors import InputError, SequenceError
from kimera.model import NO_PRICE

__all__ = ["Estimate", "FloatArray", "IntArray", "floats", "integers", "same_length", "times"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Twice a price, or a sum of two prices, must stay an exact int64 and an exact float64.
MAX_ABS_PRICE: Final = 2**51


class Estimate(msgspec.Struct, frozen=True):
    """A number with its error bar, or NaN with the reason why there is none.

    Attributes
    ----------
    value : float
        The estimate in the unit its function names; NaN = none.
    stderr : float
        Its standard error in the same unit; NaN = not defined.
    n_obs : int
        Observations it rests on.
    why : str
        Empty, or why ``value`` is NaN.
    """

    value: float
    stderr: float
    n_obs: int
    why: str = ""

    def __float__(self) -> float:
        return self.value


def nothing(why: str, n_obs: int = 0) -> Estimate:
    """Make the estimate that is none, with its reason."""
    return Estimate(float("nan"), float("nan"), n_obs, why)


def floats(values: Any, name: str) -> FloatArray:
    """Take a one-dimensional float64 array; NaN may be in it, infinity may not.

    Raises
    ------
    InputError
        If it is not numeric, not one-dimensional, or holds an infinity.
    """
    try:
        array = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected numbers, found {type(values).__name__}") from error
    if array.ndim != 1:
        raise InputError(f"{name}: expected one dimension, found shape {array.shape}")
    infinite = np.flatnonzero(np.isinf(array))
    if infinite.size:
        raise InputError(f"{name}: expected finite numbers or NaN, found inf at row {infinite[0]}")
    return array


def _checked_integers(values: Any, name: str) -> IntArray:
    array = np.asarray(values)
    if array.size == 0:
        return np.ascontiguousarray(array, dtype=np.int64)
    if array.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(array) | (array != np.rint(array)))
        if wrong.size:
            at = int(wrong[0])
            raise InputError(f"{name}: expected integers, found {array.ravel()[at]} at row {at}")
        if np.any(np.abs(array) >= 2.0**63):
            raise InputError(f"{name}: expected integers of 64 bits, found larger")
    elif array.dtype.kind not in "iub":
        raise InputError(f"{name}: expected integers, found dtype {array.dtype}")
    elif array.dtype == np.uint64 and int(array.max()) >= 2**63:
        raise InputError(f"{name}: expected at most 2**63 - 1, found {int(array.max())}")
    return np.ascontiguousarray(array, dtype=np.int64)


def integers(values: Any, name: str, *, ndim: int = 1) -> IntArray:
    """Take an int64 array; a float array is taken when every value is a whole number.

    Raises
    ------
    InputError
        If a value is not a whole number, or the dimension is wrong.
    """
    array = _checked_integers(values, name)
    if array.ndim != ndim:
        raise InputError(f"{name}: expected {ndim} dimension(s), found shape {array.shape}")
    return array


def prices(values: Any, name: str, *, ndim: int = 1) -> IntArray:
    """Take prices in ticks; ``NO_PRICE`` is allowed and means that there is none.

    Raises
    ------
    InputError
        As :func:`integers`, and if a price is beyond 2**51 ticks.
    """
    array = integers(values, name, ndim=ndim)
    real = array[array != NO_PRICE]
    if real.size and (int(real.max()) >= MAX_ABS_PRICE or int(real.min()) <= -MAX_ABS_PRICE):
        raise InputError(f"{name}: expected prices below 2**51 ticks, found one beyond")
    return array


def sizes(values: Any, name: str, *, ndim: int = 1) -> IntArray:
    """Take sizes in lots, none negative.

    Raises
    ------
    InputError
        As :func:`integers`, and if a size is negative.
    """
    array = integers(values, name, ndim=ndim)
    if array.size and int(array.min()) < 0:
        at = int(np.flatnonzero(array.ravel() < 0)[0])
        raise InputError(f"{name}: expected sizes >= 0, found {array.ravel()[at]} at row {at}")
    return array


def signs(values: Any, name: str) -> IntArray:
    """Take trade signs: +1 buy, -1 sell, 0 not known.

    Raises
    ------
    InputError
        As :func:`integers`, and for any other value.
    """
    array = integers(values, name)
    wrong = np.flatnonzero((array < -1) | (array > 1))
    if wrong.size:
        raise InputError(f"{name}: expected -1, 0 or 1, found {array[wrong[0]]} at row {wrong[0]}")
    return array


def times(values: Any, name: str) -> IntArray:
    """Take times [ns] that never run backwards; equal times are fine.

    Raises
    ------
    SequenceError
        At the first row whose time is before the one above it.
    """
    array = integers(values, name)
    back = np.flatnonzero(array[1:] < array[:-1])
    if back.size:
        at = int(back[0]) + 1
        raise SequenceError(
            f"{name}: expected times that do not decrease, found {array[at]} after "
            f"{array[at - 1]} at row {at}"
        )
    return array


def same_length(**arrays: npt.NDArray[Any]) -> int:
    """Check that all arrays have as many rows, and say how many.

    Raises
    ------
    InputError
        Naming each array with its length.
    """
    lengths = {name: array.shape[0] for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"expected arrays of one length, found {said}")
    return next(iter(lengths.values()), 0)


def window_of(n: int, name: str, *, least: int = 1) -> int:
    """Check a window or a count.

    Raises
    ------
    InputError
        If it is below ``least``.
    """
    if n < least:
        raise InputError(f"{name}: expected at least {least}, found {n}")
    return n


def weighted_mean(values: IntArray, weights: IntArray) -> float:
    """Mean of integers under integer weights, the sums exact; NaN when no weight is left.

    int64 where it cannot overflow, else Python's own integers: the same number either way.
    """
    total = int(weights.sum(dtype=object)) if weights.size else 0
    if total == 0:
        return float("nan")
    bound = int(np.abs(values).max()) * total
    if bound < 2**63:
        return float(int(np.dot(values, weights))) / float(total)
    return float(sum(int(v) * int(w) for v, w in zip(values, weights, strict=True))) / float(total)
