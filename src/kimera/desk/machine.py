"""What this machine is, read from where the kernel says it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["build_line", "cpu_flags", "cpu_model", "machine_line", "read_text", "usable_cores"]


def build_line() -> str:
    """Say what made a report: version, compiler, interpreter."""
    from kimera import __version__
    from kimera._native import model

    compiler, instruction_set, optimised, sanitizer = model.build_info()
    kind = "optimised" if optimised else "not optimised"
    extra = f", {sanitizer} sanitizer" if sanitizer else ""
    return (
        f"Kimera {__version__}; native code by {compiler} for {instruction_set}, {kind}{extra}; "
        f"Python {platform.python_version()}"
    )


def cpu_model() -> str:
    """Name the processor, as the kernel does."""
    for line in read_text("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def cpu_flags() -> frozenset[str]:
    """Instruction sets and traits the kernel lists for the first processor."""
    for line in read_text("/proc/cpuinfo").splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def usable_cores() -> tuple[int, ...]:
    """List the cores that this process may run on."""
    return tuple(sorted(os.sched_getaffinity(0)))


def machine_line() -> str:
    """Say in one line what a benchmark ran on, and how busy it was."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    system = f"{platform.system()} {platform.release()}"
    python = f"Python {platform.python_version()}"
    return f"{cpu_model()}, {len(usable_cores())} cores, {system}, {python}, load {load}"


def read_text(path: str) -> str:
    """Text of a kernel file, or nothing where this kernel has no such file."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
