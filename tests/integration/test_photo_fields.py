"""The fields for photos, in a browser: several photos at once, each to the kernel, and what is no photo is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handson.lab import widgets
from tests.integration.browser import chromium, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(300)]

_PAGE = """<!doctype html><meta charset="utf-8"><style>{css}</style><body><script type="module">
{code}
window.sent = [];
const listeners = [];
const model = {{
  get: () => ({state}),
  on: (_, listener) => listeners.push(listener),
  off: () => {{}},
  send: (content, _, buffers) => window.sent.push({{ ...content, bytes: buffers[0].byteLength }}),
}};
window.answer = (message) => listeners.forEach((listener) => listener(message));
render({{ model, el: document.body }});
window.ready = true;
</script>"""


def page(folder: Path, field: Any) -> str:
    """A page that shows `field` with a kernel of ours: `sent` holds what it was sent, `answer` is what it says."""
    code = field._esm.replace("export default { render };", "")
    file = folder / "page.html"
    file.write_text(_PAGE.format(css=field._css, code=code, state=json.dumps(field.state)), encoding="utf-8")
    return file.as_uri()


def files(folder: Path, *names: str) -> str:
    """Photos to choose, as a file input takes them; one that ends in .txt is none."""
    for name in names:
        if name.endswith(".txt"):
            (folder / name).write_text("hello")
        else:
            Image.new("RGB", (1500, 900), "red").save(folder / name)
    return "\n".join(str(folder / name) for name in names)


def test_several_photos_of_two_kinds_are_sent_each_with_its_kind(tmp_path: Path) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    field = widgets.drop_zones({"mugs": lambda *_: tmp_path, "glasses": lambda *_: tmp_path})
    with chromium(tmp_path) as driver:
        driver.get(page(tmp_path, field))
        wait_until(lambda: driver.execute_script("return window.ready"), "the fields")
        first, second = driver.find_elements("css selector", "input[type=file]")
        first.send_keys(files(tmp_path, "a.jpg", "b.png"))
        second.send_keys(files(tmp_path, "c.jpg", "notes.txt"))

        sent = wait_until(
            lambda: len(found := driver.execute_script("return window.sent")) == 3 and found, "three photos sent"
        )
        assert sorted((one["kind"], one["name"]) for one in sent) == [
            ("glasses", "c.jpg"),
            ("mugs", "a.jpg"),
            ("mugs", "b.png"),
        ]
        assert all(1000 < one["bytes"] < 100_000 for one in sent)

        says = driver.find_elements("css selector", ".handson-photos-says")
        for kind in ("mugs", "mugs", "glasses"):
            driver.execute_script("window.answer({kind: arguments[0], saved: 'x'})", kind)
        assert says[0].text == "2 photos saved. Now run this cell again."
        wait_until(lambda: "notes.txt is not a picture" in says[1].text, "a word on the file that is no photo")
        assert says[1].text.startswith("1 photo saved.")
        assert len(driver.find_elements("css selector", ".handson-photos-strip canvas")) == 3


def test_one_photo_is_sent_scaled_down_and_the_answer_shown(tmp_path: Path) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    with chromium(tmp_path) as driver:
        driver.get(page(tmp_path, widgets.drop_zone(lambda *_: tmp_path)))
        wait_until(lambda: driver.execute_script("return window.ready"), "the field")
        driver.find_element("css selector", "input[type=file]").send_keys(files(tmp_path, "a.jpg"))
        wait_until(lambda: len(driver.execute_script("return window.sent")) == 1, "the photo sent")
        driver.execute_script("window.answer({saved: 'photos/a.jpg'})")
        says = driver.find_element("css selector", ".handson-photo-says")
        assert says.text == "Saved as photos/a.jpg. Now run this cell again."
