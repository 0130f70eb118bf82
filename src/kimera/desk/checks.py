"""What `kimera doctor` looks at: each finding is read or measured when it is asked for."""

from __future__ import annotations

import enum
import importlib.metadata
import itertools
import os
import platform
import resource
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from kimera import __version__
from kimera.desk.machine import cpu_flags, cpu_model, read_text, usable_cores

__all__ = ["EXTRAS", "Finding", "State", "examine"]

EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "data": ("polars", "pyarrow", "databento-dbn", "zstandard"),
    "jit": ("numba",),
    "bench": ("hftbacktest", "itch-book", "itchcpp"),
}
"""Extras a user may want, with the packages each brings (held against pyproject by a test)."""
BASE: Final = ("numpy", "msgspec", "typer", "rich")

FLAGS_OF: Final = {
    "avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl"),
    "avx2": ("avx2", "bmi2", "fma"),
    "x86-64-v2": ("sse4_2", "popcnt"),
}
GIB: Final = 1 << 30


class State(enum.Enum):
    """How good a finding is."""

    OK = "ok"
    NOTE = "note"
    """Works; could be better, and `use` says how."""
    MISSING = "missing"
    """Something the base needs is not there."""


class Finding(msgspec.Struct, frozen=True):
    """One thing about this machine.

    Attributes
    ----------
    topic : str
    found : str
        What was read or measured, with units.
    use : str
        What the system does with it, or the command that improves it.
    state : State
    """

    topic: str
    found: str
    use: str
    state: State = State.OK


def examine(folder: Path) -> list[Finding]:
    """Look at everything.

    Parameters
    ----------
    folder : Path
        Where output would be written; its disk is looked at.
    """
    return [
        _cores(),
        _processor(),
        _native(),
        _memory(),
        _huge_pages(),
        _lock_limit(),
        _clock_source(),
        _timer(),
        _disk(folder),
        _gpu(),
        Finding(
            "Python",
            f"{platform.python_version()} at {sys.executable}",
            "runs all but the native code",
        ),
        _base(),
        *(_extra(name) for name in EXTRAS),
    ]


def _cores() -> Finding:
    cores = usable_cores()
    total = os.cpu_count() or len(cores)
    load = os.getloadavg()[0]
    found = f"{len(cores)} usable of {total}, load {load:.1f}"
    if load > len(cores):
        return Finding("cores", found, "busy: timings will be noisy", State.NOTE)
    return Finding("cores", found, "a run uses one; the operating system places it")


def _processor() -> Finding:
    flags = cpu_flags()
    known = ("sse4_2", "avx2", "bmi2", "avx512f", "avx512vl")
    has = [flag for flag in known if flag in flags]
    steady = "constant_tsc" in flags and "nonstop_tsc" in flags
    return Finding(
        "processor",
        f"{cpu_model()}; {' '.join(has) or 'no vector extension listed'}",
        "cycle counter is steady: timings are comparable"
        if steady
        else "cycle counter may drift: trust long timings only",
        State.OK if steady else State.NOTE,
    )


def _native() -> Finding:
    try:
        from kimera._native import model
    except ImportError as error:
        return Finding("native code", f"does not load: {error}", "reinstall", State.MISSING)
    compiler, instruction_set, optimised, sanitizer = model.build_info()
    found = f"{compiler}, {instruction_set}" + (f", {sanitizer} sanitizer" if sanitizer else "")
    lacking = [flag for flag in FLAGS_OF.get(instruction_set, ()) if flag not in cpu_flags()]
    if lacking:
        use = f"built for instructions this processor lacks ({' '.join(lacking)}): build it here"
        return Finding("native code", found, use, State.MISSING)
    if not optimised:
        return Finding("native code", found, "not optimised: a debug build", State.NOTE)
    return Finding("native code", found, "optimised build, used by every room")


