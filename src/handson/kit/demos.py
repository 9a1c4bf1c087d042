"""MNIST for the demos: as much of it as a page of 2 MB holds, in one file for those that show digits."""

from __future__ import annotations

import base64
import gzip
import struct
from collections.abc import Mapping

from handson.errors import HandsonError
from handson.kit.idx import LEVELS, header_and_values

TRAIN, TEST = 8000, 1000
"""Digits to learn from and to test, the first of MNIST's own two parts."""

_SIDE = 28
_READS = b"handsonDigits"
_BEFORE = b'<main id="demo">'


def digits_script(packed: bytes) -> bytes:
    """The script beside the demos that hands them what `packed_digits` gave."""
    return b'var handsonDigits="' + base64.b64encode(packed) + b'";\n'


def with_digits(html: bytes, script: str) -> bytes:
    """The page of a demo that reads digits from the file `script` beside it; one that reads none stays as it is."""
    if _READS not in html or _BEFORE not in html:
        return html
    return html.replace(_BEFORE, f'<script src="{script}"></script>\n'.encode("ascii") + _BEFORE, 1)


def packed_digits(mnist: Mapping[str, bytes], train: int = TRAIN, test: int = TEST) -> bytes:
    """What web/src/demos/digits.ts unpacks: gzip of two uint32 (how many of each), images of 28 × 28 bytes, labels.

    mnist: the four files of the asset, by path. Gray values are rounded to 16 levels: nobody sees it, and a
    third is saved. Raises HandsonError where a file is missing, is no IDX file of bytes, or holds fewer digits.
    """
    files = {path.rsplit("/", 1)[-1]: content for path, content in mnist.items()}
    images, labels = b"", b""
    for part, count in (("train", train), ("t10k", test)):
        pixels = _idx(files, f"{part}-images-idx3-ubyte.gz", rank=3)
        images += pixels[: count * _SIDE * _SIDE].translate(LEVELS)
        labels += _idx(files, f"{part}-labels-idx1-ubyte.gz", rank=1)[:count]
    if len(labels) != train + test or len(images) != (train + test) * _SIDE * _SIDE:
        raise HandsonError(
            f"The files of the asset mnist hold {len(labels)} of the {train + test} digits that the demos ask for.",
            "Fetch it anew: handson fetch mnist.",
        )
    return gzip.compress(struct.pack("<II", train, test) + images + labels, 9, mtime=0)


def _idx(files: Mapping[str, bytes], name: str, rank: int) -> bytes:
    """The values of an IDX file of unsigned bytes (LeCun 1998)."""
    try:
        header, values = header_and_values(files[name])
    except (KeyError, OSError, EOFError) as error:
        raise HandsonError(
            f"The asset mnist has no readable {name}: {type(error).__name__}.", "Fetch it anew: handson fetch mnist."
        ) from error
    if header[:4] != bytes([0, 0, 8, rank]):
        raise HandsonError(f"{name} is no IDX file of bytes.", "Fetch it anew: handson fetch mnist.")
    return values
