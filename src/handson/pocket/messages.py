"""What processes that share a network say to each other: a few plain values, and tensors, in one piece of memory.

A message is written once where it will be sent from, and its tensors stay where they arrived. In it, in order: two
lengths (int64), the values and the tensors' shapes and dtypes (both pickled), then each tensor at a multiple of 64
bytes.
"""

from __future__ import annotations

import ctypes
import pickle
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from handson.pocket.dtypes import dtype
from handson.pocket.storage import Storage
from handson.pocket.tensor import Size, Tensor, contiguous, contiguous_strides, make, numel

_ALIGNMENT = 64
_LENGTHS = struct.Struct("<qq")

_Kinds = tuple[tuple[Size, dtype], ...]


@lru_cache(64)
def _described(kinds: _Kinds) -> bytes:
    return pickle.dumps(tuple((tuple(shape), kind) for shape, kind in kinds))


@lru_cache(64)
def _places(description: bytes) -> tuple[int, tuple[tuple[int, int, Size, tuple[int, ...], dtype], ...]]:
    """All bytes of some tensors, and of each: where it begins, its bytes, shape, strides and dtype."""
    places, at = [], 0
    for shape, kind in pickle.loads(description):
        nbytes = numel(shape) * kind.itemsize
        places.append((at, nbytes, Size(shape), contiguous_strides(shape), kind))
        at = _aligned(at + nbytes)
    return at, tuple(places)


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT


def packed(values: tuple[Any, ...], tensors: Sequence[Tensor]) -> Storage:
    """A message, to be sent as it lies in memory."""
    description = _described(tuple((t.shape, t.dtype) for t in tensors))
    size, places = _places(description)
    text = pickle.dumps(values)
    head = _LENGTHS.pack(len(text), len(description)) + text + description
    begin = _aligned(len(head))
    memory = Storage(begin + size)
    address = memory.address
    ctypes.memmove(address, head, len(head))
    for t, (at, nbytes, *_) in zip(tensors, places, strict=True):
        whole = contiguous(t)  # kept until it was copied
        ctypes.memmove(address + begin + at, whole.data_ptr(), nbytes)
    return memory


def unpacked(memory: Storage) -> tuple[tuple[Any, ...], list[Tensor]]:
    """The values of a message, and its tensors, which lie in its memory."""
    address = memory.address
    values, description = _LENGTHS.unpack(ctypes.string_at(address, _LENGTHS.size))
    text = ctypes.string_at(address + _LENGTHS.size, values + description)
    begin = _aligned(_LENGTHS.size + len(text))
    _, places = _places(text[values:])
    return pickle.loads(text), [
        make(Storage.within(memory, begin + at, nbytes), 0, shape, strides, kind)
        for at, nbytes, shape, strides, kind in places
    ]
