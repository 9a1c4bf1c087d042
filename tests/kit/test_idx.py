from __future__ import annotations

import gzip

import pytest

from handson.kit.idx import LEVELS, header_and_values


def test_a_file_is_its_header_and_its_values() -> None:
    header = bytes([0, 0, 8, 1, 0, 0, 0, 3])
    assert header_and_values(gzip.compress(header + b"abc")) == (header, b"abc")


def test_what_is_no_gzip_or_too_short_is_no_surprise() -> None:
    assert header_and_values(gzip.compress(b"")) == (b"", b"")
    with pytest.raises(OSError, match="gzip"):
        header_and_values(b"hello")


def test_gray_has_sixteen_levels_with_black_and_white() -> None:
    assert len(set(LEVELS)) == 16
    assert (LEVELS[0], LEVELS[255]) == (0, 255)
    assert max(abs(gray - level) for gray, level in enumerate(LEVELS)) <= 8
