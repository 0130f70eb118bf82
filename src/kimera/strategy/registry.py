"""The table of strategies by name, and how a name, a file or an object becomes one.

Names bear a version: a rule that changes gets a new one. Strangers register through the entry
point group ``kimera.strategies``, whose values are :class:`Entry` objects or strategy classes.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import msgspec

from kimera.errors import ConfigError, InputError
from kimera.strategy.compiled import CompiledStrategy
from kimera.strategy.native import (
    DoNothingParams,
    MarketMakingParams,
    MomentumParams,
    NativeStrategy,
    TouchMakerParams,
)

__all__ = ["CALLBACKS", "STRATEGIES", "Entry", "Runnable", "find", "load", "names", "summary"]

CALLBACKS: Final = (
    "on_start",
    "on_top",
    "on_book",
    "on_trade",
    "on_report",
    "on_timer",
    "on_batch",
    "on_stop",
)
"""What a strategy may want to hear."""

Runnable = Any
"""A :class:`NativeStrategy`, a :class:`CompiledStrategy`, or an object with callbacks."""


class Entry(msgspec.Struct, frozen=True):
    """One row of the table.

    Attributes
    ----------
    name : str
        Versioned, as in ``"market-making-v1"``.
    params : type
        Frozen struct of its parameters; its docstring is the documentation.
    make : callable
        From parameters to a runnable strategy.
    """

    name: str
    params: type[msgspec.Struct]
    make: Callable[[Any], Runnable]


STRATEGIES: Final[dict[str, Entry]] = {
    params.name: Entry(params.name, params, NativeStrategy)
    for params in (DoNothingParams, TouchMakerParams, MarketMakingParams, MomentumParams)
}
"""The strategies that come with the package."""


def _strangers() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group="kimera.strategies")}


def names() -> tuple[str, ...]:
    """Every registered name, our own first."""
    return (*STRATEGIES, *sorted(_strangers()))


def find(name: str) -> Entry | type:
    """Look a strategy up by its name.

    Raises
    ------
    InputError
        If nobody registered it; names those there are.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    strangers = _strangers()
    if name in strangers:
        found: Entry | type = strangers[name].load()
        return found
    raise InputError(f"strategy: expected one of {', '.join(names())}, was {name!r}")


def summary(name: str) -> str:
    """First line of a strategy's documentation."""
    entry = find(name)
    text = inspect.getdoc(entry.params if isinstance(entry, Entry) else entry) or ""
    return text.partition("\n")[0]


def load(strategy: Any, params: Mapping[str, Any] | None = None) -> tuple[str, Runnable]:
    """Make a runnable strategy of whatever the user gave.

    Parameters
    ----------
    strategy : str, type or object
        A registered name, ``"FILE.py:Class"``, a class with callbacks, or an object that is one.
    params : mapping, optional
        Parameters, for a name or a class.

    Returns
    -------
    tuple of str and object
        The name it goes by, and the strategy.

    Raises
    ------
    InputError
        If there is no such name, file or class, or it has none of the callbacks.
    ConfigError
        If a parameter is not known or out of range.
    """
    values = dict(params or {})
    if isinstance(strategy, str):
        named = _class_in_file(strategy) if ".py:" in strategy else find(strategy)
        return strategy, _made(strategy, named, values)
    if isinstance(strategy, Entry | type):
        name = strategy.name if isinstance(strategy, Entry) else strategy.__name__
        return name, _made(name, strategy, values)
    if values:
        raise ConfigError("strategy_params: the strategy is already made and takes none")
    if isinstance(strategy, NativeStrategy | CompiledStrategy):
        return strategy.name, strategy
    return type(strategy).__name__, _checked(type(strategy).__name__, strategy)


def _made(name: str, entry: Entry | type, values: dict[str, Any]) -> Runnable:
    if isinstance(entry, Entry):
        try:
            return entry.make(msgspec.convert(values, entry.params))
        except msgspec.ValidationError as error:
            raise ConfigError(f"{name}: {error}") from error
    try:
        inspect.signature(entry).bind(**values)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}") from error
    return _checked(name, entry(**values))


def _checked(name: str, made: Any) -> Runnable:
    if isinstance(made, NativeStrategy | CompiledStrategy):
        return made
    if not any(callable(getattr(made, callback, None)) for callback in CALLBACKS):
        raise InputError(f"{name}: expected one of {', '.join(CALLBACKS)}, found none")
    return made


def _class_in_file(text: str) -> type:
    file, _, class_name = text.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"strategy: no such file {file}")
    module_name = f"kimera_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"strategy: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    found = getattr(module, class_name, None)
    if not callable(found):
        classes = [n for n, v in vars(module).items() if isinstance(v, type)]
        raise InputError(
            f"{file}: expected a class or factory {class_name!r}, found {', '.join(classes)}"
        )
    return found  # type: ignore[no-any-return]
