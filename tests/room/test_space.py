"""When a disk is nearly full, and who is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from handson.room import space
from handson.room.space import FULL, LOW, Disk, State, state_of

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "before", "state"),
    [
        (LOW, "fine", "fine"),
        (LOW - 1, "fine", "low"),
        (LOW + 1, "low", "low"),
        (LOW * 2, "low", "fine"),
        (FULL - 1, "fine", "full"),
        (FULL, "fine", "low"),
        (FULL + 1, "full", "full"),
        (FULL * 2, "full", "low"),
    ],
)
def test_the_hosts_disk_is_low_before_it_is_full(free: int, before: State, state: State) -> None:
    assert state_of(free, before) == state


@pytest.mark.parametrize(
    ("free", "size", "low"),
    [(100, 1000, False), (99, 1000, True), (101 * 10**6, 10**12, False), (99 * 10**6, 10**12, True)],
)
def test_a_seats_disk_is_low_at_a_tenth_or_a_hundred_megabytes(free: int, size: int, low: bool) -> None:
    assert Disk(free, size).is_low_for_a_seat is low


def test_the_terminal_hears_each_change_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([9 * GB, GB, GB, 0, 9 * GB, 9 * GB])
    said: list[str] = []

    def look(_: Path) -> Disk:
        return Disk(next(free), 10 * GB)

    monkeypatch.setattr(space.Disk, "of", look)
    with suppress(RuntimeError):  # the looks have come to their end
        asyncio.run(space.watch(tmp_path, said.append, every=0))
    assert said == [
        f"the disk of {tmp_path} has 1.0 GB left: free some space. "
        "Once it is full, nobody can join, and what the board shows is not kept",
        f"the disk of {tmp_path} is full (0.0 GB left): free some space. "
        "Until then, nobody can join, and what the board shows is not kept",
        f"the disk of {tmp_path} has 9.0 GB free again",
    ]


def test_a_disk_that_cannot_be_looked_at_is_told_once_and_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Disk | OSError] = [OSError(5, "Input/output error")] * 2 + [
        Disk(GB, 10 * GB),
        OSError(2, "No such file"),
    ]
    said: list[str] = []

    def look(_: Path) -> Disk:
        found = looks.pop(0)  # IndexError at their end
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(space.Disk, "of", look)
    with pytest.raises(IndexError):
        asyncio.run(space.watch(tmp_path, said.append, every=0))
    assert [line.split(": ", 1)[1] for line in said] == [
        "Input/output error. It is looked again",
        "free some space. Once it is full, nobody can join, and what the board shows is not kept",
        "No such file. It is looked again",
    ]
