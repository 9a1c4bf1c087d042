"""A room that runs, and attendees as browsers without a face. For root its seats are fenced off."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

PATIENCE = 60.0
FENCED = os.geteuid() == 0
BROWSER = {"Accept": "text/html,*/*", "User-Agent": "a test"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(condition: Any, awaited: str, patience: float = PATIENCE) -> Any:
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"after {patience:.0f} s still awaited: {awaited}"
        time.sleep(0.05)
    return value


@dataclass
class RunningRoom:
    """One room; `said` is what its terminal shows."""

    state: Path
    port: int
    board_port: int
    process: subprocess.Popen[str]
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def secrets(self) -> dict[str, str]:
        return dict(json.loads((self.state / "hub" / "secrets.json").read_text()))

    @property
    def base(self) -> int:
        """Where the user IDs of the room's seats begin; its hub and proxy have those before."""
        return int(json.loads((self.state / "seats" / "room.json").read_text())["base"])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, **more: Any) -> httpx.Client:
        """A browser that has not been here before."""
        client = httpx.Client(base_url=self.address, follow_redirects=True, timeout=PATIENCE, headers=BROWSER, **more)
        self.clients.append(client)
        return client

    def files(self, seat: int) -> Path:
        """The files of a seat."""
        return self.state / "seats" / (f"{seat}/home" if FENCED else f"seat-{seat}")

    def servers(self) -> list[int]:
        """The processes of the seats' servers that somebody has taken."""
        if not FENCED:
            return self.pids("jupyterhub.singleuser")
        known = [json.loads(file.read_text()) for file in self.state.glob("seats/*/seat.json")]
        pids = [one["server"][0] for one in known if "server" in one]
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def server(self, seat: int) -> int:
        """The process of a seat's server."""
        if FENCED:
            return int(json.loads((self.state / "seats" / str(seat) / "seat.json").read_text())["server"][0])
        variable = f"JUPYTERHUB_USER=seat-{seat}\0".encode()
        (pid,) = (pid for pid in self.servers() if variable in Path(f"/proc/{pid}/environ").read_bytes())
        return pid

    def pids(self, needle: str) -> list[int]:
        """The processes of this room whose command line holds `needle`."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    environment = (folder / "environ").read_bytes()
                except OSError:
                    continue
                if needle in line and str(self.state).encode() in environment + line.encode():
                    found.append(int(folder.name))
        return found

    def logs(self) -> str:
        return "\n".join(
            path.read_text(errors="replace")[-3000:] for path in sorted((self.state / "logs").glob("*.log"))
        )


def xsrf_of(page: httpx.Response) -> str:
    found = re.search(r'(?:name="_xsrf" value|data-xsrf)="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def join(client: httpx.Client, code: str, name: str, **more: str) -> httpx.Response:
    """Join as a form does."""
    page = client.get("/hub/join")
    return client.post("/hub/join", data={"_xsrf": xsrf_of(page), "code": code, "name": name, "door": "seat", **more})


def come_back(client: httpx.Client, code: str) -> httpx.Response:
    page = client.get("/hub/join")
    return client.post("/hub/join", data={"_xsrf": xsrf_of(page), "come_back": code})


def seat_code_of(page: httpx.Response) -> str:
    found = re.search(r'class="big-code"[^>]*>([^<]+)<', page.text)
    assert found, page.text
    return found[1].strip()


def events(client: httpx.Client, page: httpx.Response) -> Iterator[dict[str, Any]]:
    """The states that the hub tells, as the page's script hears them."""
    with client.stream("GET", "/hub/room/stream", params={"_xsrf": xsrf_of(page)}) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def wait_for_seat(client: httpx.Client, page: httpx.Response) -> list[dict[str, Any]]:
    """Wait as the waiting page does; all that was told on the way, the last one that the seat is ready."""
    told = []
    for mine in events(client, page):
        told.append(mine["seat"])
        assert mine["seat"]["state"] != "failed", told
        if mine["seat"]["state"] == "ready":
            return told
    pytest.fail(f"the stream ended: {told}")


@contextmanager
def running_room(
    state: Path, *options: str, workshop: Path | None = None, wait: bool = True, ports: tuple[int, int] | None = None
) -> Iterator[RunningRoom]:
    """`handson room` on loopback, until the block ends; then ended as by Ctrl-C. ports: attendees', the board's."""
    pytest.importorskip("jupyterhub", reason="jupyterhub is not installed: pip install 'handson[room]'")
    port, board_port = ports or (free_port(), free_port())
    log = state.with_name(f"{state.name}.said")
    command = [
        *(sys.executable, "-m", "handson", "room", "--address", "127.0.0.1"),
        *(() if FENCED else ("--trust-everyone",)),
        *("--state", str(state), "--port", str(port), "--board-port", str(board_port), "--mdns", ""),
        *(("--workshop", str(workshop)) if workshop else ()),
        *(() if "--site" in options else ("--no-page",)),
        *options,
    ]
    with log.open("w") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, text=True, env={**os.environ, "COLUMNS": "200"}, cwd=state.parent
        )
    room = RunningRoom(state, port, board_port, process, log)
    try:
        if wait:
            until(lambda: "class code" in room.said or process.poll() is not None, "the room", 120)
            assert process.poll() is None, room.said + room.logs()
        yield room
    finally:
        for client in room.clients:
            client.close()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(90)
        for pid in [] if FENCED else room.servers():  # those that a killed hub left behind
            os.kill(pid, signal.SIGKILL)
