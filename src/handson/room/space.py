"""The disks of a room: when one is nearly full, and saying so before it hurts."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handson.room.supervisor import Say

LOW = 2_000_000_000
"""Bytes left on the host's disk below which the organiser is told."""
FULL = 100_000_000
"""Bytes left below which it is as good as full."""
SEAT_LOW = 100_000_000
"""Bytes left on a seat's disk below which its attendee is told, or a tenth of a smaller disk."""
LOOK_EVERY = 3.0

_HURTS = "nobody can join, and what the board shows is not kept"

State = Literal["fine", "low", "full"]


@dataclass(frozen=True)
class Disk:
    """The disk that a folder is on, in bytes; what is free is what its user may take."""

    free: int
    size: int

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """As it is now; raises OSError where the folder is not there."""
        now = shutil.disk_usage(folder)
        return cls(now.free, now.total)

    @property
    def is_low_for_a_seat(self) -> bool:
        """Whether its attendee should be told."""
        return self.free < min(SEAT_LOW, self.size // 10)


def state_of(free: int, before: State = "fine") -> State:
    """How it stands with the host's disk; better again only when some more is free, lest it is said over and over."""
    if free < (FULL * 1.1 if before == "full" else FULL):
        return "full"
    return "low" if free < (LOW if before == "fine" else LOW * 1.1) else "fine"


def said_of(state: State, folder: Path, free: int) -> str:
    """What the terminal says when it has become so."""
    left = f"{free / 1e9:.1f} GB"
    if state == "fine":
        return f"the disk of {folder} has {left} free again"
    if state == "low":
        return f"the disk of {folder} has {left} left: free some space. Once it is full, {_HURTS}"
    return f"the disk of {folder} is full ({left} left): free some space. Until then, {_HURTS}"


async def watch(folder: Path, say: Say, every: float = LOOK_EVERY) -> None:
    """Say when the disk of `folder` becomes nearly full, full, and has space again; and when it cannot be looked at."""
    before: State = "fine"
    unseen = False
    while True:
        try:
            free = Disk.of(folder).free
        except OSError as error:
            if not unseen:
                say(f"how much space {folder} has left cannot be seen: {error.strerror or error}. It is looked again")
            unseen = True
        else:
            now = state_of(free, before)
            if now != before:
                say(said_of(now, folder, free))
            before, unseen = now, False
        await asyncio.sleep(every)
