"""Where memory ends: what lies idle and what is garbage is given back first, then a Python exception names the shape."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import handson.pocket as pocket
from handson.pocket import storage

LARGE = 2**20
"""Elements of a tensor of 4 MiB, more than half of what the small heap of these tests has."""


class Heap:
    """Python's allocator with an end: no more than so many bytes at a time."""

    def __init__(self, limit: int) -> None:
        self.limit, self.refused = limit, 0
        self.sizes: dict[int, int] = {}
        self._malloc: Callable[[int], int | None] = storage._malloc
        self._free: Callable[[int], None] = storage._free

    def malloc(self, size: int) -> int | None:
        if sum(self.sizes.values()) + size > self.limit:
            self.refused += 1
            return None
        raw = self._malloc(size)
        assert raw is not None
        self.sizes[raw] = size
        return raw

    def free(self, raw: int) -> None:
        self.sizes.pop(raw, None)  # or a tensor from before this heap
        self._free(raw)


@pytest.fixture
def heap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heap]:
    gc.collect()
    storage.give_back()
    gc.disable()
    small = Heap(6 * 2**20)
    monkeypatch.setattr(storage, "_malloc", small.malloc)
    monkeypatch.setattr(storage, "_free", small.free)
    yield small
    gc.enable()


def test_what_lies_idle_is_given_back(heap: Heap) -> None:
    pocket.zeros(LARGE)
    assert storage._idle_bytes >= 4 * LARGE
    another = pocket.ones(2, LARGE // 2 + 100_000)
    assert heap.refused == 1
    assert not storage._idle_bytes
    assert another.sum() == LARGE + 200_000


def test_garbage_is_collected_and_tried_again(heap: Heap) -> None:
    circle: list[Any] = [pocket.zeros(LARGE)]
    circle.append(circle)
    gone = weakref.ref(circle[0])
    del circle
    assert gone() is not None
    assert pocket.ones(LARGE).sum() == LARGE
    assert gone() is None
    assert heap.refused == 1


def test_then_an_exception_names_the_shape(heap: Heap) -> None:
    kept = pocket.ones(LARGE)
    with pytest.raises(RuntimeError, match=r"not enough memory.* 4,194,304 bytes for a tensor of shape \[4, 262144\]"):
        pocket.zeros(4, LARGE // 4)
    assert heap.refused == 2
    with pytest.raises(RuntimeError, match=r"not enough memory.*\[1048576\]"):
        kept * 2
    assert (kept[:1000] * 2).sum() == 2000  # all goes on
    del kept
    assert pocket.zeros(4, LARGE // 4).shape == (4, LARGE // 4)


def test_more_than_can_be_addressed_is_not_asked_for(heap: Heap) -> None:
    with pytest.raises(RuntimeError, match=r"not enough memory.*\[4611686018427387904\]"):
        pocket.empty(2**62)
    assert not heap.refused


REAL = """
import gc, resource
import handson.pocket as torch

gc.disable()
def mapped():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

torch.zeros(1000)
resource.setrlimit(resource.RLIMIT_AS, (mapped() + 300 * 2**20,) * 2)
circle = [torch.ones(50, 2**20)]
circle.append(circle)
del circle
x = torch.ones(50, 2**20)
try:
    x + 1
except RuntimeError as error:
    print(error)
print(float((x[0] + 1).sum()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to RLIMIT_AS")
def test_a_process_that_gets_no_more_memory() -> None:
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said = (
        "not enough memory: you tried to allocate 209,715,200 bytes for a tensor of shape [50, 1048576].\n2097152.0\n"
    )
    assert done.stdout == said
