from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.supervisor import Part, Supervisor, run_until_told

LISTENS = """
import os, signal, socket, sys, time
from pathlib import Path
place = sys.argv[1]
server = socket.socket(socket.AF_UNIX)
server.bind(place)
Path(place + ".pid").write_text(str(os.getpid()))
{more}
server.listen()
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def make_part(tmp_path: Path) -> Callable[..., Part]:
    def make(name: str = "part", more: str = "", **settings: object) -> Part:
        program = tmp_path / f"{name}.py"
        program.write_text(LISTENS.format(more=textwrap.dedent(more)))
        place = tmp_path / name
        settings = {"sockets": [place], "patience": 20.0, **settings}
        return Part(name, [sys.executable, str(program), str(place)], {}, tmp_path / f"{name}.log", **settings)  # type: ignore[arg-type]

    return make


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], object], awaited: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"still awaited: {awaited}"
        await asyncio.sleep(0.02)


def test_a_part_that_is_killed_comes_back_and_whoever_needs_to_know_is_told(make_part: Callable[..., Part]) -> None:
    told: list[str] = []

    async def came_back() -> None:
        told.append("routes")

    async def test() -> None:
        supervisor = Supervisor([make_part(came_back=came_back)], told.append)
        await supervisor.start()
        first = supervisor.pid("part")
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: told[-1:] == ["part is back"], "the part")
        assert supervisor.pid("part") not in (None, first)
        assert told[0].startswith("part ended (exit status -9)")
        assert "routes" in told
        await supervisor.stop()
        assert supervisor.pid("part") is None

    asyncio.run(test())


def test_the_parts_start_in_order_and_end_in_reverse(make_part: Callable[..., Part], tmp_path: Path) -> None:
    more = """
        def end(*_):
            with open(os.path.dirname(place) + "/ends", "a") as file: file.write(os.path.basename(place) + " ")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        assert os.path.basename(place) == "first" or Path(os.path.dirname(place), "first.pid").exists()
    """

    async def test() -> None:
        supervisor = Supervisor([make_part("first", more), make_part("second", more)])
        await supervisor.start()
        await supervisor.stop()

    asyncio.run(test())
    assert (tmp_path / "ends").read_text() == "second first "


def test_a_part_that_does_not_come_up_is_told_with_its_last_words_and_nothing_is_left(
    make_part: Callable[..., Part], tmp_path: Path
) -> None:
    async def test() -> None:
        await Supervisor([make_part("good"), make_part("bad", 'sys.exit("no database")')]).start()

    with pytest.raises(HandsonError, match=r"bad ended before it was ready \(exit status 1\).\nno database"):
        asyncio.run(test())
    assert not is_there(int((tmp_path / "good.pid").read_text()))


def test_a_part_that_says_nothing_is_not_waited_for_without_end(make_part: Callable[..., Part], tmp_path: Path) -> None:
    part = make_part(sockets=[tmp_path / "other"], patience=0.5)

    async def test() -> None:
        await Supervisor([part]).start()

    with pytest.raises(HandsonError, match=r"part did not answer at .*other within 0.5 s"):
        asyncio.run(test())


def test_a_port_that_is_taken_is_told_before_anything_is_started(make_part: Callable[..., Part]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        part = make_part(sockets=[("127.0.0.1", port)])
        with pytest.raises(HandsonError, match=rf"Port {port} of 127.0.0.1 is taken"):
            asyncio.run(Supervisor([part]).start())


def test_a_part_that_will_not_end_is_killed_and_that_is_told(make_part: Callable[..., Part]) -> None:
    told: list[str] = []

    async def test() -> None:
        part = make_part(more="signal.signal(signal.SIGTERM, signal.SIG_IGN)", grace=0.3)
        supervisor = Supervisor([part], told.append)
        await supervisor.start()
        await supervisor.stop()
        assert supervisor.pid("part") is None

    asyncio.run(test())
    assert told == ["part did not end within 0.3 s and was killed"]


def test_parts_end_with_a_supervisor_that_is_killed(make_part: Callable[..., Part], tmp_path: Path) -> None:
    part = make_part()
    code = f"""
import asyncio, os, signal
from pathlib import Path
from handson.room.supervisor import Part, Supervisor, run_until_told
async def main():
    await Supervisor([Part("part", {list(part.command)!r}, {{}}, Path({str(part.log)!r}), [Path({str(tmp_path / "part")!r})])]).start()
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == -9
    pid = int((tmp_path / "part.pid").read_text())
    asyncio.run(until(lambda: not is_there(pid), "the end of the part"))


def test_what_is_done_beside_the_parts_ends_with_them(make_part: Callable[..., Part]) -> None:
    done: list[str] = []

    async def beside() -> None:
        try:
            done.append("begun")
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            done.append("ended")
            raise

    run_until_told(Supervisor([make_part()]), lambda: done.append("ready"), beside)
    assert done == ["ready", "begun", "ended"]


def test_a_part_that_cannot_be_started_is_tried_less_and_less_often(
    make_part: Callable[..., Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    start = asyncio.create_subprocess_exec

    async def no_more(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async def test() -> None:
        supervisor = Supervisor([make_part()], told.append)
        await supervisor.start()
        supervisor._running["part"].started -= 1000
        pid = supervisor.pid("part")
        assert pid
        monkeypatch.setattr(asyncio, "create_subprocess_exec", no_more)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len(told) == 9, "four tries and what comes next")
        assert supervisor.pid("part") is None
        monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
        await until(lambda: told[-1] == "part is back", "the part")
        await supervisor.stop()

    asyncio.run(test())
    assert told[0] == "part ended (exit status -9); it is started anew in 0.1 s"
    assert told[1] == "part did not come back: [Errno 11] Resource temporarily unavailable"
    pauses = [float(line.split()[-2]) for line in told[:9:2]]
    assert pauses == [0.1, 0.1, 0.2, 0.4, 0.8]
    assert told[2].startswith("part was not started; ")


def test_the_parts_end_where_what_is_said_of_them_fails(make_part: Callable[..., Part], tmp_path: Path) -> None:
    more = """
        def end(*_):
            Path(place + ".ended").touch()
            sys.exit()
        signal.signal(signal.SIGTERM, end)
    """

    def ready() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_until_told(Supervisor([make_part(more=more)]), ready)
    assert (tmp_path / "part.ended").exists()
