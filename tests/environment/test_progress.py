"""The line that says how far a long step is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from handson.environment.progress import Progress, folder_bytes, in_words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def run(stream: io.StringIO, sizes: list[int], step: float = 2.0, expected: int = 1_000_000_000) -> Progress:
    """One update every `step` seconds, at which `sizes` are measured."""
    clock, left = Clock(), iter(sizes)
    progress = Progress("Installing packages", expected, lambda: next(left), stream, clock)
    for _ in sizes:
        clock.now += step
        progress.update()
    return progress


def test_a_terminal_gets_one_line_that_is_redrawn() -> None:
    stream = Terminal()
    run(stream, [100_000_000, 200_000_000])
    lines = stream.getvalue().split("\r")
    assert "\n" not in stream.getvalue()
    assert "20%" in lines[-1]
    assert "200/1000 MB" in lines[-1]


def test_the_time_left_follows_from_the_rate() -> None:
    stream = Terminal()
    run(stream, [20_000_000 * second for second in range(1, 11)], step=1.1)
    assert "18 MB/s" in stream.getvalue()
    assert "about 45 s left" in stream.getvalue()


def test_a_file_gets_a_line_every_ten_seconds() -> None:
    stream = io.StringIO()
    run(stream, [10_000_000 * step for step in range(1, 21)])  # 40 s
    assert stream.getvalue().count("\n") == 4
    assert "\r" not in stream.getvalue()


def test_a_step_that_does_not_move_says_how_long_it_has_been_waiting() -> None:
    stream = Terminal()
    run(stream, [0] * 15)
    assert "waiting, 30 s so far" in stream.getvalue()


def test_more_than_expected_is_nearly_done_and_never_over_a_hundred() -> None:
    stream = Terminal()
    run(stream, [1_500_000_000])
    assert "nearly done" in stream.getvalue()
    assert " 99%" in stream.getvalue()


def test_progress_never_goes_back() -> None:
    stream = Terminal()
    run(stream, [500_000_000, 100_000_000])
    assert "50%" in stream.getvalue().split("\r")[-1]


def test_every_character_is_ascii_for_bare_consoles() -> None:
    stream = Terminal()
    run(stream, [0, 500_000_000, 2_000_000_000])
    stream.getvalue().encode("ascii")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "about 5 s"), (12, "about 10 s"), (50, "about 50 s"), (80, "about 1 min"), (400, "about 7 min")],
)
def test_times_are_rounded_to_what_a_person_can_use(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_folder_bytes_counts_files_below_and_takes_a_missing_folder_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"12345")
    (tmp_path / "file").write_bytes(b"123")
    assert folder_bytes(tmp_path) == 8
    assert folder_bytes(tmp_path / "missing") == 0
