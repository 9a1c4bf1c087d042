"""A picture made of adjustable numbers: what gradient ascent paints on."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from handson.lab.zoo.cifar import MEAN

Kind = Literal["waves", "pyramid", "pixels"]
KINDS: tuple[Kind, ...] = ("waves", "pyramid", "pixels")

_COLORS = ((0.2318, 0.0833, 0.0233), (0.2401, 0.0051, -0.0439), (0.2477, -0.0829, 0.0207))
"""Red, green and blue as sums of three colors that vary independently in photos (light, orange to blue, purple to
green), each times its standard deviation: measured on the 20,000 pictures of scripts/train_cifar.py."""


class Canvas(nn.Module):
    """`count` pictures that gradient ascent can paint on: `canvas()` is (count, 3, height, width), RGB in 0..1.

    kind says what the adjustable numbers are. `waves`: amplitudes of cosine waves, slow ones louder than fast ones as
    in photos (the Fourier space of Olah, Mordvintsev, Schubert, "Feature visualization", 2017, with the cosine
    transform of Ahmed, Natarajan, Rao, 1974); `pyramid`: pictures of the whole, half, a quarter … size, added up;
    `pixels`: the pixels themselves. decorrelate: the numbers are those of three colors that vary independently in
    photos, in place of red, green and blue. It starts as the mean color of photos, a warm gray, with some noise from
    torch's random numbers. Zeros are that gray: an optimizer with weight decay (torch.optim.AdamW) lets what does not
    help fade back into it.
    Raises ValueError for another kind.
    """

    down: torch.Tensor
    across: torch.Tensor
    loudness: torch.Tensor
    colors: torch.Tensor
    gray: torch.Tensor

    def __init__(
        self, height: int, width: int, *, count: int = 1, kind: Kind = "waves", decorrelate: bool = True,
        noise: float = 0.05,
    ) -> None:  # fmt: skip
        """`noise` is the standard deviation of the start, before the sigmoid that keeps the picture within 0..1."""
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"There is no canvas of the kind {kind!r}. There are: {', '.join(KINDS)}.")
        self.height, self.width, self.kind, self.decorrelate = height, width, kind, decorrelate
        shapes = _half_sizes(height, width) if kind == "pyramid" else [(height, width)]
        self.numbers = nn.ParameterList([torch.randn(count, 3, *shape) * noise for shape in shapes])
        self.register_buffer("down", _cosines(height))
        self.register_buffer("across", _cosines(width))
        self.register_buffer("loudness", _loudness(height, width))
        self.register_buffer("colors", torch.tensor(_COLORS) / torch.tensor(_COLORS).norm(dim=1).mean())
        # The mean color of photos: a canvas that starts at neutral gray stays bluish.
        self.register_buffer("gray", torch.logit(torch.tensor(MEAN)).view(1, 3, 1, 1))

    def forward(self) -> torch.Tensor:
        """The pictures, (count, 3, height, width) in 0..1."""
        plane = self._plane()
        if self.decorrelate:
            plane = torch.einsum("oc,nchw->nohw", self.colors, plane)
        return torch.sigmoid(4 * plane + self.gray)

    @torch.no_grad()
    def begin_with(self, pictures: torch.Tensor) -> None:
        """Set the numbers so that the canvas shows `pictures`, (count, 3, height, width) in 0..1.

        Black and white come out as 0.02 and 0.98: beyond, the sigmoid is so flat that no gradient would move them.
        Raises ValueError for another shape.
        """
        shape = (len(self.numbers[0]), 3, self.height, self.width)
        if tuple(pictures.shape) != shape:
            raise ValueError(f"This canvas is {shape}, the pictures are {tuple(pictures.shape)}.")
        plane = (torch.logit(pictures.clamp(0.02, 0.98)) - self.gray) / 4
        if self.decorrelate:
            plane = torch.einsum("oc,nchw->nohw", torch.linalg.inv(self.colors), plane)
        if self.kind == "waves":
            plane = self.down @ plane @ self.across.T / self.loudness
        for level in self.numbers:
            level.zero_()
        self.numbers[0].copy_(plane)

    def _plane(self) -> torch.Tensor:
        first: torch.Tensor = self.numbers[0]
        if self.kind == "pixels":
            return first
        if self.kind == "waves":
            return self.down.T @ (first * self.loudness) @ self.across
        whole = torch.zeros_like(first)
        for level in self.numbers:
            whole = whole + nn.functional.interpolate(level, (self.height, self.width), mode="bilinear")
        return whole


def _cosines(size: int) -> torch.Tensor:
    """The orthonormal cosine waves (DCT-II) of `size` places: one wave a row."""
    wave, place = torch.arange(size)[:, None], torch.arange(size)[None, :]
    waves = torch.cos(math.pi / size * wave * (place + 0.5)) * math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves


def _loudness(height: int, width: int) -> torch.Tensor:
    """How loud each wave is in photos, about 1 / frequency (Field, 1987); scaled so that pixels vary by about one."""
    down, across = torch.arange(height)[:, None] / height, torch.arange(width)[None, :] / width
    frequency = (down.square() + across.square()).sqrt().clamp_min(1 / max(height, width))
    loudness = 1 / frequency
    return loudness / loudness.square().mean().sqrt()


def _half_sizes(height: int, width: int) -> list[tuple[int, int]]:
    sizes = [(height, width)]
    while min(sizes[-1]) > 4:
        sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
    return sizes
