from __future__ import annotations

import gzip
import hashlib
import itertools
import random
import re
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.kit.packing import JOURNAL, PART, Folder, as_string

_ESCAPED = {b"n": b"\n", b"r": b"\r", b"x00": b"\0"}


def bytes_of(literal: bytes) -> bytes:
    """What JavaScript makes of the inside of a string."""
    return re.sub(rb"\\(x00|.)", lambda found: _ESCAPED.get(found[1], found[1]), literal)


def test_every_byte_after_every_other_is_in_a_string_and_comes_back() -> None:
    content = bytes(byte for pair in itertools.product(range(256), repeat=2) for byte in pair)
    literal = as_string(content)
    assert bytes_of(literal) == content
    assert not set(literal) & set(b"\n\r\0")
    assert not re.search(rb'(?<!\\)(?:\\\\)*"', literal)


def test_a_string_takes_three_percent_more_than_bytes() -> None:
    content = random.Random(0).randbytes(70_000)
    assert len(as_string(content)) < 1.03 * len(content)


def test_a_file_is_packed_in_parts_that_give_it_back(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(PART + 1000)
    parts = Folder(tmp_path).pack("Large.bin", content)
    assert len(parts) == 2
    joined = b""
    for part in parts:
        script = (tmp_path / part["path"]).read_bytes()
        before, after = f'handsonFile("{part["path"]}","'.encode(), b'");\n'
        assert script.startswith(before)
        assert script.endswith(after)
        literal = script[len(before) : -len(after)]
        assert len(literal) == part["bytes"]
        joined += bytes_of(literal)
    assert gzip.decompress(joined) == content


def test_names_are_safe_everywhere_and_change_with_the_content(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    one, two = folder.write_named("Squeeze/Net 1.1 ü", ".js", "a"), folder.write_named("Squeeze/Net 1.1 ü", ".js", "b")
    assert one != two
    assert all(re.fullmatch(r"files/[a-z0-9.-]{1,64}", path) for path in (one, two))


def test_the_manifest_knows_every_file_by_its_hash(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("index.html", "<p>")
    assert folder.manifest() == {"index.html": hashlib.sha256(b"<p>").hexdigest()}


def test_a_link_is_replaced_and_one_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.html").write_text("mine")
    root = tmp_path / "site"
    root.mkdir()
    (root / "index.html").symlink_to(outside / "mine.html")
    (root / "files").symlink_to(outside)
    folder = Folder(root)
    folder.write("index.html", "ours")
    assert not (root / "index.html").is_symlink()
    assert (root / "index.html").read_text() == "ours"
    for path in ("files/a.js", "files/below/a.js", "../outside/a.js"):
        with pytest.raises(HandsonError, match="leads out of"):
            folder.write(path, "ours")
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("mine.html", "mine")]


def test_the_journal_names_a_file_before_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    folder = Folder(tmp_path, journal=True)
    folder.write("index.html", "<p>")
    with pytest.raises(OSError, match="taken"):
        folder.write("taken", "")
    wanted = [f"{hashlib.sha256(b'<p>').hexdigest()} index.html", f"{hashlib.sha256(b'').hexdigest()} taken"]
    assert (tmp_path / JOURNAL).read_text().splitlines() == wanted
