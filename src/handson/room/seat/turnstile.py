"""When memory runs short, seats that compute take turns: a few go on, the others are stopped until there is room again.

Thirty dreams at once need thirty times the memory of one, on a processor that does two at a time anyway. A stopped
kernel keeps what it has and asks for nothing more; those that go on end, give back, and the next one is let through.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from handson.memory import Memory
from handson.room.seat.cgroups import Groups

GROWS_BY = 700_000_000
"""Bytes that a lesson's hungriest cell takes beyond what its kernel rests with (DeepDream, see docs/seats.md)."""
MOST_KEPT = 0.2
"""Of the memory, at most that share is kept for those who go on."""
ROOM_AGAIN = 0.08
"""Of the memory, what must be free beyond that before another is let through."""

log = logging.getLogger("handson.seat.turnstile")


@dataclass
class Turnstile:
    """`at_once` seats may always compute; `memory` says how much there is."""

    groups: Groups
    at_once: int
    memory: Callable[[], Memory]
    clock: Callable[[], float] = time.monotonic
    stopped: dict[int, float] = field(default_factory=dict)
    """The seats that wait, and since when (by `clock`)."""

    def look(self, computing: Iterable[int]) -> None:
        """Stop some of the seats that compute, or let one of the stopped go on, as the memory is now."""
        memory = self.memory()
        free, kept = memory.total - memory.used, min(self.at_once * GROWS_BY, MOST_KEPT * memory.total)
        running = [number for number in computing if number not in self.stopped]
        if free < kept and len(running) > self.at_once:
            by_memory = sorted(running, key=self._memory, reverse=True)  # who has most gives back most, and soonest
            for number in by_memory[self.at_once :]:
                self._stop(number)
        elif self.stopped and (free > kept + ROOM_AGAIN * memory.total or len(running) < self.at_once):
            self.go_on(min(self.stopped, key=lambda number: self.stopped[number]))

    def _memory(self, number: int) -> int:
        with suppress(OSError, KeyError):
            return self.groups.memory(number)
        return 0

    def _stop(self, number: int) -> None:
        log.info("memory is short: seat %s waits for its turn", number)
        self.stopped[number] = self.clock()
        self._signal(number, signal.SIGSTOP)

    def go_on(self, number: int) -> None:
        """Let a seat go on, whether it was stopped or not."""
        if (since := self.stopped.pop(number, None)) is not None:
            log.info("seat %s goes on after %.1f s", number, self.clock() - since)
        self._signal(number, signal.SIGCONT)

    def forget(self, number: int) -> None:
        """The seat has ended."""
        self.stopped.pop(number, None)

    def _signal(self, number: int, what: signal.Signals) -> None:
        for pid in self.groups.pids(number, "kernels"):
            with suppress(ProcessLookupError):
                os.kill(pid, what)
