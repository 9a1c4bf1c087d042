"""assets.toml: what is wrong with it is named with file, line and key, and the valid names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handson.assets import Cache, Manifest, index_for, missing, read_manifest
from handson.assets.manifest import _inside
from handson.errors import HandsonError, UnknownNameError
from tests.assets.conftest import CONTENT, described

ROOT = Path(__file__).parents[2]
HASH = described("https://example.org/file").sha256
TEXT = f"""\
[assets.cat]
what = "A cat."
licence = "CC0"
source = "https://example.org/"

[[assets.cat.files]]
path = "cats/one.jpg"
urls = ["https://example.org/one.jpg"]
sha256 = "{HASH}"
bytes = {len(CONTENT)}

[[assets.cat.files]]
path = "cats/two.jpg"
urls = ["https://example.org/two.jpg"]
sha256 = "{"1" * 64}"
bytes = 4

[assets.dog]
what = "A dog."
licence = "CC0"
source = "https://example.org/"

[[assets.dog.files]]
path = "dog.jpg"
urls = ["https://example.org/dog.jpg"]
sha256 = "{"2" * 64}"
bytes = 5
"""


def read(tmp_path: Path, *edits: tuple[str, str]) -> Manifest:
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "assets.toml").write_text(text, encoding="utf-8")
    return read_manifest(tmp_path / "assets.toml")


def complaint(tmp_path: Path, *edits: tuple[str, str]) -> str:
    with pytest.raises(HandsonError) as failure:
        read(tmp_path, *edits)
    return failure.value.cause.replace(str(tmp_path), "FOLDER")


def test_assets_are_read_with_their_files(tmp_path: Path) -> None:
    manifest = read(tmp_path)
    assert list(manifest.assets) == ["cat", "dog"]
    assert [file.name for file in manifest.assets["cat"].files] == ["one.jpg", "two.jpg"]
    assert manifest.assets["cat"].bytes == len(CONTENT) + 4


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            ('urls = ["https://example.org/two.jpg"]', 'ulrs = ["https://example.org/two.jpg"]'),
            "FOLDER/assets.toml:12: assets.cat.files.1.urls: this key is missing.\n"
            "FOLDER/assets.toml:14: assets.cat.files.1.ulrs: unknown key. Did you mean 'urls'? "
            "Valid keys: bytes, path, sha256, urls.",
        ),
        (
            ('licence = "CC0"', 'license = "CC0"'),
            "FOLDER/assets.toml:1: assets.cat.licence: this key is missing.\n"
            "FOLDER/assets.toml:3: assets.cat.license: unknown key. Did you mean 'licence'? "
            "Valid keys: extra, files, licence, source, what.",
        ),
        (
            ("1" * 64, "1" * 63),
            "FOLDER/assets.toml:15: assets.cat.files.1.sha256: a SHA-256 has 64 digits of 0-9 a-f, "
            "this one has 63 characters (found '1111",
        ),
        (
            ("2" * 64, "G" * 64),
            "FOLDER/assets.toml:26: assets.dog.files.0.sha256: a SHA-256 has 64 digits of 0-9 a-f",
        ),
        (
            ("bytes = 4", "bytes = 0"),
            "FOLDER/assets.toml:12: assets.cat.files.1: `bytes` stands with a SHA-256 of 64 digits, and only with such a one",
        ),
        (
            ('"https://example.org/dog.jpg"', '"ftp://example.org/dog.jpg"'),
            "FOLDER/assets.toml:25: assets.dog.files.0.urls.0: an address begins with https:// or http://",
        ),
        (
            ('path = "dog.jpg"', 'path = "../dog.jpg"'),
            "FOLDER/assets.toml:24: assets.dog.files.0.path: a path is relative, with '/', and stays in its folder",
        ),
        (
            ('path = "dog.jpg"', 'path = "cats/one.jpg"'),
            "FOLDER/assets.toml:24: path: 'cats/one.jpg' is described twice, under 'cat' and under 'dog'.",
        ),
        (
            ('path = "cats/two.jpg"', 'path = "others/one.jpg"'),
            "FOLDER/assets.toml:7: path: two files of 'cat' are named 'one.jpg'.",
        ),
        (
            ('urls = ["https://example.org/dog.jpg"]', "urls = []"),
            "FOLDER/assets.toml:25: assets.dog.files.0.urls: there must be at least one (found []).",
        ),
        (("[assets.dog]", "[assets.Dog]"), "assets.dog.what: this key is missing."),
        (("[assets.dog]", "[assets.cat]"), "FOLDER/assets.toml:18: not valid TOML: Cannot declare"),
    ],
    ids=lambda value: value[1][:20] if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_named_with_file_line_and_key(tmp_path: Path, edit: tuple[str, str], told: str) -> None:
    assert told in complaint(tmp_path, edit)


def test_a_name_is_written_as_it_is_typed(tmp_path: Path) -> None:
    told = complaint(tmp_path, ("[assets.dog]", "[assets.Dog]"), ("[[assets.dog.", "[[assets.Dog."))
    assert "an asset's name is written in a-z, 0-9, '-' and '.', and begins with a letter (found 'Dog')" in told


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    assert len(complaint(tmp_path, ("bytes = 4", "bytes = 0"), ("bytes = 5", "bytes = -1")).splitlines()) == 2


def test_an_unknown_asset_is_answered_with_the_valid_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as failure:
        read(tmp_path).select(["cta"])
    assert str(failure.value) == ("There is no asset named 'cta'.\n  Did you mean 'cat'? Valid names: cat, dog.")


def test_all_are_selected_where_none_is_named(tmp_path: Path) -> None:
    assert list(read(tmp_path).select()) == ["cat", "dog"]
    assert read(tmp_path).select([]) == {}
    assert list(read(tmp_path).select(["dog"])) == ["dog"]


def test_the_index_tells_a_learners_folder_which_content_belongs_to_a_name(tmp_path: Path) -> None:
    assert index_for(read(tmp_path), ["dog"]) == {
        "dog": {"files": {"dog.jpg": {"sha256": "2" * 64, "bytes": 5}}, "fetch": "handson fetch dog"}
    }
    assert list(index_for(read(tmp_path))) == ["cat", "dog"]


def test_missing_are_those_with_a_file_that_is_absent_or_damaged(tmp_path: Path) -> None:
    manifest = read(
        tmp_path, ('path = "dog.jpg"', 'path = "dog.bin"'), ("2" * 64, HASH), ("bytes = 5", f"bytes = {len(CONTENT)}")
    )
    assert missing(manifest) == ["cat", "dog"]
    held = Cache.default().path(manifest.assets["dog"].files[0])
    held.parent.mkdir(parents=True)
    held.write_bytes(CONTENT)
    assert missing(manifest) == ["cat"]
    assert missing(manifest, ["dog"]) == []
    held.write_bytes(CONTENT[1:])
    assert missing(manifest, ["dog"]) == ["dog"]


@given(st.text(alphabet="ab./\\:~ é*", max_size=12))
def test_no_accepted_path_leaves_its_folder(path: str) -> None:
    try:
        accepted = _inside(path)
    except ValueError:
        return
    folder = Path("/some/folder")
    assert folder in (folder / accepted).parents
    assert ".." not in (folder / accepted).parts


def test_the_workshops_own_assets_agree_with_the_record_of_their_upstreams(mirror: Path) -> None:
    record = mirror / "MANIFEST.json"
    if not record.is_file():
        pytest.skip(f"the mirror {mirror} holds no MANIFEST.json to compare with")
    upstream = {entry["path"]: entry for entry in json.loads(record.read_text(encoding="utf-8"))["files"]}
    files = [file for asset in read_manifest(ROOT / "assets.toml").assets.values() for file in asset.files]
    assert files
    # Of what torchvision publishes, the record knows nothing, and its publisher states only a beginning of the hash.
    recorded = [file for file in files if not file.path.startswith("torchvision/")]
    assert recorded
    for file in recorded:
        entry = upstream[file.path]
        assert (file.urls[0], file.sha256, file.bytes) == (entry["raw_url"], entry["sha256"], entry["bytes"])
