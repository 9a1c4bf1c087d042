"""Files that a page opened from `file://` can read: scripts that hand over their content, for nothing is fetched there.

Names are in a-z, 0-9, '-', '.' and at most 64 letters, so that FAT and every other file system keeps them apart.
"""

from __future__ import annotations

import base64
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
        """`content` as scripts: gzip, base64, in parts; returns [{"path", "bytes"}] in order."""
        packed = _compressed(content)
        parts = []
        for number, start in enumerate(range(0, len(packed), PART)):
            text = base64.b64encode(packed[start : start + PART]).decode("ascii")
            parts.append({"path": self.hand_over(f"{stem}-{number}", text), "bytes": len(text)})
        return parts

    def manifest(self) -> dict[str, Any]:
        """SHA-256 of every file written, by path."""
        return {path: digest.hex() for path, digest in sorted(self.written.items())}


@functools.lru_cache(maxsize=8)
def _compressed(content: bytes) -> bytes:
    """Kept for the next site of this process: Pyodide takes seconds."""
    return gzip.compress(content, 9, mtime=0)


def _plain(stem: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.")[:48]
