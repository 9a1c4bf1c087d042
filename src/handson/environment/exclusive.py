"""Only one start.py at a time works on an environment."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def _try_lock(handle: int) -> bool:
    """Take the lock of an open file, or say no. The system gives it back when the last holder ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[str], None], pause: float = 0.3) -> Iterator[int]:
    """Hold the lock file `path`; while another process has it, `waiting` is told once which one, and we wait.

    Yields the file's handle. On POSIX children that inherit it hold the lock as well: when start.py is killed and uv
    is still at work, the next start.py waits for uv.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    owner = path.with_name(path.name + ".owner")
    try:
        told = False
        while not _try_lock(handle):
            if not told:
                told = True
                waiting(owner.read_text(encoding="utf-8").strip() if owner.is_file() else "")
            time.sleep(pause)
        owner.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield handle
    finally:
        os.close(handle)
