"""Pictures out of files: by Pillow where it is; else PNG and PPM (on the lesson page the browser reads all others)."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator

from handson.lab.pillow import pillow
from handson.lab.png import Pixels, interleaved, pixels

PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
_MOST_PIXELS = 50_000_000
"""Checked before anything is unpacked: 150 MB in memory."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Numbers for each pixel in PNG's color types: gray, RGB, palette, gray and opacity, RGB and opacity."""


class UnreadableError(ValueError):
    """A file that cannot be read as a picture here; the message says why."""


def rgb_of(content: bytes) -> Pixels:
    """The picture in a file as red, green and blue (transparency is left out). Raises UnreadableError."""
    image = pillow()
    if image is None:
        return decoded(content).rgb()
    try:
        with image.open(io.BytesIO(content)) as picture:
            return pixels(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise UnreadableError(str(error)) from None


def decoded(content: bytes) -> Pixels:
    """The picture in a PNG or PPM file, without Pillow: gray, RGB or RGBA.

    Read are PNG of 8 bits, not interlaced (W3C, PNG specification, third edition), and binary PPM of 8 bits (P6,
    netpbm.sourceforge.net). Raises UnreadableError.
    """
    try:
        if content.startswith(PNG_BEGINS):
            return _png(content)
        if content.startswith(b"P6"):
            return _ppm(content)
    except (struct.error, zlib.error, IndexError, KeyError) as error:
        raise UnreadableError(f"it is damaged or cut off ({error})") from None
    raise UnreadableError("only PNG and PPM are read where Pillow is not installed")


def ppm(picture: Pixels) -> bytes:
    """A picture in RGB as a binary PPM file: the bytes as they are, behind a line that says its size."""
    if picture.channels != 3:
        raise ValueError(f"A PPM file has 3 channels, this picture {picture.channels}.")
    return b"P6 %d %d 255\n" % (picture.width, picture.height) + picture.data


def _ppm(content: bytes) -> Pixels:
    found = re.match(rb"P6\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s", content)
    if found is None:
        raise UnreadableError("it is damaged or cut off (no size)")
    width, height, most = (int(number) for number in found.groups())
    _check_size(width, height)
    data = content[found.end() :]
    if most != 255 or len(data) != 3 * width * height:
        raise UnreadableError(f"it says {width} × {height} pixels up to {most}, and holds {len(data):,} bytes")
    return Pixels(width, height, 3, data)


def _png(content: bytes) -> Pixels:
    chunks = list(_chunks(content))
    if chunks[0][0] != b"IHDR":
        raise UnreadableError("it is damaged or cut off (no header)")
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if bits != 8 or interlaced:
        raise UnreadableError("a PNG that is interlaced, or not of 8 bits, is not read where Pillow is not installed")
    _check_size(width, height)
    channels = _CHANNELS[kind]
    unpacking = zlib.decompressobj()
    most = (width * channels + 1) * height  # each row behind the byte that names its filter
    packed = unpacking.decompress(b"".join(data for name, data in chunks if name == b"IDAT"), most + 1)
    if not unpacking.eof or len(packed) > most:
        raise UnreadableError("it is cut off, or holds more than its size says")
    data = _unfiltered(packed, width * channels, height, channels)
    if kind == 3:
        palette = dict(chunks)[b"PLTE"].ljust(768, b"\0")
        return Pixels(width, height, 3, interleaved([data.translate(palette[c::3]) for c in range(3)]))
    if kind == 4:
        return Pixels(width, height, 4, interleaved([data[0::2]] * 3 + [data[1::2]]))
    return Pixels(width, height, channels, data)


def _check_size(width: int, height: int) -> None:
    if not width * height:
        raise UnreadableError(f"it says {width} × {height} pixels")
    if width * height > _MOST_PIXELS:
        millions = f"{width * height / 1e6:,.0f} million pixels; at most {_MOST_PIXELS / 1e6:.0f} million"
        raise UnreadableError(f"it has {millions} fit into the memory of a small laptop")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_BEGINS)
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        if len(data) < length:
            raise UnreadableError("it is cut off")
        yield name, data
        at += length + 12


def _unfiltered(packed: bytes, stride: int, height: int, channels: int) -> bytes:
    """The rows without PNG's filters, which predict a byte from its neighbors."""
    if len(packed) != (stride + 1) * height:
        raise UnreadableError("it is cut off")
    above, rows = bytes(stride), []
    for start in range(0, len(packed), stride + 1):
        row = packed[start + 1 : start + 1 + stride]
        if packed[start]:
            row = _unfiltered_row(packed[start], bytearray(row), above, channels)
        rows.append(row)
        above = row
    return b"".join(rows)


def _unfiltered_row(kind: int, row: bytearray, above: bytes, channels: int) -> bytes:
    for i in range(len(row)):
        left = row[i - channels] if i >= channels else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        elif kind == 4:
            guess = _paeth(left, above[i], above[i - channels] if i >= channels else 0)
        else:
            raise UnreadableError(f"it has a filter {kind}, which PNG does not know")
        row[i] = (row[i] + guess) & 255
    return bytes(row)


def _paeth(left: int, above: int, corner: int) -> int:
    """Of the three neighbors the nearest to left + above - corner (Paeth, 1991)."""
    guess = left + above - corner
    to_left, to_above, to_corner = abs(guess - left), abs(guess - above), abs(guess - corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner
