"""Every public function has an example, and every example says the truth."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import kimera.microstructure as room

MODULES = sorted(m.name for m in pkgutil.iter_modules(room.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module_run_and_agree(name: str) -> None:
    module = importlib.import_module(f"kimera.microstructure.{name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize("name", room.__all__)
def test_public_function_documents_itself(name: str) -> None:
    item = getattr(room, name)
    if not inspect.isfunction(item):
        return
    text = inspect.getdoc(item) or ""
    assert ">>>" in text
    assert "Returns" in text or "Raises" in text
    assert "Parameters" in text
