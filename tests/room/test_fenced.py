"""What joins hub and seats: what is said of a host, and where the organiser's assets are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("jupyterhub", reason="jupyterhub is not installed: pip install 'handson[room]'")

from handson.errors import HandsonError
from handson.lab.places import cache_dir
from handson.room.fenced import disk_for_each, seats_ahead
from handson.room.hub.launch import own_environment
from handson.room.seat import cgroups
from handson.room.seat.layout import Layout
from handson.room.seat.limits import Limits
from handson.room.seat.seats import Seats
from handson.room.space import Disk


def test_the_rooms_parts_know_the_organisers_assets_though_their_home_is_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HANDSON_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = cache_dir()
    environment = own_environment()
    monkeypatch.setenv("HANDSON_CACHE", environment["HANDSON_CACHE"])
    monkeypatch.setenv("HOME", "/nonexistent")
    assert cache_dir() == expected


def test_what_a_host_cannot_limit_is_known(tmp_path: Path) -> None:
    none = cgroups.Groups(version=0, roots={})
    seats = Seats(Layout(tmp_path), none, Limits(), (), images=False)
    assert {"memory", "disk"} <= set(seats.not_limited)
    assert "disk" not in dataclasses.replace(seats, images=True).not_limited


@pytest.mark.parametrize(
    ("seats", "available", "ahead"), [(30, 8 << 30, 30), (100, 64 << 30, 40), (30, 1 << 30, 10), (30, 0, 0)]
)
def test_seats_are_forked_ahead_as_far_as_a_quarter_of_the_memory_goes(seats: int, available: int, ahead: int) -> None:
    assert seats_ahead(seats, available) == ahead


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "seats", "kept", "bytes_each", "said"),
    [
        (33 * GB, 30, 0, GB // 2, []),
        (13 * GB, 30, 20, GB // 2, []),
        (GB, 30, 30, GB // 2, []),
        (10 * GB, 30, 0, GB // 4, ["has 10.0 GB free: each new seat gets 250 MB for its files, not 500"]),
        (4 * GB, 30, 0, GB // 10, ["has 4.0 GB free: each new seat gets 100 MB for its files, not 500"]),
    ],
)
def test_seats_share_what_the_host_has(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    seats: int,
    kept: int,
    bytes_each: int,
    said: list[str],
) -> None:
    for number in range(1, seats + 1):
        (tmp_path / "seats" / str(number)).mkdir(parents=True)
        with (tmp_path / "seats" / str(number) / "disk.img").open("wb") as image:
            image.write(bytes(8192 if number <= kept else 0))
            image.truncate(8192)
    monkeypatch.setattr(Disk, "of", lambda _: Disk(free, 100 * GB))
    heard: list[str] = []
    assert disk_for_each(tmp_path, seats, heard.append) == bytes_each
    assert heard == [f"the disk of {tmp_path} {one}" for one in said]


def test_a_host_without_space_for_the_seats_says_how_many_it_has_space_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "of", lambda _: Disk(GB, 100 * GB))
    with pytest.raises(
        HandsonError, match=r"has 1\.0 GB free: too little for the files of 30 more seats(.|\n)*--seats 15"
    ):
        disk_for_each(tmp_path, 30, lambda _: None)
