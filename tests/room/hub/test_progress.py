from __future__ import annotations

from typing import Any

from handson.room.hub.progress import Attendance
from handson.room.hub.store import Event


def check(at: float, lesson: str, name: str, passed: bool) -> Event:
    return Event(at, 1, "check", lesson, {"name": name, "passed": passed})


def happened(at: float, kind: str, lesson: str = "", **content: Any) -> Event:
    return Event(at, 1, kind, lesson, content)


def test_the_board_knows_where_somebody_is_and_since_when() -> None:
    attendance = Attendance()
    assert attendance.follow(happened(10, "opened", "digits"))
    assert not attendance.follow(happened(20, "opened", "digits")), "nothing new"
    one = attendance.of(1)
    assert (one.lesson, one.lesson_since, one.seen) == ("digits", 10, 20)


def test_stuck_is_since_the_first_check_that_failed_and_not_passed() -> None:
    attendance = Attendance([check(10, "digits", "softmax", False), check(50, "digits", "softmax", False)])
    one = attendance.of(1)
    assert (one.stuck_since, one.stuck_on) == (10, "softmax")
    attendance.follow(check(60, "digits", "softmax", True))
    assert one.stuck_since is None
    assert one.passed == {"digits": {"softmax"}}
    attendance.follow(check(70, "digits", "softmax", False))
    assert one.stuck_since is None, "it has passed before; now they play with it"


def test_what_was_left_open_in_another_lesson_is_no_longer_stuck() -> None:
    attendance = Attendance([check(10, "digits", "softmax", False), happened(20, "opened", "style")])
    assert attendance.of(1).stuck_since is None
    attendance.follow(happened(30, "opened", "digits"))
    assert attendance.of(1).stuck_since == 10


def test_a_hand_is_up_since_it_was_raised() -> None:
    attendance = Attendance()
    assert attendance.follow(happened(10, "hand", raised=True))
    assert not attendance.follow(happened(20, "hand", raised=True))
    assert attendance.of(1).hand_since == 10
    assert attendance.follow(happened(30, "hand", raised=False))
    assert attendance.of(1).hand_since is None


def test_after_a_restart_all_is_as_before() -> None:
    events = [
        happened(1, "opened", "digits"),
        check(10, "digits", "softmax", False),
        happened(12, "hand", raised=True),
        check(20, "digits", "loss", True),
    ]
    live = Attendance()
    for event in events:
        live.follow(event)
    assert Attendance(events).of(1) == live.of(1)
