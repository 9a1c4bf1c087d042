"""How loaded the host is, and what each seat takes of it; looked at only while somebody looks at the board."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from handson.memory import ours
from handson.room.space import Disk, State, state_of
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
    disk_low: bool
    """Whether the presenter should be told."""


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
        self._disk: State = "fine"
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
        memory, disk = ours(), disk_of(self._folder)
        self._disk = state_of(disk.free, self._disk)
        return Load(
            psutil.cpu_percent() / 100,  # since the last look
            psutil.cpu_count() or 1,
            memory.used,
            memory.total,
            disk.free,
            disk.size,
            self._disk != "fine",
        )


def disk_of(folder: Path) -> Disk:
    """The disk that a folder is on, or will be."""
    return Disk.of(next(above for above in (folder, *folder.parents) if above.exists()))
