"""Configuration from a file: TOML or JSON, over the defaults of a profile.

The later wins: the struct's defaults, the profile, the file, the command line. Unknown keys are
refused, and every error names the file and the path of the key (``$.simulation.bounds``).

A file for ``kimera run``::

    profile = "dev"
    seed = 7
    duration = "30s"
    strategy = "market-making-v1"

    [simulation]
    sample_interval_ns = 100_000_000

    [simulation.feed]
    type = "constant"
    ns = 200_000
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from kimera.errors import ConfigError
from kimera.system.config import ReplayConfig, SimulationConfig

__all__ = [
    "PROFILES",
    "Profile",
    "ReplayFile",
    "RunFile",
    "duration_ns",
    "load_replay",
    "load_run",
    "merged",
    "read_values",
    "to_config",
]

T = TypeVar("T")
Values = dict[str, Any]


class Profile(Enum):
    """Where the system is thought to stand; sets latencies and sampling."""

    DEV = "dev"
    """A workstation: the defaults, 200 µs each way."""
    PROD = "prod"
    """A server in the venue's region: 1 ms each way."""
    HFT = "hft"
    """A server beside the venue: 10 µs each way, sampled every 10 ms."""


def _constant(ns: int) -> Values:
    return {name: {"type": "constant", "ns": ns} for name in ("feed", "order_entry", "response")}


PROFILES: Final[dict[Profile, Values]] = {
    Profile.DEV: {},
    Profile.PROD: _constant(1_000_000),
    Profile.HFT: _constant(10_000) | {"sample_interval_ns": 10_000_000},
}
"""What each profile sets of a :class:`SimulationConfig`."""

Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class RunFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``kimera run`` does.

    Attributes
    ----------
    profile : Profile
    seed : int
        Of every random stream, >= 0.
    duration : str
        Market time to simulate, as in ``"30s"``, ``"2m"``, ``"500ms"``.
    strategy : str
        Registered name, or ``FILE.py:Class``.
    simulation : SimulationConfig
    """

    profile: Profile = Profile.DEV
    seed: Seed = 1
    duration: str = "30s"
    strategy: str = "market-making-v1"
    simulation: SimulationConfig = SimulationConfig()


class ReplayFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``kimera replay`` does.

    Attributes
    ----------
    strategy : str
        Registered name, or ``FILE.py:Class``.
    replay : ReplayConfig
    """

    strategy: str = "market-making-v1"
    replay: ReplayConfig = ReplayConfig()


_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min|m|h)")
MAX_DURATION_NS: Final = 7 * 24 * 3_600_000_000_000


def duration_ns(text: str, key: str = "duration") -> int:
    """Read a duration such as ``30s``, ``1.5m`` or ``200us`` [ns].

    Parameters
    ----------
    text : str
        A number above 0 and a unit: ns, us, ms, s, m, h. At most seven days.
    key : str
        Named in the error.

    Raises
    ------
    ConfigError
        If it is not one.

    Examples
    --------
    >>> from kimera.system.config_file import duration_ns
    >>> duration_ns("1.5s")
    1500000000
    """
    found = _DURATION.fullmatch(text.strip())
    value = round(float(found[1]) * _UNITS_NS[found[2]]) if found else 0
    if not 0 < value <= MAX_DURATION_NS:
        raise ConfigError(
            f"{key}: expected a number above 0 with a unit (30s, 500ms, 2m; at most 168h), "
            f"was {text!r}"
        )
    return value


def read_values(path: Path) -> Values:
    """Read a TOML or JSON file as plain values.

    Raises
    ------
    ConfigError
        If it ends in neither ``.toml`` nor ``.json``, does not parse (with line and column), or
        is not a table at the top.
    OSError
        If it cannot be read.
    """
    kind = path.suffix.lower()
    if kind not in {".toml", ".json"}:
        raise ConfigError(f"{path}: a configuration ends in .toml or .json, was {kind!r}")
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if kind == ".toml" else json.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not {kind[1:].upper()}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: $: expected a table, found {type(values).__name__}")
    return values


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    """Lay one set of values over another, table by table.

    A table with a ``type`` replaces the other whole: the keys of one kind mean nothing to another.
    """
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and "type" not in value:
            out[key] = merged(below, value)
        else:
            out[key] = value
    return out


def to_config(values: Mapping[str, Any], kind: type[T], source: str) -> T:
    """Make a configuration of plain values.

    Parameters
    ----------
    values : mapping
    kind : type
        A ``msgspec.Struct`` that forbids unknown fields.
    source : str
        Where the values come from; begins the error.

    Raises
    ------
    ConfigError
        Naming the path of the key, what was expected and what was found.
    """
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_explained(str(error))}") from error


def load_run(path: Path | None, given: Mapping[str, Any]) -> RunFile:
    """Load what ``kimera run`` does.

    Parameters
    ----------
    path : Path or None
        The file, if there is one.
    given : mapping
        Values of the command line; they win.

    Returns
    -------
    RunFile
    """
    values = merged(read_values(path) if path else {}, given)
    source = str(path) if path else "configuration"
    profile = to_config({"profile": values.get("profile", "dev")}, RunFile, source).profile
    # The market is laid over its own default, so that a file may name a single parameter of it.
    market = msgspec.to_builtins(SimulationConfig().market)
    below = {"simulation": {"market": market} | PROFILES[profile]}
    return to_config(merged(below, values), RunFile, source)


def load_replay(path: Path | None, given: Mapping[str, Any]) -> ReplayFile:
    """Load what ``kimera replay`` does; see :func:`load_run`."""
    values = merged(read_values(path) if path else {}, given)
    return to_config(values, ReplayFile, str(path) if path else "configuration")


_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+?)`(?: - at `(.+)`)?")
_AT: Final = re.compile(r"(.*?) - at `(.+)`", re.DOTALL)


def _explained(message: str) -> str:
    """Put the path of the key first."""
    if found := _UNKNOWN.fullmatch(message):
        return f"{found[2] or '$'}.{found[1]}: no such key"
    if found := _AT.fullmatch(message):
        return f"{found[2]}: {found[1].replace('`', '')}"
    return f"$: {message.replace('`', '')}"
