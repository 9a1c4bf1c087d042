from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from handson.errors import HandsonError
from handson.room.hub.export import kept


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
