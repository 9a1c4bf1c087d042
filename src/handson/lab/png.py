"""Pixels: what counts as a picture, and a small PNG writer that needs zlib only (there is no Pillow in the browser)."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
"""PNG's colour type for each number of channels: grey, RGB, RGBA."""
_SMALL_ENOUGH = 240
"""Pixels of the longer side of what a palette is chosen from."""
_BYTES_AS_FLOAT = 16.0
"""A float picture with values above this holds 0..255, not 0..1 with some overshoot."""


@dataclass(frozen=True)
class Pixels:
    """A picture as bytes, row by row: 1 (grey), 3 (RGB) or 4 (RGBA) for each pixel."""

    width: int
    height: int
    channels: int
    data: bytes

    def png(self, level: int = 6) -> bytes:
        """The picture as a PNG file (W3C PNG specification, third edition); `level` is zlib's, 1 fast to 9 small."""
        stride = self.width * self.channels
        rows = b"".join(b"\0" + self.data[i : i + stride] for i in range(0, len(self.data), stride))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, _COLOR_TYPES[self.channels], 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", header)
            + _chunk(b"IDAT", zlib.compress(rows, level))
            + _chunk(b"IEND", b"")
        )

    def data_url(self, level: int = 6) -> str:
        """The PNG as a data: URL."""
        return "data:image/png;base64," + base64.b64encode(self.png(level)).decode("ascii")


def fewer_colors(content: bytes, colors: int) -> bytes:
    """A PNG file with at most `colors` (2 to 256) colors, chosen for it: photos take about a third of the bytes."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        whole = picture.convert("RGB")
    small = whole.copy()
    small.thumbnail((_SMALL_ENOUGH, _SMALL_ENOUGH))  # k-means over all pixels takes half a minute
    palette = small.quantize(colors, method=Image.Quantize.MEDIANCUT, kmeans=1)
    indexed = whole.quantize(palette=palette, dither=Image.Dither.NONE)
    file = io.BytesIO()
    indexed.save(file, "PNG", optimize=True)
    return file.getvalue()


def pixels(picture: Any) -> Pixels:
    """The bytes of a picture: tensor (H, W), (H, W, 1|3|4) or (1|3, H, W), float 0..1 or integer 0..255; or PIL image.

    Float values outside 0..1 are clipped, nan is black. Raises TypeError or ValueError, saying what was found, for
    anything else.
    """
    if hasattr(picture, "getpixel"):
        picture = picture if picture.mode in ("L", "RGB", "RGBA") else picture.convert("RGB")
        return Pixels(picture.width, picture.height, len(picture.mode.replace("L", "_")), picture.tobytes())
    if not isinstance(picture, torch.Tensor):
        raise TypeError(f"A picture is a tensor or a PIL image; this is a {type(picture).__name__}.")
    values = _rows_columns_channels(picture.detach())
    height, width, channels = values.shape
    return Pixels(width, height, channels, bytes(as_bytes(values).flatten().tolist()))


def as_bytes(values: torch.Tensor) -> torch.Tensor:
    """Values 0..1 (float or bool) or 0..255 (integers) as uint8 of the same shape."""
    if values.dtype == torch.uint8:
        return values
    if values.dtype == torch.bool:
        return values.to(torch.uint8) * 255
    if not values.is_floating_point():
        return values.clamp(0, 255).to(torch.uint8)
    values = torch.nan_to_num(values.float())
    if float(values.max()) > _BYTES_AS_FLOAT:
        raise ValueError(
            f"A picture of floats has values from 0 to 1; this one reaches {float(values.max()):.4g}. Divide it by 255."
        )
    return (values.clamp(0, 1) * 255).round().to(torch.uint8)


def is_single(images: Any) -> bool:
    """Whether `images` is one picture rather than several. A tensor (3, H, W) counts as one, in colour."""
    if hasattr(images, "getpixel"):
        return True
    if not isinstance(images, torch.Tensor):
        return False
    if images.dim() == 2:
        return True
    return images.dim() == 3 and (images.shape[-1] in (1, 3, 4) or images.shape[0] in (1, 3))


def several(images: Any, captions: Sequence[str] | None) -> list[Any]:
    """The pictures in `images`: one picture, a list of them, or a tensor (N, …)."""
    as_many = captions is not None and len(captions) > 1 and hasattr(images, "__len__") and len(images) == len(captions)
    return [images] if is_single(images) and not as_many else list(images)


def _rows_columns_channels(picture: torch.Tensor) -> torch.Tensor:
    """The same picture as (H, W, C)."""
    shape = tuple(picture.shape)
    if 0 not in shape:
        if len(shape) == 2:
            return picture.unsqueeze(-1)
        if len(shape) == 3 and shape[-1] in _COLOR_TYPES:
            return picture
        if len(shape) == 3 and shape[0] in (1, 3):
            return picture.permute(1, 2, 0)
    raise ValueError(f"A picture has the shape (H, W), (H, W, 3) or (3, H, W); this one has {shape}.")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
