"""Stylised facts: the statistics that tell a market from a random walk.

Plain functions on arrays, each with its unit and source, and :func:`summarise`, which puts them
together for one instrument. They take what any tape gives, so that a simulated market stands
beside real ones under the same measure.

Sources
-------
Cont, "Empirical properties of asset returns: stylized facts and statistical issues",
Quantitative Finance 1 (2001) 223 [C]; Bouchaud, Bonart, Donier, Gould, "Trades, Quotes and
Prices", Cambridge (2018) [TQP]; Lillo and Farmer, "The long memory of the efficient market",
Studies in Nonlinear Dynamics & Econometrics 8 (2004) [LF]; Hill, Annals of Statistics 3 (1975)
1163 [H]; Epps, JASA 74 (1979) 291 [E]; Lillo, Farmer, Mantegna, Nature 421 (2003) 129 [LFM].
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kimera.errors import InputError

__all__ = [
    "StylisedFacts",
    "TopOfBook",
    "Trades",
    "aggregate_trades",
    "autocorrelation",
    "correlation_by_step",
    "excess_kurtosis",
    "fano_factor",
    "hill_exponent",
    "impact_curve",
    "interarrival_cv",
    "log_log_slope",
    "log_returns",
    "sample_last",
    "summarise",
    "time_weighted_mean",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SECOND_NS = 1_000_000_000
_BP = 1e4


class TopOfBook(msgspec.Struct, frozen=True):
    """Best bid and ask after each change.

    Attributes
    ----------
    ts_ns : ndarray of shape (n_changes,)
        Times [ns], not decreasing.
    bid, ask : ndarray of shape (n_changes,)
        Best prices, any unit, > 0, bid < ask.
    bid_size, ask_size : ndarray of shape (n_changes,)
        Sizes at them, any unit.
    """

    ts_ns: Ints
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats

    @property
    def mid(self) -> Floats:
        """Midpoint, in the unit of the prices."""
        return (self.bid + self.ask) / 2

    @property
    def spread_bp(self) -> Floats:
        """Spread over mid [bp]."""
        return _BP * (self.ask - self.bid) / self.mid


class Trades(msgspec.Struct, frozen=True):
    """Executions, one row each.

    Attributes
    ----------
    ts_ns : ndarray of shape (n_trades,)
        Times [ns], not decreasing.
    price, size : ndarray of shape (n_trades,)
        In the units of the tape.
    sign : ndarray of shape (n_trades,)
        +1 where the taker bought, -1 where it sold.
    """

    ts_ns: Ints
    price: Floats
    size: Floats
    sign: Floats


class StylisedFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`summarise` found; NaN where the tape is too short to say.

    Attributes
    ----------
    duration_s : float
        Length of the tape [s].
    quotes_hz, trades_hz, orders_hz : float
        Changes of the top, executions, and taker orders (executions of one time and side) [1/s].
    spread_mean_bp, spread_median_bp : float
        Weighted by time [bp].
    volatility_1s_bp : float
        Standard deviation of 1 s returns [bp].
    kurtosis_1s, kurtosis_10s : float
        Excess kurtosis of returns; 0 for a Gaussian [C, no. 2 and 4].
    hill_1s : float
        Tail exponent of absolute 1 s returns [H]; real markets 2 to 5 [C, no. 2].
    return_acf : ndarray of shape (10,)
        Of 1 s returns, lags 1 to 10; near 0 [C, no. 1].
    abs_return_acf : ndarray of shape (50,)
        Of absolute 1 s returns; positive, slowly decaying [C, no. 6 and 8].
    sign_acf : ndarray of shape (100,)
        Of the signs of taker orders, lags 1 to 100; long memory [LF].
    sign_memory_exponent : float
        g in sign_acf ~ lag^-g; between 0 and 1 is long memory [LF].
    fano_1s, fano_10s : float
        Variance over mean of the taker orders counted per window; 1 for a Poisson process.
    interarrival_cv : float
        Standard deviation over mean of the times between taker orders; 1 for Poisson.
    impact_exponent : float
        d in (mid change after a taker order) ~ size^d; below 1 is concave [LFM].
    """

    duration_s: float
    quotes_hz: float
    trades_hz: float
    orders_hz: float
    spread_mean_bp: float
    spread_median_bp: float
    volatility_1s_bp: float
    kurtosis_1s: float
    kurtosis_10s: float
    hill_1s: float
    return_acf: Floats
    abs_return_acf: Floats
    sign_acf: Floats
    sign_memory_exponent: float
    fano_1s: float
    fano_10s: float
    interarrival_cv: float
    impact_exponent: float


def sample_last(ts_ns: Ints, values: Floats, step_ns: int) -> Floats:
    """Sample a step function on a regular grid: the last value at or before each time.

    Parameters
    ----------
    ts_ns : ndarray of shape (n,)
        Times of change [ns], not decreasing.
    values : ndarray of shape (n,)
        Value from that time on.
    step_ns : int
        Spacing of the grid [ns], > 0; it begins at the first change.

    Returns
    -------
    ndarray of shape (1 + floor(duration / step),)
    """
    if step_ns <= 0:
        raise InputError(f"step_ns must be above 0, was {step_ns}")
    if len(ts_ns) == 0:
        return np.empty(0)
    grid = np.arange(ts_ns[0], ts_ns[-1] + 1, step_ns)
    sampled: Floats = values[np.searchsorted(ts_ns, grid, side="right") - 1]
    return sampled


