"""The keeper and its templates: seats started, ended, found again after each part was killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from handson.errors import HandsonError
from handson.room.hub.state import Places, forget
from handson.room.seat import disk, linux
from tests.room.keeping import Keeping, needs_seats

needs_seats()
pytestmark = pytest.mark.integration


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("seat")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def get(room: Keeping, number: int, path: str, token: str | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"token {token}"} if token else {}
    with closing(_Unix(room.layout.server_socket(number))) as connection:
        connection.request("GET", f"/user/seat-{number}{path}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def room() -> Iterator[Keeping]:
    room = Keeping(ahead=2)
    yield room
    room.end()


def wait_for(what: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_answers_under_its_own_prefix_and_wants_to_know_who_asks(room: Keeping) -> None:
    room.serve(3)
    assert get(room, 3, "/api")[0] == 200
    assert get(room, 3, "/api/contents")[0] in (302, 403)
    assert room.ask(do="poll", seat=3) == {"running": True}


def test_a_server_that_was_forked_ahead_is_the_one_that_is_taken(room: Keeping) -> None:
    wait_for(lambda: "2" in room.ask(do="status")["seats"])
    wait_for(lambda: len(room.seats.groups.pids(2, "server")) == 2)
    (waiting,) = room.seats.groups.pids(2, "server") - {room.seats.process(2, "init").pid}  # type: ignore[union-attr]
    assert room.ask(do="poll", seat=2) == {"running": False}, "it waits, and is nobody's yet"
    said = room.serve(2)
    assert said["pid"] == waiting
    assert get(room, 2, "/api")[0] == 200


def test_a_started_seat_is_the_hubs_alone_to_reach(room: Keeping) -> None:
    socket_file = room.serve(2) and room.layout.server_socket(2)
    found = socket_file.stat()
    assert (found.st_mode & 0o777, found.st_gid, found.st_uid) == (0o660, room.settings.hub, room.layout.uid(2))
    assert socket_file.parent.stat().st_mode & 0o007 == 0


def test_stop_ends_everything_in_the_seat_and_keeps_its_files(room: Keeping) -> None:
    room.serve(3)
    room.inside(
        3, "import subprocess; subprocess.Popen(['sleep', '100'], start_new_session=True); open('kept', 'w').write('x')"
    )
    assert len(room.seats.groups.pids(3)) >= 3
    room.ask(do="stop", seat=3)
    assert not room.seats.groups.pids(3)
    assert room.ask(do="poll", seat=3) == {"running": False}
    room.serve(3)
    assert room.inside(3, "print(open('kept').read())").output == "x\n"


def test_a_server_that_dies_is_seen_and_started_again(room: Keeping) -> None:
    said = room.serve(3)
    os.kill(said["pid"], signal.SIGKILL)
    wait_for(lambda: not room.ask(do="poll", seat=3)["running"])
    room.serve(3)
    assert get(room, 3, "/api")[0] == 200


def test_a_killed_template_of_servers_is_started_again_and_seats_do_not_notice(room: Keeping) -> None:
    room.serve(3)
    os.kill(room.template("servers"), signal.SIGKILL)
    assert get(room, 3, "/api")[0] == 200
    room.serve(4)
    assert get(room, 4, "/api")[0] == 200
    assert room.ask(do="poll", seat=3)["running"]
    assert "the template of servers ended" in room.said()


def test_a_killed_keeper_is_followed_by_one_that_finds_its_seats(room: Keeping) -> None:
    pid = room.serve(3)["pid"]
    (room.layout.home(3) / "work").write_text("done")
    room.process.kill()
    room.process.wait()
    assert get(room, 3, "/api")[0] == 200
    room.start()
    assert room.ask(do="poll", seat=3)["running"]
    found = room.seats.process(3, "server")
    assert found is not None
    assert found.pid == pid
    room.ask(do="stop", seat=3)
    room.serve(3)
    assert (room.layout.home(3) / "work").read_text() == "done"


def test_a_hub_in_the_wrong_tone_is_answered(room: Keeping) -> None:
    with pytest.raises(HandsonError, match="cannot 'dance'") as error:
        room.ask(do="dance", seat=1)
    assert "start" in error.value.way_out
    with pytest.raises(HandsonError, match="did not understand"):
        room.ask(do="start", seat=1, env=["x"])


def test_variables_of_the_hub_reach_the_server_and_no_others(room: Keeping) -> None:
    pid = room.serve(5, JUPYTERHUB_SERVER_NAME="x", LD_PRELOAD="/tmp/evil.so", PATH="/evil")["pid"]
    assert room.ask(do="poll", seat=5)["running"]
    log = (room.layout.home(5) / ".handson" / "server.log").read_text()
    assert "Traceback" not in log
    said = Path(f"/proc/{pid}/environ").read_text()
    assert "evil" not in said


def test_the_space_of_a_seats_disk_is_set_aside_and_stays_so(room: Keeping) -> None:
    """Whoever fills the host's disk takes none of it; what a learner writes and deletes gives none of it away."""
    wait_for((waiting := room.layout.seat(1) / disk.IMAGE).exists)
    assert not disk.is_set_aside(waiting), "only once somebody takes it"
    room.serve(3)
    image = room.layout.seat(3) / disk.IMAGE
    room.inside(3, "open('big', 'wb').write(bytes(8_000_000)); import os; os.sync(); os.remove('big'); os.sync()")
    assert linux.is_in_memory(image) or disk.is_set_aside(image)


