"""Resizing without Pillow: what Pillow's Lanczos gives, but for its rounding to whole numbers."""

from __future__ import annotations

import pytest
import torch
from PIL import Image, ImageOps

from handson.lab import data
from handson.lab.resizing import at_most, middle_square


def as_image(photo: torch.Tensor) -> Image.Image:
    content = bytes((photo * 255).round().to(torch.uint8).flatten().tolist())
    return Image.frombytes("RGB", (photo.shape[1], photo.shape[0]), content)


def as_tensor(image: Image.Image) -> torch.Tensor:
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.reshape(image.height, image.width, 3).float() / 255


@pytest.mark.parametrize("size", [8, 227, 300, 500])
def test_the_middle_square_is_pillows(size: int) -> None:
    photo = data.sample_photo("chelsea", None)
    wanted = as_tensor(ImageOps.fit(as_image(photo), (size, size), Image.Resampling.LANCZOS))
    off = (middle_square(photo, size) - wanted).abs()
    assert off.max() < 2.5 / 255
    assert off.mean() < 0.6 / 255


def test_a_photo_is_made_smaller_but_never_larger() -> None:
    photo = data.sample_photo("coffee", None)
    small = at_most(photo, 150)
    assert small.shape == (100, 150, 3)
    wanted = as_image(photo).resize((150, 100), Image.Resampling.LANCZOS)
    off = (small - as_tensor(wanted)).abs()
    assert off.max() < 8 / 255  # Pillow also clips between rows and columns, which shows at the brightest places
    assert off.mean() < 0.6 / 255
    assert at_most(photo, 600) is photo


def test_flat_stays_flat() -> None:
    assert torch.allclose(middle_square(torch.full((9, 13, 3), 0.25), 5), torch.tensor(0.25))
