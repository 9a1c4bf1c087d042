"""The board: the presenter's own page, on its own port and so of its own origin, in the hub's process.

Whoever shows the phrase (as a bearer token, which no other page can make a browser send) is the presenter. There is no
cookie: browsers send those to every port of a host, and a seat could see them.
"""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import segno
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import httpserver, web
from tornado.iostream import StreamClosedError

from handson.errors import HandsonError
from handson.room.hub.codes import same_code
from handson.room.hub.config import HEADERS, PAGE_POLICY
from handson.room.hub.room import LONGEST_MESSAGE, Room
from handson.room.hub.settings import in_url
from handson.room.hub.streams import as_event

if TYPE_CHECKING:
    from handson.room.hub.export import Export

log = logging.getLogger("handson.board")

LOAD_EVERY = 3.0
"""Seconds after which load and clocks are told even where nothing else changed."""
_BIGGEST = 20_000

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Board</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/room.css">
</head>
<body>
<div id="board"></div>
<script src="/static/board.js" defer></script>
</body>
</html>
"""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Say(_Asked):
    """A message to all."""

    text: str = Field(min_length=1, max_length=LONGEST_MESSAGE)


class SendTo(_Asked):
    """Everyone to a lesson."""

    lesson: str = Field(max_length=60)


class Clock(_Asked):
    """The agenda begins now, or has not begun."""

    running: bool


class Person(_Asked):
    """One attendee."""

    number: int


class _Handler(web.RequestHandler):
    def initialize(self, room: Room) -> None:
        self.room = room

    def set_default_headers(self) -> None:
        for name, value in {**HEADERS, "Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def write_error(self, status_code: int, **more: Any) -> None:  # noqa: ARG002  # it is set already
        error = more.get("exc_info", (None, None))[1]
        why = error.reason if isinstance(error, web.HTTPError) and error.reason else self._reason
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"error": why}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Nothing of what was asked: a phrase may be in it."""
        if not isinstance(value, web.HTTPError):
            super().log_exception(typ, value, tb)


class _PageHandler(_Handler):
    def get(self) -> None:
        self.finish(PAGE)


