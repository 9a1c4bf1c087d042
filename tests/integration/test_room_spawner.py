"""JupyterHub with seats: sign in, open JupyterLab, run a cell; hub, template and keeper killed in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from handson.kit.frontend import front_end
from handson.nodejs import node
from tests.conftest import ROOT
from tests.room.keeping import Keeping, needs_seats

needs_seats()
pytest.importorskip("aiohttp", reason="aiohttp comes with JupyterHub: pip install 'handson[room]'")
sys.path.insert(0, str(ROOT / "bench" / "room"))
from attendee import GATE_KEY, Attendee  # noqa: E402

pytestmark = pytest.mark.integration
PORT = 8941
CONFIG = """
from urllib.parse import quote
from handson.room.database import commit_without_waiting

commit_without_waiting()
c = get_config()
hub = "http+unix://" + quote("{state}/doors/hub/hub.sock", safe="")
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = hub
c.JupyterHub.hub_socket_mode = 0o666
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.spawner_class = "handson.room.spawner.SeatSpawner"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:" + str({port} + 2)
c.Authenticator.allow_all = True
c.SeatSpawner.state = "{state}"
c.Spawner.default_url = "/lab"
c.Spawner.poll_interval = 1
"""


class Hub:
    """A room with a hub in front."""

    def __init__(self) -> None:
        self.room = Keeping(hub=os.getuid(), ahead=2)
        self.folder = self.room.state / "hub"
        self.folder.mkdir()
        proxy = self.folder / "proxy"  # the one that comes with handson
        proxy.write_text(
            f'#!/bin/sh\nSEAT_GATE_KEY={GATE_KEY} exec {node()} {front_end() / "room" / "proxy.mjs"} "$@"\n'
        )
        proxy.chmod(0o755)
        text = CONFIG.format(port=PORT, folder=self.folder, proxy=str(proxy), state=self.room.state)
        (self.folder / "config.py").write_text(text)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "config.py")]
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/hub/login", timeout=5):
                return
        raise AssertionError(self.said())

    def said(self) -> str:
        return (self.folder / "log.txt").read_text()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()  # and with it the proxy
        self.process.wait(30)
        self.room.end()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.end()


def as_(number: int, work: Callable[[Attendee], Awaitable[Any]]) -> Any:
    """What `work` returns for an attendee who has just come in."""

    async def all_of_it() -> Any:
        person = Attendee(f"http://127.0.0.1:{PORT}", f"seat-{number}")
        try:
            await person.join(60)
            return await work(person)
        finally:
            await person.close()

    return asyncio.run(all_of_it())


def printed(code: str) -> Callable[[Attendee], Awaitable[str]]:
    async def work(person: Attendee) -> str:
        kernel = await person.kernel()
        found, _ = await person.run(kernel, code)
        await person.stop(kernel)
        return found

    return work


def test_a_seat_by_jupyterhub_runs_a_cell_as_its_own_user(hub: Hub) -> None:
    code = "import os, getpass, socket\nprint(os.getuid(), getpass.getuser(), socket.gethostname(), os.getcwd())"
    assert as_(1, printed(code)).split() == [str(hub.room.layout.uid(1)), "learner", "seat-1", "/home/learner"]


@pytest.mark.usefixtures("hub")
def test_its_kernel_came_from_the_template() -> None:
    code = "import gc, torch\nprint(gc.get_freeze_count() > 100_000, torch.get_num_threads())"
    assert as_(1, printed(code)).split() == ["True", "1"]


def test_what_is_saved_is_there_after_the_server_was_stopped(hub: Hub) -> None:
    as_(1, printed("open('kept.txt', 'w').write('x')"))
    hub.room.ask(do="stop", seat=1)
    time.sleep(3)  # the hub looks once a second
    assert as_(1, printed("print(open('kept.txt').read())")) == "x\n"


@pytest.mark.usefixtures("hub")
def test_a_terminal_opens() -> None:
    async def work(person: Attendee) -> str:
        address = f"{person.base}/user/{person.name}"
        async with person.session.post(f"{address}/api/terminals", headers=person.headers) as made:
            name = (await made.json())["name"]
        async with person.session.ws_connect(
            f"{address}/terminals/websocket/{name}".replace("http", "ws", 1), headers=person.headers
        ) as terminal:
            await terminal.send_json(["stdin", "echo $((6*7)) $(id -un)\r"])
            heard = ""
            while "42 learner" not in heard:
                heard += str((await terminal.receive(timeout=10)).data)
            return heard

    assert "42 learner" in as_(1, work)


@pytest.mark.usefixtures("hub")
def test_a_module_of_the_learners_own_is_found_and_a_subprocess_runs() -> None:
    code = "open('mine.py', 'w').write('x = 7')\nimport mine, subprocess\nprint(mine.x, subprocess.run(['echo', 'y'], capture_output=True, text=True).stdout)"
    assert as_(1, printed(code)).split() == ["7", "y"]


def test_a_kernel_of_another_environment_starts_the_ordinary_way(hub: Hub) -> None:
    """Here it is Python itself by another name; what counts is that it is not forked."""
    spec = hub.room.state / "shown" / "jupyter" / "kernels" / "other" / "kernel.json"
    program = f"/home/learner/other/{Path(sys.executable).name}"
    spec.parent.mkdir(parents=True)
    said = {
        "argv": [program, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "other",
        "language": "python",
        "env": {"PYTHONPATH": ":".join(path for path in sys.path if path)},
    }
    spec.write_text(json.dumps(said))

    async def work(person: Attendee) -> str:
        address = f"{person.base}/user/{person.name}/api/kernels"
        async with person.session.post(address, json={"name": "other"}, headers=person.headers) as made:
            kernel = (await made.json())["id"]
        person._kernels[kernel] = await person.session.ws_connect(
            f"{address}/{kernel}/channels?session_id=x".replace("http", "ws", 1), headers=person.headers, max_msg_size=0
        )
        return (await person.run(kernel, "import gc\nprint(gc.get_freeze_count() > 100_000)"))[0]

    as_(1, printed(f"import os\nos.makedirs('other')\nos.symlink({sys.executable!r}, {program!r})"))
    assert as_(1, work) == "False\n"


@pytest.mark.usefixtures("hub")
def test_nobody_comes_into_anothers_seat() -> None:
    async def work(person: Attendee) -> int:
        async with person.session.get(f"{person.base}/user/seat-1/api/contents", headers=person.headers) as answer:
            return answer.status

    as_(1, printed("1"))
    assert as_(2, work) in (403, 404)


def test_a_name_that_is_no_seat_gets_none(hub: Hub) -> None:
    async def work() -> str:
        person = Attendee(f"http://127.0.0.1:{PORT}", "mallory")
        try:
            with pytest.raises(TimeoutError):
                await person.join(3)
        finally:
            await person.close()
        return hub.said()

    assert "'mallory' is no name of a seat" in asyncio.run(work())


def test_a_killed_hub_comes_back_to_running_seats_and_their_log_ins(hub: Hub) -> None:
    async def work(person: Attendee) -> str:
        kernel = await person.kernel()
        await person.run(kernel, "x = 41")
        hub.kill()
        hub.start()
        deadline = time.monotonic() + 30
        while True:
            async with person.session.get(f"{person.base}/user/{person.name}/lab") as page:
                if page.status == 200 and "/lab" in str(page.url):
                    break
            assert time.monotonic() < deadline, hub.said()
            await asyncio.sleep(0.2)
        address = f"{person.base}/user/{person.name}/api/kernels/{kernel}/channels?session_id=y"
        person._kernels[kernel] = await person.session.ws_connect(
            address.replace("http", "ws", 1), headers=person.headers, max_msg_size=0
        )
        return (await person.run(kernel, "print(x + 1)"))[0]

    assert as_(3, work) == "42\n"


def test_a_killed_template_of_kernels_comes_back_and_kernels_go_on(hub: Hub) -> None:
    async def work(person: Attendee) -> tuple[str, str]:
        kernel = await person.kernel()
        await person.run(kernel, "x = 41")
        killed = hub.room.template("kernels")
        os.kill(killed, signal.SIGKILL)
        before = (await person.run(kernel, "print(x + 1)"))[0]
        deadline = time.monotonic() + 30
        while hub.room.template("kernels") in (0, killed) or not hub.room.layout.kernels_socket.exists():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        return before, (await person.run(await person.kernel(), "import gc\nprint(gc.get_freeze_count() > 100_000)"))[0]

    assert as_(3, work) == ("42\n", "True\n")


def test_a_kernel_asked_for_while_the_template_is_away_starts_the_slow_way(hub: Hub) -> None:
    async def work(person: Attendee) -> str:
        hub.room.layout.kernels_socket.rename(hub.room.layout.kernels_socket.with_suffix(".away"))
        try:
            return (await person.run(await person.kernel(), "import gc\nprint(gc.get_freeze_count())"))[0]
        finally:
            hub.room.layout.kernels_socket.with_suffix(".away").rename(hub.room.layout.kernels_socket)

    assert as_(2, work) == "0\n"
    assert "starts the slow way" in (hub.room.layout.home(2) / ".handson" / "server.log").read_text()


def test_a_kernel_that_takes_all_memory_goes_alone(hub: Hub) -> None:
    async def work(person: Attendee) -> str:
        other = await person.kernel()
        kernel = await person.kernel()
        with suppress(Exception):
            await asyncio.wait_for(person.run(kernel, "b = []\nwhile True: b.append(b'x' * 10_000_000)"), 8)
        return (await person.run(other, "print('here')"))[0]

    before = hub.room.ask(do="status")["seats"].get("4", {}).get("out_of_memory", 0)
    assert as_(4, work) == "here\n"
    assert hub.room.ask(do="status")["seats"]["4"]["out_of_memory"] > before
