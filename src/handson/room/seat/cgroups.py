"""Control groups, version 2 or 1: what a seat may take, what it has taken, and what weighs how much.

handson-…/room                  hub, proxy, keeper, templates
handson-…/seats/N/server        what answers the learner's browser
handson-…/seats/N/kernels       what runs the learner's cells
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handson.room.seat.limits import Limits

LEAVES = ("server", "kernels")
NEEDED = ("cpu", "memory", "pids")
WEIGHT = 1000
"""Of a seat that rests, on a scale from 1 to 10000."""
_ROOM_WEIGHT, _SERVER_WEIGHT = 4000, 4000


@dataclass(frozen=True)
class Groups:
    """The control groups of one room; `roots` says for each controller below which folder they are."""

    version: Literal[0, 1, 2]
    roots: dict[str, Path]
    name: str = "handson"

    @property
    def missing(self) -> list[str]:
        """The limits that cannot be set here."""
        return [controller for controller in NEEDED if controller not in self.roots]

    def _folders(self, *parts: str) -> dict[str, Path]:
        return {controller: root.joinpath(self.name, *parts) for controller, root in self.roots.items()}

    def make_room(self) -> None:
        """Make the room's groups; raises OSError where the kernel does not allow it."""
        for parts in ((), ("room",), ("seats",)):
            self._make(*parts)
        self._weigh(WEIGHT, "seats")
        self._weigh(_ROOM_WEIGHT, "room")
        if self.version == 1:
            _write(self._folders().get("cpu"), "cpu.shares", 8192)  # against whatever else the host runs

    def make_seat(self, number: int, limits: Limits) -> None:
        """Make a seat's groups, or set their limits again."""
        seat = ("seats", str(number))
        self._make(*seat)
        for leaf in LEAVES:
            self._make(*seat, leaf)
        folders = self._folders(*seat)
        if self.version == 2:
            _write(folders.get("memory"), "memory.max", limits.memory)
            _write(folders.get("memory"), "memory.swap.max", 0, needed=False)
        else:
            _write(folders.get("memory"), "memory.limit_in_bytes", limits.memory)
            _write(folders.get("memory"), "memory.memsw.limit_in_bytes", limits.memory, needed=False)
        _write(folders.get("pids"), "pids.max", limits.processes)
        self.weigh(number, WEIGHT)
        self._weigh(_SERVER_WEIGHT, *seat, "server")
        self._weigh(WEIGHT, *seat, "kernels")

    def _make(self, *parts: str) -> None:
        for controller, folder in self._folders(*parts).items():
            if self.version == 1 and controller in ("memory", "pids") and parts[-1:] and parts[-1] in LEAVES:
                continue  # those hold for the seat; its leaves are told apart by their CPU time alone
            folder.mkdir(parents=True, exist_ok=True)
            if self.version == 1 and controller == "memory":
                _write(folder, "memory.use_hierarchy", 1, needed=False)  # newer kernels have nothing else
        if self.version == 2 and not (parts and parts[-1] in (*LEAVES, "room")):
            folder = next(iter(self._folders(*parts).values()))
            _write(folder, "cgroup.subtree_control", " ".join(f"+{controller}" for controller in sorted(self.roots)))

    def weigh(self, number: int, weight: int) -> None:
        """How much CPU time a seat gets beside others that want some: in proportion to its weight (1 to 10000)."""
        self._weigh(weight, "seats", str(number))

    def _weigh(self, weight: int, *parts: str) -> None:
        folder = self._folders(*parts).get("cpu")
        if self.version == 2:
            _write(folder, "cpu.weight", max(1, min(10_000, weight // 10)))
        else:
            _write(folder, "cpu.shares", max(2, weight))

    def _join_at(self, *parts: str) -> Iterable[Path]:
        for controller, folder in self._folders(*parts).items():
            shallow = self.version == 1 and controller in ("memory", "pids") and parts[-1] in LEAVES
            yield folder.parent if shallow else folder

    def join_room(self, pid: int = 0) -> None:
        """Put a process (0: this one) among the room's own."""
        self._join(pid, "room")

    def join(self, number: int, leaf: str) -> None:
        """Put this process into a seat."""
        self._join(0, "seats", str(number), leaf)

    def _join(self, pid: int, *parts: str) -> None:
        for folder in dict.fromkeys(self._join_at(*parts)):
            _write(folder, "cgroup.procs", pid)

    def pids(self, number: int, *leaves: str) -> set[int]:
        """The processes of a seat."""
        found: set[int] = set()
        seat = self._folders("seats", str(number))
        folder = seat.get("cpu") or seat.get("memory") or seat.get("pids")
        for leaf in leaves or LEAVES:
            with suppress(OSError):
                found |= (
                    {int(line) for line in (folder / leaf / "cgroup.procs").read_text().split()} if folder else set()
                )
        return found

    def cpu_seconds(self, number: int, leaf: str = "kernels") -> float:
        """CPU time that a seat has used, user's and system's."""
        if self.version == 2:
            text = (self._folders("seats", str(number), leaf)["cpu"] / "cpu.stat").read_text()
            return int(_value(text, "usage_usec")) / 1e6
        return int((self._folders("seats", str(number), leaf)["cpuacct"] / "cpuacct.usage").read_text()) / 1e9

    def memory(self, number: int) -> int:
        """Bytes that a seat holds of its own, without files that are only cached."""
        folder = self._folders("seats", str(number))["memory"]
        text = (folder / "memory.stat").read_text()
        if self.version == 2:
            return int(_value(text, "anon")) + int(_value(text, "shmem"))
        return int(_value(text, "total_rss")) + int(_value(text, "total_shmem", "0"))

    def out_of_memory(self, number: int) -> int:
        """How often a process of the seat was ended because the seat's memory was full."""
        folder = self._folders("seats", str(number))["memory"]
        file = folder / ("memory.events" if self.version == 2 else "memory.oom_control")
        return int(_value(file.read_text(), "oom_kill", "0"))

    def remove_seat(self, number: int) -> None:
        """Take a seat's groups away; its processes have ended."""
        for leaf in (*LEAVES, None):
            parts = ("seats", str(number), *((leaf,) if leaf else ()))
            for folder in self._folders(*parts).values():
                _remove(folder)

    def remove_room(self) -> None:
        """Take the room's groups away; seats' are gone, and this process steps out of the room's."""
        for root in self.roots.values():
            with suppress(OSError):
                _write(root, "cgroup.procs", 0)
        for parts in (("room",), ("seats",), ()):
            for folder in self._folders(*parts).values():
                _remove(folder)


def find(state: Path, mounts: str | None = None, own: str | None = None) -> Groups:
    """The control groups that a room with this state directory can use here.

    `mounts` and `own` are the texts of /proc/self/mounts and /proc/self/cgroup.
    """
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8") if mounts is None else mounts
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8") if own is None else own
    name = "handson-" + hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
    mine = {controller: path for _, names, path in _lines(own) for controller in names.split(",")}
    fields = [line.split() for line in mounts.splitlines()]
    for _, folder, kind, *_ in fields:
        if kind == "cgroup2":
            root = _beside(Path(folder), mine.get("", "/"), name)
            with suppress(OSError):
                if set(NEEDED) <= set((root / "cgroup.controllers").read_text().split()):
                    return Groups(2, dict.fromkeys(NEEDED, root), name)
    roots: dict[str, Path] = {}
    for _, folder, kind, options, *_ in fields:
        for controller in {"cpu", "cpuacct", "memory", "pids"} & set(options.split(",")) if kind == "cgroup" else ():
            root = _beside(Path(folder), mine.get(controller, "/"), name)
            if os.access(root, os.W_OK):
                roots[controller] = root
    if "cpuacct" not in roots:
        roots.pop("cpu", None)
    return Groups(1 if roots else 0, roots, name)


def _beside(mounted: Path, mine: str, name: str) -> Path:
    """Where this process's own group is; if that is a room's of before, the one that it was made in."""
    parts = Path(mine.lstrip("/")).parts
    if name in parts:
        parts = parts[: parts.index(name)]
    here = mounted.joinpath(*parts)
    return here if here.is_dir() else mounted


def _lines(text: str) -> Iterable[tuple[str, str, str]]:
    for line in text.splitlines():
        number, names, path = line.split(":", 2)
        yield number, names, path


def _value(text: str, key: str, otherwise: str | None = None) -> str:
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == key:
            return words[1]
    if otherwise is None:
        raise KeyError(key)
    return otherwise


def _write(folder: Path | None, file: str, value: int | str, needed: bool = True) -> None:
    if folder is None:
        return  # said once, by `missing`
    if not needed and not (folder / file).exists():
        return
    (folder / file).write_text(str(value))


def _remove(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)  # ended processes are counted for a moment
