"""A room as an attendee and a presenter meet it: in a browser, by keyboard, on a phone and a projector, through both doors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from handson.kit.frontend import CHECKOUT
from handson.kit.site import Site
from tests.integration import browser
from tests.integration.browser import NotebookPage, chromium
from tests.integration.room import FENCED, RunningRoom, join, running_room, seat_code_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(280)]

PHONE, LAPTOP, PROJECTOR = (375, 760), (1280, 800), (1920, 1080)
HOSTILE = "<img src=x onerror='document.title=1'>"


def wait_until(condition: Callable[[], Any], awaited: str, seen: Any = "") -> Any:
    return browser.wait_until(condition, awaited, patience=60, seen=seen)


@dataclass
class Class:
    """A room with both doors, and one browser in it: a tab for each attendee or presenter."""

    room: RunningRoom
    driver: Any
    logged: list[dict[str, Any]] = field(default_factory=list)
    """What the browser logged before attempts that it logs as well."""

    def tab(self, address: str) -> str:
        """A new tab at `address`; its handle."""
        self.driver.switch_to.new_window("tab")
        self.driver.get(address)
        return str(self.driver.current_window_handle)

    def to(self, handle: str) -> None:
        self.driver.switch_to.window(handle)

    def one(self, css: str) -> Any:
        return wait_until(lambda: self.driver.find_elements("css selector", css), css, seen=self.text)[0]

    def text(self, css: str = "body") -> str:
        found = self.driver.find_elements("css selector", css)
        return found[0].text if found else ""

    def awaited(self, text: str, css: str = "body") -> None:
        wait_until(lambda: text in self.text(css), repr(text), seen=lambda: self.text(css))

    def on_strip(self, script: str) -> Any:
        """Something of the strip over a lesson, in its shadow."""
        return self.driver.execute_script(
            f"const strip = document.querySelector('#handson-room')?.shadowRoot; return strip && ({script})"
        )

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def seen(self, size: tuple[int, int], dark: bool = False) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def holds_up(self) -> None:
        """On a phone, a laptop and a projector, light and dark: axe-core finds nothing serious, nothing is cut off."""
        axe = (CHECKOUT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
        for size in (PHONE, LAPTOP, PROJECTOR):
            for dark in (False, True):
                self.seen(size, dark)
                self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
                found = self.driver.execute_async_script(
                    "const done = arguments[arguments.length - 1];"
                    "axe.run(document).then(all => done(all.violations"
                    ".filter(one => ['serious', 'critical'].includes(one.impact))"
                    ".map(one => [one.id, one.nodes.map(node => node.html)])))"
                )
                assert not found, (self.driver.current_url, size, dark, json.dumps(found, indent=1))
                wide = self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
                assert wide <= 0, (self.driver.current_url, size, f"{wide} pixels too wide")
        self.seen(LAPTOP)

    def presenter(self) -> str:
        return self.tab(f"http://127.0.0.1:{self.room.board_port}/#{self.room.secrets['board']}")


@pytest.fixture(scope="module")
def course(page_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    if not (CHECKOUT / "node_modules" / "axe-core").is_dir():
        pytest.skip("no axe-core here: npm ci in web/ brings it")
    folder = tmp_path_factory.mktemp("room pages")
    (folder / "chromium").mkdir()
    workshop = page_site.folder.parents[1] / "workshop"
    with (
        running_room(folder / "state", "--site", str(page_site.folder), workshop=workshop) as room,
        chromium(folder / "chromium") as driver,
    ):
        yield Class(room, driver)


@pytest.fixture(scope="module")
def ada(course: Class) -> str:
    """Somebody who scanned the code, joined by keyboard only, and is in the lesson, in JupyterLab; the tab."""
    from selenium.webdriver.common.keys import Keys

    handle = course.tab(f"{course.room.address}/hub/join#{course.room.secrets['class_code']}")
    assert course.driver.execute_script("return document.activeElement.id") == "name", "the code is there already"
    assert course.room.secrets["class_code"] not in course.driver.current_url, "it is not shown in the address"
    course.holds_up()
    course.press(HOSTILE, Keys.TAB, Keys.ARROW_UP)
    door = course.driver.execute_script("return document.querySelector('[name=door]:checked').value")
    if door != "seat":
        course.press(Keys.ARROW_UP)
    assert course.driver.execute_script("return document.querySelector('[name=door]:checked').value") == "seat"
    course.press(Keys.ENTER)
    if not FENCED:  # a seat with fences was forked ahead, and there before anybody could read this
        course.awaited("Your come-back code")
        assert HOSTILE in course.text()
        course.holds_up()
    wait_until(lambda: "/user/seat-1/lab/tree/numbers/01_add.ipynb" in course.driver.current_url, "the lesson")
    wait_until(lambda: HOSTILE in str(course.on_strip("strip.textContent")), "the strip over the lesson")
    return handle


def test_a_lesson_in_a_seat_has_the_strip_and_the_name_is_text(course: Class, ada: str) -> None:
    course.to(ada)
    assert course.on_strip("strip.querySelectorAll('img').length") == 0
    assert course.driver.title != "1"


def test_over_the_lesson_the_come_back_code_is_told_of_once_and_is_not_there(course: Class, ada: str) -> None:
    course.to(ada)
    assert "Your come-back code" in str(course.on_strip("strip.querySelector('.note:not([hidden])').textContent"))
    assert course.on_strip("strip.querySelector('.note a').getAttribute('href')") == "/hub/me"
    assert not re.search(r"[A-Z]{4}-[A-Z]{4}-[A-Z]{4}", str(course.on_strip("strip.textContent")))
    course.on_strip("strip.querySelector('.note button').click()")
    assert course.on_strip("strip.querySelector('.note').hidden")
    course.driver.refresh()
    wait_until(lambda: HOSTILE in str(course.on_strip("strip.textContent")), "the strip over the lesson")
    assert course.on_strip("strip.querySelector('.note').hidden")


def test_the_board_asks_for_the_phrase_and_takes_no_other(course: Class) -> None:
    course.tab(f"http://127.0.0.1:{course.room.board_port}/")
    course.awaited("Presenter's phrase")
    course.holds_up()
    field = course.one("#phrase")
    field.send_keys("AAAA-AAAA-AAAA-AAAA\n")
    course.awaited("That is not the phrase.")
    course.one("#phrase").send_keys(course.room.secrets["board"].lower() + "\n")
    course.awaited("Message to all")


def test_the_board_shows_who_is_where_and_the_phrase_is_not_in_its_address(course: Class, ada: str) -> None:
    course.to(ada)
    course.presenter()
    course.awaited(HOSTILE, "tbody")
    assert course.room.secrets["board"] not in course.driver.current_url
    course.awaited("Add", "tbody")  # the lesson that is open in JupyterLab
    course.awaited("0 of 1", "tbody")
    assert not course.driver.find_elements("css selector", "tbody img")
    wait_until(lambda: re.search(r"\d+ MB|\d GB", course.text("tbody")), "the memory of the seat", seen=course.text)
    course.awaited("1 running seat takes")
    course.holds_up()
    cookies = course.driver.get_cookies()
    assert not [cookie for cookie in cookies if course.room.secrets["board"] in cookie["value"]]


def test_the_wall_shows_how_to_join_and_no_names(course: Class) -> None:
    course.presenter()
    course.awaited("For the projector")
    course.one(".board-head button").click()
    course.awaited(course.room.secrets["class_code"], ".wall")
    assert f"127.0.0.1:{course.room.port}" in course.text(".wall")
    assert HOSTILE not in course.text()
    assert course.one(".qr").get_attribute("src").startswith("data:image/svg+xml")
    course.holds_up()


def test_a_hand_goes_up_in_the_lesson_and_down_on_the_board(course: Class, ada: str) -> None:
    course.to(ada)
    course.on_strip("strip.querySelector('button[aria-pressed]').click()")
    wait_until(lambda: course.on_strip("strip.querySelector('button[aria-pressed]').ariaPressed") == "true", "the hand")
    course.presenter()
    course.awaited("hand up", "tbody")
    course.one("tbody .lower").click()
    wait_until(lambda: "hand up" not in course.text("tbody"), "the hand to be down", seen=lambda: course.text("tbody"))
    course.to(ada)
    wait_until(
        lambda: course.on_strip("strip.querySelector('button[aria-pressed]').ariaPressed") == "false", "the hand"
    )


def test_a_word_to_all_is_text_and_can_be_put_aside(course: Class, ada: str) -> None:
    presenter = course.presenter()
    course.one("#say").send_keys(f"Break {HOSTILE}\n")
    course.awaited("Done.")
    course.to(ada)
    wait_until(
        lambda: f"Break {HOSTILE}" in str(course.on_strip("strip.querySelector('.said').textContent")), "the word"
    )
    assert course.on_strip("strip.querySelectorAll('img').length") == 0
    course.on_strip("[...strip.querySelectorAll('.said button')].at(-1).click()")
    assert course.on_strip("strip.querySelector('.said').hidden")
    course.to(presenter)
    course.awaited(HOSTILE, ".current")
    course.one(".current + button").click()
    wait_until(lambda: HOSTILE not in course.text(".current"), "the word to be taken back")


def test_everyone_is_asked_to_a_lesson_and_follows_by_a_click(course: Class, ada: str) -> None:
    course.presenter()
    course.one("#lesson option")
    course.driver.find_elements("css selector", ".one-line button")[1].click()
    course.awaited("Everyone to “Add”, please.")
    course.to(ada)
    wait_until(
        lambda: "Everyone to “Add”" in str(course.on_strip("strip.querySelector('.said').textContent")), "the word"
    )
    course.on_strip("strip.querySelector('.said .primary').click()")
    assert course.on_strip("strip.querySelector('.said').hidden")
    wait_until(lambda: "01_add.ipynb" in course.text(".lm-DockPanel-tabBar .lm-mod-current"), "the notebook in front")


def test_a_check_that_fails_in_a_kernel_is_seen_on_the_board(course: Class, ada: str) -> None:
    course.to(ada)
    course.seen(LAPTOP)
    address = f"{course.room.address}/user/seat-1/lab/tree/numbers/01_add.ipynb"
    notebook = NotebookPage(course.driver, address, cells=8)
    first, check = notebook.cells()[1:3]
    for cell, run in ((first, "Run Selected Cell"), (check, "Run Selected Cell and All Below")):
        cell.click()  # the first one reads what only the page has, and stops there, with handson.lab imported
        notebook._choose("Run", run)
        wait_until(lambda: notebook.kernel() == "idle" and "[*]:" not in notebook.prompts(), "the cells", seen=notebook)
    wait_until(lambda: "Not yet. 2 and 2 make 4." in course.text(".jp-Notebook"), "the check", seen=notebook)
    course.presenter()
    wait_until(
        lambda: re.search(r"add, \d+ s", course.text("tbody")), "who is stuck", seen=lambda: course.text("tbody")
    )


NOTEBOOK_OF_ANOTHER = """
const B = "http://127.0.0.1:%(board)d", seat = location.href, waited = (ms) => new Promise((ok) => setTimeout(ok, ms));
const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1];
const seen = (address) => new Promise((ok) => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.onload = () => ok(frame.contentDocument?.body?.innerText ?? "nothing");
  frame.src = address;
  setTimeout(() => ok("nothing"), 4000);
});
const opened = async (address) => {
  const other = window.open(address);
  await waited(4000);
  try { return other.document.body.innerText || "nothing"; } catch (error) { return "nothing"; } finally { other?.close(); }
};
const attempts = {
  own: async () => (await fetch("/user/seat-1/api/contents", { headers: { "X-XSRFToken": xsrf } })).status,
  "own in a window": () => opened("/user/seat-1/api"),
  "board read": async () => (await fetch(B + "/", { credentials: "include" })).text(),
  "board said": async () => (await fetch(B + "/api/say", { method: "POST", mode: "no-cors", credentials: "include", body: '{"text": "EVIL"}' })).type,
  "board said with a phrase": async () => (await fetch(B + "/api/say", { method: "POST", headers: { Authorization: "Bearer AAAA-AAAA-AAAA-AAAA" }, body: '{"text": "EVIL"}' })).status,
  "board heard": () => new Promise((ok) => { const line = new EventSource(B + "/api/stream"); line.onmessage = (e) => ok(e.data); line.onerror = () => ok("refused"); }),
  "board by socket": () => new Promise((ok) => { const line = new WebSocket(B.replace("http", "ws") + "/api/stream"); line.onopen = () => ok("OPEN"); line.onerror = () => ok("refused"); }),
  "board in a frame": () => seen(B + "/"),
  "board in a window": () => opened(B + "/"),
  phrase: async () => String(sessionStorage.getItem("handson-board-phrase")) + localStorage.getItem("handson-board-phrase"),
  cookies: async () => document.cookie,
  "hub's cookies": async () => { history.replaceState(null, "", "/hub/me"); const found = document.cookie; history.replaceState(null, "", seat); return found; },
  "hub read": async () => { const answer = await fetch("/hub/me"); return answer.status + (await answer.text()); },
  "hub left": async () => (await fetch("/hub/forget", { method: "POST", body: new URLSearchParams({ forget: "yes" }) })).status,
  "hub in a frame": () => seen("/hub/me"),
  "hub in a window": () => opened("/hub/me"),
  "service worker": async () => (await navigator.serviceWorker.register("/user/seat-1/files/evil.js?x")).scope,
};
(async () => {
  const got = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try { got[name] = String(await attempt()); } catch (error) { got[name] = "refused"; }
  }
  window.gotAll = got;
})();
"""


@pytest.mark.skipif(not FENCED, reason="Seats without fences promise nothing; this is not root.")
def test_a_notebook_of_somebody_else_reaches_neither_board_nor_hub(course: Class, ada: str) -> None:
    """Its output runs in the seat's page, which is of the hub's origin and on the presenter's machine, as here, beside the board."""
    room = course.room
    course.logged += course.driver.get_log("browser")
    course.presenter()
    course.awaited("Message to all")
    assert course.driver.execute_script("return sessionStorage['handson-board-phrase']") == room.secrets["board"]
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": []}
    cell["source"] = (
        f"from IPython.display import Javascript\nJavascript({NOTEBOOK_OF_ANOTHER % {'board': room.board_port}!r})"
    )
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (room.files(1) / "evil.ipynb").write_text(json.dumps(notebook))
    (room.files(1) / "evil.js").write_text("// a service worker")
    course.to(ada)
    course.seen(LAPTOP)
    page = NotebookPage(course.driver, f"{room.address}/user/seat-1/lab/tree/evil.ipynb", cells=1)
    page.run_all_cells()
    got = wait_until(lambda: course.driver.execute_script("return window.gotAll"), "what it got", seen=page)
    assert (got["own"], "version" in got["own in a window"]) == ("200", True), (
        "the script runs, and reaches its own seat"
    )
    for what in (
        "board read",
        "board said",
        "board said with a phrase",
        "board heard",
        "board by socket",
        "service worker",
    ):
        assert got[what] == "refused", (what, got)
    for what in ("board in a frame", "board in a window", "hub in a frame", "hub in a window"):
        assert got[what] == "nothing", (what, got)
    assert got["phrase"] == "nullnull"
    assert got["hub read"].startswith("403")
    assert got["hub left"] == "403"
    for what in ("cookies", "hub's cookies"):
        for name in ("handson-seat", "jupyterhub-hub-login", "jupyterhub-session-id"):
            assert name not in got[what], (what, got)
    assert "_xsrf" in got["cookies"]
    jar = course.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
    (token,) = (one["value"] for one in jar if (one["name"], one["path"]) == ("_xsrf", "/hub/"))
    assert not any(token in text for text in got.values())
    assert not any(re.search(r"[A-Z]{4}-[A-Z]{4}-[A-Z]{4}", text) for text in got.values()), "no code is anywhere"
    course.presenter()
    course.awaited(HOSTILE, "tbody")
    assert "EVIL" not in course.text()
    course.driver.get_log("browser")
    course.to(ada)


