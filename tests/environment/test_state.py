"""What is to be done about the environment that is there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from handson.environment import inventory, state
from handson.environment.places import Extra, Places, larger
from handson.environment.state import Need

PLATFORM = "linux-x86_64"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the environments made here have the layout of POSIX")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A finished environment whose Python is a program that says 3.11."""
    root = tmp_path / "workshop"
    (root / "src" / "handson").mkdir(parents=True)
    (root / "src" / "handson" / "__init__.py").write_text('__version__ = "1"\n')
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "requirements.lock").write_text("rich==1\n")
    (root / "requirements-room.lock").write_text("rich==1\njupyterhub==1\n")
    (root / "requirements-test.lock").write_text("rich==1\njupyterhub==1\npytest==1\n")
    python = tmp_path / "python3.11"
    python.write_text("#!/bin/sh\necho 3.11\n")
    python.chmod(0o755)
    places = Places(root, root / ".venv", None, tmp_path / "cache")
    (places.env / "bin").mkdir(parents=True)
    places.python.symlink_to(python)
    (places.env / "pyvenv.cfg").write_text("home = x\n")
    site = places.env / "lib" / "python3.11" / "site-packages"
    (site / "rich-1.dist-info").mkdir(parents=True)
    (site / "rich-1.dist-info" / "RECORD").write_text("rich.py,sha256=x,5\nrich-1.dist-info/RECORD,,\n")
    (site / "rich.py").write_text("x = 1")
    places.state.mkdir()
    inventory.save(inventory.take(places.env, site), places.state / "inventory.json")
    state.write_stamp(places, state.current_stamp(places, PLATFORM, "laptop"))
    return places


def assess(places: Places, extra: Extra = "laptop", platform: str = PLATFORM) -> tuple[Need, str]:
    found = state.assess(places, platform, extra)
    return found.need, found.reason


def test_a_finished_environment_needs_nothing(places: Places) -> None:
    assert assess(places) == (Need.NOTHING, "")


def test_none_at_all_is_made_without_a_word_of_repair(places: Places, tmp_path: Path) -> None:
    elsewhere = Places(places.root, tmp_path / "new", None, places.cache)
    assert assess(elsewhere) == (Need.MAKE, "")
    elsewhere.env.mkdir()
    assert assess(elsewhere) == (Need.MAKE, "")


def test_somebody_elses_folder_is_left_alone(places: Places, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("")
    need, reason = assess(Places(places.root, tmp_path / "photos", None, places.cache))
    assert need is Need.REFUSE
    assert "start.py has not made it" in reason
    need, reason = assess(Places(places.root, tmp_path / "photos" / "cat.jpg", None, places.cache))
    assert need is Need.REFUSE
    assert "is a file" in reason


def test_without_a_stamp_the_set_up_did_not_end(places: Places) -> None:
    (places.state / "stamp.json").unlink()
    need, reason = assess(places)
    assert need is Need.REMAKE
    assert "did not come to its end" in reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"lock": "x"}'])
def test_half_a_stamp_is_none(places: Places, text: str) -> None:
    (places.state / "stamp.json").write_text(text)
    assert assess(places)[0] is Need.REMAKE


def test_a_missing_file_names_its_distribution(places: Places) -> None:
    (places.env / "lib/python3.11/site-packages/rich.py").unlink()
    found = state.assess(places, PLATFORM, "laptop")
    assert found.need is Need.MEND
    assert found.reason == "Files are missing or changed in rich."
    assert list(found.damaged) == ["rich"]


def test_a_truncated_file_is_damage_too(places: Places) -> None:
    (places.env / "lib/python3.11/site-packages/rich.py").write_text("")
    assert assess(places)[0] is Need.MEND


def test_the_environments_own_files_cannot_be_mended_one_by_one(places: Places) -> None:
    (places.env / "pyvenv.cfg").unlink()
    assert assess(places) == (Need.REMAKE, "The environment's own files are missing or changed: pyvenv.cfg.")


def test_a_python_that_is_gone_is_named(places: Places, tmp_path: Path) -> None:
    (tmp_path / "python3.11").unlink()
    need, reason = assess(places)
    assert need is Need.REMAKE
    assert f"is gone ({tmp_path / 'python3.11'})" in reason


def test_a_python_of_another_minor_version_needs_a_new_environment(places: Places, tmp_path: Path) -> None:
    (tmp_path / "python3.11").write_text("#!/bin/sh\necho 3.13 now\n")
    need, reason = assess(places)
    assert need is Need.REMAKE
    assert "Python was 3.11 when the environment was made and is 3.13" in reason


def test_a_python_with_a_fix_release_is_as_good(places: Places, tmp_path: Path) -> None:
    (tmp_path / "python3.11").write_text("#!/bin/sh\n# newer\necho 3.11\n")
    assert assess(places)[0] is Need.NOTHING


def test_a_moved_folder_is_noticed(places: Places, tmp_path: Path) -> None:
    places.root.rename(tmp_path / "moved")
    need, reason = assess(Places(tmp_path / "moved", tmp_path / "moved" / ".venv", None, places.cache))
    assert need is Need.REMAKE
    assert f"The folder has moved: the environment was made in {places.env}" in reason


def test_an_environment_of_another_kind_of_machine_is_noticed(places: Places) -> None:
    need, reason = assess(places, platform="macos-arm64")
    assert need is Need.REMAKE
    assert "another kind of machine (linux-x86_64)" in reason


def test_a_changed_lock_is_installed(places: Places) -> None:
    places.lock("laptop").write_text("rich==2\n")
    assert assess(places) == (Need.MEND, "The locked requirements have changed.")


def test_a_new_version_of_handson_is_installed(places: Places) -> None:
    (places.root / "src" / "handson" / "__init__.py").write_text('__version__ = "2"\n')
    assert assess(places) == (Need.MEND, "handson itself has changed.")


@pytest.mark.parametrize(
    ("there", "asked", "reason"),
    [
        ("laptop", "room", "What a room needs is not installed yet."),
        ("laptop", "test", "The test tools are not installed yet."),
        ("room", "test", "The test tools are not installed yet."),
        ("room", "laptop", ""),
        ("room", "room", ""),
        ("test", "laptop", ""),
        ("test", "room", ""),
    ],
)
def test_what_is_missing_is_added_and_what_is_there_serves_for_less(
    places: Places, there: Extra, asked: Extra, reason: str
) -> None:
    state.write_stamp(places, state.current_stamp(places, PLATFORM, there))
    assert assess(places, asked) == (Need.MEND if reason else Need.NOTHING, reason)


def test_of_two_extras_the_larger_holds_the_other() -> None:
    assert [larger("laptop", "room"), larger("test", "room"), larger("room", "room")] == ["room", "test", "room"]


@pytest.mark.parametrize(("tests", "extra"), [(False, "laptop"), (True, "test")])
def test_a_stamp_from_before_there_were_rooms_is_understood(places: Places, tests: bool, extra: Extra) -> None:
    stamp = state.current_stamp(places, PLATFORM, extra)
    old = {**asdict(stamp), "tests": tests}
    del old["extra"]
    (places.state / "stamp.json").write_text(json.dumps(old))
    assert state.read_stamp(places) == stamp
    assert assess(places, extra) == (Need.NOTHING, "")
    assert assess(places) == (Need.NOTHING, "")


def test_a_stamp_of_an_extra_that_there_is_not_is_none(places: Places) -> None:
    stamp = asdict(state.current_stamp(places, PLATFORM, "room"))
    (places.state / "stamp.json").write_text(json.dumps({**stamp, "extra": "casino"}))
    assert state.read_stamp(places) is None
