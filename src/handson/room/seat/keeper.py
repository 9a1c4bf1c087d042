"""The keeper of the room's seats: it makes them, has servers forked into them, and ends them. It is root, and stays it.

The hub asks it by the number of a seat and nothing else: no user, no path, no command. It is small, runs no learner's
code and imports only the standard library and handson. If it is killed, seats go on; the next keeper finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from handson.errors import HandsonError
from handson.memory import ours
from handson.room.forge.protocol import LARGEST, Channel, Message, ask, listen
from handson.room.seat import linux
from handson.room.seat.governor import Governor
from handson.room.seat.layout import checked
from handson.room.seat.seats import Process
from handson.room.seat.settings import Settings, prepared
from handson.room.seat.turnstile import Turnstile

log = logging.getLogger("handson.keeper")

PATIENCE = 60.0
"""Seconds for a template to come (back) and answer."""
GRACE = 4.0
"""Seconds for a server to end by itself."""
_LOOK, _LOOK_CLOSER = 0.5, 0.1
"""Seconds between two looks at the seats, and at their memory where that is short."""


class Keeper:
    """See the module."""

    def __init__(self, settings: Settings, settings_file: Path) -> None:
        self.settings = settings
        self.file = settings_file
        self.seats = settings.seats()
        cores = len(os.sched_getaffinity(0))
        self.governor = Governor(self.seats.groups, cores)
        self.turnstile = Turnstile(self.seats.groups, cores, ours)
        self._templates: dict[int, str] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._ahead: set[int] = set()

    async def run(self) -> None:
        """Keep the room until SIGTERM; then end every seat. Files stay."""
        loop = asyncio.get_running_loop()
        linux.become_reaper()
        self.seats.groups.join_room()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for seat in self.seats.numbers():
            self.turnstile.go_on(seat)  # whom a keeper that was killed had stopped
        for kind in ("servers", "kernels"):
            self._start_template(kind)
        layout = self.seats.layout
        with listen(layout.keeper_socket, 0o660) as listener:
            os.chown(layout.keeper_socket, 0, self.settings.hub)
            listener.setblocking(False)
            self._task(self._accept(listener))
            self._task(self._govern())
            self._task(self._fork_ahead())
            await self._stopping.wait()
        for task in list(self._tasks):
            task.cancel()
        await self._end_all()
        layout.keeper_socket.unlink(missing_ok=True)

    def _task(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A part of the keeper that fails ends all of it: seats go on, and the supervisor starts another."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the keeper fails: %r", error, exc_info=error)
            os._exit(1)

    def _start_template(self, kind: str) -> None:
        layout = self.seats.layout
        path = layout.kernels_socket if kind == "kernels" else layout.servers_socket
        path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "handson.room.forge", kind, str(path), "--room", str(self.file)]
        here = os.open("/", os.O_RDONLY)
        try:
            back = os.open(".", os.O_RDONLY)
            os.fchdir(here)  # what `-m` puts before the import path is the working directory
            try:
                pid = os.posix_spawn(command[0], command, _template_environment())
            finally:
                os.fchdir(back)
                os.close(back)
        finally:
            os.close(here)
        self._templates[pid] = kind

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            kind = self._templates.pop(pid, None)
            if kind is not None and not self._stopping.is_set():
                log.error("the template of %s ended (%s); another is started", kind, os.waitstatus_to_exitcode(status))
                asyncio.get_running_loop().call_later(0.2, self._start_template, kind)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            end, _ = await loop.sock_accept(listener)
            end.setblocking(False)
            self._task(self._serve(end))

    async def _serve(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with end:
            try:
                uid = Channel(end).peer.uid
                if uid not in (0, self.settings.hub):
                    raise HandsonError(f"User {uid} may not ask for seats.", "The hub does.")
                async with asyncio.timeout(PATIENCE):
                    data = await loop.sock_recv(end, LARGEST)
                reply = await self.answer(json.loads(data))
            except HandsonError as error:
                reply = {"error": error.cause, "way_out": error.way_out}
            except (ValueError, TypeError, KeyError, AttributeError, TimeoutError) as error:
                reply = {"error": f"The keeper did not understand: {error!r}."}
            except OSError as error:
                log.exception("a request failed")
                reply = {"error": f"The keeper could not do it: {error}."}
            with suppress(OSError):
                await loop.sock_sendall(end, json.dumps(reply).encode())

    async def answer(self, message: Message) -> Message:
        """What is asked, done."""
        known: dict[str, Callable[[int, Message], Awaitable[Message]]] = {
            "start": self._start,
            "stop": self._stop,
            "poll": self._poll,
            "prepare": self._prepare,
            "forget": self._forget,
        }
        what = message.get("do")
        if what == "status":
            return self._status()
        if what not in known:
            raise HandsonError(f"The keeper cannot {what!r}.", f"It can: {', '.join(sorted([*known, 'status']))}.")
        number = checked(message.get("seat"))
        async with self._locks.setdefault(number, asyncio.Lock()):
            return await known[what](number, message)

    async def _start(self, number: int, message: Message) -> Message:
        """Start the seat's server with the hub's variables."""
        given = message.get("env") or {}
        variables = {name: str(value) for name, value in given.items() if name.startswith("JUPYTERHUB_")}
        if self.seats.process(number, "server") is not None:
            await self._end(number)
        self._ahead.discard(number)
        self.seats.make(number)
        self.seats.keep_space(number)
        self.seats.layout.server_socket(number).unlink(missing_ok=True)
        said = await self._ask_template(number, {"env": variables})
        self.seats.remember(number, server=int(said["host_pid"]))
        await self._listening(number)
        return {"pid": said["host_pid"]}

    async def _listening(self, number: int) -> None:
        """Return once the seat's server listens; raises HandsonError where it ends before."""
        socket_file = self.seats.layout.server_socket(number)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not _listens(socket_file):
            late = asyncio.get_running_loop().time() > deadline
            if late or self.seats.process(number, "server") is None:
                what = f"did not listen within {PATIENCE:.0f} s" if late else "ended before it listened"
                raise HandsonError(
                    f"The server of seat {number} {what}.", "Its log is .handson/server.log in its home."
                )
            await asyncio.sleep(0.01)

    async def _prepare(self, number: int, _: Message) -> Message:
        """Have the seat's server forked ahead."""
        if self.seats.process(number, "server") is None and number not in self._ahead:
            self.seats.make(number)
            await self._ask_template(number, None)
            self._ahead.add(number)
        return {"ready": True}

    async def _ask_template(self, number: int, order: Message | None) -> Message:
        """Ask the template of servers, and wait for it where it is just being started."""
        message: Message = {"seat": number, "settings": self.settings.server_settings(number)}
        if order is not None:
            message["order"] = order
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await ask(self.seats.layout.servers_socket, message, PATIENCE)
            except OSError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise HandsonError(
                        f"The template of servers did not come within {PATIENCE:.0f} s ({error}).",
                        "The room's log says what it died of.",
                    ) from error
                await asyncio.sleep(0.1)

    async def _stop(self, number: int, _: Message) -> Message:
        """End the seat's server and its kernels; the seat stays ready. Raises HandsonError where they do not end."""
        await self._end(number)
        return {"stopped": True}

    async def _end(self, number: int) -> None:
        """End all processes of a seat, its server first and gently; raises HandsonError where they do not end."""
        self._ahead.discard(number)
        self.governor.forget(number)
        self.turnstile.forget(number)
        server = self.seats.process(number, "server")
        if server is not None:
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGTERM)
            await _ended(server, GRACE)
        first = self.seats.kill(number)
        if first is not None and not await _ended(first, GRACE):
            raise HandsonError(
                f"Seat {number} does not end: its process {first.pid} runs on {GRACE:.0f} s after it was killed.",
                "Wait and try again. A disk that does not answer holds up whoever uses it.",
            )
        self.seats.forget_process(number)

    async def _poll(self, number: int, _: Message) -> Message:
        """Whether the seat's server runs."""
        return {"running": self.seats.process(number, "server") is not None}

    async def _forget(self, number: int, _: Message) -> Message:
        """End the seat and remove its files; raises HandsonError where something of it stays."""
        await self._end(number)
        if number in self.settings.ahead:  # a keeper that comes after this one does not make it again
            rest = tuple(other for other in self.settings.ahead if other != number)
            self.settings = dataclasses.replace(self.settings, ahead=rest)
            self.settings.write()
        self.seats.forget(number)
        return {"forgotten": True}

    def _status(self) -> Message:
        """What the board shows of seats, and what this host cannot limit."""
        groups = self.seats.groups
        seats = {}
        for number in self.seats.numbers():
            if self.seats.process(number, "init") is None:
                continue
            found: Message = {
                "running": self.seats.process(number, "server") is not None,
                "debt": round(self.governor.debts.get(number, 0.0), 3),
                "waits_for_memory": number in self.turnstile.stopped,
            }
            with suppress(OSError, KeyError):
                found |= {"memory": groups.memory(number), "out_of_memory": groups.out_of_memory(number)}
            with suppress(OSError):
                disk = os.statvfs(self.seats.layout.home(number))
                found |= {"disk_free": disk.f_bavail * disk.f_frsize}
            seats[str(number)] = found
        return {
            "seats": seats,
            "limits": {"memory": self.seats.limits.memory, "disk": self.seats.limits.disk},
            "cgroups": groups.version,
            "not_limited": self.seats.not_limited,
        }

    async def _govern(self) -> None:
        """Weigh seats at each look; where memory is short, see who waits for it several times in between."""
        while "cpu" in self.seats.groups.roots:
            running = [n for n in self.seats.numbers() if self.seats.process(n, "server") is not None]
            self.governor.look(running)
            self._take_turns(running)
            for _ in range(round(_LOOK / _LOOK_CLOSER) - 1):
                await asyncio.sleep(_LOOK_CLOSER)
                if self.turnstile.short:
                    self._take_turns(running)
            await asyncio.sleep(_LOOK_CLOSER)

    def _take_turns(self, seats: list[int]) -> None:
        there = [number for number in seats if number in self.governor.debts]  # not ended since
        self.turnstile.look(there, [number for number in there if self.governor.computes(number)])

    async def _fork_ahead(self) -> None:
        """Have seats wait for whoever comes, one after the other."""
        for number in self.settings.ahead:
            try:
                await self.answer({"do": "prepare", "seat": number})
            except (HandsonError, OSError) as error:
                log.error("seat %s could not be forked ahead: %s", number, error)

    async def _end_all(self) -> None:
        """End seats, then templates (which wait for their children to the last), and take away what was made."""
        ends = await asyncio.gather(*(self._end(number) for number in self.seats.numbers()), return_exceptions=True)
        for error in ends:
            if error is not None:
                log.error("%s", error)
        for pid in list(self._templates):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = asyncio.get_running_loop().time() + GRACE
        while self._templates and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        for number in self.seats.numbers():
            self.seats.close(number)
        self.seats.groups.remove_room()


