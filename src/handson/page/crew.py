"""The page's other cores: web workers that have a network too and take a share of each batch (`pocket.parallel`).

The worker that runs the lesson asks the page for them when a network is first trained, and goes on alone until they are
there. Waiting for an answer in the middle of a cell needs an engine whose Python can wait for JavaScript; in others
everything stays on one core.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable
from typing import Any, Protocol

from handson.pocket import parallel

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

    def post(self, worker: int, message: Any) -> None:
        """Send bytes to one of them."""

    def wait(self, worker: int) -> Awaitable[Any]:
        """The bytes of its earliest answer; none where it is gone."""


class _Port:
    """One of the page's workers, as `parallel` sees it."""

    def __init__(self, ports: Ports, number: int) -> None:
        self._ports, self._number = ports, number

    def post(self, message: bytes) -> None:
        """Send a message without waiting."""
        from pyodide.ffi import to_js

        self._ports.post(self._number, to_js(message))

    def wait(self) -> bytes:
        """The answer to the earliest message not answered yet."""
        from pyodide.ffi import run_sync

        answer: bytes = run_sync(self._ports.wait(self._number)).to_bytes()
        if not answer:
            raise parallel.WorkerGoneError
        return answer


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
            parallel.use([_Port(ports, number) for number in range(ports.size())])
        return True

    parallel.recruit = recruit
