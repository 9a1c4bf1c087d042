"""A hostile attendee against the browsers of others: all seats share one origin, and one may serve what it likes.

Each attempt is made against a running room with fences, and is shown to come through where nothing stands in its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.room import RunningRoom, come_back, join, running_room, seat_code_of, wait_for_seat, xsrf_of
from tests.integration.test_room_fenced import executed, xsrf_of_seat
from tests.room.keeping import needs_seats

needs_seats()

from handson.room.hub.codes import gate_key, gate_pass, scan_code  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PAGE, JSON = {"Accept": "text/html,*/*"}, {"Accept": "*/*"}
REPLACED = """
import http.server, os, signal, socketserver
place = "/run/handson/seat/server.sock"
class Evil(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/home/learner/heard.txt", "a") as heard:
            heard.write(self.path + " " + str(self.headers.get("Cookie")) + chr(10))
        self.send_response(200)
        script = self.path.split("?")[0].endswith(".js")
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.send_header("Service-Worker-Allowed", "/")
        self.end_headers()
        self.wfile.write(b"//" if script else b"<title>HOSTILE</title><script>document.title += ' RAN'</script>")
    do_POST = do_GET
    def address_string(self): return ""
    def log_message(self, *_): pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): pass
os.unlink(place)
server = Server(place, Evil)
os.chmod(place, 0o777)
for pid in filter(str.isdigit, os.listdir("/proc")):
    if "server" in open(f"/proc/{pid}/comm").read():
        os.kill(int(pid), signal.SIGSTOP)  # stopped, not ended: the keeper takes it for running
server.serve_forever()
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRoom]:
    with running_room(tmp_path_factory.mktemp("room") / "state", "--seats", "12") as room:
        yield room


def seated(room: RunningRoom, name: str) -> httpx.Client:
    client = room.browser()
    wait_for_seat(client, join(client, room.secrets["class_code"], name))
    assert client.get("/hub/wait").url.path.endswith(".ipynb")
    return client


@pytest.fixture(scope="module")
def ada(room: RunningRoom) -> httpx.Client:
    """The one who is attacked, in seat 1."""
    return seated(room, "Ada")


@pytest.fixture(scope="module")
def eve(room: RunningRoom, ada: httpx.Client) -> httpx.Client:
    """The one who attacks, in seat 2."""
    assert ada.get("/user/seat-1/api/contents").status_code == 200
    return seated(room, "Eve")


@pytest.fixture(scope="module")
def replaced(room: RunningRoom, eve: httpx.Client) -> Path:
    """Eve's own program answers in place of her seat's server; what it heard."""
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {REPLACED!r}], start_new_session=True)"
    asyncio.run(executed(room, eve, start, seat=2))
    end = time.monotonic() + 30
    while True:
        with contextlib.suppress(httpx.TimeoutException):  # on a connection that the proxy had kept
            if "HOSTILE" in eve.get("/user/seat-2/x", headers=PAGE, timeout=3).text:
                break
        assert time.monotonic() < end, "Eve's program does not answer"
    return room.files(2) / "heard.txt"


def pass_of(room: RunningRoom, user: str) -> str:
    return gate_pass(gate_key(room.secrets["seats"]), user)


def cookies_of(client: httpx.Client, path: str) -> str:
    """What a browser sends to that path."""
    return "; ".join(
        f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar if path.startswith(cookie.path.rstrip("/"))
    )


@pytest.fixture(scope="module")
def token(room: RunningRoom, eve: httpx.Client) -> str:
    """The token of Eve's seat, as each of her kernels finds it."""
    asyncio.run(executed(room, eve, "import os; open('token', 'w').write(os.environ['JUPYTERHUB_API_TOKEN'])", seat=2))
    (file,) = room.files(2).rglob("token")
    return file.read_text()


# A seat's own token, which each of its kernels has


def hub_with(room: RunningRoom, token: str, method: str, path: str, **more: Any) -> int:
    transport = httpx.HTTPTransport(uds=str(room.state / "doors" / "hub" / "hub.sock"))
    with httpx.Client(transport=transport, base_url="http://hub", timeout=20) as client:
        return client.request(
            method, f"/hub/api/{path}", headers={"Authorization": f"token {token}"}, **more
        ).status_code


REFUSED = [
    ("GET", "users"),
    ("GET", "users/seat-1"),
    ("POST", "users/seat-2/server"),
    ("DELETE", "users/seat-1/server"),
    ("POST", "users/seat-1/tokens"),
    ("DELETE", "users/seat-1"),
    ("GET", "proxy"),
    ("POST", "shutdown"),
    ("POST", "users/seat-1/activity"),
]


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_a_seats_token_opens_nothing_of_others(room: RunningRoom, token: str, method: str, path: str) -> None:
    body = {"servers": {}} if path.endswith("activity") else {}
    assert hub_with(room, token, method, path, json=body) in (403, 404)


