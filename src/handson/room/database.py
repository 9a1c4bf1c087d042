"""JupyterHub's SQLite database, kept so that forty people at once do not wait for the disk.

JupyterHub commits some thirty times for each who joins, and SQLite by default waits for the disk at each. With a
write-ahead log and `synchronous=NORMAL`, a commit waits for nothing: what a killed hub had committed is there; a power
cut may take the last moments, and leaves the database whole (sqlite.org/wal.html, "Performance Considerations").
"""

from __future__ import annotations

from typing import Any

_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL")


def commit_without_waiting() -> None:
    """Have every SQLite connection that SQLAlchemy opens in this process commit so; for JupyterHub's config file."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _set_pragmas)


def _set_pragmas(connection: Any, _: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
