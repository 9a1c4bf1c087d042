"""What simulated attendees will do: drawn from a seed, as people would."""

from __future__ import annotations

import random
import statistics

from hypothesis import given
from hypothesis import strategies as st

from handson.rehearse.people import LONGEST, LOOK, SHARES, WRITE, Part, arrivals, doing, parts_of, pause

PLAIN, EXERCISE = Part("plain", "1", 100), Part("exercise", "stub", 20, "solution")
LESSON = (PLAIN, EXERCISE, Part("check", "c", 0), PLAIN)


def test_the_same_seed_gives_the_same_person_and_another_one_another() -> None:
    assert doing(1, 2, "digits", LESSON, 1) == doing(1, 2, "digits", LESSON, 1)
    assert doing(1, 2, "digits", LESSON, 1) != doing(1, 3, "digits", LESSON, 1)
    assert doing(1, 2, "digits", LESSON, 1) != doing(2, 2, "digits", LESSON, 1)


@given(st.integers(0, 50), st.floats(0.1, 100))
def test_the_pace_shortens_pauses_and_nothing_else(person: int, pace: float) -> None:
    usual, quick = doing(0, person, "digits", LESSON, 1), doing(0, person, "digits", LESSON, pace)
    assert (usual.stumbles, usual.at) == (quick.stumbles, quick.at)
    assert all(abs(a - b * pace) < 1e-6 * a for a, b in zip(usual.pauses, quick.pauses, strict=True))


def test_half_of_the_people_take_longer_than_the_median_and_nobody_for_ever() -> None:
    dice = random.Random(0)
    drawn = [pause(EXERCISE, dice) for _ in range(2000)]
    expected = 20 / (200 / 60) + LOOK + WRITE
    assert 0.9 * expected < statistics.median(drawn) < 1.1 * expected
    assert max(drawn) <= LONGEST


def test_habits_have_the_shares_that_are_stated() -> None:
    plans = [doing(0, person, "digits", LESSON, 1) for person in range(2000)]
    for habit, share in SHARES.items():
        seen = sum(any(habit in habits for habits in plan.at.values()) for plan in plans) / len(plans)
        assert abs(seen - share) < 0.05, habit
    assert all(place < len(LESSON) for plan in plans for place in plan.at)
    assert {place for plan in plans for place in plan.stumbles} == {1}, "only exercises"


@given(st.integers(0, 100), st.integers(0, 40), st.floats(0, 60))
def test_all_arrive_within_the_time_in_order(seed: int, people: int, within: float) -> None:
    found = arrivals(seed, people, within)
    assert len(found) == people
    assert found == sorted(found)
    assert all(0 <= at <= within for at in found)


def test_parts_are_the_code_cells_with_the_prose_before_them_counted() -> None:
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# One\n", "two three"]},
            {"cell_type": "code", "source": "print(1)", "metadata": {}},
            {"cell_type": "code", "source": ["def f():\n", "    ..."], "metadata": {"tags": ["exercise"]}},
            {"cell_type": "markdown", "source": "Here <details>a long hint</details>"},
            {"cell_type": "code", "source": "check", "metadata": {"tags": ["check"]}},
            {"cell_type": "code", "source": "g", "metadata": {"tags": ["exercise"]}},
        ]
    }
    assert parts_of(notebook, ("def f(): return 1",)) == (
        Part("plain", "print(1)", 4),
        Part("exercise", "def f():\n    ...", 0, "def f(): return 1"),
        Part("check", "check", 1),
        Part("exercise", "g", 0, ""),
    )
