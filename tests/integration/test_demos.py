"""Each demo as a visitor opens it: by double-click, and from a host name on the LAN; it trains, says so, and asks nobody."""

from __future__ import annotations

import functools
import json
import shutil
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from handson.kit.frontend import CHECKOUT, front_end
from tests.integration.browser import Traffic, chromium, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.browser]

LARGEST = 2_000_000
HOST = "room.test"

LEARNS = {
    "spirals": "number('loss') < 0.3",
    "paint": "number('error') < 12",
    "digits": "number('right') > 80",
    "race": "number('loss') < 0.3",
    "map": "number('same') > 80",
    "grid": "number('worth') > 0.3",
    "puck": "number('ticks') > 4000 && number('reward') < 0",
}
"""What its figures say when a demo has learned something."""

_NUMBER = """
const number = (name) => Number.parseFloat(
  document.querySelector(`[data-figure="${name}"]`)?.textContent.replace(/,/g, '').replace('−', '-') ?? '');
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built demos in a folder as one finds them on sticks."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here: the demos cannot be built")
    folder = tmp_path_factory.mktemp("stick") / "Übung am Gerät"
    shutil.copytree(front_end() / "demos", folder)
    return folder


@pytest.fixture(scope="module")
def lan(demos: Path) -> Iterator[str]:
    """The address of a server that has the same standing as one in the room: plain http, a host name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(demos)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with chromium(tmp_path_factory.mktemp("browser"), rules) as made:
        yield made


def open_demo(driver: Any, address: str, name: str) -> float:
    """Open it and wait until it trains; milliseconds from opening to the first step."""
    driver.get_log("browser")
    driver.get(address)
    return float(
        wait_until(
            lambda: driver.execute_script("return performance.getEntriesByName('training')[0]?.startTime"),
            f"{name} to train",
            seen=lambda: driver.find_element("tag name", "body").text[:200],
        )
    )


def figures(driver: Any) -> str:
    return str(
        driver.execute_script(
            "return [...document.querySelectorAll('[data-figure]')].map(e => e.dataset.figure + ' ' + e.textContent).join(', ')"
        )
    )


def complaints(driver: Any) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.parametrize("name", LEARNS)
def test_a_demo_opened_by_double_click_learns(driver: Any, demos: Path, name: str) -> None:
    page = demos / f"{name}.html"
    assert page.stat().st_size <= LARGEST
    soon = open_demo(driver, page.as_uri(), name)
    learned = f"{_NUMBER} return {LEARNS[name]}"
    wait_until(lambda: driver.execute_script(learned), f"{name} to learn: {LEARNS[name]}", seen=lambda: figures(driver))
    print(f"{name}: {page.stat().st_size / 1000:.0f} kB, trains after {soon:.0f} ms; {figures(driver)}")
    assert complaints(driver) == []


@pytest.mark.parametrize("name", LEARNS)
def test_a_demo_from_a_host_in_the_room_learns_and_asks_nobody_else(driver: Any, lan: str, name: str) -> None:
    traffic = Traffic(driver)
    before = len(traffic.addresses)
    soon = open_demo(driver, f"{lan}{name}.html", name)
    learned = f"{_NUMBER} return {LEARNS[name]}"
    wait_until(lambda: driver.execute_script(learned), f"{name} to learn: {LEARNS[name]}", seen=lambda: figures(driver))
    print(f"{name}: trains after {soon:.0f} ms over http; {figures(driver)}")
    asked = traffic.addresses[before:]
    assert [urllib.parse.urlsplit(address).path for address in asked] == [f"/{name}.html"]
    assert complaints(driver) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*LEARNS, "index"])
def test_a_demo_is_accessible(driver: Any, demos: Path, name: str, theme: str) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    driver.get((demos / f"{name}.html").as_uri())
    wait_until(lambda: driver.find_elements("css selector", "#demo h1"), f"{name} to be drawn")
    driver.execute_script((CHECKOUT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[0])")
    serious = [
        {"rule": one["id"], "where": [node["target"] for node in one["nodes"]][:3]}
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == [], json.dumps(serious, indent=1)


def test_a_point_is_moved_by_keyboard_and_a_digit_drawn_by_keys(driver: Any, demos: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    open_demo(driver, (demos / "spirals.html").as_uri(), "spirals")
    square = driver.find_element("css selector", "canvas[role=application]")
    square.send_keys("n", Keys.ARROW_RIGHT)
    wait_until(
        lambda: "point 1 of 160" in driver.find_element("css selector", "[role=status]").text, "the point to be told"
    )
    open_demo(driver, (demos / "digits.html").as_uri(), "digits")
    pad = driver.find_element("css selector", "canvas.pad")
    pad.send_keys(" ", *[Keys.ARROW_DOWN] * 8)
    wait_until(
        lambda: "Looks like" in driver.find_element("css selector", "[role=status]").text, "the guess to be told"
    )


def test_the_page_goes_on_answering_while_it_trains(driver: Any, demos: Path) -> None:
    open_demo(driver, (demos / "puck.html").as_uri(), "puck")
    script = """
    const done = arguments[0], times = [];
    let last = performance.now();
    const look = (now) => { times.push(now - last); last = now; times.length < 120 ? requestAnimationFrame(look) : done(times) };
    requestAnimationFrame(look);"""
    times = sorted(driver.execute_async_script(script))
    print(f"frames while a puck learns: median {times[60]:.0f} ms, 95 % within {times[114]:.0f} ms")
    assert times[60] < 200
