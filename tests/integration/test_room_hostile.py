"""A hostile seat: what a learner's code may try from inside, and that the room goes on serving."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.room.keeping import Keeping, needs_seats, serves, two_seats

needs_seats()

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def room() -> Iterator[Keeping]:
    with two_seats() as room:
        yield room


READ = {
    "the other's files, by the host's path": "print('GOT', open('{home2}/secret.txt').read())",
    "the room's state": "print('GOT', os.listdir('{state}/seats'))",
    "the room's settings": "print('GOT', open('{state}/seats/room.json').read())",
    "the other's socket folder": "print('GOT', os.listdir('{state}/run/2'))",
    "the host through the first process": "print('GOT', os.listdir('/proc/1/root/home'))",
    "the host through its working directory": "print('GOT', os.listdir('/proc/1/cwd'))",
    "the first process's environment": "print('GOT', open('/proc/1/environ').read())",
    "the first process's memory": "print('GOT', open('/proc/1/mem', 'rb').read(1))",
    "the host's shadow file": "print('GOT', open('/etc/shadow').read())",
    "what the host keeps": "print('GOT', os.listdir('/var/lib'))",
    "the kernel's memory": "print('GOT', open('/proc/kcore', 'rb').read(1))",
    "the kernel's log": "print('GOT', ctypes.CDLL(None).klogctl(3, ctypes.create_string_buffer(4096), 4096))",
    "the host's disks": "print('GOT', open('/dev/{disk}', 'rb').read(1))",
    "a disk by a node of its own": "os.mknod('d', 0o60666, os.makedev({major}, {minor})); print('GOT', open('d', 'rb').read(1))",
    "files by their handles": (
        "print('GOT', ctypes.CDLL(None).syscall(304, -100, ctypes.create_string_buffer(128), 0))"
    ),
    "processes of others": "print('GOT', [p for p in os.listdir('/proc') if p.isdigit() and int(p) == {template}])",
    "names of the host's users": "print('GOT', [u for u in __import__('pwd').getpwall() if u.pw_name == 'daemon'])",
    "the keeper's socket folder": "print('GOT', os.listdir('{state}/doors/keeper'))",
}
WRITE = {
    "a program": "open('/usr/bin/env', 'ab'); print('GOT')",
    "a new program": "open('/usr/local/bin/x', 'w'); print('GOT')",
    "the environment": "open(os.path.join('{packages}', 'torch', '__init__.py'), 'a'); print('GOT')",
    "a module beside the environment's": "open(os.path.join('{packages}', 'evil.pth'), 'w'); print('GOT')",
    "compiled files of the environment": (
        "import glob; open(glob.glob('{packages}/jinja2/__pycache__/*.pyc')[0], 'ab'); print('GOT')"
    ),
    "the user list": "open('/etc/passwd', 'a'); print('GOT')",
    "the root folder": "open('/x', 'w'); print('GOT')",
    "the hub's door": "os.unlink('/run/handson/hub/hub.sock'); print('GOT')",
    "a socket in the hub's door": ("socket.socket(socket.AF_UNIX).bind('/run/handson/hub/hub.sock'); print('GOT')"),
    "a socket in the kernels' door": (
        "os.unlink('/run/handson/kernels/kernels.sock'); socket.socket(socket.AF_UNIX).bind('/run/handson/kernels/kernels.sock')"
        "; print('GOT')"
    ),
    "JupyterLab's settings of all": "open('{state}/shown/jupyter/evil', 'w'); print('GOT')",
    "what the organiser fetched for the lessons": "open('{given}/weights.bin', 'w').write('evil'); print('GOT')",
    "a file beside it": "open('{given}/digits.csv', 'w'); print('GOT')",
    "its name": "os.rename('{given}/weights.bin', '{given}/gone'); print('GOT')",
    "the page that all seats load": "open('{front}/evil.js', 'w'); print('GOT')",
    "the pattern of core dumps": "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x'); print('GOT')",
    "the kernel's levers": "open('/proc/sysrq-trigger', 'w').write('b'); print('GOT')",
    "its own control group": "open('/sys/fs/cgroup/memory/memory.limit_in_bytes', 'w').write('-1'); print('GOT')",
}
REACH = {
    "a server on the host's loopback": "socket.create_connection(('127.0.0.1', {port}), 2); print('GOT')",
    "the host by its address": "socket.create_connection(('{address}', {port}), 2); print('GOT')",
    "the internet": "socket.create_connection(('192.0.2.1', 80), 2); print('GOT')",
    "a name": "print('GOT', socket.getaddrinfo('example.org', 80))",
    "an abstract socket of the host": "socket.socket(socket.AF_UNIX).connect('\\0{abstract}'); print('GOT')",
    "packets by hand": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); print('GOT')",
    "raw IP": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('GOT')",
    "the other's server": "socket.socket(socket.AF_UNIX).connect('{state}/run/2/server.sock'); print('GOT')",
    "the keeper": "socket.socket(socket.AF_UNIX, 5).connect('{state}/doors/keeper/keeper.sock'); print('GOT')",
    "the template of servers": "socket.socket(socket.AF_UNIX, 5).connect('{state}/seats/servers.sock'); print('GOT')",
    "shared memory of the host": "print('GOT', os.listdir('/dev/shm')[0])",
}
SIGNAL = {
    "the first process": "os.kill(1, 9); print('GOT')",
    "a template": "os.kill({template}, 9); print('GOT')",
    "the other's server": "os.kill({server2}, 9); print('GOT')",
    "trace the first process": "print('GOT' if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0 else 'refused')",
    "trace a child of its own": "print('GOT' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0 else 'refused')",
    "read another process": "print('GOT' if ctypes.CDLL(None).syscall(310, 1, 0, 0, 0, 0, 0) >= 0 else 'refused')",
}
ESCALATE = {
    "become root": "os.setuid(0); print('GOT')",
    "become the other": "os.setuid({uid2}); print('GOT')",
    "join the hub's group": "os.setgid({hub}); print('GOT')",
    "join groups": "os.setgroups([0]); print('GOT')",
    "a program of root's": "subprocess.run(['su', '-c', 'id'], check=True, input=b''); print('GOT')",
    "a program of its own that runs as root": "os.chown('own', 0, 0) or os.chmod('own', 0o4755); print('GOT')",
    "a user namespace": "print('GOT' if ctypes.CDLL(None).unshare(0x10000000) == 0 else 'refused')",
    "a user namespace by clone": (
        "print('GOT' if ctypes.CDLL(None).syscall(56, 0x10000000 | 17, 0, 0, 0, 0) >= 0 else 'refused')"
    ),
    "a mount": "print('GOT' if ctypes.CDLL(None).mount(b't', b'/tmp', b'tmpfs', 0, 0) == 0 else 'refused')",
    "write where it is read-only": (
        "print('GOT' if ctypes.CDLL(None).mount(0, b'/usr', 0, 4096 | 32, 0) == 0 else 'refused')"
    ),
    "take a mount away": "print('GOT' if ctypes.CDLL(None).umount2(b'/run/handson/hub', 2) == 0 else 'refused')",
    "another root": "os.chroot('/tmp'); print('GOT')",
    "the host's namespaces": (
        "print('GOT' if ctypes.CDLL(None).setns(os.open('/proc/1/ns/mnt', 0), 0) == 0 else 'refused')"
    ),
    "programs in the kernel": "print('GOT' if ctypes.CDLL(None).syscall(321, 0, 0, 0) >= 0 else 'refused')",
    "io_uring": "print('GOT' if ctypes.CDLL(None).syscall(425, 1, 0) >= 0 else 'refused')",
    "keys of the kernel": "print('GOT' if ctypes.CDLL(None).syscall(250, 0, -3, 1) >= 0 else 'refused')",
    "performance counters": "print('GOT' if ctypes.CDLL(None).syscall(298, 0, 0, -1, -1, 0) >= 0 else 'refused')",
    "the host's name": "socket.sethostname('evil'); print('GOT')",
    "the clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0); print('GOT')",
    "its own limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999)); print('GOT')",
    "priority": "os.nice(-5); print('GOT')",
    "real time": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); print('GOT')",
    "to be spared when memory is short": "open('/proc/self/oom_score_adj', 'w').write('-900'); print('GOT')",
    "calls of another architecture": ("print('GOT' if ctypes.CDLL(None).syscall(0x40000000 + 39) > 0 else 'refused')"),
}
ATTEMPTS = [
    pytest.param(code, id=f"{kind}: {what}")
    for kind, attempts in (
        ("read", READ),
        ("write", WRITE),
        ("reach", REACH),
        ("signal", SIGNAL),
        ("escalate", ESCALATE),
    )
    for what, code in attempts.items()
]


@pytest.fixture(scope="module")
def facts(room: Keeping) -> Iterator[dict[str, object]]:
    with socket.create_server(("0.0.0.0", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0handson-{os.getpid()}")
        abstract.listen()
        server2 = room.seats.process(2, "server")
        assert server2 is not None
        disk = Path("/").stat().st_dev
        names = [line.split()[3] for line in Path("/proc/partitions").read_text().splitlines()[2:]]
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.2"  # a host without a network
        finally:
            probe.close()
        yield {
            "home2": room.layout.home(2),
            "given": room.settings.shown[0],
            "front": Path(next(path for path in sys.path if path.endswith("site-packages"))) / "jupyterlab" / "static",
            "state": room.state,
            "packages": next(path for path in sys.path if path.endswith("site-packages")),
            "port": server.getsockname()[1],
            "address": address,
            "abstract": f"handson-{os.getpid()}",
            "server2": server2.pid,
            "template": room.template("kernels"),
            "uid2": room.layout.uid(2),
            "hub": room.settings.hub,
            "disk": names[0],
            "major": os.major(disk),
            "minor": os.minor(disk),
        }


def _has_sys_resource() -> bool:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")]
    return bool(int(line.split()[1], 16) >> 24 & 1)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_comes_to_nothing(room: Keeping, facts: dict[str, object], attempt: str) -> None:
    if "oom_score_adj" in attempt and not _has_sys_resource():
        pytest.skip("root has no CAP_SYS_RESOURCE here, and only with it the kernel keeps the least value that was set")
    for name, value in facts.items():
        attempt = attempt.replace("{" + name + "}", str(value))
    lines = f"import ctypes, os, socket, subprocess\nopen('own', 'w').close()\n{attempt}"
    found = room.inside(1, lines)
    got = [line for line in found.output.splitlines() if line.startswith("GOT") and line not in ("GOT []", "GOT -1")]
    assert not got
    assert "SyntaxError" not in found.output
    assert "NameError" not in found.output
    assert "refused" in found.output or found.code != 0 or "GOT" in found.output, found
    assert room.ask(do="poll", seat=2)["running"]


def test_the_attempts_would_be_seen_to_succeed_outside(tmp_path: Path) -> None:
    """What is refused in a seat is not refused by a mistake in how it is asked."""
    for code in (
        "print('GOT', open('/etc/shadow').read()[:3])",
        "print('GOT', os.listdir('/root'))",
        "os.setuid(1); print('GOT')",
    ):
        done = subprocess.run(
            [sys.executable, "-c", f"import os\n{code}"], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.stdout.startswith("GOT")


def test_kill_everybody_reaches_oneself_only(room: Keeping) -> None:
    seat2 = room.seats.process(2, "init")
    room.inside(1, "import os; os.kill(-1, 9)")
    assert room.seats.process(1, "init") is not None
    assert room.seats.process(2, "init") == seat2
    assert room.ask(do="poll", seat=2)["running"]
    room.serve(1)
    assert room.inside(1, "print('here')").output == "here\n"


def test_what_is_given_to_all_can_be_read_by_all(room: Keeping) -> None:
    given = room.settings.shown[0]
    assert room.inside(2, f"print(open('{given}/weights.bin').read())").output == "the organiser's\n"
    (given / "weights.bin").write_text("the organiser's")  # and only its mount in a seat is read-only


LISTEN = """
import socket, time
with socket.create_server(("0.0.0.0", {port})):
    socket.create_connection(("127.0.0.1", {port}), 2).close()
    print("reached from inside", flush=True)
    open("listening", "w").close()
    time.sleep(5)
