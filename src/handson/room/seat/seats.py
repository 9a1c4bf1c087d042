"""The seats of a room, made and ended: disk, control groups, namespaces. For root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handson.errors import HandsonError
from handson.room.seat import disk, linux
from handson.room.seat.cgroups import Groups
from handson.room.seat.init import start
from handson.room.seat.layout import Layout
from handson.room.seat.limits import Limits
from handson.room.seat.place import SeatPlace
from handson.room.seat.root import View

_FILE = "seat.json"
_PATIENCE = 20.0
"""Seconds for killed seats to end."""


@dataclass(frozen=True)
class Process:
    """A process that outlives who started it: its number, and when it began, since numbers are used again."""

    pid: int
    began: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this number now; raises ProcessLookupError where none has."""
        return cls(pid, linux.started_at(pid))

    @property
    def runs(self) -> bool:
        """Whether it is still there."""
        try:
            return linux.started_at(self.pid) == self.began
        except ProcessLookupError:
            return False


@dataclass(frozen=True)
class Seats:
    """Makes seats with these limits; `shown` is what they may read of the host, `images` whether homes are disks."""

    layout: Layout
    groups: Groups
    limits: Limits
    shown: tuple[Path, ...]
    images: bool

    @property
    def not_limited(self) -> list[str]:
        """What this host cannot limit."""
        return self.groups.missing + ([] if self.images else ["disk"])

    def make(self, number: int) -> Process:
        """The seat's first process; the seat is made if it is not there.

        Raises HandsonError where the kernel refuses a part of it.
        """
        found = self.process(number, "init")
        if found is not None:
            return found
        uid = self.layout.uid(number)
        folder = self.layout.seat(number)
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.images:
            disk.mount_home(folder, uid, self.limits.disk)
        else:
            disk.plain_home(folder, uid)
        self._run_folder(number, uid)
        self.groups.make_seat(number, self.limits)
        view = View(self.shown, number, self.layout, self.limits)
        pid = start(view, lambda: self.groups.join(number, "server"))
        self.remember(number, init=pid)
        return Process.of(pid)

    def keep_space(self, number: int) -> None:
        """Have the host keep the space of a seat that somebody takes; raises HandsonError where it has not so much."""
        if self.images:
            disk.set_aside(self.layout.seat(number) / disk.IMAGE)

    def _run_folder(self, number: int, uid: int) -> None:
        """The seat's folder for its socket: small, in memory, its own, and open to the group of the hub."""
        folder = self.layout.run(number)
        folder.mkdir(exist_ok=True)
        if not linux.is_mounted(folder):
            hub = self.layout.state.joinpath("run").stat().st_gid
            options = f"size=1m,nr_inodes=64,mode=2770,uid={uid},gid={hub}"
            linux.mount("tmpfs", folder, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC, options)

    def kill(self, number: int) -> Process | None:
        """End every process of a seat, and return its first one: when that has ended, all have. Files stay.

        It ends once those that came from outside (the server, kernels) have been waited for by their parents.
        """
        found = self.process(number, "init")
        if found is not None:
            with suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)  # with the first process of a PID namespace, all others end
        return found

    def end_all(self) -> None:
        """End what still runs of a room whose keeper is gone; files stay. Raises HandsonError for what does not end."""
        firsts = {number: self.kill(number) for number in self.numbers()}
        deadline = time.monotonic() + _PATIENCE
        for number, first in firsts.items():
            while first is not None and first.runs:
                if time.monotonic() > deadline:
                    raise HandsonError(
                        f"Seat {number} does not end: its process {first.pid} runs on after it was killed.",
                        "Wait and try again. A disk that does not answer holds up whoever uses it.",
                    )
                time.sleep(0.01)
            self.close(number)
        self.groups.remove_room()

    def forget(self, number: int) -> None:
        """Remove an ended seat's files, groups, everything; raises HandsonError where files stay."""
        self.close(number)
        try:
            if self.layout.seat(number).exists():
                shutil.rmtree(self.layout.seat(number))
            if self.layout.run(number).exists():
                self.layout.run(number).rmdir()
        except OSError as error:
            raise HandsonError(
                f"Files of seat {number} could not be removed: {error}.",
                f"Look at what holds {self.layout.seat(number)}, and try again.",
            ) from None

    def close(self, number: int) -> None:
        """Unmount what an ended seat had mounted, and take its groups away; its files stay."""
        self.forget_process(number)
        disk.unmount(self.layout.home(number))
        disk.unmount(self.layout.run(number))
        self.groups.remove_seat(number)

    def numbers(self) -> list[int]:
        """The seats that have files here."""
        return sorted(int(path.name) for path in (self.layout.state / "seats").iterdir() if path.name.isdigit())

    def process(self, number: int, role: Literal["init", "server"]) -> Process | None:
        """A process of the seat if it runs."""
        try:
            known = json.loads((self.layout.seat(number) / _FILE).read_text(encoding="utf-8"))
            found = Process(*known[role])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.runs else None

    def remember(self, number: int, **pids: int) -> None:
        """Keep the numbers of processes (init, server) for whoever asks later, also after a restart of the keeper."""
        known = {}
        file = self.layout.seat(number) / _FILE
        with suppress(OSError, ValueError):
            known = json.loads(file.read_text(encoding="utf-8"))
        for role, pid in pids.items():
            with suppress(ProcessLookupError):
                process = Process.of(pid)
                known[role] = [process.pid, process.began]
        new = file.with_suffix(".new")
        new.write_text(json.dumps(known), encoding="utf-8")
        new.replace(file)

    def forget_process(self, number: int) -> None:
        """Nothing runs in the seat any more."""
        with suppress(OSError):
            (self.layout.seat(number) / _FILE).unlink()

    def place(self, number: int, leaf: Literal["server", "kernels"]) -> SeatPlace:
        """The way into a seat that has been made; raises HandsonError where it has not, or has ended."""
        found = self.process(number, "init")
        if found is None:
            raise HandsonError(f"Seat {number} is not running.", "Starting its server makes it.")
        return SeatPlace(number, found.pid, self.layout.uid(number), self.groups, self.limits, leaf)
