"""The cache finds what is right by its content, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handson.assets import AssetFile, Cache
from handson.assets import cache as cache_module
from handson.errors import HandsonError
from tests.assets.conftest import CONTENT, described


@pytest.fixture
def file() -> AssetFile:
    return described("https://example.org/file")


@pytest.fixture
def held(cache: Cache, file: AssetFile) -> Path:
    path = cache.path(file)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def test_the_default_lies_below_handson_cache(tmp_path: Path) -> None:
    assert Cache.default().root == tmp_path / "cache" / "assets"


def test_a_right_file_is_found_by_its_content(cache: Cache, file: AssetFile, held: Path) -> None:
    assert cache.path_of(file) == held


def test_an_absent_file_is_told_with_the_command_that_brings_it(cache: Cache, file: AssetFile) -> None:
    with pytest.raises(HandsonError) as failure:
        cache.path_of(file)
    assert failure.value.cause == f"folder/file.bin is not in the cache ({cache.path(file)})."
    assert failure.value.way_out == "`handson fetch --all` brings it."


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT + b"x", b"x" + CONTENT[1:]], ids=["short", "long", "changed"])
def test_a_damaged_file_is_found_on_use(cache: Cache, file: AssetFile, held: Path, damage: bytes) -> None:
    assert cache.holds(file)
    before = held.stat()
    held.write_bytes(damage)
    os.utime(held, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(HandsonError, match=r"folder/file\.bin is damaged in the cache"):
        cache.path_of(file)


def test_the_bytes_are_read_once_and_again_when_the_time_changed(
    cache: Cache, file: AssetFile, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    original = cache_module.sha256_of
    monkeypatch.setattr(cache_module, "sha256_of", lambda path: read.append(path) or original(path))
    assert cache.holds(file)
    assert cache.holds(file)
    assert len(read) == 1
    os.utime(held)
    assert cache.holds(file)
    assert len(read) == 2


def test_a_damaged_note_of_what_was_verified_costs_a_reading_and_no_more(
    cache: Cache, file: AssetFile, held: Path
) -> None:
    assert cache.holds(file)
    held.with_suffix(".verified").write_bytes(b"\xff\xfe")
    assert cache.holds(file)


def test_a_cache_that_takes_no_notes_serves(cache: Cache, file: AssetFile, held: Path) -> None:
    held.with_suffix(".verified").mkdir()  # fails for root too, whom a read-only folder does not stop
    assert cache.holds(file)
    assert cache.path_of(file) == held
