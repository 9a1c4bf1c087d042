"""In each seat's server: gives the lessons, follows the room, carries the hand there, packs the work to take home.

A Jupyter server extension. It runs as the seat's own user and knows one secret, the server's token; the hub's API is
what JUPYTERHUB_API_URL says. Where the hub does not answer, lessons go on without it.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyterhub.httpclient import fetch
from tornado import web
from tornado.iostream import StreamClosedError

from handson.errors import HandsonError
from handson.lab.places import cache_dir
from handson.lab.room import ask_hub
from handson.lessons.given import give
from handson.room.giveback import give_back
from handson.room.kept import leave_room
from handson.room.saving import remove_half_saved
from handson.room.space import Disk
from handson.room.takehome import packed

ROOM = "JUPYTERHUB_ROOM"
"""The variable by which a seat knows that the hub behind it is a room's."""
BIGGEST = 10_000
LOOK_EVERY = 5.0
"""Seconds between two looks at the seat's disk, while a page listens."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "handson.room.companion"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Stand ready. What needs the token comes later: a seat may be forked before it is known."""
    if not os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        return  # a server that is in no room
    follower = Follower(Path(app.root_dir), app.log)
    settings = app.web_app.settings
    settings["handson_room"] = follower
    base = settings["base_url"].rstrip("/")
    app.web_app.add_handlers(
        ".*$",
        [
            (rf"{base}/handson/room/stream", _Stream),
            (rf"{base}/handson/room/(hand|report)", _ToHub),
            (rf"{base}/handson/room/(take-home|work)\.zip", _TakeHome),
        ],
    )


async def _start_jupyter_server_extension(app: Any) -> None:
    """Begin, once the server's loop runs and before it answers anybody."""
    if follower := app.web_app.settings.get("handson_room"):
        follower.begin()
        settings: dict[str, Any] = app.web_app.settings
        ending = asyncio.get_running_loop().create_task(leave_room(settings["kernel_manager"], app.log))
        settings["handson_ending"] = ending  # a task that nobody holds may vanish


def receive_lessons(folder: Path, answer: bytes) -> None:
    """Put what the hub gave into the seat's folder; edits stay. Raises HandsonError where it cannot be written."""
    content = json.loads(answer)
    give(folder, content["notebooks"], content["index"])
    _use_cache(Path(content["cache"]))


def _use_cache(cache: Path) -> None:
    """Have the lessons find what the organiser fetched: a link to it, where this seat's own cache would be."""
    own = cache_dir()
    if cache != own and cache.is_dir() and not own.exists() and not own.is_symlink():
        own.parent.mkdir(parents=True, exist_ok=True)
        own.symlink_to(cache)


def hub_get(path: str) -> bytes:
    """Ask the hub's API, before there is an event loop; raises OSError or ValueError where it does not answer."""
    status, content = ask_hub("GET", path, patience=20.0)
    if status != 200:
        raise ValueError(f"the hub answered {status}")
    return content


def _token() -> dict[str, str]:
    return {"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"}


def _hub(path: str) -> str:
    return f"{os.environ['JUPYTERHUB_API_URL'].rstrip('/')}/room/{path}"


class Follower:
    """Listens to the hub as long as the server runs, and passes on what it said last."""

    def __init__(self, folder: Path, log: Any) -> None:
        self.folder, self._log = folder, log
        self._changed = asyncio.Condition()
        self._lessons: int | None = None
        self._following: asyncio.Task[None] | None = None
        self.last = ""

    def begin(self) -> None:
        """Give the lessons, and follow the room from now on; nothing where this is none (ROOM)."""
        if not (os.environ.get(ROOM) and os.environ.get("JUPYTERHUB_API_URL")):
            return
        remove_half_saved(self.folder)
        try:
            receive_lessons(self.folder, hub_get("/room/lessons"))
            give_back()
        except (OSError, HandsonError, ValueError, http.client.HTTPException) as error:
            self._log.error("The lessons could not be given at the start: %s", error)
        self._following = asyncio.get_running_loop().create_task(self.follow())

    async def follow(self) -> None:
        """For ever: the hub may go and come back."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async for kind, data in self._events():
                    pause = _FIRST_PAUSE
                    if kind == "message":
                        await self._take(data)
            except Exception as error:
                self._log.info("The room is not heard for now: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _events(self) -> AsyncIterator[tuple[str, str]]:
        answer = await fetch(_hub("stream"), headers=_token(), timeout=_no_end())
        kind = "message"
        async for line in answer.content:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                kind = text.removeprefix("event: ")
            elif text.startswith("data: "):
                yield kind, text.removeprefix("data: ")

    async def _take(self, data: str) -> None:
        lessons = int(json.loads(data).get("lessons", 0))
        if self._lessons is not None and lessons != self._lessons:
            answer = await fetch(_hub("lessons"), headers=_token())
            await asyncio.get_running_loop().run_in_executor(None, receive_lessons, self.folder, await answer.read())
        self._lessons = lessons
        async with self._changed:
            self.last = data
            self._changed.notify_all()

    async def heard(self, at_most: float) -> str:
        """What is said next, or last where nothing is within `at_most` seconds."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait(), at_most)
            except TimeoutError:
                return self.last
        return self.last


def disk_of(folder: Path) -> str:
    """What the strip hears of the seat's own disk, as JSON: whether it is nearly full, and then the megabytes left."""
    disk = Disk.of(folder)
    return json.dumps({"low": True, "free_mb": disk.free // 1_000_000} if disk.is_low_for_a_seat else {"low": False})


def _no_end() -> Any:
    from aiohttp import ClientTimeout

    return ClientTimeout(total=None, sock_read=60)


class _Stream(JupyterHandler):
    """The room's state for the pages of this seat."""

    @web.authenticated
    async def get(self) -> None:
        follower: Follower = self.settings["handson_room"]
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        before, now = "", follower.last
        disk_before = ""
        try:
            while True:
                self.write(f"data: {now}\n\n" if now and now != before else ": still here\n\n")
                if (disk := disk_of(follower.folder)) != disk_before:
                    self.write(f"event: disk\ndata: {disk}\n\n")
                await self.flush()
                disk_before, before, now = disk, now, await follower.heard(LOOK_EVERY)
        except StreamClosedError:
            return


class _ToHub(JupyterHandler):
    """A hand, or the lesson that is open: on to the hub."""

    @web.authenticated
    async def post(self, what: str) -> None:
        if len(self.request.body) > BIGGEST:
            raise web.HTTPError(413)
        headers = {**_token(), "Content-Type": "application/json"}
        answer = await fetch(_hub(what), method="POST", headers=headers, data=self.request.body, raise_for_status=False)
        self.set_status(answer.status)
        self.finish()


class _TakeHome(JupyterHandler):
    """The seat's work as one file, with what runs it elsewhere (`take-home`) or without (`work`)."""

    @web.authenticated
    async def get(self, which: str) -> None:
        follower: Follower = self.settings["handson_room"]
        name = f"handson-{os.environ.get('JUPYTERHUB_USER', 'seat')}.zip"
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        parts = packed(follower.folder, which == "take-home")
        try:
            while (part := await asyncio.get_running_loop().run_in_executor(None, next, parts, None)) is not None:
                self.write(part)
                await self.flush()
        except StreamClosedError:
            return