def log_returns(ts_ns: Ints, price: Floats, step_ns: int) -> Floats:
    """Return log returns over consecutive windows of `step_ns` [pure number]."""
    return np.diff(np.log(sample_last(ts_ns, price, step_ns)))


def excess_kurtosis(returns: Floats) -> float:
    """Return the excess kurtosis (0 for a Gaussian); NaN below 4 values or without variance."""
    if len(returns) < 4:
        return float("nan")
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance == 0.0:
        return float("nan")
    return float(np.mean(centred**4)) / variance**2 - 3.0


def hill_exponent(values: Floats, tail_frac: float = 0.05) -> float:
    """Estimate the exponent a of a tail P(|x| > y) ~ y^-a [H].

    Parameters
    ----------
    values : ndarray of shape (n,)
        Observations of either sign.
    tail_frac : float
        Share of the largest absolute values that counts as the tail, in (0, 0.5].

    Returns
    -------
    float
        NaN when the tail holds fewer than 5 values.
    """
    if not 0 < tail_frac <= 0.5:
        raise InputError(f"tail_frac must be in (0, 0.5], was {tail_frac}")
    sizes = np.sort(np.abs(values))[::-1]
    n_tail = int(len(sizes) * tail_frac)
    if n_tail < 5 or sizes[n_tail] <= 0:
        return float("nan")
    return float(1.0 / np.mean(np.log(sizes[:n_tail] / sizes[n_tail])))


def autocorrelation(series: Floats, max_lag: int) -> Floats:
    """Return the autocorrelation at lags 1 to `max_lag`; NaN where the series is too short.

    Computed by FFT in O(n log n), with the biased normalisation (divisor n at every lag).
    """
    n = len(series)
    acf = np.full(max_lag, np.nan)
    if n < 3:
        return acf
    centred = series - series.mean()
    power = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariance = np.fft.irfft(power)[: max_lag + 1]
    if covariance[0] <= 0:
        return acf
    known = min(max_lag, n - 1)
    acf[:known] = covariance[1 : known + 1] / covariance[0]
    return acf


