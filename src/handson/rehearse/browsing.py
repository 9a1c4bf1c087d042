"""One simulated browser: cookies, six connections at most (lines to kernels not counted, as in browsers), every answer
timed, every failure named."""

from __future__ import annotations

import errno
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from handson.rehearse.forms import Page, read_page
from handson.rehearse.measured import Kind, Measured

PATIENCE = 60.0
"""Seconds for one answer."""
_KEPT_OPEN = 2.0
"""Seconds for which a connection that rests is used again. The proxy closes it after five; a browser that finds it so
just asks again, on a new one."""
_HEADERS = {"Accept": "text/html,application/json,*/*", "User-Agent": "handson-rehearse"}


class TroubleError(Exception):
    """Something that an attendee would have noticed."""

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind, self.what = kind, what


class Browser:
    """A browser that has not been here before. `address` is the room's."""

    def __init__(self, address: str, measured: Measured, ca: Path | None = None) -> None:
        self.address, self._measured = address, measured
        self._verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
        self._cookies: aiohttp.CookieJar | None = None
        self._session: aiohttp.ClientSession | None = None
        self._lines: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, made when it is first needed (it belongs to the running loop)."""
        if self._session is None:
            self._session = self._opened(at_once=6)
        return self._session

    @property
    def lines(self) -> aiohttp.ClientSession:
        """For WebSockets, with the same cookies: browsers count them apart from the six, and allow many more."""
        if self._lines is None:
            self._lines = self._opened(at_once=0)
        return self._lines

    def _opened(self, at_once: int) -> aiohttp.ClientSession:
        """A session with so many connections at most; 0: as many as it likes."""
        if self._cookies is None:
            self._cookies = aiohttp.CookieJar(unsafe=True)  # rooms are IP addresses
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(_connection_begins)
        trace.on_connection_create_end.append(self._connection_made)
        return aiohttp.ClientSession(
            cookie_jar=self._cookies,
            connector=aiohttp.TCPConnector(limit_per_host=at_once, keepalive_timeout=_KEPT_OPEN, ssl=self._verify),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            headers=_HEADERS,
            trace_configs=[trace],
        )

    async def close(self) -> None:
        """The window is closed; its cookies are gone."""
        for session in (self._session, self._lines):
            if session is not None:
                await session.close()
        self._session = self._lines = self._cookies = None

    async def _connection_made(self, _session: Any, context: Any, _params: Any) -> None:
        self._measured.connects.append(time.monotonic() - context.begun)

    def cookie(self, name: str, path: str) -> str:
        """A cookie of one path; empty where there is none."""
        return next((one.value for one in self.session.cookie_jar if one.key == name and one["path"] == path), "")

    @asynccontextmanager
    async def open(self, method: str, path: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and read the answer inside the block; raises TroubleError where an attendee would see an error."""
        address = path if "://" in path else self.address + path
        expect = more.pop("expect", ())
        try:
            async with self.session.request(method, address, **more) as answer:
                if answer.status >= 400 and answer.status not in expect:
                    raise _refused(method, answer, (await answer.text())[:200])
                yield answer
        except TimeoutError:
            raise TroubleError("no answer in time", f"{method} {_short(address)}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise named(error, f"{method} {_short(address)}") from None

    async def page(self, method: str, path: str, **more: Any) -> tuple[str, Page]:
        """A page of the hub: its final address, and what matters of it."""
        begun = time.monotonic()
        async with self.open(method, path, **more) as answer:
            html = await answer.text()
        self._measured.pages.append(time.monotonic() - begun)
        return str(answer.url), read_page(html, str(answer.url))

    async def json(self, method: str, path: str, **more: Any) -> Any:
        """A small answer of a seat's server."""
        begun = time.monotonic()
        async with self.open(method, path, **more) as answer:
            body = await answer.read()
            content = await answer.json(content_type=None) if body else None
        self._measured.answers.append(time.monotonic() - begun)
        return content

    async def size(self, address: str) -> int:
        """Fetch a file; its bytes as they came over the line, as far as the answer tells."""
        async with self.open("GET", address) as answer:
            content = await answer.read()
            return int(answer.headers.get("Content-Length") or len(content))


async def _connection_begins(_session: Any, context: Any, _params: Any) -> None:
    context.begun = time.monotonic()


def _refused(method: str, answer: aiohttp.ClientResponse, text: str) -> TroubleError:
    of_hub = answer.url.path.startswith("/hub/")
    what = f"{method} {_short(str(answer.url))}: HTTP {answer.status}"
    if answer.status in (401, 403, 409, 429):
        return TroubleError("turned away", what)
    if answer.status == 507 or "No space left" in text:
        return TroubleError("the seat's error", f"{what} (disk full)")
    return TroubleError("the hub's error" if of_hub or answer.status == 503 else "the seat's error", what)


def named(error: BaseException, what: str) -> TroubleError:
    """A failure of the line, in our words."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
        return TroubleError("open files used up here", what)
    return TroubleError("no connection", f"{what}: {type(error).__name__}: {error}")


def _short(address: str) -> str:
    """Without the query, which may hold a token."""
    return address.partition("?")[0]
