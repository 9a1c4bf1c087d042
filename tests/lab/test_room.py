from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from handson import lab
from handson.lab import exercises, room

NOTEBOOK = "/home/seat/vision/02_digits.ipynb"


class _Hub(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a hub behind a UNIX socket hears, in a seat's environment."""
    reports: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base class's
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reports.append({"path": self.path, "token": self.headers["Authorization"], **json.loads(body)})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

        def address_string(self) -> str:
            return ""

    place = tmp_path / "hub.sock"
    with _Hub(str(place), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("JUPYTERHUB_ROOM", "1")
        monkeypatch.setenv("JUPYTERHUB_API_URL", f"http+unix://{quote(str(place), safe='')}/hub/api")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
        monkeypatch.setenv("JPY_SESSION_NAME", NOTEBOOK)
        yield reports
        server.shutdown()


def sent() -> None:
    room._reports.join()


@pytest.fixture
def halve() -> Any:
    @lab.checker(reference=lambda x: x / 2)
    def halve(answer: Any) -> None:
        lab.expect(answer(4) == 2, "Half of 4 is 2.")

    yield halve
    exercises._exercises.pop("halve")


def test_in_a_room_the_board_hears_of_checks_and_figures(heard: list[dict[str, Any]], halve: Any) -> None:  # noqa: ARG001
    def wrong(x: float) -> float:
        return x

    wrong.__name__ = "halve"
    with pytest.raises(exercises.NotYet):
        lab.check(wrong)
    lab.check(_named(lambda x: x / 2))
    lab.report(accuracy=0.5)
    sent()
    same = {"path": "/hub/api/room/report", "token": "token secret", "lesson": "digits"}
    assert heard == [
        {**same, "kind": "check", "name": "halve", "passed": False},
        {**same, "kind": "check", "name": "halve", "passed": True},
        {**same, "kind": "figures", "figures": {"accuracy": 0.5}},
    ]


def _named(function: Any) -> Any:
    function.__name__ = "halve"
    return function


@pytest.mark.parametrize(
    "missing", ["JUPYTERHUB_ROOM", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN", "JPY_SESSION_NAME"]
)
def test_anywhere_else_nobody_is_told_anything(
    heard: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    lab.report(accuracy=0.5)
    sent()
    assert heard == []


def test_a_notebook_that_is_no_lesson_tells_nothing(
    heard: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/seat/Untitled.ipynb")
    lab.report(accuracy=0.5)
    sent()
    assert heard == []
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/seat/vision/02_digits.new-0a1b2c.ipynb")
    assert room.lesson_here() == "digits"


def test_a_hub_that_is_not_there_does_not_hold_up_the_lesson(
    heard: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_URL", f"http+unix://{quote(str(tmp_path / 'gone'), safe='')}/hub/api")
    for number in range(300):
        lab.report(accuracy=number)
    sent()
    assert heard == []
