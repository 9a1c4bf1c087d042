"""Server-sent events: whoever listens is told that something changed, and reads what is so then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any

KEEP_ALIVE = 15.0
"""Seconds after which a comment is sent, so that nothing in between takes the line for dead."""


class Bell:
    """Wakes all that wait; a listener that is slow hears many changes as one."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Something changed."""
        for listener in self._listeners:
            listener.set()

    @contextmanager
    def _heard(self) -> Any:
        event = asyncio.Event()
        event.set()
        self._listeners.add(event)
        try:
            yield event
        finally:
            self._listeners.discard(event)

    async def heard(self, at_least: float = 0.25, at_most: float = KEEP_ALIVE) -> AsyncIterator[bool]:
        """True at once and after each change, at most every `at_least` seconds; False where nothing came."""
        with self._heard() as event:
            while True:
                try:
                    await asyncio.wait_for(event.wait(), at_most)
                    event.clear()
                    yield True
                    await asyncio.sleep(at_least)
                except TimeoutError:
                    yield False


def as_event(text: str, kind: str = "message") -> str:
    """One server-sent event; `text` is one line (JSON is)."""
    return f"event: {kind}\ndata: {text}\n\n"
