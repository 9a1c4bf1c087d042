from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from handson.cli import console
from handson.cli import room as command
from handson.errors import HandsonError, UnknownNameError
from handson.room.hub.config import part_environment
from tests.conftest import ROOT


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
    monkeypatch.chdir(ROOT)
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("jupyterhub", "segno") else there(name)
    )
    with pytest.raises(
        HandsonError, match=r"needs jupyterhub, segno, which are not installed\.\n  python3 start\.py room$"
    ):
        ask(tmp_path)


def test_where_no_start_py_is_near_pip_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_WORKSHOP", raising=False)
    monkeypatch.setattr(console, "__file__", str(tmp_path / "lib" / "python" / "handson" / "cli" / "console.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    assert console.bring_room() == f"{sys.executable} -m pip install 'handson[laptop,room]'"


def test_beside_the_environment_of_a_stick_start_py_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stick = tmp_path / "my stick"
    stick.mkdir()
    monkeypatch.setattr(console, "__file__", str(tmp_path / "lib" / "python" / "handson" / "cli" / "console.py"))
    monkeypatch.setattr(sys, "prefix", str(stick / ".venv"))
    (stick / "start.py").touch()
    assert "pip install" in console.bring_room(), "a start.py that knows no rooms brings none"
    (stick / "requirements-room.lock").touch()
    assert console.bring_room() == f"python3 '{stick}/start.py' room"
    monkeypatch.chdir(stick)
    assert console.bring_room() == "python3 start.py room"


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workshop with an environment, in which `handson room --seats 40` was typed by somebody who is not root."""
    root = tmp_path / "my workshop"
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "handson").touch()
    monkeypatch.delenv("HANDSON_WORKSHOP", raising=False)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(sys, "argv", ["handson", "room", "--seats", "40"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.chdir(root)
    return root


@pytest.mark.usefixtures("typed")
def test_without_root_the_command_to_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match="Without root, seats are plain processes") as refused:
        ask(tmp_path, trust_everyone=False)
    assert "Run it as root: sudo .venv/bin/handson room --seats 40   (or add --trust-everyone" in refused.value.way_out
    assert console.with_sudo("rehearse") == "sudo .venv/bin/handson rehearse"


def test_the_command_to_type_names_what_sudo_does_not_pass_on(
    typed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDSON_WORKSHOP", str(typed))
    assert console.with_sudo("room") == "sudo .venv/bin/handson room --seats 40"
    monkeypatch.chdir(tmp_path)
    assert console.with_sudo("room") == (f"sudo 'my workshop/.venv/bin/handson' room --seats 40 --workshop '{typed}'")
    programs = typed / ".venv" / "bin"
    monkeypatch.chdir(programs)
    assert console.with_sudo("room") == f"sudo '{programs}/handson' room --seats 40", (
        "sudo looks for bare names on PATH"
    )
    monkeypatch.chdir(tmp_path)
    (programs / "handson").unlink()
    assert console.with_sudo("room").startswith(f"sudo '{typed}/.venv/bin/python' -m handson room")


@pytest.mark.parametrize(("user", "owner", "kept"), [(0, 1000, False), (0, 0, True), (1000, 1000, True)])
def test_root_leaves_no_bytecode_in_the_environment_of_another(
    user: int, owner: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(console, "Path", lambda _: SimpleNamespace(stat=lambda: SimpleNamespace(st_uid=owner)))
    console.leave_no_bytecode()
    assert sys.dont_write_bytecode is not kept
    assert os.environ["PYTHONDONTWRITEBYTECODE"] == ("" if kept else "1")
    assert "PYTHONDONTWRITEBYTECODE" in part_environment(dict(os.environ), {}), "nor do the room's parts"


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
