"""The two rooms that are compared: JupyterHub as it comes, and with seats of ours; both with its dummy log-in."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from handson.room.seat.limits import Limits
from handson.room.seat.settings import Settings

COMMON = """
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
"""
STOCK = """
c.JupyterHub.hub_port = {port} + 1
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:" + str({port} + 2)
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home/{{username}}"
c.Spawner.args = ["--allow-root"]
"""
OURS = """
from urllib.parse import quote
from handson.room.database import commit_without_waiting

commit_without_waiting()
hub = "http+unix://" + quote("{state}/doors/hub/hub.sock", safe="")
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = hub
c.JupyterHub.hub_socket_mode = 0o666
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:" + str({port} + 2)
c.JupyterHub.spawner_class = "handson.room.spawner.SeatSpawner"
c.SeatSpawner.state = "{state}"
"""


class Host:
    """A running room in a folder of its own; `name(n)` is what its n-th attendee is called."""

    def __init__(self, port: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench")).resolve()
        self.folder = self.folder.rename(self.folder.with_name(self.folder.name.lower()))
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def name(self, number: int) -> str:
        return f"seat-{number}"

    def _start(self, *command: str, **environment: str) -> None:
        with (self.folder / "log.txt").open("ab") as log:
            variables = {**os.environ, **environment}
            self.processes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, env=variables, cwd=self.folder, start_new_session=True
                )
            )

    def _hub(self, config: str, **facts: object) -> None:
        proxy = shutil.which("configurable-http-proxy")
        if proxy is None:
            sys.exit("configurable-http-proxy is not in the PATH: npm install configurable-http-proxy@5")
        text = (COMMON + config).format(port=self.port, folder=self.folder, proxy=proxy, **facts)
        (self.folder / "config.py").write_text(text)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._start(sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py"), PATH=path)
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{self.base}/hub/login", timeout=5):
                return
            if time.monotonic() > deadline:
                sys.exit((self.folder / "log.txt").read_text())
            time.sleep(0.1)

    def server_pids(self, number: int) -> list[int]:
        """The server and the kernels of an attendee."""
        raise NotImplementedError

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
    """JupyterHub's own local spawner: every server is a new `jupyterhub-singleuser`."""

    def start(self, ahead: int) -> None:  # noqa: ARG002 (nothing is started ahead there)
        self._hub(STOCK)

    def server_pids(self, number: int) -> list[int]:
        home = f"{self.folder}/home/{self.name(number)}"
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdigit() and f"HOME={home}\0" in (folder / "environ").read_text():
                    found.append(int(folder.name))
        return found


class Ours(Host):
    """Seats: forked, in namespaces and control groups."""

    def start(self, ahead: int) -> None:
        self.state = self.folder / "room"
        (self.state / "seats").mkdir(parents=True)
        self.settings = Settings(self.state, hub=os.getuid(), limits=Limits(), ahead=ahead)
        self._start(sys.executable, "-m", "handson.room.seat.keeper", str(self.settings.write()))
        self.seats = self.settings.seats()
        self._hub(OURS, state=self.state)
        deadline = time.monotonic() + 120
        while not all(len(self.seats.groups.pids(number, "server")) >= 2 for number in range(1, ahead + 1)):
            if time.monotonic() > deadline:
                sys.exit((self.folder / "log.txt").read_text())
            time.sleep(0.1)
        time.sleep(1)

    def join(self) -> None:
        self.seats.groups.join(1, "kernels")

    def server_pids(self, number: int) -> list[int]:
        first = self.seats.process(number, "init")
        return sorted(self.seats.groups.pids(number) - ({first.pid} if first else set()))
