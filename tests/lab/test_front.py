"""What the lesson page hears of Python, and Python of it: message for message."""

from __future__ import annotations

import base64
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from handson import lab
from handson.lab import front, widgets
from handson.lab.data import to_fetch
from handson.lab.vegalite import VEGA_LITE_MIME


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A page: what it was sent."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(front, "_send", None)
    front.use_page(lambda text: sent.append(json.loads(text, parse_constant=lambda name: pytest.fail(name))))
    return sent


def test_nobody_looks_at_a_plain_script() -> None:
    assert not front.connected()
    assert not front.on_page()


def test_a_bundle_is_displayed_and_replaced_under_one_id(page: list[dict[str, Any]]) -> None:
    front.display({"text/plain": "other"})
    shown = front.display({"text/plain": "one"})
    shown.update({"text/plain": "two"})
    assert page[1]["id"] != page[0]["id"]
    assert page[1] == {"type": "display", "id": page[1]["id"], "bundle": {"text/plain": "one"}, "metadata": {}}
    assert page[2] == {**page[1], "type": "update", "bundle": {"text/plain": "two"}}


def test_javascript_gets_no_number_that_it_cannot_read(page: list[dict[str, Any]]) -> None:
    front.display({"application/json": {"values": [1.5, math.nan, math.inf], "text": "nan"}})
    assert page[0]["bundle"]["application/json"] == {"values": [1.5, None, None], "text": "nan"}


def test_reports_and_checks_carry_their_data(page: list[dict[str, Any]]) -> None:
    lab.report(accuracy=0.5)
    assert page[0]["bundle"]["application/vnd.handson.figures+json"] == {"accuracy": 0.5}
    assert page[0]["bundle"]["text/plain"] == "accuracy 50.0 %"
    assert "<p>" in page[0]["bundle"]["text/html"]


def test_pictures_and_figures_are_shown_by_the_forms_they_offer(page: list[dict[str, Any]]) -> None:
    lab.show(torch.zeros(4, 4), "black")
    front.show(lab.bars({"a": 1.0}))
    front.show(3)
    assert "data:image/png;base64" in page[0]["bundle"]["text/html"]
    assert page[1]["bundle"][VEGA_LITE_MIME]["description"].startswith("Bars")
    assert page[2]["bundle"] == {"text/plain": "3"}


def test_a_training_redraws_one_output(page: list[dict[str, Any]]) -> None:
    for _ in (live := lab.Live(2)):
        live.log(loss=1.0)
    assert {message["id"] for message in page} == {page[0]["id"]}
    assert [page[0]["type"], page[-1]["type"]] == ["display", "update"]
    assert VEGA_LITE_MIME in page[-1]["bundle"]


def test_a_pad_on_the_page_answers_what_was_drawn(page: list[dict[str, Any]]) -> None:
    pad = lab.drawing_pad(lambda image: [0.1] * 10)
    front.show(pad)
    described = page[0]["bundle"][front.WIDGET_MIME]
    assert described["state"] == {"size": 28, "alt": pad._alt}
    assert "export default" in described["esm"]
    assert ".handson-pad" in described["css"]
    ink = base64.b64encode(bytes([0] * 8 + [255] * 8)).decode()
    content = {"drawing": 1, "side": 4, "id": "1.1"}
    front.receive(json.dumps({"type": "widget-message", "id": described["id"], "content": content, "buffers": [ink]}))
    assert page[1]["type"] == "widget-message"
    assert page[1]["id"] == described["id"]
    assert page[1]["content"]["answers"] == "1.1"
    assert page[1]["content"]["probabilities"] == pytest.approx([0.1] * 10)
    assert pad.drawings[0].shape == (28, 28)


def test_a_message_to_nobody_says_so(page: list[dict[str, Any]]) -> None:
    with pytest.raises(front.WidgetGoneError, match="Run this cell again"):
        front.receive('{"type": "widget-message", "id": "w999", "content": {}}')
    with pytest.raises(ValueError, match="widget-message"):
        front.receive("[1]")
    assert not page


def test_a_widget_is_the_same_to_its_receiver_on_the_page(page: list[dict[str, Any]]) -> None:
    heard: list[tuple[Any, ...]] = []
    shown = widgets.widget("pad", lambda *message: heard.append(message), size=8, alt="A pad.")
    front.receive(json.dumps({"type": "widget-message", "id": shown.id, "content": {"a": 1}, "buffers": ["AAE="]}))
    shown.send({"b": 2}, [b"\x02"])
    assert heard == [(shown, {"a": 1}, [b"\x00\x01"])]
    assert page == [{"type": "widget-message", "id": shown.id, "content": {"b": 2}, "buffers": ["Ag=="]}]


def test_a_new_python_calls_nothing_as_an_earlier_one_did() -> None:
    code = "from handson.lab import front; print(front.listen(print))"
    one, two = (subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2))
    assert one
    assert one != two


class _Handle:
    def update(self, *_: object, **__: object) -> None: ...


@pytest.mark.parametrize("drive", [True, False])
def test_in_jupyterlite_a_saved_file_is_a_link_only_where_its_folder_cannot_be_seen(
    drive: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(front, "_send", None)
    monkeypatch.setattr(front, "_in_kernel", lambda: True)
    monkeypatch.setattr(front, "DRIVE", tmp_path if drive else tmp_path / "none")
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle) or _Handle())
    front.hand_over("a<b.png", "image/png", b"+")
    assert not shown, "an ordinary kernel"
    monkeypatch.setattr(front.sys, "platform", "emscripten")
    front.hand_over("a<b.png", "image/png", b"+")
    assert len(shown) == (0 if drive else 1)
    for bundle in shown:
        href = "data:image/png;base64,Kw=="
        assert bundle["text/html"] == f'<a download="a&lt;b.png" href="{href}">Save a&lt;b.png</a>'


def test_there_is_no_terminal_in_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "_send", print)
    assert front.in_browser()
    monkeypatch.setattr(front, "_send", None)
    assert not front.in_browser()
    monkeypatch.setattr(front.sys, "platform", "emscripten")
    assert front.in_browser()
    assert to_fetch("`handson fetch mnist`") == ""
