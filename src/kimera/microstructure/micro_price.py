"""Stoikov's micro-price, fitted: the mid plus what imbalance and spread say of its next moves."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray, IntArray, prices, same_length, sizes, window_of
from kimera.model import NO_PRICE

__all__ = ["MicroPrice", "fit_micro_price"]


class MicroPrice(msgspec.Struct, frozen=True):
    """A fitted micro-price: one adjustment of the mid for each state of the best quotes.

    Attributes
    ----------
    adjustment_ticks : ndarray of shape (n_spreads, n_imbalances)
        g(I, S) to add to the mid [ticks]; row s is a spread of s + 1 ticks.
    first_move_ticks : ndarray of shape (n_spreads, n_imbalances)
        G1: the expected first move of the mid [ticks].
    transition : ndarray of shape (n_states, n_states)
        B: from a state to that after the first move of the mid; state = s * n_imbalances + i.
    n_transitions : int
        Transitions it was fitted on, after mirroring.
    martingale_residual_ticks : float
        max |g - G1 - B g|: 0 but for rounding when the fit is sound.
    """

    adjustment_ticks: FloatArray
    first_move_ticks: FloatArray
    transition: FloatArray
    n_transitions: int
    martingale_residual_ticks: float

    def price(self, bid_ticks: Any, bid_lots: Any, ask_ticks: Any, ask_lots: Any) -> FloatArray:
        """Micro-price of each quote [ticks]; NaN for states the fit does not know.

        Those are empty sides, locked and crossed quotes, and spreads wider than fitted.
        """
        n_spreads, n_imbalances = self.adjustment_ticks.shape
        state = quote_states(
            (bid_ticks, bid_lots, ask_ticks, ask_lots), n_imbalances, n_spreads=n_spreads
        )
        bid, ask = prices(bid_ticks, "bid_ticks"), prices(ask_ticks, "ask_ticks")
        known = state >= 0
        result = np.full(state.shape, np.nan)
        mid = (bid[known] + ask[known]) / 2.0
        result[known] = mid + self.adjustment_ticks.ravel()[state[known]]
        return result


def quote_states(
    quotes: tuple[Any, Any, Any, Any], n_imbalances: int, *, n_spreads: int
) -> IntArray:
    """Number the states: spread in ticks times bucket of imbalance; -1 = outside the model.

    The bucket of ``I = qb / (qb + qa)`` is ``min(floor(I n), n - 1)``, in integers.
    """
    bid, ask = prices(quotes[0], "bid_ticks"), prices(quotes[2], "ask_ticks")
    bid_size, ask_size = sizes(quotes[1], "bid_lots"), sizes(quotes[3], "ask_lots")
    same_length(bid_ticks=bid, bid_lots=bid_size, ask_ticks=ask, ask_lots=ask_size)
    both = (bid != NO_PRICE) & (ask != NO_PRICE) & (bid_size > 0) & (ask_size > 0)
    spread = np.where(both, np.where(both, ask, 0) - np.where(both, bid, 0), 0)
    inside = both & (spread >= 1) & (spread <= n_spreads)
    total = np.where(both, bid_size + ask_size, 1)
    # Buckets mirror each other exactly: n - 1 - floor(n qa / total) above the half.
    low, high = n_imbalances * bid_size // total, n_imbalances * ask_size // total
    bucket = np.where(
        2 * bid_size <= total, np.minimum(low, n_imbalances - 1), n_imbalances - 1 - high
    )
    bucket = np.clip(bucket, 0, n_imbalances - 1)
    return np.where(inside, (spread - 1) * n_imbalances + bucket, -1).astype(np.int64)


def _counts(
    state: IntArray, move2: IntArray, n_imbalances: int, n_states: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Counts of quiet and moving transitions and sums of moves, mirrored (Stoikov 2018)."""
    now, after, move = state[:-1], state[1:], move2[:-1]
    whole = (now >= 0) & (after >= 0)
    now, after, move = now[whole], after[whole], move[whole]
    mirror = np.arange(n_states)
    mirror = (mirror // n_imbalances) * n_imbalances + n_imbalances - 1 - mirror % n_imbalances
    quiet, moving, moved2 = (np.zeros((n_states, n_states)) for _ in range(3))
    for start, end, step in ((now, after, move), (mirror[now], mirror[after], -move)):
        np.add.at(quiet, (start[step == 0], end[step == 0]), 1.0)
        np.add.at(moving, (start[step != 0], end[step != 0]), 1.0)
        np.add.at(moved2, (start, end), step)
    return quiet, moving, moved2


def fit_micro_price(
    quotes: tuple[Any, Any, Any, Any], *, n_imbalances: int = 10, n_spreads: int = 2
) -> MicroPrice:
    """Fit the micro-price to a series of best quotes.

    With Q the transitions without and T those with a move of the mid, ``G1 = (I - Q)^-1 R k``
    (R k: expected move of one step), ``B = (I - Q)^-1 T``, and ``g = sum_i B^i G1``. Stoikov
    (2018), "The micro-price: a high-frequency estimator of future prices", Quantitative Finance
    18. Mirroring every transition (bid for ask) makes the series converge; here g solves
    ``(I - B) g = G1`` within the antisymmetric functions directly.

    Parameters
    ----------
    quotes : (bid_ticks, bid_lots, ask_ticks, ask_lots), arrays of shape (n,)
        Best quotes, sampled as the horizon of the model asks (each change, or a fixed step).
        States outside the model break the series there.
    n_imbalances : int
        Buckets of imbalance, even, >= 2; exact balance falls into the upper middle one.
    n_spreads : int
        Widest spread modelled [ticks].

    Returns
    -------
    MicroPrice
        Adjustments are antisymmetric in the imbalance. A state never seen, or from which no
        move of the mid was ever reached, has NaN, and transitions into it are left out. Cost
        O(n + states^3).

    Raises
    ------
    InputError
        If no transition is left, the mid never moved, or some states never lead to their mirror
        images, so that the series does not converge.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.microstructure import fit_micro_price
    >>> bid = np.tile([100, 101], 100); qb = np.tile([9, 1], 100)  # heavy bid, then up
    >>> fit = fit_micro_price((bid, qb, bid + 1, 10 - qb), n_imbalances=2, n_spreads=1)
    >>> fit.adjustment_ticks.round(12).tolist()
    [[-0.5, 0.5]]
    """
    window_of(n_imbalances, "n_imbalances", least=2)
    window_of(n_spreads, "n_spreads")
    if n_imbalances % 2:
        raise InputError(f"n_imbalances: expected an even number, found {n_imbalances}")
    state = quote_states(quotes, n_imbalances, n_spreads=n_spreads)
    bid, ask = prices(quotes[0], "bid_ticks"), prices(quotes[2], "ask_ticks")
    middle2 = np.where(state >= 0, bid + ask, 0)
    n_states = n_imbalances * n_spreads
    quiet, moving, moved2 = _counts(state, np.append(np.diff(middle2), 0), n_imbalances, n_states)
    used = _can_move(quiet, moving)
    if used.size == 0:
        raise InputError(f"quotes: expected moves of the mid, found none in {state.size} rows")
    quiet, moving, moved2 = (m[np.ix_(used, used)] for m in (quiet, moving, moved2))
    seen = (quiet + moving).sum(axis=1)
    q, t, step = quiet / seen[:, None], moving / seen[:, None], moved2.sum(axis=1) / 2.0 / seen
    inside = np.eye(used.size) - q
    first = np.asarray(np.linalg.solve(inside, step), dtype=np.float64)
    b = np.asarray(np.linalg.solve(inside, t), dtype=np.float64)
    g = _long_run(first, b, used, n_imbalances)
    residual = float(np.abs(g - first - b @ g).max())
    shape = (n_spreads, n_imbalances)
    adjustment, opening = np.full(n_states, np.nan), np.full(n_states, np.nan)
    adjustment[used], opening[used] = g, first
    transition = np.zeros((n_states, n_states))
    transition[np.ix_(used, used)] = b
    return MicroPrice(
        adjustment.reshape(shape), opening.reshape(shape), transition, int(seen.sum()), residual
    )


def _can_move(quiet: FloatArray, moving: FloatArray) -> IntArray:
    """States from which a move is reached within those states; the others leave the model."""
    good = np.ones(quiet.shape[0], dtype=bool)
    while True:
        reach = good & (moving[:, good].sum(axis=1) > 0)
        more = reach
        while True:
            more = good & (reach | (quiet[:, reach].sum(axis=1) > 0))
            if (more == reach).all():
                break
            reach = more
        if (reach == good).all():
            return np.flatnonzero(good)
        good = reach


def _long_run(first: FloatArray, b: FloatArray, used: IntArray, n_imbalances: int) -> FloatArray:
    """Solve ``(I - B) g = G1`` for the antisymmetric g.

    B keeps constants (its rows sum to 1), so I - B is singular; G1 is antisymmetric and so is
    g, and on that half of the space I - B is invertible. The half is indexed by the states with
    low imbalance.
    """
    position = {int(s): k for k, s in enumerate(used)}
    column = used % n_imbalances
    low = np.flatnonzero(2 * column < n_imbalances)
    mirrored = np.array(
        [position[int(used[k] + n_imbalances - 1 - 2 * column[k])] for k in low], dtype=np.int64
    )
    folded = b[np.ix_(low, low)] - b[np.ix_(low, mirrored)]
    try:
        half = np.linalg.solve(np.eye(low.size) - folded, first[low])
    except np.linalg.LinAlgError as error:
        raise InputError(
            "quotes: expected states that lead to each other, found two worlds"
        ) from error
    g = np.empty(used.size)
    g[low], g[mirrored] = half, -half
    return g
