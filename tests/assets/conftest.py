"""A real web server on loopback whose answers a test chooses, a cache of its own, and no settings of this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import pytest

from handson.assets import Asset, AssetFile, Cache, download

Answer = Callable[[BaseHTTPRequestHandler], None]
CONTENT = bytes(range(256)) * 1000


@dataclass
class Recorder:
    """A watcher that remembers."""

    notes: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    begun: list[tuple[str, int]] = field(default_factory=list)

    def begin(self, name: str, total: int) -> None:
        self.begun.append((name, total))

    def at(self, done: int) -> None:
        self.steps.append(done)

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.notes)


def sending(
    content: bytes, etag: str | None = '"v1"', ranges: bool = True, cut_after: list[int] | None = None
) -> Answer:
    """Sends a file as a good server does; `cut_after` breaks the connection after so many bytes, in turn."""
    cuts = cut_after if cut_after is not None else []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        same = request.headers.get("If-Range") in (None, etag)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranges and same else 0
        if start >= len(content) > 0:
            send(request, 416, b"")
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if etag:
            request.send_header("ETag", etag)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        request.wfile.write(content[start:][: cuts.pop(0)] if cuts else content[start:])

    return answer


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def saying(status: int, body: bytes = b"", **headers: str) -> Answer:
    return lambda request: send(request, status, body, **headers)


class HeadersOnly:
    """What an answer to HEAD sends: everything up to the empty line."""

    def __init__(self, target: BinaryIO) -> None:
        self.target, self.ended = target, False

    def write(self, content: bytes) -> int:
        if not self.ended:
            self.target.write(content)
            self.ended = content.endswith(b"\r\n\r\n")
        return len(content)

    def flush(self) -> None:
        self.target.flush()


class Upstream:
    """A web server; `answers` maps a path (or "*") to what it does, `asked` holds the headers of each request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[dict[str, str]] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                upstream.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                answer = upstream.answers.get(self.path) or upstream.answers.get("*") or saying(404)
                try:
                    answer(self)
                except OSError:
                    self.close_connection = True  # the client went away

            do_CONNECT = do_GET  # noqa: N815

            def do_HEAD(self) -> None:
                whole, self.wfile = self.wfile, HeadersOnly(self.wfile)
                try:
                    self.do_GET()
                finally:
                    self.wfile = whole

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def watcher() -> Recorder:
    return Recorder()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "assets")


@pytest.fixture(autouse=True)
def _no_settings_and_short_pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HANDSON_MIRROR", "HANDSON_OFFLINE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)


def described(*urls: str, content: bytes = CONTENT, path: str = "folder/file.bin") -> AssetFile:
    """A file with `content`, published at `urls`."""
    return AssetFile(path=path, urls=urls, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def asset(*files: AssetFile) -> dict[str, Asset]:
    return {"thing": Asset(what="a thing", licence="CC0", source="https://example.org/", files=files)}
