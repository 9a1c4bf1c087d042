"""From what the organiser asked for to what was measured: the room, the real browser, Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from handson.errors import HandsonError
from handson.rehearse.chromium import RealBrowser
from handson.rehearse.hosted import RunningRoom, own_room
from handson.rehearse.measured import Measured
from handson.rehearse.people import Lesson
from handson.rehearse.rehearsal import See, rehearse
from handson.rehearse.settings import Rehearsal

Say = Callable[[str], None]
_NICE = -10
"""About the weight of a room's control group beside what else the host runs."""


async def in_room(
    plan: Rehearsal, lessons: Sequence[Lesson], *, browser: bool, see: See, say: Say, state: Path = Path("/")
) -> Measured:
    """Rehearse in the room that `plan` names; Ctrl-C ends it early, with what was seen until then.

    state: a folder on the disk that the room writes to. Raises HandsonError.
    """
    return await _rehearse(plan, lessons, browser, see, say, state, forget=True)


async def in_own_room(
    plan: Callable[[RunningRoom], Rehearsal],
    lessons: Sequence[Lesson],
    options: Sequence[str],
    *,
    seats: int,
    browser: bool,
    see: See,
    say: Say,
) -> Measured:
    """The same in a room that is started for it, with `options` of `handson room`, and forgotten as a whole."""
    async with own_room(seats, options) as room:
        return await _rehearse(plan(room), lessons, browser, see, say, room.state, forget=False)


async def _rehearse(
    plan: Rehearsal, lessons: Sequence[Lesson], browser: bool, see: See, say: Say, state: Path, *, forget: bool
) -> Measured:
    real = await _real(plan, browser, say)
    _come_first()
    stop = asyncio.Event()
    with _ctrl_c(stop):
        return await rehearse(plan, lessons, real=real, see=see, stop=stop, forget=forget, state=state)


def _come_first() -> None:
    """Before the room, where both are on one machine: attendees' own laptops would not wait for its seats. Not so the
    real browser, which runs already: it works for seconds, and the room would wait for it."""
    with contextlib.suppress(OSError, AttributeError):  # not root, or Windows
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        with Path("/proc/self/autogroup").open("r+") as ours:  # where there are, niceness counts in its session alone
            ours.write(str(_NICE))


async def _real(plan: Rehearsal, wanted: bool, say: Say) -> RealBrowser | None:
    """The real browser, or None and a word why."""
    if not wanted:
        say("No real browser takes part, as asked.")
        return None
    if plan.ca is not None:
        say("No real browser takes part: it does not know the CA of this room.")
        return None
    real = RealBrowser()
    try:
        await real.start(urlsplit(plan.address).hostname or "")
    except HandsonError as error:
        await real.close()
        say(f"No real browser takes part: {error.cause} {error.way_out}")
        return None
    return real


@contextlib.contextmanager
def _ctrl_c(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C sets `stop`; a second one ends everything at once."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    try:
        loop.add_signal_handler(signal.SIGINT, first)
    except NotImplementedError:  # Windows: Ctrl-C ends it at once
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
