"""What joins hub and seats: what is said of a host, and where the organiser's assets are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("jupyterhub", reason="jupyterhub is not installed: pip install 'handson[room]'")

from handson.lab.places import cache_dir
from handson.room.fenced import seats_ahead
from handson.room.hub.launch import own_environment
from handson.room.seat import cgroups
from handson.room.seat.layout import Layout
from handson.room.seat.limits import Limits
from handson.room.seat.seats import Seats


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
