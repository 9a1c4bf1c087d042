"""A folder that stands in for control groups of version 2 and refuses what the kernel refuses.

As Linux's Documentation/admin-guide/cgroup-v2.rst has it and Linux 6.18 does it (tried there with the one controller
that was free, hugetlb).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

FILES = {
    "cpu": ["cpu.weight"],
    "memory": ["memory.max", "memory.swap.max", "memory.stat", "memory.events"],
    "pids": ["pids.max"],
}
_OF_ALL = ["cgroup.procs", "cgroup.subtree_control", "cgroup.type", "cpu.stat"]


class Hierarchy:
    """Groups below `root`; whole: that is the kernel's own root, which alone may hold processes and hand down."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, *controllers: str, whole: bool = True) -> None:
        self.root, self.whole = root, whole
        self._mkdir, self._write, self._rmdir = Path.mkdir, Path.write_text, Path.rmdir
        patch.setattr(Path, "mkdir", lambda path, *rest, **more: self.mkdir(path, *rest, **more))
        patch.setattr(Path, "write_text", lambda path, text, *rest, **more: self.write(path, text, *rest, **more))
        patch.setattr(Path, "rmdir", lambda path: self.rmdir(path))
        root.mkdir(parents=True, exist_ok=True)
        self._write(root / "cgroup.controllers", " ".join(controllers))
        if whole:
            (root / "cgroup.type").unlink()
        self.mounts = f"cgroup2 {root} cgroup2 rw 0 0\n"

    def words(self, group: Path, file: str) -> set[str]:
        return set((group / file).read_text().split())

    def put(self, pid: int, group: str) -> str:
        """A process in a group that is made; what its /proc/PID/cgroup says."""
        folder = self.root / group
        folder.mkdir(parents=True, exist_ok=True)
        self._write(folder / "cgroup.procs", "\n".join(sorted(self.words(folder, "cgroup.procs") | {str(pid)})))
        return f"0::/{group}\n"

    def whereabouts(self, pid: int) -> list[str]:
        files = self.root.rglob("cgroup.procs")
        return [
            str(file.parent.relative_to(self.root)) for file in files if str(pid) in self.words(file.parent, file.name)
        ]

    def _is_ours(self, path: Path) -> bool:
        return path.is_relative_to(self.root)

    def mkdir(self, path: Path, *rest: Any, **more: Any) -> None:
        there = path.exists()
        self._mkdir(path, *rest, **more)
        if self._is_ours(path) and not there:
            for file in _OF_ALL:
                self._write(path / file, "")
            self._offer(path)

    def _offer(self, group: Path) -> None:
        handed = self.words(group.parent, "cgroup.subtree_control") if group != self.root else set()
        self._write(group / "cgroup.controllers", " ".join(sorted(handed)))
        for controller in handed:
            for file in FILES.get(controller, []):
                if not (group / file).exists():
                    self._write(group / file, "")

    def write(self, file: Path, text: str, *rest: Any, **more: Any) -> int:
        group = file.parent
        if not self._is_ours(file):
            return self._write(file, text, *rest, **more)
        if not file.exists():
            raise _error(errno.EACCES, file)  # no file is made there by who opens it
        may_do_both = self.whole and group == self.root
        if file.name == "cgroup.subtree_control":
            wanted = {word.removeprefix("+") for word in text.split()}
            if not wanted <= self.words(group, "cgroup.controllers"):
                raise _error(errno.ENOENT, file)
            if self.words(group, "cgroup.procs") and not may_do_both:
                raise _error(errno.EBUSY, file)
            text = " ".join(sorted(wanted | self.words(group, file.name)))
            self._write(file, text)
            for child in group.iterdir():
                if child.is_dir():
                    self._offer(child)
            return len(text)
        if file.name == "cgroup.procs":
            if self.words(group, "cgroup.subtree_control") and not may_do_both:
                raise _error(errno.EBUSY, file)
            pid = str(os.getpid()) if text == "0" else text
            for other in self.root.rglob("cgroup.procs"):
                self._write(other, "\n".join(sorted(self.words(other.parent, other.name) - {pid})))
            text = "\n".join(sorted(self.words(group, file.name) | {pid}))
        return self._write(file, text)

    def rmdir(self, path: Path) -> None:
        if self._is_ours(path) and path.exists():
            if self.words(path, "cgroup.procs") or any(child.is_dir() for child in path.iterdir()):
                raise _error(errno.EBUSY, path)
            for file in path.iterdir():
                file.unlink()
        self._rmdir(path)


def _error(code: int, file: Path) -> OSError:
    return OSError(code, os.strerror(code), str(file))
