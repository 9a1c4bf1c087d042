"""IDX files of unsigned bytes, as MNIST and its kin come (LeCun, 1998)."""

from __future__ import annotations

import gzip

LEVELS = bytes(round(value / 17) * 17 for value in range(256))
"""For `bytes.translate`: sixteen levels of gray. Nobody sees it, and a third is saved."""


def header_and_values(packed: bytes) -> tuple[bytes, bytes]:
    """The two parts of a gzipped IDX file: magic number with sizes (4 bytes for each dimension), and the values.

    The magic number is 0, 0, 8 and how many dimensions; the caller compares it with what was expected. Raises OSError
    or EOFError for what is no gzip.
    """
    content = gzip.decompress(packed)
    header = 4 + 4 * int.from_bytes(content[3:4])
    return content[:header], content[header:]