def fano_factor(ts_ns: Ints, window_ns: int) -> float:
    """Return variance over mean of the event counts in windows; 1 for Poisson, NaN below 2."""
    if len(ts_ns) == 0:
        return float("nan")
    n_windows = int((ts_ns[-1] - ts_ns[0]) // window_ns)
    if n_windows < 2:
        return float("nan")
    index = (ts_ns - ts_ns[0]) // window_ns
    counts = np.bincount(index[index < n_windows], minlength=n_windows)
    return float(counts.var() / counts.mean())


def interarrival_cv(ts_ns: Ints) -> float:
    """Return the coefficient of variation of the times between events; 1 for Poisson."""
    gaps = np.diff(ts_ns)
    if len(gaps) < 2 or gaps.mean() == 0:
        return float("nan")
    return float(gaps.std() / gaps.mean())


def log_log_slope(x: Floats, y: Floats) -> float:
    """Fit y ~ x^slope by least squares of logarithms; rows with x or y <= 0 are left out."""
    usable = (x > 0) & (y > 0) & np.isfinite(x) & np.isfinite(y)
    if usable.sum() < 3:
        return float("nan")
    return float(np.polyfit(np.log(x[usable]), np.log(y[usable]), 1)[0])


def time_weighted_mean(ts_ns: Ints, values: Floats) -> float:
    """Average a step function over time; the last value has no duration and does not count."""
    durations = np.diff(ts_ns)
    if durations.sum() == 0:
        return float("nan")
    return float(np.average(values[:-1], weights=durations))


def _time_weighted_median(ts_ns: Ints, values: Floats) -> float:
    durations = np.diff(ts_ns)
    if durations.sum() == 0:
        return float("nan")
    order = np.argsort(values[:-1], kind="stable")
    weight = np.cumsum(durations[order])
    return float(values[:-1][order][np.searchsorted(weight, weight[-1] / 2)])


def correlation_by_step(
    first: tuple[Ints, Floats], second: tuple[Ints, Floats], steps_ns: list[int]
) -> Floats:
    """Correlate the returns of two prices at several sampling steps (the Epps effect [E]).

    Parameters
    ----------
    first, second : (ts_ns, price)
        Two step functions, as for :func:`sample_last`.
    steps_ns : list of int
        Sampling steps [ns].

    Returns
    -------
    ndarray of shape (n_steps,)
        Correlations over the common time; NaN where fewer than 3 returns exist.
    """
    begin = max(first[0][0], second[0][0])
    end = min(first[0][-1], second[0][-1])
    out = np.full(len(steps_ns), np.nan)
    for i, step_ns in enumerate(steps_ns):
        grid = np.arange(begin, end + 1, step_ns)
        if len(grid) < 4:
            continue
        returns = [
            np.diff(np.log(price[np.searchsorted(ts, grid, side="right") - 1]))
            for ts, price in (first, second)
        ]
        if returns[0].std() > 0 and returns[1].std() > 0:
            out[i] = np.corrcoef(returns[0], returns[1])[0, 1]
    return out


def aggregate_trades(trades: Trades) -> Trades:
    """Join neighbouring executions of one time and one side into taker orders.

    The price is that of the last execution, the size the sum.
    """
    n = len(trades.ts_ns)
    if n == 0:
        return trades
    same = (np.diff(trades.ts_ns) == 0) & (np.diff(trades.sign) == 0)
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    last = np.concatenate([first[1:], [n]]) - 1
    return Trades(
        ts_ns=trades.ts_ns[first],
        price=trades.price[last],
        size=np.add.reduceat(trades.size, first),
        sign=trades.sign[first],
    )


def impact_curve(
    top: TopOfBook, orders: Trades, *, delay_ns: int = _SECOND_NS // 10, n_bins: int = 12
) -> tuple[Floats, Floats]:
    """Average the signed move of the mid after taker orders, by their size [LFM].

    Parameters
    ----------
    top : TopOfBook
        Quotes on the same clock as the orders.
    orders : Trades
        Taker orders, as from :func:`aggregate_trades`.
    delay_ns : int
        The mid is compared from just before the order to this much after it [ns].
    n_bins : int
        Bins of equal count in size.

    Returns
    -------
    size, impact_bp : ndarray of shape (n_bins_with_data,)
        Mean size of the bin and mean signed move [bp].
    """
    before = np.searchsorted(top.ts_ns, orders.ts_ns, side="left") - 1
    after = np.searchsorted(top.ts_ns, orders.ts_ns + delay_ns, side="right") - 1
    usable = before >= 0
    mid = np.log(top.mid)
    move = _BP * orders.sign[usable] * (mid[after[usable]] - mid[before[usable]])
    size = orders.size[usable]
    if len(size) < 2 * n_bins:
        return np.empty(0), np.empty(0)
    edges = np.unique(np.quantile(size, np.linspace(0, 1, n_bins + 1)))
    if len(edges) < 2:  # one size only: no curve
        return np.empty(0), np.empty(0)
    index = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(index, minlength=len(edges) - 1)
    filled = counts > 0
    mean_size = np.bincount(index, size, minlength=len(counts))[filled] / counts[filled]
    mean_move = np.bincount(index, move, minlength=len(counts))[filled] / counts[filled]
    return mean_size, mean_move


def _sign_memory_exponent(acf: Floats) -> float:
    lags = np.arange(1, len(acf) + 1, dtype=np.float64)
    return -log_log_slope(lags[1:], acf[1:])


def summarise(top: TopOfBook, trades: Trades) -> StylisedFacts:
    """Compute the facts of one instrument at one venue.

    Parameters
    ----------
    top : TopOfBook
        At least two changes.
    trades : Trades
        Executions on the same clock; may be empty.

    Returns
    -------
    StylisedFacts

    Raises
    ------
    InputError
        If there are fewer than two changes of the top.
    """
    if len(top.ts_ns) < 2:
        raise InputError(f"stylised facts need 2 or more top-of-book changes, got {len(top.ts_ns)}")
    duration_s = float(top.ts_ns[-1] - top.ts_ns[0]) / _SECOND_NS
    returns = log_returns(top.ts_ns, top.mid, _SECOND_NS)
    orders = aggregate_trades(trades)
    sign_acf = autocorrelation(orders.sign, 100)
    common: dict[str, Any] = {
        "duration_s": duration_s,
        "quotes_hz": len(top.ts_ns) / duration_s,
        "trades_hz": len(trades.ts_ns) / duration_s,
        "orders_hz": len(orders.ts_ns) / duration_s,
    }
    return StylisedFacts(
        **common,
        spread_mean_bp=time_weighted_mean(top.ts_ns, top.spread_bp),
        spread_median_bp=_time_weighted_median(top.ts_ns, top.spread_bp),
        volatility_1s_bp=_BP * float(returns.std()) if len(returns) > 1 else float("nan"),
        kurtosis_1s=excess_kurtosis(returns),
        kurtosis_10s=excess_kurtosis(log_returns(top.ts_ns, top.mid, 10 * _SECOND_NS)),
        hill_1s=hill_exponent(returns),
        return_acf=autocorrelation(returns, 10),
        abs_return_acf=autocorrelation(np.abs(returns), 50),
        sign_acf=sign_acf,
        sign_memory_exponent=_sign_memory_exponent(sign_acf),
        fano_1s=fano_factor(orders.ts_ns, _SECOND_NS),
        fano_10s=fano_factor(orders.ts_ns, 10 * _SECOND_NS),
        interarrival_cv=interarrival_cv(orders.ts_ns),
        impact_exponent=log_log_slope(*impact_curve(top, orders)),
    )