class _StaticHandler(web.StaticFileHandler):
    def set_extra_headers(self, _path: str) -> None:
        for name, value in {**HEADERS, "Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}.items():
            self.set_header(name, value)


class _ForPresenter(_Handler):
    """Asks for the phrase first; wrong ones are rationed like class codes.

    A request without any is no guess, and uses nothing up: a page of somebody else's in the presenter's browser can
    send such ones, and would lock the presenter out.
    """

    def prepare(self) -> None:
        peer = self.request.remote_ip or ""
        kind, _, phrase = self.request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not phrase:
            raise web.HTTPError(401)
        if seconds := self.room.phrases.wait(peer):
            self.set_header("Retry-After", str(int(seconds) + 1))
            raise web.HTTPError(429)
        if not same_code(self.room.secrets.board, phrase):
            self.room.phrases.wrong(peer)
            raise web.HTTPError(401)

    def asked(self, model: type[BaseModel]) -> Any:
        """What was sent, validated."""
        try:
            return model.model_validate_json(self.request.body or b"{}")
        except ValidationError as error:
            raise web.HTTPError(400, reason=error.errors()[0]["msg"]) from None


class _StreamHandler(_ForPresenter):
    """The board's content, now and after each change."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        shown = ""
        try:
            async for _ in self.room.bell.heard(at_least=0.5, at_most=LOAD_EVERY):
                await self.room.meter.look()
                if (code := qr_code(self.room)) != shown:
                    self.write(as_event(json.dumps(code), "qr"))
                    shown = code
                self.write(as_event(json.dumps(self.room.for_board())))
                await self.flush()
        except StreamClosedError:
            return


class _ActionHandler(_ForPresenter):
    """What the presenter does."""

    async def post(self, action: str) -> None:
        try:
            await self._do(action)
        except (HandsonError, ValueError) as error:
            raise web.HTTPError(400, reason=_one_line(str(error))) from None
        except (OSError, TimeoutError, RuntimeError) as error:
            log.exception("what the presenter asked for failed: %s", action)
            why = f"{error or type(error).__name__}. Try again; the room's log has more."
            raise web.HTTPError(503, reason=_one_line(why)) from None
        self.set_status(204)

    async def _do(self, action: str) -> None:
        room = self.room
        match action:
            case "say":
                room.say(self.asked(Say).text)
            case "send":
                room.send_to(self.asked(SendTo).lesson)
            case "nothing":
                room.take_back()
            case "push":
                room.push_lessons()
            case "new-code":
                room.new_class_code()
            case "clock":
                room.start_clock(self.asked(Clock).running)
            case "lower":
                room.lower_hand(self.asked(Person).number)
            case _:
                await room.remove(self.asked(Person).number)


class _CodeHandler(_ForPresenter):
    """The come-back code of somebody who has lost it. Asked for by POST, so that nothing keeps the answer."""

    def post(self) -> None:
        number = self.asked(Person).number
        if self.room.store.attendee(number) is None:
            raise web.HTTPError(400, reason=f"Nobody here has the number {number}.")
        self.finish({"code": self.room.seat_code(number)})


class _ExportHandler(_ForPresenter):
    """All seats' work as one file, or that of one (`?seat=7`)."""

    def initialize(self, room: Room, export: Export | None = None) -> None:
        super().initialize(room)
        self._export = export

    async def get(self) -> None:
        if self._export is None:
            raise web.HTTPError(404)
        asked = self.get_query_argument("seat", "")
        if asked and not re.fullmatch(r"[0-9]{1,3}", asked):
            raise web.HTTPError(400, reason="A seat has a number.")
        try:
            found = await (self._export.work_of(int(asked)) if asked else self._export.file())
        except (HandsonError, OSError, RuntimeError, TimeoutError, LookupError) as error:
            raise web.HTTPError(503, reason=_one_line(str(error) or type(error).__name__)) from None
        name = f"seat-{int(asked)}" if asked else "handson-room"
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", f'attachment; filename="{name}.zip"')
        with found as file:
            try:
                while part := file.read(1 << 18):
                    self.write(part)
                    await self.flush()
            except StreamClosedError:
                return


def _one_line(text: str) -> str:
    """As HTTP's reason phrase may be: printable ASCII, no breaks."""
    return re.sub(r"[^\x20-\x7e]+", " ", text)[:300]


def qr_code(room: Room) -> str:
    """The join page's address with the class code behind #, as an SVG: browsers send nothing of that part anywhere."""
    file = io.BytesIO()
    segno.make(room.scanned_address(), error="m").save(
        file, kind="svg", xmldecl=False, svgns=True, scale=1, border=3, light="#ffffff"
    )
    return file.getvalue().decode("utf-8")


def board_application(room: Room, export: Export | None = None) -> web.Application:
    """The board; only for those who call this host by an address of its own."""
    own = {"room": room}
    port = room.settings.board_port
    hosts = "|".join(map(re.escape, {in_url(room.settings.board_host), "127.0.0.1", "localhost", "[::1]"}))
    application = web.Application(log_function=lambda _: None)
    application.add_handlers(
        rf"^(?:{hosts})(?::{port})?$",
        [
            (r"/", _PageHandler, own),
            (r"/static/((?:room\.css|board\.js))", _StaticHandler, {"path": str(Path(room.settings.front_end))}),
            (r"/api/stream", _StreamHandler, own),
            (r"/api/(say|send|nothing|push|new-code|clock|lower|remove)", _ActionHandler, own),
            (r"/api/code", _CodeHandler, own),
            (r"/api/export", _ExportHandler, {**own, "export": export}),
        ],
    )
    return application


class Board:
    """The board's server. TLS where the room has it and others may reach it."""

    def __init__(self, room: Room, export: Export | None = None) -> None:
        self._room, self._export = room, export
        self._server: httpserver.HTTPServer | None = None

    async def start(self) -> None:
        """Listen; raises HandsonError where the port is taken."""
        settings = self._room.settings
        context = None
        if settings.board_scheme == "https":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._room.places.board_certificate, self._room.places.board_key)
        self._server = httpserver.HTTPServer(
            board_application(self._room, self._export), ssl_options=context, max_body_size=_BIGGEST
        )
        try:
            place = socket.create_server(  # tornado's own leaves its socket open where the port is taken
                (settings.board_host, settings.board_port),
                family=socket.AF_INET6 if ":" in settings.board_host else socket.AF_INET,
                backlog=128,
            )
        except OSError as error:
            raise HandsonError(
                f"The board cannot listen at {settings.board_host}, port {settings.board_port}: {error.strerror}.",
                "Name another with --board-port.",
            ) from None
        place.setblocking(False)
        self._server.add_socket(place)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.stop()
            await self._server.close_all_connections()
