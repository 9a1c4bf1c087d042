"""Animated GIFs of our own making, read back by Pillow."""

from __future__ import annotations

import io
import random

import pytest
import torch
from PIL import Image

from handson.lab import gif as gif_module
from handson.lab.gif import gif
from handson.lab.png import Pixels, pixels


def frames_of(content: bytes) -> list[Image.Image]:
    image = Image.open(io.BytesIO(content))
    found = []
    for number in range(image.n_frames):
        image.seek(number)
        found.append(image.convert("RGB"))
    return found


def flat(color: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> Pixels:
    return Pixels(*size, 3, bytes(color) * (size[0] * size[1]))


def test_frames_times_and_the_endless_loop() -> None:
    content, given_up = gif([flat((255, 0, 0)), flat((0, 0, 255)), flat((0, 0, 255))], fps=10, hold=2)
    image = Image.open(io.BytesIO(content))
    assert (image.n_frames, image.size, image.info["loop"], given_up) == (3, (6, 4), 0, "")
    durations = []
    for number in range(3):
        image.seek(number)
        durations.append(image.info["duration"])
    assert durations == [100, 100, 2000]


def test_what_does_not_change_is_not_stored_again() -> None:
    dice = random.Random(0)
    still = bytes(dice.randrange(256) for _ in range(3 * 64 * 64))
    moved = bytearray(still)
    moved[:12] = bytes(12)
    one, _ = gif([Pixels(64, 64, 3, still)])
    two, _ = gif([Pixels(64, 64, 3, still), Pixels(64, 64, 3, bytes(moved))])
    assert len(two) - len(one) < 200
    assert frames_of(two)[1].tobytes()[12:] == frames_of(two)[0].tobytes()[12:]


@pytest.mark.parametrize("side", [1, 2, 33, 200])
def test_the_colors_come_back(side: int) -> None:
    wave = torch.linspace(0, 1, side)
    picture = torch.stack([wave[:, None].expand(side, side), wave[None].expand(side, side)], dim=-1)
    frames = [pixels(torch.cat([picture, torch.full((side, side, 1), shade)], dim=-1)) for shade in (0.1, 0.9)]
    content, _ = gif(frames)
    for found, wanted in zip(frames_of(content), frames, strict=True):
        got, right = (torch.frombuffer(bytearray(d), dtype=torch.uint8).float() for d in (found.tobytes(), wanted.data))
        assert (got - right).abs().mean() < 9


@pytest.mark.parametrize("bits", [2, 5, 8])
@pytest.mark.parametrize("length", [1, 2, 3, 250, 4_000, 60_000])
def test_packed_numbers_are_unpacked_by_pillow(bits: int, length: int) -> None:
    dice = random.Random(f"{bits} {length}")
    numbers = bytes(dice.randrange(1 << bits) if dice.random() < 0.5 else 1 for _ in range(length))
    palette = [(i % 256, 7, 9) for i in range(1 << bits)]
    image = gif_module._image(torch.tensor([list(numbers)]), None, 0, bits, 1)
    content = gif_module._beginning(length, 1, palette, bits) + image + b";"
    opened = Image.open(io.BytesIO(content))
    assert opened.convert("RGB").tobytes()[0::3] == numbers


def test_long_runs_of_codes_are_unpacked_by_pillow() -> None:
    dice = random.Random(1)
    numbers = bytes(dice.randrange(256) for _ in range(300 * 300))
    image = gif_module._image(torch.tensor(list(numbers)).reshape(300, 300), None, 0, 8, 1)
    content = gif_module._beginning(300, 300, [(i, 7, 9) for i in range(256)], 8) + image + b";"
    assert Image.open(io.BytesIO(content)).convert("RGB").tobytes()[0::3] == numbers


def test_a_large_one_gives_up_dither_colors_and_frames_and_says_so() -> None:
    dice = torch.Generator().manual_seed(0)
    frames = [pixels(torch.rand(40, 40, 3, generator=dice)) for _ in range(9)]
    content, given_up = gif(frames, largest=6_000)
    assert given_up == "with every third frame, to stay small"
    assert len(frames_of(content)) == 3


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="the list is empty"):
        gif([])
    with pytest.raises(ValueError, match="one size"):
        gif([flat((0, 0, 0)), flat((0, 0, 0), (5, 5))])
