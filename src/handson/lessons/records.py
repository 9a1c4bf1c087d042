"""What the last recorded check measured: the only source of the figures and pictures in a lesson's prose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from handson.lessons.source import Lesson


class MeasuredFigures(BaseModel):
    """Means over the seeds, with one kind of data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: int
    figures: Mapping[str, float]


class Record(BaseModel):
    """One lesson's recorded measurements and its picture's bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measured: Mapping[str, MeasuredFigures]
    picture: bytes | None = None

    def figure(self, data: str, name: str) -> float | None:
        """The mean of figure `name` with `data` (full or embedded), or None."""
        measured = self.measured.get(data)
        return measured.figures.get(name) if measured else None

    def figure_names(self, data: str) -> tuple[str, ...]:
        """The figures that were reported with `data`."""
        measured = self.measured.get(data)
        return tuple(sorted(measured.figures)) if measured else ()


def records_folder(lesson: Lesson) -> Path:
    """`recorded/` beside the lesson: `<name>.json` and the picture."""
    return lesson.path.parent / "recorded"


def read_record(lesson: Lesson) -> Record | None:
    """The lesson's record, or None where none was made yet."""
    folder = records_folder(lesson)
    file = folder / f"{lesson.name}.json"
    if not file.exists():
        return None
    record = Record.model_validate_json(file.read_text(encoding="utf-8"))
    picture = folder / lesson.contract.picture
    return record.model_copy(update={"picture": picture.read_bytes() if picture.exists() else None})


def write_record(lesson: Lesson, data: str, figures: MeasuredFigures, picture: Path | None) -> Path:
    """Store what was measured with `data`, keeping the other data's; returns the file written.

    The picture is stored with full data only: it is the one a prepared learner makes.
    """
    folder = records_folder(lesson)
    folder.mkdir(exist_ok=True)
    before = read_record(lesson)
    record = Record(measured={**(before.measured if before else {}), data: figures})
    file = folder / f"{lesson.name}.json"
    file.write_text(record.model_dump_json(indent=2, exclude={"picture"}) + "\n", encoding="utf-8")
    if picture is not None and data == "full":
        (folder / lesson.contract.picture).write_bytes(picture.read_bytes())
    return file
