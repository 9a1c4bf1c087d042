"""A learner's writable copy of the lessons: their edits are theirs; newer versions are put beside them.

`.handson/given.json` remembers what was given: for each notebook the SHA-256 of the file as it was written. A notebook
that still has it was not touched and is replaced; one that differs is the learner's and stays.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat

from handson.errors import HandsonError
from handson.lab.places import INDEX
from handson.lessons.records import read_record
from handson.lessons.render import render
from handson.lessons.source import Lesson

GIVEN = Path(".handson") / "given.json"

State = Literal["new", "same", "updated", "beside"]


@dataclass(frozen=True)
class Given:
    """What became of one lesson in the workspace: `path` is the notebook to open, relative to the workspace."""

    lesson: str
    path: Path
    state: State


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Tell `handson.lab` which content belongs to which asset name (see `handson.assets.index_for`)."""
    _write(folder / INDEX, json.dumps(index, indent=1))


def update_workspace(folder: Path, lessons: Iterable[Lesson], index: Mapping[str, Any]) -> list[Given]:
    """Bring the learner's notebooks in `folder` up to date without touching an edited one.

    Raises HandsonError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_index(folder, index)
        given = _read_given(folder)
        changes = [_give(folder, lesson, given) for lesson in lessons]
        _write(folder / GIVEN, json.dumps(given, indent=1))
    except OSError as error:
        raise HandsonError(
            f"The lessons could not be written to {folder}: {error.strerror or error}.",
            "Free some space or choose another folder with --to FOLDER.",
        ) from None
    return changes


def notebook_path(lesson: Lesson) -> Path:
    """Where the lesson's notebook is in a workspace: `<track>/<NN>_<name>.ipynb`."""
    return Path(lesson.track) / f"{lesson.file_stem}.ipynb"


def _give(folder: Path, lesson: Lesson, given: dict[str, str]) -> Given:
    text = nbformat.writes(render(lesson, "learner", read_record(lesson))) + "\n"
    new = _digest(text.encode())
    path = notebook_path(lesson)
    if not (folder / path).exists():
        return _put(folder, lesson, path, text, "new", given)
    if given.get(path.as_posix()) == new:
        return Given(lesson.name, path, "same")
    if _digest((folder / path).read_bytes()) == given.get(path.as_posix()):
        return _put(folder, lesson, path, text, "updated", given)
    beside = path.with_name(f"{path.stem}.new-{new[:6]}.ipynb")
    if (folder / beside).exists():
        return Given(lesson.name, path, "same")
    _write(folder / beside, text)
    return Given(lesson.name, beside, "beside")


def _put(folder: Path, lesson: Lesson, path: Path, text: str, state: State, given: dict[str, str]) -> Given:
    _write(folder / path, text)
    given[path.as_posix()] = _digest(text.encode())
    return Given(lesson.name, path, state)


def _read_given(folder: Path) -> dict[str, str]:
    try:
        content = json.loads((folder / GIVEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nothing is known to be ours: every notebook there is the learner's
    return content if isinstance(content, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write so that a crash leaves the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)  # noqa: PTH105
