"""Free memory between objects, filled before the fork: a child's first objects would land there, a page for each.

CPython keeps small objects of one size together in pools. After thousands of imports most pools have a few free places.
A child that uses them makes whole pages its own for a few bytes; without them it takes new pages and fills them.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile

_CLASS = re.compile(r"^ *\d+ +(\d+) +\d+ +\d+ +(\d+) *$", re.MULTILINE)
_kept: list[object] = []


def fill_holes() -> int:
    """Occupy what is free in the pools of CPython's allocator for good; the bytes that this took, of pages in use."""
    total = 0
    for size, free in free_places():
        total += size * free
        if size == 16:
            _kept.append([object() for _ in range(free)])
        elif size == 32:
            _kept.append([number + 0.5 for number in range(free)])
        elif size >= 48:
            _kept.append([bytes(size - 33) for _ in range(free)])
    return total


def free_places() -> list[tuple[int, int]]:
    """How many objects of which size (bytes) fit into pools that are in use, as CPython's own statistics say."""
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        try:
            sys.stderr.flush()
            os.dup2(file.fileno(), 2)
            sys._debugmallocstats()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        file.seek(0)
        text = file.read().decode(errors="replace")
    return [(int(size), int(free)) for size, free in _CLASS.findall(text)]
