"""What an attendee would notice is named by its kind, against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from handson.errors import HandsonError
from handson.rehearse import browsing
from handson.rehearse.browsing import Browser, TroubleError, named
from handson.rehearse.host import ByBoard
from handson.rehearse.kernel import Kernel
from handson.rehearse.measured import Measured
from handson.rehearse.settings import BoardLink
from handson.rehearse.wire import Message, decoded, encoded

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def with_server(answer: Answer, do: Callable[[str], Awaitable[Any]]) -> Any:
    """What `do` gives, with the address of a server that answers everything by `answer`."""

    async def run() -> Any:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            return await do(f"http://127.0.0.1:{port}")
        finally:
            await runner.cleanup()

    return asyncio.run(run())


async def trouble_of(address: str, path: str) -> TroubleError:
    browser = Browser(address, Measured(1))
    try:
        async with browser.open("GET", path):
            pytest.fail("an attendee would have seen an error")
    except TroubleError as trouble:
        return trouble
    finally:
        await browser.close()


@pytest.mark.parametrize(
    ("path", "status", "text", "kind"),
    [
        ("/hub/join", 500, "", "the hub's error"),
        ("/user/seat-1/api", 503, "", "the hub's error"),
        ("/user/seat-1/api/contents", 500, "", "the seat's error"),
        ("/user/seat-1/api/contents", 500, "OSError: No space left on device", "the seat's error"),
        ("/hub/join", 429, "", "turned away"),
        ("/hub/join", 409, "", "turned away"),
    ],
)
def test_an_error_is_named_by_who_gave_it(path: str, status: int, text: str, kind: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    trouble = with_server(answer, lambda address: trouble_of(address, path))
    assert trouble.kind == kind
    assert f"{path}: HTTP {status}" in trouble.what
    assert ("disk full" in trouble.what) == ("No space" in text)


def test_no_token_of_an_address_is_told() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=500)

    trouble = with_server(answer, lambda address: trouble_of(address, "/hub/room/stream?_xsrf=secret"))
    assert "secret" not in trouble.what


def test_nobody_there_and_nobody_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(trouble_of("http://127.0.0.1:9", "/")).kind == "no connection"
    monkeypatch.setattr(browsing, "PATIENCE", 1.0)

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    assert with_server(answer, lambda address: trouble_of(address, "/")).kind == "no answer in time"


def test_files_used_up_here_are_not_taken_for_the_rooms_fault() -> None:
    key = aiohttp.client_reqrep.ConnectionKey("x", 1, False, True, None, None, None)
    error = aiohttp.ClientConnectorError(key, OSError(errno.EMFILE, "Too many open files"))
    assert named(error, "GET x").kind == "open files used up here"


def test_every_answer_and_connection_is_timed() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"a": 1})

    async def do(address: str) -> Measured:
        measured = Measured(1)
        browser = Browser(address, measured)
        assert await browser.json("GET", "/user/seat-1/api") == {"a": 1}
        await browser.page("GET", "/hub/join")
        await browser.close()
        return measured

    measured = with_server(answer, do)
    assert len(measured.answers) == len(measured.pages) == len(measured.connects) == 1


def kernel_that(answers: Callable[[Message], list[Message] | None]) -> Answer:
    """A kernel's line which answers each request; None: it hangs up."""

    async def line(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("v1.kernel.websocket.jupyter.org",))
        await socket.prepare(request)
        async for got in socket:
            found = answers(decoded(got.data))
            if found is None:
                break
            for one in found:
                await socket.send_bytes(encoded(one))
        return socket

    return line


