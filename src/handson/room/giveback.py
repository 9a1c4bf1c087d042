"""Memory that a process has freed, given back to the host: the C library would keep it for the next time.

Thirty kernels would keep it for thirty next times.
"""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

WORTH_IT = 8 << 20
"""Bytes that a process must have grown by since it last gave memory back."""


def give_back() -> None:
    """Give back what is free (glibc's malloc_trim); other C libraries do so by themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class GiveBack:
    """Called after each piece of work: gives back where the process has grown by much."""

    def __init__(self) -> None:
        self._before = resident_bytes()

    def __call__(self, _result: object = None) -> None:
        """Of a cell of IPython, `_result` is its result."""
        if resident_bytes() - self._before > WORTH_IT:
            give_back()
            self._before = resident_bytes()
        self._before = min(self._before, resident_bytes())


def resident_bytes() -> int:
    """What this process has in memory, shared with others or not."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
