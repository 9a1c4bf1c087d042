"""The words after start.py."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from handson.doctor import CoreFacts
from handson.environment import command
from handson.environment.command import Request, parse, places_for, side_by_side
from handson.environment.trouble import SetupError


def test_nothing_means_open() -> None:
    assert parse([]) == Request()


def test_own_options_stand_before_the_command_and_its_own_are_passed_on() -> None:
    request = parse(["--env", "E", "--wheels=W", "--repair", "test", "-k", "digits", "--env"])
    assert request == Request(Path("E"), Path("W"), repair=True, words=("test", "-k", "digits", "--env"))


def test_an_unknown_option_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(SetupError, match="no option --no-browser") as error:
        parse(["--no-browser"])
    assert "--env, --help, --repair, --wheels" in error.value.way_out
    assert "start.py open --no-browser" in error.value.way_out


def test_an_option_without_its_folder_is_told() -> None:
    with pytest.raises(SetupError, match="--env needs a folder"):
        parse(["--env"])


def test_the_environment_is_beside_start_py_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_ENV", raising=False)
    assert places_for(Request(), tmp_path).env == tmp_path / ".venv"
    monkeypatch.setenv("HANDSON_ENV", str(tmp_path / "elsewhere"))
    assert places_for(Request(), tmp_path).env == tmp_path / "elsewhere"
    assert places_for(Request(env=tmp_path / "named"), tmp_path).env == tmp_path / "named"


def test_a_folder_of_wheels_beside_start_py_is_used(tmp_path: Path) -> None:
    assert places_for(Request(), tmp_path).wheels is None
    (tmp_path / "wheels").mkdir()
    assert places_for(Request(), tmp_path).wheels == tmp_path / "wheels"


def test_a_folder_of_wheels_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="There is no folder"):
        places_for(Request(wheels=tmp_path / "missing"), tmp_path)


@pytest.mark.parametrize(
    ("cores", "workers"),
    [
        (CoreFacts(1, 1), None),
        (CoreFacts(8, 1), None),
        (CoreFacts(8, 8, 1.5), None),
        (CoreFacts(8, 8, 0.5), None),
        (CoreFacts(2, 2), "2"),
        (CoreFacts(16, 3), "3"),
        (CoreFacts(16, 16, 2.5), "2"),
        (CoreFacts(16, 16), "4"),
    ],
)
def test_the_whole_suite_has_a_worker_on_each_core_that_may_be_used(cores: CoreFacts, workers: str | None) -> None:
    words = side_by_side(cores)
    assert words[:4] == (("-n", workers, "--dist", "loadfile") if workers else ())


@pytest.mark.parametrize(
    ("typed", "passed"),
    [((), side_by_side(CoreFacts(2, 2))), (("-k", "digits"), ("-k", "digits"))],
)
def test_a_selection_of_tests_runs_one_after_the_other(
    typed: tuple[str, ...], passed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where it would leave us
    monkeypatch.delenv("HANDSON_ENV", raising=False)
    monkeypatch.setattr(command, "ready", lambda *_: None)
    monkeypatch.setattr("handson.doctor.probe_cores", lambda: CoreFacts(2, 2))
    handed: list[list[str]] = []
    monkeypatch.setattr(command, "hand_over", lambda words: handed.append(words) or 0)
    assert command.main(["test", *typed], tmp_path) == 0
    assert handed[0][1:] == ["-m", "pytest", "-rs", *passed]


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ([], "laptop"),
        (["lessons", "room"], "laptop"),
        (["test", "-k", "room"], "test"),
        (["room", "--seats", "40"], "room"),
        (["rehearse", "30"], "room"),
    ],
)
def test_a_command_gets_what_it_needs_and_all_its_words(
    words: list[str], extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("handson.environment.trouble.sys", SimpleNamespace(platform="linux"))
    asked: list[object] = []
    handed: list[list[str]] = []
    monkeypatch.setattr(command, "ready", lambda _, extra, *more: asked.append(extra))
    monkeypatch.setattr(command, "hand_over", lambda words: handed.append(words) or 0)
    assert command.main(words, tmp_path) == 0
    assert asked == [extra]
    if extra != "test":
        assert handed[0][1:] == ["-m", "handson", *(words or ["open"])]


@pytest.mark.parametrize(("word", "what"), [("room", "A room"), ("rehearse", "A rehearsal")])
def test_a_room_is_refused_before_anything_is_installed_where_there_is_no_linux(
    word: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("handson.environment.trouble.sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(command, "ready", lambda *_: pytest.fail("set up"))
    assert command.main([word], tmp_path) == 1
    said = capsys.readouterr().err
    assert f"{what} runs on Linux only; this is darwin." in said
    assert "the lesson page (`handson kit site`)" in said


def test_help_names_every_option(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["--help"], tmp_path) == 0
    said = capsys.readouterr().out
    assert all(option in said for option in command.OPTIONS)
    assert all(f"start.py {word}" in said for word in command.NEEDS)


def test_the_doctor_needs_no_environment(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["doctor", "--json"], tmp_path) in (0, 1, 2)
    assert '"tiers"' in capsys.readouterr().out
    assert not (tmp_path / ".venv").exists()


def test_a_lock_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["open"], tmp_path) == 1
    said = capsys.readouterr().err
    assert "requirements.lock is missing beside start.py" in said
    assert "Copy the whole folder" in said


def test_a_folder_of_wheels_without_wheels_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / "wheels").mkdir()
    assert command.main([], tmp_path) == 1
    assert "holds no wheels" in capsys.readouterr().err


def test_ctrl_c_is_no_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "ready", interrupted)
    assert command.main([], tmp_path) == 130
    assert capsys.readouterr().err == "\nStopped. The next start.py goes on from here.\n"


def test_what_the_system_refuses_is_told_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr(command, "ready", full)
    assert command.main([], tmp_path) == 1
    said = capsys.readouterr().err
    assert "Setting up failed (/somewhere/file): the disk is full." in said
    assert "Traceback" not in said