def _memory() -> Finding:
    sizes = _meminfo()
    total, free = sizes.get("MemTotal", 0) / GIB, sizes.get("MemAvailable", 0) / GIB
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Finding(
        "memory",
        f"{free:.1f} of {total:.1f} GiB available",
        f"this process uses {used:.0f} MB; buffers are bounded by configuration",
    )


def _huge_pages() -> Finding:
    sizes = _meminfo()
    reserved = sizes.get("HugePages_Total", 0) // 1024  # a count, not kB: undo the scaling
    text = read_text("/sys/kernel/mm/transparent_hugepage/enabled")
    mode = text.partition("[")[2].partition("]")[0] or "not offered"
    size_kb = sizes.get("Hugepagesize", 0) // 1024
    found = f"transparent: {mode}; reserved: {reserved} of {size_kb} kB"
    uses = {
        "always": "the kernel backs large tables by itself",
        "madvise": "the books ask for them for their large tables",
    }
    use = uses.get(mode, "ordinary pages: set transparent huge pages to madvise")
    return Finding("huge pages", found, use, State.OK if mode in uses else State.NOTE)


def _lock_limit() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY:
        return Finding("memory lock limit", "unlimited", "this version locks no memory")
    return Finding("memory lock limit", f"{soft / 1e6:,.1f} MB", "this version locks no memory")


def _clock_source() -> Finding:
    source = read_text("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
    if source in {"tsc", "kvm-clock", "arm_arch_timer"}:
        return Finding("clock source", source, "read without a system call")
    use = "slow: each reading of the clock may be a system call"
    return Finding("clock source", source or "not told by this kernel", use, State.NOTE)


def _timer() -> Finding:
    readings = [time.perf_counter_ns() for _ in range(20_001)]
    steps = [b - a for a, b in itertools.pairwise(readings)]
    worst = max(steps)
    return Finding(
        "timer",
        f"{statistics.median(steps):.0f} ns between readings from Python, "
        f"longest stall {worst / 1e3:,.0f} µs in 20,000",
        "stalls are other work on this core" if worst > 100_000 else "quiet enough to time on",
        State.NOTE if worst > 1_000_000 else State.OK,
    )


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    found = f"{usage.free / GIB:,.1f} GiB free at {folder}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", found, "not writable: give --output", State.NOTE)
    if usage.free < GIB:
        return Finding("disk", found, "little room for a journal", State.NOTE)
    return Finding("disk", found, "journals and reports go to --output")


def _gpu() -> Finding:
    text = read_text("/proc/driver/nvidia/version").splitlines()
    render = sorted(path.name for path in Path("/dev/dri").glob("renderD*"))
    if text:
        return Finding("GPU", text[0], "nothing in this version uses it", State.NOTE)
    if render:
        return Finding("GPU", f"render nodes {' '.join(render)}", "not used by this version")
    return Finding("GPU", "none (no driver, no render node)", "not needed by this version")


def _base() -> Finding:
    versions = {name: _version(name) for name in BASE}
    absent = [name for name, version in versions.items() if version is None]
    found = ", ".join(f"{name} {version or 'absent'}" for name, version in versions.items())
    use = f"kimera {__version__}"
    if absent:
        return Finding("base packages", found, f"pip install {' '.join(absent)}", State.MISSING)
    return Finding("base packages", found, use)


def _extra(extra: str) -> Finding:
    versions = {name: _version(name) for name in EXTRAS[extra]}
    found = ", ".join(f"{name} {version or 'absent'}" for name, version in versions.items())
    if None in versions.values():
        command = f"pip install 'kimera-trading[{extra}]'"
        return Finding(f"extra {extra}", found, f"to install: {command}", State.NOTE)
    return Finding(f"extra {extra}", found, "used where it is needed")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _meminfo() -> dict[str, int]:
    """Sizes [bytes] that the kernel reports; counts come out times 1024."""
    sizes = {}
    for line in read_text("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) * 1024
    return sizes