def test_a_seats_token_opens_its_own_and_changes_no_lesson(room: RunningRoom, token: str) -> None:
    assert hub_with(room, token, "GET", "room/lessons") == 200
    assert hub_with(room, token, "POST", "room/hand", json={"raised": False}) == 204
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert hub_with(room, token, method, "room/lessons", json={"notebooks": {"../x": "evil"}}) == 405
    assert hub_with(room, "0" * 32, "GET", "room/lessons") == 403


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "report",
    [
        {"kind": "check", "lesson": "digits", "name": SCRIPT, "passed": False},
        {"kind": "check", "lesson": SCRIPT, "name": "softmax", "passed": False},
        {"kind": "figures", "lesson": "digits", "figures": {SCRIPT: 1.0}},
        {"kind": "figures", "lesson": "digits", "figures": {"accuracy": SCRIPT}},
        {"kind": SCRIPT, "lesson": "digits"},
        {"kind": "opened", "lesson": "digits", "number": 1},
        {"kind": "opened", "lesson": "../../digits"},
    ],
)
def test_a_report_that_is_a_script_or_another_persons_is_refused(
    room: RunningRoom, token: str, report: dict[str, object]
) -> None:
    assert hub_with(room, token, "POST", "room/report", json=report) == 400
    right = {"kind": "check", "lesson": "digits", "name": "softmax", "passed": False}
    assert hub_with(room, token, "POST", "room/report", json=right) == 204


def test_what_a_kernel_does_to_its_modules_stays_there(room: RunningRoom, ada: httpx.Client) -> None:
    """Kernels are forked from one that has imported them."""
    bob = seated(room, "Bob")
    seat = int(bob.get("/hub/wait").url.path.split("/")[2].removeprefix("seat-"))
    poison = "import builtins, torch\ntorch.nn.Linear = None\nbuiltins.poisoned = True"
    asyncio.run(executed(room, bob, f"{poison}\nassert torch.nn.Linear is None", seat=seat))
    asyncio.run(
        executed(room, ada, "import builtins, torch\nassert torch.nn.Linear and not hasattr(builtins, 'poisoned')")
    )


def test_a_lesson_that_somebody_changes_is_theirs_alone(
    room: RunningRoom, eve: httpx.Client, ada: httpx.Client
) -> None:
    lesson = Path("vision") / "01_paint_the_cat.ipynb"
    before = (room.files(1) / lesson).read_bytes()
    (room.files(2) / lesson).write_text("{}")
    try:
        assert (room.files(1) / lesson).read_bytes() == before
        url = f"http://127.0.0.1:{room.board_port}/api/push"
        assert httpx.post(url, headers={"Authorization": f"Bearer {room.secrets['board']}"}).status_code == 204
        cyd = seated(room, "Late")
        seat = cyd.get("/hub/wait").url.path.split("/")[2].removeprefix("seat-")
        assert (room.files(int(seat)) / lesson).read_bytes() == before, "who comes later has the organiser's"
    finally:
        (room.files(2) / lesson).write_bytes(before)
    assert eve.get("/hub/me").status_code == ada.get("/hub/me").status_code == 200


# A seat's server that is its learner's own program


def test_nobody_elses_browser_is_shown_what_a_seat_serves(room: RunningRoom, ada: httpx.Client, replaced: Path) -> None:
    before = replaced.read_text()
    for path in ("lab", "lab/tree/vision/01_paint_the_cat.ipynb", "x?next=/user/seat-1/", "oauth_callback?code=1"):
        page = ada.get(f"/user/seat-2/{path}", headers=PAGE)
        assert page.status_code in (403, 404)
        assert "HOSTILE" not in page.text
        assert ada.get(f"/user/seat-2/{path}", headers=JSON).status_code == 403
        assert ada.post(f"/user/seat-2/{path}", headers=PAGE).status_code == 403
        assert room.browser().get(f"/user/seat-2/{path}", headers=PAGE).url.path == "/hub/join"
    assert replaced.read_text() == before, "and it has not even heard of them"
    through = {**PAGE, "Cookie": f"handson-seat={pass_of(room, 'seat-2')}"}
    assert "HOSTILE" in httpx.get(f"{room.address}/user/seat-2/lab", headers=through).text, "the pass is what it takes"
    assert ada.get("/user/seat-1/api/contents").status_code == 200


