"""The first cell of a lesson: how fast is this laptop, and what is planned for it."""

from __future__ import annotations

import os
import time

import torch

from handson.lab import front, room
from handson.lab.style import number

CHECK_VARIABLE = "HANDSON_CHECK"
"""Set by `handson check`: plan as on the reference laptop; budgets are held by CPU time, not by the clock."""
SEED_VARIABLE = "HANDSON_SEED"

REFERENCE_STEPS_PER_SECOND = 80.0
"""What `_steps_per_second` gives on the reference laptop, idle (bench/reference.md)."""
_OF_A_PAGE = 1 / 4
"""What of it a page may have to give: it takes twice the CPU-seconds (docs/page.md), and one core where that laptop has
two."""
_FAST_ENOUGH = 0.5

_speed = 1.0
known: tuple[int, float] | None = None
"""A number of threads, and the training steps a second with them; set where they were measured for all (in a room)."""


def begin() -> None:
    """Measure this laptop for a second or two and say what that means for the trainings of this lesson.

    Where `torch` is not PyTorch, that is said, too.
    """
    global _speed
    room.tell("opened")
    if torch.__name__ != "torch":
        print("`torch` is handson.pocket here: PyTorch's names and ways in a small library, no PyTorch.")
    if being_checked():
        _speed = 1.0
        print("Planned for the reference laptop.")
        return
    cores = torch.get_num_threads()
    steps = known[1] if known and known[0] == cores else _steps_per_second()
    _speed = steps / (REFERENCE_STEPS_PER_SECOND * (_OF_A_PAGE if front.in_browser() else 1))
    threads = "1 thread" if cores == 1 else f"{cores} threads"
    whose = "a page on our reference laptop" if front.in_browser() else f"our reference laptop ({threads})"
    line = f"This laptop trains at about {number(_speed, digits=2)} × the speed of {whose}."
    if _speed < _FAST_ENOUGH:
        line += f" The trainings are made shorter: about {100 * pace(1000) / 1000:.0f} % of the steps."
    print(line)


def measured() -> tuple[int, float]:
    """What `known` may be set to in processes that are forked from this one's parent."""
    return torch.get_num_threads(), _steps_per_second()


def pace(steps: int, at_least: float = 0.2) -> int:
    """`steps`, or fewer on a laptop that is less than half as fast as the reference; never below `at_least` of them."""
    if _speed >= _FAST_ENOUGH:
        return steps
    return max(1, round(steps * max(at_least, _speed / _FAST_ENOUGH)))


def seed() -> int:
    """The seed of this run: 0, unless `handson check --seeds` runs several."""
    return int(os.environ.get(SEED_VARIABLE, "0"))


def being_checked() -> bool:
    """Whether `handson check` is running this notebook."""
    return os.environ.get(CHECK_VARIABLE) == "1"


def _steps_per_second(rounds: int = 40, steps: int = 2, seconds: float = 1.5) -> float:
    """Training steps a second of a small convolution on 64 images of 28 × 28; the best of `rounds`, or of as many as
    begin within so many `seconds`."""
    best, end = 0.0, time.perf_counter() + seconds
    with torch.random.fork_rng():
        network = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 5), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 5), torch.nn.Flatten(),
            torch.nn.Linear(32 * 20 * 20, 10),
        )  # fmt: skip
        images, labels = torch.rand(64, 1, 28, 28), torch.zeros(64, dtype=torch.long)
        for number in range(rounds + 1):
            start = time.perf_counter()
            for _ in range(steps):
                seen = images
                for layer in network:  # one by one: nothing is shared out to other cores (see handson.pocket.parallel)
                    seen = layer(seen)
                torch.nn.functional.cross_entropy(seen, labels).backward()
            now = time.perf_counter()
            best = max(best, steps / (now - start))
            if number and now > end:  # the first one loads what it needs
                break
    return best
