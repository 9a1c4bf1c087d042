from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
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


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a server of a site with links, beside which lies what is not of the site."""
    site = tmp_path / "site"
    (site / "files").mkdir(parents=True)
    (site / "demos").mkdir()
    (site / "linked").mkdir()
    (site / "index.html").write_text("<p>page")
    (site / "files" / "a.js").write_text("1")
    (site / "demos" / "index.html").write_text("<p>demos")
    (tmp_path / "secret.txt").write_text("secret")
    (site / "out").symlink_to(tmp_path)
    (site / "secret.js").symlink_to(tmp_path / "secret.txt")
    (site / "linked" / "index.html").symlink_to(tmp_path / "secret.txt")
    (site / "linked too").mkdir()
    (site / "linked too" / "index.htm").symlink_to(tmp_path / "secret.txt")
    (site / "circle").symlink_to(site / "circle")
    (site / "inside.js").symlink_to(site / "files" / "a.js")
    with page_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def asked(port: int, path: str, host: str | None = None, method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    return connection.getresponse()


@pytest.mark.parametrize(
    "path",
    [
        "/files/", "/out/", "/out/secret.txt", "/secret.js", "/linked/", "/linked%20too/", "/circle", "/%00", "/index.html%00.txt",
        "/../secret.txt", "/%2e%2e/secret.txt", "/files/../../secret.txt", "/" + "x" * 5000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_no_file_of_the_site_is_not_there(
    port: int, path: str, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = asked(port, path, method=method)
    assert answer.status == 404
    assert answer.headers["Cache-Control"] == "no-cache"
    assert b"secret</" not in answer.read()
    assert not capfd.readouterr().err


@pytest.mark.parametrize(
    ("path", "content"), [("/", b"<p>page"), ("/demos/", b"<p>demos"), ("/files/a.js", b"1"), ("/inside.js", b"1")]
)
def test_files_of_the_site_are_there_for_this_machine_only(port: int, path: str, content: bytes) -> None:
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LocalHost:{port}", f"[::1]:{port}"):
        answer = asked(port, path, host)
        assert (answer.status, answer.read()) == (200, content)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        answer = asked(port, path, host)
        assert answer.status == 403
        assert answer.headers["Cache-Control"] == "no-cache"
        assert b"authorization will not help" in answer.read()  # and nothing of the site


def test_a_lesson_has_an_address_of_its_own() -> None:
    assert page_address(8860, "digits") == "http://127.0.0.1:8860/#/digits"
