"""A picture to go into: the plain picture first, then a script that needs nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import torch

from handson.lab.png import pixels
from handson.lab.zooming import zoomable

PICTURE = torch.rand(12, 18, 3)


class Parsed(HTMLParser):
    """Tags with their attributes, and the texts of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # the parser calls it so
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_without_its_script_it_is_the_plain_picture_and_shows_no_dead_buttons() -> None:
    page = Parsed(zoomable(PICTURE, alt="A forest.").html())
    (image,) = page.all("img")
    assert image["src"] == pixels(PICTURE).data_url(9)
    assert image["alt"] == "A forest."
    (bar,) = [attributes for attributes in page.all("div") if "data-bar" in attributes]
    assert "display:none" in str(bar["style"])


def test_it_can_be_reached_and_heard_without_a_mouse() -> None:
    page = Parsed(zoomable(PICTURE, alt="A forest.").html())
    assert [button["aria-label"] for button in page.all("button")] == ["closer", "farther", "the whole picture"]
    assert any(div.get("role") == "status" and div.get("aria-live") == "polite" for div in page.all("div"))
    (group,) = [div for div in page.all("div") if div.get("role") == "group"]
    assert "arrows" in str(group["aria-label"])
    assert {"ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home"} <= set(re.findall(r"\b(Arrow\w+|Home)\b", page.scripts[0]))  # fmt: skip


def test_two_on_one_page_do_not_disturb_each_other() -> None:
    one = zoomable(PICTURE)
    names = [Parsed(html).all("figure")[0]["id"] for html in (one.html(), one.html(), zoomable(PICTURE).html())]
    assert len(set(names)) == 3


def test_nothing_is_loaded_from_elsewhere() -> None:
    html = zoomable(PICTURE, ["a", "b"], columns=2).html()
    assert "http" not in html
    assert "import" not in Parsed(html).scripts[0]


def test_a_name_cannot_end_the_script() -> None:
    page = Parsed(zoomable(PICTURE, ["</script><b>", "b"], columns=2).html())
    assert len(page.scripts) == 1
    assert not page.all("b")


def test_outside_a_notebook_its_text_alternative_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert repr(zoomable(PICTURE, alt="A forest.")) == "Zoomable picture: A forest."
    assert capsys.readouterr().out == "A forest.\n"


def test_a_grid_without_room_for_its_names_is_refused() -> None:
    with pytest.raises(ValueError, match="A grid of 2 names cannot have 3 columns"):
        zoomable(PICTURE, ["a", "b"], columns=3)
