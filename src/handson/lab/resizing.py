"""Photos at another size, where there is no Pillow to do it: the same filter, as two small matrix products."""

from __future__ import annotations

import math

import torch

_LOBES = 3


def middle_square(photo: torch.Tensor, size: int) -> torch.Tensor:
    """The middle square of a photo (H, W, C) in 0..1, at (size, size, C)."""
    height, width = photo.shape[:2]
    side = min(height, width)
    return _resized(photo, ((height - side) / 2, side, size), ((width - side) / 2, side, size))


def at_most(photo: torch.Tensor, longest: int) -> torch.Tensor:
    """A photo (H, W, C) in 0..1 with its longer side made `longest`, if it is longer."""
    height, width = photo.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return photo
    return _resized(photo, (0, height, max(1, round(height * scale))), (0, width, max(1, round(width * scale))))


def _resized(photo: torch.Tensor, down: tuple[float, int, int], across: tuple[float, int, int]) -> torch.Tensor:
    """From where, how many pixels, and how many they are to be: for rows and for columns."""
    planes = _weights(photo.shape[0], *down) @ photo.permute(2, 0, 1) @ _weights(photo.shape[1], *across).T
    return planes.clamp(0, 1).permute(1, 2, 0).contiguous()


def _weights(old: int, start: float, length: float, new: int) -> torch.Tensor:
    """(new, old): what each old pixel gives to each new one, by Lanczos' window (1964) of three lobes."""
    scale = length / new
    wide = max(scale, 1.0)
    rows = []
    for i in range(new):
        center = start + (i + 0.5) * scale
        first = max(0, int(center - _LOBES * wide + 0.5))
        last = min(old, int(center + _LOBES * wide + 0.5))
        weights = [_lanczos((x + 0.5 - center) / wide) for x in range(first, last)]
        total = sum(weights)
        rows.append([0.0] * first + [w / total for w in weights] + [0.0] * (old - last))
    return torch.tensor(rows)


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / _LOBES) if abs(x) < _LOBES else 0.0


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0
