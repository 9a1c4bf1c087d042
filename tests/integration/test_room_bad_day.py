"""A bad day: while attendees work, each part of a room is killed in turn, disks run full, the machine falls over.

Three attendees save and run cells without a pause (`bad_day.Learner`). After each blow all of them go on with the log-in
that they have, and every save that their seat acknowledged is on the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import LESSON, WORKSHOP
from tests.integration.bad_day import NOTEBOOK, Learner, all_is_well, cells_of, kept, notebook
from tests.integration.room import RunningRoom, join, running_room, until, wait_for_seat
from tests.room.keeping import needs_seats

needs_seats()

from handson.room.seat import cgroups  # noqa: E402
from handson.room.seat.numbers import hub_and_proxy  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
HOST_DISK = 8_000_000_000


class Day:
    """The room of this day, which may be started again, and the disk that holds its state."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.workshop = folder / "workshop"
        (self.workshop / "lessons" / "numbers").mkdir(parents=True)
        (self.workshop / "workshop.toml").write_text(WORKSHOP)
        (self.workshop / "assets.toml").write_text("")
        (self.workshop / "lessons" / "numbers" / "01_add.py").write_text(LESSON)
        self.image = folder / "disk.img"
        with self.image.open("wb") as file:
            file.truncate(HOST_DISK)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", self.image], check=True)
        subprocess.run(["mount", "-o", "loop", self.image, self.disk], check=True)
        self.learners: list[Learner] = []
        self._stack = ExitStack()
        self._stack.callback(self._unmount)
        self.room: RunningRoom

    def begin(self, ports: tuple[int, int] | None = None) -> None:
        """Start the room, or start it again."""
        self.room = self._stack.enter_context(
            running_room(self.disk / "room", "--seats", "5", workshop=self.workshop, ports=ports)
        )
        for learner in self.learners:
            learner.room = self.room

    def again(self) -> None:
        """Start the room again, as the organiser does after it fell over."""
        self.begin((self.room.port, self.room.board_port))

    def end(self) -> None:
        """All go home."""
        for learner in self.learners:
            learner.stop()
        self._stack.close()

    def fill(self, leave: int) -> None:
        """Have so many bytes left on the disk."""
        with (self.disk / "films").open("ab") as file:
            free = shutil.disk_usage(self.disk).free
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free - leave)

    def free(self) -> None:
        """Have the disk as it was."""
        (self.disk / "films").unlink()

    def board(self) -> dict[str, Any]:
        """What the board shows now."""
        url = f"http://127.0.0.1:{self.room.board_port}/api/stream"
        phrase = {"Authorization": f"Bearer {self.room.secrets['board']}"}
        with httpx.stream("GET", url, headers=phrase, timeout=20) as answer:
            return dict(json.loads(next(line[6:] for line in answer.iter_lines() if line.startswith("data: {"))))

    def part(self, needle: str) -> int:
        """The process of a part of the room."""
        ours = (0, *hub_and_proxy(self.room.base))
        return min(pid for pid in self.room.pids(needle) if Path(f"/proc/{pid}").stat().st_uid in ours)

    def template(self, kind: str) -> int:
        """A template that has imported what it needs; 0 while there is none."""
        keeper = psutil.Process(self.part("handson.room.seat.keeper"))
        return next((one.pid for one in keeper.children() if self._is_template(one, kind)), 0)

    @staticmethod
    def _is_template(process: psutil.Process, kind: str) -> bool:
        with suppress(psutil.Error):
            return process.name() == f"handson-{kind}" and process.uids().real == 0
        return False

    def kill_everything(self) -> None:
        """The machine falls over: every process of the room is gone, and nobody had time for a word."""
        name = cgroups.find(self.room.state).name
        os.kill(self.room.process.pid, signal.SIGKILL)
        while victims := self.everything(name):
            for pid in victims:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.room.process.wait()

    def cut_power(self) -> list[int]:
        """Stop all at once, start anew from a copy of what is on the disk now; the cells acknowledged until then."""
        victims = self.everything(cgroups.find(self.room.state).name) | {self.room.process.pid}
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(0.2)
        acknowledged = [one.acknowledged for one in self.learners]
        copy = self.image.with_name("copy.img")
        before = -1
        while before != (before := self._written()):  # else the copy is of two moments
            subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
        self.kill_everything()
        self._unmount()
        subprocess.run(["mount", "-o", "loop", copy, self.disk], check=True)
        return acknowledged

    def _unmount(self) -> None:
        """What was killed lets go of its files a moment after it has gone."""
        umount = ["umount", "--recursive", self.disk]
        until(lambda: subprocess.run(umount, check=False).returncode == 0, "the disk that nobody uses")

    def _written(self) -> int:
        """Sectors that were written to the disk so far."""
        device = self.disk.stat().st_dev
        return int(Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()[6])

    def kept_in_image(self, learner: Learner) -> int:
        """The cells of a learner's notebook on the disk of a seat that does not run."""
        seat, there = self.disk / "room" / "seats" / str(learner.number), self.disk / "looked at"
        there.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", seat / "disk.img", there], check=True)
        try:
            return cells_of(there / NOTEBOOK)
        finally:
            subprocess.run(["umount", there], check=True)

    def everything(self, name: str) -> set[int]:
        found = set(self.room.pids("handson"))
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if name in (folder / "cgroup").read_text() and (folder / "cmdline").read_bytes():
                    found.add(int(folder.name))
            except OSError:
                continue
        return found - {os.getpid()}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    day = Day(tmp_path_factory.mktemp("day"))
    try:
        day.begin()
        for name in ("Ada", "Bob", "Cleo"):
            day.learners.append(Learner(day.room, name))
            day.learners[-1].join()
        for learner in day.learners:
            learner.go_on()
        all_is_well(day.learners, "the beginning")
        yield day
    finally:
        day.end()


