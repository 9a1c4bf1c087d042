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
from handson.room.seat.turnstile import Turnstile

TOTAL = 8_000_000_000
SHORT, SOME, MUCH = Memory(7_000_000_000, TOTAL), Memory(6_200_000_000, TOTAL), Memory(5_000_000_000, TOTAL)
"""What is kept for two who go on is 1.4 GB; another is let through where 0.64 GB more are free."""


class Fake(Turnstile):
    """Seats whose memory is a hundred times their number; `at` is the clock."""

    def __init__(self, now: Memory, at_once: int = 2) -> None:
        self.now, self.at, self.signals = now, 0.0, list[tuple[int, signal.Signals]]()
        super().__init__(Groups(0, {}), at_once, lambda: self.now, lambda: self.at)

    def _memory(self, number: int) -> int:
        return 100 * number

    def _signal(self, number: int, what: signal.Signals) -> None:
        self.signals.append((number, what))


def test_with_memory_enough_nobody_waits() -> None:
    turnstile = Fake(MUCH)
    turnstile.look(range(1, 31))
    assert turnstile.signals == []


def test_when_memory_is_short_those_who_have_most_go_on() -> None:
    turnstile = Fake(SHORT)
    turnstile.look([1, 2, 3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    assert turnstile.signals == [(2, signal.SIGSTOP), (1, signal.SIGSTOP)]


def test_as_many_as_there_are_cores_always_go_on() -> None:
    turnstile = Fake(SHORT)
    turnstile.look([3, 4])
    assert turnstile.signals == []
    turnstile.look([1, 3, 4])
    turnstile.look([4])  # 3 has ended its cell
    assert turnstile.stopped == {}
    assert turnstile.signals == [(1, signal.SIGSTOP), (1, signal.SIGCONT)]


def test_one_after_the_other_goes_on_when_there_is_room_again_longest_stopped_first() -> None:
    turnstile = Fake(SHORT)
    turnstile.look([2, 3, 4])
    turnstile.at = 1.0
    turnstile.look([1, 3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    turnstile.now = SOME  # not short, and not room enough for another
    turnstile.look([3, 4])
    assert sorted(turnstile.stopped) == [1, 2]
    turnstile.now = MUCH
    turnstile.look([3, 4])
    assert sorted(turnstile.stopped) == [1]
    turnstile.look([2, 3, 4])
    assert turnstile.stopped == {}


def test_who_has_ended_is_not_waited_for() -> None:
    turnstile = Fake(SHORT)
    turnstile.look([1, 3, 4])
    turnstile.forget(1)
    turnstile.look([])
    assert turnstile.signals == [(1, signal.SIGSTOP)]


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_a_kernel_is_stopped_and_goes_on(sleeper: psutil.Process, tmp_path: Path) -> None:
    group = tmp_path / "handson" / "seats" / "1" / "kernels"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text(f"{sleeper.pid}\n")
    turnstile = Turnstile(Groups(1, {"cpu": tmp_path}), 1, lambda: Memory(TOTAL, TOTAL))
    turnstile.look([2, 1])
    until(lambda: sleeper.status() == psutil.STATUS_STOPPED)
    turnstile.go_on(1)
    until(lambda: sleeper.status() == psutil.STATUS_SLEEPING)


def until(condition: Callable[[], bool]) -> None:
    """A signal arrives when it arrives."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
