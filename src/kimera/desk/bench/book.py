"""Order books on a generated market: by order, by order with many resting orders, by price.

The plain book beside ours is the simplest fast one (an array by price, an open-addressing table by
id, no checks, no bounds). Both read the best prices after every event and fold them into a
digest; digests that differ stop the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import numpy as np
import numpy.typing as npt

from kimera._native import bench as _native
from kimera.desk.bench import Measurement, Profile, interleave, rate_of

__all__ = ["measure"]

_Bytes = npt.NDArray[np.uint8]
_PLAIN: Final = "plain array + table"
_RECORD_BYTES: Final = 64
_Run = Callable[[_Bytes], tuple[float, int, int]]
_L3: Final = (_native.run_l3, _native.run_plain_l3)
_L2: Final = (_native.run_l2, _native.run_plain_l2)


def measure(profile: Profile) -> list[Measurement]:
    """Measure the books [M events/s]."""
    n = profile.events(1_000_000)
    by_order, by_price = _native.book_workload(n, 7, 2_000, 200)
    many, _ = _native.book_workload(max(n, 500_000), 7, 50_000, 2_000)
    rows = [
        _compare("L3, 2 k resting", by_order, _L3, 30, profile),
        _compare("L3, 32 k resting", many, _L3, 20, profile),
        _compare("L2 levels", by_price, _L2, 90, profile),
    ]
    peer = _hftbacktest(by_price)
    if peer is not None:
        rows.append(_against(by_price, peer, profile))
    return rows


def _rate(run: _Run, data: _Bytes) -> float:
    seconds, _, n_errors = run(data)
    if n_errors:
        raise RuntimeError(f"the book refused {n_errors} records of a legal stream")
    return len(data) / _RECORD_BYTES / seconds / 1e6


def _compare(
    name: str, data: _Bytes, runs: tuple[_Run, _Run], target: float, profile: Profile
) -> Measurement:
    ours, plain = runs
    if ours(data)[1] != plain(data)[1]:
        raise RuntimeError(f"{name}: the two books do not agree")
    turns = interleave(
        {"ours": lambda: _rate(ours, data), _PLAIN: lambda: _rate(plain, data)},
        rounds=profile.rounds,
    )
    return Measurement(
        area="book",
        name=f"{name}, best prices read",
        value=turns.median("ours"),
        unit="M events/s",
        target=target,
        peer=_PLAIN,
        peer_value=turns.median(_PLAIN),
        ratio=turns.ratio("ours", _PLAIN),
        runs=profile.rounds,
    )


def _against(data: _Bytes, peer: Callable[[], object], profile: Profile) -> Measurement:
    n = len(data) // _RECORD_BYTES
    name = f"hftbacktest {version('hftbacktest')}"
    turns = interleave(
        {"ours": lambda: _rate(_native.run_l2, data), name: lambda: rate_of(peer, n) / 1e6},
        rounds=profile.rounds,
    )
    return Measurement(
        area="book",
        name="L2 levels, the same stream in a backtest's depth",
        value=turns.median("ours"),
        unit="M events/s",
        peer=name,
        peer_value=turns.median(name),
        ratio=turns.ratio("ours", name),
        runs=profile.rounds,
    )


def _hftbacktest(data: _Bytes) -> Callable[[], object] | None:
    """Make a run of hftbacktest's local depth over the levels; None where it is not installed."""
    try:
        import hftbacktest as hbt
        from hftbacktest.types import event_dtype
    except ImportError:
        return None
    from kimera.model import RECORD

    records = data.view(RECORD)
    events = np.zeros(len(records), dtype=event_dtype)
    side = np.where(records["side"] == 0, hbt.BUY_EVENT, hbt.SELL_EVENT)
    # Rows for the local side only: its depth is what is measured.
    events["ev"] = side | hbt.DEPTH_EVENT | hbt.LOCAL_EVENT
    events["exch_ts"] = records["ts_event_ns"]
    events["local_ts"] = records["ts_event_ns"] + 1
    events["px"] = records["price_ticks"]
    events["qty"] = records["size_lots"]

    def run() -> object:
        asset = (
            hbt.BacktestAsset()
            .data(events)
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(1.0)
            .lot_size(1.0)
            .roi_lb(float(records["price_ticks"].min() - 1))
            .roi_ub(float(records["price_ticks"].max() + 1))
        )
        engine = hbt.ROIVectorMarketDepthBacktest([asset])
        return engine.elapse(int(events["local_ts"][-1]))

    return run
