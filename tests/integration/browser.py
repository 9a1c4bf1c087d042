"""A headless Chromium that reaches nothing but loopback, and a notebook in JupyterLab as a learner sees it."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handson.chromium import FLAGS, PROGRAMS

PATIENCE = 120.0
"""Seconds until a condition counts as not met: a room's oldest laptop, busy, must not fail for being slow."""

_FLAGS = (*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--lang=en-US")
_SHOWN = "div.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook"
_TRAFFIC = ("Network.requestWillBeSent", "Network.webSocketCreated")


def wait_until(condition: Callable[[], Any], awaited: str, *, patience: float = PATIENCE, seen: Any = "") -> Any:
    """What `condition()` gives once it is true; fails with what was awaited, and what `seen()` says instead."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            instead = seen() if callable(seen) else seen
            pytest.fail(f"After {patience:.0f} s still awaited: {awaited}.{f' Seen: {instead}' if instead else ''}")
        time.sleep(0.1)  # between two looks
    return value


def _programs() -> tuple[str, str]:
    """Chromium and its driver; skips, naming what is absent."""
    pytest.importorskip("selenium", reason="selenium is not installed: pip install selenium")
    chromium = next(filter(None, map(shutil.which, PROGRAMS)), None)
    driver = shutil.which("chromedriver")
    if chromium is None:
        pytest.skip("no Chromium here (chromium, chromium-browser, google-chrome): install it to drive the lessons")
    if driver is None:
        pytest.skip("no chromedriver here: install it (Debian: chromium-driver) to drive the lessons")
    return chromium, driver


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[Any]:
    """A Selenium driver of a Chromium whose profile is in `folder`; ended with everything it started.

    flags: more of them; one that is given twice counts as given last.
    """
    program, driver_program = _programs()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, *flags, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    variables = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    log = str(folder / "chromedriver.log")
    driver = webdriver.Chrome(options, Service(driver_program, env=variables, log_output=log))
    try:
        driver.set_page_load_timeout(PATIENCE)
        driver.set_script_timeout(PATIENCE)
        yield driver
    finally:
        driver.quit()


class Traffic:
    """What the pages of `driver` asked for, from the browser's own record."""

    def __init__(self, driver: Any) -> None:
        """Nothing is read yet."""
        self._driver = driver
        self._addresses: list[str] = []

    @property
    def addresses(self) -> list[str]:
        """Every address of http, https, ws or wss that was asked for until now, answered or not."""
        for entry in self._driver.get_log("performance"):  # which gives each entry once
            message = json.loads(entry["message"])["message"]
            if message["method"] in _TRAFFIC:
                params = message["params"]
                self._addresses.append(params.get("url") or params["request"]["url"])
        return [address for address in self._addresses if re.match(r"(http|ws)s?:", address)]

    def outside(self) -> list[str]:
        """Those that would have left this machine."""
        return [address for address in self.addresses if urllib.parse.urlsplit(address).hostname != "127.0.0.1"]


class NotebookPage:
    """The notebook that JupyterLab shows in `driver`."""

    def __init__(self, driver: Any, address: str, cells: int) -> None:
        """Open `address` and wait until all cells of the notebook are there and its kernel is ready."""
        self.driver = driver
        self.traffic = Traffic(driver)
        driver.get(address)
        wait_until(lambda: not self.all("#jupyterlab-splash"), "JupyterLab")
        wait_until(lambda: len(self.cells()) == cells, f"the {cells} cells of the notebook", seen=self)
        wait_until(lambda: self.kernel() == "idle", "a kernel that is ready", seen=self)

    def __repr__(self) -> str:
        """Where the page stands, for a message."""
        return f"{self.driver.title!r}, kernel {self.kernel() or 'not there'}, cells {' '.join(self.prompts())}"

    def all(self, css: str, within: Any = None) -> list[Any]:
        """The elements that `css` selects."""
        return list((within or self.driver).find_elements("css selector", css))

    def texts(self, css: str) -> list[str]:
        """The text of each element that `css` selects, in one look (elements come and go while cells run)."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
        return list(self.driver.execute_script(script, css))

    def cells(self) -> list[Any]:
        """All cells, in the notebook's order."""
        return self.all(f"{_SHOWN} .jp-Cell")

    def prompts(self) -> list[str]:
        """`[1]:`, `[*]:` or `[ ]:` of each code cell whose code is shown."""
        return [prompt for prompt in self.texts(f"{_SHOWN} .jp-CodeCell .jp-InputPrompt") if prompt]

    def kernel(self) -> str:
        """What the kernel is said to be: idle, busy, dead, …; empty while it is not known."""
        script = "return document.querySelector(arguments[0])?.dataset.status ?? ''"
        return str(self.driver.execute_script(script, ".jp-NotebookPanel .jp-Notebook-ExecutionIndicator"))

    def run_all_cells(self) -> None:
        """Run → Run All Cells, and wait for the last one."""
        wait_until(self._chosen_to_run, "the first cell to start", seen=self)
        wait_until(self._has_run, "the last cell to have run", seen=self, patience=300)

    def _chosen_to_run(self) -> bool:
        """Choose it; False where nothing came of it: JupyterLab drops it while the notebook is still being set up."""
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        if not self._has_answered_a_dialog():  # one that asks for a kernel goes on with what was chosen before
            self._choose("Run", "Run All Cells")
        try:
            WebDriverWait(self.driver, 10).until(lambda _: any("[ ]" not in prompt for prompt in self.prompts()))
        except TimeoutException:
            return False
        return True

    def _has_answered_a_dialog(self) -> bool:
        """Accept a dialog that JupyterLab opened by itself, and say what it was: it covers the menu."""
        dialogs = self.all("dialog.jp-Dialog")
        for dialog in dialogs:
            print(f"JupyterLab asked: {' '.join(dialog.text.split())!r}")
            self.all(".jp-mod-accept", within=dialog)[0].click()
        wait_until(lambda: not self.all("dialog.jp-Dialog"), "JupyterLab's dialog to be gone")
        return bool(dialogs)

    def _has_run(self) -> bool:
        return bool(re.fullmatch(r"\[\d+\]:?", self.prompts()[-1])) and self.kernel() == "idle"

    def _choose(self, menu: str, item: str) -> None:
        self._click(".lm-MenuBar-itemLabel", menu)
        self._click(".lm-Menu .lm-Menu-itemLabel", item)

    def _click(self, css: str, text: str) -> None:
        def found() -> list[Any]:
            return [element for element in self.all(css) if element.text.strip() == text and element.is_displayed()]

        wait_until(found, f"{text!r} to click on", seen=lambda: self.texts(css))[0].click()

    def show(self, element: Any) -> None:
        """Bring `element` to the middle of the window."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        wait_until(lambda: self._is_in_view(element), "the element to be scrolled to")

    def _is_in_view(self, element: Any) -> bool:
        script = """const box = arguments[0].getBoundingClientRect();
            return box.height > 0 && box.top >= 0 && box.bottom <= window.innerHeight"""
        return bool(self.driver.execute_script(script, element))

    def write_line(self, cell: Any, line: str) -> None:
        """Type a new last line into a code cell."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        editor = self.all(".cm-content", within=cell)[0]
        self.show(editor)
        editor.click()
        end = ActionChains(self.driver).key_down(Keys.CONTROL).send_keys(Keys.END).key_up(Keys.CONTROL)
        end.send_keys(Keys.ENTER, Keys.HOME, line).perform()
        wait_until(lambda: line in editor.text, "the line typed to stand in the cell", seen=lambda: editor.text)

    def draw(self, canvas: Any, points: list[tuple[int, int]]) -> None:
        """Draw a stroke with the mouse; points count from the middle of `canvas`, in CSS pixels."""
        from selenium.webdriver.common.action_chains import ActionChains

        self.show(canvas)
        mouse = ActionChains(self.driver, duration=50)
        mouse.move_to_element_with_offset(canvas, *points[0]).click_and_hold()
        for x, y in points[1:]:
            mouse.move_to_element_with_offset(canvas, x, y)
        mouse.release().perform()
