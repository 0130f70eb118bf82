from __future__ import annotations

from pathlib import Path

import pytest

from kimera.errors import ConfigError, InputError
from kimera.strategy import STRATEGIES, NativeStrategy, Strategy, find, load, names


class Quiet(Strategy):
    def __init__(self, size_lots: int = 1) -> None:
        self.size_lots = size_lots


def test_names_hold_every_strategy_of_ours() -> None:
    assert set(STRATEGIES) <= set(names())
    assert {"market-making-v1", "momentum-v1", "do-nothing", "touch-maker-v1"} <= set(STRATEGIES)


def test_find_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"market-making-v1.*was 'nonsense'"):
        find("nonsense")


def test_load_name_with_parameters_gives_the_configured_strategy() -> None:
    name, made = load("market-making-v1", {"size_lots": 3})
    assert name == "market-making-v1"
    assert isinstance(made, NativeStrategy)
    assert made.values()["size_lots"] == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [({"size_lots": 0}, r"\$\.size_lots"), ({"no_such": 1}, "no_such")],
)
def test_load_name_bad_parameter_is_named(params: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load("market-making-v1", params)


def test_load_class_gets_its_parameters() -> None:
    name, made = load(Quiet, {"size_lots": 4})
    assert (name, made.size_lots) == ("Quiet", 4)
    with pytest.raises(ConfigError, match="unexpected keyword"):
        load(Quiet, {"lots": 4})


def test_load_file_and_class(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Mine:\n    def on_top(self, *a):\n        pass\n")
    name, made = load(f"{file}:Mine")
    assert name.endswith("mine.py:Mine")
    assert type(made).__name__ == "Mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [("absent.py:Mine", "no such file"), ("here.py:Other", "expected a class or factory 'Other'")],
)
def test_load_file_that_does_not_fit_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.py").write_text("class Mine:\n    pass\n")
    with pytest.raises(InputError, match=message):
        load(text)


def test_load_object_without_callbacks_is_refused() -> None:
    with pytest.raises(InputError, match="found none"):
        load(object())
