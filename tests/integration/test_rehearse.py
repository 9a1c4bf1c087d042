"""A rehearsal in a room that runs: simulated attendees do a small workshop, are judged, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from handson.chromium import chromium
from handson.errors import HandsonError
from handson.rehearse.hosted import read_room
from handson.rehearse.report import DID_NOT_GROW
from tests.conftest import LESSON, WORKSHOP
from tests.integration.room import (
    RunningRoom,
    come_back,
    join,
    running_room,
    seat_code_of,
    until,
    wait_for_seat,
    xsrf_of,
)

LONG = pytest.mark.skipif(
    os.environ.get("HANDSON_ROOM") != "1", reason="Rehearsals for minutes: HANDSON_ROOM=1 runs them (CONTRIBUTING.md)"
)
"""What measures a room does not belong beside other tests, nor into the hour of CI."""
pytestmark = [LONG, pytest.mark.integration, pytest.mark.timeout(280)]
QUICK = ("--pace", "50", "--training", "5", "--rush", "20")
EASY = (
    "--limit",
    "throughput=0.05",
    "--limit",
    "small_cell_p95=20",
    "--limit",
    "first_cell_p95=60",
    "--limit",
    "join_last=120",
)
"""Limits that a busy machine keeps with stock seats: what is looked at here is that figures come, not how good they are."""


def write_workshop(root: Path, lesson: str = LESSON) -> Path:
    (root / "lessons" / "numbers").mkdir(parents=True)
    (root / "workshop.toml").write_text(WORKSHOP)
    (root / "assets.toml").write_text("")
    (root / "lessons" / "numbers" / "01_add.py").write_text(lesson)
    return root


@pytest.fixture(scope="module", autouse=True)
def plain_seats() -> Iterator[None]:
    """Rooms here trust everyone, whoever runs the tests: rehearsing is what is looked at."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tests.integration.room.FENCED", False)
        yield


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_workshop(tmp_path_factory.mktemp("workshop") / "tiny")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, workshop: Path) -> Iterator[RunningRoom]:
    with running_room(tmp_path_factory.mktemp("room") / "state", "--seats", "3", workshop=workshop) as room:
        yield room


def rehearsal(attendees: int, *options: str, workshop: Path) -> list[str]:
    command = [sys.executable, "-m", "handson", "rehearse", str(attendees), "--workshop", str(workshop)]
    return [*command, *QUICK, *EASY, *options]


def rehearsed(attendees: int, *options: str, workshop: Path, said: str = "") -> tuple[int, dict[str, Any], str]:
    """Exit status, report and what was said of a rehearsal."""
    command = rehearsal(attendees, "--json", *options, workshop=workshop)
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, input=said)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def known(room: RunningRoom) -> list[str]:
    with sqlite3.connect(room.state / "hub" / "room.sqlite") as connection:
        return [name for (name,) in connection.execute("SELECT name FROM attendee")]


def test_two_attendees_do_the_agenda_and_leave_nothing_behind(room: RunningRoom, workshop: Path) -> None:
    status, report, said = rehearsed(2, "--no-browser", "--state", str(room.state), workshop=workshop)
    assert status == 0, report
    assert report["passed"]
    assert report["errors"] == []
    assert "No real browser takes part, as asked." in said
    figures = report["figures"]
    assert figures["join_alone"] > 0.1
    assert figures["join"]["last"] > 0.1
    assert figures["first_cell"]["p95"] > 0
    assert figures["small_cell_while_others_train"]["p95"] > 0
    assert 0 < figures["images_per_second_together"] < 10 * figures["images_per_second_one_each_core"]
    assert figures["private_bytes_per_seat"] > 20e6
    if DID_NOT_GROW not in " ".join(report["sentences"]):  # other programs of this machine gave memory back meanwhile
        assert report["capacity"]["by_memory"] > 2
    assert report["capacity"]["by_cpu"] > 2
    assert report["capacity"]["lesson"] == "add"
    assert (report["forgotten"], report["not_forgotten"]) == (2, [])
    assert known(room) == []
    assert list((room.state / "seats").iterdir()) == []
    until(lambda: not room.pids("jupyterhub.singleuser"), "the seats' servers to be gone")
    assert room.secrets["class_code"] not in json.dumps(report) + said
    assert room.secrets["board"] not in json.dumps(report) + said


def test_by_address_code_and_board_it_sees_as_much(room: RunningRoom, workshop: Path, tmp_path: Path) -> None:
    """As from another machine, which the room's folder is not on."""
    where = ("--room", room.address, "--code", room.secrets["class_code"], "--state", str(tmp_path))
    board = ("--board", f"http://127.0.0.1:{room.board_port}")
    status, report, _ = rehearsed(
        2, "--no-browser", *where, *board, workshop=workshop, said=f"{room.secrets['board']}\n"
    )
    assert status == 0, report
    assert report["promises"][6]["key"] == "memory"
    assert report["promises"][6]["kept"] is not None, "the board told of the host's memory"
    assert known(room) == []


def test_a_wrong_code_is_told_and_stops_nothing_else(room: RunningRoom, workshop: Path) -> None:
    status, report, _ = rehearsed(2, "--no-browser", "--state", str(room.state), "--code", "AAAAAA", workshop=workshop)
    assert status == 1
    assert [error["kind"] for error in report["errors"]] == ["turned away"]
    assert "The first one did not get in, so the others did not come." in report["sentences"]
    assert report["promises"][0] == {"key": "in", "what": "came in", "measured": "0", "limit": "2", "kept": False}


