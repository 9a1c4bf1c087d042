"""What bars a set-up is told before the first file is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handson import doctor
from handson.environment import setup
from handson.environment.places import Places, Sizes, platform_name, sizes
from handson.environment.trouble import SetupError


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "requirements.lock").write_text("")
    return Places(tmp_path, tmp_path / ".venv", None, tmp_path / "cache")


def refusal(places: Places) -> SetupError:
    with pytest.raises(SetupError) as error:
        setup.ready(places, "laptop", say=lambda _: None)
    return error.value


def test_too_old_a_python(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "probe_python", lambda: doctor.PythonFacts((3, 10, 4)))
    error = refusal(places)
    assert "3.10.4, 64-bit is too old; needed is Python 3.11 to 3.14" in error.cause
    assert "https://www.python.org/downloads/" in error.way_out


def test_no_venv_module(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "probe_venv", lambda: doctor.VenvFacts(("ensurepip",), "debian"))
    error = refusal(places)
    assert "lacks the module ensurepip" in error.cause
    assert "sudo apt install python3-venv" in error.way_out


def test_a_mac_with_an_intel_processor(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "probe_system", lambda: doctor.SystemFacts("darwin", "x86_64", "x86_64", (13, 6)))
    error = refusal(places)
    assert "Intel" in error.cause
    assert all(tier in error.way_out for tier in ("page", "room", "image"))


def test_no_disk_space(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    need = sizes(platform_name(), "laptop").unpacked_mb
    monkeypatch.setattr(
        doctor, "probe_disk", lambda env, _cache, mb: [doctor.Place("environment", str(env), 1, 300, mb)]
    )
    error = refusal(places)
    assert f"300 MB free where the environment goes ({places.env}), {round(need * 1.1)} MB needed" in error.cause
    assert "--env FOLDER" in error.way_out


def test_too_long_a_path_on_windows(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    long = doctor.PathFacts("win32", "C:\\Users\\Anna\\" + "Documents\\" * 8, 185)
    monkeypatch.setattr(doctor, "probe_path", lambda *_: long)
    error = refusal(places)
    assert "Windows refuses more than 259" in error.cause
    assert "C:\\handson" in error.way_out


def test_a_read_only_folder(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "probe_folder", lambda folder: doctor.FolderFacts(str(folder), "Read-only file system"))
    error = refusal(places)
    assert "nothing can be written" in error.cause
    assert "--env FOLDER" in error.way_out
    assert not places.env.exists()


def test_a_folder_that_start_py_has_not_made_is_not_touched(places: Places) -> None:
    places.env.mkdir()
    (places.env / "thesis.tex").write_text("all of it")
    error = refusal(places)
    assert "start.py has not made it" in error.cause
    assert [path.name for path in places.env.iterdir()] == ["thesis.tex"]


def test_repair_does_not_touch_it_either(places: Places) -> None:
    places.env.mkdir()
    (places.env / "thesis.tex").write_text("all of it")
    with pytest.raises(SetupError, match="has not made it"):
        setup.ready(places, "laptop", say=lambda _: None, remake=True)
    assert (places.env / "thesis.tex").exists()


def test_clearing_keeps_the_lock_that_is_held(places: Places) -> None:
    places.state.mkdir(parents=True)
    for name in ("lock", "lock.owner", "stamp.json", "log.txt"):
        (places.state / name).write_text("")
    (places.env / "lib").mkdir()
    (places.env / "lib64").symlink_to("lib")
    setup.clear(places)
    assert [path.name for path in places.env.iterdir()] == [".handson"]
    assert {path.name for path in places.state.iterdir()} == {"lock", "lock.owner"}


def belongs_to_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let us be root, and `path` alone be user 4711's."""
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "owner_of", lambda folder: 4711 if folder == path else 0)


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no root")


@posix
def test_root_installs_nothing_into_the_environment_of_another(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.root / "requirements-room.lock").write_text("")
    monkeypatch.delenv("SUDO_UID", raising=False)
    places.state.mkdir(parents=True)
    belongs_to_another(places.env, monkeypatch)
    before = sorted(places.env.rglob("*"))
    with pytest.raises(SetupError, match="is user 4711's, and this is root") as error:
        setup.ready(places, "room", say=lambda _: None)
    assert "without sudo first: python3 start.py room   then: sudo " in error.value.way_out
    assert f"{places.scripts / 'handson'} room" in error.value.way_out
    assert "--env FOLDER" in error.value.way_out
    assert "without sudo first: python3 start.py   (or" in refusal(places).way_out
    assert sorted(places.env.rglob("*")) == before


@posix
def test_sudo_makes_no_environment_in_the_folder_of_another(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    belongs_to_another(places.root, monkeypatch)
    monkeypatch.setenv("SUDO_UID", "4711")
    assert "is user 4711's" in refusal(places).cause
    assert not places.env.exists()


@posix
@pytest.mark.parametrize("sudo", [True, False])
def test_an_environment_of_roots_own_is_roots_also_in_anothers_folder(
    places: Places, monkeypatch: pytest.MonkeyPatch, sudo: bool
) -> None:
    belongs_to_another(places.root, monkeypatch)
    monkeypatch.setattr(doctor, "probe_folder", lambda folder: doctor.FolderFacts(str(folder), "stopped here"))
    monkeypatch.delenv("SUDO_UID", raising=False)
    if sudo:
        monkeypatch.setenv("SUDO_UID", "4711")
        places.state.mkdir(parents=True)
    assert "stopped here" in refusal(places).cause


def test_sizes_are_known_for_every_platform_and_grow_with_what_is_installed() -> None:
    for platform in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"):
        plain, room, tools = sizes(platform, "laptop"), sizes(platform, "room"), sizes(platform, "test")
        assert 500 < plain.unpacked_mb <= room.unpacked_mb < tools.unpacked_mb < 3000
        assert (plain.unpacked_mb < room.unpacked_mb) == platform.startswith("linux"), "rooms are Linux's"
        assert plain.wheel_mb < plain.unpacked_mb
        assert 100 < plain.longest_path < 259
    assert isinstance(sizes("plan9-mips", "laptop"), Sizes)
