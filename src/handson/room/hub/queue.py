"""The queue in front of the seats: a few start at a time, everybody knows their place, nobody is turned away."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Start = Callable[[int], Awaitable[None]]
"""Starts the seat of that number and returns once it answers; raises where it does not."""
Changed = Callable[[], None]

_REMEMBERED = 16
_TRIES = 2


@dataclass(frozen=True)
class Place:
    """Where somebody stands. `ahead` of them are so many; `seconds` until their seat is ready, if that can be told."""

    state: Literal["waiting", "starting", "failed", "none"]
    ahead: int = 0
    seconds: float | None = None


class SeatQueue:
    """First come, first served; `at_once` seats start at the same time."""

    def __init__(self, start: Start, at_once: int, changed: Changed = lambda: None) -> None:
        self._start, self._at_once, self._changed = start, at_once, changed
        self._waiting: OrderedDict[int, int] = OrderedDict()  # number → tries so far
        self._starting: dict[int, float] = {}
        self._failed: dict[int, str] = {}
        self._unwanted: set[int] = set()
        """Of those that start now: not to be tried again."""
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._tasks: set[asyncio.Task[None]] = set()

    def enter(self, number: int) -> None:
        """Ask for a seat to be started; who waits already keeps their place."""
        self._unwanted.discard(number)
        if number not in self._waiting and number not in self._starting:
            self._failed.pop(number, None)
            self._waiting[number] = 0
            self._next()

    def leave(self, number: int) -> None:
        """Somebody does not want it any more. A start that has begun goes on, and is not tried again."""
        if number in self._starting:
            self._unwanted.add(number)
        if self._waiting.pop(number, None) is not None:
            self._changed()

    def place(self, number: int) -> Place:
        """Where `number` stands."""
        if number in self._starting:
            spent = time.monotonic() - self._starting[number]
            took = self._typical()
            return Place("starting", 0, max(0.0, took - spent) if took else None)
        if number in self._waiting:
            ahead = list(self._waiting).index(number) + len(self._starting)
            took = self._typical()
            return Place("waiting", ahead, took * (ahead // self._at_once + 1) if took else None)
        return Place("failed" if number in self._failed else "none")

    def failure(self, number: int) -> str:
        """What the last start of that seat said, for the log and the board; empty where it did not fail."""
        return self._failed.get(number, "")

    @property
    def waiting(self) -> tuple[int, ...]:
        """Who waits, in order."""
        return tuple(self._waiting)

    @property
    def starting(self) -> tuple[int, ...]:
        """Whose seat starts now."""
        return tuple(self._starting)

    async def stop(self) -> None:
        """Start nothing more."""
        self._waiting.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _typical(self) -> float | None:
        return statistics.median(self._took) if self._took else None

    def _next(self) -> None:
        while self._waiting and len(self._starting) < self._at_once:
            number, tries = self._waiting.popitem(last=False)
            self._starting[number] = time.monotonic()
            task = asyncio.get_running_loop().create_task(self._serve(number, tries))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._changed()

    async def _serve(self, number: int, tries: int) -> None:
        try:
            await self._start(number)
            self._took.append(time.monotonic() - self._starting[number])
        except Exception as error:
            if number in self._unwanted:
                pass
            elif tries + 1 < _TRIES:
                self._waiting[number] = tries + 1  # at the end: others are not held up by a seat that is broken
            else:
                self._failed[number] = f"{type(error).__name__}: {error}"
        finally:
            self._starting.pop(number, None)
            self._unwanted.discard(number)
            self._next()
