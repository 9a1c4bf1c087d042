"""What `handson rehearse` answers to a wrong word, and what it knows of the workshop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from handson.cli.rehearse import _course
from handson.lessons.catalog import read_catalog
from handson.lessons.source import solved_text
from handson.workshop import read_workshop
from tests.conftest import ROOT
from tests.test_cli import handson


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["3", "--room", "http://8.8.8.8/"], 1, "8.8.8.8 (8.8.8.8) is a public address."),
        (["3", "--room", "nonsense://x"], 1, "'nonsense://x' is no address of a room."),
        (["3", "--limit", "joining=3"], 2, "There is no limit named 'joining'."),
        (["3", "--limit", "join_last=soon"], 1, "--limit join_last: "),
        (["3", "--limit", "memory_free=2"], 1, "--limit memory_free: "),
        (["3", "--agenda", "7"], 2, "There is no agenda named '7'."),
        (["1"], 2, "greater than or equal to 2"),
        (["101"], 1, "101 is more than a room lets in at once from one device, which is 100."),
    ],
)
def test_a_wrong_word_is_answered_with_a_way_out(
    arguments: list[str],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert handson(monkeypatch, "rehearse", *arguments, "--state", str(tmp_path), "--no-browser") == status
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_is_no_room_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "settings.json").write_text("{}")
    assert handson(monkeypatch, "rehearse", "3", "--state", str(tmp_path)) == 1
    assert "does not tell of a room" in capsys.readouterr().err


def test_attendees_know_the_agendas_lessons_and_their_solutions() -> None:
    catalog = read_catalog(read_workshop(ROOT))
    course = _course(catalog, 60)
    assert [lesson.name for lesson in course] == list(catalog.workshop.agendas[60].lessons)
    digits = catalog.find("digits")
    (known,) = [lesson for lesson in course if lesson.name == "digits"]
    assert (known.path, known.minutes) == ("vision/02_digits.ipynb", 15)
    assert known.solutions == tuple(map(solved_text, digits.exercises))
    assert "optimizer.zero_grad()" in known.solutions[1]


def test_a_rehearsal_loads_no_pytorch() -> None:
    """It has to fit beside the room."""
    code = "import sys, handson.rehearse.launch, handson.rehearse.report, handson.rehearse.verdict; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
