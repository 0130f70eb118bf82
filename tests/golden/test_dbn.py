"""What the data's own checks say, and the library's own objects, judge the DBN codec."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kimera.errors import FormatError
from kimera.market import open_tape
from kimera.market.source import Source
from kimera.model import NO_PRICE, Action, Kind, RecordArray, RecordFlag, Side

dbn = pytest.importorskip("databento_dbn")

ES = "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
MBP = "futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst"
TRADES = "futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst"


def all_records(path: Path, **options: Any) -> RecordArray:
    return np.concatenate(list(open_tape(path, **options).batches()))


def library_records(path: Path) -> list[Any]:
    decoder = dbn.DBNDecoder()
    raw = b"".join(Source(path).chunks())
    return [m for m in decoder.write_and_decode(raw) if not isinstance(m, dbn.Metadata)]


def test_es_book_ends_where_the_data_say(market_data: Path) -> None:
    records = all_records(market_data / "cme_databento" / ES)
    assert len(records) == 68_792
    actions = {a: int(np.count_nonzero(records["action"] == a)) for a in Action}
    assert actions[Action.ADD] == 29_216
    assert actions[Action.CANCEL] == 17_999
    assert actions[Action.MODIFY] == 12_233
    assert actions[Action.FILL] == 6_371
    assert actions[Action.TRADE] == 2_973
    orders: dict[int, tuple[int, int, int]] = {}
    totals: tuple[dict[int, int], dict[int, int]] = ({}, {})
    crossed = ends = 0

    def add(order: tuple[int, int, int], sign: int) -> None:
        side, price, size = order
        left = totals[side].get(price, 0) + sign * size
        if left:
            totals[side][price] = left
        else:
            del totals[side][price]

    fields = ["action", "order_id", "side", "price_ticks", "size_lots", "flags"]
    for record in records[fields]:
        action, order_id, side, price, size, flags = record.item()
        if action == Action.ADD:
            assert order_id not in orders
            orders[order_id] = (side, price, size)
            add(orders[order_id], 1)
        elif action in {Action.CANCEL, Action.MODIFY}:
            add(orders[order_id], -1)
            old = orders.pop(order_id)
            left = old[2] - size if action == Action.CANCEL else size
            assert left >= 0
            if left:
                orders[order_id] = (old[0], old[1] if action == Action.CANCEL else price, left)
                add(orders[order_id], 1)
        if flags & RecordFlag.LAST and not flags & RecordFlag.SNAPSHOT:
            ends += 1
            crossed += bool(totals[0] and totals[1] and max(totals[0]) >= min(totals[1]))
    assert len(orders) == 11_217
    tick = 0.25
    best = max(totals[Side.BID]), min(totals[Side.ASK])
    assert (best[0] * tick, totals[Side.BID][best[0]]) == (4810.00, 22)
    assert (best[1] * tick, totals[Side.ASK][best[1]]) == (4810.25, 28)
    assert (crossed, ends) == (891, 47_022)


def test_trades_of_the_top_of_book_equal_the_trades_file(market_data: Path) -> None:
    tops = all_records(market_data / "cme_databento" / MBP)
    trades = all_records(market_data / "cme_databento" / TRADES)
    fields = ["ts_event_ns", "ts_recv_ns", "price_ticks", "size_lots", "side", "sequence"]
    inside = tops[tops["action"] == Action.TRADE][fields]
    assert len(trades) == 120
    assert inside.tolist() == trades[fields].tolist()


def test_top_of_book_equals_the_objects_of_the_library(market_data: Path) -> None:
    path = market_data / "cme_databento" / MBP
    records = all_records(path)
    quotes = records[records["kind"] == Kind.QUOTE]
    expected = []
    for m in library_records(path):
        level = m.levels[0]
        for side, price, size in ((0, level.bid_px, level.bid_sz), (1, level.ask_px, level.ask_sz)):
            ticks = NO_PRICE if price == dbn.UNDEF_PRICE else price // 250_000_000
            expected.append((m.ts_event, m.ts_recv, side, ticks, size))
    fields = ["ts_event_ns", "ts_recv_ns", "side", "price_ticks", "size_lots"]
    assert quotes[fields].tolist() == expected


def test_definitions_give_tick_and_worth(market_data: Path) -> None:
    folder = market_data / "cme_databento"
    tape = open_tape(folder / TRADES, definitions=folder / "futures_definition.dbn.zst")
    es = next(one for one in tape.instruments if one.symbol == "ESU4")
    assert (str(es.tick_size), str(es.multiplier), es.quote) == ("0.25", "50", "USD")


def test_every_version_gives_the_same_records(market_data: Path) -> None:
    folder = market_data / "dbn_vectors"
    names = ("mbo.v1.dbn.zst", "mbo.v2.dbn.zst", "mbo.v3.dbn.zst", "mbo.v3.dbn")
    versions = [all_records(folder / f"test_data.{name}").tobytes() for name in names]
    assert len(set(versions)) == 1
    first = library_records(folder / "test_data.mbo.v3.dbn")[0]
    record = all_records(folder / "test_data.mbo.v3.dbn")[0]
    assert record["order_id"] == first.order_id
    assert record["ts_recv_ns"] == first.ts_recv
    assert record["size_lots"] == first.size


def test_every_vector_opens_and_what_has_no_record_is_counted(market_data: Path) -> None:
    for path in sorted((market_data / "dbn_vectors").glob("*.zst")):
        tape = open_tape(path)
        for _ in tape.batches():
            pass
        assert sum(tape.counts.values()) >= 2, path.name
        assert not tape.anomalies, path.name


def test_file_cut_inside_a_record_says_where(market_data: Path, tmp_path: Path) -> None:
    whole = (market_data / "dbn_vectors" / "test_data.mbo.v3.dbn").read_bytes()
    (tmp_path / "cut.dbn").write_bytes(whole[:-10])
    with pytest.raises(FormatError, match=r"offset 416: expected a whole record, found 46 bytes"):
        all_records(tmp_path / "cut.dbn")
    tape = open_tape(tmp_path / "cut.dbn", strict=False)
    assert sum(map(len, tape.batches())) == 1
    assert tape.anomalies == {"truncated": 1}
