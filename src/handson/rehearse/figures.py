"""The arithmetic of a rehearsal: quantiles, throughput, how many this host holds. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from handson.rehearse.measured import Done, Marks, Measured

COMPUTING = 0.7
"""Of a lesson's minutes, the share in which a class may compute; the rest is read, listened to and typed."""


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of all do not exceed (nearest rank); None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def throughput(trainings: Sequence[Marks]) -> float | None:
    """Images per second of all together, in the time in which all of them ran; None where there is no such time.

    Between two marks, a training is taken to be even.
    """
    running = [marks for marks in trainings if len(marks) >= 2]
    if not running or len(running) < len(trainings):
        return None
    begin, end = max(marks[0][0] for marks in running), min(marks[-1][0] for marks in running)
    if end <= begin:
        return None
    return sum(_images(marks, end) - _images(marks, begin) for marks in running) / (end - begin)


def _images(marks: Marks, at: float) -> float:
    """Images done at a time between the first mark and the last."""
    for (before, fewer), (after, more) in pairwise(marks):
        if at <= after:
            share = (at - before) / (after - before) if after > before else 1.0
            return fewer + (more - fewer) * share
    return float(marks[-1][1])


def few_trained(measured: Measured) -> float | None:
    """Images per second of one training on each core while the class rested: the mean of before and after."""
    seen = [rate for marks in measured.few if (rate := throughput(marks)) is not None]
    return mean(seen) if seen else None


def trained_share(measured: Measured) -> float | None:
    """All trainings together, of what one on each core did in the minute before and after."""
    few, together = few_trained(measured), throughput(measured.trainings)
    return together / few if few and together is not None else None


def memory_free(measured: Measured) -> float | None:
    """The smallest share of the host's memory that was free."""
    return min((1 - look.memory_used / look.memory_total for look in measured.looks), default=None)


def mean(values: Sequence[float]) -> float:
    """Their mean; 0 of none."""
    return sum(values) / len(values) if values else 0.0


def memory_per_seat(before: int, peak: int, seats: int) -> float | None:
    """Bytes of the host's memory that each seat took; None where nothing can be told."""
    return (peak - before) / seats if seats > 0 and peak > before else None


def seats_by_memory(total: int, before: int, per_seat: float, free: float) -> int:
    """Seats that fit beside what was used before, with a share `free` of the memory left free."""
    return max(0, math.floor((total * (1 - free) - before) / per_seat))


def cpu_seconds(done: Sequence[Done]) -> dict[str, float]:
    """CPU-seconds that each lesson asks of a kernel.

    The median of those attendees whose trainings all came to their end; where there is none, the most that was seen.
    """
    asked = {}
    for name in dict.fromkeys(one.lesson for one in done):
        whole = [one.cpu_seconds for one in done if one.lesson == name and not one.cut_short]
        middle = quantile(whole, 0.5)
        asked[name] = middle if middle is not None else max(one.cpu_seconds for one in done if one.lesson == name)
    return asked


def seats_by_cpu(cores: int, done: Sequence[Done], share: float = COMPUTING) -> tuple[int, str] | None:
    """Seats for which every lesson's work fits into `share` of its minutes, and the lesson that allows the fewest.

    None where nothing was measured.
    """
    minutes = {one.lesson: one.minutes for one in done}
    fitting = [
        (math.floor(cores * minutes[name] * 60 * share / spent), name)
        for name, spent in cpu_seconds(done).items()
        if spent > 0 and minutes[name] > 0
    ]
    return min(fitting) if fitting else None


@dataclass(frozen=True)
class Capacity:
    """How many attendees this host holds; None where that could not be seen."""

    by_memory: int | None
    """Seats that fit into its memory."""
    memory_per_seat: float | None
    """Bytes."""
    by_cpu: int | None
    """Seats whose trainings all come to their end; with more, the lessons' clocks end those that run together."""
    lesson: str
    """The lesson that decides by_cpu."""


def capacity(measured: Measured, seats: int, free: float) -> Capacity:
    """What follows from a rehearsal in which `seats` came; of the host's memory the share `free` stays free."""
    each = by_memory = None
    if measured.before is not None and measured.looks:
        peak = max(look.memory_used for look in measured.looks)
        each = memory_per_seat(measured.before.memory_used, peak, seats)
        if each is not None:
            by_memory = seats_by_memory(measured.before.memory_total, measured.before.memory_used, each, free)
    cpu = seats_by_cpu(measured.cores, measured.lessons) if measured.cores else None
    return Capacity(by_memory, each, cpu[0] if cpu else None, cpu[1] if cpu else "")
