"""Who started a trade, when the tape does not say.

All rules compare integers: ``2 p`` with ``bid + ask``. In floats, nine of 484 at-the-mid trades
of a published sample are misread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kimera._native import microstructure as _native
from kimera.errors import InputError
from kimera.microstructure.inputs import FloatArray, IntArray, floats, prices, same_length
from kimera.model import NO_PRICE, Side

__all__ = [
    "bulk_volume_buys",
    "clnv_sign",
    "emo_sign",
    "exact_sign",
    "lee_ready_sign",
    "quote_rule_sign",
    "tick_rule_sign",
]


def exact_sign(side: Any) -> IntArray:
    """Read the sign from a tape that says the taker's side.

    Parameters
    ----------
    side : array-like of shape (n_trades,)
        :class:`kimera.model.Side` of the taker: bid 0, ask 1, none 2.

    Returns
    -------
    ndarray of shape (n_trades,)
        +1 the taker bought, -1 sold, 0 the tape does not say.

    Examples
    --------
    >>> from kimera.microstructure import exact_sign
    >>> exact_sign([0, 1, 2]).tolist()
    [1, -1, 0]
    """
    taker = np.asarray(side)
    if taker.size and (taker.min() < 0 or taker.max() > Side.NONE):
        raise InputError(f"side: expected 0, 1 or 2, found {taker.min()}..{taker.max()}")
    return np.where(taker == Side.BID, 1, np.where(taker == Side.ASK, -1, 0)).astype(np.int64)


def tick_rule_sign(price_ticks: Any) -> IntArray:
    """Sign by the last change of price: up = buy, down = sell, none = as before.

    Lee and Ready (1991), "Inferring trade direction from intraday data", J. Finance 46.

    Parameters
    ----------
    price_ticks : array-like of shape (n_trades,)
        Trade prices [ticks], in time order.

    Returns
    -------
    ndarray of shape (n_trades,)
        +1 or -1; 0 until the price has changed once. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import tick_rule_sign
    >>> tick_rule_sign([10, 10, 11, 11, 9]).tolist()
    [0, 0, 1, 1, -1]
    """
    price = prices(price_ticks, "price_ticks")
    moved = np.zeros(price.shape, dtype=np.int64)
    moved[1:] = np.sign(price[1:] - price[:-1])
    rows = np.arange(price.shape[0])
    last = np.maximum.accumulate(np.where(moved != 0, rows, 0)) if price.size else rows
    return moved[last]


def _met(price_ticks: Any, bid_ticks: Any, ask_ticks: Any) -> tuple[IntArray, IntArray, IntArray]:
    price = prices(price_ticks, "price_ticks")
    bid, ask = prices(bid_ticks, "bid_ticks"), prices(ask_ticks, "ask_ticks")
    same_length(price_ticks=price, bid_ticks=bid, ask_ticks=ask)
    return price, bid, ask


def quote_rule_sign(price_ticks: Any, bid_ticks: Any, ask_ticks: Any) -> IntArray:
    """Sign by the side of the mid: above = buy, below = sell, at it = 0.

    Lee and Ready (1991).

    Parameters
    ----------
    price_ticks, bid_ticks, ask_ticks : array-like of shape (n_trades,)
        The trade and the quote it met [ticks]; ``NO_PRICE`` = none.

    Returns
    -------
    ndarray of shape (n_trades,)
        +1, -1; 0 at the mid or without a two-sided quote. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import quote_rule_sign
    >>> quote_rule_sign([100, 101, 102], [100, 100, 100], [102, 102, 102]).tolist()
    [-1, 0, 1]
    """
    price, bid, ask = _met(price_ticks, bid_ticks, ask_ticks)
    both = (bid != NO_PRICE) & (ask != NO_PRICE) & (price != NO_PRICE)
    sign = np.zeros(price.shape, dtype=np.int64)
    sign[both] = np.sign(2 * price[both] - bid[both] - ask[both])
    return sign


def lee_ready_sign(price_ticks: Any, bid_ticks: Any, ask_ticks: Any) -> IntArray:
    """Quote rule, and at the mid the tick rule.

    Lee and Ready (1991). The five-second lag they advise belongs to tapes of their day;
    choose it when matching, with :func:`quote_at`.

    Parameters
    ----------
    price_ticks, bid_ticks, ask_ticks : array-like of shape (n_trades,)
        The trade and the quote it met [ticks], in time order.

    Returns
    -------
    ndarray of shape (n_trades,)
        +1, -1; 0 where both rules are silent. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import lee_ready_sign
    >>> lee_ready_sign([102, 101, 101], [100] * 3, [102] * 3).tolist()
    [1, -1, -1]
    """
    sign = quote_rule_sign(price_ticks, bid_ticks, ask_ticks)
    return np.where(sign != 0, sign, tick_rule_sign(price_ticks))


def emo_sign(price_ticks: Any, bid_ticks: Any, ask_ticks: Any) -> IntArray:
    """Buy at the ask, sell at the bid, elsewhere the tick rule.

    Ellis, Michaely and O'Hara (2000), "The accuracy of trade classification rules: evidence from
    Nasdaq", J. Financial and Quantitative Analysis 35.

    Parameters
    ----------
    price_ticks, bid_ticks, ask_ticks : array-like of shape (n_trades,)
        The trade and the quote it met [ticks], in time order.

    Returns
    -------
    ndarray of shape (n_trades,)
        +1, -1; 0 where the rules are silent; a locked quote is left to the tick rule. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import emo_sign
    >>> emo_sign([102, 101, 100], [100] * 3, [102] * 3).tolist()
    [1, -1, -1]
    """
    price, bid, ask = _met(price_ticks, bid_ticks, ask_ticks)
    two = (bid != NO_PRICE) & (ask != NO_PRICE) & (bid != ask)
    sign = tick_rule_sign(price)
    sign[two & (price == ask)] = 1
    sign[two & (price == bid)] = -1
    return sign


def clnv_sign(price_ticks: Any, bid_ticks: Any, ask_ticks: Any) -> IntArray:
    """Buy in the top 30 % of the spread, sell in the bottom 30 %, elsewhere the tick rule.

    Chakrabarty, Li, Nguyen and Van Ness (2007), "Trade classification algorithms for electronic
    communications network trades", J. Banking and Finance 31. Above the ask and below
    the bid they use the tick rule too. Compared as ``10 p >= 7 a + 3 b``, in integers.

    Parameters
    ----------
    price_ticks, bid_ticks, ask_ticks : array-like of shape (n_trades,)
        The trade and the quote it met [ticks], in time order.

    Returns
    -------
    ndarray of shape (n_trades,)
        +1, -1; 0 where the rules are silent. Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import clnv_sign
    >>> clnv_sign([107, 103, 105], [100] * 3, [110] * 3).tolist()
    [1, -1, 1]
    """
    price, bid, ask = _met(price_ticks, bid_ticks, ask_ticks)
    sign = tick_rule_sign(price)
    two = (bid != NO_PRICE) & (ask != NO_PRICE)
    two[two] &= bid[two] < ask[two]
    b, a, p = bid[two], ask[two], price[two]
    inside = sign[two]
    inside[(10 * p >= 7 * a + 3 * b) & (p <= a)] = 1
    inside[(10 * p <= 3 * a + 7 * b) & (p >= b)] = -1
    sign[two] = inside
    return sign


def bulk_volume_buys(
    price_change: Any, volume: Any, *, sigma: float | None = None, dof: float | None = None
) -> FloatArray:
    """Buy volume of each bar by bulk volume classification: ``V F(dp / sigma)``.

    Easley, Lopez de Prado and O'Hara (2012), "Flow toxicity and liquidity in a high-frequency
    world", Rev. Financial Studies 25; with Student's t of 0.25 degrees of freedom in
    their (2016) "Discerning information from trade data", J. Financial Economics 120.

    Parameters
    ----------
    price_change : array-like of shape (n_bars,)
        Last minus first (or previous) price of each bar, any unit.
    volume : array-like of shape (n_bars,)
        Volume of each bar, >= 0.
    sigma : float, optional
        Standard deviation of price changes in the same unit; default that of the sample
        (n - 1), which looks ahead: pass an earlier one in a walk-forward study.
    dof : float, optional
        Degrees of freedom of Student's t; default the normal distribution.

    Returns
    -------
    ndarray of shape (n_bars,)
        In [0, volume]; NaN where the price change or the volume is NaN, and everywhere when
        sigma is 0 or undefined (one bar). Cost O(n).

    Examples
    --------
    >>> from kimera.microstructure import bulk_volume_buys
    >>> bulk_volume_buys([0.0, 1.96], [10, 10], sigma=1.0).round(4).tolist()
    [5.0, 9.75]
    """
    change, traded = floats(price_change, "price_change"), floats(volume, "volume")
    same_length(price_change=change, volume=traded)
    if np.any(traded < 0):
        raise InputError("volume: expected >= 0, found a negative one")
    if dof is not None and not dof > 0:
        raise InputError(f"dof: expected > 0, found {dof}")
    valid = change[~np.isnan(change)]
    scale = sigma if sigma is not None else (valid.std(ddof=1) if valid.size > 1 else np.nan)
    if not scale > 0:
        return np.full(change.shape, np.nan)
    z = np.ascontiguousarray(change / scale)
    share = _native.normal_cdf(z) if dof is None else _native.student_t_cdf(z, dof)
    return np.asarray(traded * share)
