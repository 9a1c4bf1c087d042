"""In a room, what a lesson checks and measures is told to the board; anywhere else, nobody is told anything.

It never holds up a lesson: reports go out from a thread of their own, and one that does not arrive is dropped.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

_WAITING = 100
_PATIENCE = 5.0
_NOTEBOOK = re.compile(r"(?:^|/)\d\d_([a-z][a-z0-9_]*?)(?:\.new-[0-9a-f]+)?\.ipynb$")

_reports: queue.Queue[bytes] = queue.Queue(_WAITING)
_sender: threading.Thread | None = None
_of_process = 0


def in_room() -> bool:
    """Whether this Python is a kernel of a seat: the room's mark, the hub's address and the seat's token are there."""
    return all(os.environ.get(name) for name in ("JUPYTERHUB_ROOM", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"))


def lesson_here() -> str:
    """The lesson whose notebook this kernel runs, as Jupyter's server tells it (JPY_SESSION_NAME); empty for others."""
    found = _NOTEBOOK.search(os.environ.get("JPY_SESSION_NAME", ""))
    return found[1] if found else ""


def tell(kind: str, content: Mapping[str, Any] | None = None) -> None:
    """Tell the board something of this lesson; nothing where this is no room, or no lesson."""
    if not in_room() or not (lesson := lesson_here()):
        return
    try:
        _reports.put_nowait(json.dumps({"kind": kind, "lesson": lesson, **(content or {})}).encode())
    except queue.Full:
        return
    _start()


def _start() -> None:
    """The thread that sends, in this process: a kernel that was forked has none."""
    global _sender, _of_process
    if _sender is None or _of_process != os.getpid() or not _sender.is_alive():
        _of_process = os.getpid()
        _sender = threading.Thread(target=_send_all, name="handson-room", daemon=True)
        _sender.start()


def _send_all() -> None:
    while True:
        report = _reports.get()
        try:
            _send(report)
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the room's affair, not the lesson's
        finally:
            _reports.task_done()


def _send(report: bytes) -> None:
    ask_hub("POST", "/room/report", report)


def ask_hub(method: str, path: str, body: bytes | None = None, patience: float = _PATIENCE) -> tuple[int, bytes]:
    """Ask the API of the hub behind this seat, as the seat; the status and what was answered.

    Raises OSError, ValueError or HTTPException where it does not answer within `patience` seconds.
    """
    url = urlsplit(os.environ["JUPYTERHUB_API_URL"])
    by_socket = url.scheme == "http+unix"
    connection = http.client.HTTPConnection("hub" if by_socket else url.netloc, timeout=patience)
    try:
        if by_socket:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(patience)
            connection.sock.connect(unquote(url.netloc))
        headers = {"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}", "Content-Type": "application/json"}
        connection.request(method, url.path.rstrip("/") + path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
