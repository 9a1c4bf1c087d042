"""Few colors: the right ones, and each pixel the nearest."""

from __future__ import annotations

import io

import torch
from PIL import Image

from handson.lab import data
from handson.lab.palette import fewer_colors, indexed, palette_of
from handson.lab.png import Pixels, pixels


def test_a_picture_of_few_colors_keeps_them() -> None:
    colors = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (12, 200, 99)]
    picture = Pixels(4, 50, 3, bytes(part for color in colors for part in color) * 50)
    assert set(palette_of([picture], 256)) == set(colors)
    assert palette_of([picture], 2) == palette_of([picture], 2)
    assert len(palette_of([picture], 2)) == 2


def test_each_pixel_gets_the_nearest_color() -> None:
    picture = Pixels(3, 1, 1, bytes([10, 120, 250]))
    numbers = indexed(picture, [(0, 0, 0), (255, 255, 255), (128, 128, 128)])
    assert numbers.tolist() == [[0, 2, 1]]
    lighter = torch.tensor([[[0.0], [120.0], [0.0]]])
    assert indexed(picture, [(0, 0, 0), (255, 255, 255), (128, 128, 128)], lighter).tolist() == [[0, 1, 1]]


def test_a_photo_of_256_colors_is_as_near_as_pillows() -> None:
    picture = pixels(data.sample_photo("coffee", 300))
    image = Image.frombytes("RGB", (300, 300), picture.data)
    ours = Image.open(io.BytesIO(fewer_colors(picture, 256)))
    theirs = image.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)

    def off(found: Image.Image) -> float:
        rows = torch.frombuffer(bytearray(found.convert("RGB").tobytes()), dtype=torch.uint8).float()
        return float((rows - torch.frombuffer(bytearray(picture.data), dtype=torch.uint8).float()).square().mean())

    assert ours.mode == "P"
    assert off(ours) < 1.15 * off(theirs)


def test_transparency_is_left_out() -> None:
    assert fewer_colors(Pixels(1, 1, 4, bytes([9, 8, 7, 0])), 2) == fewer_colors(Pixels(1, 1, 3, bytes([9, 8, 7])), 2)