def test_a_room_with_too_few_seats_is_the_bottleneck(tmp_path: Path, workshop: Path) -> None:
    with running_room(tmp_path / "state", "--seats", "1", workshop=workshop) as room:
        status, report, _ = rehearsed(2, "--no-browser", "--state", str(room.state), workshop=workshop)
        assert status == 1
        assert report["bottleneck"]["name"] == "seats"
        assert "handson room --seats N" in report["bottleneck"]["advice"]
        assert known(room) == []


def test_a_lesson_that_fails_is_named_with_its_cell(tmp_path: Path) -> None:
    broken = write_workshop(tmp_path / "broken", LESSON.replace("lab.report(sum=add(2, 2))", "lab.report(sum=nobody)"))
    with running_room(tmp_path / "state", "--seats", "2", workshop=broken) as room:
        status, report, _ = rehearsed(2, "--no-browser", "--state", str(room.state), workshop=broken)
    assert status == 1
    assert report["bottleneck"]["name"] == "lessons"
    assert "NameError: name 'nobody' is not defined" in report["bottleneck"]["why"]


def test_ctrl_c_ends_it_with_what_was_seen_and_forgets_those_who_came(room: RunningRoom, workshop: Path) -> None:
    options = ("--no-browser", "--state", str(room.state), "--training", "100")
    command = rehearsal(2, *options, workshop=workshop)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: known(room), "somebody in the room")
        until(lambda: room.pids("jupyterhub.singleuser"), "a seat")
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        told, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "Traceback" not in told + said
    assert "It was interrupted: this is what was seen until then." in told
    assert "FAIL" in told
    assert known(room) == []


@pytest.mark.browser
def test_without_a_room_one_is_started_a_real_browser_comes_and_all_is_gone(tmp_path: Path, workshop: Path) -> None:
    try:
        with chromium(tmp_path / "profile"):
            pass
    except HandsonError as error:
        pytest.skip(str(error))
    options = ("--trust-everyone", "--state", str(tmp_path / "none"))
    status, report, said = rehearsed(2, *options, workshop=workshop)
    assert status == 0, report
    assert "No room runs here: one is started for the rehearsal, and forgotten after it." in said
    assert report["promises"][0]["measured"] == "2"
    assert "JupyterLab drawn and its kernel ready after" in report["figures"]["browser"]
    assert report["figures"]["first_cell"]["p95"] > 0


@pytest.mark.skipif(os.geteuid() == 0, reason="For root a room starts without another word.")
def test_where_a_room_does_not_start_its_own_words_say_why(tmp_path: Path, workshop: Path) -> None:
    command = rehearsal(2, "--no-browser", "--state", str(tmp_path / "none"), workshop=workshop)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "--trust-everyone" in done.stderr


def test_what_a_rooms_folder_tells_is_what_the_room_says(room: RunningRoom) -> None:
    found = read_room(room.state)
    assert (found.address, found.code) == (room.address, room.secrets["class_code"])
    assert found.board.address == f"http://127.0.0.1:{room.board_port}"
    assert found.board.phrase == room.secrets["board"]


# Leaving for good, which a rehearsal's attendees do, is there for everybody.


def leave_for_good(client: httpx.Client, **more: str) -> httpx.Response:
    form = {"_xsrf": xsrf_of(client.get("/hub/me")), "forget": "yes", **more}
    return client.post("/hub/forget", data=form)


def test_who_leaves_for_good_leaves_no_name_no_file_and_no_way_back(room: RunningRoom) -> None:
    ada, bob = room.browser(), room.browser()
    wait_for_seat(ada, join(ada, room.secrets["class_code"], "Ada"))
    page = join(bob, room.secrets["class_code"], "Bob")
    code, user = seat_code_of(ada.get("/hub/me")), f"seat-{_number(room, 'Ada')}"
    assert (room.state / "seats" / user).is_dir()
    (server,) = [pid for pid in room.pids("jupyterhub.singleuser") if user.encode() in _environment(pid)]

    other_device = room.browser()
    come_back(other_device, code)
    assert leave_for_good(ada).url.path == "/hub/join"

    assert known(room) == ["Bob"]
    assert not (room.state / "seats" / user).exists()
    assert not Path(f"/proc/{server}").exists()
    assert ada.get("/hub/me").url.path == "/hub/join"
    assert other_device.get("/hub/me").url.path == "/hub/join", "every device of theirs is out"
    assert come_back(room.browser(), code).status_code == 403
    eve = room.browser()
    join(eve, room.secrets["class_code"], "Ada")
    assert seat_code_of(eve.get("/hub/me")).partition("-")[0] not in (code.partition("-")[0], "1"), (
        "a number of her own"
    )
    wait_for_seat(bob, page)
    for client in (eve, bob):
        assert leave_for_good(client).url.path == "/hub/join"
    assert known(room) == []


def test_leaving_for_good_needs_the_form(room: RunningRoom) -> None:
    ada = room.browser()
    join(ada, room.secrets["class_code"], "Ada")
    assert ada.post("/hub/forget", data={"forget": "yes", "_xsrf": "forged"}).status_code == 403
    assert ada.post("/hub/forget", data={"_xsrf": xsrf_of(ada.get("/hub/me"))}).status_code == 400
    assert ada.get("/hub/forget").status_code == 405
    assert known(room) == ["Ada"]
    assert room.browser().post("/hub/forget", data={"forget": "yes"}).status_code in (400, 403)
    leave_for_good(ada)


def _number(room: RunningRoom, name: str) -> int:
    with sqlite3.connect(room.state / "hub" / "room.sqlite") as connection:
        return int(connection.execute("SELECT number FROM attendee WHERE name = ?", (name,)).fetchone()[0])


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
