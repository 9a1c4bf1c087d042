from __future__ import annotations

import asyncio
import io
import json
import logging
import zipfile
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import IO

import pytest

from handson.errors import HandsonError
from handson.room.hub.export import Export, kept
from handson.room.hub.room import Room
from handson.room.hub.store import Attendee
from tests.room.hub.test_room import Seats, make_room

__all__ = ["make_room"]


async def parts(*content: bytes) -> AsyncIterator[bytes]:
    for part in content:
        yield part


def test_a_seats_zip_is_kept_as_it_came() -> None:
    with asyncio.run(kept(parts(b"P", b"K and", b" more"))) as file:
        assert file.read() == b"PK and more"


def test_a_server_that_never_ends_fills_nothing() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"PK" * 500

    with pytest.raises(HandsonError, match="more than 10,000 bytes"):
        asyncio.run(kept(endless(), most=10_000))


@pytest.mark.parametrize("content", [b"", b"<script>"])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(HandsonError, match="no zip"):
        asyncio.run(kept(parts(content)))


async def work(export: Export, one: Attendee) -> IO[bytes]:
    await export._room.started(one.number)
    return io.BytesIO(f"work of {one.user}".encode())


def test_the_files_of_who_left_their_seat_are_exported_and_the_seat_ends_again(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Export, "_work", work)
    seats = Seats()
    room = make_room(seats)
    export = Export(room, SimpleNamespace(log=logging.getLogger("test")))
    ada, bob, cem = room.join("Ada", "seat"), room.join("Bob", "page"), room.join("Cem", "seat")

    async def test() -> None:
        await room.change_door(ada, "page")
        with await export.file() as file, zipfile.ZipFile(file) as archive:
            told = json.loads(archive.read("room.json"))
            assert [(one["name"], one["missing"]) for one in told] == [("Ada", ""), ("Cem", "")]
            assert archive.read("seat-1.zip") == b"work of seat-1"
        assert seats.answering == {cem.number}
        with await export.work_of(ada.number) as file:
            assert file.read() == b"work of seat-1"
        assert seats.answering == {cem.number}
        with pytest.raises(HandsonError, match="Nobody here has seat 2"):
            await export.work_of(bob.number)

    asyncio.run(test())


def test_work_is_not_lost_where_the_seat_that_packed_it_does_not_end(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Export, "_work", work)
    seats = Seats()
    room = make_room(seats)
    ada = room.join("Ada", "seat")

    async def test() -> None:
        await room.change_door(ada, "page")
        seats.stuck.add(ada.number)
        with await Export(room, SimpleNamespace(log=logging.getLogger("test"))).work_of(ada.number) as file:
            assert file.read() == b"work of seat-1"

    asyncio.run(test())
    assert "seat-1 was started for its work and does not end" in caplog.text