@pytest.mark.usefixtures("ada")
def test_corrected_lessons_come_to_a_seat_and_leave_what_was_edited(course: Class) -> None:
    seat = course.room.files(1) / "numbers"
    workshop = Path(json.loads((course.room.state / "hub" / "settings.json").read_text())["workshop"])
    source = workshop / "lessons" / "numbers" / "01_add.py"
    before = source.read_text(encoding="utf-8")
    notebook = seat / "01_add.ipynb"
    edited = notebook.read_text(encoding="utf-8").replace("# your line", "# my own line")
    notebook.write_text(edited, encoding="utf-8")
    try:
        source.write_text(before.replace("Two numbers, and a", "Two corrected numbers, and a"), encoding="utf-8")
        course.presenter()
        push = next(
            one for one in course.driver.find_elements("css selector", "button") if one.text == "Push corrected lessons"
        )
        push.click()
        course.awaited("Notebooks that somebody has edited stay")
        wait_until(lambda: list(seat.glob("01_add.new-*.ipynb")), "the corrected notebook beside the edited one")
    finally:
        source.write_text(before, encoding="utf-8")
    (beside,) = seat.glob("01_add.new-*.ipynb")
    assert "Two corrected numbers" in beside.read_text(encoding="utf-8")
    assert "Two corrected numbers" not in notebook.read_text(encoding="utf-8")


