"""Find the minimum of a smooth function with a known gradient: BFGS with backtracking."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kimera.microstructure.inputs import FloatArray

__all__ = ["bfgs", "numeric_hessian"]

Objective = Callable[[FloatArray], tuple[float, FloatArray]]


def bfgs(
    objective: Objective, start: FloatArray, *, tolerance: float = 1e-9, most: int = 500
) -> tuple[FloatArray, float, bool]:
    """Minimise by BFGS (Nocedal and Wright 2006, algorithm 6.1, Armijo backtracking).

    Parameters
    ----------
    objective : callable
        x -> (value, gradient); a value that is not finite counts as a wall.
    start : ndarray of shape (k,)
    tolerance : float
        Stop when no component of the gradient exceeds it times ``max(1, |value|)``.
    most : int
        Bound on iterations.

    Returns
    -------
    x : ndarray of shape (k,)
    value : float
    converged : bool
        False when the bound was met or no step lowers the value before the tolerance is met.
    """
    x = np.array(start, dtype=np.float64)
    value, gradient = objective(x)
    inverse = np.eye(x.size)
    for step in range(most):
        if np.abs(gradient).max() <= tolerance * max(1.0, abs(value)):
            return x, value, True
        direction = -inverse @ gradient
        slope = float(gradient @ direction)
        if slope >= 0:  # the approximation has gone bad: start again from steepest descent
            inverse, direction = np.eye(x.size), -gradient
            slope = float(gradient @ direction)
        length = 1.0 if step else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        new, new_value, new_gradient = _backtrack(objective, (x, value, direction), slope, length)
        if new is None or new_gradient is None:
            small = np.abs(gradient).max() <= 1e-5 * max(1.0, abs(value))
            return x, value, bool(small)
        s, y = new - x, new_gradient - gradient
        x, value, gradient = new, new_value, new_gradient
        curvature = float(s @ y)
        if curvature > 1e-12 * float(np.linalg.norm(s) * np.linalg.norm(y)):
            if step == 0:
                inverse *= curvature / float(y @ y)
            rho = 1.0 / curvature
            left = np.eye(x.size) - rho * np.outer(s, y)
            inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    return x, value, False


def _backtrack(
    objective: Objective, at: tuple[FloatArray, float, FloatArray], slope: float, length: float
) -> tuple[FloatArray | None, float, FloatArray | None]:
    x, value, direction = at
    for _ in range(60):
        new = x + length * direction
        new_value, new_gradient = objective(new)
        if np.isfinite(new_value) and new_value <= value + 1e-4 * length * slope:
            return new, new_value, new_gradient
        length *= 0.5
    return None, value, None


def numeric_hessian(objective: Objective, x: FloatArray, *, step: float = 1e-5) -> FloatArray:
    """Hessian by central differences of the gradient, symmetrised."""
    k = x.size
    hessian = np.empty((k, k))
    for i in range(k):
        h = step * max(1.0, abs(float(x[i])))
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        hessian[i] = (objective(up)[1] - objective(down)[1]) / (2.0 * h)
    return (hessian + hessian.T) / 2.0
