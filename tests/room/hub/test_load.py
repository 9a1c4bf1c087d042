from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from handson.room.hub import load
from handson.room.hub.load import EVERY, Meter
from handson.room.plain import memory_of
from handson.room.space import LOW, Disk
from handson.room.spawner import use_told
from handson.room.use import SeatUse


def test_a_disk_that_is_low_is_so_until_some_more_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    async def use() -> dict[int, SeatUse]:
        return {}

    async def looks() -> None:
        for now, free in enumerate((LOW + 1, LOW - 1, LOW + 1, 2 * LOW)):
            monkeypatch.setattr(load, "disk_of", lambda _, free=free: Disk(free, 9 * LOW))
            clock[0] = now * EVERY
            await meter.look()
            told.append(meter.load.disk_low)

    clock = [0.0]
    meter = Meter(tmp_path, use, clock=lambda: clock[0])
    asyncio.run(looks())
    assert told == [False, True, True, False]


def test_two_boards_do_not_look_twice_at_the_same_time(tmp_path: Path) -> None:
    looks = []
    now = [100.0]

    async def use() -> dict[int, SeatUse]:
        looks.append(now[0])
        return {1: SeatUse(len(looks))}

    meter = Meter(tmp_path / "not there yet", use, clock=lambda: now[0])

    async def boards() -> None:
        await asyncio.gather(meter.look(), meter.look())
        now[0] += EVERY / 2
        await meter.look()
        assert meter.seats[1].memory == 1
        now[0] += EVERY
        await meter.look()
        assert meter.seats[1].memory == 2

    asyncio.run(boards())
    assert len(looks) == 2


def test_plain_seats_are_weighed_with_what_they_started() -> None:
    """The parent here is a seat's server, its child a kernel that holds 80 MB."""
    kernel = "held = b'x' * 80_000_000; print('there', flush=True); input()"
    server = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE);"
        "child.stdout.readline(); print('there', flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", server, kernel], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"there\n"
        alone = psutil.Process(process.pid).memory_info()
        told = memory_of({7: process.pid, 8: 2**22 + 1})
        process.stdin.close()
    assert list(told) == [7], "a process that is not there is left out"
    assert 80_000_000 < told[7].memory - (alone.rss - alone.shared) < 160_000_000
    assert told[7].most is None


def test_the_keepers_word_on_seats() -> None:
    status = {
        "seats": {
            "1": {"running": True, "memory": 5, "out_of_memory": 1, "waits_for_memory": False},
            "2": {"running": True, "debt": 0.0, "waits_for_memory": False},
            "3": {"running": True, "memory": 6, "out_of_memory": 0, "waits_for_memory": True},
        },
        "limits": {"memory": 10, "disk": 20},
        "not_limited": [],
    }
    assert use_told(status, [1, 2, 3, 4]) == {1: SeatUse(5, 10, 1), 3: SeatUse(6, 10, 0, waits=True)}
    assert use_told({**status, "not_limited": ["memory"]}, [1]) == {1: SeatUse(5, None, 1)}