def test_lines_to_kernels_leave_a_browser_its_six_connections() -> None:
    line = kernel_that(lambda _: [])

    async def answer(request: web.Request) -> web.StreamResponse:
        return await line(request) if request.path.endswith("/channels") else web.json_response("seen")

    async def do(address: str) -> Any:
        browser = Browser(address, Measured(1))
        kernels = [Kernel(browser, "/user/seat-1/", str(number)) for number in range(7)]
        try:
            for kernel in kernels:
                await asyncio.wait_for(kernel.connect(), 10)
            return await asyncio.wait_for(browser.json("GET", "/user/seat-1/api/kernels"), 10)
        finally:
            for kernel in kernels:
                await kernel.close()
            await browser.close()

    assert with_server(answer, do) == "seen"


def ran(answer: Answer, **more: Any) -> Any:
    async def do(address: str) -> Any:
        browser = Browser(address, Measured(1))
        kernel = Kernel(browser, "/user/seat-1/", "k")
        try:
            await kernel.connect()
            return await kernel.run("1 + 1", **more)
        finally:
            await kernel.close()
            await browser.close()

    return with_server(answer, do)


def told(request: Message, channel: str, kind: str, **content: Any) -> Message:
    return Message(channel, {"msg_type": kind}, parent=request.header, content=content)


def test_a_cell_has_run_once_its_reply_and_its_end_are_there_in_any_order() -> None:
    def answers(request: Message) -> list[Message]:
        return [
            told(request, "iopub", "status", execution_state="busy"),
            told(request, "iopub", "status", execution_state="idle"),
            told(Message("shell", {"msg_id": "another"}), "iopub", "stream", text="not ours"),
            told(request, "iopub", "stream", text="a\n"),
            told(request, "iopub", "display_data", data={"text/html": "<b>Time is up: stopped after 20 s</b>"}),
            told(
                request,
                "shell",
                "execute_reply",
                status="ok",
                user_expressions={"figure": {"status": "ok", "data": {"text/plain": "1.5"}}},
            ),
        ]

    result = ran(kernel_that(answers), figure="x")
    assert (result.status, result.text, result.cut_short, result.figure) == ("ok", "a\n", True, 1.5)


def test_an_error_in_a_cell_is_a_result_with_its_words() -> None:
    def answers(request: Message) -> list[Message]:
        reply = told(request, "shell", "execute_reply", status="error", ename="NameError", evalue="x")
        return [reply, told(request, "iopub", "status", execution_state="idle")]

    assert ran(kernel_that(answers)).error == "NameError: x"


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (lambda _: None, "line to the kernel lost"),
        (lambda request: [told(request, "iopub", "status", execution_state="restarting")], "kernel died"),
        (lambda _: [], "no answer in time"),
    ],
)
def test_a_kernel_that_is_lost_is_told(answers: Callable[[Message], list[Message] | None], kind: str) -> None:
    with pytest.raises(TroubleError) as trouble:
        ran(kernel_that(answers), patience=0.5)
    assert trouble.value.kind == kind


def test_the_board_tells_how_its_host_is() -> None:
    load = {"cpu": 0.25, "memory_used": 3, "memory_total": 10, "disk_free": 7}
    long = "x" * 300_000

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer PHRASE"
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b'event: qr\ndata: "<svg/>"\n\n')
        await stream.write(f"data: {json.dumps({'load': load, 'names': long})}\n\n".encode())
        await asyncio.sleep(5)
        return stream

    async def do(address: str) -> Measured:
        measured = Measured(1)
        watch = ByBoard(measured, BoardLink(address, "PHRASE"))
        await watch.start()
        await watch.stop()
        return measured

    measured = with_server(answer, do)
    assert measured.before is not None
    assert (measured.before.cpu, measured.before.memory_used, measured.before.hub) == (0.25, 3, None)


def test_a_wrong_phrase_and_no_board_are_told() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=401)

    async def do(address: str) -> None:
        await ByBoard(Measured(1), BoardLink(address, "WRONG")).start()

    with pytest.raises(HandsonError, match="answered 401"):
        with_server(answer, do)
    with pytest.raises(HandsonError, match="does not answer"):
        asyncio.run(do("http://127.0.0.1:9"))
