from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.hub.names import NameRefusedError
from handson.room.hub.store import Event, RoomFullError, Store, joined, number_of_user, numbers_ahead, user_of

ALL = {"seats": 2, "attendees": 3}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "room.sqlite")


def test_who_joins_has_a_number_for_good(store: Store, tmp_path: Path) -> None:
    ada = store.join("Ada", "seat", **ALL)
    bob = store.join("Bob", "page", **ALL)
    assert (ada.number, bob.number) == (1, 2)
    store.close()
    assert Store(tmp_path / "room.sqlite").attendees() == [ada, bob]


def test_nobody_gets_a_name_that_is_taken(store: Store) -> None:
    store.join("Ada", "seat", **ALL)
    with pytest.raises(NameRefusedError, match="name_taken"):
        store.join("ADA", "page", **ALL)
    assert len(store.attendees()) == 1


def test_a_full_room_says_so(store: Store) -> None:
    store.join("Ada", "seat", **ALL)
    store.join("Bob", "seat", **ALL)
    with pytest.raises(RoomFullError):
        store.join("Cem", "seat", **ALL)
    cem = store.join("Cem", "page", **ALL)
    with pytest.raises(RoomFullError):
        store.join("Dora", "page", **ALL)
    with pytest.raises(RoomFullError):
        store.change_door(cem.number, "seat", **ALL)
    store.change_door(1, "page", **ALL)
    store.change_door(cem.number, "seat", **ALL)
    assert [one.door for one in store.attendees()] == ["page", "seat", "seat"]


def test_who_has_left_a_seat_for_the_other_door_has_files_until_they_are_forgotten(
    store: Store, tmp_path: Path
) -> None:
    store.join("Ada", "seat", **ALL)
    store.join("Bob", "page", **ALL)
    store.join("Cem", "seat", **ALL)
    for door in ("page", "seat", "page"):
        store.change_door(1, door, **ALL)
    store.close()
    again = Store(tmp_path / "room.sqlite")
    assert [one.name for one in again.with_seat_files()] == ["Ada", "Cem"]
    again.forget(1)
    assert [one.name for one in again.with_seat_files()] == ["Cem"]


def test_what_happened_and_was_said_is_there_again(store: Store, tmp_path: Path) -> None:
    event = Event(1.5, 1, "check", "digits", {"name": "softmax", "passed": False})
    store.add_event(event)
    said = store.add_message("say", "Break until 11")
    store.set_fact("began", 12.5)
    store.close()
    again = Store(tmp_path / "room.sqlite")
    assert list(again.events()) == [event]
    assert again.messages() == [said]
    assert again.fact("began") == 12.5
    assert again.fact("other") is None


def test_what_was_written_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "room.sqlite"
    code = f"""
import os, signal
from pathlib import Path
from handson.room.hub.store import Store
store = Store(Path({str(file)!r}))
store.join("Ada", "seat", seats=1, attendees=1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert [one.name for one in Store(file).attendees()] == ["Ada"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_disk_that_takes_nothing_more_loses_that_change_only(store: Store, tmp_path: Path) -> None:
    import resource

    store.join("Ada", "seat", seats=9, attendees=9)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(file.stat().st_size for file in tmp_path.iterdir()), hard))
    try:
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="disk"):
                store.join("Bob", "seat", seats=9, attendees=9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.join("Bob", "seat", seats=9, attendees=9).number == 2
    assert [one.name for one in store.attendees()] == ["Ada", "Bob"]


def test_who_only_looks_hears_how_many_are_in(store: Store, tmp_path: Path) -> None:
    store.join("Ada", "seat", seats=1, attendees=1)
    (file,) = tmp_path.glob("*.sqlite")
    assert joined(file) == 1


def test_a_file_that_is_no_database_is_told_as_one(tmp_path: Path) -> None:
    file = tmp_path / "room.sqlite"
    file.write_bytes(b"not a database " * 1000)
    with pytest.raises(HandsonError, match=r"cannot be opened: file is not a database\.(.|\n)*--forget"):
        Store(file)


def test_users_of_the_hub_have_no_names_of_people() -> None:
    assert user_of(7) == "seat-7"
    assert number_of_user("seat-7") == 7
    assert number_of_user("supervisor") is None
    assert number_of_user("seat-") is None
    assert number_of_user("seat-٧") is None


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("room.sqlite*"))


def test_who_is_forgotten_leaves_nothing_but_a_number_that_nobody_gets(store: Store, tmp_path: Path) -> None:
    store.join("Ada", "seat", **ALL)
    bob = store.join("Bob", "seat", **ALL)
    for number in (1, 2):
        store.add_event(Event(1.0, number, "opened", "add", {}))
    assert b"Bob" in written(tmp_path)
    store.forget(2)
    assert [event.number for event in store.events()] == [1]
    assert b"Bob" not in written(tmp_path)
    store.close()
    again = Store(tmp_path / "room.sqlite")
    assert again.attendee(bob.number) is None
    assert again.taken_seats() == 1
    assert again.join("Bob", "seat", **ALL).number == 3, "their come-back code is made of the number"


def test_a_room_whose_numbers_are_used_up_is_full(store: Store) -> None:
    store.set_fact("last", 998)
    assert store.join("Ada", "seat", **ALL).number == 999
    with pytest.raises(RoomFullError):
        store.join("Bob", "seat", **ALL)


def test_seats_are_forked_ahead_for_who_has_one_and_for_who_comes_next(store: Store, tmp_path: Path) -> None:
    more = {"seats": 9, "attendees": 9}
    for name, door in (("Ada", "seat"), ("Bob", "page"), ("Eve", "seat"), ("Ida", "seat"), ("Leo", "seat")):
        store.join(name, door, **more)  # type: ignore[arg-type]
    store.forget(1)
    store.forget(5)
    assert numbers_ahead(tmp_path / "room.sqlite", 4) == (3, 4, 6, 7)
    assert numbers_ahead(tmp_path / "room.sqlite", 1) == (3,)
    assert store.join("Max", "seat", **more).number == 6
    store.set_fact("last", 998)
    assert numbers_ahead(tmp_path / "room.sqlite", 9) == (3, 4, 6, 999)


def test_a_room_that_nobody_was_in_has_its_first_seats_ahead(tmp_path: Path) -> None:
    assert numbers_ahead(tmp_path / "room.sqlite", 3) == (1, 2, 3)
    assert not (tmp_path / "room.sqlite").exists()
    (tmp_path / "room.sqlite").write_text("no database")
    assert numbers_ahead(tmp_path / "room.sqlite", 3) == (1, 2, 3)