def test_status_says_what_seats_hold(room: Keeping) -> None:
    room.serve(3)
    seat = room.ask(do="status")["seats"]["3"]
    assert 5_000_000 < seat["memory"] < 100_000_000
    assert seat["running"]
    assert 0 < seat["disk_free"] < room.settings.limits.disk


def test_forget_leaves_nothing_of_a_seat(room: Keeping) -> None:
    room.serve(5)
    room.ask(do="forget", seat=5)
    assert not room.layout.seat(5).exists()
    assert not room.layout.run(5).exists()
    assert not room.seats.groups.pids(5)


def test_the_end_of_a_room_leaves_files_and_nothing_else() -> None:
    room = Keeping()
    room.serve(1)
    (room.layout.home(1) / "work").write_text("done")
    groups = room.seats.groups
    room.process.terminate()
    assert room.process.wait(20) == 0
    assert not linux.is_mounted(room.layout.home(1))
    assert not any((root / groups.name).exists() for root in groups.roots.values())
    room.start()
    room.serve(1)
    assert (room.layout.home(1) / "work").read_text() == "done"
    room.end()


def test_a_room_whose_keeper_was_killed_is_forgotten_with_the_seats_that_run_on() -> None:
    room = Keeping()
    room.serve(1)
    first, groups = room.seats.process(1, "init"), room.seats.groups
    assert first is not None
    room.process.kill()
    room.process.wait()
    assert first.runs, "seats go on"
    assert forget(Places(room.state))
    assert not first.runs
    assert not room.state.exists()
    assert str(room.state) not in Path("/proc/self/mountinfo").read_text()
    assert not any((root / groups.name).exists() for root in groups.roots.values())


def test_space_that_did_not_do_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host's disk of 64 MB, where somebody else took what was free when it was looked."""
    monkeypatch.setattr(linux, "is_in_memory", lambda _: False)
    for folder in ("host", "host/home/seat"):
        (tmp_path / folder).mkdir()
        if folder == "host":
            host = disk.mount_home(tmp_path / folder, os.getuid(), 64_000_000)
    try:
        seat = host / "seat"
        home = disk.mount_home(seat, os.getuid(), 200_000_000)
        (home / "work").write_text("done")
        before = os.statvfs(host).f_bfree
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=1 << 40, f_frsize=4096))
            with pytest.raises(HandsonError, match="no space for the disk of a seat"):
                disk.set_aside(seat / disk.IMAGE)
        assert os.statvfs(host).f_bfree > before * 0.9
        assert (home / "work").read_text() == "done"
    finally:
        disk.unmount(host / "seat" / "home")
        disk.unmount(host)
