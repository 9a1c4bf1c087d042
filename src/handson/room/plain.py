"""Seats without fences, for rooms that trust everyone: plain processes of the user who runs the room."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil
from jupyterhub.spawner import SimpleLocalProcessSpawner

from handson.room.use import SeatUse


class PlainSpawner(SimpleLocalProcessSpawner):  # type: ignore[misc]  # jupyterhub has no types
    """JupyterHub's spawner of plain processes, which removes a seat's folder when the seat is forgotten."""

    async def delete_forever(self) -> None:
        """Remove the seat's folder."""
        home = Path(self.home_dir)
        if home.is_dir():
            await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, home)

    @staticmethod
    async def use(running: Mapping[int, PlainSpawner]) -> dict[int, SeatUse]:
        """What each of these seats takes; nothing limits it."""
        pids = {number: spawner.pid for number, spawner in running.items()}
        return await asyncio.get_running_loop().run_in_executor(None, memory_of, pids)


def memory_of(pids: Mapping[int, int]) -> dict[int, SeatUse]:
    """The memory of each of these processes with all that they have started, by the same keys."""
    held: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid", "memory_info"]):
        if (memory := process.info["memory_info"]) is not None:  # else it has ended, or is not ours to look at
            held[process.pid] = max(0, memory.rss - memory.shared)
            children.setdefault(process.info["ppid"], []).append(process.pid)
    return {key: SeatUse(_with_children(pid, held, children)) for key, pid in pids.items() if pid in held}


def _with_children(pid: int, held: Mapping[int, int], children: Mapping[int, list[int]]) -> int:
    return held[pid] + sum(_with_children(child, held, children) for child in children.get(pid, ()))
