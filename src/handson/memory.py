"""How much memory there is for a room: the host's, or less where a control group above it (a container) says so."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MOUNTS = {"": Path("/sys/fs/cgroup"), "memory": Path("/sys/fs/cgroup/memory")}
"""Where groups of version 2 (one hierarchy for all) and of version 1 are, as distributions mount them."""


@dataclass(frozen=True)
class Memory:
    """Bytes; `used` is what cannot be had back without ending something."""

    used: int
    total: int


@dataclass(frozen=True)
class Group:
    """A control group that limits memory: its folder, its limit in bytes."""

    folder: Path
    limit: int


def memory(group: Group | None) -> Memory:
    """Of the host, or of a group."""
    if group is None:
        return _of_the_host()
    stat = dict(line.split() for line in (group.folder / "memory.stat").read_text().splitlines())
    names = ("anon", "shmem") if "anon" in stat else ("total_rss", "total_shmem")
    return Memory(sum(int(stat.get(name, "0")) for name in names), group.limit)


def _of_the_host() -> Memory:
    try:
        lines = [line.split() for line in (PROC / "meminfo").read_text().splitlines()]
    except OSError:
        import psutil  # where there is no /proc; the keeper of seats, which is root, imports nobody's code

        whole = psutil.virtual_memory()
        return Memory(whole.total - whole.available, whole.total)
    known = {words[0]: int(words[1]) * 1024 for words in lines}
    return Memory(known["MemTotal:"] - known["MemAvailable:"], known["MemTotal:"])


def ours() -> Memory:
    """What this process and what it starts may have: the host's, or that of a group that limits them."""
    host, group = _of_the_host(), limiting_group(os.getpid())
    if group is None:
        return host
    found = memory(group)
    return min(host, found, key=lambda one: one.total - one.used)


def available() -> int:
    """Bytes that this process and what it starts may still take."""
    found = ours()
    return max(0, found.total - found.used)


def limiting_group(pid: int, total: int | None = None) -> Group | None:
    """The tightest limit above process `pid` that is below the host's memory (`total`); None where there is none."""
    whole = total if total is not None else _of_the_host().total
    found = [group for group in map(_group, _folders(pid)) if group is not None and group.limit < whole]
    return min(found, key=lambda group: group.limit, default=None)


def holds(group: Group, pid: int) -> bool:
    """Whether process `pid` counts against `group`."""
    return group.folder in _folders(pid)


def _folders(pid: int) -> list[Path]:
    """The groups of a process that may limit its memory, the innermost first, with those above."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        mount = MOUNTS.get("memory" if "memory" in controllers.split(",") else controllers)
        if mount is not None:
            inner = mount / path.lstrip("/")
            found += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(mount) and folder.is_dir()]
    return found


def _group(folder: Path) -> Group | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            text = (folder / name).read_text().strip()
        except OSError:
            continue
        if text != "max":
            return Group(folder, int(text))
    return None
