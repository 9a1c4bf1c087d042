"""What an organiser may set of a rehearsal; plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST = 100
"""Attendees of one rehearsal: a room lets in so many at once from one device."""


class Limits(BaseModel):
    """What has to be kept for a pass. Seconds, shares of 1, bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    join_last: Annotated[float, Field(gt=0)] = 30.0
    """From sending the join form to the lesson on the screen, for the last one to get in."""
    first_cell_p95: Annotated[float, Field(gt=0)] = 10.0
    """From opening a lesson's kernel to the first cell's result."""
    small_cell_p95: Annotated[float, Field(gt=0)] = 0.25
    """A one-line cell, while all the others train."""
    throughput: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Images per second of all trainings together, as a share of what this host does at best."""
    memory_free: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of the host's memory, the share that stays free."""
    disk_free: Annotated[int, Field(ge=0)] = 1_000_000_000


@dataclass(frozen=True)
class BoardLink:
    """Where the board answers, and the presenter's phrase."""

    address: str
    phrase: str = field(repr=False)


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal."""

    attendees: int
    address: str
    """Of the room, without a slash at its end."""
    code: str = field(repr=False)
    board: BoardLink | None = None
    ca: Path | None = None
    """The CA that signed the room's certificate, where devices do not know it."""
    on_this_machine: bool = False
    """Whether the room runs here: then this machine's load is looked at, and the room's processes."""
    pace: float = 10.0
    """How many times as fast as people; of their pauses only, nothing that is computed is left out."""
    rush_seconds: float = 30.0
    """Within which all arrive, at pace 1."""
    training_seconds: float = 20.0
    """For which all train at once."""
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
