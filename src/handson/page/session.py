"""The lesson page's kernel: cells run one after the other in one namespace, and what they show goes to the page.

It is called by the worker (`web/src/worker/main.ts`). Everything that it says to the page are the messages of
`handson.lab.front`, and {"type": "stream", "name": "stdout", "text": …}; an error is the answer of `run`.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import json
import linecache
import os
import re
import sys
import time
import traceback
import types
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from handson import pocket
from handson.lab import front
from handson.page import crew
from handson.page.pictures import read_pictures

_BATCH_SECONDS: Final = 0.1
_BATCH_LETTERS: Final = 4_000
_LINES_AT_ONCE: Final = 20
"""Lines are said at once, up to so many in a batch's time; where more come, they are said in batches."""
_MOST_LETTERS: Final = 400_000
"""Of what one cell prints: more would fill the page's memory before anybody could press Stop."""
_BREATH_SECONDS: Final = 0.1
"""Between two looks at whether Stop was pressed, where the engine lets Python wait for JavaScript."""

Send = Callable[[str], None]
MayGoOn = Callable[[], Awaitable[bool]]


class Session:
    """One Python of the page: a namespace, and the counter of what was run."""

    def __init__(self, send: Send, breathe: Callable[[], None] | None = None) -> None:
        """`send` posts one message (JSON text) to the page; `breathe` lets the page's messages in, and may raise."""
        self._send = send
        self._breathe = breathe
        self._running = False
        self._breath = 0.0
        main = types.ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = main
        self.namespace: dict[str, Any] = main.__dict__
        self._streams = {name: _Stream(name, self.post) for name in ("stdout", "stderr")}

    def post(self, text: str) -> None:
        """Send a message, and take a breath when one is due."""
        self._send(text)
        now = time.monotonic()
        if self._running and self._breathe is not None and now - self._breath > _BREATH_SECONDS:
            self._breath = now
            self._breathe()

    async def run(self, code: str, number: int) -> str | None:
        """Run a cell; the value of its last line is shown. None, or its error as JSON.

        The error: {"ename", "evalue", "traceback": of the cells' own lines, "full": all of it, or ""}.
        """
        name = f"<cell {number}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        with self._streaming():
            self._running = True
            try:
                if sys.platform == "emscripten":
                    await read_pictures()
                value = await self._execute(code, name)
                if value is not None:
                    self.namespace["_"] = value
                    front.show(value)
                return None
            except BaseException as error:  # SystemExit and KeyboardInterrupt end a cell, not the session
                return json.dumps(described(error))
            finally:
                self._running = False

    async def _execute(self, code: str, name: str) -> Any:
        """Run the statements, and evaluate the last one where it is an expression without a semicolon behind it."""
        tree = ast.parse(code, name)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr) or _behind(last, code).lstrip().startswith(";"):
            await self._evaluate(_compiled(tree, name, "exec"))
            return None
        tree.body.pop()
        await self._evaluate(_compiled(tree, name, "exec"))
        return await self._evaluate(_compiled(ast.Expression(last.value), name, "eval"))

    async def _evaluate(self, code: types.CodeType) -> Any:
        value = eval(code, self.namespace)
        return await value if code.co_flags & inspect.CO_COROUTINE else value

    def receive(self, text: str) -> None:
        """Take a message of the page; what it prints, and its error, go to the page's streams, as a cell's do."""
        with self._streaming():
            try:
                front.receive(text)
            except Exception as error:
                print(described(error)["traceback"].rstrip(), file=sys.stderr)

    @contextlib.contextmanager
    def _streaming(self) -> Iterator[None]:
        """Whatever is printed goes to the page; a cell in the middle of which that is asked goes on with its own."""
        saved = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._streams["stdout"], self._streams["stderr"]
        if not self._running:
            for stream in self._streams.values():
                stream.begin()
        try:
            yield
        finally:
            for stream in self._streams.values():
                stream.flush()
            sys.stdout, sys.stderr = saved


