"""The pages and small services that attendees' browsers meet at the hub. They stand before JupyterHub's own."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.handlers.base import BaseHandler, UserUrlHandler
from jupyterhub.handlers.login import LogoutHandler
from tornado import web
from tornado.httputil import url_concat

from handson.room.hub.codes import gate_key, gate_pass
from handson.room.hub.config import LESSON_POLICY, PAGE_POLICY
from handson.room.hub.limits import sender_of
from handson.room.hub.names import NameRefusedError
from handson.room.hub.room import Room
from handson.room.hub.store import Attendee, Door, RoomFullError, number_of_user
from handson.room.hub.texts import text

GATE = "handson-seat"
"""The cookie that the proxy asks for before a seat; its path is the seat's, and a script cannot read it."""
JOIN, WAIT, ME, PAGE = "/hub/join", "/hub/wait", "/hub/me", "/hub/page/"


class _Gate:
    """What lets a browser through to a seat, for handlers of ours and those of JupyterHub's that we change."""

    def open_gate(self, user: Any) -> None:
        """Let this browser through to the seat of `user`, who is signed in with it."""
        handler: Any = self
        shown = gate_pass(gate_key(handler.settings["room"].secrets.seats), user.name)
        handler._set_cookie(GATE, shown, encrypted=False, path=user.url, expires_days=30)

    def close_gate(self, user: Any) -> None:
        """Let it through no more."""
        handler: Any = self
        handler.clear_cookie(GATE, path=user.url)


class RoomHandler(_Gate, BaseHandler):  # type: ignore[misc]  # jupyterhub has no types
    """What they share: the room, the one who asks, the look."""

    for_scripts = False
    """Whether scripts ask for it; else it is a page, which a person opens."""

    async def prepare(self) -> None:
        """JupyterHub's; and a page is not read by a script, for one in a seat's page is of the same origin.

        Browsers tell that (Sec-Fetch-Mode) over secure connections and to their own machine only.
        """
        await super().prepare()
        if not self.for_scripts and self.request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
            raise web.HTTPError(403)

    @property
    def room(self) -> Room:
        """The room."""
        return self.settings["room"]  # type: ignore[no-any-return]

    @property
    def sender(self) -> str:
        """The address that the proxy heard from."""
        return sender_of(self.request.headers.get("X-Forwarded-For"), self.request.remote_ip or "")

    def attendee(self) -> Attendee | None:
        """Who asks, if they joined this room."""
        number = number_of_user(self.current_user.name) if self.current_user else None
        return self.room.store.attendee(number) if number is not None else None

    def required_attendee(self) -> Attendee:
        """Who asks; raises HTTPError 403 for anybody else."""
        if (one := self.attendee()) is None:
            raise web.HTTPError(403)
        return one

    def set_default_headers(self) -> None:
        """JupyterHub's and ours; nothing of a person is kept by a cache."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    async def show(self, template: str, **values: Any) -> None:
        """Answer with a page."""
        self.finish(
            await self.render_template(
                template, xsrf=self.xsrf_token.decode("ascii"), title=self.room.catalog.workshop.title, **values
            )
        )

    def own_address(self, wanted: str) -> str:
        """`wanted` if it is a page of the asker's own server, or the first lesson there."""
        own = str(self.current_user.url)
        parts = urlsplit(wanted)
        plain = not parts.scheme and not parts.netloc and "\\" not in wanted and ".." not in parts.path
        if plain and parts.path.startswith(own) and wanted.startswith("/") and wanted.isprintable():
            return wanted
        return own.rstrip("/") + self.room.settings.lesson_path.format(notebook=self.room.first_notebook())


