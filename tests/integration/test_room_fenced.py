"""The whole room, seats fenced off: what a browser does, whom each process runs as, what is left when parts are killed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sqlite3
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.room import RunningRoom, join, running_room, until, wait_for_seat
from tests.room.keeping import needs_seats

needs_seats()

from handson.room.seat import cgroups  # noqa: E402
from handson.room.seat.numbers import hub_and_proxy  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRoom]:
    with running_room(tmp_path_factory.mktemp("room") / "state", "--seats", "5") as room:
        yield room


@pytest.fixture(scope="module")
def ada(room: RunningRoom) -> httpx.Client:
    client = room.browser()
    wait_for_seat(client, join(client, room.secrets["class_code"], "Ada"))
    assert client.get("/hub/wait").url.path == "/user/seat-1/lab/tree/vision/01_paint_the_cat.ipynb"
    return client


def users(room: RunningRoom, needle: str) -> set[int]:
    return {Path(f"/proc/{pid}").stat().st_uid for pid in room.pids(needle)}


def test_no_part_that_hears_the_network_or_a_learner_is_root(room: RunningRoom, ada: httpx.Client) -> None:
    assert ada.get("/user/seat-1/api/contents").status_code == 200
    hub, proxy = hub_and_proxy(room.base)
    assert users(room, "proxy.mjs") == {proxy}
    assert users(room, "handson.room.hub") == {hub}
    assert room.base + 1 in users(room, "handson.room.forge servers")


def test_seats_that_compute_do_not_keep_hub_and_proxy_from_the_processor(room: RunningRoom) -> None:
    groups = cgroups.find(room.state)
    if "cpu" not in groups.roots:
        pytest.skip("this host has no control group for the processor")
    ours = set(map(int, (groups.roots["cpu"] / groups.name / "room" / "cgroup.procs").read_text().split()))
    for needle in ("proxy.mjs", "handson.room.hub"):
        assert (pids := set(room.pids(needle)))
        assert pids <= ours, needle


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("settings/@jupyterlab/apputils-extension:themes", {"raw": '{"theme": "JupyterLab Dark"}'}, "raw"),
        ("workspaces/default", {"data": {"seen": {"a": 1}}, "metadata": {"id": "default"}}, "data"),
    ],
)
def test_jupyterlabs_settings_and_layout_are_kept(
    ada: httpx.Client, path: str, content: dict[str, Any], name: str
) -> None:
    place = f"/user/seat-1/lab/api/{path}"
    assert ada.put(place, json=content, headers={"X-XSRFToken": xsrf_of_seat(ada)}).status_code == 204
    assert ada.get(place).json()[name] == content[name]


def test_the_lessons_are_in_the_seat(ada: httpx.Client) -> None:
    names = {one["name"] for one in ada.get("/user/seat-1/api/contents/vision").json()["content"]}
    assert "01_paint_the_cat.ipynb" in names


def xsrf_of_seat(client: httpx.Client) -> str:
    return next(cookie.value or "" for cookie in client.cookies.jar if cookie.name == "_xsrf" and "user" in cookie.path)


async def executed(room: RunningRoom, client: httpx.Client, code: str, seat: int = 1) -> None:
    """Run code in a kernel of the first lesson, over the WebSocket that JupyterLab uses."""
    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    asked: dict[str, Any] = {
        "path": "vision/01_paint_the_cat.ipynb",
        "name": "01_paint_the_cat.ipynb",
        "type": "notebook",
    }
    asked["kernel"] = {"name": "python3"}
    session = client.post(f"/user/seat-{seat}/api/sessions", json=asked, headers={"X-XSRFToken": xsrf_of_seat(client)})
    assert session.status_code == 201, session.text
    kernel = session.json()["kernel"]["id"]
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar if cookie.path != "/hub/")
    address = f"{room.address.replace('http', 'ws')}/user/seat-{seat}/api/kernels/{kernel}/channels"
    socket = await websocket_connect(HTTPRequest(address, headers={"Cookie": cookies, "Origin": room.address}))
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "s",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.write_message(json.dumps(message))
    while True:
        reply: dict[str, Any] = json.loads(await asyncio.wait_for(socket.read_message(), 60) or "{}")
        if reply.get("msg_type") == "execute_reply" and reply["parent_header"].get("msg_id") == header["msg_id"]:
            assert reply["content"]["status"] == "ok", reply["content"]
            break
    socket.close()
    while await socket.read_message() is not None:  # until it is closed, by the other side or after some seconds
        pass


def test_the_folder_that_the_room_was_started_in_is_not_in_the_seat(room: RunningRoom, ada: httpx.Client) -> None:
    (room.state.parent / "diary.txt").write_text("the organiser's")
    (room.state.parent / "diary.txt").chmod(0o644)
    asyncio.run(executed(room, ada, f"import os\nassert not os.path.exists('{room.state.parent}/diary.txt')"))


def test_what_a_forked_kernel_measures_is_on_the_board(room: RunningRoom, ada: httpx.Client) -> None:
    asyncio.run(executed(room, ada, "from handson import lab\nlab.report(accuracy=0.5)"))

    def heard() -> list[tuple[int, str, str]]:
        with sqlite3.connect(f"file:{room.state}/hub/room.sqlite?mode=ro", uri=True) as database:
            return database.execute("SELECT number, kind, lesson FROM event WHERE kind = 'figures'").fetchall()

    until(heard, "the report")
    assert heard() == [(1, "figures", "paint_the_cat")]


def test_the_work_is_taken_home_from_the_seat(ada: httpx.Client) -> None:
    taken = ada.get("/user/seat-1/handson/room/work.zip")
    assert taken.status_code == 200
    assert taken.content.startswith(b"PK")


def test_the_presenter_exports_what_the_seats_pack_themselves(room: RunningRoom, ada: httpx.Client) -> None:
    assert ada.get("/hub/me").status_code == 200
    url = f"http://127.0.0.1:{room.board_port}/api/export"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {room.secrets['board']}"}, timeout=60)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as exported:
        assert json.loads(exported.read("room.json")) == [{"seat": "seat-1", "name": "Ada", "missing": ""}]
        with zipfile.ZipFile(io.BytesIO(exported.read("seat-1.zip"))) as work:
            assert "work/vision/01_paint_the_cat.ipynb" in work.namelist()


@pytest.mark.parametrize(
    ("needle", "name"), [("proxy.mjs", "proxy"), ("handson.room.hub", "hub"), ("handson.room.seat.keeper", "keeper")]
)
def test_a_part_that_is_killed_comes_back_and_the_seat_does_not_notice(
    room: RunningRoom, ada: httpx.Client, needle: str, name: str
) -> None:
    contents = "/user/seat-1/api/contents"
    assert ada.get(contents).status_code == 200
    own = room.base + 1
    before = {pid for pid in room.pids("handson.room.forge servers") if Path(f"/proc/{pid}").stat().st_uid == own}
    pids = [pid for pid in room.pids(needle) if Path(f"/proc/{pid}").stat().st_uid in (0, *hub_and_proxy(room.base))]
    told = room.said.count(f"{name} is back")
    os.kill(min(pids), signal.SIGKILL)
    until(lambda: room.said.count(f"{name} is back") > told, f"the {name} again")
    until(lambda: ada.get(contents).status_code == 200, f"the seat after the {name} was killed")
    after = {pid for pid in room.pids("handson.room.forge servers") if Path(f"/proc/{pid}").stat().st_uid == own}
    assert before & after, "the seat's server is the same process"
    assert "1 · Ada" in ada.get("/hub/me").text
    assert ada.get("/hub/wait").url.path.startswith("/user/seat-1/lab")
