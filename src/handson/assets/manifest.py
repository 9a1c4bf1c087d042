"""`assets.toml`, typed and validated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from handson import toml
from handson.assets.cache import Cache
from handson.errors import HandsonError, UnknownNameError


def _inside(path: str) -> str:
    if path.startswith("/") or set(path) & set("\\:?*") or ".." in path.split("/"):
        raise ValueError("a path is relative, with '/', and stays in its folder")
    if not PurePosixPath(path).name or str(PurePosixPath(path)) != path:
        raise ValueError("a path is written in its shortest form, without './', '//' or a '/' at the end")
    return path


def _web_address(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("an address begins with https:// or http://")
    return url


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*([-.][a-z0-9]+)*", name):
        raise ValueError("an asset's name is written in a-z, 0-9, '-' and '.', and begins with a letter")
    return name


def _some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    # In place of min_length=1, which also complains of an empty list where the items themselves are wrong.
    if not items:
        raise ValueError("there must be at least one")
    return items


def _sha256(text: str) -> str:
    if set(text) - set("0123456789abcdef") or not (len(text) == 64 or 8 <= len(text) <= 32):
        raise ValueError(f"a SHA-256 has 64 digits of 0-9 a-f, this one has {len(text)} characters")
    return text


class AssetFile(BaseModel):
    """One file: its place in a mirror, where it is published, and the content it must have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, AfterValidator(_inside)]
    urls: Annotated[tuple[Annotated[str, AfterValidator(_web_address)], ...], AfterValidator(_some)]
    sha256: Annotated[str, AfterValidator(_sha256)]
    """64 digits; or the first 8 to 32, where its publisher states no more, and then no `bytes`."""
    bytes: NonNegativeInt = 0
    """The size; 0 with a `sha256` that is only begun: then it is asked for when the file is fetched."""

    @model_validator(mode="after")
    def _whole_or_begun(self) -> Self:
        if (len(self.sha256) == 64) != (self.bytes > 0):
            raise ValueError("`bytes` stands with a SHA-256 of 64 digits, and only with such a one")
        return self

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


class Asset(BaseModel):
    """One or more files that belong together, with what they are for and under which licence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    source: Annotated[str, AfterValidator(_web_address)]
    extra: bool = False
    """No lesson needs it; it is there for commands, such as `handson zoo`, and for the curious."""
    files: Annotated[tuple[AssetFile, ...], AfterValidator(_some)]

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self.files)


class Manifest(BaseModel):
    """All assets of a workshop, by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    assets: Mapping[Annotated[str, AfterValidator(_name)], Asset] = Field(default_factory=dict)

    def needed(self) -> list[str]:
        """The names of the assets that lessons need: all but the extra ones."""
        return [name for name, asset in self.assets.items() if not asset.extra]

    def select(self, names: Iterable[str] | None = None) -> dict[str, Asset]:
        """The assets named, or all where no names are given; raises UnknownNameError."""
        chosen = list(self.assets) if names is None else list(names)
        for name in chosen:
            if name not in self.assets:
                raise UnknownNameError("asset", name, self.assets)
        return {name: self.assets[name] for name in chosen}


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`; raises HandsonError naming file, line and key of everything that is wrong."""
    manifest = toml.load(path, Manifest)
    owners: dict[str, str] = {}
    for name, asset in manifest.assets.items():
        for file in asset.files:
            if file.path in owners:
                raise HandsonError(
                    f"{_last_line_with(path, file.path)}: {file.path!r} is described twice, "
                    f"under {owners[file.path]!r} and under {name!r}.",
                    "A file belongs to one asset; lessons may share the asset.",
                )
            owners[file.path] = name
            if len({other.path for other in asset.files if other.name == file.name}) > 1:
                raise HandsonError(
                    f"{_last_line_with(path, file.path)}: two files of {name!r} are named {file.name!r}.",
                    "Lessons ask for a file by the last part of its path: name them differently.",
                )
    return manifest


def _last_line_with(path: Path, text: str) -> str:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return f"{path}:{max(number for number, line in enumerate(lines, 1) if text in line)}: path"


def index_for(manifest: Manifest, names: Iterable[str] | None = None) -> dict[str, Any]:
    """A learner's `.handson/assets.json`: contents of the assets named (or all), and the command that brings each."""
    return {
        name: {
            "files": {file.path: {"sha256": file.sha256, "bytes": file.bytes} for file in asset.files},
            "fetch": f"handson fetch {name}",
        }
        for name, asset in manifest.select(names).items()
    }


def missing(manifest: Manifest, names: Iterable[str] | None = None) -> list[str]:
    """Of the assets named (or all), those with a file that is absent from the cache or damaged there."""
    cache = Cache.default()
    return [
        name for name, asset in manifest.select(names).items() if not all(cache.holds(file) for file in asset.files)
    ]
