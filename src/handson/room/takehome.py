"""A seat's work as one file: notebooks, pictures, all else that is theirs, and a workshop that runs it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

WORK = "work"
LIMIT = 500_000_000
"""Bytes of one seat's work; files that do not fit are listed in LEFT-OUT.txt."""
_PIECE = 1 << 20
_OURS = Path(__file__).parents[3]
_RUNS_IT = ("start.py", "workshop.toml", "assets.toml", "requirements.lock", "pyproject.toml", "README.md", "LICENSE")
_FOLDERS = ("lessons", "src/handson")
_LEFT = {"__pycache__", ".ipynb_checkpoints", ".handson", ".cache", ".local", ".config", ".npm", "node_modules"}

READ_ME = """\
Your work from the workshop
===========================

`work/` is your folder as it was: notebooks, pictures, photos.

The notebooks open in any Jupyter with handson and PyTorch. With the workshop that lies beside them, on a laptop
with Python 3.11 or newer:

    python3 start.py open --to work

The first time it installs what the lessons need, for which it asks the network.
"""
_WITHOUT = """\
Your work from the workshop
===========================

`work/` is your folder as it was: notebooks, pictures, photos. The notebooks open in any Jupyter with handson and
PyTorch.
"""


def packed(folder: Path, with_workshop: bool, workshop: Path = _OURS) -> Iterator[bytes]:
    """A zip of `folder`, piece by piece: nothing of it is kept here, neither in memory nor on a disk.

    Links are left out, and so is what Jupyter keeps for itself. with_workshop: with start.py, the lessons and handson
    itself, where `workshop` is a checkout that has them.
    """
    ours = of_workshop(workshop) if with_workshop else []
    out = _Outgoing()
    left_out: list[str] = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        archive.writestr("READ-ME.txt", READ_ME if ours else _WITHOUT)
        size = 0
        for path in _files(folder):
            name = f"{WORK}/{path.relative_to(folder).as_posix()}"
            try:
                size += path.stat().st_size
                if size > LIMIT:
                    left_out.append(f"{name}: more than {LIMIT:,} bytes together")
                    continue
                for _ in _written(archive, path, name):
                    yield out.taken()
            except (OSError, ValueError) as error:
                left_out.append(f"{name}: {error}")
        if left_out:
            archive.writestr("LEFT-OUT.txt", "\n".join(left_out) + "\n")
        for path in ours:
            for file in _files(path) if path.is_dir() else [path]:
                for _ in _written(archive, file, file.relative_to(workshop).as_posix()):
                    yield out.taken()
    yield out.taken()


class _Outgoing:
    """A file that is written to and cannot be gone back in, as zipfile wants one; what was written is taken from it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """There is nothing behind it."""

    close = flush

    def taken(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found


def _written(archive: zipfile.ZipFile, path: Path, name: str) -> Iterator[None]:
    """Put a file into `archive`, a piece at each step."""
    info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    info.compress_type = zipfile.ZIP_DEFLATED
    with path.open("rb") as file, archive.open(info, "w", force_zip64=info.file_size > 1 << 30) as into:
        while part := file.read(_PIECE):
            into.write(part)
            yield


def of_workshop(workshop: Path = _OURS) -> list[Path]:
    """The files and folders that `packed` takes of a checkout; empty where this is none."""
    if not (workshop / "start.py").is_file():
        return []
    return [workshop / name for name in (*_RUNS_IT, *_FOLDERS) if (workshop / name).exists()]


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT and not Path(here, name).is_symlink())
        for name in sorted(names):
            path = Path(here, name)
            if path.is_file() and not path.is_symlink():
                yield path
