"""The workshop: what `workshop.toml` says, typed and validated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from handson import toml
from handson.errors import HandsonError

FILE = "workshop.toml"


class Agenda(BaseModel):
    """An ordered list of lessons for so many minutes (the key of its table)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    lessons: tuple[str, ...] = Field(min_length=1)


class Track(BaseModel):
    """A folder of lessons (the key of its table), all of which it lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    lessons: tuple[str, ...] = Field(min_length=1)


class Environment(BaseModel):
    """The locked Python dependencies of the workshop."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lock: str


def _integer_keys(value: object) -> object:
    """TOML's keys are text; an agenda's is its minutes."""
    if not isinstance(value, dict):
        return value
    return {int(key) if isinstance(key, str) and key.isdecimal() else key: item for key, item in value.items()}


class Workshop(BaseModel):
    """One workshop; `root` is the folder that holds its workshop.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    """Names the learner's folder: ~/handson/<name>."""
    title: str = Field(min_length=1)
    environment: Environment
    agendas: Annotated[Mapping[int, Agenda], BeforeValidator(_integer_keys)] = Field(min_length=1)
    tracks: Mapping[str, Track] = Field(min_length=1)
    root: Path = Field(default=Path(), exclude=True)

    @property
    def lesson_names(self) -> tuple[str, ...]:
        """Every lesson, track by track."""
        return tuple(name for track in self.tracks.values() for name in track.lessons)


def find_workshop(start: Path) -> Workshop:
    """The workshop whose folder is `start` or the nearest one above it; raises HandsonError where there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return read_workshop(folder)
    raise HandsonError(
        f"There is no {FILE} in {start.resolve()} or above it.",
        "Go to the workshop's folder, or name it with --workshop FOLDER.",
    )


def own_workshop(start: Path) -> Workshop:
    """The workshop to use where none was named.

    That of `start` or above it, that of HANDSON_WORKSHOP, or the one this handson was checked out with.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return read_workshop(folder)
    if named := os.environ.get("HANDSON_WORKSHOP"):
        return find_workshop(Path(named))
    return find_workshop(Path(__file__).parents[2])


def read_workshop(root: Path) -> Workshop:
    """The workshop in folder `root`; raises HandsonError naming file, line and key of everything that is wrong."""
    path = root / FILE
    workshop = toml.load(path, Workshop).model_copy(update={"root": root})
    _refuse_lessons_listed_twice(path, workshop)
    known = set(workshop.lesson_names)
    for minutes, agenda in workshop.agendas.items():
        for name in agenda.lessons:
            if name not in known:
                raise HandsonError(
                    f"{path}: agenda {minutes} lists {name!r}, which is in no track.",
                    f"Valid names: {', '.join(sorted(known))}.",
                )
    return workshop


def _refuse_lessons_listed_twice(path: Path, workshop: Workshop) -> None:
    lists = {f"[tracks.{key}]": track.lessons for key, track in workshop.tracks.items()}
    seen: dict[str, str] = {}
    for where, names in lists.items():
        for name in names:
            if name in seen:
                raise HandsonError(
                    f"{path}: the lesson {name!r} is listed twice, in {seen[name]} and in {where}.",
                    "Each lesson belongs to one track, once.",
                )
            seen[name] = where
    for minutes, agenda in workshop.agendas.items():
        for name in agenda.lessons:
            if agenda.lessons.count(name) > 1:
                raise HandsonError(
                    f"{path}: the lesson {name!r} is listed twice in [agendas.{minutes}].", "List it once."
                )
