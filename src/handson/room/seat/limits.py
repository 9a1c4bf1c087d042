"""How much of the host a seat may take."""

from __future__ import annotations

import resource
from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Of one seat. Memory holds what its processes have, its /tmp and its shared memory."""

    memory: int = 1500 * MB
    """Bytes."""
    disk: int = 500 * MB
    """Bytes of its home."""
    temporary: int = 300 * MB
    """Bytes of its /tmp, and as many of its /dev/shm; both count as memory."""
    processes: int = 200
    """Processes and threads."""
    files: int = 1024
    """Open files of one process."""
    kernels: int = 6

    def set(self) -> None:
        """Set what holds for a process (setrlimit), in the process that is to be limited; hard limits only go down."""
        for what, most in (
            (resource.RLIMIT_NOFILE, self.files),
            (resource.RLIMIT_NPROC, self.processes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
            (resource.RLIMIT_MEMLOCK, 8 * MB),
            (resource.RLIMIT_SIGPENDING, 1024),
        ):
            hard = resource.getrlimit(what)[1]
            value = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (value, value))
