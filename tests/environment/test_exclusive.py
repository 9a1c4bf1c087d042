"""Only one start.py at a time works on an environment."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from handson.environment.exclusive import exclusive

HOLD = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from handson.environment.exclusive import exclusive
with exclusive(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Another process that holds the lock until its input ends."""
    source = str(Path(__file__).parents[2] / "src")
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock"), source]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        yield process
        process.kill()


def take(path: Path, waited: list[str]) -> threading.Thread:
    def hold() -> None:
        with exclusive(path, waited.append, pause=0.01):
            waited.append("mine")

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def test_who_comes_second_is_told_who_is_first_and_waits(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    waited: list[str] = []
    thread = take(tmp_path / "lock", waited)
    thread.join(0.5)
    assert waited == [str(holder.pid)]
    assert holder.stdin is not None
    holder.stdin.close()
    thread.join(10)
    assert waited == [str(holder.pid), "mine"]


def test_a_killed_holder_holds_nothing(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    waited: list[str] = []
    take(tmp_path / "lock", waited).join(10)
    assert waited == ["mine"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives a lock back with the process that took it")
def test_a_child_that_outlives_a_killed_holder_keeps_the_lock(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock", print) as handle:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[handle])
    waited: list[str] = []
    thread = take(tmp_path / "lock", waited)
    thread.join(0.3)
    assert "mine" not in waited
    child.communicate(b"\n")
    thread.join(10)
    assert waited[-1] == "mine"
