"""How a seat saves: the file as it was stays until the new one is whole and on the disk, whatever happens in between.

Jupyter's own way empties the file and writes it again, with one copy beside it meanwhile. On a full disk the second try
makes that copy of what the first one left, and the work is gone. Here a save that fails has changed nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError
from traitlets import default

from handson.room.database import sync

NO_SPACE = (
    "The disk of this seat is full. Delete files that you do not need, then save again; "
    "what was saved before is still there."
)
BROKEN = (
    "The disk of this seat had an error and takes nothing more. Tell the presenter: once the room has been ended and "
    "started again, it does. What was saved before is still there."
)
_SAID = {errno.ENOSPC: NO_SPACE, errno.EDQUOT: NO_SPACE, errno.EROFS: BROKEN, errno.EIO: BROKEN}
_LONGEST_NAME = 255
"""Bytes of a file's name (Linux's NAME_MAX)."""
_OF_A_NAME = 200
"""Bytes of one at the most that are in the name of a file made of it."""
_LEFT = re.compile(r"\..*\.[0-9a-f]{8}\.saving", re.DOTALL)


class Checkpoints(AsyncFileCheckpoints):
    """Jupyter's copies of before, also of files whose names leave no room for the copy's own ending."""

    def checkpoint_path(self, checkpoint_id: str, path: str) -> str:
        """See the base class; a name that would be too long is cut, and told from others by a hash."""
        found = Path(super().checkpoint_path(checkpoint_id, path))  # type: ignore[no-untyped-call]
        if len(os.fsencode(found.name)) > _LONGEST_NAME:
            digest = hashlib.sha256(os.fsencode(found.name)).hexdigest()[:16]
            found = found.with_name(f"{_beginning(found.stem)}.{digest}{found.suffix}")
        return str(found)


class Contents(AsyncLargeFileManager):
    """Jupyter's files, saved by a rename."""

    @default("checkpoints_class")
    def _own_checkpoints(self) -> type[Checkpoints]:
        return Checkpoints

    @contextmanager
    def atomic_writing(self, os_path: str, *_: Any, text: bool = True, encoding: str = "utf-8", **__: Any) -> Any:
        """A file to write to, which takes the place of `os_path` once all is on the disk.

        Raises HTTPError: 507 where the disk takes nothing more, 403 where the file may not be written.
        """
        with self.perm_to_403(os_path), _as_507(), replacing(Path(os_path), encoding if text else None) as file:
            yield file

    def check_and_sign(self, nb: Any, path: str = "", **more: Any) -> None:
        """See the base class. That the signature cannot be kept (it wants some disk of its own) holds up no save."""
        try:
            super().check_and_sign(nb, path, **more)  # type: ignore[no-untyped-call]
        except sqlite3.Error as error:
            self.log.warning("%s was saved without its signature: %s", path, error)


@contextmanager
def replacing(path: Path, encoding: str | None) -> Iterator[Any]:
    """A new file beside `path` (or what that links to), which replaces it when the block ends well.

    encoding: None for bytes. Afterwards it is on the disk: a power cut leaves the old one or the new one, whole. Raises
    OSError, and leaves `path` as it was and nothing beside it, where something fails.
    """
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is not to be written", str(path))
    new = path.with_name(f".{_beginning(path.name)}.{uuid.uuid4().hex[:8]}.saving")
    try:
        with new.open("x" if encoding else "xb", encoding=encoding, newline="\n" if encoding else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            new.chmod(mode)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync(path.parent)


def _beginning(name: str) -> str:
    """Of a name, as much as a longer one may have of it; no letter of several bytes is cut in two."""
    return os.fsencode(name)[:_OF_A_NAME].decode(errors="ignore")


def remove_half_saved(folder: Path) -> None:
    """Remove below `folder` what a server that was killed had not saved to its end; only while nothing is saved."""
    for here, _, names in os.walk(folder):
        for name in filter(_LEFT.fullmatch, names):
            with suppress(OSError):
                Path(here, name).unlink()


@contextmanager
def _as_507() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _SAID:
            raise HTTPError(507, _SAID[error.errno]) from error
        raise
