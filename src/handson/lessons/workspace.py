"""A learner's writable copy of the lessons: their edits are theirs; newer versions lie beside them (see `given`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from handson.lessons.given import State, give
from handson.lessons.records import read_record
from handson.lessons.render import render
from handson.lessons.source import Lesson


@dataclass(frozen=True)
class Given:
    """What became of one lesson in the workspace: `path` is the notebook to open, relative to the workspace."""

    lesson: str
    path: Path
    state: State


def update_workspace(folder: Path, lessons: Iterable[Lesson], index: Mapping[str, Any]) -> list[Given]:
    """Bring the learner's notebooks in `folder` up to date without touching an edited one.

    Raises HandsonError where the folder cannot be written.
    """
    lessons = tuple(lessons)
    given = give(folder, notebooks(lessons), index)
    return [Given(lesson.name, *one) for lesson, one in zip(lessons, given, strict=True)]


def notebooks(lessons: Iterable[Lesson]) -> dict[str, str]:
    """The learner's notebooks as they are written: path in a workspace → text, in the order of the lessons."""
    return {
        notebook_path(lesson).as_posix(): nbformat.writes(render(lesson, "learner", read_record(lesson))) + "\n"
        for lesson in lessons
    }


def notebook_path(lesson: Lesson) -> Path:
    """Where the lesson's notebook is in a workspace: `<track>/<NN>_<name>.ipynb`."""
    return Path(lesson.track) / f"{lesson.file_stem}.ipynb"
