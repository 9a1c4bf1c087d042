"""Start a part of the room as a user of its own, who sees what it needs.

`python -m handson.room.seat.opened UID GID STATE PATH … -- COMMAND …`

A laptop's homes are closed to other users, and Python's environment and the workshop lie in one. In a mount namespace
of the part's own, each closed folder above a path that it needs is empty but for that path, which is read-only there:
the part reads what it needs, and nothing else of that home. The room's state alone may be written to, by whom its files
say, and the seats that are mounted in it later are seen as well.

It runs in the room's own control group, where there is one: outside of it, seats that compute would leave it little of
the processors, and everybody waits for hub and proxy.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from handson.room.seat import cgroups, linux


def closed_above(path: Path) -> Path | None:
    """The topmost folder above `path` that other users may not pass through, or None."""
    return next((above for above in reversed(path.parents) if not above.stat().st_mode & 0o001), None)


def open_paths(state: Path, paths: Iterable[Path]) -> None:
    """Make `state` and these paths reachable for all users, in this process's mount namespace; needs root.

    Raises OSError where the kernel does not allow it, FileNotFoundError for a path that is not there.
    """
    behind: dict[Path, dict[Path, int]] = {}
    state = state.resolve()
    for path in sorted({state, *(path.resolve() for path in paths)}):
        closed = closed_above(path)
        if closed is not None and not any(path.is_relative_to(other) for other in behind.get(closed, {})):
            behind.setdefault(closed, {})[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    for closed, needed in behind.items():
        linux.mount("tmpfs", closed, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=1m,mode=755")
        for path, descriptor in needed.items():
            source = f"/proc/self/fd/{descriptor}"
            if os.path.isdir(source):  # noqa: PTH112 (a descriptor, not a place)
                path.mkdir(parents=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            linux.mount(source, path, flags=linux.MS_BIND | linux.MS_REC)
            os.close(descriptor)
            if path == state:
                continue
            read_only = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
            linux.mount("none", path, flags=read_only)


def main(arguments: list[str]) -> None:
    """Become that user in that namespace, and the command."""
    if "--" not in arguments or arguments.index("--") < 3:
        raise SystemExit("usage: python -m handson.room.seat.opened UID GID STATE PATH … -- COMMAND …")
    end = arguments.index("--")
    uid, gid, state, *paths = arguments[:end]
    command = arguments[end + 1 :]
    parent = os.getppid()
    with suppress(OSError):  # a host without; the organiser has been told
        cgroups.find(Path(state)).join_room()
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_SLAVE)
    mask = os.umask(0o022)
    open_paths(Path(state), map(Path, paths))
    os.umask(mask)
    linux.become_user(int(uid), int(gid))
    linux.die_with_parent(signal.SIGKILL)  # what was asked before is forgotten when the user changes
    if os.getppid() != parent:  # it ended in between
        raise SystemExit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
