"""What the last recorded check measured: the only source of the figures and pictures in a lesson's prose."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from handson.lessons.source import Lesson

_LARGEST = 600_000
"""Bytes that a recorded PNG should not pass: it stays in the repository and in every notebook of the lesson."""
_SMALLER = ((256, 1.0), (256, 0.75), (256, 0.5), (128, 0.5), (64, 0.4))
"""Colors and scale, tried in this order until a picture is small enough."""


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
        (folder / lesson.contract.picture).write_bytes(fit_to_keep(picture.read_bytes()))
    return file


def fit_to_keep(content: bytes, largest: int = _LARGEST) -> bytes:
    """A picture as it is recorded: a PNG of more than `largest` bytes with fewer colors and then fewer pixels.

    The learner's own file keeps all of both; other formats are left alone.
    """
    if len(content) <= largest or not content.startswith(b"\x89PNG"):
        return content
    from PIL import Image

    with Image.open(io.BytesIO(content)) as opened:
        picture = opened.convert("RGB")
    for colors, scale in _SMALLER:
        size = (round(picture.width * scale), round(picture.height * scale))
        scaled = picture.resize(size, Image.Resampling.LANCZOS) if scale < 1 else picture
        file = io.BytesIO()
        scaled.quantize(colors, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= largest:
            break
    return file.getvalue()
