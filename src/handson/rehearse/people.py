"""What each simulated attendee will do, drawn beforehand from a seed: pauses, stumbles, reloads, hands. Pure.

A person reads 200 words a minute, looks at a result for some seconds, and writes an exercise in a minute or two. The
spread is lognormal (σ = 0.5), so that a few take more than twice as long as most.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Literal

WORDS_PER_SECOND = 200 / 60
SPREAD = 0.5
LOOK, WRITE = 4.0, 75.0
"""Seconds at which the median person looks at a result, and writes at an exercise."""
LONGEST = 600.0

Habit = Literal["reload", "retry", "hand", "leave"]
SHARES: dict[Habit, float] = {"reload": 0.3, "retry": 0.5, "hand": 0.25, "leave": 0.15}
"""Of the attendees, in each lesson: so many reload the page, run a cell again, raise a hand, leave and come back."""
STUMBLES = 0.6
"""Of the exercises, those that are run before they are right."""


@dataclass(frozen=True)
class Part:
    """One cell of a lesson, as a person meets it."""

    kind: Literal["plain", "exercise", "check"]
    source: str
    words: int
    """Of prose before it."""
    solution: str = ""
    """Of an exercise: the whole cell, solved; empty where the organiser's workshop has none."""


@dataclass(frozen=True)
class Lesson:
    """One lesson of the agenda, as the organiser's workshop has it."""

    name: str
    path: str
    minutes: float
    solutions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doing:
    """What one person does in one lesson; places are numbers of code cells."""

    pauses: tuple[float, ...]
    """Seconds before each cell."""
    stumbles: frozenset[int] = frozenset()
    at: dict[int, tuple[Habit, ...]] = field(default_factory=dict)
    """What they do after a cell."""


def doing(seed: int, person: int, lesson: str, parts: tuple[Part, ...], pace: float) -> Doing:
    """What `person` does in `lesson`; the same seed gives the same."""
    dice = random.Random(f"{seed} {person} {lesson}")
    pauses = tuple(pause(part, dice) / pace for part in parts)
    stumbles = {place for place, part in enumerate(parts) if part.kind == "exercise" and dice.random() < STUMBLES}
    at: dict[int, tuple[Habit, ...]] = {}
    for habit, share in SHARES.items():
        drawn, place = dice.random(), dice.randrange(max(1, len(parts)))
        if drawn < share and parts:
            at[place] = (*at.get(place, ()), habit)
    return Doing(pauses, frozenset(stumbles), at)


def pause(part: Part, dice: random.Random) -> float:
    """Seconds that a person takes before running `part`."""
    median = part.words / WORDS_PER_SECOND + LOOK + (WRITE if part.kind == "exercise" else 0.0)
    return min(LONGEST, median * math.exp(dice.gauss(0, SPREAD)))


def arrivals(seed: int, people: int, within: float) -> list[float]:
    """Seconds after which each arrives, in order, evenly spread over `within`."""
    dice = random.Random(f"{seed} arrivals")
    return sorted(dice.uniform(0, within) for _ in range(people))


def parts_of(notebook: dict[str, object], solutions: tuple[str, ...]) -> tuple[Part, ...]:
    """The code cells of a learner's notebook (nbformat 4 JSON); `solutions` are the solved exercises, in order."""
    parts, words, exercises = [], 0, 0
    cells = notebook.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        if cell.get("cell_type") != "code":
            words += len(text.split("<details>")[0].split())
            continue
        tags = cell.get("metadata", {}).get("tags", [])
        if "exercise" in tags:
            solution = solutions[exercises] if exercises < len(solutions) else ""
            parts.append(Part("exercise", text, words, solution))
            exercises += 1
        else:
            parts.append(Part("check" if "check" in tags else "plain", text, words))
        words = 0
    return tuple(parts)
