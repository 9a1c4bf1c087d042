"""How many lessons' kernels a seat keeps: the memory of those that are done with is for those who come after.

A kernel in which a lesson was done holds some 180 MB of variables and pictures. A class that opens six lessons would
hold them six times over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from handson.room.giveback import GiveBack

KEPT = "JUPYTERHUB_ROOM_KERNELS"
"""Tells a seat's server how many kernels it keeps."""
_MOST = 6
_SERVER, _KERNEL = 40 << 20, 180 << 20
"""Bytes that a seat's server, and a kernel that has done a lesson, have to themselves (bench/room)."""
_FOR_SEATS = 0.7
"""Of the memory that is available before anybody comes; the rest is for what a training takes at its peak."""
LOOK, REST = 2.0, 5.0
"""Seconds between two looks, and for which a kernel must have rested before it is ended. Longer, and a class that goes
on to the next lesson together holds both."""


def kernels_kept(seats: int, available: int) -> int:
    """How many kernels each of `seats` keeps where so many bytes are available: at least one, at most six."""
    each = _FOR_SEATS * available / max(1, seats) - _SERVER
    return max(1, min(_MOST, int(each // _KERNEL)))


def to_end(kernels: Sequence[dict[str, Any]], kept: int, now: datetime) -> list[str]:
    """Of a server's kernels (as Jupyter's API shows them), the IDs to end: at rest, and not of the `kept` used last."""
    by_use = sorted(kernels, key=lambda kernel: str(kernel["last_activity"]), reverse=True)
    return [
        str(kernel["id"])
        for kernel in by_use[kept:]
        if kernel["execution_state"] == "idle"
        and (now - datetime.fromisoformat(str(kernel["last_activity"]))).total_seconds() >= REST
    ]


async def leave_room(manager: Any, log: Any) -> None:
    """For ever, where the room says how many kernels a seat keeps: end those of this server's kernel manager that are
    too many, and give back what the server itself has freed, after a notebook was saved, say."""
    asked = os.environ.get(KEPT, "")
    if not asked.isdigit():
        return
    give_back = GiveBack()
    while True:
        await asyncio.sleep(LOOK)
        give_back()
        for kernel in to_end(manager.list_kernels(), max(1, int(asked)), datetime.now(UTC)):
            log.info("Kernel %s is ended: this room keeps %s for each seat.", kernel, asked)
            try:
                await manager.shutdown_kernel(kernel)
            except Exception as error:  # ended by its learner in the meantime
                log.info("It was not ended: %s", error)
