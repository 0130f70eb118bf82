from enum import IntEnum

import numpy as np
import pytest

from kimera import model
from kimera._native import model as native


def test_record_dtype_covers_every_byte_once() -> None:
    covered = np.zeros(model.RECORD.itemsize, dtype=int)
    fields = model.RECORD.fields
    assert fields is not None
    for dtype, offset, *_ in fields.values():
        covered[offset : offset + dtype.itemsize] += 1
    assert model.RECORD.itemsize == 64
    assert (covered == 1).all()


@pytest.mark.parametrize(("name", "members"), native.enumerations())
def test_enumeration_equals_the_native_one(name: str, members: list[tuple[str, int]]) -> None:
    def key(text: str) -> str:
        return text.replace("_", "").lower()

    enum: type[IntEnum] = getattr(model, name)
    ours = {key(name): int(member) for name, member in enum.__members__.items()}
    if name == "OrderOption":
        ours.pop("none", None)
    assert ours == {key(member): value for member, value in members}


def test_empty_records_are_aligned_and_unset() -> None:
    records = model.empty_records(5)
    assert records.ctypes.data % 64 == 0
    assert (records["ts_event_ns"] == model.NO_TIME).all()
    assert (records["price_ticks"] == model.NO_PRICE).all()
    assert len(model.empty_records(0)) == 0


def test_records_from_bytes_is_a_view_and_refuses_half_a_record() -> None:
    buffer = bytearray(128)
    records = model.records_from_bytes(buffer)
    buffer[0] = 7
    assert records["ts_event_ns"][0] == 7
    with pytest.raises(ValueError, match="buffer size"):
        model.records_from_bytes(b"x" * 65)
