"""What the report says about fills and prices: plain functions from a run result to numbers.

Signs: a buy is +1, a sell -1. A *markout* is how much better than the fill price the mid is, in
the direction of the fill, some time later: ``sign x (mid(t + h) - price) / price``. At ``h = 0``
it is the spread captured; what is lost between 0 and ``h`` is adverse selection.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.market.stylised_facts import autocorrelation, excess_kurtosis
from kimera.model import NO_PRICE, Instrument, RecordArray, RecordFlag, Side
from kimera.system import RunResult, TopSamples

__all__ = [
    "FillStatistics",
    "MarkoutCurve",
    "ReturnFacts",
    "fill_statistics",
    "is_maker",
    "markout_curve",
    "mid_prices",
    "return_facts",
    "signs",
]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

Z95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


class MarkoutCurve(msgspec.Struct, frozen=True):
    """Mean markout at each horizon, with its 95 % confidence band.

    Attributes
    ----------
    horizons_ns : tuple of int
        0 first, then the run's horizons [ns].
    mean_bps, half_width_bps : tuple of float
        Mean over fills and half the width of the band [basis points of the fill price]; nan
        where no fill (or, for the band, only one) has a mid that late.
    counts : tuple of int
        Fills each mean is of.
    """

    horizons_ns: tuple[int, ...]
    mean_bps: tuple[float, ...]
    half_width_bps: tuple[float, ...]
    counts: tuple[int, ...]


class FillStatistics(msgspec.Struct, frozen=True):
    """What was traded in one instrument.

    Attributes
    ----------
    fills, maker_fills : int
    bought_lots, sold_lots, maker_lots : int
    traded_value : float
        Sum of price x size x multiplier (inverse: size x multiplier / price), in the currency
        that pays the instrument.
    vwap_buy, vwap_sell : float
        Volume-weighted prices [quote currency], nan without a fill on that side.
    """

    fills: int
    maker_fills: int
    bought_lots: int
    sold_lots: int
    maker_lots: int
    traded_value: float
    vwap_buy: float
    vwap_sell: float

    @property
    def lots(self) -> int:
        """Bought and sold [lots]."""
        return self.bought_lots + self.sold_lots

    @property
    def maker_share(self) -> float:
        """Share of the traded lots that rested in the book, nan without fills."""
        return self.maker_lots / self.lots if self.lots else math.nan


class ReturnFacts(msgspec.Struct, frozen=True):
    """How the mid of one instrument moved between samples.

    Attributes
    ----------
    returns_bps : ndarray of shape (n_samples - 1,)
        Log returns of the mid between neighbouring samples [bps], where both have one.
    sd_bps, excess_kurtosis : float
        Standard deviation [bps] and fourth standardised moment minus 3 (0 for a normal
        distribution); nan with fewer than 4 returns or without movement.
    acf, acf_absolute : ndarray of shape (n_lags,)
        Autocorrelation of returns and of their absolute values at lags 1, 2, ...
    """

    returns_bps: FloatArray
    sd_bps: float
    excess_kurtosis: float
    acf: FloatArray
    acf_absolute: FloatArray


def signs(fills: RecordArray) -> FloatArray:
    """Give +1 for our buys and -1 for our sells."""
    return np.where(fills["side"] == Side.BID, 1.0, -1.0)


def is_maker(fills: RecordArray) -> BoolArray:
    """Tell which fills found our order resting."""
    flagged: BoolArray = (fills["flags"] & RecordFlag.MAKER) != 0
    return flagged


def markout_curve(result: RunResult, select: BoolArray) -> MarkoutCurve:
    """Average the markouts of some fills.

    Parameters
    ----------
    result : RunResult
    select : ndarray of shape (n_fills,)
        Which fills to average.

    Returns
    -------
    MarkoutCurve
        Every fill weighs the same; a fill without a mid at a horizon is left out there.
    """
    fills = result.fills[select]
    mids2 = np.column_stack([result.fill_mids2[select], result.markout_mids2[select]])
    price = fills["price_ticks"].astype(np.float64)
    means, widths, counts = [], [], []
    for column in mids2.T:
        known = (column != NO_PRICE) & (price != 0)
        move = column[known] / 2.0 - price[known]
        bps = signs(fills)[known] * move / np.abs(price[known]) * 1e4
        counts.append(len(bps))
        means.append(float(bps.mean()) if len(bps) else math.nan)
        spread = float(bps.std(ddof=1)) if len(bps) > 1 else math.nan
        widths.append(Z95 * spread / math.sqrt(len(bps)) if len(bps) > 1 else math.nan)
    horizons = (0, *result.markout_horizons_ns)
    return MarkoutCurve(horizons, tuple(means), tuple(widths), tuple(counts))


def fill_statistics(instrument: Instrument, fills: RecordArray) -> FillStatistics:
    """Sum up the fills of one instrument.

    Parameters
    ----------
    instrument : Instrument
    fills : ndarray of shape (n_fills,)
        ``Report Filled`` records; those of other instruments are left out.
    """
    own = fills[fills["instrument_id"] == instrument.instrument_id]
    bought, maker = own["side"] == Side.BID, is_maker(own)
    lots = own["size_lots"]
    price = own["price_ticks"] * float(instrument.tick_size)
    size = lots * float(instrument.lot_size)
    unit = float(instrument.multiplier)
    value = size * unit / price if instrument.inverse else price * size * unit
    return FillStatistics(
        fills=len(own),
        maker_fills=int(maker.sum()),
        bought_lots=int(lots[bought].sum()),
        sold_lots=int(lots[~bought].sum()),
        maker_lots=int(lots[maker].sum()),
        traded_value=float(np.abs(value).sum()),
        vwap_buy=_average(price[bought], size[bought]),
        vwap_sell=_average(price[~bought], size[~bought]),
    )


def mid_prices(top: TopSamples, column: int, tick_size: float) -> FloatArray:
    """Mid of one instrument at every sample [quote currency], nan where a side was empty."""
    bid, ask = top.bid_ticks[:, column], top.ask_ticks[:, column]
    both = (bid != NO_PRICE) & (ask != NO_PRICE)
    mid = np.full(len(bid), np.nan)
    mid[both] = (bid[both] + ask[both]) / 2.0 * tick_size
    return mid


def return_facts(mid: FloatArray, n_lags: int = 20) -> ReturnFacts:
    """Describe how a mid moves from sample to sample.

    Parameters
    ----------
    mid : ndarray of shape (n_samples,)
        Prices; nan and prices <= 0 break the chain there.
    n_lags : int
        Lags of the autocorrelations, >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from kimera.desk.report.analysis import return_facts
    >>> round(return_facts(np.array([100.0, 101.0, 100.0, 101.0, 100.0])).acf[0], 2)
    -0.75
    """
    logs = np.log(np.where(mid > 0, mid, np.nan))
    moves = np.diff(logs) * 1e4
    moves = moves[np.isfinite(moves)]
    sd = float(moves.std(ddof=1)) if len(moves) > 3 else math.nan
    return ReturnFacts(
        moves,
        sd,
        excess_kurtosis(moves),
        autocorrelation(moves, n_lags),
        autocorrelation(np.abs(moves), n_lags),
    )


def _average(values: FloatArray, weights: FloatArray) -> float:
    total = float(weights.sum())
    return float((values * weights).sum()) / total if total > 0 else math.nan
