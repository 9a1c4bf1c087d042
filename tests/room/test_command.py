from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from handson.cli import room as command
from handson.errors import HandsonError, UnknownNameError


def ask(tmp_path: Path, **more: object) -> None:
    command.host_class(**{"state": tmp_path / "state", "page": False, "trust_everyone": True, "mdns": "", **more})  # type: ignore[arg-type]


def test_an_agenda_that_there_is_not_is_answered_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"There is no agenda named '7'\.(.|\n)*Valid names: 120, 60"):
        ask(tmp_path, agenda=7, address="127.0.0.1")


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match=r"'192\.0\.2\.1' is no address of this machine"):
        ask(tmp_path, address="192.0.2.1")


def test_what_is_not_installed_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("jupyterhub", "segno") else there(name)
    )
    with pytest.raises(
        HandsonError, match=r"needs jupyterhub, segno, which are not installed(.|\n)*handson\[laptop,room\]"
    ):
        ask(tmp_path)


def test_half_a_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_front_end", lambda: tmp_path)
    with pytest.raises(HandsonError, match="that is one file"):
        ask(tmp_path, address="127.0.0.1", tls="cert.pem")


def test_a_folder_that_is_no_lesson_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_front_end", lambda: tmp_path)
    with pytest.raises(HandsonError, match=r"is no lesson page: it has no index\.html"):
        ask(tmp_path, address="127.0.0.1", page=True, site=tmp_path)


def test_forgetting_says_whether_there_was_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    ask(tmp_path, forget=True)
    assert "removed" in capsys.readouterr().out
    ask(tmp_path, forget=True)
    assert "there was nothing" in capsys.readouterr().out
