"""The content-addressed cache: a file's place is its SHA-256, so that nothing wrong lies there under a right name."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from handson.errors import HandsonError
from handson.lab.places import cache_dir

_CHUNK = 1 << 20


class Content(Protocol):
    """What a file must contain."""

    @property
    def path(self) -> str:
        """The name by which people know it."""

    @property
    def sha256(self) -> str:
        """Hexadecimal, 64 digits, or the first of them."""

    @property
    def bytes(self) -> int:
        """The size; 0: not known."""


@dataclass(frozen=True)
class Cache:
    """Files by content below `root`, as `sha256/<first two digits>/<hash>`."""

    root: Path

    @classmethod
    def default(cls) -> Cache:
        """The cache of this user: `<cache_dir>/assets`."""
        return cls(cache_dir() / "assets")

    def path(self, content: Content) -> Path:
        """Where `content` is, or will be."""
        return self.root / "sha256" / content.sha256[:2] / content.sha256

    def path_of(self, content: Content) -> Path:
        """Where `content` is; raises HandsonError where it is absent or damaged (see `holds`)."""
        path = self.path(content)
        if self.holds(content):
            return path
        state = "is damaged in the cache" if path.is_file() else "is not in the cache"
        raise HandsonError(f"{content.path} {state} ({path}).", "`handson fetch --all` brings it.")

    def holds(self, content: Content) -> bool:
        """Whether the right file is there.

        Its size is looked at every time, its bytes once and again whenever its time has changed since.
        """
        path = self.path(content)
        if not _may_be(path, content):
            return False
        return _text(path.with_suffix(".verified")) == _changed(path) or self.verify(content)

    def verify(self, content: Content) -> bool:
        """Whether the file is there and its content is right, every byte read."""
        path = self.path(content)
        try:
            if not _may_be(path, content) or not sha256_of(path).startswith(content.sha256):
                return False
        except FileNotFoundError:  # another handson just removed it
            return False
        with contextlib.suppress(OSError):  # a cache that may only be read is verified every time
            path.with_suffix(".verified").write_text(_changed(path), encoding="ascii")
        return True

    def discard(self, content: Content) -> None:
        """Remove what lies in the place of `content`."""
        self.path(content).chmod(0o644)  # Windows removes no read-only file
        self.path(content).unlink()


def _may_be(path: Path, content: Content) -> bool:
    """Whether the size is right, where it is known."""
    return size_of(path) == content.bytes if content.bytes else path.is_file()


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """The bytes of a file; 0 where there is none, or none that may be looked at."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _changed(path: Path) -> str:
    return str(path.stat().st_mtime_ns)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
