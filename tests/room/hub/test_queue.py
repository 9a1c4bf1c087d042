from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from handson.room.hub.queue import SeatQueue


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


class Host:
    """Starts seats when told to."""

    def __init__(self) -> None:
        self.doors: dict[int, asyncio.Future[None]] = {}
        self.at_once = 0

    async def start(self, number: int) -> None:
        self.doors[number] = asyncio.get_running_loop().create_future()
        self.at_once = max(self.at_once, len(self.open()))
        await self.doors[number]

    def open(self) -> list[int]:
        return [number for number, door in self.doors.items() if not door.done()]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_everybody_is_served_in_order_and_no_more_than_so_many_at_once() -> None:
    async def test() -> None:
        host = Host()
        queue = SeatQueue(host.start, 2)
        for number in range(1, 41):
            queue.enter(number)
        served = []
        while True:
            await settle()
            if not (now := host.open()):
                break
            served.append(now[0])
            host.doors[now[0]].set_result(None)
        assert served == list(range(1, 41))
        assert host.at_once == 2

    run(test)


def test_who_waits_knows_how_many_are_before_them() -> None:
    async def test() -> None:
        host = Host()
        queue = SeatQueue(host.start, 1)
        for number in (1, 2, 3):
            queue.enter(number)
        await settle()
        assert queue.place(1).state == "starting"
        assert [queue.place(number).ahead for number in (2, 3)] == [1, 2]
        assert queue.place(2).seconds is None, "nobody knows yet how long one takes"
        queue.enter(3)
        assert queue.waiting == (2, 3), "asking again keeps the place"
        host.doors[1].set_result(None)
        await settle()
        assert queue.place(1).state == "none"
        assert queue.place(2).state == "starting"
        assert queue.place(3).seconds is not None
        queue.leave(3)
        assert queue.place(3).state == "none"
        await queue.stop()

    run(test)


def test_a_seat_that_fails_is_tried_once_more_behind_the_others_and_then_told() -> None:
    async def test() -> None:
        host = Host()
        queue = SeatQueue(host.start, 1)
        for number in (1, 2):
            queue.enter(number)
        await settle()
        host.doors[1].set_exception(RuntimeError("no disk"))
        await settle()
        assert queue.starting == (2,)
        assert queue.waiting == (1,)
        host.doors[2].set_result(None)
        await settle()
        host.doors[1].set_exception(RuntimeError("no disk"))
        await settle()
        assert queue.place(1).state == "failed"
        assert queue.failure(1) == "RuntimeError: no disk"
        queue.enter(1)
        await settle()
        assert queue.place(1).state == "starting"
        await queue.stop()

    run(test)


def test_every_change_is_told() -> None:
    async def test() -> None:
        host, told = Host(), []
        queue = SeatQueue(host.start, 1, lambda: told.append(queue.place(1).state))
        queue.enter(1)
        await settle()
        host.doors[1].set_result(None)
        await settle()
        assert told == ["starting", "none"]

    run(test)


def test_a_seat_that_nobody_wants_any_more_is_not_tried_again() -> None:
    async def test() -> None:
        host = Host()
        queue = SeatQueue(host.start, 1)
        queue.enter(1)
        await settle()
        queue.leave(1)
        host.doors[1].set_exception(RuntimeError("no disk"))
        await settle()
        assert (queue.starting, queue.waiting, queue.place(1).state) == ((), (), "none")
        queue.enter(1)
        await settle()
        host.doors[1].set_exception(RuntimeError("no disk"))
        await settle()
        assert queue.starting == (1,)  # wanted again, and tried again
        await queue.stop()

    run(test)
