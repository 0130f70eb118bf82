"""What every registered codec must hold, each on a small file of its own format."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kimera.errors import InputError, KimeraError
from kimera.market import CODECS, Codec, open_tape, write_tape
from kimera.market.source import Source
from kimera.model import Kind, RecordArray, Side, empty_records

ROOT = Path(__file__).resolve().parents[2]
LOBSTER_STEM = "TEST_2012-06-21_34200000_57600000"


def lobster(folder: Path, data: Path) -> Path:
    messages = "".join(
        f"{34200 + i}.5,1,{i + 1},{i + 1},{1000000 - 100 * i},1\n" for i in range(40)
    )
    rows = "".join(
        f"1001000,5,1000000,1,1002000,5,{'-9999999999,0' if i == 0 else '999900,2'}\n"
        for i in range(40)
    )
    path = folder / "lobster.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{LOBSTER_STEM}_message_2.csv", messages)
        archive.writestr(f"{LOBSTER_STEM}_orderbook_2.csv", rows)
    return path


def binance(folder: Path, data: Path) -> Path:
    lines = ['{"lastUpdateId":1,"bids":[["9.9","1"],["9.8","2"]],"asks":[["10.1","3"]]}']
    for i in range(40):
        lines.append(
            f'{{"stream":"btcusdt@depth","data":{{"e":"depthUpdate","E":1700000000{i:03},'
            f'"s":"BTCUSDT","U":{i + 2},"u":{i + 2},"b":[["9.{i % 9}","{i}"]],"a":[]}}}}'
        )
        lines.append(
            f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1700000000{i:03},"s":"BTCUSDT",'
            f'"t":{i + 1},"p":"10.0","q":"{i + 1}","m":{"true" if i % 2 else "false"}}}}}'
        )
    path = folder / "lines.jsonl.gz"
    text = "".join(f"{1_700_000_000_000_000_000 + i} {line}\n" for i, line in enumerate(lines))
    path.write_bytes(gzip.compress(text.encode()))
    return path


def exchange_ws(folder: Path, data: Path) -> Path:
    lines = ["wss://ws-feed.pro.coinbase.com <-> 1618677816.8434298"]
    bids = json.dumps({"type": "snapshot", "product_id": "A-B", "bids": [["1.0", "2"]], "asks": []})
    lines.append(f"1618677817.0: {bids}")
    for i in range(40):
        change = {"type": "l2update", "product_id": "A-B", "time": "2021-04-17T16:43:37.1Z"}
        text = json.dumps(change | {"changes": [["buy", f"0.{i + 1}", f"{i}"]]})
        lines.append(f"1618677818.{i:06}: {text}")
    path = folder / "X.ws.0"
    path.write_text("\n".join(lines) + "\n")
    return path


def coinbase(folder: Path, data: Path) -> Path:
    levels = [[f"{100 - i}.5", f"0.{i + 1}", i + 1] for i in range(60)]
    book = {"product": "A-B", "level": 2, "captured_at": "2026-08-07T20:04:08Z", "sequence": 7}
    path = folder / "l2.json"
    path.write_text(json.dumps(book | {"bids": levels, "asks": []}, separators=(",", ":")))
    return path


def tardis(folder: Path, data: Path) -> Path:
    rows = ["exchange,symbol,timestamp,local_timestamp,id,side,price,amount"]
    rows += [
        f"x,{'AB'[i % 2]},{1000 + i},{2000 + i},{i},buy,{i + 1}.25,0.{i + 1}" for i in range(60)
    ]
    path = folder / "trades.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def quotes(folder: Path, data: Path) -> Path:
    rows = "".join(f"{14400000 + i},{491800 + i},300,P,2000,0\n" for i in range(60))
    path = folder / "aig_trade.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20131007_aig_Trade_Tick.csv", rows)
    return path


def copied(name: str, target: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, data: Path) -> Path:
        path = folder / target
        path.write_bytes(b"".join(Source(data / name).chunks())[:60_000])
        return path

    return make


def iex(folder: Path, data: Path) -> Path:
    """The first whole packets of a capture."""
    raw = b"".join(Source(data / "iex" / "TOPS16.pcap.gz").chunks())
    at = 24
    while at < 60_000:
        at += 16 + int.from_bytes(raw[at + 8 : at + 12], "little")
    path = folder / "tops.pcap"
    path.write_bytes(raw[:at])
    return path


def written(suffix: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, data: Path) -> Path:
        path = folder / f"own.{suffix}"
        write_tape(open_tape(tardis(folder, data)), path)
        return path

    return make


SAMPLES: dict[str, Callable[[Path, Path], Path]] = {
    "lobster": lobster,
    "dbn": copied("dbn_vectors/test_data.mbo.v3.dbn", "a.dbn"),
    "iex": iex,
    "binance": binance,
    "exchange-ws": exchange_ws,
    "coinbase": coinbase,
    "tardis": tardis,
    "quotes": quotes,
    "parquet": written("parquet"),
    "csv": written("csv"),
    "journal": written("journal"),
    "itch": copied("itch/first_1000_messages.itch50", "first_1000_messages.itch50"),
}
NEEDS_DATA = {"dbn", "iex", "itch"}


@pytest.fixture(params=CODECS, ids=lambda codec: codec.name)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Codec, Path]:
    codec: Codec = request.param
    data: Path = tmp_path
    if codec.name in NEEDS_DATA:
        data = request.getfixturevalue("market_data")
    return codec, SAMPLES[codec.name](tmp_path, data)


def records_of(path: Path, *, strict: bool = True, **options: str) -> RecordArray:
    batches = list(open_tape(path, strict=strict, **options).batches(64))
    return np.concatenate(batches) if batches else empty_records(0)


def test_every_codec_has_a_sample_and_no_name_twice() -> None:
    assert [codec.name for codec in CODECS] == list(dict.fromkeys(c.name for c in CODECS))
    assert {codec.name for codec in CODECS} == set(SAMPLES)


def test_codec_documents_itself(sample: tuple[Codec, Path]) -> None:
    codec, _ = sample
    module = codec.load()
    assert module.__doc__
    assert module.open_tape.__doc__
    assert module.recognise.__doc__
    assert hasattr(module, "write_tape") == codec.writes
    assert f"`{codec.name}`" in (ROOT / "docs" / "tapes.md").read_text()


def test_codec_recognises_its_own_files_only(sample: tuple[Codec, Path]) -> None:
    codec, path = sample
    assert [one.name for one in CODECS if one.load().recognise(Source(path))] == [codec.name]
    assert open_tape(path, strict=False).format == codec.name


def test_codec_gives_sound_records_twice_the_same(sample: tuple[Codec, Path]) -> None:
    _, path = sample
    tape = open_tape(path, strict=False)
    first, second = (
        [np.concatenate(batches).tobytes()] if (batches := list(tape.batches(100))) else []
        for _ in range(2)
    )
    assert first == second
    records = records_of(path, strict=False)
    if not len(records):
        assert sum(tape.counts.values()) > 0  # a tape of counted messages only
        return
    assert np.all(np.diff(records["ts_recv_ns"]) >= 0)
    assert np.all((records["kind"] >= Kind.DELTA) & (records["kind"] <= Kind.MARK))
    assert np.all(records["side"] <= Side.NONE)
    assert np.all(records["instrument_id"] >= 1)
    assert records["instrument_id"].max() <= len(tape.instruments)
    assert np.all((records["venue_id"] >= 1) & (records["venue_id"] <= len(tape.venues)))
    assert np.all(records["size_lots"] >= 0)


def test_codec_round_trip_through_parquet_is_exact(
    sample: tuple[Codec, Path], tmp_path: Path
) -> None:
    _, path = sample
    tape = open_tape(path, strict=False)
    whole = records_of(path, strict=False)
    assert write_tape(tape, tmp_path / "copy.parquet") == len(whole)
    back = open_tape(tmp_path / "copy.parquet")
    assert back.instruments == tape.instruments
    assert back.venues == tape.venues
    assert records_of(tmp_path / "copy.parquet").tobytes() == whole.tobytes()


def test_codec_unknown_option_is_named(sample: tuple[Codec, Path]) -> None:
    codec, path = sample
    with pytest.raises(InputError, match=f"format {codec.name}: option 'colour' is not known"):
        open_tape(path, colour="red")


def cut(path: Path, folder: Path, n_bytes: int) -> Path:
    """Copy a tape with its (last) file cut off."""
    if path.is_file():
        target = folder / path.name
        target.write_bytes(path.read_bytes()[:n_bytes])
        return target
    target = folder / path.name
    target.mkdir()
    files = sorted(one for one in path.iterdir() if one.is_file())
    for one in files:
        (target / one.name).write_bytes(one.read_bytes())
    largest = max(files, key=lambda one: one.stat().st_size)
    (target / largest.name).write_bytes(largest.read_bytes()[:n_bytes])
    return target


def test_codec_cut_anywhere_ends_in_one_error_or_a_count(
    sample: tuple[Codec, Path], tmp_path: Path
) -> None:
    codec, path = sample
    rng = np.random.default_rng(20)
    files = [path] if path.is_file() else [one for one in path.iterdir() if one.is_file()]
    size = max(one.stat().st_size for one in files)
    whole = records_of(path, strict=False)
    texts: list[str] = []
    for i, n_bytes in enumerate([0, 1, *rng.integers(2, size, 23).tolist()]):
        folder = tmp_path / str(i)
        folder.mkdir()
        target = cut(path, folder, n_bytes)
        for strict in (True, False):
            try:
                tape = open_tape(target, format=codec.name, strict=strict)
                n_records = sum(map(len, tape.batches()))
            except KimeraError as error:
                texts.append(str(error))
                continue
            assert n_records <= len(whole) + 1
            if strict:
                assert not set(tape.anomalies) - {"event_time_backwards", "pending_dropped"}
    assert all(text and "\n" not in text for text in texts), "one line each"


def test_codec_garbage_is_one_error_or_counted(sample: tuple[Codec, Path], tmp_path: Path) -> None:
    codec, path = sample
    if not path.is_file():
        pytest.skip("a folder is checked by its own room's tests")
    rng = np.random.default_rng(21)
    whole = bytearray(path.read_bytes())
    texts: list[str] = []
    for i in range(25):
        changed = bytearray(whole)
        for at in rng.integers(0, len(changed), 8):
            changed[at] = rng.integers(0, 256)
        folder = tmp_path / str(i)
        folder.mkdir()
        target = folder / path.name
        target.write_bytes(changed)
        for strict in (True, False):
            try:
                for _ in open_tape(target, format=codec.name, strict=strict).batches():
                    pass
            except KimeraError as error:
                texts.append(str(error))
    assert all(text and "\n" not in text for text in texts), "one line each"
