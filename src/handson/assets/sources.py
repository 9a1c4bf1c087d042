"""Where a file may be had: the mirror first, then the addresses where it is published; and how asking can fail."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import url2pathname

from handson.assets.manifest import AssetFile
from handson.errors import HandsonError

MIRROR = "HANDSON_MIRROR"
OFFLINE = "HANDSON_OFFLINE"


class SourceError(Exception):
    """Why one source did not give the file; the next one is asked."""


class GaveUpError(SourceError):
    """The connection broke or was silent again and again."""


class UnreachableError(SourceError):
    """Nobody answered at all."""


class WrongContentError(SourceError):
    """What it gave is not the file."""


class Watcher(Protocol):
    """Is told what a fetch does; see `progress.FetchProgress` for the one that draws."""

    def begin(self, name: str, total: int) -> None:
        """`name` of `total` bytes is being fetched."""

    def at(self, done: int) -> None:
        """`done` bytes of it are here."""

    def note(self, text: str) -> None:
        """Something worth a line: a source that failed, a wait, a retry."""


@dataclass(frozen=True)
class Sources:
    """A mirror (folder or web address, by each file's path), and whether anybody else may be asked."""

    mirror: Path | str | None
    offline: bool = False

    def of(self, file: AssetFile) -> list[Path | str]:
        """Where to ask for `file`, in this order."""
        published: list[Path | str] = [] if self.offline else list(file.urls)
        if self.mirror is None:
            return published
        if isinstance(self.mirror, Path):
            return [self.mirror / file.path, *published]
        return [f"{self.mirror.rstrip('/')}/{quote(file.path)}", *published]

    def is_mirror(self, source: Path | str) -> bool:
        """Whether `source` is asked because HANDSON_MIRROR says so."""
        return isinstance(source, Path) or (isinstance(self.mirror, str) and source.startswith(self.mirror))


def sources_from(environment: Mapping[str, str] = os.environ) -> Sources:
    """What HANDSON_MIRROR and HANDSON_OFFLINE say; raises HandsonError where they cannot be followed."""
    named = environment.get(MIRROR, "").strip()
    offline = environment.get(OFFLINE, "") not in ("", "0")
    if not named:
        if offline:
            raise HandsonError(
                f"{OFFLINE} is set, and no {MIRROR} is named.", f"Set {MIRROR} to a folder with the files."
            )
        return Sources(None)
    scheme = urlsplit(named).scheme if "://" in named or named.startswith("file:") else ""
    if scheme in ("http", "https"):
        return Sources(named, offline)
    if scheme not in ("", "file"):
        raise HandsonError(
            f"{MIRROR} names {named!r}, an address that handson cannot ask.",
            "Use a folder, file://, http:// or https://.",
        )
    folder = Path(url2pathname(urlsplit(named).path)) if scheme else Path(named).expanduser()
    if not folder.is_dir():
        raise HandsonError(
            f"{MIRROR} names {named!r}, which is no folder here.",
            f"Plug in the stick or correct the path; without {MIRROR} the published addresses are asked.",
        )
    return Sources(folder, offline)


def shown(source: Path | str) -> str:
    """`source` as it may be printed: without a password."""
    if isinstance(source, Path):
        return str(source)
    parts = urlsplit(source)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
