"""Pass or fail, and what gave out first, from what was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handson.rehearse.bottleneck import Bottleneck, why
from handson.rehearse.measured import Done, Kind, Look, Measured, Weight
from handson.rehearse.report import DID_NOT_GROW, as_data, lines, sentences
from handson.rehearse.settings import Limits
from handson.rehearse.verdict import judge

GB = 10**9


def look(at: float = 1.0, **more: Any) -> Look:
    values = {
        "cpu": 0.5,
        "memory_used": 4 * GB,
        "memory_total": 16 * GB,
        "disk_free": 50 * GB,
        "hub": 0.2,
        "proxy": 0.1,
    }
    return Look(at, **{**values, **more})


def good(attendees: int = 4, **more: Any) -> Measured:
    """A rehearsal in which all went well, but for `more`."""
    measured = Measured(attendees)
    measured.join_alone, measured.joins = 0.8, [1.0] * (attendees - 1)
    measured.queued, measured.loads, measured.connects = [0.5] * attendees, [0.1] * attendees, [0.001] * attendees
    measured.first_cells, measured.small = [0.5] * attendees, [0.02] * 20
    measured.best = [[(0.0, 0), (1.0, 1200)]] * 2
    measured.few = [[[(4.0, 0), (5.0, 1000)]] * 2] * 2
    measured.trainings = [[(5.0, 0), (6.0, 650)]] * 3
    measured.cores = 2
    measured.before, measured.looks = look(0.0, memory_used=2 * GB, cpu=0.05), [look(1.0), look(2.0)]
    measured.lessons = [Done("digits", 15, 26.0)] * attendees
    measured.weights = [Weight(60_000_000, 50_000_000)] * attendees
    measured.rush = (0.5, 3.0)
    for name, value in more.items():
        setattr(measured, name, value)
    return measured


def trouble(kind: Kind, what: str = "x", count: int = 1) -> Measured:
    measured = good()
    for _ in range(count):
        measured.trouble("Rehearsal 1", kind, what)
    return measured


def test_all_went_well() -> None:
    verdict = judge(good(), Limits())
    assert verdict.passed
    assert verdict.bottleneck == "none"
    assert all(promise.kept for promise in verdict.promises)


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("in", {"joins": [1.0] * 2}),
        ("join", {"joins": [1.0, 1.0, 31.0]}),
        ("first", {"first_cells": [1.0] * 8 + [11.0]}),
        ("small", {"small": [0.02] * 9 + [0.3] * 3}),
        ("trained", {"trainings": [[(5.0, 0), (6.0, 500)]] * 3}),
        ("memory", {"looks": [look(memory_used=15 * GB)]}),
        ("disk", {"looks": [look(disk_free=GB // 2)]}),
    ],
)
def test_each_promise_can_be_broken_alone(key: str, more: dict[str, Any]) -> None:
    verdict = judge(good(**more), Limits())
    assert not verdict.passed
    assert [promise.key for promise in verdict.promises if promise.kept is False] == [key]


def test_one_error_is_one_too_many() -> None:
    verdict = judge(trouble("the hub's error", "GET /hub/join: HTTP 503"), Limits())
    assert not verdict.passed
    assert "1 × the hub's error" in [promise.measured for promise in verdict.promises]


def test_what_could_not_be_seen_fails_nothing_and_is_told() -> None:
    measured = good(looks=[], before=None, few=[])
    verdict = judge(measured, Limits())
    assert verdict.passed
    told = " ".join(sentences(measured, verdict, Limits()))
    assert (
        "Not seen, and so not judged: all train: of what one on each core does, memory left at the worst moment, disk left"
        in told
    )
    assert "is not known: run this on the host, or name its --board" in told


def test_an_interrupted_rehearsal_does_not_pass() -> None:
    measured = good(interrupted=True)
    verdict = judge(measured, Limits())
    assert not verdict.passed
    assert "It was interrupted: this is what was seen until then." in sentences(measured, verdict, Limits())


SLOW = [1.0, 1.0, 40.0]


@pytest.mark.parametrize(
    ("bottleneck", "measured"),
    [
        ("open files", trouble("open files used up here")),
        ("memory", good(looks=[look(memory_used=15 * GB, cpu=1.0)], joins=SLOW)),
        ("memory", trouble("kernel died")),
        ("disk", good(looks=[look(disk_free=0)])),
        ("disk", trouble("the seat's error", "PUT …: HTTP 500 (disk full)")),
        ("seats", trouble("turned away", "All 2 seats are taken.")),
        ("network", good(joins=SLOW, connects=[0.3] * 4)),
        ("hub", good(joins=SLOW, looks=[look(hub=0.97, cpu=0.6)] * 3)),
        ("proxy", good(joins=SLOW, looks=[look(proxy=0.95, cpu=0.6)] * 3)),
        ("processor", good(joins=SLOW, looks=[look(cpu=0.99)] * 3)),
        ("processor", good(small=[0.4] * 9)),
        ("network", good(joins=[20.0, 31.0], loads=[15.0, 25.0], attendees=3)),
        ("starting seats", good(joins=[20.0, 31.0], queued=[15.0, 25.0], attendees=3)),
        ("no connection", trouble("no connection", count=3)),
        ("lessons", trouble("a cell failed", "vision/02.ipynb: 'import x': ModuleNotFoundError: x")),
    ],
)
def test_the_bottleneck_is_named_with_what_was_seen_and_what_to_do(bottleneck: Bottleneck, measured: Measured) -> None:
    verdict = judge(measured, Limits())
    assert not verdict.passed
    assert verdict.bottleneck == bottleneck
    assert verdict.why.endswith((".", "x"))
    assert verdict.advice


def test_a_busy_hub_outside_the_rush_is_not_why_joining_was_slow() -> None:
    calm, busy = look(1.0, hub=0.1, cpu=0.3), look(50.0, hub=0.99, cpu=0.3)
    measured = good(joins=SLOW, rush=(0.0, 5.0), looks=[calm, calm, *[busy] * 9])
    assert judge(measured, Limits()).bottleneck != "hub"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0.01, 50))
def test_a_tighter_limit_never_passes_what_a_wider_one_fails(joins: list[float], limit: float) -> None:
    measured = good(attendees=len(joins) + 1, joins=joins)
    wide, tight = Limits(join_last=limit * 2), Limits(join_last=limit)
    assert judge(measured, wide).passed or not judge(measured, tight).passed


def test_the_report_says_how_the_number_of_seats_is_computed() -> None:
    measured = good(cut_short=3)
    told = sentences(measured, judge(measured, Limits()), Limits())
    assert told == [
        "By its memory this host holds 24 seats: each took 500 MB (the most the host used, less what it used before, by 4), "
        "and 10 % stay free.",
        "By its 2 cores, 48 can do every lesson with all trainings to their end: digits takes 26 CPU-seconds each, and a "
        "class computes in 70 % of a lesson's minutes. With more, lessons' clocks end trainings that run together, with "
        "what was learned so far.",
        "3 trainings were ended by their clock.",
    ]


def test_memory_that_did_not_grow_is_told_for_what_it_is() -> None:
    measured = good(looks=[look(memory_used=GB)])
    assert DID_NOT_GROW in " ".join(sentences(measured, judge(measured, Limits()), Limits()))


def test_a_host_that_was_busy_before_is_told() -> None:
    measured = good(before=look(0.0, memory_used=2 * GB, cpu=0.6))
    told = " ".join(sentences(measured, judge(measured, Limits()), Limits()))
    assert "The host was at work before anybody came (60 % of its processor)" in told


def test_the_figures_are_complete_and_say_what_was_not_seen() -> None:
    for measured in (good(), Measured(4)):
        verdict = judge(measured, Limits())
        assert all(line.value for line in lines(measured, verdict))
        json.dumps(as_data(measured, verdict, Limits()))


def test_no_code_and_no_phrase_is_in_the_report() -> None:
    from handson.rehearse.settings import BoardLink, Rehearsal

    plan = Rehearsal(3, "http://127.0.0.1:1", "SECRET", BoardLink("http://127.0.0.1:2", "PHRASE"))
    assert "SECRET" not in repr(plan)
    assert "PHRASE" not in repr(plan)


def test_a_bottleneck_quotes_errors_of_its_own_kind() -> None:
    measured = trouble("turned away", "something else")
    measured.trouble("Rehearsal 1", "a cell failed", "digits: NameError")
    measured.trouble("Rehearsal 1", "no connection", "x")
    measured.trouble("Rehearsal 1", "no answer in time", "y")
    assert why("lessons", measured) == "A lesson's own cell fails: digits: NameError"
    assert why("no connection", measured).endswith("not answered: 2 errors.")
