from __future__ import annotations

import stat
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.hub.state import forget, make_places, room_secrets, write_private


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