"""


def test_a_port_that_a_seat_listens_on_is_reached_by_itself_alone(room: Keeping) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(room.inside(1, LISTEN.format(port=port)).output))
    thread.start()
    try:
        end = time.monotonic() + 10
        while not (room.layout.home(1) / "listening").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        for address in ("127.0.0.1", "0.0.0.0"):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, port), 2)
        found = room.inside(2, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('GOT')")
        assert "ConnectionRefusedError" in found.output
    finally:
        thread.join()
        (room.layout.home(1) / "listening").unlink(missing_ok=True)
    assert outcomes == ["reached from inside\n"]


def test_system_v_memory_is_its_own_and_counts(room: Keeping) -> None:
    code = "import ctypes; c = ctypes.CDLL(None); print(c.shmget(0x1234, 4096, 0o1666))"
    assert int(room.inside(1, code).output) >= 0
    assert int(room.inside(2, "import ctypes; print(ctypes.CDLL(None).shmget(0x1234, 4096, 0))").output) == -1


ASK = """
import json, socket
def ask(message, wait=True):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect('/run/handson/kernels/kernels.sock')
    s.send(message if isinstance(message, bytes) else json.dumps(message).encode())
    return s, (s.recv(100000) if wait else None)
order = {'arguments': ['-f', '/home/learner/k.json'], 'env': {'HOME': '/home/learner'}, 'cwd': '/home/learner'}
"""


def ordered(room: Keeping, seat: int) -> str:
    """What the template says to a seat that asks for a kernel; asked again while those it had before still end."""
    end = time.monotonic() + 20
    while True:
        said = room.inside(seat, f"{ASK}\ns, said = ask({{'order': order}})\nprint(said.decode())").output
        if "as many as there may be" not in said or time.monotonic() > end:
            return said
        time.sleep(0.2)


def test_a_kernel_goes_to_who_asks_whatever_is_asked(room: Keeping) -> None:
    before = room.seats.groups.pids(2, "kernels")
    code = (
        ASK
        + "s, said = ask({'seat': 2, 'order': order})\nprint(json.loads(said)['pid'] > 1)\nimport time; time.sleep(1)"
    )
    assert room.inside(1, code).output == "True\n"
    assert room.seats.groups.pids(2, "kernels") == before


@pytest.mark.parametrize(
    "packet",
    [
        "b'no json'",
        "b'[]'",
        "b'{}'",
        "{'order': 3}",
        "{'order': {}}",
        "{'order': {'arguments': 'x', 'env': 3}}",
        "{'settings': {'prefix': 1}, 'order': order}",
        "b'{' * 100000",
        "{'order': {'arguments': ['-c', 'import os'], 'env': {'LD_PRELOAD': '/home/learner/x.so'}, 'cwd': '/root'}}",
    ],
)
def test_the_template_of_kernels_takes_no_harm(room: Keeping, packet: str) -> None:
    room.inside(1, f"{ASK}\ns, said = ask({packet})")
    assert '"pid"' in ordered(room, 2)


def test_connections_that_ask_nothing_lock_nobody_out(room: Keeping) -> None:
    code = """