class JoinHandler(RoomHandler):
    """The join page: a class code and a name, or a come-back code."""

    def check_xsrf_cookie(self) -> None:
        """As JupyterHub does; a form that is too old is shown again, with a word about it."""
        self.form_is_old = False
        try:
            super().check_xsrf_cookie()
        except web.HTTPError:
            self.form_is_old = True

    async def get(self) -> None:
        """The page; who is in already goes on."""
        if self.attendee():
            self.redirect(url_concat(WAIT, {"next": self.get_argument("next", "")}))
            return
        await self._page()

    async def post(self) -> None:
        """Let somebody in."""
        if self.form_is_old:
            await self._page(400, "form_old")
            return
        one = await (self._came_back() if self.get_body_argument("come_back", "") else self._new())
        if one is None:
            return
        user = await self.login_user({"attendee": one})
        if user is None:
            raise web.HTTPError(500)
        self._jupyterhub_user = user
        self.open_gate(user)
        if one.door == "page" and self.room.settings.site:
            self.redirect(PAGE)
        else:
            self.redirect(url_concat(WAIT, {"next": self.get_argument("next", "")}))

    async def _came_back(self) -> Attendee | None:
        one = self.room.come_back(self.get_body_argument("come_back", ""))
        if one is None and not await self._has_to_wait():
            self.room.guesses.wrong(self.sender)
            await self._page(403, "come_back_wrong")
        return one

    async def _has_to_wait(self) -> bool:
        """Tell who has guessed too often; a code that nobody can guess was looked at before."""
        if seconds := self.room.guesses.wait(self.sender):
            self.set_header("Retry-After", str(math.ceil(seconds)))
            await self._page(429, "wait_guess", seconds=math.ceil(seconds))
        return bool(seconds)

    async def _new(self) -> Attendee | None:
        if not self.room.is_scanned(self.get_body_argument("scanned", "")):
            if await self._has_to_wait():
                return None
            if not self.room.is_class_code(self.get_body_argument("code", "")):
                self.room.guesses.wrong(self.sender)
                await self._page(403, "code_wrong")
                return None
        if seconds := self.room.joins.wait(self.sender):
            await self._page(429, "wait_join", seconds=math.ceil(seconds))
            return None
        if self.room.disk_is_full():
            await self._page(507, "disk_full")
            return None
        door: Door = "page" if self.get_body_argument("door", "seat") == "page" and self.room.settings.site else "seat"
        try:
            one = self.room.join(self.get_body_argument("name", "", strip=False), door)
        except NameRefusedError as refused:
            await self._page(409 if refused.why == "name_taken" else 400, refused.why)
            return None
        except RoomFullError:
            await self._page(409, "room_full" if self.room.seats_left() else self._no_seat())
            return None
        self.room.joins.take(self.sender)
        return one

    def _no_seat(self) -> str:
        return "seats_none" if self.room.settings.site else "seats_none_alone"

    async def _page(self, status: int = 200, wrong: str = "", **values: object) -> None:
        self.set_status(status)
        left, seats = self.room.seats_left(), self.room.settings.seats
        typed = {name: self.get_body_argument(name, "")[:200] for name in ("code", "name", "door", "scanned")}
        await self.show(
            "join.html",
            wrong=text(wrong, all=seats, **values) if wrong else "",
            field={"code_wrong": "code", "come_back_wrong": "come_back"}.get(
                wrong, "name" if wrong.startswith("name_") else ""
            ),
            typed=typed,
            next=self.get_argument("next", ""),
            left=left,
            seats=seats,
            has_page=self.room.settings.site is not None,
            seats_only=self.room.has_lessons_for_seats_only(),
        )


class LoginHandler(RoomHandler):
    """Where JupyterHub sends who is not signed in."""

    async def get(self) -> None:
        """To the join page, and from there to where they wanted to go."""
        self.redirect(url_concat(JOIN, {"next": self.get_argument("next", "")}))


class ToMeHandler(RoomHandler):
    """In place of JupyterHub's own pages for a user: theirs in this room."""

    @web.authenticated
    async def get(self, *_: str) -> None:
        """To the attendee's own page."""
        self.redirect(ME)


class SpawnHandler(RoomHandler):
    """In place of JupyterHub's own way to start a server: the queue."""

    @web.authenticated
    async def get(self, *_: str) -> None:
        """To the queue."""
        self.redirect(url_concat(WAIT, {"next": self.get_argument("next", "")}))


class SeatHandler(_Gate, UserUrlHandler):  # type: ignore[misc]  # jupyterhub has no types
    """A seat's address while no server answers there: the queue, for the one whose seat it is."""

    @web.authenticated
    async def get(self, user_name: str, user_path: str | None) -> None:
        """To the queue and back, for a page; what JupyterHub says, to anything else."""
        own = self.current_user is not None and self.current_user.name == user_name
        if own:
            self.open_gate(self.current_user)
        if own and "text/html" in self.request.headers.get("Accept", "") and not self.current_user.spawner.ready:
            wanted = self.request.uri[len("/hub") :]
            self.redirect(url_concat(WAIT, {"next": wanted}))
            return
        await super().get(user_name, user_path)


class WaitHandler(RoomHandler):
    """The queue, as the one who waits sees it; asking for it is entering it."""

    @web.authenticated
    async def get(self) -> None:
        """The page, or straight on where the seat answers."""
        one = self.required_attendee()
        if one.door == "page":
            self.redirect(PAGE if self.room.settings.site else ME)
            return
        self.open_gate(self.current_user)
        wanted = self.own_address(self.get_argument("next", ""))
        if self.current_user.spawner.ready:
            await self.current_user.spawner.poll_and_notify()  # it may have died since the hub last looked
        if self.room.seat_state(one)["state"] != "failed" or self.get_argument("again", ""):
            self.room.ask_for_seat(one.number)
        if self.room.seat_state(one)["state"] == "ready":
            self.redirect(wanted)
            return
        await self.show("wait.html", me=one, next=wanted, seat_code=self.room.seat_code(one.number))


