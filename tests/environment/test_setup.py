"""What bars a set-up is told before the first file is written."""

from __future__ import annotations

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
        setup.ready(places, tests=False, say=lambda _: None)
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
    need = sizes(platform_name(), tests=False).unpacked_mb
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
        setup.ready(places, tests=False, say=lambda _: None, remake=True)
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


def test_sizes_are_known_for_every_platform_and_more_with_the_test_tools() -> None:
    for platform in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"):
        plain, tools = sizes(platform, tests=False), sizes(platform, tests=True)
        assert 500 < plain.unpacked_mb < tools.unpacked_mb < 3000
        assert plain.wheel_mb < plain.unpacked_mb
        assert 100 < plain.longest_path < 259
    assert isinstance(sizes("plan9-mips", tests=False), Sizes)