import socket, time
held = []
try:
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.setblocking(False)
        s.connect('/run/handson/kernels/kernels.sock')
        held.append(s)
except OSError: pass
print('held', flush=True)
time.sleep(4)
"""
    thread = threading.Thread(target=room.inside, args=(1, code))
    thread.start()
    time.sleep(1)
    try:
        assert '"pid"' in ordered(room, 2)
    finally:
        thread.join()


def test_more_kernels_than_a_seat_may_have_are_refused(room: Keeping) -> None:
    code = (
        ASK
        + "held = [ask({'order': order}) for _ in range(5)]\nprint([b'as many as there may be' in said for s, said in held])"
    )
    said = room.inside(1, code).output
    assert said.strip().endswith("True, True]"), said


def test_only_the_hub_asks_the_keeper(room: Keeping) -> None:
    code = f"""
import os, socket
os.setgroups([]); os.setgid(1); os.setuid(1)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect('{room.layout.keeper_socket}')
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "PermissionError" in done.stderr


@pytest.mark.parametrize("seat", [0, -1, 1000, "1", "../1", None, True, 1.0, [1]])
def test_the_keeper_knows_seats_by_number_only(room: Keeping, seat: object) -> None:
    from handson.errors import HandsonError

    with pytest.raises(HandsonError, match="is no seat"):
        room.ask(do="stop", seat=seat)


def test_afterwards_the_room_serves(room: Keeping) -> None:
    serves(room)