def _compiled(tree: ast.Module | ast.Expression, name: str, mode: str) -> types.CodeType:
    """As code of its own: what this module imports from __future__ is not the cell's."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: types.CodeType = compile(tree, name, mode, flags, dont_inherit=True)
    return code


def _behind(statement: ast.stmt, code: str) -> str:
    """What stands behind a statement on its last line."""
    assert statement.end_lineno is not None
    line = re.split(r"\r\n|\r|\n", code)[statement.end_lineno - 1]
    return line.encode()[statement.end_col_offset :].decode()


class _Stream(io.TextIOBase):
    """What is printed, in batches; `\\r` and all other control characters are the page's business."""

    def __init__(self, name: str, post: Send) -> None:
        self._name, self._post = name, post
        self.begin()

    def begin(self) -> None:
        """A new cell."""
        self._waiting: list[str] = []
        self._letters = self._said = 0
        self._since, self._lines = 0.0, 0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As on any other machine of today."""
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._waiting.append(text)
        self._letters += len(text)
        if time.monotonic() - self._since > _BATCH_SECONDS:
            self._since, self._lines = time.monotonic(), 0
        if self._letters > _BATCH_LETTERS or ("\n" in text and self._lines < _LINES_AT_ONCE):
            self._lines += 1
            self.flush()
        return len(text)

    def flush(self) -> None:
        text = "".join(self._waiting)
        self._waiting, self._letters = [], 0
        if not text:
            return
        before, self._said = self._said, self._said + len(text)
        if before > _MOST_LETTERS:
            text = ""  # said once, below; an empty message still lets Stop in
        elif self._said > _MOST_LETTERS:
            text = (
                text[: _MOST_LETTERS - before]
                + f"\n… this cell printed more than {_MOST_LETTERS:,} letters; the rest is not shown.\n"
            )
        self._post(json.dumps({"type": "stream", "name": self._name, "text": text}))


def described(error: BaseException) -> dict[str, str]:
    """An exception for the page: its name, its text, and where in the learner's cells it came from.

    An exception that knows how to be shown (`_render_traceback_`, as for IPython) is shown so.
    """
    name, text = type(error).__name__, str(error)
    if hasattr(error, "_render_traceback_"):
        said = "\n".join(error._render_traceback_())
        return {"ename": name, "evalue": text, "traceback": re.sub(r"\x1b\[[\d;]*m", "", said), "full": ""}
    told = traceback.TracebackException.from_exception(error, compact=True)
    _without_us(told)
    full = "".join(told.format())
    _only_cells(told)
    short = "".join(told.format())
    if isinstance(error, ModuleNotFoundError) and error.name:
        short += _told_of_modules(error.name.partition(".")[0])
    return {"ename": name, "evalue": text, "traceback": short, "full": "" if full == short else full}


def _told_of_modules(name: str) -> str:
    """What a page has in place of a package that it lacks."""
    instead = "" if name not in ("numpy", "scipy", "pandas") else " torch.tensor(…) holds numbers here."
    return (
        "This page has Python's standard library, torch (handson.pocket) and handson.lab, and installs nothing."
        f"{instead} Who built the page may add NumPy and others: handson kit site --with numpy.\n"
    )


def _without_us(told: traceback.TracebackException) -> None:
    """Leave out the frames of this module, through which every cell runs."""
    _keep(told, lambda frame: frame.filename != __file__)


def _only_cells(told: traceback.TracebackException) -> None:
    _keep(told, lambda frame: frame.filename.startswith("<cell "))


def _keep(told: traceback.TracebackException | None, wanted: Callable[[traceback.FrameSummary], bool]) -> None:
    if told is None:
        return
    told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if wanted(frame)])
    _keep(told.__cause__, wanted)
    _keep(told.__context__, wanted)


def start(send: Send, gives_way: bool, may_go_on: MayGoOn, ports: crew.Ports | None = None) -> Session:
    """The page's session, its surroundings set: the backend, the folder, what a browser has not.

    ports: where more workers can be had.
    """
    session = Session(send, _breath(may_go_on) if gives_way else None)
    front.use_page(session.post)
    home = Path.home()
    home.mkdir(parents=True, exist_ok=True)
    os.chdir(home)
    builtins.input = _no_input
    pocket.install()
    if gives_way and ports is not None:
        crew.take_part(ports)
    return session


def _breath(may_go_on: MayGoOn) -> Callable[[], None]:
    """Wait, in the middle of a cell, until the page's messages were taken; raises KeyboardInterrupt where Stop was."""
    from pyodide.ffi import can_run_sync, run_sync  # type: ignore[import-not-found,unused-ignore]

    def breathe() -> None:
        if can_run_sync() and not run_sync(may_go_on()):
            raise KeyboardInterrupt("stopped")

    return breathe


def _no_input(_prompt: object = "") -> str:
    raise RuntimeError("input() has nobody to ask on this page: write the value into the cell.")
