"""A headless Chromium that opens a site from its folder, or one host's pages, and finds no other host."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handson.errors import HandsonError

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)
"""What a headless Chromium is started with; which hosts it finds is said beside."""
_NO_HOST = "MAP * ~NOTFOUND"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def chromium(profile: Path, host: str = "") -> Iterator[Any]:
    """A Selenium driver of Chromium, its profile in folder `profile`; raises HandsonError where a part is missing.

    host: the one that it may reach; empty: none.
    """
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        raise HandsonError("selenium, which drives the browser, is not installed.", "pip install selenium") from None
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    driver_program = shutil.which("chromedriver")
    if program is None or driver_program is None:
        missing = "chromedriver" if program else f"Chromium ({', '.join(PROGRAMS)})"
        raise HandsonError(
            f"There is no {missing} here.", "Install both; on Debian: apt install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (
        *FLAGS,
        f"--host-resolver-rules={_NO_HOST}{f' , EXCLUDE {host}' if host else ''}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    # A session of its own: where sessions share the processor, its share is not this process's.
    driver = webdriver.Chrome(options, Service(driver_program, popen_kw={"start_new_session": True}))
    try:
        yield driver
    finally:
        driver.quit()
