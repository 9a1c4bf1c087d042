from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

from handson.kit.packing import PART, Folder


def handed_over(script: Path) -> tuple[str, object]:
    found = re.fullmatch(r"handsonFile\((\"[^\"]+\"),(.*)\);\n", script.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1]), json.loads(found[2])


def test_a_script_hands_over_its_value_under_its_own_path(tmp_path: Path) -> None:
    path = Folder(tmp_path).hand_over("lesson", {"text": "ä\u2028</script>"})
    assert handed_over(tmp_path / path) == (path, {"text": "ä\u2028</script>"})


def test_a_file_is_packed_in_parts_that_give_it_back(tmp_path: Path) -> None:
    content = bytes(i * i % 251 ^ (i >> 7) % 256 for i in range(3 * PART))
    parts = Folder(tmp_path).pack("Large.bin", content)
    joined = b"".join(base64.b64decode(str(handed_over(tmp_path / part["path"])[1])) for part in parts)
    assert gzip.decompress(joined) == content
    assert all(len(str(handed_over(tmp_path / part["path"])[1])) == part["bytes"] for part in parts)


def test_names_are_safe_everywhere_and_change_with_the_content(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    one, two = folder.write_named("Squeeze/Net 1.1 ü", ".js", "a"), folder.write_named("Squeeze/Net 1.1 ü", ".js", "b")
    assert one != two
    assert all(re.fullmatch(r"files/[a-z0-9.-]{1,64}", path) for path in (one, two))


def test_the_manifest_knows_every_file_by_its_hash(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("index.html", "<p>")
    assert folder.manifest() == {"index.html": hashlib.sha256(b"<p>").hexdigest()}
