"""The progress of a fetch on a terminal: rate and time left, one line a file; notes above it."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class FetchProgress:
    """Draws what `fetch` tells it on `console`; a context manager."""

    def __init__(self, console: Console) -> None:
        """Nothing is drawn before `with`."""
        shown = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._bars = Progress(*shown, TransferSpeedColumn(), TimeRemainingColumn(), console=console)
        self._task: TaskID | None = None

    def __enter__(self) -> FetchProgress:
        """Begin drawing."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End drawing."""
        self._bars.stop()

    def begin(self, name: str, total: int) -> None:
        """A bar of its own for each file."""
        self._task = self._bars.add_task(escape(name), total=total)

    def at(self, done: int) -> None:
        """Move the current bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=done)

    def note(self, text: str) -> None:
        """A line above the bars."""
        self._bars.console.print(escape(text), soft_wrap=True)
