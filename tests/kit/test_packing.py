from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from pathlib import Path

import pytest

from handson.kit.packing import PART, Folder, seven_bits


def handed_over(script: Path) -> tuple[str, object]:
    found = re.fullmatch(r"handsonFile\((\"[^\"]+\"),(.*)\);\n", script.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1]), json.loads(found[2])


def test_a_script_hands_over_its_value_under_its_own_path(tmp_path: Path) -> None:
    path = Folder(tmp_path).hand_over("lesson", {"text": "ä\u2028</script>"})
    assert handed_over(tmp_path / path) == (path, {"text": "ä\u2028</script>"})


def bytes_of(literal: str) -> bytes:
    """What the page makes of the inside of a string (web/src/worker/bytes.ts)."""
    text = json.loads(f'"{literal.replace(chr(92) + "x00", chr(92) + "u0000")}"', strict=False)
    bits = "".join(f"{ord(letter):07b}" for letter in text[1:])
    content = bytes(int(bits[k : k + 8], 2) for k in range(0, len(bits), 8))
    return content[: len(content) - int(text[0])]


@pytest.mark.parametrize("length", [0, 1, 6, 7, 8, 2000])
def test_bytes_become_letters_of_seven_bits_and_bytes_again(length: int) -> None:
    content = bytes((i * 89 + i // 7) % 256 for i in range(length))
    letters = seven_bits(content)
    assert bytes_of(letters.decode("ascii")) == content
    assert not set(letters) & set(b"\n\r\0")


def test_letters_take_a_fifth_more_than_bytes() -> None:
    content = random.Random(0).randbytes(70_000)
    assert len(seven_bits(content)) < 1.21 * len(content)


def test_a_file_is_packed_in_parts_that_give_it_back(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(PART + 1000)
    parts = Folder(tmp_path).pack("Large.bin", content)
    assert len(parts) == 2
    joined = b""
    for part in parts:
        script = (tmp_path / part["path"]).read_bytes().decode("ascii")
        before, after = f'handsonFile("{part["path"]}","', '");\n'
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
