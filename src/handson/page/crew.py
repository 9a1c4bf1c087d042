"""The page's other cores: web workers that have a network too and take a share of each batch (`pocket.parallel`).

The worker that runs the lesson asks the page for them when a network is first trained, and goes on alone until they are
there. Waiting for an answer in the middle of a cell needs an engine whose Python can wait for JavaScript; in others
everything stays on one core.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable
from typing import Protocol

from handson.pocket import parallel
from handson.pocket.replica import Replica
from handson.pocket.storage import Storage

_LOOK_SECONDS = 0.5
"""Between two looks whether more workers are there."""


class Ports(Protocol):
    """The JavaScript side: `web/src/worker/crew.ts`."""

    def ask(self) -> None:
        """Ask the page for workers; nothing happens where that was done before."""

    def size(self) -> int:
        """How many are ready."""

    def look(self) -> Awaitable[None]:
        """Let messages in: a worker may have become ready."""

    def line(self, worker: int) -> Line:
        """The way to one of them."""


class Line(Protocol):
    """One end of the way between two workers: bytes of Python's memory go out and come in, in order."""

    def post(self, address: int, nbytes: int) -> None:
        """Send bytes."""

    def wait(self) -> Awaitable[int]:
        """How many bytes the earliest message that was not taken has; 0 where there will be none any more."""

    def take(self, address: int) -> None:
        """Write that message into memory."""


class _Hand:
    """One of the page's workers, as `parallel` sees it."""

    under_way = 0.0007
    """There 0.1 ms; back 0.2 ms, and 0.4 ms until Python, stopped for some milliseconds, is awake again (Chromium)."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def post(self, message: Storage) -> None:
        """Send a message without waiting."""
        self._line.post(message.address, message.nbytes)

    def wait(self) -> Storage:
        """The answer to the earliest message not answered yet."""
        from pyodide.ffi import run_sync

        nbytes = run_sync(self._line.wait())
        if not nbytes:
            raise parallel.WorkerGoneError
        return _taken(self._line, nbytes)


def _taken(line: Line, nbytes: int) -> Storage:
    memory = Storage(nbytes)
    line.take(memory.address)
    return memory


class Helper:
    """A worker's own end."""

    def __init__(self, line: Line) -> None:
        self._line, self._replica = line, Replica()

    def answer(self, nbytes: int) -> None:
        """Take the message that has come, do what it asks, and send the answer."""
        answer = self._replica.answer(_taken(self._line, nbytes))
        self._line.post(answer.address, answer.nbytes)


def take_part(ports: Ports) -> None:
    """Let networks be shared out once they are trained, unless HANDSON_WORKERS is 1."""
    if os.environ.get("HANDSON_WORKERS", "").strip() == "1":
        return

    looked = 0.0

    def recruit() -> bool:
        nonlocal looked
        from pyodide.ffi import can_run_sync, run_sync

        if not can_run_sync():
            return False
        ports.ask()
        if ports.size() + 1 == parallel.count() and time.monotonic() - looked > _LOOK_SECONDS:
            run_sync(ports.look())
            looked = time.monotonic()
        if ports.size() + 1 != parallel.count():
            parallel.use([_Hand(ports.line(number)) for number in range(ports.size())])
        return True

    parallel.recruit = recruit
