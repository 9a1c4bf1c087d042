"""What the zoo says when it cannot."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ZooError(Exception):
    """A network that cannot be read, found or run: the cause, and the way out."""

    def __init__(self, cause: str, way_out: str) -> None:
        super().__init__(f"{cause} {way_out}")
        self.cause, self.way_out = cause, way_out

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"\x1b[33;1m{self.cause}\x1b[0m {self.way_out}"]


def unknown(what: str, name: str, known: Iterable[str]) -> ZooError:
    """The error for a `name` that is not among the `known`: the closest first, then all of them in their order."""
    names = list(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    return ZooError(f"There is no {what} {name!r}.", f"{meant}There are: {', '.join(names)}.")
