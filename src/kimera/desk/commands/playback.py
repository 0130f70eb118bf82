"""What ``kimera replay`` does with the journal of a run: play it back and compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kimera.errors import ConfigError, InputError
from kimera.system import Playback, playback
from kimera.system.config_file import read_values

__all__ = ["play_back"]

DIFFERENT = 1
"""Exit code of a playback that parted from the journal."""


def play_back(
    path: Path,
    strategy: str | None,
    config: Path | None,
    unused: Mapping[str, Any],
    *,
    as_json: bool,
) -> int:
    """Play a journal back and print how far it agrees.

    Parameters
    ----------
    path : Path
        The journal of a run.
    strategy : str or None
        In place of the recorded one.
    config : Path or None
        A configuration of which the strategy and ``strategy_params`` are used.
    unused : mapping
        Options that mean nothing here, by name; given ones are refused.
    as_json : bool
        Print the outcome as JSON.

    Returns
    -------
    int
        0 identical, 1 different.
    """
    for name, value in unused.items():
        if value is not None:
            raise InputError(
                f"{path}: a journal is played back as it was recorded; {name} needs --as-tape"
            )
    named, params = _asked(config)
    outcome = playback(path, strategy or named, params)
    if as_json:
        encoded = msgspec.json.encode(outcome)
        print(msgspec.json.format(encoded, indent=2).decode("utf-8"))
    else:
        print(_text(outcome))
    return 0 if outcome.difference is None else DIFFERENT


def _asked(config: Path | None) -> tuple[str | None, dict[str, Any]]:
    """Strategy and parameters that a configuration of `run` or of `replay` names."""
    if config is None:
        return None, {}
    values = read_values(config)
    params: dict[str, Any] = {}
    for table in ("replay", "simulation"):
        part = values.get(table, {})
        found = part.get("strategy_params", {}) if isinstance(part, dict) else part
        if not isinstance(found, dict):
            raise ConfigError(f"{config}: $.{table}: expected a table, was {found!r}")
        params |= found
    name = values.get("strategy")
    if not isinstance(name, str | None):
        raise ConfigError(f"{config}: $.strategy: expected a name, was {name!r}")
    return name, params


def _text(outcome: Playback) -> str:
    done = f"{outcome.records} records, {outcome.orders} requests of {outcome.strategy}"
    if outcome.difference is None:
        return f"identical: {done}\nfingerprint: {outcome.fingerprint}"
    parted = outcome.difference
    return (
        f"different at record {parted.index}, after {done}\n"
        f"  expected: {parted.expected}\n"
        f"  found:    {parted.found}"
    )
