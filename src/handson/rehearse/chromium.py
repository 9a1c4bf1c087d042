"""The one of the N who is no simulation: a headless Chromium that joins and runs a lesson in JupyterLab."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from handson.chromium import chromium
from handson.rehearse.settings import Rehearsal

PATIENCE = 180.0
T = TypeVar("T")
_MORE_ENTRIES = "performance.setResourceTimingBufferSize(5000)"
_FILES = "return performance.getEntriesByType('resource').map(e => [e.name, e.initiatorType])"
_CELLS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell"
_KERNEL = "return document.querySelector('.jp-NotebookPanel .jp-Notebook-ExecutionIndicator')?.dataset.status ?? ''"
_PROMPTS = (
    "return [...document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell .jp-InputPrompt')]"
    ".map(e => e.textContent.trim()).filter(t => t)"
)


class RealBrowser:
    """A Chromium; every step runs in a thread, for the driver waits."""

    def __init__(self) -> None:
        self.name = "the browser"
        self.joined = False
        self.files: tuple[str, ...] = ()
        """What it fetched of its seat's server to draw a lesson, below the seat's address."""
        self.seconds: list[float] = []
        """From asking for the lesson to all of it drawn and the kernel ready: alone, then in the rush."""
        self.asked: list[str] = []
        """What JupyterLab asked in dialogs, which nobody expects in a lesson."""
        self._stack = ExitStack()
        self._steps = threading.Lock()
        """The driver does one step at a time; a step goes on in its thread when who waited for it was cancelled."""
        self._given_up = threading.Event()
        self._driver: Any = None
        self._plan: Rehearsal | None = None
        self._lesson = ""

    async def start(self, host: str) -> None:
        """Start it; raises HandsonError where there is none. host: the only one that it may reach."""
        profile = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="handson-rehearse-")))
        self._driver = await asyncio.to_thread(lambda: self._stack.enter_context(chromium(profile, host)))
        await asyncio.to_thread(
            self._driver.execute_cdp_cmd, "Page.addScriptToEvaluateOnNewDocument", {"source": _MORE_ENTRIES}
        )

    @property
    def pid(self) -> int | None:
        """The process that all of the browser descends from, once it runs."""
        return int(self._driver.service.process.pid) if self._driver else None

    async def join(self, plan: Rehearsal) -> str:
        """From the join page into the lesson, alone; what came of it, in words."""
        self._plan = plan
        return await self._told(self._join, plan)

    async def attend(self) -> str:
        """In the rush: the lesson once more, everything fetched anew, all its cells run; what came of it."""
        return await self._told(self._attend)

    async def hang_up(self) -> None:
        """Give up what it is at, if that still goes on."""
        self._given_up.set()
        await asyncio.to_thread(self._steps.acquire)
        self._steps.release()
        self._given_up.clear()

    async def forget(self) -> bool | None:
        """Leave for good. Whether that came about; None where it never got in."""
        if not self.joined:
            return None
        try:
            return await asyncio.to_thread(self._forget)
        except Exception:  # the driver's; it is told as not forgotten
            return False

    async def close(self) -> None:
        """End it."""
        await self.hang_up()
        await asyncio.to_thread(self._stack.close)

    async def _told(self, step: Callable[..., str], *arguments: Any) -> str:
        def alone() -> str:
            with self._steps:
                return step(*arguments)

        try:
            return await asyncio.to_thread(alone)
        except Exception as error:
            raise BrowserError(_first_line(error)) from None

    def _join(self, plan: Rehearsal) -> str:
        self._driver.get(f"{plan.address}/hub/join")
        self._find("#code").send_keys(plan.code)
        self._find("#name").send_keys(self.name)
        if doors := self._all('#doors input[value="seat"]'):
            doors[0].click()
        begun = time.monotonic()
        self._find("#join button").click()
        self._until(lambda: self._path() != "/hub/join" or self._all("#wrong"), "an answer to the join form")
        if self._path() == "/hub/join":
            raise BrowserError(self._find("#wrong").text)
        self.joined = True
        self._until(lambda: self._path().startswith("/user/"), "the seat")
        self._drawn(begun)
        address = urlsplit(self._driver.current_url)
        self._lesson = self._driver.current_url
        base = "/".join(address.path.split("/")[:3]) + "/"
        fetched = [urlsplit(name).path for name, kind in self._driver.execute_script(_FILES) if kind != "fetch"]
        self.files = tuple(dict.fromkeys(path.removeprefix(base) for path in fetched if path.startswith(base)))
        return self._words()

    def _attend(self) -> str:
        self._driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        begun = time.monotonic()
        self._driver.get(self._lesson)
        self._drawn(begun)
        self._run_all()
        return self._words()

    def _words(self) -> str:
        times = " s, then ".join(f"{seconds:.1f}" for seconds in self.seconds)
        asked = f"; it asked: {' / '.join(self.asked)}" if self.asked else ""
        return f"JupyterLab drawn and its kernel ready after {times} s; {len(self.files)} files{asked}"

    def _drawn(self, begun: float) -> None:
        self._until(lambda: not self._all("#jupyterlab-splash") and len(self._all(_CELLS)) > 1, "the lesson's cells")
        self._until(lambda: self._driver.execute_script(_KERNEL) == "idle", "a kernel that is ready")
        self.seconds.append(time.monotonic() - begun)

    def _run_all(self) -> None:
        """Run → Run All Cells; JupyterLab drops it while the notebook is still being set up, so it is asked again."""
        self._until(self._started, "the first cell to run")
        done = lambda: "[*]" not in "".join(self._prompts()) and self._driver.execute_script(_KERNEL) == "idle"  # noqa: E731
        self._until(done, "the last cell", patience=900)

    def _started(self) -> bool:
        for dialog in self._all("dialog.jp-Dialog"):
            self.asked.append(" ".join(dialog.text.split())[:120])
            dialog.find_element("css selector", ".jp-mod-accept").click()
        self._choose(".lm-MenuBar-itemLabel", "Run")
        self._choose(".lm-Menu .lm-Menu-itemLabel", "Run All Cells")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if any("[ ]" not in prompt for prompt in self._prompts()):
                return True
            time.sleep(0.2)
        return False

    def _prompts(self) -> list[str]:
        return list(self._driver.execute_script(_PROMPTS))

    def _choose(self, css: str, text: str) -> None:
        def found() -> Any:
            return next((one for one in self._all(css) if one.text.strip() == text and one.is_displayed()), None)

        self._until(found, f"{text!r} in a menu").click()

    def _forget(self) -> bool:
        assert self._plan is not None
        self._driver.get(f"{self._plan.address}/hub/me")
        form = self._all("form:has([name=forget])")
        if not form:
            return False
        self._driver.execute_script("arguments[0].submit()", form[0])
        self._until(lambda: self._path() == "/hub/join", "the join page")
        return True

    def _path(self) -> str:
        return urlsplit(str(self._driver.current_url)).path

    def _all(self, css: str) -> list[Any]:
        return list(self._driver.find_elements("css selector", css))

    def _find(self, css: str) -> Any:
        return self._until(lambda: next(iter(self._all(css)), None), f"{css} on the page")

    def _until(self, condition: Callable[[], T], awaited: str, patience: float = PATIENCE) -> T:
        from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException

        end = time.monotonic() + patience
        while True:
            if self._given_up.is_set():
                raise BrowserError(f"it was ended while it waited for {awaited}")
            try:
                if value := condition():
                    return value
            except (StaleElementReferenceException, ElementClickInterceptedException):
                pass  # the page drew itself anew in between, or JupyterLab asks something
            if time.monotonic() > end:
                raise TimeoutError(f"after {patience:.0f} s still awaited: {awaited}")
            time.sleep(0.1)


class BrowserError(Exception):
    """What the real browser met."""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
