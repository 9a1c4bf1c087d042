"""The arithmetic of a rehearsal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handson.rehearse.figures import (
    capacity,
    cpu_seconds,
    memory_per_seat,
    quantile,
    seats_by_cpu,
    seats_by_memory,
    throughput,
    trained_share,
)
from handson.rehearse.measured import Done, Look, Measured

TIMES = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


@given(TIMES, st.floats(0.01, 1.0))
def test_a_quantile_is_one_of_the_values_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_quantiles_as_people_count_them() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile(list(map(float, range(1, 21))), 0.95) == 19.0
    assert quantile([1.0, 2.0], 1.0) == 2.0
    assert quantile([], 0.5) is None


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(8, 12), st.integers(1, 1000)), min_size=1, max_size=6),
)
def test_even_trainings_add_up_whenever_they_began(runs: list[tuple[float, float, int]]) -> None:
    marks = [[(begin, 0), (end, round(rate * 1000 * (end - begin)))] for begin, end, rate in runs]
    assert throughput(marks) == pytest.approx(sum(rate * 1000 for *_, rate in runs), rel=1e-3)


def test_only_the_time_in_which_all_ran_counts() -> None:
    early = [(0.0, 0), (10.0, 1000), (20.0, 1000)]
    late = [(10.0, 0), (20.0, 500)]
    assert throughput([early, late]) == 50.0


def test_trainings_that_never_ran_together_or_not_at_all_have_no_throughput() -> None:
    assert throughput([[(0.0, 0), (1.0, 9)], [(2.0, 0), (3.0, 9)]]) is None
    assert throughput([[(0.0, 0), (1.0, 9)], []]) is None, "one that gave nothing is not left out in silence"
    assert throughput([]) is None


@given(st.integers(1, 100), st.integers(10**8, 10**10), st.integers(0, 10**9))
def test_seats_by_memory_fit_and_one_more_does_not(seats: int, each: int, before: int) -> None:
    per_seat = memory_per_seat(before, before + seats * each, seats)
    assert per_seat == each
    total, free = 32 * 10**9, 0.1
    fitting = seats_by_memory(total, before, per_seat, free)
    assert before + fitting * per_seat <= total * (1 - free) or fitting == 0
    assert before + (fitting + 1) * per_seat > total * (1 - free)


def test_memory_that_did_not_grow_tells_nothing() -> None:
    assert memory_per_seat(100, 100, 3) is None
    assert memory_per_seat(100, 200, 0) is None


def test_a_lessons_cpu_is_that_of_those_whose_trainings_came_to_their_end() -> None:
    done = [Done("a", 10, 40.0), Done("a", 10, 44.0), Done("a", 10, 42.0), Done("a", 10, 10.0, cut_short=1)]
    assert cpu_seconds(done) == {"a": 42.0}
    assert cpu_seconds([Done("a", 10, 9.0, cut_short=2), Done("a", 10, 11.0, cut_short=1)]) == {"a": 11.0}


def test_the_lesson_with_the_most_work_for_its_minutes_decides() -> None:
    done = [Done("long", 30, 60.0), Done("dense", 5, 30.0), Done("light", 5, 0.0)]
    assert seats_by_cpu(2, done, share=0.5) == (math.floor(2 * 5 * 60 * 0.5 / 30), "dense")
    assert seats_by_cpu(2, []) is None


def test_trained_share_is_of_what_a_few_did_before_and_after() -> None:
    measured = Measured(3)
    assert trained_share(measured) is None
    measured.best = [[(0.0, 0), (1.0, 1000)]]
    measured.trainings = [[(5.0, 0), (6.0, 80)], [(5.0, 0), (6.0, 70)]]
    assert trained_share(measured) is None, "what somebody did half an hour ago is not what it is held against"
    measured.few = [[[(3.0, 0), (4.0, 120)], [(3.0, 0), (4.0, 100)]], [[(8.0, 0), (9.0, 90)], [(8.0, 0), (9.0, 90)]]]
    assert trained_share(measured) == 0.75
    measured.few[1] = []
    assert trained_share(measured) == pytest.approx(150 / 220)


def test_capacity_is_unknown_where_the_host_was_not_seen() -> None:
    holds = capacity(Measured(3), 3, 0.1)
    assert (holds.by_memory, holds.memory_per_seat, holds.by_cpu) == (None, None, None)


def test_capacity_from_what_was_seen() -> None:
    measured = Measured(2)
    measured.before = Look(0, 0.0, 1_000, 10_000, 1)
    measured.looks = [measured.before, Look(1, 0.5, 3_000, 10_000, 1), Look(2, 0.5, 2_000, 10_000, 1)]
    measured.cores, measured.lessons = 4, [Done("a", 10, 120.0)]
    holds = capacity(measured, 2, 0.1)
    assert (holds.memory_per_seat, holds.by_memory) == (1_000, 8)
    assert (holds.by_cpu, holds.lesson) == (14, "a")
