"""The lesson page as a learner meets it: Chromium and Firefox, from a folder, from a name in the LAN, from localhost."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pytest

from handson.kit.check import check_in_page
from handson.kit.frontend import CHECKOUT
from handson.kit.site import Site
from handson.lessons.check import Report
from tests.integration.browser import PATIENCE, wait_until
from tests.integration.conftest import LESSON, catalog_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "firefox": ("firefox-esr", "firefox")}
ORIGINS = ("file", "lan", "localhost")


def address_of(origin: str, page_site: Site, port: int) -> str:
    if origin == "file":
        return f"file://{quote(str(page_site.index))}"
    return f"http://{'class.lan' if origin == 'lan' else 'localhost'}:{port}/"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("browser", PROGRAMS)
def test_a_lesson_is_done_in_the_page(browser: str, origin: str, page_site: Site, port: int, tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, PROGRAMS[browser])), None)
    if program is None:
        pytest.skip(f"no {browser} here ({', '.join(PROGRAMS[browser])}): install it to drive the lesson page in it")
    address = address_of(origin, page_site, port)
    how = "all" if origin == "file" else "short"  # Python dies alike everywhere
    command = ["node", "tests/browser/drive.mjs", browser, program, address, str(tmp_path), how]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=500)
    tried = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    print("\n".join(f"{one['ms']:6} ms  {one['what']}: {one['detail']}" for one in tried))
    failed = [f"{one['what']}: {one['detail']}" for one in tried if not one["ok"]]
    assert not failed, "\n".join(failed)
    assert done.returncode == 0, done.stderr
    assert len(tried) == (23 if how == "all" else 19)
    _opens_in_jupyter(tmp_path)


@pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # Selenium's own
@pytest.mark.parametrize("origin", ["file", "localhost"])
def test_webkit_runs_a_lesson(origin: str, page_site: Site, port: int, tmp_path: Path) -> None:
    with webkit(tmp_path) as driver:
        driver.get(f"{address_of(origin, page_site, port)}#/add")
        cells = "const cells = window.handson?.view?.cells ?? [];"
        wait_until(lambda: driver.execute_script(f"{cells} return cells.length"), "the lesson")
        driver.execute_async_script(f"{cells} handson.view.enqueue([cells[0]]).then(...[...arguments].slice(-1))")
        assert driver.execute_script(f"{cells} return cells[0].outputs.element.innerText").strip() == "ready"


@contextmanager
def webkit(folder: Path) -> Iterator[Any]:
    """A Selenium driver of WebKitGTK's small browser, on a screen that nobody sees."""
    pytest.importorskip("selenium", reason="selenium is not installed: pip install selenium")
    program, xvfb = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    if program is None or xvfb is None:
        pytest.skip("no WebKitWebDriver with Xvfb here: install them (Debian: webkit2gtk-driver, xvfb)")
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.service import Service

    told, tells = os.pipe()
    screen = subprocess.Popen(
        [xvfb, "-displayfd", str(tells), "-nolisten", "tcp"], pass_fds=[tells], stderr=subprocess.DEVNULL
    )
    try:
        os.close(tells)
        display = os.read(told, 9).decode().strip()
        home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
        service = Service(program, env={**os.environ, **home, "DISPLAY": f":{display}"})
        driver = webdriver.WebKitGTK(service=service)
        try:
            driver.set_script_timeout(PATIENCE)
            yield driver
        finally:
            driver.quit()
    finally:
        os.close(told)
        screen.terminate()
        screen.wait()


def _opens_in_jupyter(folder: Path) -> None:
    notebook = nbformat.read(folder / "home.ipynb", as_version=4)
    nbformat.validate(notebook)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert sources[1] == "# mine\nprint('kept')"
    assert notebook.cells[1].outputs[0].text == "ready\n"
    assert notebook.cells[3].metadata.tags == ["exercise", "raises-exception"]
    compile((folder / "home.py").read_text(encoding="utf-8"), "home.py", "exec")


def checked(tmp_path: Path, lesson: str) -> Report:
    pytest.importorskip("selenium", reason="selenium is not installed: pip install selenium")
    if shutil.which("chromedriver") is None:
        pytest.skip("no chromedriver here: install it (Debian: chromium-driver) to check lessons in the page")
    catalog = catalog_in(tmp_path / "workshop", lesson)
    (report,) = check_in_page(catalog, catalog.lessons, "embedded", seeds=1, out=tmp_path / "checked", say=print)
    return report


def test_a_lesson_is_held_to_its_contract_in_the_page(tmp_path: Path) -> None:
    report = checked(tmp_path, LESSON)
    assert report.kept, [promise for promise in report.promises if not promise.kept]
    assert report.runs[0].figures == {"sum": 4}
    assert (tmp_path / "checked" / "add" / "page-embedded" / "pictures" / "sum.png").read_bytes() == b"+"


def test_a_promise_that_the_page_does_not_keep_is_told(tmp_path: Path) -> None:
    lesson = LESSON.replace("return a + b\n    # --- stub", "return a * b + 1\n    # --- stub")
    report = checked(tmp_path, lesson)
    (broken,) = (promise for promise in report.promises if not promise.kept)
    assert broken.promise == "the solved lesson runs to its end (seed 0)"
    assert broken.measured == "code cell 3 failed with NotYet: 2 and 2 make 4."


def test_what_is_ours_in_the_page_names_no_address_elsewhere(page_site: Site) -> None:
    root = page_site.folder
    files = [page_site.index, *root.glob("files/page-*"), *root.glob("demos/*.html")]
    assert len(files) > 5
    for file in files:
        found = set(re.findall(r"https?://[\w./-]+", file.read_text(encoding="utf-8")))
        assert found <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}, file.name


def test_what_comes_before_the_first_output_is_no_larger_than_its_goal(page_site: Site) -> None:
    """The size that every visitor loads before the first output; the time is measured in bench/browser."""
    loaded = sum(path.stat().st_size for path in (page_site.folder / "files").glob("*.js"))
    assert loaded < 16e6
