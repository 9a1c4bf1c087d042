from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.hub.state import Places, forget, held, make_places, room_secrets, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_rooms_folder_is_closed_to_others(tmp_path: Path) -> None:
    places = make_places(tmp_path / "room")
    assert mode(places.folder) == mode(places.hub) == mode(places.logs) == 0o700
    room_secrets(places)
    assert mode(places.secrets) == 0o600


def test_secrets_are_made_once(tmp_path: Path) -> None:
    places = make_places(tmp_path / "room")
    first = room_secrets(places)
    assert room_secrets(places) == first
    other = room_secrets(make_places(tmp_path / "other"))
    assert other.cookie != first.cookie
    assert other.class_code != first.class_code


def test_secrets_that_are_not_whole_stop_the_room_and_are_not_replaced(tmp_path: Path) -> None:
    places = make_places(tmp_path / "room")
    room_secrets(places)
    places.secrets.write_text('{"cookie": "aa"}')
    with pytest.raises(HandsonError, match=r"not whole(.|\n)*--forget"):
        room_secrets(places)
    assert places.secrets.read_text() == '{"cookie": "aa"}'


def test_a_folder_whose_sockets_would_have_too_long_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match=r"at most 107 bytes(.|\n)*--state"):
        make_places(tmp_path / ("x" * 120))


def test_a_file_that_cannot_be_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "room").write_text("")
    with pytest.raises(HandsonError, match="cannot be made"):
        make_places(tmp_path / "room")


def test_forgetting_leaves_nothing(tmp_path: Path) -> None:
    places = make_places(tmp_path / "room")
    write_private(places.hub / "file", "x")
    assert forget(places)
    assert not places.folder.exists()
    assert not forget(places)


def test_a_room_that_runs_is_not_forgotten(tmp_path: Path) -> None:
    places = make_places(tmp_path / "room")
    with held(places), pytest.raises(HandsonError, match=r"running already(.|\n)*Ctrl-C"):
        forget(places)
    assert places.hub.is_dir()
    assert forget(places)


def test_what_cannot_be_removed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(folder: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy", str(folder))

    places = make_places(tmp_path / "room")
    monkeypatch.setattr(shutil, "rmtree", busy)
    with pytest.raises(HandsonError, match=r"could not be removed as a whole: .*busy"):
        forget(places)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_link_in_the_hubs_folder_leads_root_to_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the hub's: it may put a link where root has just written."""
    folder, victim = tmp_path / "hub", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("root's")
    os.chown(folder, 12345, 12345)

    def swap(_: int) -> None:
        partial = folder / "file.partial"
        partial.unlink()
        partial.symlink_to(victim)

    write_private(folder / "usual", "x")
    assert (folder / "usual").stat().st_uid == 12345
    monkeypatch.setattr(os, "fsync", swap)
    write_private(folder / "file", "x")
    assert victim.stat().st_uid == 0


def test_a_folder_of_something_else_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(HandsonError, match="is no room's folder: nothing was removed"):
        forget(Places(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
