"""Files that a page opened from `file://` can read: scripts that hand over their content, for nothing is fetched there.

Names are in a-z, 0-9, '-', '.' and at most 64 letters, so that FAT and every other file system keeps them apart.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handson.errors import HandsonError

JOURNAL = "unfinished.txt"
"""In a folder that is being written: SHA-256 and path of every file, a line each, noted before the file is written."""
PART = 3 << 18
"""Bytes of a part: 768 KiB, so that loading can say how far it is."""


@dataclass
class Folder:
    """A folder being written; remembers what is in it, with `journal` also in the folder, should it be interrupted."""

    root: Path
    written: dict[str, bytes] = field(default_factory=dict)
    journal: bool = False

    def write(self, path: str, content: bytes | str) -> str:
        """Write a file; returns its path, relative to the root, with '/'. A link of that name goes; its target stays.

        Raises HandsonError where the path leads out of the root, by a link for instance.
        """
        content = content.encode() if isinstance(content, str) else content
        target = self.root / path
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise HandsonError(
                f"{target.parent} leads out of {self.root}: nothing is written there.",
                "Remove that link, or name a new folder.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(content).digest()
        if self.journal:
            with (self.root / JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(f"{digest.hex()} {path}\n")
        if target.is_symlink():
            target.unlink()
        target.write_bytes(content)
        self.written[path] = digest
        return path

    def write_named(self, stem: str, ending: str, content: bytes | str) -> str:
        """Write `files/<stem>-<hash>.<ending>`: the name changes with the content, so that caches serve no old one."""
        content = content.encode() if isinstance(content, str) else content
        return self.write(f"files/{_plain(stem)}-{hashlib.sha256(content).hexdigest()[:8]}{ending}", content)

    def pack(self, stem: str, content: bytes) -> list[dict[str, Any]]:
        """`content` as scripts: gzip, `as_string`, in parts; returns [{"path", "bytes"}] in order."""
        packed = _compressed(content)
        parts = []
        for number, start in enumerate(range(0, len(packed), PART)):
            literal = as_string(packed[start : start + PART])
            digest = hashlib.sha256(literal).hexdigest()[:8]
            path = f"files/{_plain(f'{stem}-{number}')}-{digest}.js"
            self.write(path, b'handsonFile("' + path.encode("ascii") + b'","' + literal + b'");\n')
            parts.append({"path": path, "bytes": len(literal)})
        return parts

    def manifest(self) -> dict[str, Any]:
        """SHA-256 of every file written, by path."""
        return {path: digest.hex() for path, digest in sorted(self.written.items())}


def as_string(content: bytes) -> bytes:
    """Bytes as the inside of a JavaScript string of one byte a letter: 2 % larger, where base64 is 33 %.

    What a string cannot hold plainly (its quote, the backslash, ends of lines, zero) is escaped. The page reads the
    file as `x-user-defined` (WHATWG Encoding Standard), in which the low eight bits of every letter are its byte
    (`web/src/page/resources.ts`, `web/src/worker/bytes.ts`).
    """
    for plain, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\0", b"\\x00")):
        content = content.replace(plain, escaped)
    return content


@functools.lru_cache(maxsize=8)
def _compressed(content: bytes) -> bytes:
    """Kept for the next site of this process: Pyodide takes seconds."""
    return gzip.compress(content, 9, mtime=0)


def _plain(stem: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.")[:48]
