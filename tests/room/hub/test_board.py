from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from tornado.httpserver import HTTPServer

from handson.errors import HandsonError
from handson.room.hub.board import Board, board_application, qr_code
from handson.room.hub.codes import scan_code
from handson.room.hub.room import Room
from handson.room.hub.settings import RoomSettings
from handson.room.hub.state import make_places, room_secrets
from tests.room.hub.test_room import Seats

Use = Callable[[httpx.AsyncClient, Room], Awaitable[None]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def with_board(make_settings: Callable[..., RoomSettings], make_workshop: Callable[..., Path]) -> Callable[[Use], None]:
    """Run something against a board that answers."""
    settings = make_settings(workshop=make_workshop(), board_port=free_port())
    (settings.front_end / "room.css").write_text("")
    places = make_places(settings.state)

    def run(use: Use) -> None:
        async def all_of_it() -> None:
            room = Room(settings, room_secrets(places), places, Seats())
            board = Board(room)
            await board.start()
            try:
                async with httpx.AsyncClient(base_url=settings.board_address, timeout=20) as client:
                    await use(client, room)
            finally:
                await board.stop()

        asyncio.run(all_of_it())

    return run


def shown(room: Room) -> dict[str, str]:
    return {"Authorization": f"Bearer {room.secrets.board}"}


ACTIONS = {
    "say": {"text": "x"},
    "send": {"lesson": "add"},
    "nothing": {},
    "push": {},
    "new-code": {},
    "clock": {"running": True},
    "lower": {"number": 1},
    "remove": {"number": 1},
}


def test_without_the_phrase_nothing_is_told_and_nothing_done(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        ada = room.join("Ada", "seat")
        for headers in ({}, {"Authorization": f"token {room.secrets.board}"}):
            assert (await client.get("/api/stream", headers=headers)).status_code == 401
            assert (await client.get("/api/export", headers=headers)).status_code == 401
            for action, content in ACTIONS.items():
                answer = await client.post(f"/api/{action}", json=content, headers=headers)
                assert answer.status_code == 401
                assert "Ada" not in answer.text
            told = await client.post("/api/code", json={"number": ada.number}, headers=headers)
            assert told.status_code == 401
            assert room.seat_code(ada.number) not in told.text
        assert room.for_board()["messages"] == []
        assert room.store.attendees() == [ada]

    with_board(use)


def test_guessing_the_phrase_is_rationed(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        wrong = {"Authorization": "Bearer AAAA-AAAA-AAAA-AAAA"}
        statuses = [(await client.post("/api/nothing", headers=wrong)).status_code for _ in range(22)]
        assert statuses == [401] * 20 + [429] * 2
        assert (await client.post("/api/nothing", headers=shown(room))).status_code == 429

    with_board(use)


def test_requests_without_a_phrase_are_no_guesses(with_board: Callable[[Use], None]) -> None:
    """A page of somebody else's, open in the presenter's browser, can send as many as it likes, but no phrase."""

    async def use(client: httpx.AsyncClient, room: Room) -> None:
        for headers in ({}, {"Authorization": "Bearer"}, {"Cookie": f"phrase={room.secrets.board}"}):
            for _ in range(30):
                assert (await client.post("/api/nothing", headers=headers)).status_code == 401
                assert (await client.options("/api/nothing", headers=headers)).status_code == 401
        assert (await client.post("/api/nothing", headers=shown(room))).status_code == 204

    with_board(use)


def test_after_a_new_class_code_the_old_one_lets_nobody_in_and_who_is_in_comes_back(
    with_board: Callable[[Use], None],
) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        ada, old, qr = room.join("Ada", "seat"), room.secrets.class_code, qr_code(room)
        mine = room.seat_code(ada.number)
        assert (await client.post("/api/new-code", headers=shown(room))).status_code == 204
        assert not room.is_class_code(old)
        assert room.is_class_code(room.for_board()["code"])
        assert qr_code(room) != qr
        assert room.come_back(mine) == ada
        assert room_secrets(room.places) == room.secrets, "the next start knows it, too"

    with_board(use)


def test_the_presenter_is_told_a_come_back_code_and_removes_somebody(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        ada, bob = room.join("Ada", "seat"), room.join("Bob", "seat")
        told = await client.post("/api/code", json={"number": ada.number}, headers=shown(room))
        assert told.json() == {"code": room.seat_code(ada.number)}
        assert told.headers["Cache-Control"] == "no-store"
        assert (await client.post("/api/remove", json={"number": ada.number}, headers=shown(room))).status_code == 204
        assert room.store.attendees() == [bob]
        for action in ("code", "remove"):
            again = await client.post(f"/api/{action}", json={"number": ada.number}, headers=shown(room))
            assert again.status_code == 400
            assert "Nobody here has the number 1" in again.json()["error"]

    with_board(use)


def test_who_cannot_be_removed_stays_and_the_presenter_is_told(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        ada = room.join("Ada", "seat")
        room._seats.stuck.add(ada.number)  # type: ignore[attr-defined]
        answer = await client.post("/api/remove", json={"number": ada.number}, headers=shown(room))
        assert answer.status_code == 503
        assert "Try again" in answer.json()["error"]
        assert room.store.attendees() == [ada]

    with_board(use)


def test_the_presenter_sees_and_does(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        ada = room.join("Ada <b>", "seat")
        room.hand(ada.number, True)
        for action, content in ACTIONS.items():
            answer = await client.post(f"/api/{action}", json=content, headers=shown(room))
            assert answer.status_code == 204, (action, answer.text)
            if action == "lower":
                assert room.for_board()["attendees"][0]["hand_since"] is None
        state = room.for_board()
        assert [message["kind"] for message in state["messages"]] == ["say", "lesson", "nothing", "lessons"]
        assert state["agenda"]["began"] is not None
        assert state["attendees"] == []

    with_board(use)


def test_what_changes_is_told_at_once(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        async with client.stream("GET", "/api/stream", headers=shown(room)) as stream:
            seen = []
            async for line in stream.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                state = json.loads(line.removeprefix("data: "))
                seen.append(len(state["attendees"]))
                if len(seen) == 1:
                    room.join("Ada", "seat")
                else:
                    break
        assert seen == [0, 1]

    with_board(use)


@pytest.mark.parametrize(
    ("action", "content", "why"),
    [
        ("say", {"text": ""}, "at least 1 character"),
        ("say", {"text": "  "}, "1 to 500 characters"),
        ("send", {"lesson": "nowhere"}, "There is no lesson named 'nowhere'"),
        ("clock", {"running": True, "more": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_reason(
    with_board: Callable[[Use], None], action: str, content: dict[str, object], why: str
) -> None:
    async def use(client: httpx.AsyncClient, room: Room) -> None:
        answer = await client.post(f"/api/{action}", json=content, headers=shown(room))
        assert answer.status_code == 400
        assert why in answer.json()["error"]

    with_board(use)


def test_the_board_answers_to_its_own_addresses_only_and_in_no_frame(with_board: Callable[[Use], None]) -> None:
    async def use(client: httpx.AsyncClient, _room: Room) -> None:
        page = await client.get("/")
        assert page.status_code == 200
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in page.headers
        assert (await client.get("/", headers={"Host": "evil.example"})).status_code == 404
        assert (await client.get("/static/../hub/secrets.json")).status_code == 404
        assert (await client.get("/static/room.css")).status_code == 200

    with_board(use)


def test_a_port_that_is_taken_is_told(
    make_settings: Callable[..., RoomSettings], make_workshop: Callable[..., Path]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = make_settings(workshop=make_workshop(), board_port=taken.getsockname()[1])
        places = make_places(settings.state)
        room = Room(settings, room_secrets(places), places, Seats())
        with pytest.raises(HandsonError, match=r"The board cannot listen at 127\.0\.0\.1, port \d+"):
            asyncio.run(Board(room).start())


def test_the_qr_code_has_the_class_code_where_browsers_send_nothing_of_it(
    make_settings: Callable[..., RoomSettings], make_workshop: Callable[..., Path]
) -> None:
    cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed: it reads the QR code")
    import numpy as np
    import segno

    settings = make_settings(workshop=make_workshop(), host="192.168.1.5", port=80)
    places = make_places(settings.state)
    room = Room(settings, room_secrets(places), places, Seats())
    assert qr_code(room).startswith("<svg")
    scanned = scan_code(room.secrets.seats, room.secrets.class_code)
    address = f"http://192.168.1.5/hub/join#{room.secrets.class_code}-{scanned}"
    rows = np.array(
        [list(row) for row in segno.make(address, error="m").matrix_iter(scale=8, border=3)], dtype=np.uint8
    )
    # OpenCV's older QRCodeDetector does not find one in a hundred of these codes; this one found all that were tried.
    read, *_ = cv2.QRCodeDetectorAruco().detectAndDecode((1 - rows) * 255)
    assert read == address


def test_an_ipv6_address_of_its_own_is_answered(
    make_settings: Callable[..., RoomSettings], make_workshop: Callable[..., Path]
) -> None:
    settings = make_settings(workshop=make_workshop(), board_host="fd00::7", board_port=free_port())
    places = make_places(settings.state)

    async def test() -> None:
        server = HTTPServer(board_application(Room(settings, room_secrets(places), places, Seats())))
        server.listen(settings.board_port, "127.0.0.1")
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.board_port}", timeout=20) as client:
                hosts = (f"[fd00::7]:{settings.board_port}", "[fd00::8]", "fd00::7")
                found = [(await client.get("/", headers={"Host": host})).status_code for host in hosts]
        finally:
            server.stop()
            await server.close_all_connections()
        assert found == [200, 404, 404]

    asyncio.run(test())
