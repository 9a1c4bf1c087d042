"""The memory that a room may have: the host's, or what a group above it leaves it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from handson import memory as module
from handson.memory import Memory, holds, limiting_group, memory

GB = 10**9


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    mounts = {"": tmp_path / "unified", "memory": tmp_path / "memory"}
    monkeypatch.setattr(module, "PROC", tmp_path / "proc")
    monkeypatch.setattr(module, "MOUNTS", mounts)
    for folder in mounts.values():
        folder.mkdir()
    return tmp_path


def process(groups: Path, pid: int, *lines: str) -> None:
    folder = groups / "proc" / str(pid)
    folder.mkdir(parents=True)
    (folder / "cgroup").write_text("\n".join(lines) + "\n")


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_the_tightest_limit_above_counts_in_version_2(groups: Path) -> None:
    process(groups, 7, "0::/class/room/hub")
    write(groups / "unified" / "class", memory__max=f"{8 * GB}\n", memory__stat=f"anon {3 * GB}\nfile 9\nshmem 5\n")
    write(groups / "unified" / "class" / "room", memory__max="max\n")
    write(groups / "unified" / "class" / "room" / "hub", memory__max=f"{99 * GB}\n")
    group = limiting_group(7, total=16 * GB)
    assert group is not None
    assert memory(group) == Memory(3 * GB + 5, 8 * GB)
    process(groups, 8, "0::/class")
    process(groups, 9, "0::/elsewhere")
    assert [holds(group, pid) for pid in (7, 8, 9)] == [True, True, False]


def test_and_in_version_1(groups: Path) -> None:
    process(groups, 7, "5:cpu,cpuacct:/x", "4:memory:/class/room", "0::/")
    write(groups / "memory" / "class" / "room", memory__limit_in_bytes="9223372036854771712\n")
    write(groups / "memory" / "class", memory__limit_in_bytes=f"{GB}\n", memory__stat="total_rss 10\ntotal_cache 99\n")
    group = limiting_group(7, total=16 * GB)
    assert group is not None
    assert memory(group) == Memory(10, GB)


def test_without_a_limit_it_is_the_hosts(groups: Path) -> None:
    process(groups, 7, "0::/")
    assert limiting_group(7, total=16 * GB) is None
    assert limiting_group(12345, total=16 * GB) is None, "a process that is gone"
    assert memory(None).total == psutil.virtual_memory().total
    assert 0 < memory(None).used < memory(None).total


def test_what_is_available_is_the_hosts_or_what_is_left_of_the_groups(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "limiting_group", lambda _pid: None)
    assert 0 < module.available() <= psutil.virtual_memory().total
    (tmp_path / "memory.stat").write_text("anon 900\nshmem 50\n")
    monkeypatch.setattr(module, "limiting_group", lambda _pid: module.Group(tmp_path, 1000))
    assert module.available() == 50
    monkeypatch.setattr(module, "limiting_group", lambda _pid: module.Group(tmp_path, 100))
    assert module.available() == 0
