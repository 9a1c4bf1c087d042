"""The host as it is while the class works: this machine itself, or what the room's board tells of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil

from handson.errors import HandsonError
from handson.memory import holds, limiting_group, memory
from handson.rehearse.chromium import RealBrowser
from handson.rehearse.measured import Look, Measured
from handson.rehearse.settings import BoardLink, Rehearsal

EVERY = 1.0


class Watch:
    """Looks at the host until it is told to stop; puts what it saw into `measured`."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the first look, which is the one before anybody came, and go on; raises HandsonError."""
        first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._looks(first))
        await asyncio.wait({self._task, first}, return_when=asyncio.FIRST_COMPLETED, timeout=15)
        if self._task.done():
            self._task.result()
        if not first.done():
            await self.stop()
            raise HandsonError("The board did not tell how the host is within 15 s.", "Look at its page in a browser.")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, HandsonError):
                await self._task

    async def _looks(self, first: asyncio.Future[None]) -> None:
        raise NotImplementedError

    def _seen(self, look: Look, first: asyncio.Future[None]) -> None:
        if self.measured.before is None:
            self.measured.before = look
        self.measured.looks.append(look)
        if not first.done():
            first.set_result(None)


class Mine:
    """The rehearsal's own processes, which a class would not have: this one, and the real browser's."""

    def __init__(self, real: RealBrowser | None) -> None:
        self._real = real

    def processes(self) -> list[psutil.Process]:
        """Those that run now."""
        found = [psutil.Process()]
        with contextlib.suppress(psutil.Error):
            if self._real and self._real.pid:
                driver = psutil.Process(self._real.pid)
                found += [driver, *driver.children(recursive=True)]
        return found

    def cpu_seconds(self) -> float:
        """What they have used so far."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def memory(self) -> int:
        """Bytes that would be free without them: what no other process shares."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                total += int(process.memory_full_info().uss)
        return total


class OwnMachine(Watch):
    """This machine, less what the rehearsal itself takes; `port` is the room's, by which its processes are found."""

    def __init__(self, measured: Measured, port: int, mine: Mine, folder: Path = Path("/")) -> None:
        super().__init__(measured)
        self._port, self._mine, self._folder = port, mine, folder

    async def _looks(self, first: asyncio.Future[None]) -> None:
        parts = dict(processes_of_room(self._port))
        group = limiting_group(parts["hub"].pid) if "hub" in parts else None
        counted = group is None or holds(group, os.getpid())
        psutil.cpu_percent()
        for process in parts.values():
            _share(process)
        while True:
            await asyncio.sleep(EVERY)
            seen = memory(group)
            look = Look(
                self.measured.seconds(),
                psutil.cpu_percent() / 100,
                max(0, seen.used - (self._mine.memory() if counted else 0)),
                seen.total,
                shutil.disk_usage(self._folder).free,
                _share(parts.get("hub")),
                _share(parts.get("proxy")),
            )
            self._seen(look, first)


def _share(process: psutil.Process | None) -> float | None:
    """Of one core, what a process took since the last look."""
    try:
        return float(process.cpu_percent()) / 100 if process else None
    except psutil.Error:
        return None


def processes_of_room(port: int) -> Iterator[tuple[str, psutil.Process]]:
    """The proxy that listens on `port`, and the hub, which has the same parent."""
    seen = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            seen.append((process.cmdline(), process.ppid(), process))
    for command, parent, process in seen:
        named = any(word.endswith("proxy.mjs") for word in command)
        if named and "--port" in command and command[command.index("--port") + 1 :][:1] == [str(port)]:
            yield "proxy", process
            for other, its_parent, hub in seen:
                if its_parent == parent and "handson.room.hub" in other:
                    yield "hub", hub
            return


class ByBoard(Watch):
    """What the board tells: the whole host's processor and memory."""

    def __init__(self, measured: Measured, link: BoardLink) -> None:
        super().__init__(measured)
        self._link = link

    async def _looks(self, first: asyncio.Future[None]) -> None:
        headers = {"Authorization": f"Bearer {self._link.phrase}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
        address = f"{self._link.address.rstrip('/')}/api/stream"
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                session.get(address) as stream,
            ):
                if stream.status != 200:
                    raise HandsonError(f"The board at {self._link.address} answered {stream.status}.", _PHRASE)
                await self._read(stream, first)
        except (aiohttp.ClientError, OSError) as error:
            raise HandsonError(f"The board at {self._link.address} does not answer: {error}", _REACH) from None

    async def _read(self, stream: aiohttp.ClientResponse, first: asyncio.Future[None]) -> None:
        event = ""
        async for line in _lines(stream):
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event in ("", "message"):
                load = json.loads(line.removeprefix("data: "))["load"]
                numbers = (load["cpu"], load["memory_used"], load["memory_total"], load["disk_free"])
                self._seen(Look(self.measured.seconds(), *numbers), first)
            elif not line:
                event = ""


async def _lines(stream: aiohttp.ClientResponse) -> AsyncIterator[str]:
    """Lines of any length: the board's content is one."""
    rest = b""
    async for piece in stream.content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode()


_PHRASE = "Its phrase stands where the room was started; wrong ones have to wait."
_REACH = "It answers only the machine of the room, unless that was started with --board-address."


def watch_for(plan: Rehearsal, measured: Measured, mine: Mine, folder: Path = Path("/")) -> Watch | None:
    """What can be looked at: this machine where the room runs on it, else the board, where its link is known."""
    if plan.on_this_machine:
        parts = urlsplit(plan.address)
        return OwnMachine(measured, parts.port or (443 if parts.scheme == "https" else 80), mine, folder)
    return ByBoard(measured, plan.board) if plan.board else None
