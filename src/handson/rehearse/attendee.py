"""One simulated attendee: joins, waits, opens lessons, runs their cells, reloads, raises a hand, leaves, comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from handson.rehearse.browsing import Browser, TroubleError
from handson.rehearse.forms import Page, read_page
from handson.rehearse.kernel import Kernel, Result
from handson.rehearse.measured import Done, Measured
from handson.rehearse.people import Habit, Lesson, Part, doing, parts_of
from handson.rehearse.probes import CPU_SECONDS
from handson.rehearse.settings import Rehearsal

NO_END = aiohttp.ClientTimeout(total=None, sock_read=60)
"""Of a stream: it goes on as long as something comes now and then."""
QUEUE_PATIENCE = 300.0
_REFUSALS = (400, 403, 409, 429)
"""With these the join page comes again, and says why."""
AUTOSAVE = 10.0
"""Seconds, as a room sets JupyterLab's."""
POLL = 10.0
"""Seconds after which JupyterLab asks again which kernels and files there are."""


@dataclass
class _Open:
    """A lesson that is open: its notebook as the browser has it, and its kernel."""

    path: str
    notebook: dict[str, Any]
    kernel: Kernel
    saved: float


class Attendee:
    """Somebody who never was there. `wanted` are the files, below a seat's address, that a real browser fetched."""

    def __init__(self, number: int, name: str, plan: Rehearsal, measured: Measured) -> None:
        self.number, self.name = number, name
        self._plan, self._measured = plan, measured
        self.browser = Browser(plan.address, measured, plan.ca)
        self.base = ""
        self.kernel: Kernel | None = None
        """The kernel of the lesson opened last; those before go on, as in a real seat."""
        self.wanted: tuple[str, ...] = ()
        self._lesson_page = ""
        self._come_back_code = ""
        self._may_be_in = False
        """Whether the join form was sent, and not refused."""
        self._kernels: list[Kernel] = []
        self._background: list[asyncio.Task[None]] = []

    # Coming and going

    async def join(self) -> None:
        """From the join page into the lesson, unless that is where they are; timed from sending the form."""
        if self._background:
            return
        address, page = await self.browser.page("GET", "/hub/join")
        form = page.form_with("code")
        if form is None:
            raise TroubleError("not what a browser understands", f"{address} has no form with a class code")
        self.browser.address = _origin(form.action)
        begun = time.monotonic()
        fields = {**form.fields, "code": self._plan.code, "name": self.name, "door": "seat"}
        self._may_be_in = True
        try:
            await self._through_the_queue(form.action, fields)
        except TroubleError as trouble:
            self._may_be_in = trouble.kind != "turned away"
            raise
        self._measured.joins.append(time.monotonic() - begun)
        self._measured.inside += 1
        if not self._come_back_code:  # there was no queue, and so no page that showed it
            _, page = await self.browser.page("GET", "/hub/me")
            self._come_back_code = _code(page)

    async def come_back(self) -> None:
        """On another device, by the come-back code."""
        _, page = await self.browser.page("GET", "/hub/join")
        form = page.form_with("come_back")
        if form is None:
            raise TroubleError("not what a browser understands", "the join page has no field for a come-back code")
        await self._through_the_queue(form.action, {**form.fields, "come_back": self._come_back_code})
        self._measured.inside += 1
        self._measured.returns += 1

    async def _through_the_queue(self, action: str, fields: dict[str, str]) -> None:
        address, page = await self.browser.page("POST", action, data=fields, expect=_REFUSALS)
        path = urlsplit(address).path
        if path == "/hub/join":
            why = page.text_by_id.get("wrong", "").strip() or "the join page was shown again"
            raise TroubleError("turned away", why)
        if path == "/hub/wait":
            self._come_back_code = _code(page)
            begun = time.monotonic()
            await self._wait(page.xsrf())
            self._measured.queued.append(time.monotonic() - begun)
            wanted = next((one["data-next"] for one in page.by_id.values() if "data-next" in one), "/hub/wait")
            await self._open_lab(wanted)
        elif path.startswith("/user/"):
            await self._open_lab(path)
        else:
            raise TroubleError("not what a browser understands", f"after the form came {path}")

    async def _wait(self, xsrf: str) -> None:
        """Hear the queue's stream until the seat is ready; opened anew where it breaks off, as browsers do."""
        deadline = time.monotonic() + QUEUE_PATIENCE
        while time.monotonic() < deadline:
            async with self.browser.open("GET", "/hub/room/stream", params={"_xsrf": xsrf}, timeout=NO_END) as stream:
                async for line in stream.content:
                    if not line.startswith(b"data: "):
                        continue
                    state = json.loads(line.removeprefix(b"data: "))["seat"]["state"]
                    if state == "ready":
                        return
                    if state == "failed":
                        raise TroubleError("no seat", "the room said that the seat could not be started")
                    if time.monotonic() > deadline:
                        break
            await asyncio.sleep(0.5)
        raise TroubleError("no seat", f"still in the queue after {QUEUE_PATIENCE:.0f} s")

    async def _open_lab(self, path: str) -> None:
        async with self.browser.open("GET", path) as answer:
            html, address = await answer.text(), str(answer.url)
        page = read_page(html, address)
        settings = page.lab_settings()
        if settings is None:
            raise TroubleError("not what a browser understands", f"{urlsplit(address).path} is not JupyterLab")
        self.base = str(settings["baseUrl"])
        self._lesson_page = urlsplit(address).path
        begun = time.monotonic()
        files = [self.browser.address + self.base + one for one in self.wanted] or page.linked
        sizes = await asyncio.gather(*(self.browser.size(one) for one in files))
        self._measured.loads.append(time.monotonic() - begun)
        self._measured.loaded_bytes.append(sum(sizes) + len(html))
        self._background = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]

    async def leave(self) -> None:
        """Close the window; the seat and its kernels go on."""
        await self.hang_up()
        await self.browser.close()

    async def hang_up(self) -> None:
        """Close all lines, and keep the cookies."""
        if self._background:
            self._measured.inside -= 1
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._background = []
        for kernel in self._kernels:
            await kernel.close()
        self._kernels, self.kernel = [], None

    async def start_over(self) -> None:
        """After an error: a new window, and back to the seat, if there is one yet."""
        await self.leave()
        if self._come_back_code:
            await self.come_back()

    async def forget(self) -> bool | None:
        """Leave for good: the seat, its files and its name go. Whether that came about; None for one who never came."""
        if not self._may_be_in:
            return None
        try:
            return await self._forget()
        except TroubleError as trouble:
            self._measured.trouble(self.name, trouble.kind, f"to be forgotten: {trouble.what}")
            return False
        finally:
            await self.browser.close()

    async def _forget(self) -> bool:
        if not self.browser.cookie("jupyterhub-hub-login", "/hub/"):
            _, page = await self.browser.page("GET", "/hub/join")
            form = page.form_with("come_back")
            if form is None or not self._come_back_code:
                return False
            await self.browser.page("POST", form.action, data={**form.fields, "come_back": self._come_back_code})
        _, page = await self.browser.page("GET", "/hub/me")
        form = page.form_with("forget")
        if form is None:
            return False
        address, _ = await self.browser.page("POST", form.action, data=form.fields)
        return urlsplit(address).path == "/hub/join"

    # What JupyterLab does by itself

    async def _listen(self) -> None:
        """The strip's stream: the presenter's messages."""
        while True:
            with contextlib.suppress(TroubleError):  # a browser opens it again, and says nothing
                path = f"{self.base}handson/room/stream"
                xsrf = {"_xsrf": self._xsrf()}
                async with self.browser.open("GET", path, params=xsrf, timeout=NO_END) as stream:
                    async for _ in stream.content:
                        pass
            await asyncio.sleep(2)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            open_before = list(self._kernels)
            for path in ("api/kernels", "api/sessions", "api/terminals", "api/contents?content=1"):
                try:
                    found = await self._json("GET", path, expect=(404,))
                except TroubleError as trouble:
                    self._measured.trouble(self.name, trouble.kind, trouble.what)
                else:
                    if path == "api/kernels":
                        await self._hang_up_on_ended(open_before, {kernel["id"] for kernel in found})

    async def _hang_up_on_ended(self, kernels: Sequence[Kernel], running: set[str]) -> None:
        """Close the lines to kernels that the seat has no more, as where a room keeps only the last one."""
        for kernel in kernels:
            if kernel is not self.kernel and kernel.id not in running and kernel in self._kernels:
                self._kernels.remove(kernel)
                await kernel.close()

    def _xsrf(self) -> str:
        return self.browser.cookie("_xsrf", self.base)

    async def _json(self, method: str, path: str, content: Any = None, **more: Any) -> Any:
        headers = {"X-XSRFToken": self._xsrf(), "Content-Type": "application/json"}
        data = json.dumps(content).encode() if content is not None else None
        return await self.browser.json(method, self.base + path, headers=headers, data=data, **more)

    # Lessons

    async def do(self, lesson: Lesson) -> None:
        """A lesson from its first cell to its last; raises TroubleError where it cannot go on."""
        begun = time.monotonic()
        opened = await self._open_lesson(lesson)
        until_ready = time.monotonic() - begun
        parts = parts_of(opened.notebook, lesson.solutions)
        plan = doing(self._plan.seed, self.number, lesson.name, parts, self._plan.pace)
        cut_short = 0
        for place, part in enumerate(parts):
            await asyncio.sleep(plan.pauses[place])
            result = await self._run(opened, part, place in plan.stumbles)
            if place == 0:
                self._measured.first_cells.append(until_ready + result.seconds)
            cut_short += result.cut_short
            _keep_output(opened.notebook, place, result)
            if time.monotonic() - opened.saved > AUTOSAVE:
                await self._save(opened)
            opened = await self._habits(plan.at.get(place, ()), part, opened)
        told = await opened.kernel.run("", figure=CPU_SECONDS, keep=False)
        self._measured.cut_short += cut_short
        self._measured.lessons.append(Done(lesson.name, lesson.minutes, float(told.figure or 0.0), cut_short))
        await self._save(opened)

    async def _open_lesson(self, lesson: Lesson) -> _Open:
        """Its notebook, and its kernel once that has answered for the first time, as JupyterLab waits for it."""
        await self._json("POST", "handson/room/report", {"kind": "opened", "lesson": lesson.name}, expect=(404, 422))
        notebook = (await self._contents(lesson.path))["content"]
        kernel = await self._start_kernel(lesson.path)
        await kernel.run("", keep=False)
        return _Open(lesson.path, notebook, kernel, time.monotonic())

    async def _contents(self, path: str) -> Any:
        return await self._json("GET", f"api/contents/{quote(path)}?type=notebook&content=1")

    async def _start_kernel(self, path: str) -> Kernel:
        name = path.rpartition("/")[2]
        wanted = {"path": path, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        session = await self._json("POST", "api/sessions", wanted)
        self.kernel = Kernel(self.browser, self.base, session["kernel"]["id"])
        self._kernels.append(self.kernel)
        await self.kernel.connect()
        return self.kernel

    async def _run(self, opened: _Open, part: Part, stumbles: bool) -> Result:
        """A cell as it comes to be right: an exercise is tried first by those who stumble, then solved."""
        source = part.solution or part.source
        if part.solution and stumbles:
            await opened.kernel.run(part.source)  # not done yet: an error is what it is meant to give
            self._measured.cells += 1
        result = await opened.kernel.run(source)
        self._measured.cells += 1
        may_fail = part.kind == "exercise" and not part.solution
        if result.status != "ok" and not may_fail:
            first = (source.strip().splitlines() or [""])[0]
            self._measured.trouble(self.name, "a cell failed", f"{opened.path}: {first[:60]!r}: {result.error}")
        return result

    async def _save(self, opened: _Open) -> None:
        content = {"type": "notebook", "format": "json", "content": opened.notebook}
        await self._json("PUT", f"api/contents/{quote(opened.path)}", content)
        opened.saved = time.monotonic()

    # Habits

    async def _habits(self, habits: Sequence[Habit], part: Part, opened: _Open) -> _Open:
        for habit in habits:
            if habit == "retry":
                await opened.kernel.run(part.solution or part.source)
                self._measured.retries += 1
            elif habit == "hand":
                await self._hand()
            elif habit == "reload":
                opened = await self._reload(opened)
            else:
                opened = await self._leave_and_come_back(opened)
        return opened

    async def _hand(self) -> None:
        await self._json("POST", "handson/room/hand", {"raised": True})
        await asyncio.sleep(60 / self._plan.pace)
        await self._json("POST", "handson/room/hand", {"raised": False})
        self._measured.hands += 1

    async def _reload(self, opened: _Open) -> _Open:
        """Save, close the line, load the page again, and find kernel and work as they were."""
        await self._save(opened)
        await opened.kernel.close()
        self._kernels.remove(opened.kernel)
        async with self.browser.open("GET", self._lesson_page) as answer:
            await answer.read()
        self._measured.reloads += 1
        return await self._find_again(opened)

    async def _leave_and_come_back(self, opened: _Open) -> _Open:
        await self._save(opened)
        await self.leave()
        await asyncio.sleep(120 / self._plan.pace)
        await self.come_back()
        return await self._find_again(opened)

    async def _find_again(self, opened: _Open) -> _Open:
        notebook = (await self._contents(opened.path))["content"]
        if _plain(notebook) != _plain(opened.notebook):
            self._measured.trouble(self.name, "work lost", f"{opened.path} is not what was saved")
        running = opened.kernel.id
        kernel = await self._start_kernel(opened.path)
        if kernel.id != running:
            self._measured.trouble(self.name, "work lost", f"{opened.path} had another kernel after coming back")
        return _Open(opened.path, notebook, kernel, time.monotonic())

    # The rehearsal's own cells

    async def own_cell(self, code: str) -> Any:
        """Run a cell that prints JSON on its last line, in the kernel of the lesson opened last; what it printed."""
        if self.kernel is None:
            raise TroubleError("no connection", "no lesson is open")
        return _printed(await self.kernel.run(code, keep=False))

    async def alone(self, code: str) -> Any:
        """The same in a kernel of its own, which is ended afterwards."""
        kernel = Kernel(self.browser, self.base, (await self._json("POST", "api/kernels", {"name": "python3"}))["id"])
        await kernel.connect()
        try:
            return _printed(await kernel.run(code, keep=False))
        finally:
            await kernel.close()
            await self._json("DELETE", f"api/kernels/{kernel.id}")


def _code(page: Page) -> str:
    return page.classes.get("big-code", "").strip()


def _printed(result: Result) -> Any:
    if result.status != "ok":
        raise TroubleError("a cell failed", f"the rehearsal's own cell: {result.error}")
    return json.loads(result.text.strip().splitlines()[-1])


def _keep_output(notebook: dict[str, Any], place: int, result: Result) -> None:
    """Keep what a cell printed in the notebook, as JupyterLab does before it saves."""
    cell = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][place]
    text = result.text[-10_000:]
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def _plain(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    """Sources and printed text of all cells."""

    def joined(text: Any) -> str:
        return text if isinstance(text, str) else "".join(text)

    return [
        (joined(cell["source"]), "".join(joined(out.get("text", "")) for out in cell.get("outputs", [])))
        for cell in notebook["cells"]
    ]


def _origin(address: str) -> str:
    return re.sub(r"^(https?://[^/]+).*", r"\1", address)
