"""The two rooms that are compared: JupyterHub as it comes, with its dummy log-in, and `handson room`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attendee import GATE_KEY, Attendee, Guest

from handson.kit.frontend import front_end
from handson.nodejs import node
from handson.room.seat.settings import Settings

STOCK = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.log_level = 30
c.Spawner.http_timeout = c.Spawner.start_timeout = 300
c.Spawner.default_url = "/lab"
c.JupyterHub.hub_port = {port} + 1
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:" + str({port} + 2)
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home/{{username}}"
c.Spawner.args = ["--allow-root"]
"""


class Host:
    """A running room in a folder of its own, at `base`."""

    def __init__(self, port: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench")).resolve()
        self.folder = self.folder.rename(self.folder.with_name(self.folder.name.lower()))
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, seats: int) -> None:
        """Start it for so many people; it is up when this returns."""
        raise NotImplementedError

    def attendee(self, number: int) -> Attendee:
        """Somebody who can come in."""
        return Attendee(self.base, f"seat-{number}")

    def pids(self, person: Attendee) -> list[int]:
        """The server and the kernels of somebody who is in."""
        raise NotImplementedError

    def _start(self, *command: str, **environment: str) -> None:
        with (self.folder / "log.txt").open("ab") as log:
            variables = {**os.environ, **environment}
            self.processes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, env=variables, cwd=self.folder, start_new_session=True
                )
            )

    def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self.processes[0].poll() is not None:
                text = (self.folder / "log.txt").read_text()
                self.end()
                sys.exit(text)
            time.sleep(0.1)

    def join(self) -> None:
        """Put this process where an attendee's kernels are."""

    def end(self) -> None:
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)  # a keeper ends forty seats
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Stock(Host):
    """JupyterHub's own local spawner: every server is a new `jupyterhub-singleuser`. The proxy is the one of ours."""

    def start(self, seats: int) -> None:  # noqa: ARG002 (nothing is started ahead there)
        """Start the hub, and wait for its log-in page."""
        proxy = self.folder / "proxy"
        proxy.write_text(
            f'#!/bin/sh\nSEAT_GATE_KEY={GATE_KEY} exec {node()} {front_end() / "room" / "proxy.mjs"} "$@"\n'
        )
        proxy.chmod(0o755)
        text = STOCK.format(port=self.port, folder=self.folder, proxy=str(proxy))
        (self.folder / "config.py").write_text(text)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._start(sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py"), PATH=path)
        self._until(self._answers, 60)

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.base}/hub/login", timeout=5):
            return True
        return False

    def pids(self, person: Attendee) -> list[int]:
        """See the base class."""
        home = f"{self.folder}/home/{person.name}"
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdigit() and f"HOME={home}\0" in (folder / "environ").read_text():
                    found.append(int(folder.name))
        return found


class Ours(Host):
    """`handson room` as an organiser starts it, with the workshop's own lessons."""

    def start(self, seats: int) -> None:
        """Start the room, and wait until it has said its class code and forked ahead what it means to."""
        state = self.folder / "room"
        self._start(
            *(sys.executable, "-m", "handson", "room", "--address", "127.0.0.1", "--port", str(self.port)),
            *("--board-port", str(self.port + 1), "--mdns", "", "--no-page", "--seats", str(seats)),
            *("--state", str(state)),
        )
        self._until(lambda: "class code" in (self.folder / "log.txt").read_text(), 120)
        self.code = json.loads((state / "hub" / "secrets.json").read_text())["class_code"]
        self.settings = Settings.read(state / "seats" / "room.json")
        self.seats = self.settings.seats()
        ahead = self.settings.ahead
        self._until(lambda: all(len(self.seats.groups.pids(number, "server")) >= 2 for number in ahead), 120)
        time.sleep(1)

    def attendee(self, number: int) -> Attendee:
        """See the base class."""
        return Guest(self.base, f"Guest {number}", self.code)

    def pids(self, person: Attendee) -> list[int]:
        """See the base class."""
        number = int(person.seat.rpartition("-")[2])
        first = self.seats.process(number, "init")
        return sorted(self.seats.groups.pids(number) - ({first.pid} if first else set()))

    def join(self) -> None:
        """See the base class."""
        self.seats.groups.join(1, "kernels")
