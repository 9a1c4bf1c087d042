from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from handson.laptop.page import page_address, page_server, running_page


def test_the_page_is_served_on_loopback_and_scripts_are_scripts(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "index.html").write_text("<p>page")
    (tmp_path / "files" / "page-1.js").write_text("1")
    with page_server(tmp_path, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        with urllib.request.urlopen(page_address(port)) as answer:
            assert answer.read() == b"<p>page"
            assert answer.headers["Cache-Control"] == "no-cache"
        with urllib.request.urlopen(f"{page_address(port)}files/page-1.js") as answer:
            assert answer.headers["Content-Type"].startswith("text/javascript")
            assert "immutable" in answer.headers["Cache-Control"]
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(f"{page_address(port)}files/page-2.js")
        assert missing.value.headers["Cache-Control"] == "no-cache"
        missing.value.close()
        server.shutdown()
    assert server.server_address[0] == "127.0.0.1"


def test_a_page_that_is_served_already_is_found_and_one_that_ended_is_not(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "manifest.json").write_text('{"workshop": "numbers"}')
    assert running_page(site) is None
    with page_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        assert running_page(site) == port
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "manifest.json").write_text('{"workshop": "letters"}')
        (tmp_path / "other.port").write_text(str(port))
        assert running_page(tmp_path / "other") is None
        server.shutdown()
    assert running_page(site) is None


def test_a_lesson_has_an_address_of_its_own() -> None:
    assert page_address(8860, "digits") == "http://127.0.0.1:8860/#/digits"
