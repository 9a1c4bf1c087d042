"""The work of all seats as one file, each packed by its own server; the hub reads no seat's files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator
from typing import IO, Any

from jupyterhub import orm
from jupyterhub.httpclient import fetch

from handson.errors import HandsonError
from handson.room.hub.room import Room
from handson.room.hub.store import Attendee

_AT_ONCE = 2
_PATIENCE = 300.0
BIGGEST = 600_000_000
"""Bytes of one seat's file; what packs it keeps to less (`takehome.LIMIT`), but a seat may serve what it likes."""


class Export:
    """Asks each seat's server for its work; seats that do not run are started for it, in their turn."""

    def __init__(self, room: Room, app: Any) -> None:
        self._room, self._app = room, app

    async def file(self) -> IO[bytes]:
        """A zip with one zip a seat, and `room.json` that says whose each is; at its beginning."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  # it is the caller's
        people = self._room.store.with_seat_files()
        told: list[dict[str, Any]] = []
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one_seat(one: Attendee) -> tuple[Attendee, IO[bytes] | str]:
            async with gate:
                try:
                    return one, await self._packed(one)
                except Exception as error:
                    return one, f"{type(error).__name__}: {error}"

        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for done in asyncio.as_completed([one_seat(one) for one in people]):
                one, work = await done
                if not isinstance(work, str):
                    await asyncio.get_running_loop().run_in_executor(None, _put, archive, f"{one.user}.zip", work)
                told.append({"seat": one.user, "name": one.name, "missing": work if isinstance(work, str) else ""})
            told.sort(key=lambda row: str(row["seat"]))
            archive.writestr("room.json", json.dumps(told, indent=1, ensure_ascii=False))
        file.seek(0)
        return file

    async def _packed(self, one: Attendee) -> IO[bytes]:
        """The work of one seat, which ends afterwards where its attendee has left it: it ran for this only."""
        try:
            return await self._work(one)
        finally:
            try:
                await self._room.done_with(one.number)
            except Exception as error:
                self._app.log.error("%s was started for its work and does not end: %s", one.user, error)

    async def work_of(self, number: int) -> IO[bytes]:
        """The zip of one seat, at its beginning; raises HandsonError where nobody has it, or it sends none."""
        one = next((one for one in self._room.store.with_seat_files() if one.number == number), None)
        if one is None:
            raise HandsonError(f"Nobody here has seat {number}.", "Its number stands on the board.")
        return await self._packed(one)

    async def _work(self, one: Attendee) -> IO[bytes]:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._room.started(one.number)
        except TimeoutError:
            raise HandsonError(
                f"Seat {one.number} did not answer within {_PATIENCE:.0f} s.", "Try again once fewer seats start."
            ) from None
        user = self._app.users[one.user]
        token = user.new_api_token(note="export", expires_in=int(_PATIENCE) + 60, scopes=["access:servers!user"])
        try:
            url = f"{user.spawner.server.host.rstrip('/')}{user.url}handson/room/work.zip"
            async with asyncio.timeout(_PATIENCE):
                answer = await fetch(url, headers={"Authorization": f"token {token}"})
                return await kept(answer.content.iter_any())
        finally:
            with contextlib.suppress(Exception):
                found = orm.APIToken.find(self._app.db, token)
                self._app.db.delete(found)
                self._app.db.commit()


async def kept(parts: AsyncIterator[bytes], most: int = BIGGEST) -> IO[bytes]:
    """A zip as it comes, in a file, at its beginning.

    Nothing of it is unpacked or believed. Raises HandsonError for more than `most` bytes and for what is no zip.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  # it is the caller's
    try:
        size = 0
        async for part in parts:
            size += len(part)
            if size > most:
                raise HandsonError(f"It sends more than {most:,} bytes.", "Its server is not the room's any more.")
            file.write(part)
        file.seek(0)
        if file.read(2) != b"PK":
            raise HandsonError("It sent no zip.", "Its server is not the room's any more.")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _put(archive: zipfile.ZipFile, name: str, work: IO[bytes]) -> None:
    with work, archive.open(name, "w", force_zip64=True) as into:
        shutil.copyfileobj(work, into, 1 << 20)
