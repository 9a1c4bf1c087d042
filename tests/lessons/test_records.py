"""What a recorded check keeps of the picture."""

from __future__ import annotations

import io
import random

from PIL import Image

from handson.lessons.records import fit_to_keep


def noise(width: int, height: int) -> bytes:
    picture = Image.frombytes("RGB", (width, height), random.Random(0).randbytes(3 * width * height))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_a_small_picture_and_an_animation_are_kept_as_they_are() -> None:
    small = noise(20, 20)
    assert fit_to_keep(small) == small
    animation = b"GIF89a" + bytes(50_000)
    assert fit_to_keep(animation, largest=1000) == animation


def test_a_large_png_loses_colors_first_and_pixels_only_if_that_is_not_enough() -> None:
    large = noise(300, 200)
    fewer_colors = fit_to_keep(large, largest=90_000)
    assert len(fewer_colors) <= 90_000
    with Image.open(io.BytesIO(fewer_colors)) as image:
        assert image.size == (300, 200)
        assert image.mode == "P"
    fewer_pixels = fit_to_keep(large, largest=40_000)
    assert len(fewer_pixels) <= 40_000
    with Image.open(io.BytesIO(fewer_pixels)) as image:
        assert image.size == (225, 150)
