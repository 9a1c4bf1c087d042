"""The work of all seats as one file, each packed by its own server; the hub reads no seat's files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import zipfile
from typing import IO, Any

from jupyterhub import orm
from jupyterhub.httpclient import fetch

from handson.room.hub.room import Room
from handson.room.hub.store import Attendee

_AT_ONCE = 2
_PATIENCE = 300.0


class Export:
    """Asks each seat's server for its work; seats that do not run are started for it, in their turn."""

    def __init__(self, room: Room, app: Any) -> None:
        self._room, self._app = room, app

    async def file(self) -> IO[bytes]:
        """A zip with one folder a seat, and `room.json` that says whose each is; at its beginning."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  # it is the caller's
        people = [one for one in self._room.store.attendees() if one.door == "seat"]
        told: list[dict[str, Any]] = []
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one_seat(one: Attendee) -> tuple[Attendee, bytes | str]:
            async with gate:
                try:
                    return one, await self._work(one)
                except Exception as error:
                    return one, f"{type(error).__name__}: {error}"

        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for done in asyncio.as_completed([one_seat(one) for one in people]):
                one, work = await done
                if isinstance(work, bytes):
                    archive.writestr(f"{one.user}.zip", work)
                told.append({"seat": one.user, "name": one.name, "missing": work if isinstance(work, str) else ""})
            told.sort(key=lambda row: str(row["seat"]))
            archive.writestr("room.json", json.dumps(told, indent=1, ensure_ascii=False))
        file.seek(0)
        return file

    async def _work(self, one: Attendee) -> bytes:
        await self._room.started(one.number)
        user = self._app.users[one.user]
        token = user.new_api_token(note="export", expires_in=int(_PATIENCE) + 60, scopes=["access:servers!user"])
        try:
            url = f"{user.spawner.server.host.rstrip('/')}{user.url}handson/room/work.zip"
            answer = await asyncio.wait_for(fetch(url, headers={"Authorization": f"token {token}"}), _PATIENCE)
            return bytes(await answer.read())
        finally:
            with contextlib.suppress(Exception):
                found = orm.APIToken.find(self._app.db, token)
                self._app.db.delete(found)
                self._app.db.commit()
