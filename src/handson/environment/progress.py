"""One line that says how far a long step is and how long it will still take."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

WINDOW = 20.0  # seconds over which the rate is taken
REPORT_EVERY = 10.0  # seconds between lines where nothing can be redrawn


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; 0 if it is missing. Files that vanish meanwhile are left out."""
    total, stack = 0, [str(folder)]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            stack.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
                    except OSError:
                        continue
        except OSError:
            continue
    return total


def in_words(seconds: float) -> str:
    """A time a person can use: "about 20 s", "about 3 min"."""
    if seconds < 55:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    return f"about {max(1, round(seconds / 60))} min"


class Progress:
    """Progress of one long job in bytes, measured by a function, drawn at most once a second.

    On a terminal one line is redrawn; elsewhere a line is written every ten seconds.
    """

    def __init__(
        self,
        label: str,
        expected: int,
        measure: Callable[[], int],
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`expected` bytes; `measure` returns the bytes so far; `clock` returns seconds."""
        self.label = label
        self.expected = max(expected, 1)
        self._measure = measure
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._begin = self._reported = self._looked = clock()
        self._pause = 1.0
        self._best = 0
        self._samples: deque[tuple[float, int]] = deque([(self._begin, 0)])
        self._drawn = 0

    def update(self) -> None:
        """Measure and draw, if it is time to."""
        now = self._clock()
        if now - self._looked < self._pause:
            return
        self._best = max(self._best, self._measure())
        self._looked = self._clock()
        # Looking must not slow down what it looks at: at most a tenth of the time.
        self._pause = max(1.0, 9 * (self._looked - now))
        self._samples.append((now, self._best))
        while len(self._samples) > 2 and now - self._samples[0][0] > WINDOW:
            self._samples.popleft()
        if self._terminal:
            self._redraw(self.line(now))
        elif now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._write(self.line(now) + "\n")

    def line(self, now: float) -> str:
        """The line as it stands: bar, time left, megabytes, rate; what matters most stands first."""
        share = min(self._best / self.expected, 0.99)
        first_time, first_bytes = self._samples[0]
        rate = (self._best - first_bytes) / max(now - first_time, 0.001)
        begin = f"  {self.label} [{'#' * int(10 * share):<10}] {share:4.0%}"
        end = f"{self._best / 1e6:.0f}/{self.expected / 1e6:.0f} MB"
        if self._best >= self.expected:
            return f"{begin}  nearly done  {end}"
        if rate < 1e4:
            return f"{begin}  waiting, {now - self._begin:.0f} s so far  {end}"
        return f"{begin}  {in_words((self.expected - self._best) / rate)} left  {end}  {rate / 1e6:.0f} MB/s"

    def clear(self) -> None:
        """Take the redrawn line away, so that something else can be said."""
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def done(self, text: str) -> None:
        """End with a sentence in place of the line."""
        self.clear()
        self._write(f"  {text} ({self._clock() - self._begin:.0f} s)\n")

    def _redraw(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + text.ljust(self._drawn))
        self._drawn = len(text)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
