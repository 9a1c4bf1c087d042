"""From one lesson source to the notebooks made of it: the learner's and the solved one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, Literal

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from handson.errors import HandsonError
from handson.lessons.records import Record
from handson.lessons.source import Cell, Lesson, learner_text, solution_text, solved_text

Version = Literal["learner", "solved"]

_FIGURE = re.compile(r"\{\{\s*(?P<data>full|embedded)\.(?P<figure>\w+)(:(?P<format>[^}]+))?\s*\}\}")
_PICTURE = re.compile(r"\{\{\s*picture\s*\}\}")
_NOT_MEASURED = "(not measured yet)"


def render(lesson: Lesson, version: Version, record: Record | None) -> nbformat.NotebookNode:
    """The notebook (nbformat 4.5, no outputs) of `lesson`.

    Figures in the prose, written `{{full.accuracy:.1%}}`, and the picture, `{{picture}}`, come from `record`, the
    last recorded `handson check`; without one, with that data, they say that nothing was measured.
    """
    notebook = new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            "handson": {"lesson": lesson.name, "version": version},
        }
    )
    notebook.cells = list(_rendered_cells(lesson, version, record))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{lesson.name[:50].replace('_', '-')}-{number:03}"
    return notebook  # type: ignore[no-any-return]  # nbformat has no types


def _rendered_cells(lesson: Lesson, version: Version, record: Record | None) -> Iterator[Any]:
    exercise: Cell | None = None
    hints: list[Cell] = []
    for cell in (*lesson.cells, None):
        if cell is not None and "hint" in cell.tags:
            hints.append(cell)
            continue
        if exercise is not None and version == "learner":
            yield _folded_hints(hints, exercise)
        exercise, hints = None, []
        if cell is None or "notes" in cell.tags:
            continue
        if cell.kind == "markdown":
            yield _markdown(lesson, cell, record)
        elif "exercise" in cell.tags:
            yield _exercise(cell, version)
            exercise = cell
        elif "check" in cell.tags:
            yield new_code_cell(cell.text, metadata={"tags": ["check"], "jupyter": {"source_hidden": True}})
        else:
            yield new_code_cell(cell.text)


def _exercise(cell: Cell, version: Version) -> Any:
    if version == "solved":
        return new_code_cell(solved_text(cell), metadata={"tags": ["exercise"]})
    # With this tag, "Run all" goes on behind an exercise that is not done yet.
    return new_code_cell(learner_text(cell), metadata={"tags": ["exercise", "raises-exception"]})


def _folded_hints(hints: list[Cell], exercise: Cell) -> Any:
    folds = [
        f"<details><summary>Hint {number}</summary>\n\n{hint.text}\n\n</details>"
        for number, hint in enumerate(hints, start=1)
    ]
    folds.append(f"<details><summary>Solution</summary>\n\n```python\n{solution_text(exercise)}\n```\n\n</details>")
    return new_markdown_cell("\n\n".join(folds))


def _markdown(lesson: Lesson, cell: Cell, record: Record | None) -> Any:
    def figure(found: re.Match[str]) -> str:
        if record is None or found["data"] not in record.measured:
            return _NOT_MEASURED
        value = record.figure(found["data"], found["figure"])
        if value is None:
            raise HandsonError(
                f"{lesson.path}:{cell.line}: the text quotes {found[0]}, which the recorded check did not report.",
                f"Reported: {', '.join(record.figure_names(found['data'])) or 'nothing'}. "
                "Run `handson check --record`.",
            )
        return format(value, found["format"] or "g")

    text = _FIGURE.sub(figure, cell.text)
    if not _PICTURE.search(text):
        return new_markdown_cell(text)
    picture = record.picture if record else None
    if picture is None:
        return new_markdown_cell(_PICTURE.sub(f"*{lesson.contract.picture_alt}*", text))
    name = lesson.contract.picture
    mime = "image/gif" if name.endswith(".gif") else "image/png"
    return new_markdown_cell(
        _PICTURE.sub(f"![{lesson.contract.picture_alt}](attachment:{name})", text),
        attachments={name: {mime: base64.b64encode(picture).decode("ascii")}},
    )
