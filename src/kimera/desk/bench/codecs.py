"""Codecs: recorded text and captures to records, from plain files in the page cache.

The workloads are made here, with the shares and lengths of real recordings: Binance lines (68 %
book tickers, 24 % trades, 8 % depth changes of 20 levels), CSV trades, IEX TOPS quotes in pcap.
What is timed is the second pass, from the file to record arrays; opening (the first pass, which
finds symbols and units) is its own row.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from kimera.desk.bench import Measurement, Profile, interleave, rate_of
from kimera.market import open_tape
from kimera.market.csv_tape import Columns, CsvKind, TimeUnit

__all__ = ["measure"]

_LINES = 400_000
_START_NS = 1_723_161_253_937_085_768


def measure(profile: Profile) -> list[Measurement]:
    """Measure the codecs; peers read the same files in the same turns."""
    n_lines = profile.events(_LINES)
    with tempfile.TemporaryDirectory() as folder:
        return [
            *_binance(Path(folder), n_lines, profile.rounds),
            *_csv(Path(folder), n_lines * 2, profile.rounds),
            *_iex(Path(folder), n_lines * 2, profile.rounds),
        ]


def _read(path: Path, **options: object) -> Callable[[], None]:
    tape = open_tape(path, **options)  # type: ignore[arg-type]

    def work() -> None:
        for _ in tape.batches():
            pass

    return work


def _row(name: str, value: float, runs: int, **more: object) -> Measurement:
    return Measurement(
        area="codecs",
        name=name,
        value=value / 1e6,
        unit="M/s",
        runs=runs,
        **more,  # type: ignore[arg-type]
    )


def binance_lines(path: Path, n_lines: int, seed: int = 5) -> None:
    """Write lines of a spot recording: a snapshot, then tickers, trades and depth changes."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(3, n_lines, p=(0.68, 0.24, 0.08))
    ticks = 6_100_000 + np.cumsum(rng.integers(-3, 4, n_lines))
    sizes = rng.integers(1, 900_000, (n_lines, 2))
    shifts = rng.integers(1, 5_000, (n_lines, 20))
    with path.open("w") as file:
        file.write(
            f'{_START_NS} {{"lastUpdateId":1,"bids":[["61000.00000000","1.00000000"]],"asks":[]}}\n'
        )
        update = 1
        for i in range(n_lines):
            price, (bid, ask) = int(ticks[i]), (f"{s / 1e5:.8f}" for s in sizes[i])
            file.write(f"{_START_NS + 1000 * i} ")
            if kinds[i] == 0:
                file.write(
                    f'{{"stream":"btcusdt@bookTicker","data":{{"u":{update},"s":"BTCUSDT",'
                    f'"b":"{price / 100:.8f}","B":"{bid}","a":"{(price + 1) / 100:.8f}",'
                    f'"A":"{ask}"}}}}\n'
                )
            elif kinds[i] == 1:
                file.write(
                    f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161255343,'
                    f'"s":"BTCUSDT","t":{i},"p":"{price / 100:.8f}","q":"{bid}",'
                    f'"T":1723161255342,"m":{"true" if price & 1 else "false"},"M":true}}}}\n'
                )
            else:
                update += 1
                texts = [f'["{(price - s) / 100:.8f}","{bid}"]' for s in shifts[i].tolist()]
                file.write(
                    f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate",'
                    f'"E":1723161255308,"s":"BTCUSDT","U":{update},"u":{update},'
                    f'"b":[{",".join(texts[:10])}],"a":[{",".join(texts[10:])}]}}}}\n'
                )


