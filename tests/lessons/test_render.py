"""From one source come the learner's notebook and the solved one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from handson.errors import HandsonError
from handson.lessons.records import MeasuredFigures, Record
from handson.lessons.render import render
from handson.lessons.source import Lesson, read_lesson

RECORD = Record(measured={"embedded": MeasuredFigures(seeds=3, figures={"sum": 4.04})}, picture=b"PNG")


@pytest.fixture
def lesson(make_workshop: Callable[..., Path]) -> Lesson:
    return read_lesson(make_workshop() / "lessons" / "numbers" / "01_add.py")


def text(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells)


def test_both_versions_are_valid_notebooks_without_outputs(lesson: Lesson) -> None:
    for version in ("learner", "solved"):
        notebook = render(lesson, version, RECORD)  # type: ignore[arg-type]
        nbformat.validate(notebook)
        assert all(not cell.get("outputs") for cell in notebook.cells)
        assert notebook.metadata.handson == {"lesson": "add", "version": version}


def test_rendering_twice_gives_the_same_file(lesson: Lesson) -> None:
    assert nbformat.writes(render(lesson, "learner", RECORD)) == nbformat.writes(render(lesson, "learner", RECORD))


def test_the_learner_gets_the_stub_and_folded_hints_that_end_with_the_solution(lesson: Lesson) -> None:
    notebook = render(lesson, "learner", RECORD)
    exercise = next(cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", ()))
    assert "return 0" in exercise.source
    assert "a + b" not in exercise.source
    assert "raises-exception" in exercise.metadata.tags  # "Run all" goes on behind an open exercise
    hints = notebook.cells[notebook.cells.index(exercise) + 1].source
    assert hints.index("Hint 1") < hints.index("Hint 2") < hints.index("Solution") < hints.index("return a + b")
    assert hints.count("<details>") == 3


def test_the_solved_version_has_the_solution_and_no_hints(lesson: Lesson) -> None:
    notebook = render(lesson, "solved", RECORD)
    assert "return a + b" in text(notebook)
    assert "Hint" not in text(notebook)
    assert "raises-exception" not in str([cell.metadata for cell in notebook.cells])


def test_the_check_is_folded_and_the_presenters_notes_are_left_out(lesson: Lesson) -> None:
    notebook = render(lesson, "learner", RECORD)
    (check,) = [cell for cell in notebook.cells if cell.metadata.get("tags") == ["check"]]
    assert check.metadata.jupyter.source_hidden is True
    assert "one breath" not in text(notebook)


def test_figures_and_the_picture_come_from_the_record(lesson: Lesson) -> None:
    first = render(lesson, "learner", RECORD).cells[0]
    assert "The sum was 4.0." in first.source
    assert "![A plus sign.](attachment:sum.png)" in first.source
    assert base64.b64decode(first.attachments["sum.png"]["image/png"]) == b"PNG"


def test_without_a_record_nothing_is_claimed(lesson: Lesson) -> None:
    first = render(lesson, "learner", None).cells[0]
    assert "The sum was (not measured yet)." in first.source
    assert "A plus sign." in first.source
    assert not first.get("attachments")


def test_of_data_that_were_not_measured_yet_nothing_is_claimed_either(lesson: Lesson) -> None:
    record = Record(measured={"full": MeasuredFigures(seeds=1, figures={"sum": 4.0})})
    assert "The sum was (not measured yet)." in render(lesson, "learner", record).cells[0].source


def test_a_quoted_figure_that_was_not_measured_is_an_error_with_the_line(lesson: Lesson) -> None:
    record = Record(measured={"embedded": MeasuredFigures(seeds=1, figures={"other": 1.0})})
    with pytest.raises(
        HandsonError, match=r"01_add.py:19: the text quotes \{\{embedded.sum:.1f\}\}.*\n.*Reported: other"
    ):
        render(lesson, "learner", record)
