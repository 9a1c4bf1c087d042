"""An attendee as any JupyterHub sees one: signs in, waits for the server, runs cells over the WebSocket."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from typing import Any

import aiohttp


class Attendee:
    """One browser's worth of cookies at the hub `base` (a URL without a slash at its end)."""

    def __init__(self, base: str, name: str) -> None:
        self.base, self.name = base, name
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.errors = 0
        self._kernels: dict[str, aiohttp.ClientWebSocketResponse] = {}

    async def close(self) -> None:
        for socket in self._kernels.values():
            await socket.close()
        await self.session.close()

    async def join(self, seconds: float = 300) -> float:
        """Sign in with any password; the seconds until JupyterLab's page is there."""
        began = time.monotonic()
        async with self.session.get(f"{self.base}/hub/login") as page:
            (xsrf,) = set(re.findall(r'name="_xsrf" value="([^"]+)"', await page.text()))
        form = {"username": self.name, "password": "x", "_xsrf": xsrf}
        async with self.session.post(f"{self.base}/hub/login?next=/hub/spawn", data=form) as page:
            self.errors += page.status >= 400
        while True:
            async with self.session.get(f"{self.base}/user/{self.name}/lab") as page:
                text = await page.text()
                if page.status == 200 and "jupyter-config-data" in text:
                    break
                self.errors += page.status >= 500
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{self.name} was not in after {seconds} s: {page.status} {page.url}")
            await asyncio.sleep(0.1)
        config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>\s*(\{.*?\})\s*</script>', text, re.DOTALL)[1])  # type: ignore[index]
        self.headers = {"Authorization": f"token {config['token']}"}
        return time.monotonic() - began

    async def kernel(self) -> str:
        """Start a kernel and connect to it; its ID."""
        address = f"{self.base}/user/{self.name}/api/kernels"
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
        address = f"{self.base}/user/{self.name}/api/kernels/{kernel}"
        async with self.session.delete(address, headers=self.headers):
            pass
