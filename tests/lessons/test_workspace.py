"""A learner's edits are never overwritten; a newer version is put beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.lessons.source import Lesson, read_lesson
from handson.lessons.workspace import notebook_path, update_workspace

MakeWorkshop = Callable[..., Path]
NOTEBOOK = Path("numbers/01_add.ipynb")


@pytest.fixture
def version(make_workshop: MakeWorkshop) -> Callable[[str], Lesson]:
    """The lesson with another word in its prose."""

    def make(word: str) -> Lesson:
        return read_lesson(make_workshop(("# # Add", f"# # {word}")) / "lessons" / "numbers" / "01_add.py")

    return make


def test_lessons_are_written_where_they_are_opened(tmp_path: Path, version: Callable[[str], Lesson]) -> None:
    (given,) = update_workspace(tmp_path / "mine", [version("Add")], {"cat": {}})
    assert (given.path, given.state) == (NOTEBOOK, "new")
    assert given.path == notebook_path(version("Add"))
    assert "# Add" in (tmp_path / "mine" / NOTEBOOK).read_text()
    assert json.loads((tmp_path / "mine" / ".handson" / "assets.json").read_text()) == {"cat": {}}


def test_an_untouched_lesson_is_updated(tmp_path: Path, version: Callable[[str], Lesson]) -> None:
    update_workspace(tmp_path, [version("Add")], {})
    assert update_workspace(tmp_path, [version("Add")], {})[0].state == "same"
    assert update_workspace(tmp_path, [version("Plus")], {})[0].state == "updated"
    assert "# Plus" in (tmp_path / NOTEBOOK).read_text()


def test_an_edited_lesson_stays_and_the_newer_one_is_put_beside_it_once(
    tmp_path: Path, version: Callable[[str], Lesson]
) -> None:
    update_workspace(tmp_path, [version("Add")], {})
    mine = (tmp_path / NOTEBOOK).read_text().replace("return 0", "return 42")
    (tmp_path / NOTEBOOK).write_text(mine)
    assert update_workspace(tmp_path, [version("Add")], {})[0].state == "same"
    (given,) = update_workspace(tmp_path, [version("Plus")], {})
    assert given.state == "beside"
    assert (tmp_path / NOTEBOOK).read_text() == mine
    assert "# Plus" in (tmp_path / given.path).read_text()
    assert update_workspace(tmp_path, [version("Plus")], {})[0].state == "same"
    assert len(list((tmp_path / "numbers").iterdir())) == 2


def test_what_lies_there_without_a_memory_of_it_is_the_learners(
    tmp_path: Path, version: Callable[[str], Lesson]
) -> None:
    (tmp_path / "numbers").mkdir()
    (tmp_path / NOTEBOOK).write_text("mine")
    (given,) = update_workspace(tmp_path, [version("Add")], {})
    assert given.state == "beside"
    assert (tmp_path / NOTEBOOK).read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, version: Callable[[str], Lesson]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HandsonError, match=r"could not be written.*\n.*--to FOLDER"):
        update_workspace(tmp_path / "file" / "below", [version("Add")], {})
