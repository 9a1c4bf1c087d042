"""How loaded the host is, and what each seat takes of it; looked at only while somebody looks at the board."""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from handson.room.use import SeatUse

EVERY = 2.5
"""Seconds between two looks at the least: a shorter one would tell the processor's noise."""


@dataclass(frozen=True)
class Load:
    """How the host is, as shares of 1 and in bytes."""

    cpu: float
    cores: int
    memory_used: int
    memory_total: int
    disk_free: int
    disk_total: int


class Meter:
    """Looks at the host and its seats; what it saw last is in `load` and `seats`."""

    def __init__(
        self,
        folder: Path,
        use: Callable[[], Awaitable[dict[int, SeatUse]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._use, self._clock = folder, use, clock
        self._looked: float | None = None
        self.load = self._host()
        self.seats: dict[int, SeatUse] = {}

    async def look(self) -> None:
        """Look again, unless it was done a moment ago, for another board or another change."""
        now = self._clock()
        if self._looked is not None and now - self._looked < EVERY:
            return
        self._looked = now
        self.load = self._host()
        self.seats = await self._use()

    def _host(self) -> Load:
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(_existing(self._folder))
        return Load(
            psutil.cpu_percent() / 100,  # since the last look
            psutil.cpu_count() or 1,
            memory.total - memory.available,
            memory.total,
            disk.free,
            disk.total,
        )


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
