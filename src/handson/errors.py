"""The error that attendees, organisers and authors may see: a cause and a way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HandsonError(Exception):
    """Something a person can mend.

    `cause` says what was asked and what was found, `way_out` what to do next; the command line prints
    both and no traceback, and exits with `exit_code`.
    """

    exit_code = 1

    def __init__(self, cause: str, way_out: str = "") -> None:
        super().__init__(cause, way_out)
        self.cause = cause
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.cause}\n  {self.way_out}" if self.way_out else self.cause


class UnknownNameError(HandsonError):
    """A name that is not in the list of valid ones; the message holds the list and the nearest name."""

    exit_code = 2

    def __init__(self, kind: str, name: str, valid: Iterable[str], where: str = "") -> None:
        names = sorted(valid)
        nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        there = f" in {where}" if where else ""
        super().__init__(
            f"There is no {kind} named {name!r}{there}.",
            (f"Did you mean {nearest[0]!r}? " if nearest else "")
            + (f"Valid names: {', '.join(names)}." if names else f"There is no {kind} at all yet."),
        )
