"""The catalog: a workshop with its lessons read and its assets known, all three agreeing with one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from handson.assets import Manifest, read_manifest
from handson.errors import HandsonError, UnknownNameError
from handson.lessons.source import Lesson, read_lesson
from handson.workshop import FILE, Workshop

FOLDER = "lessons"


@dataclass(frozen=True)
class Catalog:
    """A workshop, its lessons in the order of workshop.toml, and its assets."""

    workshop: Workshop
    lessons: tuple[Lesson, ...]
    manifest: Manifest

    @cached_property
    def by_name(self) -> dict[str, Lesson]:
        """The lessons by name."""
        return {lesson.name: lesson for lesson in self.lessons}

    def find(self, name: str) -> Lesson:
        """The lesson `name` (`digits`, `02_digits` or `vision/02_digits`); raises UnknownNameError."""
        wanted = name.removesuffix(".py").removesuffix(".ipynb").rsplit("/", 1)[-1].replace("-", "_").lower()
        for lesson in self.lessons:
            if wanted in (lesson.name, lesson.file_stem):
                return lesson
        raise UnknownNameError("lesson", name, self.by_name)

    def select(self, names: Iterable[str]) -> tuple[Lesson, ...]:
        """The lessons named, or all where none is."""
        return tuple(self.find(name) for name in names) or self.lessons


def read_catalog(workshop: Workshop) -> Catalog:
    """Read the workshop's lessons and assets; raises HandsonError where they do not agree.

    A lesson that is listed and missing, on disk and not listed, an agenda longer than its minutes or than the lessons'
    own headers say, an asset that is not described or that nobody needs.
    """
    lessons = tuple(_lessons(workshop))
    manifest = read_manifest(workshop.root / "assets.toml")
    _agree_on_agendas(workshop, {lesson.name: lesson for lesson in lessons})
    _agree_on_assets(lessons, manifest)
    return Catalog(workshop, lessons, manifest)


def _lessons(workshop: Workshop) -> Iterable[Lesson]:
    for key, track in workshop.tracks.items():
        folder = workshop.root / FOLDER / key
        files = {path.stem[3:]: path for path in sorted(folder.glob("*.py"))}
        for name in track.lessons:
            if name not in files:
                raise HandsonError(
                    f"{workshop.root / FILE}: [tracks.{key}] lists {name!r}, but {folder} holds no <NN>_{name}.py.",
                    f"Lessons there: {', '.join(sorted(files)) or 'none'}.",
                )
        if unlisted := sorted(set(files) - set(track.lessons)):
            raise HandsonError(
                f"{files[unlisted[0]]} is not listed in {workshop.root / FILE}.",
                f"Add {unlisted[0]!r} to lessons of [tracks.{key}], or remove the file.",
            )
        yield from (read_lesson(files[name]) for name in track.lessons)


def _agree_on_agendas(workshop: Workshop, lessons: dict[str, Lesson]) -> None:
    path = workshop.root / FILE
    for minutes, agenda in workshop.agendas.items():
        total = sum(lessons[name].contract.minutes for name in agenda.lessons)
        if total > minutes:
            each = ", ".join(f"{name} {lessons[name].contract.minutes}" for name in agenda.lessons)
            raise HandsonError(
                f"{path}: the lessons of [agendas.{minutes}] take {total} minutes: {each}.",
                f"Leave lessons out until they take at most {minutes}.",
            )
        for name in agenda.lessons:
            if minutes not in lessons[name].contract.agenda:
                raise HandsonError(
                    f"{path}: [agendas.{minutes}] lists {name!r}, but its header says {_listed(lessons[name])}.",
                    f"Add {minutes} to the key 'agenda' in {lessons[name].path}, or take the lesson out.",
                )
    for lesson in lessons.values():
        for minutes in lesson.contract.agenda:
            if minutes not in workshop.agendas or lesson.name not in workshop.agendas[minutes].lessons:
                raise HandsonError(
                    f"{lesson.path}: the header says agenda {minutes}, but {path} does not list {lesson.name!r} there.",
                    f"Agendas: {', '.join(map(str, workshop.agendas))}. Correct the key 'agenda' or the list.",
                )


def _listed(lesson: Lesson) -> str:
    return f"agenda: {list(lesson.contract.agenda)}"


def _agree_on_assets(lessons: tuple[Lesson, ...], manifest: Manifest) -> None:
    needed: set[str] = set()
    for lesson in lessons:
        for name in lesson.contract.assets:
            if name not in manifest.assets:
                raise UnknownNameError("asset", name, manifest.assets, f"assets.toml (needed by {_short(lesson.path)})")
        needed |= set(lesson.contract.assets)
    if unneeded := sorted(name for name, asset in manifest.assets.items() if name not in needed and not asset.extra):
        raise HandsonError(
            f"assets.toml describes {', '.join(map(repr, unneeded))}, which no lesson needs.",
            "Name it under 'assets' in the header of a lesson, say `extra = true`, or take it out.",
        )


def _short(path: Path) -> str:
    return "/".join(path.parts[-3:])
