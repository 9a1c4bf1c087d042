"""JupyterLite beside the page, as far as it can be seen without building it (see tests/integration/test_jupyterlite)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.kit import jupyterlite
from handson.kit.jupyterlite import with_banner
from handson.kit.site import build_site
from handson.lessons.catalog import read_catalog
from handson.workshop import read_workshop
from tests.kit.test_site import ON_PAGE, content_of


@pytest.mark.usefixtures("front")
def test_without_its_tools_nothing_is_written_and_the_way_out_is_said(
    make_workshop: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jupyterlite, "_TOOLS", {"no_such_module": "jupyterlite-core"})
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    with pytest.raises(HandsonError, match="not installed here: jupyterlite-core") as refused:
        build_site(catalog, tmp_path / "site", with_jupyterlite=True)
    assert 'pip install "handson[jupyterlite]"' in refused.value.way_out
    assert not (tmp_path / "site").exists()


@pytest.mark.usefixtures("front")
def test_a_site_without_it_says_nothing_of_it(make_workshop: Callable[..., Path], tmp_path: Path) -> None:
    built = build_site(read_catalog(read_workshop(make_workshop(ON_PAGE))), tmp_path / "site")
    assert content_of(built.index)["jupyter"] == ""
    assert not (tmp_path / "site" / "jupyter").exists()


def test_what_the_tool_says_when_it_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyterlite, "_extension", lambda *_: tmp_path)
    monkeypatch.setattr(jupyterlite.sys, "executable", "/bin/false")
    with pytest.raises(HandsonError, match="could not build JupyterLite"):
        jupyterlite._build(tmp_path, tmp_path / "built")


def test_the_banner_is_the_first_thing_in_the_page() -> None:
    html = with_banner('<html><head></head><body class="a">\n<div id="b"></div></body></html>')
    assert html.index('<body class="a">') < html.index('id="handson-note"') < html.index('<div id="b">')
    assert html.endswith("</body></html>")
    with pytest.raises(HandsonError, match="made a page that is none"):
        with_banner("<html>")
