"""Pixels: what counts as a picture, and a small PNG writer that needs zlib only (there is no Pillow in the browser)."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
"""PNG's colour type for each number of channels: grey, RGB, RGBA."""
_PALETTE = 3
_BYTES_AS_FLOAT = 16.0
"""A float picture with values above this holds 0..255, not 0..1 with some overshoot."""


@dataclass(frozen=True)
class Pixels:
    """A picture as bytes, row by row: 1 (grey), 3 (RGB) or 4 (RGBA) for each pixel."""

    width: int
    height: int
    channels: int
    data: bytes

    def rgb(self) -> Pixels:
        """The same picture in red, green and blue; transparency is left out."""
        if self.channels == 3:
            return self
        planes = [self.data[c :: self.channels] for c in range(3)] if self.channels == 4 else [self.data] * 3
        return Pixels(self.width, self.height, 3, interleaved(planes))

    def png(self, level: int = 6) -> bytes:
        """The picture as a PNG file (W3C PNG specification, third edition); `level` is zlib's, 1 fast to 9 small."""
        return _file(self.width, self.height, _COLOR_TYPES[self.channels], self.data, level)

    def data_url(self, level: int = 6) -> str:
        """The PNG as a data: URL."""
        return "data:image/png;base64," + base64.b64encode(self.png(level)).decode("ascii")


def interleaved(planes: Sequence[bytes]) -> bytes:
    """One byte of each plane in turn."""
    joined = bytearray(len(planes) * len(planes[0]))
    for channel, plane in enumerate(planes):
        joined[channel :: len(planes)] = plane
    return bytes(joined)


def indexed_png(width: int, height: int, numbers: bytes, palette: bytes) -> bytes:
    """A PNG file of numbers, one for each pixel, into a palette of at most 256 colors, three bytes each."""
    return _file(width, height, _PALETTE, numbers, 9, _chunk(b"PLTE", palette))


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


def _file(width: int, height: int, color_type: int, data: bytes, level: int, before: bytes = b"") -> bytes:
    stride = len(data) // height
    rows = b"".join(b"\0" + data[i : i + stride] for i in range(0, len(data), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    content = _chunk(b"IDAT", zlib.compress(rows, level))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + before + content + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
