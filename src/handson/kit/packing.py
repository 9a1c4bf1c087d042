"""Files that a page opened from `file://` can read: scripts that hand over their content, for nothing is fetched there.

Names are in a-z, 0-9, '-', '.' and at most 64 letters, so that FAT and every other file system keeps them apart.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PART = 3 << 18
"""Bytes of a part before base64: 768 KiB, so that loading can say how far it is."""


@dataclass
class Folder:
    """A folder being written; remembers what is in it."""

    root: Path
    written: dict[str, bytes] = field(default_factory=dict)

    def write(self, path: str, content: bytes | str) -> str:
        """Write a file; returns its path, relative to the root, with '/'."""
        content = content.encode() if isinstance(content, str) else content
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.written[path] = hashlib.sha256(content).digest()
        return path

    def write_named(self, stem: str, ending: str, content: bytes | str) -> str:
        """Write `files/<stem>-<hash>.<ending>`: the name changes with the content, so that caches serve no old one."""
        content = content.encode() if isinstance(content, str) else content
        return self.write(f"files/{_plain(stem)}-{hashlib.sha256(content).hexdigest()[:8]}{ending}", content)

    def hand_over(self, stem: str, value: Any) -> str:
        """A script that hands `value` (plain data) to the page under its own path."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("\u2028", "\\u2028")
        path = f"files/{_plain(stem)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.js"
        return self.write(path, f"handsonFile({json.dumps(path)},{text});\n")

    def pack(self, stem: str, content: bytes) -> list[dict[str, Any]]:
        """`content` as scripts: gzip, `seven_bits`, in parts; returns [{"path", "bytes"}] in order."""
        packed = _compressed(content)
        parts = []
        for number, start in enumerate(range(0, len(packed), PART)):
            literal = seven_bits(packed[start : start + PART])
            digest = hashlib.sha256(literal).hexdigest()[:8]
            path = f"files/{_plain(f'{stem}-{number}')}-{digest}.js"
            self.write(path, b'handsonFile("' + path.encode("ascii") + b'","' + literal + b'");\n')
            parts.append({"path": path, "bytes": len(literal)})
        return parts

    def manifest(self) -> dict[str, Any]:
        """SHA-256 of every file written, by path."""
        return {path: digest.hex() for path, digest in sorted(self.written.items())}


def seven_bits(content: bytes) -> bytes:
    """Bytes as the inside of a JavaScript string in ASCII, 7 bits a letter: 21 % larger, where base64 is 33 %.

    The first letter says by how many zeros the content was filled up to whole groups of 7 bytes. What a string cannot
    hold plainly (its quote, the backslash, ends of lines, zero) is escaped. `web/src/worker/bytes.ts` reads it.
    """
    fill = -len(content) % 7
    columns = [(content + bytes(fill))[k::7] for k in range(7)]
    text = bytearray(len(columns[0]) * 8)
    text[0::8] = columns[0].translate(_RIGHT[1])
    for k in range(1, 7):
        left, right = columns[k - 1].translate(_LEFT[7 - k]), columns[k].translate(_RIGHT[k + 1])
        both = int.from_bytes(left, "big") | int.from_bytes(right, "big")
        text[k::8] = both.to_bytes(len(left), "big")
    text[7::8] = columns[6].translate(_LEFT[0])
    letters = bytes(text)
    for plain, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\0", b"\\x00")):
        letters = letters.replace(plain, escaped)
    return str(fill).encode("ascii") + letters


_RIGHT = [bytes(value >> shift for value in range(256)) for shift in range(8)]
_LEFT = [bytes((value << shift) & 0x7F for value in range(256)) for shift in range(8)]


@functools.lru_cache(maxsize=8)
def _compressed(content: bytes) -> bytes:
    """Kept for the next site of this process: Pyodide takes seconds."""
    return gzip.compress(content, 9, mtime=0)


def _plain(stem: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.")[:48]
