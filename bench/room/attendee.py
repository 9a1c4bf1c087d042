"""Attendees as a hub sees them: they come in, wait for the server, run cells over the WebSocket, and draw nothing."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from html import unescape
from typing import Any

import aiohttp
from yarl import URL

from handson.room.hub.codes import gate_pass

GATE_KEY = "bench"
"""Of the proxy of a hub that gives no passes; without one it lets nobody through to a seat (web/src/room/gate.ts)."""


class Attendee:
    """One browser's worth of cookies at the hub `base` (a URL without a slash at its end), with its dummy log-in."""

    def __init__(self, base: str, name: str) -> None:
        self.base, self.name, self.seat = base, name, f"/user/{name}"
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.errors = 0
        self._kernels: dict[str, aiohttp.ClientWebSocketResponse] = {}

    async def close(self) -> None:
        for socket in self._kernels.values():
            await socket.close()
        await self.session.close()

    async def join(self, seconds: float = 300) -> float:
        """Come in; the seconds until JupyterLab's page is there."""
        began = time.monotonic()
        text = await self._come_in(began + seconds)
        config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>\s*(\{.*?\})\s*</script>', text, re.DOTALL)[1])  # type: ignore[index]
        self.headers = {"Authorization": f"token {config['token']}"}
        return time.monotonic() - began

    async def _come_in(self, deadline: float) -> str:
        """Sign in with any password, with the pass of one's own seat; JupyterLab's page."""
        self.session.cookie_jar.update_cookies({"handson-seat": gate_pass(GATE_KEY, self.name)}, URL(self.base))
        async with self.session.get(f"{self.base}/hub/login") as page:
            (xsrf,) = set(re.findall(r'name="_xsrf" value="([^"]+)"', await page.text()))
        form = {"username": self.name, "password": "x", "_xsrf": xsrf}
        async with self.session.post(f"{self.base}/hub/login?next=/hub/spawn", data=form) as page:
            self.errors += page.status >= 400
        while True:
            async with self.session.get(f"{self.base}{self.seat}/lab") as page:
                text = await page.text()
                if page.status == 200 and "jupyter-config-data" in text:
                    return text
                self.errors += page.status >= 500
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} was not in in time: {page.status} {page.url}")
            await asyncio.sleep(0.1)

    async def kernel(self) -> str:
        """Start a kernel and connect to it; its ID."""
        address = f"{self.base}{self.seat}/api/kernels"
        async with self.session.post(address, json={"name": "python3"}, headers=self.headers) as answer:
            kernel = str((await answer.json())["id"])
        socket = await self.session.ws_connect(
            f"{address.replace('http', 'ws', 1)}/{kernel}/channels?session_id={uuid.uuid4().hex}",
            headers=self.headers,
            max_msg_size=0,
        )
        self._kernels[kernel] = socket
        return kernel

    async def run(self, kernel: str, code: str) -> tuple[str, float]:
        """Run a cell; what it printed, and the seconds until it was idle again."""
        began, asked = time.monotonic(), uuid.uuid4().hex
        header = {"msg_id": asked, "msg_type": "execute_request", "username": "", "session": asked, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        socket = self._kernels[kernel]
        await socket.send_json(message)
        printed = ""
        replied = idle = False
        while not (replied and idle):
            heard = await socket.receive(timeout=600)
            if heard.type != aiohttp.WSMsgType.TEXT:
                raise ConnectionError(f"{self.name}'s kernel is gone: {heard}")
            said: dict[str, Any] = json.loads(heard.data)
            if said["parent_header"].get("msg_id") != asked:
                continue
            kind, found = said["msg_type"], said["content"]
            if kind == "stream":
                printed += found["text"]
            elif kind == "error":
                raise RuntimeError("\n".join(found["traceback"]))
            replied |= kind == "execute_reply"
            idle |= kind == "status" and found["execution_state"] == "idle"
        return printed, time.monotonic() - began

    async def stop(self, kernel: str) -> None:
        await self._kernels.pop(kernel).close()
        address = f"{self.base}{self.seat}/api/kernels/{kernel}"
        async with self.session.delete(address, headers=self.headers):
            pass


class Guest(Attendee):
    """Somebody in a room of ours: comes in by the class code, waits as the waiting page does, opens the lesson."""

    def __init__(self, base: str, name: str, code: str) -> None:
        super().__init__(base, name)
        self.code = code

    async def _come_in(self, deadline: float) -> str:
        """Join by the form; JupyterLab's page with the first lesson."""
        async with self.session.get(f"{self.base}/hub/join") as page:
            form = {"_xsrf": _found(r'name="_xsrf" value="([^"]+)"', await page.text()), "code": self.code}
        form |= {"name": self.name, "door": "seat"}
        async with self.session.post(f"{self.base}/hub/join", data=form) as page:
            self.errors += page.status >= 400
            text = await page.text()
        if page.url.path == "/hub/wait":
            await self._wait(_found(r'data-xsrf="([^"]+)"', text))
            async with self.session.get(self.base + unescape(_found(r'data-next="([^"]+)"', text))) as page:
                self.errors += page.status >= 400
                text = await page.text()
        if time.monotonic() > deadline or "jupyter-config-data" not in text:
            raise TimeoutError(f"{self.name} was not in in time: {page.status} {page.url}")
        self.seat = _found(r"(/user/seat-\d+)/", page.url.path)
        return text

    async def _wait(self, xsrf: str) -> None:
        while True:
            async with self.session.get(f"{self.base}/hub/room/stream", params={"_xsrf": xsrf}) as stream:
                self.errors += stream.status >= 400
                async for line in stream.content:
                    if line.startswith(b"data: "):
                        state = json.loads(line.removeprefix(b"data: "))["seat"]["state"]
                        if state == "ready":
                            return
                        if state == "failed":
                            raise RuntimeError(f"{self.name} got no seat")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise LookupError(f"no {pattern} in {text[:500]}")
    return found[1]
