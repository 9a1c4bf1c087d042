"""start.py, the door: every Python gets an answer in plain words."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from handson import doctor

START = Path(__file__).parents[1] / "start.py"
OLD_PYTHONS = sorted(
    str(path)
    for pattern in ("2.7*", "3.[0-9].*", "3.10.*")
    for path in Path.home().glob(f".pyenv/versions/{pattern}/bin/python")
)


@pytest.fixture
def start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("start", START)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_syntax_is_older_than_the_python_it_asks_for() -> None:
    ast.parse(START.read_text(encoding="utf-8"), feature_version=(3, 4))


def test_it_asks_for_the_same_pythons_as_the_doctor(start: ModuleType) -> None:
    assert (start.OLDEST, start.NEWEST) == (doctor.OLDEST_PYTHON, doctor.NEWEST_PYTHON)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2)])
def test_the_right_pythons_pass(start: ModuleType, version: tuple[int, ...]) -> None:
    assert start.refusal(version, "") is None


def test_too_old_says_what_was_found_what_is_needed_and_where_to_get_it(start: ModuleType) -> None:
    words = start.refusal((3, 9, 18), "")
    assert "Python 3.9.18 is too old. The workshop needs Python 3.11 to 3.14." in words
    assert "https://www.python.org/downloads/" in words


def test_too_new_is_told_as_well(start: ModuleType) -> None:
    assert "too new" in start.refusal((3, 15, 0), "")


@pytest.mark.skipif(os.name == "nt", reason="Windows names its Pythons by the launcher py")
def test_a_python_that_will_do_is_named_if_it_runs(start: ModuleType, tmp_path: Path) -> None:
    for name, code in (("python3.13", "exit 127"), ("python3.12", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    words = start.refusal((3, 8, 0), str(tmp_path))
    assert "-> It is here already: python3.12 start.py" in words


@pytest.mark.skipif(not OLD_PYTHONS, reason="no Python older than 3.11 is installed (pyenv)")
@pytest.mark.parametrize("python", OLD_PYTHONS)
def test_an_old_python_gets_words_and_not_a_syntax_error(python: str) -> None:
    done = subprocess.run([python, START], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is too old. The workshop needs Python 3.11 to 3.14." in done.stderr
    assert "SyntaxError" not in done.stderr
    assert "Traceback" not in done.stderr


def test_start_py_alone_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copy(START, tmp_path)
    command = [sys.executable, "-I", tmp_path / "start.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "handson itself is missing" in done.stderr
    assert "Copy the whole folder" in done.stderr


def test_handson_is_imported_from_its_wheel_where_there_is_no_source(start: ModuleType, tmp_path: Path) -> None:
    assert start.source_of_handson(str(tmp_path)) is None
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "handson-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    assert start.source_of_handson(str(tmp_path)) == str(wheel)
    (tmp_path / "src" / "handson").mkdir(parents=True)
    assert start.source_of_handson(str(tmp_path)) == str(tmp_path / "src")
