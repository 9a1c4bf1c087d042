"""The documentation does not fall behind: every command and every setting is in the README, every figure has its source."""

from __future__ import annotations

import re

import typer

from handson.cli import app
from handson.lessons.catalog import read_catalog
from handson.lessons.records import read_record
from handson.lessons.render import render
from handson.lessons.source import learner_text
from handson.workshop import read_workshop
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
INTERNAL = {"HANDSON_CHECK", "HANDSON_SEED", "HANDSON_FORGE", "HANDSON_SEAT"}
"""Set by `handson check` for its kernels, by `handson room` for its seats; nobody else sets them."""


def test_every_lesson_is_in_the_readme_with_its_minutes() -> None:
    for lesson in read_catalog(read_workshop(ROOT)).lessons:
        assert f"| *{lesson.contract.title}* | {lesson.contract.minutes} |" in README


def test_no_bench_is_listed_without_its_table() -> None:
    for page in (ROOT / "bench").glob("*/README.md"):
        (filled,) = re.findall(
            r"<!-- table -->\n(.*)<!-- end of table -->", page.read_text(encoding="utf-8"), re.DOTALL
        )
        assert filled.startswith("| "), page


def test_every_command_is_in_the_readme() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"^\| `handson (\w+)", README, re.MULTILINE)) == commands


def test_every_command_of_the_zoo_is_in_the_readme() -> None:
    (listed,) = re.findall(r"^\| `handson zoo ([^`]*)`", README, re.MULTILINE)
    commands = typer.main.get_command(app).commands["zoo"].commands  # type: ignore[attr-defined]
    assert set(listed.split("\\|")) == set(commands)


def test_every_setting_is_in_the_readme_and_every_setting_there_exists() -> None:
    sources = [ROOT / "start.py", *(ROOT / "src").rglob("*.py")]
    used = {name for path in sources for name in re.findall(r"\bHANDSON_[A-Z]+\b", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"^\| `(HANDSON_[A-Z]+)`", README, re.MULTILINE)) == used - INTERNAL


def test_the_files_that_the_readme_points_to_are_there() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(r'<img src="([^"]+)"', README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_fetch_all_is_what_the_contracts_name() -> None:
    catalog = read_catalog(read_workshop(ROOT))
    assert set(catalog.manifest.needed()) == {name for lesson in catalog.lessons for name in lesson.contract.assets}


def test_every_figure_quoted_in_a_lesson_was_measured() -> None:
    for lesson in read_catalog(read_workshop(ROOT)).lessons:
        record = read_record(lesson)
        assert record is not None, f"{lesson.name} has no record: run `handson check {lesson.name} --record`"
        assert set(record.measured) == {"embedded", "full"}, lesson.name
        assert record.picture
        render(lesson, "learner", record)  # raises where a quoted figure was not reported


def test_prose_between_two_cells_and_cells_are_short() -> None:
    """At most 60 words and 20 lines; the last cell, which sums up, may be longer."""
    for lesson in read_catalog(read_workshop(ROOT)).lessons:
        words = 0
        for cell in lesson.cells[:-1]:
            if cell.kind == "code":
                words = 0
                lines = len(learner_text(cell).splitlines())
                assert "check" in cell.tags or lines <= 20, f"{lesson.path.name}:{cell.line}: {lines} lines"
            elif not cell.tags:
                words += len(re.findall(r"\w+", cell.text))
                assert words <= 60, f"{lesson.path.name}:{cell.line}: {words} words since the last cell"