def test_the_other_door_shows_the_lesson_page_and_tells_the_same_board(course: Class, ada: str) -> None:
    course.to(ada)
    course.driver.get(f"{course.room.address}/hub/me")
    course.holds_up()
    course.one("button[value=page]").click()
    wait_until(lambda: course.driver.current_url.endswith("/hub/page/"), "the lesson page")
    course.driver.get(f"{course.room.address}/hub/page/#/add")
    run = """
        const done = arguments[arguments.length - 1];
        const cells = handson.view.cells;
        handson.view.enqueue(cells.slice(0, 3)).then(() => done(cells.map(cell => cell.outputs.element.innerText)));
    """
    wait_until(lambda: course.driver.execute_script("return window.handson?.view?.cells?.length"), "the lesson")
    outputs = course.driver.execute_async_script(run)
    assert outputs[0].strip() == "ready", "the data came through the proxy as it is"
    assert "Not yet" in outputs[2]
    wait_until(lambda: HOSTILE in str(course.on_strip("strip.textContent")), "the strip over the page")
    course.presenter()
    course.awaited("own browser", "tbody")
    wait_until(lambda: re.search(r"add, \d+", course.text("tbody")), "who is stuck", seen=lambda: course.text("tbody"))


def test_the_presenter_removes_somebody_by_keyboard_after_a_second_question(course: Class) -> None:
    from selenium.webdriver.common.keys import Keys

    bob = course.room.browser()
    join(bob, course.room.secrets["class_code"], "Bob <i>B.</i>")
    assert "Bob" in bob.get("/hub/me").text
    code = seat_code_of(bob.get("/hub/me"))
    course.presenter()
    course.awaited("Bob <i>B.</i>", "tbody")
    more = course.one("button.more[aria-label*=Bob]")
    course.driver.execute_script("arguments[0].focus()", more)
    course.press(Keys.ENTER)
    course.awaited("Bob <i>B.</i>", "dialog[open]")
    course.holds_up()
    course.press(Keys.TAB, Keys.ENTER)
    course.awaited(code, "dialog[open]")
    course.press(Keys.ESCAPE)
    assert course.driver.execute_script("return document.activeElement === arguments[0]", more), "back where it was"
    assert code not in course.text()
    course.press(Keys.ENTER, Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)
    course.awaited("Nothing here brings them back", "dialog[open]")
    course.holds_up()
    course.press(Keys.ENTER)
    assert "Bob" in bob.get("/hub/me").text, "Keep them has the focus"
    course.press(Keys.ENTER, Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER, Keys.TAB, Keys.TAB, Keys.ENTER)
    course.awaited("Bob <i>B.</i> was removed.")
    wait_until(lambda: "Bob" not in course.text("tbody"), "an empty place", seen=lambda: course.text("tbody"))
    assert bob.get("/hub/me").url.path == "/hub/join"
    assert not list(course.room.files(2).glob("*"))


def test_no_page_of_the_room_logged_an_error(course: Class) -> None:
    logged = course.logged + course.driver.get_log("browser")
    entries = [entry["message"] for entry in logged if entry["level"] == "SEVERE"]
    ours = [message for message in entries if "/user/seat-1/" not in message]  # what is in there is JupyterLab's own
    assert not [message for message in ours if "status of 401" not in message]
