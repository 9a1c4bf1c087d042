from __future__ import annotations

import grp
import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.seat.layout import BASE, MOST_SEATS
from handson.room.seat.numbers import base_of

Etc = Callable[..., Path]


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Etc:
    """A host without users, with the given lines of /etc/subuid, /etc/subgid."""
    monkeypatch.setattr(pwd, "getpwall", list)
    monkeypatch.setattr(grp, "getgrall", list)

    def make(subuid: str = "", subgid: str = "") -> Path:
        (tmp_path / "subuid").write_text(subuid)
        (tmp_path / "subgid").write_text(subgid)
        return tmp_path

    return make


def kept(tmp_path: Path, base: int) -> Path:
    file = tmp_path / "room.json"
    file.write_text(json.dumps({"base": base}))
    return file


def test_a_room_has_the_usual_ids_where_nobody_has_them(tmp_path: Path, etc: Etc) -> None:
    assert base_of(tmp_path / "none", etc("ada:100000:65536\n")) == BASE
    assert base_of(tmp_path / "none", tmp_path / "no-etc") == BASE


@pytest.mark.parametrize(
    ("subuid", "subgid", "base"),
    [
        ("ada:100000:65536\nbob:165536:65536\n", "", 165536 + 65536 + 2),
        ("", "bob:165536:65536\n", 165536 + 65536 + 2),
        (f"ada:{BASE + MOST_SEATS}:1\n", "", BASE + MOST_SEATS + 3),
        (f"ada:{BASE - 2}:1\n", "", BASE + 1),
        (f"ada:{BASE - 3}:1\nbob:{BASE + MOST_SEATS + 1}:9\n", "", BASE),
        (f"ada:{BASE}:2000\nbob:{BASE + 2500}:1000\n", "", BASE + 3502),
        (f"# a comment\nada:x:y\nbob:{BASE}:0\n", "", BASE),
    ],
)
def test_ids_that_containers_have_are_no_seats(tmp_path: Path, etc: Etc, subuid: str, subgid: str, base: int) -> None:
    assert base_of(tmp_path / "none", etc(subuid, subgid)) == base


def test_a_user_or_a_group_with_an_id_of_the_hub_or_a_seat_keeps_it(
    tmp_path: Path, etc: Etc, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = pwd.struct_passwd(("eve", "x", BASE + 7, 100, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [user])
    assert base_of(tmp_path / "none", etc()) == BASE + 10
    monkeypatch.setattr(grp, "getgrall", lambda: [grp.struct_group(("staff", "x", BASE + 8, []))])
    assert base_of(tmp_path / "none", etc()) == BASE + 11


def test_a_room_keeps_its_ids_since_files_belong_to_them(tmp_path: Path, etc: Etc) -> None:
    assert base_of(kept(tmp_path, 300_000), etc()) == 300_000


def test_ids_that_somebody_got_since_are_an_error_with_ways_out(tmp_path: Path, etc: Etc) -> None:
    with pytest.raises(
        HandsonError,
        match=r"from 299998 to 300999, and since it was made, ada in .*/subuid has(.|\n)*--state(.|\n)*--forget",
    ):
        base_of(kept(tmp_path, 300_000), etc("ada:300500:10\n"))


def test_a_host_whose_ids_are_all_given_away_is_told(tmp_path: Path, etc: Etc) -> None:
    with pytest.raises(HandsonError, match=r"no 1002 user IDs in a row(.|\n)*subuid"):
        base_of(tmp_path / "none", etc(f"ada:100000:{1 << 31}\n"))


def test_this_host_has_a_free_row(tmp_path: Path) -> None:
    base = base_of(tmp_path / "none")
    assert not {user.pw_uid for user in pwd.getpwall()} & set(range(base - 2, base + MOST_SEATS + 1))
    assert os.getuid() not in range(base - 2, base + MOST_SEATS + 1)
