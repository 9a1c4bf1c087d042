"""Attendees who go on whatever happens, as JupyterLab does, and what the room owes them: every save that it took."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from tests.integration.room import BROWSER, RunningRoom, join, wait_for_seat

NOTEBOOK = "mine.ipynb"
PAUSE = 0.25
"""Seconds between two saves, or two cells."""
CELL_PATIENCE = 8.0
"""Seconds after which somebody gives a cell up and opens the line to the kernel anew."""


def notebook(cells: int) -> dict[str, Any]:
    """A notebook of so many cells, each with its number."""
    made = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": f"number = {number}",
            "outputs": [],
            "execution_count": number,
        }
        for number in range(1, cells + 1)
    ]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@dataclass
class Learner:
    """One attendee with one notebook that grows by a cell at each save, and a cell that runs again and again."""

    room: RunningRoom
    name: str
    number: int = 0
    acknowledged: int = 0
    """The cells of the largest notebook of which the seat said that it is saved."""
    ran: int = 0
    """Cells that were run to their end."""
    refused: int = 0
    """Saves that failed, all together."""
    refusals: list[str] = field(default_factory=list)
    """What was said of the last ones."""
    signed_out: list[str] = field(default_factory=list)
    """Where a page asked to join again."""
    _cells: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.room.address, follow_redirects=True, timeout=20, headers=BROWSER)

    @property
    def seat(self) -> str:
        """The seat's address."""
        return f"/user/seat-{self.number}/"

    def join(self) -> None:
        """Join, and open the lesson."""
        wait_for_seat(self._client, join(self._client, self.room.secrets["class_code"], self.name))
        self.number = int(self._client.get("/hub/wait").url.path.split("/")[2].removeprefix("seat-"))

    def go_on(self) -> None:
        """Save and run cells from now on, whatever happens."""
        for work in (self._save_again_and_again, lambda: asyncio.run(self._run_again_and_again())):
            self._threads.append(threading.Thread(target=work, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Close the browser."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        self._client.close()

    def own_page(self) -> str:
        """What their place in the room shows."""
        return self._client.get("/hub/me").text

    def get(self, path: str) -> httpx.Response:
        """Something of the seat's server."""
        return self._client.get(self.seat + path)

    def delete(self, path: str) -> httpx.Response:
        """Delete a file as JupyterLab does."""
        return self._client.delete(f"{self.seat}api/contents/{path}", headers=self._xsrf())

    def heard(self, kind: str) -> dict[str, Any]:
        """What the strip hears next of this kind."""
        with self._client.stream("GET", f"{self.seat}handson/room/stream") as answer:
            lines = answer.iter_lines()
            for line in lines:
                if line == f"event: {kind}":
                    return dict(json.loads(next(lines).removeprefix("data: ")))
        raise AssertionError("the stream ended")

    def run(self, code: str, patience: float = 60.0, path: str = "other.ipynb") -> str:
        """Run code in the kernel of a notebook, and return what it printed; raises TimeoutError, ConnectionError."""
        return asyncio.run(self._ran(code, self._kernel(path), patience))

    def save(self, path: str, content: dict[str, Any]) -> httpx.Response:
        """Save a notebook as JupyterLab does."""
        asked = {"type": "notebook", "format": "json", "content": content}
        return self._client.put(f"{self.seat}api/contents/{path}", json=asked, headers=self._xsrf())

    # What is saved

    def _save_again_and_again(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                self._save_once()
            except (httpx.HTTPError, OSError, RuntimeError, AssertionError) as error:
                self._note(repr(error))

    def _save_once(self) -> None:
        self._cells += 1
        wanted = self._cells
        answer = self.save(NOTEBOOK, notebook(wanted))
        if answer.status_code in (200, 201) and answer.url.path.startswith(f"{self.seat}api/"):
            self.acknowledged = wanted
            return
        self._note(f"{answer.status_code} {answer.text[:300]}")
        if answer.status_code != 500:
            self._load_again()

    def _note(self, why: str) -> None:
        self.refused += 1
        self.refusals = [*self.refusals[-9:], why]

    def _load_again(self) -> None:
        """Reload the page, and wait in the queue if that is what comes."""
        page = self._client.get("/hub/wait")
        if page.url.path == "/hub/join":
            self.signed_out.append(page.text)
        elif page.url.path == "/hub/wait" and page.status_code == 200:
            wait_for_seat(self._client, page)
            self._client.get("/hub/wait")

    # What is run

    async def _run_again_and_again(self) -> None:
        while not self._stop.is_set():
            try:
                kernel = await asyncio.to_thread(self._kernel, NOTEBOOK)
                while not self._stop.is_set():
                    await self._ran("sum(range(1000))", kernel, CELL_PATIENCE)
                    self.ran += 1
                    await asyncio.sleep(PAUSE)
            except Exception:  # a browser opens the line again
                await asyncio.sleep(PAUSE)

    def _kernel(self, path: str) -> str:
        """The kernel of a notebook, started where there is none."""
        asked = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        answer = self._client.post(f"{self.seat}api/sessions", json=asked, headers=self._xsrf())
        answer.raise_for_status()
        return str(answer.json()["kernel"]["id"])

    async def _ran(self, code: str, kernel: str, patience: float) -> str:
        cookies = "; ".join(f"{one.name}={one.value}" for one in self._client.cookies.jar if one.path != "/hub/")
        address = f"{self.room.address.replace('http', 'ws')}{self.seat}api/kernels/{kernel}/channels"
        headers = {"Cookie": cookies, "Origin": self.room.address}
        async with (
            asyncio.timeout(patience),
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(address, max_msg_size=0) as line,
        ):
            return await _executed(line, code)

    def _xsrf(self) -> dict[str, str]:
        values = [one.value for one in self._client.cookies.jar if one.name == "_xsrf" and one.path == self.seat]
        return {"X-XSRFToken": values[0] or ""} if values else {}


async def _executed(line: aiohttp.ClientWebSocketResponse, code: str) -> str:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = {"header": {**header, "version": "5.3"}, "parent_header": {}, "metadata": {}, "content": content}
    await line.send_str(json.dumps({**message, "channel": "shell"}))
    printed, replied, idle = [], False, False
    while not (replied and idle):
        heard = await line.receive()
        if heard.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError("the line to the kernel was closed")
        said = json.loads(heard.data)
        if said["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        if said["msg_type"] == "stream":
            printed.append(said["content"]["text"])
        elif said["msg_type"] == "execute_reply":
            assert said["content"]["status"] == "ok", said["content"]
            replied = True
        elif said["msg_type"] == "status":
            idle = said["content"]["execution_state"] == "idle"
    return "".join(printed)


def cells_of(file: Path) -> int:
    """The cells of a notebook that a learner saved; fails where it is not whole."""
    numbers = ["".join(cell["source"]) for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]]
    assert numbers == [f"number = {number}" for number in range(1, len(numbers) + 1)]
    return len(numbers)


def kept(learner: Learner) -> int:
    """The cells of a learner's notebook as it lies in their seat."""
    return cells_of(learner.room.files(learner.number) / NOTEBOOK)


def all_is_well(learners: list[Learner], after: str, patience: float = 60.0, own_page: bool = True) -> None:
    """Everybody saves and runs cells again, nobody was signed out, and what was acknowledged is on the disk.

    own_page: whether the hub shows them their place in the room.
    """
    for one in learners:
        saved, ran = one.acknowledged, one.ran
        said: Callable[[], str] = lambda one=one: f"{one.refusals[-3:]}\n{one.room.said}"  # type: ignore[misc]  # noqa: E731
        _until(lambda: one.acknowledged > saved + 1, f"{one.name} saves after {after}", patience, said)  # noqa: B023
        _until(lambda: one.ran > ran + 1, f"{one.name} runs cells after {after}", patience, said)  # noqa: B023
        assert not one.signed_out, f"{one.name} had to join again after {after}"
        assert not own_page or f"{one.number} · {one.name}" in one.own_page()
        acknowledged = one.acknowledged
        assert kept(one) >= acknowledged, f"{one.name} after {after}"


def _until(condition: Callable[[], bool], awaited: str, patience: float, more: Callable[[], str]) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"after {patience:.0f} s still awaited: {awaited}\n{more()}"
        time.sleep(0.05)
