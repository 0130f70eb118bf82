"""The rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "kimera"
NATIVE = ROOT / "native"
FILE_LINES = 800
FUNCTION_LINES = 70
POSITIONAL_PARAMETERS = 5

# Who may import which sub-module of kimera._native, beside the room of the same name.
EXTRA_NATIVE_READERS = {("desk/bench", "bench"), ("desk", "model")}
FLOORS = {
    "model": 0,
    "runtime": 1,
    "market": 2,
    "portfolio": 2,
    "microstructure": 3,
    "cep": 4,
    "learning": 4,
    "quantum": 4,
    "cognition": 4,
    "strategy": 5,
    "risk": 5,
    "compliance": 5,
    "execution": 5,
    "system": 6,
    "desk": 7,
}
MOODS = re.compile(r"(Manager|Helper|Util|Utils|Enhanced|Advanced|Smart|Awesome|Super)(?=[A-Z]|$)")


def python_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def native_files() -> list[Path]:
    return sorted([*NATIVE.rglob("*.hpp"), *NATIVE.rglob("*.cpp")])


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", [*python_files(), *native_files()], ids=lambda p: str(p.name))
def test_file_is_not_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_functions_are_short_and_take_few_positional_parameters(path: Path) -> None:
    too_long, too_many = [], []
    for function in functions(ast.parse(path.read_text())):
        docstring = ast.get_docstring(function, clean=False) or ""
        lines = (function.end_lineno or 0) - function.lineno + 1 - len(docstring.splitlines())
        if lines > FUNCTION_LINES:
            too_long.append((function.name, lines))
        names = [a.arg for a in function.args.args if a.arg not in {"self", "cls"}]
        is_command = any(
            "command" in ast.dump(d) or "callback" in ast.dump(d) for d in function.decorator_list
        )  # options of a command are not calls
        if len(names) > POSITIONAL_PARAMETERS and not is_command and function.name != "command":
            too_many.append((function.name, len(names)))
    assert not too_long
    assert not too_many


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_native_submodules_are_imported_by_their_room_only(path: Path) -> None:
    relative = path.relative_to(SOURCE).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
            "kimera._native"
        ):
            continue
        inner = (node.module or "").removeprefix("kimera._native").lstrip(".")
        rooms = [inner.split(".")[0]] if inner else [alias.name for alias in node.names]
        for room in rooms:
            allowed = relative.startswith(f"{room}/") or any(
                relative.startswith(f"{where}/") and room == what
                for where, what in EXTRA_NATIVE_READERS
            )
            assert allowed, f"{relative} imports kimera._native.{room}"


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_blanket_except_and_no_mood_in_names(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except at line {node.lineno}"
            swallowed = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
            broad = isinstance(node.type, ast.Name) and node.type.id in {
                "Exception",
                "BaseException",
            }
            assert not (swallowed and broad), f"swallowed exception at line {node.lineno}"
        if isinstance(node, ast.ClassDef):
            assert not MOODS.search(node.name), node.name


def test_native_includes_only_point_down() -> None:
    wrong = []
    for path in native_files():
        parts = path.relative_to(NATIVE).parts
        room = parts[2] if parts[0] == "include" else parts[1] if parts[0] == "src" else None
        if room is None:
            continue
        for included in re.findall(r'#include "kimera/([a-z_]+)/', path.read_text()):
            same = included == room
            down = FLOORS[included] < FLOORS[room]
            if not (same or down):
                wrong.append((str(path.relative_to(ROOT)), included))
    assert not wrong


def test_nanobind_is_used_in_bind_only() -> None:
    users = [
        str(path.relative_to(NATIVE))
        for path in native_files()
        if "nanobind/" in path.read_text() and path.relative_to(NATIVE).parts[0] != "bind"
    ]
    assert not users


def test_every_package_names_its_public_face_in_order() -> None:
    for init in SOURCE.glob("*/__init__.py"):
        names = [
            [str(ast.literal_eval(element)) for element in node.value.elts]
            for node in ast.walk(ast.parse(init.read_text()))
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "__all__"
            and isinstance(node.value, ast.List)
        ]
        for exported in names:
            assert len(exported) == len(set(exported)), init


def test_text_names_no_machine_and_no_registry() -> None:
    pattern = re.compile("/(wo" + r"rk|tmp/wt|home/[a-z]+)/|python" + r"hosted|registry\.npm")
    hits = []
    for path in ROOT.rglob("*"):
        relative = path.relative_to(ROOT)
        if not path.is_file() or relative.parts[0] in {".git", ".venv", "build", "out"}:
            continue
        if path.suffix in {".py", ".md", ".hpp", ".cpp", ".toml", ".txt", ".json", ".yaml"}:
            hits += [str(relative) for _ in pattern.findall(path.read_text(errors="replace"))]
    assert not hits
