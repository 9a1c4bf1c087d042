"""Fetch assets: each source in turn, one process at a time, verified before it is kept, and never kept when wrong."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from handson.assets.cache import Cache, sha256_of, size_of
from handson.assets.download import download, remote_size, tag_of
from handson.assets.manifest import Asset, AssetFile
from handson.assets.sources import (
    MIRROR,
    OFFLINE,
    GaveUpError,
    SourceError,
    Sources,
    UnreachableError,
    Watcher,
    WrongContentError,
    shown,
    sources_from,
)
from handson.errors import HandsonError

_CHUNK = 1 << 20
_SPARE_BYTES = 50 * 10**6
_MOST_LISTED = 8
"""Files of an asset that are named one by one."""
_MOST_UNKNOWN_BYTES = 2 * 10**9
"""Of a file whose size is not in the manifest."""


class FetchError(HandsonError):
    """A file that could not be had from anywhere; the message tells every place that was asked and its answer."""


@dataclass(frozen=True)
class Fetched:
    """One file and how it came: it was here, or it came from `source`."""

    asset: str
    path: str
    bytes: int
    how: Literal["was here", "fetched"]
    source: str
    location: Path


def fetch(
    assets: dict[str, Asset], watcher: Watcher, *, cache: Cache | None = None, sources: Sources | None = None
) -> list[Fetched]:
    """Bring every file of `assets` into the cache, from HANDSON_MIRROR or where it is published.

    Raises FetchError that tells of each file that no source gives, once all others are here; HandsonError at once where
    the mirror is absent or the disk full.
    """
    cache = cache or Cache.default()
    sources = sources or sources_from(os.environ)
    wanted = [(name, file) for name, asset in assets.items() for file in asset.files]
    _refuse_full_disk(cache, {cache.path(file): file.bytes for _, file in wanted})
    fetched: list[Fetched] = []
    failures: dict[str, FetchError] = {}
    silent: set[str] = set()
    for name, file in wanted:
        try:
            fetched.append(_fetch_file(name, file, cache, sources, watcher, silent))
        except FetchError as failure:
            failures[file.path] = failure
    if failures:
        (_, first), *others = failures.items()
        more = f"\nNor could {len(others)} more: {_listed([path for path, _ in others], assets)}." if others else ""
        needed = any(file.path in failures and not assets[name].extra for name, file in wanted)
        until = " Until then the lessons use what comes with them." if needed else ""
        raise FetchError(first.cause + more, first.way_out + until)
    return fetched


def _listed(paths: list[str], assets: dict[str, Asset]) -> str:
    """The files by their paths; those of an asset with many of them by its name."""
    words = []
    for name, asset in assets.items():
        these = [file.path for file in asset.files if file.path in paths]
        words += these if len(these) <= _MOST_LISTED else [f"{len(these)} of {name}"]
    return ", ".join(words)


def _refuse_full_disk(cache: Cache, sizes: dict[Path, int]) -> None:
    needed = sum(size - size_of(_partial(path)) for path, size in sizes.items() if size_of(path) != size)
    if not needed:
        return
    try:
        cache.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(cache.root, error) from None
    free = shutil.disk_usage(cache.root).free
    if free < needed + _SPARE_BYTES:
        raise HandsonError(
            f"The disk is too full: {needed / 1e6:.1f} MB are to be fetched to {cache.root} and "
            f"{_SPARE_BYTES / 1e6:.0f} MB are to stay free, but {free / 1e6:.1f} MB are free.",
            "Free some space, or name a folder on another disk in HANDSON_CACHE.",
        )


def _fetch_file(
    asset: str, file: AssetFile, cache: Cache, sources: Sources, watcher: Watcher, silent: set[str]
) -> Fetched:
    location = cache.path(file)
    was_here = Fetched(asset, file.path, file.bytes, "was here", "", location)
    try:
        if cache.verify(file):  # without the lock: a cache that may only be read serves too
            return was_here
        location.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file, location, watcher):
            if cache.verify(file):  # another one brought it while this one waited
                return was_here
            if location.exists():
                watcher.note(f"{file.path} is damaged in the cache ({location}): it is removed and fetched anew.")
                cache.discard(file)
            source = _from_first_source(file, location, sources, watcher, silent)
            cache.verify(file)
            return Fetched(asset, file.path, file.bytes, "fetched", source, location)
    except OSError as error:
        raise _cannot_write(location, error) from None


def _cannot_write(path: Path, error: OSError) -> HandsonError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return HandsonError(
            f"The disk became full; {path.parent} could not take the whole file.",
            "Free some space and run the command again: it goes on where it stopped.",
        )
    return HandsonError(
        f"{path} could not be read or written: {error.strerror or error}.",
        "Name a folder of your own in HANDSON_CACHE.",
    )


@contextmanager
def _alone(file: AssetFile, location: Path, watcher: Watcher) -> Iterator[None]:
    """Hold the file's lock; another handson that fetches it is waited for (a killed one holds nothing)."""
    lock = FileLock(location.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0.2)
    except Timeout:
        watcher.note(f"{file.path}: another handson is fetching it; waiting until it has.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _from_first_source(file: AssetFile, location: Path, sources: Sources, watcher: Watcher, silent: set[str]) -> str:
    """The source that gave the file, now in its place; hosts in `silent` are not asked, and those that are join it."""
    problems: list[str] = []
    earlier = frozenset(silent)
    for source in sources.of(file):
        host = "" if isinstance(source, Path) else urlsplit(source).netloc
        if host in earlier:
            problems.append(f"{shown(source)}\n    not asked: nobody answered there for an earlier file")
            continue
        try:
            sized = file if file.bytes else _with_size(file, source)
            watcher.begin(sized.path, sized.bytes)
            if isinstance(source, Path):
                _copy(source, sized, location, watcher)
            else:
                _download(source, sized, location, watcher)
            return shown(source)
        except SourceError as problem:
            if isinstance(problem, UnreachableError) and sources.is_mirror(source):
                raise HandsonError(
                    f"{MIRROR} names {shown(source).removesuffix(file.path)}, and nobody answers there: {problem}.",
                    f"Correct it, or go on without: without {MIRROR} the published addresses are asked.",
                ) from None
            if isinstance(problem, (GaveUpError, UnreachableError)):
                silent.add(host)
            mirror = "the mirror, " if sources.is_mirror(source) else ""
            problems.append(f"{mirror}{shown(source)}\n    {problem}")
            watcher.note(f"{file.path}: not from {mirror}{shown(source)}: {problem}.")
    if sources.offline:
        problems.append(f"no published address, as {OFFLINE} is set")
    raise FetchError(
        f"{file.path} could not be fetched. Asked:\n  " + "\n  ".join(problems),
        f"With no network, bring it on a stick: {MIRROR}=FOLDER, where it lies as {file.path}.",
    )


def _with_size(file: AssetFile, source: Path | str) -> AssetFile:
    """`file` with the size that this source gives it; its content is judged by its SHA-256 all the same."""
    if isinstance(source, Path) and not source.is_file():
        raise SourceError("it has no such file")
    size = size_of(source) if isinstance(source, Path) else remote_size(source, file)
    if not 0 < size <= _MOST_UNKNOWN_BYTES:
        raise SourceError(
            f"it has {size:,} bytes there, which nothing of its kind has" if size else "it does not say how large it is"
        )
    return file.model_copy(update={"bytes": size})


def _copy(source: Path, file: AssetFile, location: Path, watcher: Watcher) -> None:
    size = size_of(source)
    if not source.is_file():
        raise SourceError("it has no such file")
    if size != file.bytes:
        raise WrongContentError(f"{_other_size(size, file)} (SHA-256 {sha256_of(source)} in place of {file.sha256})")
    copy = location.with_suffix(".copy")  # apart from what a download left: a bad mirror must not cost that
    with copy.open("wb") as target:
        for piece in _pieces(source):
            target.write(piece)
            watcher.at(target.tell())
    _keep(copy, file, location)


def _pieces(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as error:
        raise SourceError(f"it could not be read: {error.strerror or error}") from None


def _download(url: str, file: AssetFile, location: Path, watcher: Watcher) -> None:
    partial = _partial(location)
    resumed = download(url, file, partial, watcher)
    try:
        _keep(partial, file, location)
    except WrongContentError as problem:
        if not resumed:
            raise
        watcher.note(f"{file.path}: the parts do not fit together ({problem}); fetching it from the beginning.")
        download(url, file, partial, watcher)
        _keep(partial, file, location)


def _partial(location: Path) -> Path:
    return location.with_suffix(".partial")


def _keep(candidate: Path, file: AssetFile, location: Path) -> None:
    """Move the whole, right file to its place; anything else is named and not kept."""
    size, found = size_of(candidate), sha256_of(candidate)
    if size != file.bytes or not found.startswith(file.sha256):
        _discard(candidate)
        what = "its content was changed" if size == file.bytes else _other_size(size, file)
        raise WrongContentError(f"{what} (SHA-256 {found} in place of {file.sha256})")
    candidate.chmod(0o444)
    candidate.replace(location)
    _discard(_partial(location))


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    tag_of(partial).unlink(missing_ok=True)


def _other_size(size: int, file: AssetFile) -> str:
    return f"it is {'cut off' if size < file.bytes else 'larger'}: {size:,} of {file.bytes:,} bytes"