def test_its_own_browser_gets_the_pass_from_the_hub_and_loses_it_by_signing_out(
    room: RunningRoom, ada: httpx.Client
) -> None:
    other = room.browser()
    come_back(other, seat_code_of(ada.get("/hub/me")))
    lesson = "/user/seat-1/lab/tree/vision/01_paint_the_cat.ipynb"
    other.cookies.delete("handson-seat")
    assert other.get("/user/seat-1/api/contents", headers=JSON).status_code == 403
    page = other.get(lesson, headers=PAGE)
    assert (page.status_code, page.url.path) == (200, lesson)
    assert other.get("/user/seat-1/api/contents", headers=JSON).status_code == 200
    other.post("/hub/logout", data={"_xsrf": xsrf_of(other.get("/hub/me"))})
    assert "handson-seat" not in other.cookies
    assert other.get("/user/seat-1/api/contents", headers=JSON).status_code == 403
    assert ada.get("/user/seat-1/api/contents", headers=JSON).status_code == 200, "the other device stays"


def test_what_a_seat_hears_has_no_log_in_of_the_hub_in_it(eve: httpx.Client, replaced: Path) -> None:
    eve.get("/user/seat-2/x", headers=PAGE)
    heard = replaced.read_text()
    assert "handson-seat=" in heard, "its own browser's cookies, for itself"
    assert "jupyterhub-hub-login" not in heard


def test_a_websocket_to_a_seat_needs_the_pass_too(room: RunningRoom, ada: httpx.Client, replaced: Path) -> None:
    def status(cookies: str) -> bytes:
        lines = [
            "GET /user/seat-2/api/kernels/x/channels HTTP/1.1",
            f"Host: 127.0.0.1:{room.port}",
            "Upgrade: websocket",
        ]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"]
        with socket.create_connection(("127.0.0.1", room.port), 10) as line:
            line.sendall("\r\n".join([*lines, f"Cookie: {cookies}", "", ""]).encode())
            return line.recv(4096).split(b"\r\n")[0]

    before = replaced.read_text()
    assert b"403" in status(cookies_of(ada, "/user/seat-2/"))
    assert replaced.read_text() == before
    status(f"handson-seat={pass_of(room, 'seat-2')}")
    assert replaced.read_text() != before, "with the pass it arrives"


@pytest.mark.usefixtures("replaced")
def test_no_service_worker_comes_through(eve: httpx.Client) -> None:
    """One that a seat serves with Service-Worker-Allowed would stand in front of the whole origin, for good."""
    assert eve.get("/user/seat-2/worker.js").headers["Service-Worker-Allowed"] == "/"
    for path in ("/user/seat-2/worker.js", "/hub/room/static/join.js"):
        assert eve.get(path).status_code == 200
        assert eve.get(path, headers={"Service-Worker": "script"}).status_code == 403


# Requests that another page makes a browser send


FORMS = {
    "/hub/forget": {"forget": "yes"},
    "/hub/door": {"door": "page"},
    "/hub/logout": {},
    "/hub/room/hand": {"raised": True},
    "/hub/room/report": {"kind": "opened", "lesson": "digits"},
}


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "forged"])
def test_a_request_without_the_token_of_a_page_of_ours_does_nothing(
    ada: httpx.Client, path: str, token: str | None
) -> None:
    more: dict[str, Any] = {"data": {**FORMS[path], **({"_xsrf": token} if token else {})}}
    if path.startswith("/hub/room/"):
        more = {"content": json.dumps(FORMS[path]), "headers": {"X-XSRFToken": token} if token else {}}
    for origin in ("null", "http://evil.example"):
        answer = ada.post(path, **{**more, "headers": {"Origin": origin, **more.get("headers", {})}})
        assert answer.status_code == 403
    assert "1 · Ada" in ada.get("/hub/me").text


def test_with_the_token_it_does(ada: httpx.Client) -> None:
    token = {"X-XSRFToken": xsrf_of(ada.get("/hub/me"))}
    assert ada.post("/hub/room/hand", json={"raised": True}, headers=token).status_code == 204


