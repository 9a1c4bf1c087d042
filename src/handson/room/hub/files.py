"""The lesson page's large files, served by a process of its own: a class that loads them does not hold up the hub.

python -m handson.room.hub.files SITE SOCKET
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tornado import httpserver, netutil, web

ROUTE = "/hub/page/files/"
"""Where the proxy sends here; the page itself comes from the hub, which knows who asks."""


class _Files(web.StaticFileHandler):
    def set_extra_headers(self, _path: str) -> None:
        """Names change with the content (see `kit.site`)."""
        self.set_header("Cache-Control", "max-age=31536000, immutable")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    @classmethod
    def get_content_version(cls, abspath: str) -> str:
        """By name, which says it: hashing 14 MB for each who asks would cost more than sending it."""
        return Path(abspath).name


def application(site: Path) -> web.Application:
    """All files below `files/` of a site."""
    return web.Application([(rf"{ROUTE}(.+)", _Files, {"path": str(site / "files")})], log_function=lambda _: None)


async def serve(site: Path, place: Path) -> None:
    """Answer at a UNIX socket, for ever."""
    server = httpserver.HTTPServer(application(site))
    server.add_socket(netutil.bind_unix_socket(str(place), mode=0o660))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
