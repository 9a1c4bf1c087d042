"""Who computes when memory runs short."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from handson.memory import Memory
from handson.room.seat.cgroups import Groups
from handson.room.seat.turnstile import GROWING, HALF_WAY, HUNGRY, LONG_TURN, RESTING, SETTLING, TURN, Turnstile, _Seat

TOTAL = 8_000_000_000
MUCH, SOME, SHORT, LITTLE, HARDLY = (Memory(TOTAL - free, TOTAL) for free in (5e9, 2.0e9, 1.5e9, 0.6e9, 0.3e9))
"""What is kept for two who go on is 1.7 GB; one more is let through where 0.64 GB beyond that are free."""
SEATS = range(1, 31)
RESTS = 100_000_000


class Fake(Turnstile):
    """Seats that have all grown, those of a higher number by more; `at` is the clock."""

    def __init__(self, now: Memory, at_once: int = 2) -> None:
        self.now, self.at, self.signals = now, 0.0, list[tuple[int, signal.Signals]]()
        self.grown = {number: HUNGRY + number for number in SEATS}
        self.sent = 0
        super().__init__(Groups(0, {}), at_once, lambda: self.now, lambda: self.at)
        self._seats = {number: _Seat(RESTS + self.grown[number], RESTS, busy=0.0) for number in SEATS}

    def _memory(self, number: int) -> int:
        return RESTS + self.grown[number]

    def _signal(self, number: int, what: signal.Signals) -> None:
        self.sent += 1
        if [past for past in self.signals if past[0] == number][-1:] != [(number, what)]:
            self.signals.append((number, what))


def test_with_memory_enough_nobody_waits() -> None:
    turnstile = Fake(MUCH)
    turnstile.look(SEATS, SEATS)
    assert turnstile.signals == []
    assert not turnstile.short


def test_when_memory_is_short_those_who_have_most_go_on() -> None:
    turnstile = Fake(SHORT)
    turnstile.look(SEATS, [1, 2, 3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    assert turnstile.signals == [(2, signal.SIGSTOP), (1, signal.SIGSTOP)]
    assert turnstile.short


def test_who_grows_is_taken_to_compute_and_who_types_is_left_alone() -> None:
    turnstile = Fake(SHORT)
    turnstile.look(SEATS, [3, 4])
    turnstile.grown |= {1: turnstile.grown[1] + GROWING + 1, 2: turnstile.grown[2] + GROWING}
    turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [3], "1 has grown by most, 2 by too little to be noticed"


def test_who_has_not_grown_waits_for_nobody_while_there_is_memory_for_one_to_grow() -> None:
    turnstile = Fake(LITTLE)
    turnstile.grown[2] = HUNGRY - 1
    turnstile.look(SEATS, [2, 3, 4, 5])
    assert sorted(turnstile.stopped) == [3]
    turnstile.now = HARDLY
    turnstile.look(SEATS, [2, 4, 5])
    assert sorted(turnstile.stopped) == [2, 3, 4]
    turnstile.now = LITTLE
    turnstile.look(SEATS, [5])
    assert sorted(turnstile.stopped) == [3, 4]


def test_growth_counts_from_what_a_seat_held_when_it_did_not_compute() -> None:
    turnstile = Fake(SHORT)
    turnstile.at = RESTING
    turnstile.look(SEATS, [])
    turnstile.look(SEATS, SEATS)
    assert turnstile.stopped == {}, "they hold what they held at rest"
    turnstile.grown = {number: grown + HUNGRY for number, grown in turnstile.grown.items()}
    turnstile.look(SEATS, SEATS)
    assert len(turnstile.stopped) == 28


def test_as_many_as_there_are_cores_always_go_on() -> None:
    turnstile = Fake(LITTLE)
    turnstile.look(SEATS, [3, 4])
    assert turnstile.signals == []
    turnstile.look(SEATS, [1, 3, 4])
    turnstile.look(SEATS, [4])  # 3 has ended its cell
    assert turnstile.stopped == {}
    assert turnstile.signals == [(1, signal.SIGSTOP), (1, signal.SIGCONT)]


def test_where_memory_is_all_but_gone_the_one_who_has_most_goes_on_alone() -> None:
    turnstile = Fake(HARDLY)
    turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [3]
    turnstile.look(SEATS, [4])
    assert sorted(turnstile.stopped) == [3]
    turnstile.now = LITTLE
    turnstile.look(SEATS, [4])
    assert not turnstile.stopped


def test_one_after_the_other_goes_on_when_there_is_room_again_longest_stopped_first() -> None:
    turnstile = Fake(SHORT)
    turnstile.look(SEATS, [2, 3, 4])
    turnstile.at = 1.0
    turnstile.look(SEATS, [1, 3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    turnstile.now = SOME  # not short, and not room enough for another
    turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    turnstile.now = MUCH
    turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [1]
    turnstile.look(SEATS, [2, 3, 4])
    assert turnstile.stopped == {}


def test_who_was_let_go_on_counts_before_it_has_used_anything() -> None:
    turnstile = Fake(LITTLE)
    turnstile.look(SEATS, [1, 2, 3, 4])
    for turnstile.at in (0.1, 0.2, 0.3):
        turnstile.look(SEATS, [4])  # 3 has ended its cell; the one let through has no debt yet
    assert len(turnstile.stopped) == 1
    turnstile.at = 0.1 + SETTLING
    turnstile.look(SEATS, [4])  # it did not want to compute any more
    assert turnstile.stopped == {}


def test_where_memory_is_short_the_next_is_who_holds_most() -> None:
    turnstile = Fake(LITTLE)
    turnstile.look(SEATS, [1, 2, 3, 4])
    turnstile.at = SETTLING
    turnstile.look(SEATS, [4])
    assert sorted(turnstile.stopped) == [1]


def test_a_hungry_cell_is_not_stopped_half_way() -> None:
    turnstile = Fake(SHORT)
    turnstile.grown[4] = HALF_WAY
    turnstile.look(SEATS, [1, 2, 3, 4])
    turnstile.now = SOME
    for turnstile.at in (0.1, 0.1 + TURN):
        turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [1, 3], "3 has had its turn; 4 goes on to its end"
    turnstile.at = 0.1 + LONG_TURN
    turnstile.look(SEATS, [2, 4])
    assert 4 in turnstile.stopped, "a cell without an end"


def test_what_is_started_in_a_seat_that_waits_waits_too() -> None:
    turnstile = Fake(LITTLE)
    turnstile.look(SEATS, [1, 3, 4])
    before = turnstile.sent
    turnstile.look(SEATS, [3, 4])
    assert turnstile.sent == before + 1


def test_turns_are_short() -> None:
    turnstile = Fake(SHORT)
    turnstile.look(SEATS, [1, 2, 3, 4])
    turnstile.now = SOME
    for turnstile.at in (0.1, TURN):
        turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    turnstile.at = TURN + 0.1
    turnstile.look(SEATS, [3, 4])
    assert sorted(turnstile.stopped) == [3, 4]
    turnstile.at = 2 * TURN + 0.2
    turnstile.look(SEATS, [1, 2])
    assert sorted(turnstile.stopped) == [1, 2]


def test_with_all_but_no_memory_left_there_are_no_turns() -> None:
    turnstile = Fake(LITTLE)
    for turnstile.at in (0.0, 1.0, 2 * TURN):
        turnstile.look(SEATS, [1, 3, 4])
    assert sorted(turnstile.stopped) == [1]


def test_who_has_ended_is_not_waited_for() -> None:
    turnstile = Fake(SHORT)
    turnstile.look(SEATS, [1, 3, 4])
    turnstile.forget(1)
    turnstile.look(SEATS, [])
    assert turnstile.signals == [(1, signal.SIGSTOP)]


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_a_kernel_is_stopped_and_goes_on(sleeper: psutil.Process, tmp_path: Path) -> None:
    group = tmp_path / "handson" / "seats" / "2" / "kernels"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{sleeper.pid}\n")
    turnstile = Turnstile(Groups(1, {"cpu": tmp_path}), 1, lambda: Memory(TOTAL, TOTAL))
    turnstile.look([1, 2], [2, 1])
    until(lambda: sleeper.status() == psutil.STATUS_STOPPED)
    turnstile.go_on(2)
    until(lambda: sleeper.status() == psutil.STATUS_SLEEPING)


def until(condition: Callable[[], bool]) -> None:
    """A signal arrives when it arrives."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
