"""What a rehearsal has measured: plain lists, filled while it runs, read by `verdict` afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "no connection",
    "no answer in time",
    "the hub's error",
    "the seat's error",
    "turned away",
    "no seat",
    "line to the kernel lost",
    "kernel died",
    "a cell failed",
    "work lost",
    "open files used up here",
    "not what a browser understands",
    "a real browser's error",
]

Marks = Sequence[tuple[float, int]]
"""Of one training: times (seconds since 1970) and the images done by then."""


@dataclass(frozen=True)
class Trouble:
    """An error: to whom, when (seconds since the rehearsal began), of which kind, in words."""

    who: str
    at: float
    kind: Kind
    what: str


@dataclass(frozen=True)
class Weight:
    """What one seat weighs, in bytes."""

    pss: int
    private: int
    processes: int = 0
    unseen: int = 0
    """Processes of the seat that it was not let look into; then it weighs more than that."""


@dataclass(frozen=True)
class Done:
    """One lesson, done by one attendee: its minutes on the agenda, the kernel's CPU-seconds."""

    lesson: str
    minutes: float
    cpu_seconds: float
    cut_short: int = 0
    """Trainings in it that their clock ended; then cpu_seconds are fewer than the lesson asks for."""


@dataclass(frozen=True)
class Look:
    """One look at the host. Shares of 1, bytes; None where that cannot be seen."""

    at: float
    cpu: float
    memory_used: int
    memory_total: int
    disk_free: int
    hub: float | None = None
    """Of one core, what the hub's process takes; None where the room is elsewhere."""
    proxy: float | None = None


@dataclass
class Measured:
    """Everything. Times in seconds."""

    attendees: int
    began: float = field(default_factory=time.monotonic)
    stage: str = ""
    inside: int = 0
    """Attendees who are in their lesson now."""
    done: int = 0
    """Attendees who have done all lessons."""
    join_alone: float | None = None
    """The first one's, with nobody else there."""
    joins: list[float] = field(default_factory=list)
    """Of all others, from sending the join form to the lesson on the screen."""
    queued: list[float] = field(default_factory=list)
    """Of these, waiting for the seat to be started."""
    loads: list[float] = field(default_factory=list)
    """Of these, fetching what JupyterLab consists of."""
    loaded_bytes: list[int] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)
    """Opening a TCP connection: the network alone."""
    pages: list[float] = field(default_factory=list)
    """The hub's own pages."""
    answers: list[float] = field(default_factory=list)
    """Small answers of seats' servers, through the proxy."""
    first_cells: list[float] = field(default_factory=list)
    cells: int = 0
    small_alone: list[float] = field(default_factory=list)
    small: list[float] = field(default_factory=list)
    """One-line cells while the others trained."""
    best: list[Marks] = field(default_factory=list)
    """One training on each core, nobody else there: told, and judged by nobody, since machines change in an hour."""
    few: list[list[Marks]] = field(default_factory=list)
    """The same in two measurements, before and after all train: a training for each core while all others rest."""
    cores: int | None = None
    trainings: list[Marks] = field(default_factory=list)
    """All at once."""
    lessons: list[Done] = field(default_factory=list)
    cut_short: int = 0
    """Trainings that their clock ended: the lesson goes on with what was learned so far."""
    weights: list[Weight] = field(default_factory=list)
    before: Look | None = None
    """Before anybody came."""
    looks: list[Look] = field(default_factory=list)
    rush: tuple[float, float] | None = None
    """When the rush began and ended."""
    own_cpu: float | None = None
    """Of one core, what the rehearsal itself took."""
    browser_joined: bool = False
    browser: str = "none"
    """The real browser: what came of it."""
    troubles: list[Trouble] = field(default_factory=list)
    reloads: int = 0
    returns: int = 0
    hands: int = 0
    retries: int = 0
    interrupted: bool = False
    nobody_else: bool = False
    """Whether the first one did not get in, so that the others did not come."""
    forgotten: int = 0
    not_forgotten: list[str] = field(default_factory=list)

    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    def trouble(self, who: str, kind: Kind, what: str) -> None:
        """Note an error."""
        self.troubles.append(Trouble(who, self.seconds(), kind, what))

    def came(self) -> int:
        """How many got in, the real browser among them."""
        return len(self.joins) + (self.join_alone is not None) + self.browser_joined

    def kinds(self) -> Counter[str]:
        """How many errors of each kind."""
        return Counter(trouble.kind for trouble in self.troubles)
