"""One rehearsal from the first attendee to the last: one alone, the rush, the lessons, all train, all are forgotten."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from handson.rehearse.attendee import Attendee
from handson.rehearse.browsing import TroubleError
from handson.rehearse.chromium import BrowserError, RealBrowser
from handson.rehearse.host import Mine, Watch, watch_for
from handson.rehearse.measured import Marks, Measured, Weight
from handson.rehearse.people import Lesson, arrivals
from handson.rehearse.probes import SMALL, WEIGHT, best, training
from handson.rehearse.settings import Rehearsal

See = Callable[[Measured], None]
BEST_SECONDS = 5.0
_TRIES = 3
_LEAVING = 8
"""Who leave at the same time."""
_SMALL_EVERY, _SMALL_ALONE, _SETTLE = 0.25, 20, 2.0


class Class:
    """Everybody who takes part."""

    def __init__(
        self, plan: Rehearsal, lessons: Sequence[Lesson], measured: Measured, real: RealBrowser | None
    ) -> None:
        self.plan, self.lessons, self.measured, self.real = plan, tuple(lessons), measured, real
        self._coming = 0
        run = secrets.token_hex(2)
        count = plan.attendees - (1 if real else 0)
        self.people = [Attendee(n, f"Rehearsal {run} {n}", plan, measured) for n in range(1, count + 1)]
        if real:
            real.name = f"Rehearsal {run} browser"

    async def run(self) -> None:
        """The whole rehearsal, but for being forgotten."""
        self.measured.stage = "one alone"
        if not await self._one_alone(self.people[0]):
            self.measured.nobody_else = True
            return
        self.measured.stage = "joining"
        begun = self.measured.seconds()
        rush = arrivals(self.plan.seed, self.plan.attendees - 1, self.plan.rush_seconds / self.plan.pace)
        self._coming = len(self.people) - 1
        coming = [self._attend(one, after) for one, after in zip(self.people[1:], rush, strict=False)]
        if self.real and self.real.joined:
            coming.append(self._real_attends(self.real, rush[-1]))
        first = self._do_all(self.people[0])
        joined = asyncio.create_task(self._note_the_rush(begun))
        try:
            await _all([first, *coming])
        finally:
            joined.cancel()
        await self._all_train()

    async def _one_alone(self, first: Attendee) -> bool:
        """What this room gives to somebody who is alone in it, to hold the class's figures against; False: nothing."""
        if not await self._try(first, first.join):
            return False
        self.measured.join_alone = self.measured.joins.pop() if self.measured.joins else None
        if self.real:
            await self._real(self.real, self.real.join(self.plan))
            self.measured.browser_joined = self.real.joined
            for one in self.people[1:]:
                one.wanted = self.real.files
        await self._try(first, lambda: self._measure_alone(first))
        return True

    async def _measure_alone(self, first: Attendee) -> None:
        told = await first.alone(best(BEST_SECONDS))
        self.measured.cores, self.measured.best = int(told["cores"]), told["marks"]

    async def _note_the_rush(self, begun: float) -> None:
        """Until nobody is on the way any more; then the stage is the lessons."""
        while self._coming:
            self.measured.rush = (begun, self.measured.seconds())
            await asyncio.sleep(0.2)
        self.measured.stage = "lessons"

    async def _attend(self, one: Attendee, after: float) -> None:
        await asyncio.sleep(after)
        is_in = await self._try(one, one.join)
        self._coming -= 1
        if is_in:
            await self._do_all(one)

    async def _real_attends(self, real: RealBrowser, after: float) -> None:
        await asyncio.sleep(after)
        await self._real(real, real.attend())

    async def _real(self, real: RealBrowser, step: Awaitable[str]) -> None:
        try:
            self.measured.browser = await step
        except BrowserError as error:
            self.measured.browser = f"error: {error}"
            self.measured.trouble(real.name, "a real browser's error", str(error))

    async def _do_all(self, one: Attendee) -> None:
        for lesson in self.lessons:
            if not await self._try(one, lambda lesson=lesson: one.do(lesson)):  # type: ignore[misc]
                return
        self.measured.done += 1

    async def _try(self, one: Attendee, what: Callable[[], Awaitable[None]]) -> bool:
        """As a person would: again after an error, with a new window; each error counts."""
        for attempt in range(_TRIES):
            try:
                await what()
                return True
            except TroubleError as trouble:
                self.measured.trouble(one.name, trouble.kind, trouble.what)
                if trouble.kind == "turned away":  # a person would ask the presenter
                    return False
            if attempt + 1 < _TRIES:
                await asyncio.sleep(2.0)
                try:
                    await one.start_over()
                except TroubleError as trouble:
                    self.measured.trouble(one.name, trouble.kind, trouble.what)
        return False

    async def _all_train(self) -> None:
        """All train at once but a few, who run one-line cells meanwhile."""
        there = [one for one in self.people if one.kernel is not None]
        if not there:
            return
        self.measured.stage = "all train"
        probing = max(1, min(4, len(there) // 8)) if len(there) > 1 else 0
        for _ in range(_SMALL_ALONE):
            await self._small(there[0], self.measured.small_alone)
            await asyncio.sleep(_SMALL_EVERY)
        await self._few_train(there)
        cell = training(self.plan.training_seconds)
        trainings = [self._train(one, cell, self.measured.trainings) for one in there[probing:]]
        probes = [self._probe(one) for one in there[:probing]]
        await _all([*trainings, *probes])
        await self._few_train(there)
        self.measured.stage = "weighing"
        for one in there:
            try:
                told = await one.own_cell(WEIGHT)
                self.measured.weights.append(Weight(**told))
            except TroubleError as trouble:
                self.measured.trouble(one.name, trouble.kind, trouble.what)

    async def _few_train(self, there: Sequence[Attendee]) -> None:
        """One training for each core, in as many seats, while all others rest.

        Not in those that run one-line cells later: who has computed yields to others for a while.
        """
        few = there[-(self.measured.cores or len(there)) :]
        cell = training(BEST_SECONDS)
        self.measured.few.append([])
        done = self.measured.few[-1]
        await _all([self._train(one, cell, done) for one in few])

    async def _train(self, one: Attendee, cell: str, where: list[Marks]) -> None:
        try:
            where.append((await one.own_cell(cell))["marks"])
        except TroubleError as trouble:
            self.measured.trouble(one.name, trouble.kind, trouble.what)

    async def _probe(self, one: Attendee) -> None:
        await asyncio.sleep(_SETTLE)
        end = time.monotonic() + self.plan.training_seconds - _SETTLE
        while time.monotonic() < end:
            await self._small(one, self.measured.small)
            await asyncio.sleep(_SMALL_EVERY)

    async def _small(self, one: Attendee, where: list[float]) -> None:
        if one.kernel is None:
            return
        try:
            where.append((await one.kernel.run(SMALL, keep=False)).seconds)
        except TroubleError as trouble:
            self.measured.trouble(one.name, trouble.kind, trouble.what)

    async def end(self) -> None:
        """All leave for good."""
        self.measured.stage = "leaving"
        turns = asyncio.Semaphore(_LEAVING)

        async def leave(one: Attendee | RealBrowser) -> None:
            async with turns:
                await one.hang_up()
                gone = await one.forget()
            if gone:
                self.measured.forgotten += 1
            elif gone is False:
                self.measured.not_forgotten.append(one.name)

        everybody: list[Attendee | RealBrowser] = [*self.people, *([self.real] if self.real else [])]
        await _all([leave(one) for one in everybody])


async def rehearse(
    plan: Rehearsal,
    lessons: Sequence[Lesson],
    *,
    real: RealBrowser | None = None,
    see: See = lambda _: None,
    stop: asyncio.Event | None = None,
    forget: bool = True,
    state: Path = Path("/"),
) -> Measured:
    """Run a rehearsal; what was measured, until `stop` was set if it was.

    see: called a few times a second with what is measured so far. forget: whether those who came are forgotten again
    (not needed where the whole room is). state: a folder on the disk that the room writes to, where that is this
    machine. Raises HandsonError where the host cannot be looked at as asked.
    """
    raise_open_files()
    measured = Measured(plan.attendees)
    mine = Mine(real)
    watch = watch_for(plan, measured, mine, state)
    if watch:
        await watch.start()
    group = Class(plan, lessons, measured, real)
    used, begun = mine.cpu_seconds(), time.monotonic()
    running = asyncio.create_task(group.run())
    stopping = asyncio.create_task((stop or asyncio.Event()).wait())
    showing = asyncio.create_task(_show(measured, see))
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            measured.interrupted = True
            running.cancel()
        await asyncio.gather(running, return_exceptions=measured.interrupted)
        measured.own_cpu = (mine.cpu_seconds() - used) / (time.monotonic() - begun)
        await _stop(watch)
        watch = None
        if forget:
            await group.end()
    finally:
        await _close(group, [running, stopping, showing])
        await _stop(watch)
    return measured


async def _stop(watch: Watch | None) -> None:
    if watch:
        await watch.stop()


async def _close(group: Class, tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for one in group.people:
        await one.leave()
    if group.real:
        await group.real.close()


async def _show(measured: Measured, see: See) -> None:
    while True:
        see(measured)
        await asyncio.sleep(0.25)


async def _all(doing: Sequence[Awaitable[None]]) -> None:
    """All of them; the others are cancelled where one raises what it should not, or this is cancelled."""
    async with asyncio.TaskGroup() as group:
        for one in doing:
            group.create_task(_awaited(one))


async def _awaited(one: Awaitable[None]) -> None:
    await one


def raise_open_files() -> None:
    """Let this process open as many files as it may: each attendee has up to six connections."""
    try:
        import resource
    except ImportError:  # Windows has no such limit on sockets
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