@pytest.mark.parametrize(
    ("needle", "name"), [("proxy.mjs", "proxy"), ("handson.room.hub", "hub"), ("handson.room.seat.keeper", "keeper")]
)
def test_a_part_of_the_room_is_killed(day: Day, needle: str, name: str) -> None:
    told = day.room.said.count(f"{name} is back")
    servers = day.room.servers()
    os.kill(day.part(needle), signal.SIGKILL)
    until(lambda: day.room.said.count(f"{name} is back") > told, f"the {name} again")
    all_is_well(day.learners, f"{name} was killed")
    assert day.room.servers() == servers


def test_jupyterlab_saves_every_ten_seconds(day: Day) -> None:
    told = day.learners[0].get("lab/api/settings/@jupyterlab/docmanager-extension:plugin").json()
    assert told["schema"]["properties"]["autosave"]["default"] is True
    assert told["schema"]["properties"]["autosaveInterval"]["default"] == 10
    assert not told["settings"]


@pytest.mark.parametrize("kind", ["servers", "kernels"])
def test_a_template_is_killed(day: Day, kind: str) -> None:
    pid = until(lambda: day.template(kind), f"the template of {kind}")
    os.kill(pid, signal.SIGKILL)
    until(lambda: day.template(kind) not in (0, pid), f"another template of {kind}")
    all_is_well(day.learners, f"the template of {kind} was killed")


def test_a_seats_server_is_killed(day: Day) -> None:
    ada = day.learners[0]
    acknowledged = ada.acknowledged
    os.kill(day.room.server(ada.number), signal.SIGKILL)
    assert kept(ada) >= acknowledged
    all_is_well(day.learners, "a seat's server was killed")


def test_a_kernel_is_killed(day: Day) -> None:
    ada = day.learners[0]
    with pytest.raises(TimeoutError):
        ada.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", patience=3, path=NOTEBOOK)
    all_is_well(day.learners, "a kernel was killed")


def test_the_room_is_killed_and_started_again(day: Day) -> None:
    servers = day.room.servers()
    os.kill(day.room.process.pid, signal.SIGKILL)
    day.room.process.wait()
    day.again()
    before = "Here from before: 3, with their seats, files and log-ins."
    until(lambda: before in day.room.said, "a word about who is there from before")
    all_is_well(day.learners, "handson room was killed")
    assert day.room.servers() == servers, "seats ran on"


