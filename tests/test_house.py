"""The house as drawn in docs/architecture.md: imports point downwards, and rooms on one floor do not import each other."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import FIRST, ROOT, pytest_collection_modifyitems

SOURCE = ROOT / "src" / "handson"

# Top floor first. A room may import from the floors below its own, and itself.
FLOORS: list[set[str]] = [
    {"__main__"},
    {"cli"},
    {"laptop", "kit", "room", "rehearse"},
    {"lessons"},
    {"workshop", "assets", "environment", "chromium", "memory", "nodejs"},
    {"doctor", "toml"},
    {"problems"},
    {"page"},
    {"lab", "pocket"},
    {"errors"},
]
STANDARD_LIBRARY_ONLY = {"environment", "doctor", "errors", "pocket"}
OF_THE_BROWSER = {"pocket/native.py": {"js", "pyodide"}}
"""What Pyodide brings, imported where that is what runs."""
ALONE = {"lab", "doctor"}
"""Rooms that import nothing else of handson: notebooks carry the first, the second runs as one file."""
BESIDE = {"lab/__init__.py": {"pocket"}}
"""The one door between two rooms of a floor: `import torch` in lab must mean pocket where there is no PyTorch, and whoever
imports lab first decides that. Nothing but `pocket.install` goes through it."""


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"{room} has no floor: draw it into FLOORS and docs/architecture.md")


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written from the root"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(path: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("handson.")}
    return {room for room in rooms if (SOURCE / room).is_dir() or (SOURCE / f"{room}.py").is_file()}


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.name != "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_downwards(path: Path) -> None:
    here = room_of(path)
    for room in rooms_imported(path) - {here}:
        if room not in BESIDE.get(str(path.relative_to(SOURCE)), set()):
            assert floor_of(room) > floor_of(here), f"{here} imports {room}, which is not below it"
    if here in ALONE:
        beside = BESIDE.get(str(path.relative_to(SOURCE)), set())
        assert rooms_imported(path) <= {here} | beside, f"{here} imports nothing else of handson"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if room_of(path) in STANDARD_LIBRARY_ONLY],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_what_runs_where_nothing_is_installed_needs_only_the_standard_library(path: Path) -> None:
    outside = (
        {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - {"handson", "__future__"}
    )
    assert not outside - OF_THE_BROWSER.get(str(path.relative_to(SOURCE)), set())


def test_the_rule_would_catch_an_upward_import(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("from handson.lessons import check\nimport handson.cli\n")
    assert rooms_imported(module) == {"lessons", "cli"}
    assert floor_of("cli") < floor_of("lessons") < floor_of("lab")


def test_no_module_of_lab_has_the_name_of_something_it_exports() -> None:
    from handson import lab

    modules = {path.stem for path in (SOURCE / "lab").glob("*.py")}
    assert not modules & set(lab.__all__), "importing the module would shadow the function"


def test_lab_takes_nothing_of_pocket_but_install() -> None:
    taken = {name for name in imports_of(SOURCE / "lab" / "__init__.py") if name.startswith("handson.pocket")}
    assert taken == {"handson.pocket.install"}


def test_the_longest_files_of_tests_begin_first_where_files_run_side_by_side() -> None:
    folder = ROOT / "tests" / "integration"
    assert all((folder / f"{name}.py").is_file() for name in FIRST)
    short = [SimpleNamespace(path=folder / "test_web.py", name=name) for name in "ab"]
    long = [SimpleNamespace(path=folder / f"{name}.py", name=name) for name in FIRST]
    items = [short[0], *reversed(long), short[1]]
    pytest_collection_modifyitems(SimpleNamespace(), items)  # type: ignore[arg-type]
    assert items == [short[0], *reversed(long), short[1]], "alone, in the order in which they were asked for"
    pytest_collection_modifyitems(SimpleNamespace(workerinput={}), items)  # type: ignore[arg-type]
    assert items == [*long, *short]
