"""What a seat takes of the host, as spawners tell it and the board shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SeatUse:
    """Of one seat that runs."""

    memory: int
    """Bytes of its own, without files that are only mapped and pages that it shares with the template."""
    most: int | None = None
    """Bytes that it may take; None where nothing limits it."""
    ended: int = 0
    """How often a process of it was ended because its memory was full."""
    waits: bool = False
    """Whether what it computes waits for its turn, because the host's memory is short."""
