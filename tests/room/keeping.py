"""A real keeper with real seats, for tests: started, asked, and code run inside a seat."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handson.room.forge.protocol import ask
from handson.room.seat.limits import Limits
from handson.room.seat.place import environment
from handson.room.seat.settings import Settings

HUB = 54321
BASE = 220_000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""The kernel counts a user's processes wherever they are: rooms side by side have seats with user IDs of their own."""
SMALL = Limits(memory=400_000_000, disk=32_000_000, temporary=16_000_000, processes=60, files=256, kernels=3)


def needs_seats() -> None:
    """Skip, with the reason, where seats cannot be made."""
    if not sys.platform.startswith("linux"):
        pytest.skip("seats are made of Linux's namespaces", allow_module_level=True)
    if os.geteuid() != 0:
        pytest.skip("making seats needs root: run these tests as root, in a virtual machine", allow_module_level=True)
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, text=True
    )
    if probe.returncode:
        pytest.skip(f"no namespaces for root here: {probe.stderr.strip()}", allow_module_level=True)
    pytest.importorskip("jupyterhub", reason="JupyterHub is not installed: pip install 'handson[room]'")


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str


class Keeping:
    """A room without a hub: `python -m handson.room.seat.keeper` in a folder with a short name."""

    def __init__(self, limits: Limits = SMALL, ahead: int = 0, hub: int = HUB, **more: Any) -> None:
        self.state = Path(tempfile.mkdtemp(prefix="room", dir="/tmp")).resolve()
        lower = self.state.with_name(self.state.name.lower())
        self.state.rename(lower)
        self.state = lower
        (self.state / "seats").mkdir()
        self.settings = Settings(self.state, hub, BASE, limits, ahead=tuple(range(1, ahead + 1)), **more)
        self.seats = self.settings.seats()
        self.layout = self.settings.layout
        self.file = self.settings.write()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "handson.room.seat.keeper", str(self.file)]
        with (self.state / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask(do="status")
                break
            except OSError:
                assert self.process.poll() is None, self.said()
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.02)

    def template(self, kind: str) -> int:
        """The PID of a template, 0 while there is none (kernels whose template died are the keeper's children, too)."""
        command = ["pgrep", "--ns", str(self.process.pid), "--nslist", "pid", "-P", str(self.process.pid)]
        found = subprocess.run([*command, f"handson-{kind}"], capture_output=True, text=True).stdout.split()
        return int(found[0]) if found else 0

    def said(self) -> str:
        return (self.state / "log.txt").read_text()

    def ask(self, **message: Any) -> dict[str, Any]:
        return asyncio.run(ask(self.layout.keeper_socket, message, 60))

    def serve(self, number: int, **variables: str) -> dict[str, Any]:
        """Start a seat's server as the hub would, and wait for its socket."""
        hub = {"JUPYTERHUB_API_TOKEN": f"token-{number}", "JUPYTERHUB_USER": f"seat-{number}", **variables}
        said = self.ask(do="start", seat=number, env=hub)
        deadline = time.monotonic() + 30
        while not self.layout.server_socket(number).exists():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)
        return said

    def inside(self, number: int, code: str, seconds: float = 30, program: str = sys.executable) -> Outcome:
        """Run Python code in a seat, as its kernels run, and return what it printed."""
        place = self.seats.place(number, "kernels")
        reading, writing = os.pipe()
        pid = place.fork()
        if pid == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(writing, 1)
                os.dup2(writing, 2)
                place.enter()
                os.closerange(3, 256)
                os.execve(program, [program, "-c", code], environment(number))
            except BaseException as error:
                os.write(2, repr(error).encode())
            finally:
                os._exit(99)
        os.close(writing)
        deadline = time.monotonic() + seconds
        output = b""
        os.set_blocking(reading, False)
        status = 0
        while True:
            with suppress(BlockingIOError):
                output += os.read(reading, 100_000)
            found, status = os.waitpid(pid, os.WNOHANG)
            if found or time.monotonic() > deadline:
                break
            time.sleep(0.005)
        with suppress(BlockingIOError):
            output += os.read(reading, 100_000)
        os.close(reading)
        if not found:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Outcome(124, output.decode(errors="replace"))
        return Outcome(os.waitstatus_to_exitcode(status), output.decode(errors="replace"))

    def end(self) -> None:
        self.process.terminate()
        code = self.process.wait(30)
        said = self.said()
        shutil.rmtree(self.state)
        assert code == 0, said


@contextmanager
def two_seats() -> Iterator[Keeping]:
    """A room with a seat that attacks (1), another with a secret (2), and a folder that is given to both."""
    given = Path(tempfile.mkdtemp(prefix="given", dir="/tmp")).resolve()
    given.chmod(0o777)  # who may write is not what stops anybody here
    (given / "weights.bin").write_text("the organiser's")
    (given / "weights.bin").chmod(0o666)
    room = Keeping(shown=(given,))
    try:
        for number in (1, 2):
            room.serve(number)
        (room.layout.home(2) / "secret.txt").write_text("the other's")
        yield room
    finally:
        room.end()
        shutil.rmtree(given)


def serves(room: Keeping) -> None:
    """Fail unless a room of `two_seats` is as it was."""
    assert room.process.poll() is None
    assert "ended" not in "".join(line for line in room.said().splitlines() if "the template of" in line)
    for number in (1, 2):
        assert room.ask(do="poll", seat=number)["running"]
    assert (room.layout.home(2) / "secret.txt").read_text() == "the other's"