def test_a_page_is_opened_and_not_read_by_a_script(ada: httpx.Client) -> None:
    """A script in a seat's page is of the hub's origin; where browsers say that it is one, it gets no code and no token."""
    for path in ("/hub/me", "/hub/wait", "/hub/join"):
        assert ada.get(path, headers={"Sec-Fetch-Mode": "navigate"}).status_code == 200
        for mode in ("cors", "same-origin", "no-cors"):
            answer = ada.get(path, headers={"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 403
            assert "_xsrf" not in answer.text


def test_live_state_is_not_told_to_a_page_without_the_token(ada: httpx.Client) -> None:
    with ada.stream("GET", "/hub/room/stream") as stream:
        assert stream.status_code == 403


@pytest.mark.parametrize("action", ["say", "nothing", "push", "remove", "code", "clock", "lower", "send"])
def test_the_board_knows_no_cookie(room: RunningRoom, ada: httpx.Client, action: str) -> None:
    """Cookies do not know ports, so a browser sends those of the room to the board as well."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in ada.cookies.jar)
    url = f"http://127.0.0.1:{room.board_port}"
    for origin in (room.address, "null"):
        asked = {"Cookie": cookies, "Origin": origin, "Content-Type": "text/plain"}
        assert httpx.post(f"{url}/api/{action}", content='{"number": 1}', headers=asked).status_code == 401
        preflight = httpx.options(
            f"{url}/api/{action}",
            headers={
                **asked,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        assert preflight.status_code >= 400
        assert "Access-Control-Allow-Origin" not in preflight.headers
    page = httpx.get(url)
    assert "Set-Cookie" not in page.headers
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    right = {"Authorization": f"Bearer {room.secrets['board']}"}
    assert httpx.post(f"{url}/api/nothing", headers=right).status_code == 204, "and it is there, for the presenter"


def test_a_name_that_is_rebound_to_the_room_gets_a_stranger_and_to_the_board_nobody(room: RunningRoom) -> None:
    host = {"Host": "evil.example"}
    page = httpx.get(f"{room.address}/hub/me", headers={**host, **PAGE}, follow_redirects=False)
    assert page.status_code == 302, "the browser has no cookie under that name"
    board = f"http://127.0.0.1:{room.board_port}"
    right = {"Authorization": f"Bearer {room.secrets['board']}"}
    assert httpx.get(board, headers=host).status_code == 404
    assert httpx.post(f"{board}/api/nothing", headers={**host, **right}).status_code == 404
    assert httpx.post(f"{board}/api/nothing", headers=right).status_code == 204


def test_cookies_of_the_hub_are_read_by_no_script_and_sent_from_no_other_site(room: RunningRoom) -> None:
    client = room.browser()
    client.follow_redirects = False
    page = client.get("/hub/join")
    form = {"_xsrf": xsrf_of(page), "code": room.secrets["class_code"], "name": "Cyd", "door": "seat"}
    given: dict[str, Any] = {}
    for answer in (page, client.post("/hub/join", data=form)):
        for header in answer.headers.get_list("set-cookie"):
            given |= dict(SimpleCookie(header).items())
    assert set(given) >= {"_xsrf", "jupyterhub-hub-login", "jupyterhub-session-id", "handson-seat"}
    for cookie in given.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
    assert re.fullmatch(r"/user/seat-\d+/", given["handson-seat"]["path"])
    assert given["jupyterhub-hub-login"]["path"] == given["_xsrf"]["path"] == "/hub/"


# Guessing


def test_guessing_is_rationed_and_locks_out_neither_neighbours_nor_those_who_scanned(
    room: RunningRoom, ada: httpx.Client
) -> None:
    """The guesser has an address of its own here, 127.0.0.2, which the last ones share with it."""
    behind = {"transport": httpx.HTTPTransport(local_address="127.0.0.2")}
    guesser = room.browser(**behind)
    statuses = []
    for number in range(600):  # as many as it takes: one more is heard every two seconds
        claimed = {"X-Forwarded-For": f"10.0.0.{number}", "X-Real-Ip": f"10.0.1.{number}", "Forwarded": "for=10.0.0.1"}
        token = xsrf_of(guesser.get("/hub/join", headers=claimed))
        form = {"_xsrf": token, "code": "AAAAAA", "name": "Mallory"}
        if number % 2:
            form = {"_xsrf": token, "come_back": f"{number}-AAAA-AAAA-AAAA"}
        statuses.append(guesser.post("/hub/join", data=form, headers=claimed).status_code)
        if statuses[-1] == 429:
            break
    assert statuses[:60] == [403] * 60
    assert statuses[-1] == 429
    code = room.secrets["class_code"]
    assert join(room.browser(), code, "Neighbour").url.path == "/hub/wait"
    scanned = scan_code(room.secrets["seats"], code)
    assert join(room.browser(**behind), "", "Scanned", scanned=scanned).url.path == "/hub/wait"
    wrong = join(room.browser(**behind), "", "Forged", scanned=scanned[:-1] + ("A" if scanned[-1] != "A" else "B"))
    assert wrong.status_code in (403, 429)
    back = come_back(room.browser(**behind), seat_code_of(ada.get("/hub/me")))
    assert back.url.path != "/hub/join"


def test_afterwards_ada_has_noticed_nothing(room: RunningRoom, ada: httpx.Client) -> None:
    assert ada.get("/user/seat-1/api/contents", headers={"X-XSRFToken": xsrf_of_seat(ada)}).status_code == 200
    assert "1 · Ada" in ada.get("/hub/me").text
    assert room.process.poll() is None