def test_the_machine_falls_over(day: Day) -> None:
    acknowledged = [one.acknowledged for one in day.learners]
    day.kill_everything()
    assert all(kept(one) >= least for one, least in zip(day.learners, acknowledged, strict=True))
    day.again()
    all_is_well(day.learners, "every process was killed")


def test_the_power_goes_off(day: Day) -> None:
    """What Linux had not yet handed to the disk is lost: no acknowledged save is among it, and nobody who has joined."""
    emil = day.room.browser()
    join(emil, day.room.secrets["class_code"], "Emil")
    time.sleep(2)
    acknowledged = day.cut_power()
    for one, least in zip(day.learners, acknowledged, strict=True):
        assert day.kept_in_image(one) >= least, f"{one.name} after the power was cut"
    day.again()
    assert "· Emil" in emil.get("/hub/me").text
    all_is_well(day.learners, "the power was cut")


FILL = """
import os
def fill(leave):
    there = os.statvfs("/home/learner")
    with open("big.bin", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, there.f_bavail * there.f_frsize - leave))
try:
    fill({leave})
    while {leave} == 0:
        with open("rest.bin", "ab", buffering=0) as file:
            file.write(bytes(4096))
except OSError as error:
    print(error.errno)
"""


def test_a_seats_disk_is_full(day: Day) -> None:
    ada, *others = day.learners
    ada.run(FILL.format(leave=0))
    assert ada.heard("disk")["low"]
    refused = ada.refused
    until(lambda: ada.refused > refused + 1, "saves that are refused")
    assert "The disk of this seat is full. Delete files" in ada.refusals[-1]
    assert kept(ada) >= ada.acknowledged
    all_is_well(others, "a seat's disk became full")
    os.kill(day.room.server(ada.number), signal.SIGKILL)
    until(lambda: ada.get("api/contents").status_code == 200, "the full seat's server again")
    for name in ("big.bin", "rest.bin"):
        until(lambda: ada.delete(name).status_code in (204, 404), f"the end of {name}")  # noqa: B023
    all_is_well(day.learners, "a seat's disk was full")
    assert not ada.heard("disk")["low"]


def test_a_notebook_that_does_not_fit_leaves_the_one_before(day: Day) -> None:
    """As often as it is tried: Jupyter's own way of saving keeps one copy, and overwrites that the second time."""
    bob = day.learners[1]
    assert bob.save("large.ipynb", notebook(2000)).status_code in (200, 201)
    bob.run(FILL.format(leave=500_000))
    for _ in range(3):
        assert "The disk of this seat is full" in bob.save("large.ipynb", notebook(20_000)).text
    content = bob.get("api/contents/large.ipynb").json()["content"]
    assert len(content["cells"]) == 2000
    assert bob.delete("big.bin").status_code == 204
    all_is_well(day.learners, "a notebook did not fit")


def test_the_hosts_disk_is_full(day: Day) -> None:
    day.fill(leave=1_000_000_000)
    until(lambda: "GB left" in day.room.said, "a word on the terminal")
    assert day.board()["load"]["disk_low"]
    all_is_well(day.learners, "the host's disk was nearly full")
    day.fill(leave=0)
    all_is_well(day.learners, "the host's disk became full")
    dora = day.room.browser()
    refused = join(dora, day.room.secrets["class_code"], "Dora")
    assert refused.status_code == 507
    assert "The disk of the presenter&#39;s machine is full" in refused.text
    os.kill(day.part("handson.room.hub"), signal.SIGKILL)
    until(lambda: "hub is back" in day.room.said or "hub did not come back" in day.room.said, "the hub's end")
    all_is_well(day.learners, "the hub was killed on a full disk", own_page=False)
    day.free()
    until(lambda: "GB free again" in day.room.said, "a word on the terminal")
    until(lambda: "hub is back" in day.room.said, "the hub")
    assert not day.board()["load"]["disk_low"]
    wait_for_seat(dora, join(dora, day.room.secrets["class_code"], "Dora"))
    all_is_well(day.learners, "the host's disk was full")
    for name in ("jupyterhub", "room"):
        with sqlite3.connect(f"file:{day.room.state}/hub/{name}.sqlite?mode=ro", uri=True) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