def _binance(folder: Path, n_lines: int, rounds: int) -> list[Measurement]:
    path = folder / "lines.jsonl"
    binance_lines(path, n_lines)

    def parse(decode: Callable[[bytes], object]) -> None:
        with path.open("rb") as file:
            for line in file:
                decode(line[20:])

    ours = _read(path)
    found = interleave(
        {
            "ours": lambda: rate_of(ours, n_lines),
            "open": lambda: rate_of(lambda: open_tape(path), n_lines),
            "msgspec": lambda: rate_of(lambda: parse(msgspec.json.decode), n_lines),
            "json": lambda: rate_of(lambda: parse(json.loads), n_lines),
        },
        rounds,
    )
    megabytes = path.stat().st_size / n_lines * found.median("ours") / 1e6
    name = f"Binance lines to records ({megabytes:.0f} MB/s)"
    return [
        _row(
            name,
            found.median("ours"),
            rounds,
            target=1.0,
            peer="msgspec, JSON to dicts only",
            peer_value=found.median("msgspec") / 1e6,
            ratio=found.ratio("ours", "msgspec"),
        ),
        _row(
            name,
            found.median("ours"),
            rounds,
            peer="json, JSON to dicts only",
            peer_value=found.median("json") / 1e6,
            ratio=found.ratio("ours", "json"),
        ),
        _row("Binance lines, opening (first pass)", found.median("open"), rounds),
    ]


def _csv(folder: Path, n_rows: int, rounds: int) -> list[Measurement]:
    rng = np.random.default_rng(6)
    path = folder / "trades.csv"
    prices = 968_200 + np.cumsum(rng.integers(-3, 4, n_rows))
    sizes = rng.integers(1, 5_000, n_rows)
    rows = zip(range(n_rows), prices.tolist(), sizes.tolist(), strict=True)
    with path.open("w") as file:
        file.write("time,id,side,price,amount\n")
        for i, p, s in rows:
            side = "buy" if p & 1 else "sell"
            file.write(f"{1_582_329_602_111_000 + 7 * i},{i},{side},{p / 100},{s / 1000}\n")
    columns = Columns(
        roles=("ts_recv", "sequence", "side", "price", "size"),
        kind=CsvKind.TRADES,
        time_unit=TimeUnit.US,
    )
    ours = _read(path, format="csv", columns=columns, symbol="X")
    work = {"ours": lambda: rate_of(ours, n_rows)}
    try:
        import polars as pl
    except ImportError:
        found = interleave(work, rounds)
        return [_row("CSV trades to records", found.median("ours"), rounds)]
    # As text the decimals stay exact, as ours do; two threads against our one.
    schema = {"time": pl.Int64, "id": pl.Int64, "side": pl.String} | dict.fromkeys(
        ("price", "amount"), pl.String
    )
    work["polars"] = lambda: rate_of(lambda: pl.read_csv(path, schema=schema), n_rows)
    found = interleave(work, rounds)
    return [
        _row(
            "CSV trades to records",
            found.median("ours"),
            rounds,
            peer=f"polars {pl.__version__}, columns only, decimals as text",
            peer_value=found.median("polars") / 1e6,
            ratio=found.ratio("ours", "polars"),
        )
    ]


def _iex(folder: Path, n_messages: int, rounds: int) -> list[Measurement]:
    rng = np.random.default_rng(7)
    path = folder / "tops.pcap"
    symbols = [f"SYM{i:03}".ljust(8).encode() for i in range(200)]
    chosen = rng.integers(0, len(symbols), n_messages).tolist()
    prices = (rng.integers(100, 9_000, n_messages) * 100).tolist()
    per_packet = 4
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for first in range(0, n_messages - per_packet + 1, per_packet):
            body = b"".join(
                struct.pack("<H", 42)
                + struct.pack("<cBq8sIqqI", b"Q", 0, 10**18 + i, symbols[chosen[i]], 100, prices[i],
                              prices[i] + 100, 200)
                for i in range(first, first + per_packet)
            )  # fmt: skip
            head = struct.pack(
                "<BBHIIHHqqq", 1, 0, 0x8003, 1, 9, len(body), per_packet, 0, first + 1, 0
            )
            udp = struct.pack(">HHHH", 1, 2, 8 + len(head) + len(body), 0)
            ip = bytes([0x45, 0]) + bytes(7) + b"\x11" + bytes(10)
            frame = bytes(12) + b"\x08\x00" + ip + udp + head + body
            stamp = first // per_packet
            sizes = len(frame), len(frame)
            file.write(struct.pack("<IIII", 10**9 + stamp // 10**6, stamp % 10**6, *sizes))
            file.write(frame)
    ours = _read(path)
    found = interleave({"ours": lambda: rate_of(ours, n_messages)}, rounds)
    return [_row("IEX TOPS messages to records", found.median("ours"), rounds)]