def _listens(socket_file: Path) -> bool:
    """Whether somebody listens there; the file alone comes a moment before that."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(socket_file))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:  # more wait there than it takes at a time
            return True
        return True


async def _ended(process: Process, seconds: float) -> bool:
    """Whether a process has ended, waited for so long."""
    deadline = asyncio.get_running_loop().time() + seconds
    while process.runs:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


def _template_environment() -> dict[str, str]:
    """What templates may know of this process's environment: where programs and modules are, and the language.

    With one arena for all threads the C library gives back what was freed (`giveback.py`); of each thread's own it
    would keep the top. What is larger than 8 MB it takes from the system alone, and gives back when it is freed: by
    itself it learns to keep such blocks, and a wallpaper's dream (`deepdream`) then takes half as much again.
    """
    kept = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_ALL", "TZ", "HANDSON_MIRROR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": "/nonexistent",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "8388608",
        "MALLOC_TRIM_THRESHOLD_": "67108864",
    }


def ready(settings: Settings) -> Keeper:
    """A keeper of a room whose folders and groups are made; needs root."""
    settings = prepared(settings)
    return Keeper(settings, settings.write())


def main() -> int:
    """`python -m handson.room.seat.keeper STATE --hub UID …`: keep a room until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m handson.room.seat.keeper", description=__doc__)
    parser.add_argument("settings", type=Path, help="a file with the room's settings, as Settings.write leaves one")
    wanted = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.INFO)
    linux.set_name("handson-keeper")
    os.umask(0o022)  # folders that it makes for seats are passed through by them, whoever started it
    asyncio.run(ready(Settings.read(wanted.settings)).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
