"""Where each attendee is, followed event by event: pure bookkeeping, the same after a restart as before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from handson.room.hub.store import Event


@dataclass
class Progress:
    """One attendee. Times are seconds since 1970; None where it is not so."""

    lesson: str = ""
    lesson_since: float | None = None
    seen: float | None = None
    """The last sign of life."""
    passed: dict[str, set[str]] = field(default_factory=dict)
    """By lesson, the exercises whose check has passed."""
    open_since: dict[tuple[str, str], float] = field(default_factory=dict)
    """By lesson and exercise: since when its check has failed and not passed."""
    hand_since: float | None = None

    @property
    def stuck_since(self) -> float | None:
        """Since when they have been at an exercise of this lesson that does not pass."""
        return min((at for (lesson, _), at in self.open_since.items() if lesson == self.lesson), default=None)

    @property
    def stuck_on(self) -> str:
        """The exercise that they have been at the longest, in this lesson."""
        here = [(at, name) for (lesson, name), at in self.open_since.items() if lesson == self.lesson]
        return min(here)[1] if here else ""


class Attendance:
    """The progress of everybody who is in the room."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._by_number: dict[int, Progress] = {}
        for event in events:
            self.follow(event)

    def of(self, number: int) -> Progress:
        """Of one attendee; an empty one where nothing is known."""
        return self._by_number.setdefault(number, Progress())

    def forget(self, number: int) -> None:
        """Know nothing of one attendee."""
        self._by_number.pop(number, None)

    def follow(self, event: Event) -> bool:
        """Take in an event; whether anything that is worth keeping has changed."""
        one = self.of(event.number)
        one.seen = event.at
        if event.kind == "hand":
            raised = bool(event.content.get("raised"))
            changed = raised != (one.hand_since is not None)
            if changed:
                one.hand_since = event.at if raised else None
            return changed
        changed = False
        if event.lesson != one.lesson:
            one.lesson, one.lesson_since, changed = event.lesson, event.at, True
        if event.kind == "check":
            _follow_check(one, event)
            return True
        return changed or event.kind == "figures"


def _follow_check(one: Progress, event: Event) -> None:
    exercise = (event.lesson, str(event.content.get("name", "")))
    if event.content.get("passed"):
        one.passed.setdefault(event.lesson, set()).add(exercise[1])
        one.open_since.pop(exercise, None)
    elif exercise[1] not in one.passed.get(event.lesson, ()):
        one.open_since.setdefault(exercise, event.at)
