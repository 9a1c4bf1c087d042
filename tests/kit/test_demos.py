from __future__ import annotations

import base64
import gzip
import re
import struct

import pytest

from handson.errors import HandsonError
from handson.kit.demos import digits_script, packed_digits, with_digits


def idx(values: bytes, *shape: int) -> bytes:
    return gzip.compress(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values)


def mnist(train: int = 3, test: int = 2) -> dict[str, bytes]:
    files = {}
    for part, count, gray in (("train", train, 250), ("t10k", test, 10)):
        files[f"/assets/{part}-images-idx3-ubyte.gz"] = idx(bytes([gray]) * count * 784, count, 28, 28)
        files[f"/assets/{part}-labels-idx1-ubyte.gz"] = idx(bytes(label % 10 for label in range(count)), count)
    return files


def test_digits_are_packed_as_the_demos_read_them() -> None:
    content = gzip.decompress(packed_digits(mnist(), 3, 2))
    assert struct.unpack_from("<II", content) == (3, 2)
    assert content[8 : 8 + 3 * 784] == bytes([255]) * 3 * 784
    assert content[8 + 3 * 784 : 8 + 5 * 784] == bytes([17]) * 2 * 784
    assert content[8 + 5 * 784 :] == bytes([0, 1, 2, 0, 1])


def test_a_demo_that_shows_digits_gets_them_before_its_script() -> None:
    page = b'<body>\n<main id="demo"></main>\n<script>globalThis.handsonDigits</script>'
    made = with_digits(page, "digits.js").decode()
    assert '<script src="digits.js"></script>\n<main' in made
    found = re.fullmatch(r'var handsonDigits="([^"]+)";\n', digits_script(packed_digits(mnist(), 3, 2)).decode())
    assert found
    assert struct.unpack_from("<II", gzip.decompress(base64.b64decode(found[1]))) == (3, 2)


def test_other_demos_stay_as_they_are() -> None:
    page = b'<main id="demo"></main><script>0</script>'
    assert with_digits(page, "digits.js") == page


def test_what_is_missing_or_no_digits_is_named_with_the_way_out() -> None:
    with pytest.raises(HandsonError, match=r"no readable train-images-idx3-ubyte\.gz"):
        packed_digits({})
    with pytest.raises(HandsonError, match="5 of the 6 digits"):
        packed_digits(mnist(), 3, 3)
    with pytest.raises(HandsonError, match="no IDX file"):
        packed_digits({**mnist(), "/assets/t10k-labels-idx1-ubyte.gz": gzip.compress(b"hello there")}, 3, 2)
