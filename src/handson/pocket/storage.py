"""Memory of tensors: taken from Python's allocator, kept for the next tensor of that size, given back when too much
lies idle."""

from __future__ import annotations

import ctypes
import gc
from functools import lru_cache
from typing import Any

_ALIGNMENT = 64
_MOST_IDLE = 256 * 2**20
"""Bytes that may lie idle before they are given back."""

_malloc = ctypes.pythonapi.PyMem_RawMalloc
_malloc.argtypes, _malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
_free = ctypes.pythonapi.PyMem_RawFree
_free.argtypes, _free.restype = [ctypes.c_void_p], None

_LARGEST = 2 ** (8 * ctypes.sizeof(ctypes.c_void_p) - 1) - 2**16
_idle: dict[int, list[int]] = {}
_idle_bytes = 0


class Storage:
    """Bytes at an address. `version` counts the changes in place, so that backward can tell that a value was
    overwritten."""

    __slots__ = ("_keep", "_raw", "_size", "address", "nbytes", "version")

    def __init__(self, nbytes: int, shape: tuple[int, ...] = ()) -> None:
        """Not initialised. Raises RuntimeError, naming the shape, where there is no such memory."""
        global _idle_bytes
        self._raw = 0
        self.nbytes = nbytes
        self.version = 0
        self._keep: Any = None
        self._size = size = _rounded(nbytes)
        waiting = _idle.get(size)
        if waiting:
            raw = waiting.pop()
            _idle_bytes -= size
        else:
            raw = _taken(size) or 0
            if not raw:
                raise RuntimeError(
                    f"not enough memory: you tried to allocate {nbytes:,} bytes for a tensor of shape {list(shape)}."
                )
        self._raw = raw
        self.address = -(-raw // _ALIGNMENT) * _ALIGNMENT

    @classmethod
    def over(cls, memory: Any, nbytes: int) -> Storage:
        """The memory of a ctypes array, which is kept alive."""
        self = cls.__new__(cls)
        self._raw, self._size, self.nbytes, self.version = 0, 0, nbytes, 0
        self._keep = memory
        self.address = ctypes.addressof(memory)
        return self

    @classmethod
    def within(cls, other: Storage, start: int, nbytes: int) -> Storage:
        """A part of another's memory, which is kept alive; its changes are counted by themselves."""
        self = cls.__new__(cls)
        self._raw, self._size, self.nbytes, self.version = 0, 0, nbytes, 0
        self._keep = other
        self.address = other.address + start
        return self

    def __del__(self) -> None:
        global _idle_bytes
        if self._raw and _free is not None:
            if _idle_bytes + self._size > _MOST_IDLE:
                _free(self._raw)
            else:
                _idle.setdefault(self._size, []).append(self._raw)
                _idle_bytes += self._size


@lru_cache(4096)
def _rounded(nbytes: int) -> int:
    """Sizes in steps of an eighth, so that tensors of about one size share what lies idle."""
    step = max(512, 1 << max(0, nbytes.bit_length() - 4))
    return max(1, -(-nbytes // step)) * step


def _taken(size: int) -> int | None:
    if size > _LARGEST:
        return None
    raw: int | None = _malloc(size + _ALIGNMENT)
    if raw is None and _idle_bytes:
        give_back()
        raw = _malloc(size + _ALIGNMENT)
    if raw is None:  # tensors that only hold each other, such as the graph of an error's frames
        gc.collect()
        give_back()
        raw = _malloc(size + _ALIGNMENT)
    return raw


def give_back() -> None:
    """Return all that lies idle to Python's allocator."""
    global _idle, _idle_bytes
    idle, _idle, _idle_bytes = _idle, {}, 0  # first: another tensor may end meanwhile
    for waiting in idle.values():
        for raw in waiting:
            _free(raw)
