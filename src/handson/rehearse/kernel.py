"""A notebook's kernel, as JupyterLab speaks to it: one WebSocket, all channels on it."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from handson.lab.curves import TIME_IS_UP
from handson.rehearse.browsing import Browser, TroubleError, named
from handson.rehearse.wire import SUBPROTOCOL, Message, decoded, encoded, request

PATIENCE = 900.0
"""Seconds for one cell: a training, on a host where all train."""


@dataclass
class Result:
    """What came of one cell."""

    seconds: float
    status: str
    error: str = ""
    """`NameError: …`, where it failed."""
    text: str = ""
    """What it printed."""
    cut_short: bool = False
    """Whether a training in it was ended by its clock."""
    figure: Any = None
    """The value of the expression that was asked for beside it."""


@dataclass
class _Waiting:
    done: asyncio.Future[None]
    reply: Message | None = None
    idle: bool = False
    text: list[str] = field(default_factory=list)
    cut_short: bool = False


class Kernel:
    """One kernel of one seat; `base` is the seat's address below the room's, with a slash at its end."""

    def __init__(self, browser: Browser, base: str, kernel: str) -> None:
        self._browser, self._base, self.id = browser, base, kernel
        self._session = uuid.uuid4().hex
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, _Waiting] = {}

    async def connect(self) -> None:
        """Open the line; raises TroubleError."""
        address = self._browser.address.replace("http", "ws", 1) + f"{self._base}api/kernels/{self.id}/channels"
        try:
            self._socket = await self._browser.lines.ws_connect(
                address,
                params={"session_id": self._session},
                protocols=(SUBPROTOCOL,),
                headers={"Origin": self._browser.address},
                max_msg_size=0,
                heartbeat=30,
            )
        except TimeoutError:
            raise TroubleError("no answer in time", "the line to a kernel") from None
        except (aiohttp.ClientError, OSError) as error:
            raise named(error, "the line to a kernel") from None
        self._reader = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """Close the line; the kernel goes on."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        self._socket = self._reader = None

    async def run(self, code: str, *, figure: str = "", keep: bool = True, patience: float = PATIENCE) -> Result:
        """Run a cell; raises TroubleError where the kernel or the line is lost, or no reply comes in time.

        figure: an expression whose value comes with the result. keep: whether the cell counts in the history.
        """
        assert self._socket is not None
        content = {
            "code": code,
            "silent": False,
            "store_history": keep,
            "user_expressions": {"figure": figure} if figure else {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = request(self._session, "execute_request", content)
        waiting = _Waiting(asyncio.get_running_loop().create_future())
        self._waiting[message.header["msg_id"]] = waiting
        begun = time.monotonic()
        try:
            await self._socket.send_bytes(encoded(message))
            await asyncio.wait_for(waiting.done, patience)
        except TimeoutError:
            first = code.strip().splitlines()[0] if code.strip() else ""
            raise TroubleError("no answer in time", f"a cell ({first[:60]!r}) after {patience:.0f} s") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise TroubleError("line to the kernel lost", str(error)) from None
        finally:
            self._waiting.pop(message.header["msg_id"], None)
        assert waiting.reply is not None
        return _result(waiting.reply, time.monotonic() - begun, waiting)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        why = TroubleError("line to the kernel lost", "the seat's server closed it")
        try:
            async for got in socket:
                if got.type is aiohttp.WSMsgType.BINARY:
                    self._take(decoded(got.data))
        except TroubleError as trouble:
            why = trouble
        except (ValueError, KeyError) as error:
            why = TroubleError("not what a browser understands", str(error))
        for waiting in self._waiting.values():
            if not waiting.done.done():
                waiting.done.set_exception(why)

    def _take(self, message: Message) -> None:
        if message.kind == "status" and message.content.get("execution_state") in (
            "dead",
            "restarting",
            "autorestarting",
        ):
            raise TroubleError("kernel died", "its memory or the host's may have run out")
        waiting = self._waiting.get(message.parent_id)
        if waiting is None:
            return
        if message.kind == "stream":
            waiting.text.append(str(message.content.get("text", "")))
        elif message.kind in ("display_data", "update_display_data"):
            waiting.cut_short |= TIME_IS_UP in str(message.content.get("data", {}).get("text/html", ""))
        elif message.kind == "execute_reply":
            waiting.reply = message
        elif message.kind == "status" and message.content.get("execution_state") == "idle":
            waiting.idle = True
        if waiting.reply and waiting.idle and not waiting.done.done():
            waiting.done.set_result(None)


def _result(reply: Message, seconds: float, waiting: _Waiting) -> Result:
    content = reply.content
    status = str(content.get("status", ""))
    error = f"{content.get('ename', '')}: {content.get('evalue', '')}"[:300] if status != "ok" else ""
    told = content.get("user_expressions", {}).get("figure", {}).get("data", {}).get("text/plain")
    figure = ast.literal_eval(told) if told else None
    return Result(seconds, status, error, "".join(waiting.text), waiting.cut_short, figure)
