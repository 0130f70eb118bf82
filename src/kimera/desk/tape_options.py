"""``--set name=value``: what a format takes beside its file."""

from __future__ import annotations

import json
from typing import Any

from kimera.errors import InputError

__all__ = ["parsed_options"]


def parsed_options(texts: list[str]) -> dict[str, Any]:
    """Read options of a format.

    Parameters
    ----------
    texts : list of str
        ``name=value``; a value that begins with ``{`` is JSON.

    Examples
    --------
    >>> from kimera.desk.tape_options import parsed_options
    >>> parsed_options(["tick_size=0.01"])
    {'tick_size': '0.01'}
    """
    out: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--set: expected name=value, was {text!r}")
        if value.startswith("{"):
            try:
                out[name] = json.loads(value)
            except ValueError as error:
                raise InputError(f"--set {name}: expected JSON, found {error}") from error
        else:
            out[name] = (
                int(value) if name.endswith("_ms") and value.lstrip("-").isdigit() else value
            )
    return out
