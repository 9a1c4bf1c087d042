"""The way into a seat: what a forked process does before it runs anything of the learner's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from handson.errors import HandsonError
from handson.room.seat import layout, linux
from handson.room.seat.cgroups import Groups
from handson.room.seat.init import fork_into_namespace_of
from handson.room.seat.limits import Limits
from handson.room.seat.seccomp import refuse

# When the host has no memory left, kernels end first, then seats' servers, then the room.
_FIRST_TO_GO = {"kernels": 900, "server": 500}
_INSIDE = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS | linux.CLONE_NEWNET


@dataclass(frozen=True)
class SeatPlace:
    """A seat that has been made, as the place of one template's children."""

    number: int
    init: int
    """The PID of its first process."""
    uid: int
    groups: Groups
    limits: Limits
    leaf: Literal["server", "kernels"]
    descriptors: list[int] = field(default_factory=list, compare=False, repr=False)
    """In the child: a pidfd of the first process, taken before the fork, since no number of the host's means it now."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        return f"seat {self.number}"

    @property
    def most(self) -> int:
        """One server (and one that is just ending), or so many kernels."""
        return 2 if self.leaf == "server" else self.limits.kernels

    def fork(self) -> int:
        """fork(), with the child in the seat's PID namespace. Raises HandsonError where the seat has ended."""
        try:
            handle = os.pidfd_open(self.init)
        except ProcessLookupError:
            raise HandsonError(f"Seat {self.number} has ended.", "Starting its server makes it again.") from None
        try:
            pid = fork_into_namespace_of(handle)
            if pid == 0:
                self.descriptors.append(os.dup(handle))
            return pid
        finally:
            os.close(handle)

    def enter(self) -> None:
        """Leave the room for the seat, for good: groups, namespaces, limits, user, rights, in this order."""
        (handle,) = self.descriptors
        os.setsid()
        Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_GO[self.leaf]))
        self.groups.join(self.number, self.leaf)
        linux.setns(handle, _INSIDE)
        os.close(handle)
        self.limits.set()
        linux.become_user(self.uid)
        linux.stay_traceable()
        refuse()
        os.chdir(layout.HOME)


def environment(number: int) -> dict[str, str]:
    """The environment variables of every process of a seat, before what it is started for adds its own."""
    home = str(layout.HOME)
    return {
        "HOME": home,
        "USER": layout.USER,
        "LOGNAME": layout.USER,
        "SHELL": "/bin/bash",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "TMPDIR": "/tmp",
        "XDG_RUNTIME_DIR": "/run/user",
        "JUPYTER_RUNTIME_DIR": "/run/user/jupyter",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONNOUSERSITE": "1",
        "HANDSON_SEAT": str(number),
    }
