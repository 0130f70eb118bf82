import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kimera.errors import FormatError
from kimera.market import open_tape
from kimera.model import Action, RecordArray, Side

BITMEX = "wss://www.bitmex.com/realtime <-> 1626993367.388005"
LEVEL: dict[str, Any] = {"symbol": "XBTUSD", "id": 7, "side": "Sell"}
PARTIAL = {
    "table": "orderBookL2",
    "action": "partial",
    "filter": {"symbol": "XBTUSD"},
    "data": [LEVEL | {"size": 10, "price": 32000.5}],
}


def recording(folder: Path, first: str, messages: list[Any]) -> Path:
    lines = [f"1626993368.{i:06}: {json.dumps(m)}" for i, m in enumerate(messages)]
    path = folder / "X.ws.0"
    path.write_text("\n".join([first, *lines]) + "\n")
    return path


def all_records(path: Path, *, strict: bool = True) -> RecordArray:
    return np.concatenate(list(open_tape(path, strict=strict).batches()))


def update(action: str, **fields: Any) -> dict[str, Any]:
    return {"table": "orderBookL2", "action": action, "data": [LEVEL | fields]}


def test_bitmex_level_ids_become_prices(tmp_path: Path) -> None:
    messages = [PARTIAL, update("update", size=4), update("delete")]
    records = all_records(recording(tmp_path, BITMEX, messages))
    assert records["action"].tolist() == [Action.CLEAR] + [Action.LEVEL] * 3
    assert records["price_ticks"][1:].tolist() == [320005] * 3
    assert records["size_lots"].tolist() == [0, 10, 4, 0]


def test_bitmex_level_that_changes_side_leaves_the_old_one(tmp_path: Path) -> None:
    messages = [PARTIAL, update("update", size=4, side="Buy")]
    records = all_records(recording(tmp_path, BITMEX, messages))
    assert records["side"][2:].tolist() == [Side.ASK, Side.BID]
    assert records["size_lots"][2:].tolist() == [0, 4]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (update("delete", id=8), "bad_number"),
        (update("update", size=-4), "bad_number"),
        (update("insert", symbol="NEW"), "malformed"),
        ({"table": "unheard", "action": "insert", "data": []}, "bad_number"),
        ([1, 2], "malformed"),
    ],
)
def test_bad_message_is_one_error_or_one_count(tmp_path: Path, message: Any, name: str) -> None:
    path = recording(tmp_path, BITMEX, [PARTIAL, message])
    with pytest.raises(FormatError, match="row 3: expected a message"):
        all_records(path)
    tape = open_tape(path, strict=False)
    assert sum(map(len, tape.batches())) == 2
    assert tape.anomalies == {name: 1}


def test_line_that_is_no_message_is_named(tmp_path: Path) -> None:
    path = recording(tmp_path, BITMEX, [PARTIAL])
    path.write_text(path.read_text() + "what is this\n")
    with pytest.raises(FormatError, match="row 3: expected time: message, found 'what is this'"):
        all_records(path)
