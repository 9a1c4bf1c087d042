"""Exercises: a learner's answer is checked by what it does, at once, with a message that teaches.

A lesson registers a checker under the name of the function that the learner writes:

    @lab.checker(reference=softmax_reference)
    def softmax(answer):
        lab.expect(answer(torch.zeros(1, 2)).sum() == 1, "The probabilities of one image add up to 1.")

The exercise cell ends with `lab.check(softmax)`; later cells take `softmax = lab.use("softmax")`, which is the
learner's function once it has passed and the reference before.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handson.lab import front, room
from handson.lab.reporting import emit

CHECK_MIME = "application/vnd.handson.check+json"

Answer = Callable[..., Any]


class NotYet(Exception):  # noqa: N818  # read by learners, to whom it is no error
    """An exercise that is not right yet; the message says what was seen and why, never a traceback."""

    shown = False
    """Whether the message stands above already, in a box that wraps (an error's own text does not)."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return ["Not yet: see above." if self.shown else f"Not yet. {self}"]


@dataclass
class _Exercise:
    checker: Callable[[Answer], None]
    reference: Answer
    passed: Answer | None = None


_exercises: dict[str, _Exercise] = {}


def checker(*, reference: Answer) -> Callable[[Callable[[Answer], None]], Callable[[Answer], None]]:
    """Register the decorated function as the check of the exercise of the same name.

    It takes the learner's function and raises `NotYet` (by `expect`) where that is not right. `reference` is what the
    lesson goes on with while the exercise is open; it must pass the check itself, which is tried at once.
    """

    def register(check_answer: Callable[[Answer], None]) -> Callable[[Answer], None]:
        check_answer(reference)
        _exercises[check_answer.__name__] = _Exercise(check_answer, reference)
        return check_answer

    return register


def expect(condition: object, message: str) -> None:
    """Raise `NotYet(message)` unless `condition` is true."""
    if not bool(condition):
        raise NotYet(message)


def check(answer: Answer) -> None:
    """Check the learner's function; prints that it is right, or raises `NotYet` with the reason."""
    name = getattr(answer, "__name__", str(answer))
    exercise = _find(name)
    exercise.passed = None
    try:
        exercise.checker(answer)
    except NotYet as reason:
        raise _told(name, str(reason)) from None
    except Exception as error:
        raise _told(name, _of_exception(name, error)) from None
    exercise.passed = answer
    room.tell("check", {"name": name, "passed": True})
    emit(CHECK_MIME, {"name": name, "passed": True}, f"✓ {name} is right.", color="#1a7f5a")


def _told(name: str, message: str) -> NotYet:
    """The exception to raise, its message shown."""
    room.tell("check", {"name": name, "passed": False})
    emit(CHECK_MIME, {"name": name, "passed": False}, f"Not yet. {message}", color="#b7791f")
    reason = NotYet(message)
    reason.shown = True
    return reason


def use(name: str) -> Answer:
    """The learner's function `name` if it has passed its check, otherwise the reference, and says so."""
    exercise = _find(name)
    if exercise.passed is not None:
        return exercise.passed
    print(f"Your {name} has not passed its check yet. This cell goes on with ours; you can come back to it.")
    return exercise.reference


def _find(name: str) -> _Exercise:
    if name not in _exercises:
        where = "Run all above" if front.on_page() else "Run → Run All Above Selected Cell"
        raise NotYet(f"The check of {name!r} has not been run: it stands right above. ({where})")
    return _exercises[name]


def _of_exception(name: str, error: Exception) -> str:
    """What the learner's function raised, and the line of it that did."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.name == name]
    where = f", in the line\n    {inside[-1].line}" if inside and inside[-1].line else ""
    return f"{name} stopped with {type(error).__name__}: {str(error).removesuffix('.')}{where}"
