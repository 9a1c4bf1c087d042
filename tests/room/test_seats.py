"""What seats are made of, where it can be looked at without making one."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import handson
from handson.errors import HandsonError
from handson.room.seat import disk, keeper, linux, seccomp
from handson.room.seat.cgroups import WEIGHT, Groups
from handson.room.seat.governor import FREE, HALF_LIFE, LEAST, Governor, free_debt, later, weight
from handson.room.seat.keeper import Keeper
from handson.room.seat.layout import BASE, MOST_SEATS, Layout, checked
from handson.room.seat.limits import Limits
from handson.room.seat.root import environment_paths
from handson.room.seat.seats import Process, Seats
from handson.room.seat.settings import Settings, kept_in, prepared


def test_a_seat_has_a_user_of_its_own(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert len({layout.uid(number) for number in range(1, MOST_SEATS + 1)}) == MOST_SEATS
    assert all(layout.number(layout.uid(number)) == number for number in (1, 7, MOST_SEATS))


@pytest.mark.parametrize("uid", [0, 1000, BASE, BASE + MOST_SEATS + 1, -1])
def test_who_is_no_seat_is_told_so(tmp_path: Path, uid: int) -> None:
    with pytest.raises(HandsonError, match="is no seat"):
        Layout(tmp_path).number(uid)


@pytest.mark.parametrize("number", [0, -1, MOST_SEATS + 1, "1", "../2", None, True, 1.5])
def test_a_seat_is_a_small_number_and_nothing_else(number: object) -> None:
    with pytest.raises(HandsonError, match="is no seat"):
        checked(number)


def test_settings_are_kept_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "seats").mkdir()
    settings = Settings(
        tmp_path, hub=7, limits=Limits(kernels=2), shown=(Path("/srv/a"),), preload=("json",), ahead=(3, 4)
    )
    assert Settings.read(settings.write()) == settings


def test_a_state_folder_that_jupyterhub_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match="capital letters"):
        prepared(Settings(tmp_path / "State", hub=0))


def test_seats_see_this_environment_and_no_folder_of_everybody() -> None:
    paths = environment_paths()
    assert any(Path(sys.prefix).is_relative_to(path) for path in (*paths, Path("/usr")))
    assert any(Path(os.__file__).is_relative_to(path) for path in (*paths, Path("/usr")))
    assert not {Path(name) for name in ("/", "/tmp", "/home", "/root", "/var", "/etc", "/run")} & set(paths)
    assert not [path for path in paths if any(path != above and path.is_relative_to(above) for above in paths)]


def test_the_folder_that_the_room_was_started_in_is_not_seen(tmp_path: Path) -> None:
    """`python -m` puts it where modules are looked for, and it may be the organiser's home."""
    (tmp_path / "look.py").write_text(
        "from handson.room.seat.root import environment_paths\nprint(*environment_paths(), sep='\\n')"
    )
    source = str(Path(handson.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-m", "look"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = done.stdout.splitlines()
    assert str(tmp_path) not in seen
    assert any(Path(source).is_relative_to(path) for path in (*seen, "/usr"))


def test_what_is_shown_more_is_shown_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "workshop").mkdir()
    paths = environment_paths([tmp_path / "workshop", tmp_path / "missing"])
    assert tmp_path / "workshop" in paths
    assert tmp_path / "missing" not in paths


def decide(program: bytes, number: int, architecture: int, first: int = 0) -> int:
    """What a filter says to a system call: a classic BPF machine, as small as the filter."""
    data = struct.pack("IIQQ", number, architecture, 0, first)
    lines = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    at, value = 0, 0
    while True:
        code, yes, no, k = lines[at]
        at += 1
        if code == 0x06:
            return k
        if code == 0x20:
            value = struct.unpack_from("I", data, k)[0]
        else:
            holds = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
            at += yes if holds else no


@pytest.mark.parametrize(
    ("machine", "architecture", "calls"),
    [
        (
            "x86_64",
            0xC000003E,
            {"read": 0, "clone": 56, "mount": 165, "clone3": 435, "ptrace": 101, "execve": 59, "x32": 0x40000001},
        ),
        ("aarch64", 0xC00000B7, {"read": 63, "clone": 220, "mount": 40, "clone3": 435, "ptrace": 117, "execve": 221}),
    ],
)
def test_calls_that_lessons_need_pass_and_others_do_not(machine: str, architecture: int, calls: dict[str, int]) -> None:
    program = seccomp.program(machine)
    assert program is not None
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
    expected = {
        "read": allow,
        "execve": allow,
        "clone": allow,
        "mount": refuse,
        "ptrace": refuse,
        "clone3": unknown,
        "x32": unknown,
    }
    for name, number in calls.items():
        assert decide(program, number, architecture) == expected[name], name
    assert decide(program, calls["clone"], architecture, 0x10000000) == refuse, "a new user namespace"
    assert decide(program, calls["clone"], architecture, 0x003D0F00) == allow, "a thread"
    assert decide(program, calls["read"], 0x40000003) == kill, "another architecture's calls have other numbers"


def test_a_machine_without_known_numbers_has_no_filter() -> None:
    assert seccomp.program("s390x") is None


def test_a_seat_that_rests_weighs_most_and_one_that_computes_least() -> None:
    assert weight(0) == weight(FREE) == WEIGHT
    assert weight(2 * FREE) == WEIGHT // 8
    assert weight(100) == LEAST
    assert [weight(debt / 10) for debt in range(50)] == sorted((weight(debt / 10) for debt in range(50)), reverse=True)


def test_half_of_a_debt_is_forgotten_in_a_half_life() -> None:
    assert later(8.0, 0.0, HALF_LIFE) == 4.0
    assert later(8.0, 1.0, 2 * HALF_LIFE) == 3.0


@pytest.mark.parametrize("seats", [1, 2, 12, 30, 60, 200])
def test_however_many_train_each_weighs_a_tenth_of_a_seat_that_rests(seats: int) -> None:
    debt = 0.0
    for _ in range(40):
        debt = later(debt, 0.5 * min(1, 2 / seats), 0.5)
    assert weight(debt, free_debt(seats, cores=2)) <= WEIGHT / 10
    assert weight(0.01, free_debt(seats, cores=2)) == WEIGHT, "a cell of a line"


def test_the_governor_lowers_who_computes_and_restores_who_rests(tmp_path: Path) -> None:
    roots = {name: tmp_path / name for name in ("cpu", "cpuacct")}
    groups = Groups(1, roots, "handson")
    groups.make_room()
    for number in (1, 2):
        groups.make_seat(number, Limits())
        (tmp_path / f"cpuacct/handson/seats/{number}/kernels/cpuacct.usage").write_text("0")
    now = 0.0
    governor = Governor(groups, 2, lambda: now)
    shares = tmp_path / "cpu/handson/seats"
    for step in range(20):
        now = step / 2
        (tmp_path / "cpuacct/handson/seats/1/kernels/cpuacct.usage").write_text(str(int(now * 1e9)))
        governor.look([1, 2, 3])
    assert int((shares / "1/cpu.shares").read_text()) == LEAST
    assert int((shares / "2/cpu.shares").read_text()) == WEIGHT
    assert (governor.computes(1), governor.computes(2)) == (True, False)
    for step in range(20, 80):
        now = step / 2
        governor.look([1, 2])
        assert not governor.computes(1), "its cell has ended, whatever debt it has"
    assert int((shares / "1/cpu.shares").read_text()) == WEIGHT


def test_limits_hold_and_do_not_rise() -> None:
    import resource
    import subprocess

    code = "import resource; from handson.room.seat.limits import Limits; Limits(files=200).set(); Limits(files=300).set(); print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(200, 200) (0, 0)\n"
    assert replace(Limits(), files=5).files == 5
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 200


def test_space_is_set_aside_or_it_is_said_that_there_is_not_so_much(tmp_path: Path) -> None:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(1_000_000)
        assert linux.allocate(file.fileno(), 1_000_000)
        assert image.stat().st_blocks * 512 >= 1_000_000
        with pytest.raises(OSError, match="fallocate"):
            linux.allocate(file.fileno(), 1 << 55)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no /dev/shm here")
def test_a_disk_that_is_memory_is_known_as_one() -> None:
    assert linux.is_in_memory(Path("/dev/shm"))
    assert not linux.is_in_memory(Path("/proc/self"))


def few(state: Path, **more: Any) -> Settings:
    """A room's settings without control groups, its folders made as far as nobody needs to be root for them."""
    for folder in ("seats/1/home", "run/1"):
        (state / folder).mkdir(parents=True)
    settings = Settings(state, hub=7, images=False, refused="not here", **more)
    settings.write()
    return settings


def test_a_seat_whose_files_stay_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(folder: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise OSError(errno.EBUSY, "Device or resource busy", str(folder))

    seats = few(tmp_path).seats()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", busy)
        with pytest.raises(HandsonError, match=r"Files of seat 1 could not be removed: .*busy"):
            seats.forget(1)
    seats.forget(1)
    assert seats.numbers() == []
    assert not seats.layout.run(1).exists()
    seats.forget(1)


def test_a_seat_that_does_not_end_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = few(tmp_path)
    one = Keeper(settings, tmp_path)
    monkeypatch.setattr(keeper, "GRACE", 0.05)
    monkeypatch.setattr(Seats, "kill", lambda *_: Process.of(os.getpid()))
    with pytest.raises(HandsonError, match=f"Seat 1 does not end: its process {os.getpid()} runs on"):
        asyncio.run(one.answer({"do": "forget", "seat": 1}))
    assert settings.layout.seat(1).is_dir()


def test_a_seat_that_is_forgotten_is_not_forked_ahead_again(tmp_path: Path) -> None:
    settings = few(tmp_path, ahead=(1, 2))
    asyncio.run(Keeper(settings, tmp_path).answer({"do": "forget", "seat": 1}))
    assert Settings.read(kept_in(tmp_path)).ahead == (2,)


def test_seats_are_forked_ahead_in_the_order_in_which_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def answer(_: Keeper, message: dict[str, Any]) -> dict[str, Any]:
        asked.append(message)
        return {}

    monkeypatch.setattr(Keeper, "answer", answer)
    asyncio.run(Keeper(few(tmp_path, ahead=(7, 3)), tmp_path)._fork_ahead())
    assert asked == [{"do": "prepare", "seat": 7}, {"do": "prepare", "seat": 3}]


def test_no_space_is_taken_where_there_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ext4, asked for more than there is, keeps all of it."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(1_000_000)
    free = SimpleNamespace(f_bavail=3, f_frsize=100_000)
    monkeypatch.setattr(linux, "is_in_memory", lambda _: False)
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _: free)
        with pytest.raises(HandsonError, match=r"no space for the disk of a seat \(1 MB\): 0 MB are free"):
            disk.set_aside(image)
    assert not image.stat().st_blocks
    assert disk.set_aside(image)
    assert disk.is_set_aside(image)
