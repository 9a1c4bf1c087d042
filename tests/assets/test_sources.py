"""HANDSON_MIRROR and HANDSON_OFFLINE: what they may say, and what is answered when they cannot be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from handson.assets import Sources
from handson.assets.sources import shown, sources_from
from handson.errors import HandsonError
from tests.assets.conftest import described

PUBLISHED = "https://example.org/file"


def test_without_a_mirror_the_published_addresses_are_asked() -> None:
    assert sources_from({}).of(described(PUBLISHED)) == [PUBLISHED]
    assert sources_from({"HANDSON_MIRROR": "", "HANDSON_OFFLINE": "0"}) == Sources(None)


def test_a_mirror_is_asked_first_by_the_files_path(tmp_path: Path) -> None:
    file = described(PUBLISHED)
    assert sources_from({"HANDSON_MIRROR": str(tmp_path)}).of(file) == [tmp_path / "folder/file.bin", PUBLISHED]
    assert sources_from({"HANDSON_MIRROR": tmp_path.as_uri()}).of(file) == [tmp_path / "folder/file.bin", PUBLISHED]
    web = sources_from({"HANDSON_MIRROR": "https://host/m"})
    assert web.of(file) == ["https://host/m/folder/file.bin", PUBLISHED]


def test_a_folder_that_is_not_there_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(HandsonError) as failure:
        sources_from({"HANDSON_MIRROR": str(tmp_path / "stick")})
    assert failure.value.cause == f"HANDSON_MIRROR names {str(tmp_path / 'stick')!r}, which is no folder here."
    assert failure.value.way_out == (
        "Plug in the stick or correct the path; without HANDSON_MIRROR the published addresses are asked."
    )


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(HandsonError) as failure:
        sources_from({"HANDSON_MIRROR": "ftp://host/m"})
    assert failure.value.cause == "HANDSON_MIRROR names 'ftp://host/m', an address that handson cannot ask."
    assert failure.value.way_out == "Use a folder, file://, http:// or https://."


def test_offline_without_a_mirror_cannot_fetch_anything() -> None:
    with pytest.raises(HandsonError) as failure:
        sources_from({"HANDSON_OFFLINE": "1"})
    assert failure.value.cause == "HANDSON_OFFLINE is set, and no HANDSON_MIRROR is named."
    assert failure.value.way_out == "Set HANDSON_MIRROR to a folder with the files."


def test_a_password_in_an_address_is_not_shown() -> None:
    assert shown("https://me:secret@host:8080/m/file?x=1") == "https://host:8080/m/file?x=1"
    assert shown(Path("some/folder@home")) == str(Path("some/folder@home"))
