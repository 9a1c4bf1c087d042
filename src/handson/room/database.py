"""JupyterHub's SQLite database, kept so that forty people at once do not wait for the disk.

JupyterHub commits some thirty times for each who joins, and SQLite by default waits for the disk at each. With a
write-ahead log and `synchronous=NORMAL`, a commit waits for nothing: what a killed hub had committed is there. A power
cut leaves the database whole (sqlite.org/wal.html, "Performance Considerations"), and may take what was committed since
the log was last brought to the disk. SQLite leaves that to the next checkpoint; here it is done once a second.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL")
TO_DISK_EVERY = 1.0
"""Seconds: what a power cut takes of the database, at the most."""


def commit_without_waiting() -> None:
    """Have every SQLite connection that SQLAlchemy opens in this process commit so; for JupyterHub's config file."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _set_pragmas)


def _set_pragmas(connection: Any, _: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")


async def bring_to_disk(database: Path, every: float = TO_DISK_EVERY) -> None:
    """Bring the write-ahead log of `database` to the disk whenever it has changed; for ever.

    That is a file of its own: SQLite's locks are on the database and its shared memory, and stay.
    """
    log = database.with_name(f"{database.name}-wal")
    before = None
    while True:
        with suppress(OSError):  # there is none before the first commit; a disk that fails is told by the next one
            found = log.stat()
            if (now := (found.st_mtime_ns, found.st_size)) != before:
                await asyncio.get_running_loop().run_in_executor(None, sync, log)
                before = now
        await asyncio.sleep(every)


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of files, to the disk; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
