"""Animated GIFs: one palette for all frames and a dither that stands still from frame to frame keep the files small."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import Any

from handson.lab.png import Pixels

_LARGEST = 1_500_000
"""Bytes that a GIF should not pass: what messengers and slides take without a thought."""
_ATTEMPTS = ((256, 8.0, 1), (256, 0.0, 1), (96, 0.0, 1), (96, 0.0, 2), (64, 0.0, 3))
"""Colours, strength of the dither (of 255) and stride over the frames, tried in this order until the file is small."""


def gif(frames: Sequence[Pixels], fps: float = 10, hold: float = 2.0, largest: int = _LARGEST) -> tuple[bytes, str]:
    """An endless GIF of `frames` (all of one size), the last one held for `hold` seconds; and what that cost, in words.

    The palette is of the frames together, the last ones counting most. Where the file would pass `largest` bytes, the
    dither goes first, then colours, then every second frame; the text says which, or is empty. Dithering is ordered
    (Bayer 1973): what does not change between two frames does not change in the file, unlike with error diffusion.
    """
    if not frames:
        raise ValueError("There is no frame to save: the list is empty.")
    sizes = {(f.width, f.height) for f in frames}
    if len(sizes) > 1:
        raise ValueError(f"The frames of an animation have one size; these have {sorted(sizes)}.")
    content, given_up = b"", ""
    for colors, strength, stride in _ATTEMPTS:
        kept = [*frames[::-1][::stride]][::-1]
        content = _encode(kept, colors, strength, fps / stride, hold)
        given_up = "" if stride == 1 else f"with every {'second' if stride == 2 else 'third'} frame, to stay small"
        if len(content) <= largest:
            break
    return content, given_up


def _encode(frames: Sequence[Pixels], colors: int, strength: float, fps: float, hold: float) -> bytes:
    from PIL import Image

    pictures = [_dithered(f, strength) for f in frames]
    palette = _palette(pictures, colors)
    indexed = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    usual = max(20, round(1000 / fps))
    file = io.BytesIO()
    indexed[0].save(
        file, "GIF", save_all=True, append_images=indexed[1:], loop=0, optimize=False, disposal=1,
        duration=[usual] * (len(indexed) - 1) + [max(usual, round(hold * 1000))],
    )  # fmt: skip
    return file.getvalue()


def _palette(pictures: Sequence[Any], colors: int) -> Any:
    """The palette of up to eight of the pictures, the last among them twice."""
    from PIL import Image

    chosen = [*pictures[:: max(1, len(pictures) // 6)][:6], pictures[-1], pictures[-1]]
    width, height = chosen[0].size
    strip = Image.new("RGB", (width, height * len(chosen)))
    for n, picture in enumerate(chosen):
        strip.paste(picture, (0, n * height))
    return strip.quantize(colors, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)


def _dithered(frame: Pixels, strength: float) -> Any:
    """The frame as a PIL image in RGB, each pixel brightened or darkened by its place in Bayer's matrix."""
    from PIL import Image, ImageChops

    mode = {1: "L", 3: "RGB", 4: "RGBA"}[frame.channels]
    picture = Image.frombytes(mode, (frame.width, frame.height), frame.data).convert("RGB")
    if not strength:
        return picture
    return ImageChops.add(picture, _thresholds(frame.width, frame.height, strength), offset=-128)


@functools.cache
def _thresholds(width: int, height: int, strength: float) -> Any:
    """An RGB image of Bayer's 8 × 8 matrix, tiled, from 128 - strength / 2 to 128 + strength / 2."""
    from PIL import Image

    matrix = _bayer(3)
    rows = [bytes(round(128 + strength * ((v + 0.5) / 64 - 0.5)) for v in row) * (width // 8 + 1) for row in matrix]
    tiled = b"".join(rows[y % 8][:width] for y in range(height))
    return Image.frombytes("L", (width, height), tiled).convert("RGB")


def _bayer(order: int) -> list[list[int]]:
    """Bayer's matrix of 2**order × 2**order thresholds, 0 to 4**order - 1 (IEEE ICC 1973)."""
    if order == 0:
        return [[0]]
    inner = [[4 * v for v in row] for row in _bayer(order - 1)]
    top = [[*row, *(v + 2 for v in row)] for row in inner]
    return top + [[*(v + 3 for v in row), *(v + 1 for v in row)] for row in inner]
