"""The services behind the pages: live state, hand, reports, lessons; browsers show a cookie, seats their token."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ValidationError
from tornado import web
from tornado.iostream import StreamClosedError

from handson.room.hub.handlers import RoomHandler
from handson.room.hub.reports import Hand, Report
from handson.room.hub.store import Attendee
from handson.room.hub.streams import as_event

BIGGEST = 10_000
"""Bytes of a report."""


class _Service(RoomHandler):
    """By cookie: every request carries the XSRF token of a page of ours, those that only read as well."""

    for_scripts = True

    async def prepare(self) -> None:
        await super().prepare()
        if self.request.method in self._xsrf_safe_methods and not getattr(self, "_token_authenticated", False):
            self._ask_for_token()

    def _ask_for_token(self) -> None:
        """JupyterHub's own check lets reading pass; what is read here is a person's."""
        given = self.get_argument("_xsrf", "") or self.request.headers.get("X-Xsrftoken", "")
        if not given or given.encode("utf8", "replace") != self.xsrf_token:
            raise web.HTTPError(403)

    def asker(self) -> Attendee:
        """Who asks; raises HTTPError 403 where that is nobody in this room."""
        return self.required_attendee()

    def body(self, model: type[BaseModel]) -> Any:
        """What was sent, validated; raises HTTPError 400."""
        if len(self.request.body) > BIGGEST:
            raise web.HTTPError(413)
        try:
            return model.model_validate_json(self.request.body)
        except ValidationError as error:
            raise web.HTTPError(400, str(error.errors(include_url=False, include_input=False))) from None

    def write_error(self, status_code: int, **_: Any) -> None:
        """A status; who asks is a script."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"status": status_code}))


class StreamHandler(_Service):
    """What an attendee's pages show, now and after each change, as server-sent events."""

    async def get(self) -> None:
        """Until the browser leaves."""
        number = self.asker().number
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")
        before = ""
        try:
            async for changed in self.room.bell.heard():
                one = self.room.store.attendee(number)
                if one is None:
                    self.write(as_event("{}", "gone"))
                    await self.flush()
                    return
                now = json.dumps(self.room.for_attendee(one)) if changed else before
                self.write(as_event(now) if now != before else ": still here\n\n")
                await self.flush()
                before = now
        except StreamClosedError:
            return


class HandHandler(_Service):
    """Raise a hand, or lower it."""

    async def post(self) -> None:
        """`{"raised": true}`."""
        self.set_status(204 if self.room.hand(self.asker().number, self.body(Hand).raised) else 429)


class ReportHandler(_Service):
    """What a notebook or the lesson page tells of itself."""

    async def post(self) -> None:
        """A `Report`."""
        self.set_status(204 if self.room.report(self.asker().number, self.body(Report)) else 422)


class _ByToken(_Service):
    """The same for a seat, which shows its server's token. A cookie does not count: a browser's page is no seat."""

    _accept_cookie_auth = False
    _accept_token_auth = True

    def _ask_for_token(self) -> None:
        raise web.HTTPError(403)


class SeatStreamHandler(_ByToken, StreamHandler):
    """See StreamHandler."""


class SeatHandHandler(_ByToken, HandHandler):
    """See HandHandler."""


class SeatReportHandler(_ByToken, ReportHandler):
    """See ReportHandler."""


class SeatLessonsHandler(_ByToken):
    """The lessons as notebooks, and which content belongs to which asset: what a seat's folder is made of."""

    async def get(self) -> None:
        """`{"notebooks": {path: text}, "index": {…}}`."""
        self.asker()
        self.set_header("Content-Type", "application/json")
        self.finish(self.room.given_lessons())


def services(_app: Any) -> list[Any]:
    """All of them, by their address below /hub."""
    return [
        (r"/room/stream", StreamHandler),
        (r"/room/hand", HandHandler),
        (r"/room/report", ReportHandler),
        (r"/api/room/stream", SeatStreamHandler),
        (r"/api/room/hand", SeatHandHandler),
        (r"/api/room/report", SeatReportHandler),
        (r"/api/room/lessons", SeatLessonsHandler),
    ]
