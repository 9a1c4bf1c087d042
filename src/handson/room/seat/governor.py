"""Who computes for long yields to who has just begun: weights of seats from what they have used of late.

Each seat has a debt: the CPU seconds that it has used, which are forgotten by half every HALF_LIFE seconds. A seat
without debt weighs most. So a cell that was just started comes before those that have run for seconds, and those share
what is left equally, whatever they run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from handson.room.seat.cgroups import WEIGHT, Groups

HALF_LIFE = 3.0
"""Seconds."""
FREE = 0.25
"""CPU seconds of debt that cost nothing: a cell of a line, a plot. Less where many compute, see `free_debt`."""
RESTS = 0.01
"""The share of a core below which a seat rests; thirty that train on two have seven times that each."""
LEAST = 10
"""The weight of a seat in deep debt, WEIGHT being that of one without."""


def free_debt(computing: int, cores: int) -> float:
    """The debt that costs nothing where so many seats compute: FREE, or a quarter of what each of them will owe if all
    go on. With thirty on two cores that is little more than FREE, and they would weigh half of a seat that rests."""
    each = cores / max(1, computing) * HALF_LIFE / math.log(2)
    return min(FREE, each / 4)


def weight(debt: float, free: float = FREE) -> int:
    """The weight of a seat with a debt of so many CPU seconds: falling with its third power, from WEIGHT to LEAST."""
    if debt <= free:
        return WEIGHT
    return max(LEAST, round(WEIGHT * (free / debt) ** 3))


def later(debt: float, used: float, seconds: float) -> float:
    """The debt `seconds` later, with `used` CPU seconds in between."""
    return float(debt * 0.5 ** (seconds / HALF_LIFE) + used)


@dataclass
class Governor:
    """Looks at seats and weighs them anew; `clock` gives seconds."""

    groups: Groups
    cores: int
    clock: Callable[[], float] = time.monotonic
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict)
    """When a seat was looked at, and the CPU seconds it had used by then."""
    debts: dict[int, float] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    """The share of a core that a seat had between the last two looks."""
    _weights: dict[int, int] = field(default_factory=dict)
    _free: float = FREE

    def look(self, numbers: Iterable[int]) -> None:
        """Weigh these seats by what they have used since the last look."""
        self._free = free_debt(sum(rate > RESTS for rate in self.rates.values()), self.cores)
        for number in numbers:
            with suppress(OSError, KeyError):  # a seat that has just ended
                self._look_at(number)

    def _look_at(self, number: int) -> None:
        now, used = self.clock(), self.groups.cpu_seconds(number)
        before, used_before = self._seen.get(number, (now, used))
        self._seen[number] = (now, used)
        self.rates[number] = max(0.0, used - used_before) / (now - before) if now > before else 0.0
        self.debts[number] = later(self.debts.get(number, 0.0), max(0.0, used - used_before), now - before)
        wanted = weight(self.debts[number], self._free)
        if wanted != self._weights.get(number, WEIGHT):
            self.groups.weigh(number, wanted)
            self._weights[number] = wanted

    def computes(self, number: int) -> bool:
        """Whether a cell has run there for some time and runs still."""
        return self.debts.get(number, 0.0) > self._free and self.rates.get(number, 0.0) > RESTS

    def forget(self, number: int) -> None:
        """The seat has ended."""
        for known in (self._seen, self.debts, self.rates, self._weights):
            known.pop(number, None)
