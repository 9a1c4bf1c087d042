"""Control groups, version 2 or 1: what a seat may take, what it has taken, and what weighs how much.

handson-…/room                  hub, proxy, keeper, templates
handson-…/seats/N/server        what answers the learner's browser
handson-…/seats/N/kernels       what runs the learner's cells

In version 2 a group either holds processes or hands controllers down, never both. So a room's groups are not in the one
that it was started in, but in the nearest one around it that hands down all that can be had.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
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
    outside: tuple[Path, ...] = field(default=(), compare=False)
    """Where the process that looked for these groups was; it goes back there before they are removed."""

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
        for folder in self.outside:
            with suppress(OSError):
                _write(folder, "cgroup.procs", 0)
        for parts in (("room",), ("seats",), ()):
            for folder in self._folders(*parts).values():
                _remove(folder)


def find(state: Path, mounts: str | None = None, own: str | None = None) -> Groups:
    """The control groups that a room with this state directory can use here.

    Of version 2, what is handed down now; `hand_down` asks for more. `mounts` and `own` are the texts of
    /proc/self/mounts and /proc/self/cgroup.
    """
    mounts, own = _read(mounts, own)
    name = "handson-" + hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
    two = _version_2(mounts, own, name)
    roots: dict[str, Path] = {}
    for folder, options in _mounted(mounts, "cgroup"):
        for controller in {"cpu", "cpuacct", "memory", "pids"} & set(options.split(",")):
            root = _beside(folder, _own(own).get(controller, "/"), name)
            if os.access(root, os.W_OK):
                roots[controller] = root
    if "cpuacct" not in roots:
        roots.pop("cpu", None)
    one = Groups(1 if roots else 0, roots, name, tuple(dict.fromkeys(roots.values())))
    return one if two is None or len(two.missing) > len(one.missing) else two


def _version_2(mounts: str, own: str, name: str) -> Groups | None:
    for outermost, _ in _mounted(mounts, "cgroup2"):
        here = _beside(outermost, _own(own).get("", "/"), name)
        handed = _words(outermost / "cgroup.subtree_control") & set(NEEDED)  # none further in hands down more
        for folder in _inside_out(here, outermost) if handed else ():
            if handed <= _words(folder / "cgroup.subtree_control") and os.access(folder, os.W_OK):
                return Groups(2, {key: folder for key in NEEDED if key in handed}, name, (here,))
    return None


def hand_down(mounts: str | None = None, own: str | None = None) -> None:
    """Have version 2 hand down what a room needs, as far as the kernel allows; what it refuses, `find` does without.

    The outermost group of a container holds all its processes and so may hand down nothing: they move to a leaf.
    """
    mounts, own = _read(mounts, own)
    for outermost, _ in _mounted(mounts, "cgroup2"):
        wanted = _words(outermost / "cgroup.controllers") & set(NEEDED)
        wanted -= _words(outermost / "cgroup.subtree_control")
        with suppress(OSError):
            in_it = _beside(outermost, _own(own).get("", "/"), "") == outermost
            if wanted and in_it and (outermost / "cgroup.type").exists():  # the kernel's own root has no such file
                _empty(outermost, outermost / "handson-others")
        for controller in sorted(wanted):
            with suppress(OSError):  # each by itself: one that is refused keeps no other away
                _write(outermost, "cgroup.subtree_control", f"+{controller}")


def _empty(group: Path, leaf: Path) -> None:
    leaf.mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(OSError):  # it has ended
            _write(leaf, "cgroup.procs", pid)


def _read(mounts: str | None, own: str | None) -> tuple[str, str]:
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8") if mounts is None else mounts
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8") if own is None else own
    return mounts, own


def _mounted(mounts: str, wanted: str) -> Iterable[tuple[Path, str]]:
    for line in mounts.splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == wanted:
            yield Path(folder), options


def _inside_out(here: Path, outermost: Path) -> Iterable[Path]:
    yield from (folder for folder in (here, *here.parents) if folder.is_relative_to(outermost))


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()


def _own(text: str) -> dict[str, str]:
    return {controller: path for _, names, path in _lines(text) for controller in names.split(",")}


def _beside(mounted: Path, mine: str, name: str) -> Path:
    """Where this process's own group is; if that is a room's of before, the one that it was made in."""
    parts = Path(mine.lstrip("/")).parts
    if name in parts:
        parts = parts[: parts.index(name)]
    here = mounted.joinpath(*parts)
    return here if here.is_dir() and ".." not in parts else mounted


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