class MeHandler(RoomHandler):
    """An attendee's own page: the way to the lessons, the hand, the come-back code, take home, the other door."""

    @web.authenticated
    async def get(self) -> None:
        """The page."""
        one = self.required_attendee()
        await self.show(
            "me.html",
            me=one,
            seat_code=self.room.seat_code(one.number),
            hand=self.room.attendance.of(one.number).hand_since is not None,
            has_page=self.room.settings.site is not None,
            left=self.room.seats_left(),
            lessons=WAIT if one.door == "seat" else PAGE,
            home=f"{self.current_user.url}handson/room/take-home.zip"
            if self.room.seat_state(one)["state"] == "ready"
            else "",
        )


class PageHandler(RoomHandler):
    """The lesson page, with the strip over it; its scripts come from a process of their own (see `files`)."""

    @property
    def for_scripts(self) -> bool:  # type: ignore[override]
        """Its lists are."""
        return str(self.request.path).endswith(".json")

    @web.authenticated
    async def get(self, path: str) -> None:
        """The page, or one of the demos."""
        self.required_attendee()
        site = self.room.settings.site
        if site is None:
            raise web.HTTPError(404)
        if path:
            file = (site / path).resolve()
            if not (file.is_file() and file.is_relative_to(site.resolve()) and file.suffix in (".html", ".json")):
                raise web.HTTPError(404)
            content = file.read_text(encoding="utf-8")
        else:
            token = self.xsrf_token.decode("ascii")
            content = (site / "index.html").read_text(encoding="utf-8")
            content = content.replace("</head>", f'<meta name="handson-room" content="{escape(token)}">\n</head>', 1)
            content = content.replace("</body>", '<script src="/hub/room/static/bar.js"></script>\n</body>', 1)
        self.set_header("Content-Security-Policy", LESSON_POLICY)
        self.finish(content)


class DoorHandler(RoomHandler):
    """The other door."""

    @web.authenticated
    async def post(self) -> None:
        """Change it, and go through, once a seat that is left runs no more."""
        one = self.required_attendee()
        door: Door = "page" if self.get_body_argument("door") == "page" and self.room.settings.site else "seat"
        try:
            await self.room.change_door(one, door)
        except RoomFullError:
            self.redirect(ME)
            return
        self.redirect(PAGE if door == "page" else WAIT)


class SignOutHandler(_Gate, LogoutHandler):  # type: ignore[misc]  # jupyterhub has no types
    """Signing out by a form: a link on somebody's page signs nobody out."""

    async def get(self) -> None:
        """Asked by a link: to the page that has the form."""
        self.redirect(ME)

    async def post(self) -> None:
        """Forget this device."""
        if self.current_user:
            self.close_gate(self.current_user)
        await self.default_handle_logout()
        self.redirect(JOIN)


class ForgetHandler(RoomHandler):
    """Leaving for good: the asker's own seat, files, name and history, and nobody else's."""

    @web.authenticated
    async def post(self) -> None:
        """Remove them, then sign the device out; in this order, so that a failure can be tried again."""
        one = self.required_attendee()
        if self.get_body_argument("forget", "") != "yes":
            raise web.HTTPError(400)
        self.close_gate(self.current_user)
        await self.room.forget(one.number)
        self._jupyterhub_user = None
        self.clear_login_cookie()
        self.redirect(JOIN)


class StaticHandler(web.StaticFileHandler):
    """Scripts and styles of the room's pages."""

    def set_extra_headers(self, _path: str) -> None:
        """The same everywhere."""
        self.set_header("Content-Security-Policy", PAGE_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")


def handlers(app: Any) -> list[Any]:
    """All of them, by their address below /hub."""
    from handson.room.hub.services import services

    room: Room = app.room
    return [
        (r"/join", JoinHandler),
        (r"/login", LoginHandler),
        (r"/logout", SignOutHandler),
        (r"/forget", ForgetHandler),
        (r"/(?:home|token|admin|accept-share)", ToMeHandler),
        (r"/spawn(?:-pending)?(?:/.*)?", SpawnHandler),
        (r"/user/(?P<user_name>[^/]+)(?P<user_path>/.*)?", SeatHandler),
        (r"/wait", WaitHandler),
        (r"/me", MeHandler),
        (r"/door", DoorHandler),
        (r"/page/((?:demos/.+|manifest\.json)?)", PageHandler),
        (r"/room/static/([a-z]+\.(?:js|css))", StaticHandler, {"path": str(Path(room.settings.front_end))}),
        *services(app),
    ]
