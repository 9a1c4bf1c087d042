"""Animated GIFs: one palette for all frames and a dither that stands still from frame to frame keep the files small."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence

import torch

from handson.lab.palette import Color, indexed, palette_of
from handson.lab.png import Pixels

_LARGEST = 1_500_000
"""Bytes that a GIF should not pass: what messengers and slides take without a thought."""
_ATTEMPTS = ((255, 8.0, 1), (255, 0.0, 1), (96, 0.0, 1), (96, 0.0, 2), (64, 0.0, 3))
"""Colours, strength of the dither (of 255) and stride over the frames, tried in this order until the file is small.
One number of 256 is left for what does not change."""
_MOST_CODES = 4096


def gif(frames: Sequence[Pixels], fps: float = 10, hold: float = 2.0, largest: int = _LARGEST) -> tuple[bytes, str]:
    """An endless GIF of `frames` (all of one size), the last one held for `hold` seconds; and what that cost, in words.

    The palette is of the frames together, the last ones counting most. Where the file would pass `largest` bytes, the
    dither goes first, then colours, then every second frame; the text says which, or is empty. Dithering is ordered
    (Bayer 1973): what does not change between two frames does not change in the file, unlike with error diffusion.
    Format: CompuServe, Graphics Interchange Format, version 89a (1990).
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
    width, height = frames[0].width, frames[0].height
    # Up to eight of the frames, the last one among them twice.
    palette = palette_of([*frames[:: max(1, len(frames) // 6)][:6], frames[-1], frames[-1]], colors)
    thresholds = _thresholds(width, height, strength) if strength else None
    bits = max(2, len(palette).bit_length())  # the number after the last color means: as before
    usual = max(2, round(100 / fps))
    delays = [usual] * (len(frames) - 1) + [max(usual, round(hold * 100))]
    parts = [_beginning(width, height, palette, bits)]
    before: torch.Tensor | None = None
    for frame, delay in zip(frames, delays, strict=True):
        now = indexed(frame, palette, thresholds)
        parts.append(_image(now, before, len(palette), bits, delay))
        before = now
    return b"".join([*parts, b";"])


def _beginning(width: int, height: int, palette: Sequence[Color], bits: int) -> bytes:
    """Size and palette, and that it runs for ever."""
    table = b"".join(bytes(color) for color in palette).ljust(3 << bits, b"\0")
    screen = struct.pack("<HHBBB", width, height, 0xF0 | (bits - 1), 0, 0)
    return b"GIF89a" + screen + table + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def _image(now: torch.Tensor, before: torch.Tensor | None, same: int, bits: int, delay: int) -> bytes:
    """One frame: the part of it that is not as `before`, and in that part the number `same` for what is."""
    top, left, height, width = 0, 0, *now.shape
    if before is not None:
        changed = now != before
        top, height = _extent(changed.any(1).tolist())
        left, width = _extent(changed.any(0).tolist())
        part, kept = now[top : top + height, left : left + width], changed[top : top + height, left : left + width]
        now = torch.where(kept, part, torch.full_like(part, same))
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 0x04 | (before is not None), delay, same, 0)
    place = struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0)
    packed = _lzw(bytes(now.flatten().tolist()), bits)
    blocks = [bytes([len(packed[i : i + 255])]) + packed[i : i + 255] for i in range(0, len(packed), 255)]
    return control + place + bytes([bits]) + b"".join(blocks) + b"\0"


def _extent(changed: Sequence[bool]) -> tuple[int, int]:
    """Where the true ones begin, and how far they reach; (0, 1) where none is."""
    if not any(changed):
        return 0, 1
    first = changed.index(True)
    return first, len(changed) - list(reversed(changed)).index(True) - first


def _lzw(numbers: bytes, bits: int) -> bytes:
    """`numbers`, each below 2**bits, as GIF packs them (Welch, 1984, with codes that grow from bits + 1 to 12 bits)."""
    clear = 1 << bits
    known: dict[int, int] = {}
    unused, size = clear + 2, bits + 1
    packed, buffer, filled = bytearray(), clear, size
    code = numbers[0]
    for number in numbers[1:]:
        key = code << 8 | number
        if key in known:
            code = known[key]
            continue
        buffer |= code << filled
        filled += size
        if unused < _MOST_CODES:
            known[key] = unused
            size += unused >> size
            unused += 1
        else:
            buffer |= clear << filled
            filled += size
            known.clear()
            unused, size = clear + 2, bits + 1
        code = number
        if filled >= 512:
            packed += (buffer & ((1 << 512) - 1)).to_bytes(64, "little")
            buffer >>= 512
            filled -= 512
    buffer |= code << filled
    filled += size
    size += (unused >> size) & (size < 12)
    buffer |= (clear + 1) << filled
    return bytes(packed + buffer.to_bytes((filled + size + 7) // 8, "little"))


@functools.cache
def _thresholds(width: int, height: int, strength: float) -> torch.Tensor:
    """Bayer's 8 × 8 matrix, tiled, from -strength / 2 to strength / 2: (height, width, 1)."""
    matrix = (torch.tensor(_bayer(3)).float() + 0.5) / 64 - 0.5
    tiled = matrix.repeat(height // 8 + 1, width // 8 + 1)[:height, :width]
    return (strength * tiled)[..., None]


def _bayer(order: int) -> list[list[int]]:
    """Bayer's matrix of 2**order × 2**order thresholds, 0 to 4**order - 1 (IEEE ICC 1973)."""
    if order == 0:
        return [[0]]
    inner = [[4 * v for v in row] for row in _bayer(order - 1)]
    top = [[*row, *(v + 2 for v in row)] for row in inner]
    return top + [[*(v + 3 for v in row), *(v + 1 for v in row)] for row in inner]
