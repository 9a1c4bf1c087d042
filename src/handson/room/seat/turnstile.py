"""When memory runs short, seats that compute take turns: a few go on, the others are stopped until it is their turn.

Thirty dreams at once need thirty times the memory of one, on a processor that does two at a time anyway. A stopped
kernel keeps what it has and asks for nothing more. Turns are short, so that a class gets on together and no lesson's
clock runs out on somebody who only waited; but who has grown much goes on to its end, for it gives back most. Where
memory is all but gone there are no turns, and one goes on alone.
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

GROWS_BY = 450_000_000
"""Bytes that a lesson's hungriest cell takes beyond what its kernel rests with (DeepDream, see docs/seats.md)."""
STAYS_FREE = 0.1
"""Of the memory, what is to stay free for the host's own use, as a rehearsal has it."""
MOST_KEPT = 0.25
"""Of the memory, at most that share is kept free: for those who go on to grow, and to stay so."""
ROOM_AGAIN = 0.08
"""Of the memory, what must be free beyond that before one more is let through."""
GROWING = 20_000_000
"""Bytes that a seat has grown by since the last look: it computes, however short its cell is so far."""
HUNGRY = 40_000_000
"""Bytes that a seat must have grown by to be stopped while there are enough for one to grow: more than a kernel that
has just been started. A lesson's first cell waits for nobody."""
HALF_WAY = 150_000_000
"""Bytes that a seat has grown by in the middle of a hungry cell. It is let come to its end: stopped, it would keep
them, and whoever came next would want as many."""
TURN, LONG_TURN = 3.0, 90.0
"""Seconds; the long one is for those who are HALF_WAY."""
RESTING = 2.0
"""Seconds without computing after which a seat rests; one that gets no turn on the processor may look so for less."""
SETTLING = 1.0
"""Seconds for which a seat that was let go on counts as computing, whatever it has used so far."""

log = logging.getLogger("handson.seat.turnstile")


@dataclass
class _Seat:
    """What is known of a seat while memory is short."""

    held: int
    """Bytes at the last look."""
    rests: int
    """Bytes that it holds when it does not compute."""
    busy: float | None = None
    """When it was last seen to compute, or to wait."""
    turn: float | None = None
    """When its turn began, if it is known to have one."""

    @property
    def grown(self) -> int:
        """Bytes that its cell has taken."""
        return self.held - self.rests

    def see(self, held: int, busy: bool, now: float) -> None:
        """What it holds now, and whether it computes or waits."""
        self.held = held
        if busy:
            self.busy = now
        resting = self.busy is None or now - self.busy >= RESTING
        self.rests = held if resting else min(held, self.rests)


@dataclass
class Turnstile:
    """`at_once` seats may compute while there is memory for one of them to grow; `memory` says how much there is."""

    groups: Groups
    at_once: int
    memory: Callable[[], Memory]
    clock: Callable[[], float] = time.monotonic
    stopped: dict[int, float] = field(default_factory=dict)
    """The seats that wait, and since when (by `clock`)."""
    short: bool = False
    """Whether memory is short, or nearly: then it is to be looked at more often."""
    _seats: dict[int, _Seat] = field(default_factory=dict)

    def look(self, seats: Iterable[int], computing: Iterable[int]) -> None:
        """Of all `seats`, stop some of those that compute or grow, or let some go on, as the memory is now."""
        memory = self.memory()
        free = memory.total - memory.used
        kept = min(self.at_once * GROWS_BY + STAYS_FREE * memory.total, MOST_KEPT * memory.total)
        self.short = bool(self.stopped) or free < 2 * kept
        if not self.short:
            self._seats.clear()
            return
        running = self._see(seats, set(computing))
        at_once, least = (self.at_once, HUNGRY) if free > GROWS_BY else (1, 0)
        hungry = sorted((n for n in running if self._grown(n) >= least), key=self._grown, reverse=True)
        if free < kept and len(hungry) > at_once:
            for number in hungry[at_once:]:  # who has grown most gives back most, and soonest
                self._stop(number)
        elif modest := [number for number in self.stopped if self._grown(number) < least]:
            self.go_on(modest[0])
        elif self.stopped and (free > kept + ROOM_AGAIN * memory.total or len(hungry) < at_once):
            self.go_on(self._next(by_memory=free <= kept / 2))
        elif self.stopped and free > kept / 2:
            self._change_turns(hungry)

    def _see(self, seats: Iterable[int], computing: set[int]) -> list[int]:
        """Note how it stands with each; returns those that compute."""
        now, before = self.clock(), self._seats
        self._seats, running = {}, []
        for number in {*seats, *self.stopped}:
            held = self._memory(number)
            seat = self._seats[number] = before.get(number) or _Seat(held, held)
            settling = seat.turn is not None and now - seat.turn < SETTLING
            if number in self.stopped:
                self._signal(number, signal.SIGSTOP)  # what has been started there since
            elif number in computing or settling or held - seat.held > GROWING:
                running.append(number)
            seat.see(held, number in self.stopped or number in running, now)
        return running

    def _change_turns(self, running: list[int]) -> None:
        now = self.clock()
        done = []
        for number in running:
            seat = self._seats[number]
            seat.turn = now if seat.turn is None else seat.turn
            if now - seat.turn >= (LONG_TURN if seat.grown >= HALF_WAY else TURN):
                done.append(number)
        for number in done[: len(self.stopped)]:
            self.go_on(self._next())
            self._stop(number)

    def _next(self, by_memory: bool = False) -> int:
        """Who has waited longest; or who has grown most, and gives back most."""
        if by_memory:
            return max(self.stopped, key=self._grown)
        return min(self.stopped, key=lambda number: self.stopped[number])

    def _grown(self, number: int) -> int:
        return self._seats[number].grown

    def _memory(self, number: int) -> int:
        with suppress(OSError, KeyError):
            return self.groups.memory(number)
        return 0

    def _stop(self, number: int) -> None:
        log.debug("memory is short: seat %s waits for its turn", number)
        self._seats[number].turn = None
        self.stopped[number] = self.clock()
        self._signal(number, signal.SIGSTOP)

    def go_on(self, number: int) -> None:
        """Let a seat go on, whether it was stopped or not."""
        if (since := self.stopped.pop(number, None)) is not None:
            log.debug("seat %s goes on after %.1f s", number, self.clock() - since)
            self._seats[number].turn = self.clock()
        self._signal(number, signal.SIGCONT)

    def forget(self, number: int) -> None:
        """The seat has ended."""
        self.stopped.pop(number, None)
        self._seats.pop(number, None)

    def _signal(self, number: int, what: signal.Signals) -> None:
        for pid in self.groups.pids(number, "kernels"):
            with suppress(ProcessLookupError):
                os.kill(pid, what)
