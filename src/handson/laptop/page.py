"""The lesson page on loopback: a plain server of a folder that `handson kit site` built.

It answers who calls it by an address of this machine (another name that leads here is a stranger's page), with files of
the folder only: no listing, and nothing behind a link that leads out of it.
"""

from __future__ import annotations

import functools
import http.client
import http.server
import io
import urllib.request
from pathlib import Path
from typing import Any, BinaryIO

from handson.laptop.server import ADDRESS

MANIFEST = "manifest.json"
"""Of the site, with the hash of every file (see `handson.kit.site`)."""
DEFAULT_PORT = 8860
"""The browser keeps a learner's changes by address, port included: the same one is taken whenever it is free."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    # What the system's table of types says of .js is not always a script (Windows).
    extensions_map = {  # noqa: RUF012  # as the base class has it
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".webp": "image/webp",
    }

    def send_response(self, code: int, message: str | None = None) -> None:
        self._found = code in (200, 304)
        super().send_response(code, message)

    def end_headers(self) -> None:
        # Names of files change with their content; index.html is asked for again every time, and so is what is missing.
        lasting = self._found and self.path.startswith("/files/")
        self.send_header("Cache-Control", "max-age=31536000, immutable" if lasting else "no-cache")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        if self.headers.get("Host", "").lower() not in _hosts(self.connection.getsockname()[1]):
            self.send_error(403, "This page is asked for by an address of this machine only")
        elif not self._is_there():
            self.send_error(404)
        else:
            return super().send_head()
        return None

    def _is_there(self) -> bool:
        """Whether what is asked for, or index.html in that folder, is a file of the site once links are followed."""
        try:
            asked = Path(self.translate_path(self.path)).resolve()
            asked = (asked / "index.html").resolve() if asked.is_dir() else asked
        except (OSError, ValueError, RuntimeError):  # no name that a file can have, or links in a circle
            return False
        return asked.is_file() and asked.is_relative_to(Path(self.directory).resolve())

    def log_message(self, *_: Any) -> None:
        """Nothing: the one who sits here sees the page."""


def _hosts(port: int) -> set[str]:
    """What a browser says of whom it calls."""
    names = (ADDRESS, "localhost", "[::1]")
    return {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())


def page_server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of `folder` on loopback; `serve_forever` answers until it is interrupted. Port 0: any free one.

    Beside the folder it notes its port, for `running_page`.
    """
    server = http.server.ThreadingHTTPServer((ADDRESS, port), functools.partial(_Handler, directory=str(folder)))
    _note(folder).write_text(f"{server.server_address[1]}\n", encoding="ascii")
    return server


def running_page(folder: Path) -> int | None:
    """The port at which an earlier `handson open --page` serves `folder`, if it still answers."""
    try:
        port = int(_note(folder).read_text(encoding="ascii"))
        ours = (folder / MANIFEST).read_bytes()
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{page_address(port)}{MANIFEST}", timeout=2
        ) as answer:
            return port if answer.read() == ours else None
    except (OSError, ValueError, http.client.HTTPException):
        return None  # never served, half-written, ended, or the port is another program's by now


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.port")


def page_address(port: int, lesson: str = "") -> str:
    """The address of the page, or of a lesson on it."""
    return f"http://{ADDRESS}:{port}/{f'#/{lesson}' if lesson else ''}"
