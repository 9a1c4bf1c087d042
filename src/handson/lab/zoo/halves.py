"""Numbers of 16 bits (IEEE 754 binary16) as bytes, with nothing but the standard library: pocket has no float16."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence

import torch


def to_halves(numbers: Sequence[float]) -> bytes:
    """Each number as two bytes, little-endian. Raises OverflowError for one beyond 65504."""
    return struct.pack(f"<{len(numbers)}e", *numbers)


def from_halves(content: bytes) -> torch.Tensor:
    """The numbers as float32, (N,)."""
    return torch.frombuffer(array("f", struct.unpack(f"<{len(content) // 2}e", content)), dtype=torch.float32)
