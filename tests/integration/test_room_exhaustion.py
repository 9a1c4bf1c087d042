"""A seat that takes all there is: memory, processes, files, disk, processors, ports. The room and the other seat go on."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.room.keeping import Keeping, needs_seats, serves, two_seats

needs_seats()

from handson.room.seat.cgroups import WEIGHT  # noqa: E402

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def room() -> Iterator[Keeping]:
    with two_seats() as room:
        yield room


def test_memory(room: Keeping) -> None:
    found = room.inside(1, "b = []\nwhile True: b.append(b'x' * 10_000_000)")
    assert found.code == -9
    assert room.ask(do="poll", seat=1)["running"], "the kernel goes, the server stays"
    assert room.ask(do="status")["seats"]["1"]["out_of_memory"] >= 1


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_memory_by_files(room: Keeping, folder: str) -> None:
    """What is in memory's file systems is small, and counts as the seat's memory."""
    code = f"""
import os
with open('{folder}/big', 'wb') as file:
    try:
        while True: file.write(b'x' * 1_000_000)
    except OSError as error:
        print(error.errno)
os.unlink('{folder}/big')
"""
    assert room.inside(1, code).output == "28\n"


def test_processes(room: Keeping) -> None:
    code = """
import os, signal, time
children = []
try:
    while True:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
except BlockingIOError:
    print(len(children))
for pid in children: os.kill(pid, signal.SIGKILL)
"""
    found = room.inside(1, code)
    assert 10 < int(found.output) < 60
    assert room.inside(2, "print('here')").output == "here\n"


def test_threads(room: Keeping) -> None:
    code = """
import threading, time
threads = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        threads += 1
except RuntimeError:
    print(threads)
"""
    assert int(room.inside(1, code).output) < 60


def test_open_files(room: Keeping) -> None:
    code = "files = []\ntry:\n    while True: files.append(open('/dev/null'))\nexcept OSError as error: print(len(files), error.errno)"
    count, number = room.inside(1, code).output.split()
    assert int(count) < 256
    assert number == "24"


def _on_the_hosts_disk(room: Keeping) -> int:
    """Bytes that the room takes there, its seats' disks included; what other tests write meanwhile is not counted."""
    said = subprocess.run(["du", "-sx", "--block-size=1", room.state], capture_output=True, text=True).stdout
    return int(said.split()[0])  # the total, also where a file went meanwhile


def test_disk(room: Keeping) -> None:
    """A full home is full for its owner; the other's has room, and the host's disk does not notice."""
    if room.ask(do="status")["not_limited"]:
        pytest.skip(f"this host cannot limit {room.ask(do='status')['not_limited']}")
    code = """
import os
with open('big', 'wb') as file:
    try:
        while True: file.write(b'x' * 1_000_000)
    except OSError as error:
        print(error.errno)
"""
    try:
        assert room.inside(1, code).output == "28\n"
        assert _on_the_hosts_disk(room) < 200_000_000
        assert room.inside(2, "open('mine', 'wb').write(b'x' * 1_000_000); print('kept')").output == "kept\n"
        assert room.ask(do="status")["seats"]["1"]["disk_free"] < 1_000_000
    finally:
        (room.layout.home(1) / "big").unlink()


def test_many_small_files(room: Keeping) -> None:
    code = """
import os
os.mkdir('many')
try:
    for n in range(1_000_000): open(f'many/{n}', 'w').close()
except OSError as error:
    print(error.errno)
__import__('shutil').rmtree('many')
"""
    assert room.inside(1, code).output == "28\n"


def test_the_folder_of_its_socket(room: Keeping) -> None:
    code = """
try:
    with open('/run/handson/seat/big', 'wb') as file:
        while True: file.write(b'x' * 100_000)
except OSError as error:
    print(error.errno)
"""
    assert room.inside(1, code).output == "28\n"
    (room.layout.run(1) / "big").unlink()


def _weight(room: Keeping, seat: int) -> int:
    groups = room.seats.groups
    folder = groups.roots["cpu"] / groups.name / "seats" / str(seat)
    if groups.version == 2:
        return 10 * int((folder / "cpu.weight").read_text())
    return int((folder / "cpu.shares").read_text())


def test_all_cores(room: Keeping) -> None:
    """Whoever burns them weighs less and less beside who has not, and what serves the learner more than what computes."""
    if "cpu" in room.seats.groups.missing:
        pytest.skip("this host has no control group for the processor")
    burn = (
        "import os, time\nfor _ in range(2 * os.cpu_count()):\n    if os.fork() == 0:\n"
        "        end = time.time() + 20\n        while time.time() < end: pass\n        os._exit(0)\n"
        "time.sleep(20)"
    )
    rested = WEIGHT
    end = time.monotonic() + 60
    while {_weight(room, 1), _weight(room, 2)} != {rested}:  # from what was attempted before
        assert time.monotonic() < end
        time.sleep(0.1)
    burning = threading.Thread(target=room.inside, args=(1, burn, 30))
    burning.start()
    try:
        end = time.monotonic() + 20
        while _weight(room, 1) > rested // 10:
            assert time.monotonic() < end, _weight(room, 1)
            time.sleep(0.1)
        assert _weight(room, 2) == rested
    finally:
        burning.join()


def test_all_ports(room: Keeping) -> None:
    """A seat takes as many as it may open files for, and they are its own: the other and the host have theirs."""
    code = """
import os, socket, sys, time
held = []
for _ in range(20):
    if os.fork() == 0: break
else:
    time.sleep(3)
    sys.exit()
try:
    while True:
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
except OSError as error:
    print(error.errno, flush=True)
time.sleep(3)
"""
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(room.inside(1, code).output))
    thread.start()
    time.sleep(1)
    try:
        bound = "import socket; s = socket.create_server(('127.0.0.1', 0)); print('bound')"
        assert room.inside(2, bound).output == "bound\n"
        with socket.create_server(("127.0.0.1", 0)) as here:
            assert here.getsockname()[1]
    finally:
        thread.join()
    assert set(outcomes[0].split()) == {"24"}, "too many open files, before there are no ports"


def test_core_dumps_are_not_written(room: Keeping) -> None:
    found = room.inside(1, "import os; os.abort()")
    assert found.code == -6
    assert not list(room.layout.home(1).glob("core*"))


def test_afterwards_the_room_serves(room: Keeping) -> None:
    serves(room)
