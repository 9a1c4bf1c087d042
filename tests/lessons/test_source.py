"""A lesson's text is read into its contract and cells, and what is wrong is named with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.lessons.source import Lesson, learner_text, read_lesson, solution_text, solved_text

MakeWorkshop = Callable[..., Path]


def read(root: Path) -> Lesson:
    return read_lesson(root / "lessons" / "numbers" / "01_add.py")


def test_the_page_may_promise_less_where_it_carries_less(make_workshop: MakeWorkshop) -> None:
    plain, less = (read(make_workshop(*edit)) for edit in ((), (("    full:", "    page: sum >= 3\n#     full:"),)))
    for lesson, wanted in ((plain, "sum >= 4"), (less, "sum >= 3")):
        assert [str(target) for target in lesson.contract.targets("full", "page")] == [wanted]
        assert [str(target) for target in lesson.contract.targets("embedded", "page")] == ["sum >= 4"]
        assert [str(target) for target in lesson.contract.targets("full")] == ["sum >= 4"]


def test_in_the_page_the_processor_may_take_twice_as_long(make_workshop: MakeWorkshop) -> None:
    contract = read(make_workshop(("full: sum >= 4", "full: [sum >= 4, cpu_seconds_adding <= 3]"))).contract
    assert [str(target) for target in contract.targets("full")] == ["sum >= 4", "cpu_seconds_adding <= 3"]
    assert [str(target) for target in contract.targets("full", "page")] == ["sum >= 4", "cpu_seconds_adding <= 6"]
    assert contract.cpu_budget("page") == 2 * contract.cpu_budget() == 2 * contract.cpu_seconds


def test_a_lesson_has_its_contract_its_cells_and_their_lines(make_workshop: MakeWorkshop) -> None:
    lesson = read(make_workshop())
    assert (lesson.track, lesson.number, lesson.name) == ("numbers", 1, "add")
    assert lesson.contract.minutes == 5
    assert [str(target) for target in lesson.contract.targets("full")] == ["sum >= 4"]
    lines = lesson.path.read_text().splitlines()
    for cell in lesson.cells:
        assert lines[cell.line - 1].startswith("# %%")
    assert [cell.kind for cell in lesson.cells[:3]] == ["markdown", "markdown", "code"]
    assert len(lesson.exercises) == 1


def test_an_exercise_is_solved_a_stub_or_the_solution_alone(make_workshop: MakeWorkshop) -> None:
    (exercise,) = read(make_workshop()).exercises
    assert "return a + b" in solved_text(exercise)
    assert "return 0" not in solved_text(exercise)
    assert "    # your line\n    return 0\n" in learner_text(exercise)
    assert "a + b" not in learner_text(exercise)
    assert solution_text(exercise).strip() == "return a + b"
    assert "---" not in solved_text(exercise) + learner_text(exercise)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#   minutes: 5", "#   minuets: 5", "minuets: unknown key. Did you mean 'minutes'? Valid keys: agenda, "),
        ("#   minutes: 5\n", "", "minutes: this key is missing."),
        ("#   minutes: 5", "#   minutes: none", "01_add.py:5: minutes:"),
        ("full: sum >= 4", "full: sum is four", "a target is written like 'accuracy >= 0.99'"),
        ("full: sum >= 4", "whole: sum >= 4", "target.whole: unknown key. Valid keys: embedded, full, page."),
        ("picture: sum.png", "picture: ../sum.png", "01_add.py:11: picture:"),
        ("tiers: [laptop]", "tiers: [moon]", "'page', 'laptop', 'room' or 'image'"),
        ("title: Add", "title: Add: two", "01_add.py:3: the header is not valid YAML"),
        ("# handson:", "# hadson:", "the header has no contract"),
        ("# ---\n# handson:", "# handson:", "the lesson has no header"),
        ('tags=["hint"]', 'tags=["hnit"]', "unknown tag 'hnit'"),
        ("    # --- stub\n", "", "'# --- end' where '# --- stub' belongs"),
        ("    # --- end\n", "", "the exercise has no '# --- end'"),
        ("# %% [markdown]\n# # Add", "x = 1\n\n# %% [markdown]\n# # Add", "there is text before the first cell"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_valid_names(
    make_workshop: MakeWorkshop, old: str, new: str, message: str
) -> None:
    root = make_workshop((old, new))
    with pytest.raises(HandsonError) as raised:
        read(root)
    assert message in str(raised.value)
    assert "01_add.py" in str(raised.value)
    assert raised.value.way_out


def test_a_file_that_is_not_named_like_a_lesson_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match="two digits"):
        read_lesson(tmp_path / "digits.py")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "01_add.py"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HandsonError, match="could not be read"):
        read_lesson(path)
