"""Keeps the parts of a room running: starts them in order, starts anew what dies, ends them in reverse.

A part is a process of its own, often of its own UNIX user. It ends with the supervisor, however that ends (the kernel
sees to it: PR_SET_PDEATHSIG); what a part has started itself, seats, it leaves running unless it is asked to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from handson.errors import HandsonError

Say = Callable[[str], None]

_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE = 10.0
_LASTING = 30.0
"""Seconds after which a start counts as a success, and the pause before the next one is short again."""
_LOG_LIMIT = 5_000_000
_TAIL = 12


@dataclass(frozen=True)
class Part:
    """One process of the room. `sockets` are there once it is ready; uid, gid and groups are numbers, None: ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    sockets: Sequence[Path | tuple[str, int]] = ()
    uid: int | None = None
    gid: int | None = None
    groups: Sequence[int] = ()
    umask: int = 0o077
    patience: float = 60.0
    """Seconds that it may take to be ready."""
    grace: float = 20.0
    """Seconds between being asked to end and being made to."""
    came_back: Callable[[], Awaitable[None]] | None = None
    """Called after it was started anew."""


@dataclass
class _Running:
    part: Part
    process: asyncio.subprocess.Process | None = None
    started: float = 0.0
    deaths: int = 0
    ended: bool = False
    watch: asyncio.Task[None] | None = field(default=None, repr=False)


class Supervisor:
    """The parts of one room, in the order in which they start."""

    def __init__(self, parts: Sequence[Part], say: Say = lambda _: None) -> None:
        self._running = {part.name: _Running(part) for part in parts}
        self._say = say

    async def start(self) -> None:
        """Start all parts, each once the one before is ready; raises HandsonError, all ended, where one is not."""
        try:
            for one in self._running.values():
                await self._start(one)
                one.watch = asyncio.create_task(self._keep(one))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ask the parts to end, the last one first; what does not is killed."""
        for one in reversed(self._running.values()):
            one.ended = True
            if one.watch:
                one.watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one.watch
            process = one.process
            if process is None or process.returncode is not None:
                continue
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), one.part.grace)
            except TimeoutError:
                self._say(f"{one.part.name} did not end within {one.part.grace:g} s and was killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def pid(self, name: str) -> int | None:
        """The process of a part, if it runs."""
        process = self._running[name].process
        return process.pid if process and process.returncode is None else None

    async def _start(self, one: _Running) -> None:
        part = one.part
        one.process, one.started = None, time.monotonic()  # so that one that cannot be started is not tried without end
        for place in part.sockets:
            if isinstance(place, Path):
                place.unlink(missing_ok=True)  # of an earlier one that was killed
            elif _answers(place):
                host, port = place
                raise HandsonError(
                    f"Port {port} of {host} is taken by another program.",
                    "End that, or name another port: `handson room --help`.",
                )
        with _log(part.log) as log:
            one.process = await asyncio.create_subprocess_exec(
                *part.command,
                env=dict(part.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us
                preexec_fn=_dies_with(os.getpid()),
                umask=part.umask,
                **_user(part),
            )
        await self._ready(one)

    async def _ready(self, one: _Running) -> None:
        part, process = one.part, one.process
        assert process is not None
        deadline = time.monotonic() + part.patience
        while not all(_answers(place) for place in part.sockets):
            if process.returncode is not None:
                raise HandsonError(
                    f"{part.name} ended before it was ready (exit status {process.returncode}).\n{_tail(part.log)}",
                    f"All it said is in {part.log}.",
                )
            if time.monotonic() > deadline:
                missing = ", ".join(str(place) for place in part.sockets if not _answers(place))
                raise HandsonError(
                    f"{part.name} did not answer at {missing} within {part.patience:g} s.\n{_tail(part.log)}",
                    f"All it said is in {part.log}.",
                )
            await asyncio.sleep(0.03)

    async def _keep(self, one: _Running) -> None:
        while True:
            status = await one.process.wait() if one.process else None
            if one.ended:
                return
            one.deaths = one.deaths + 1 if time.monotonic() - one.started < _LASTING else 0
            pause = min(0.05 * 2**one.deaths, _LONGEST_PAUSE)
            how = "was not started" if status is None else f"ended (exit status {status})"
            self._say(f"{one.part.name} {how}; it is started anew in {pause:.1f} s")
            await asyncio.sleep(pause)
            try:
                await self._start(one)
                if one.part.came_back:
                    await one.part.came_back()
                self._say(f"{one.part.name} is back")
            except Exception as error:
                self._say(f"{one.part.name} did not come back: {error}")
                if one.process and one.process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        one.process.kill()


def _answers(place: Path | tuple[str, int]) -> bool:
    if isinstance(place, Path):
        return any(_connects(socket.AF_UNIX, kind, str(place)) for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET))
    return _connects(socket.AF_INET6 if ":" in place[0] else socket.AF_INET, socket.SOCK_STREAM, place)


def _connects(family: int, kind: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, kind) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


def _dies_with(parent: int) -> Callable[[], None]:
    """For the child, after the change of user (which forgets it): end when `parent` ends."""
    libc = ctypes.CDLL(None, use_errno=True)

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)

    return before_exec


def _user(part: Part) -> dict[str, Any]:
    if part.uid is None:
        return {}
    return {
        "user": part.uid,
        "group": part.gid if part.gid is not None else part.uid,
        "extra_groups": list(part.groups),
    }


def _log(path: Path) -> IO[bytes]:
    """A log to append to; one that has grown is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".old"))
    return path.open("ab")


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_TAIL:])
    except OSError as error:
        return f"(its log cannot be read: {error})"


async def _nothing() -> None:
    pass


def run_until_told(
    supervisor: Supervisor, ready: Callable[[], None], beside: Callable[[], Coroutine[Any, Any, None]] = _nothing
) -> None:
    """Start all, call `ready`, do what `beside` says meanwhile, and return after SIGINT or SIGTERM, all ended."""
    asyncio.run(_run(supervisor, ready, beside))


async def _run(
    supervisor: Supervisor, ready: Callable[[], None], beside: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    starting = asyncio.create_task(supervisor.start())
    interrupted = asyncio.create_task(told.wait())
    await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return
    meanwhile: asyncio.Task[None] | None = None
    try:
        starting.result()
        if not told.is_set():
            ready()
        meanwhile = asyncio.create_task(beside())
        await told.wait()
    finally:
        if meanwhile:
            meanwhile.cancel()
        await supervisor.stop()
        interrupted.cancel()
