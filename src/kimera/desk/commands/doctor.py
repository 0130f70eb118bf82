"""``kimera doctor``: what this machine offers and what the system will use."""

from __future__ import annotations

from kimera.desk.machine import machine_line

EXAMPLE = "kimera doctor --json"


def command() -> int:
    """Say what this machine offers and what the system will use."""
    print(machine_line())
    return 0
