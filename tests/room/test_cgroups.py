"""Control groups: version 1 and 2 on folders that stand in for the kernel's, version 1 also for real (integration)."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from handson.room.seat import cgroups
from handson.room.seat.cgroups import NEEDED, Groups, find, hand_down
from handson.room.seat.limits import Limits
from handson.room.seat.settings import Settings, prepared
from tests.room.hierarchy import Hierarchy

LIMITS = Limits(memory=1_000_000_000, processes=50)
STATE = Path("/var/lib/handson/room")


def v1(root: Path) -> Groups:
    return Groups(1, {name: root / name for name in ("cpu", "cpuacct", "memory", "pids")}, "handson")


def v2(root: Path, patch: pytest.MonkeyPatch) -> Groups:
    Hierarchy(root, patch, *NEEDED)
    (root / "cgroup.subtree_control").write_text("+cpu +memory +pids")
    return Groups(2, dict.fromkeys(NEEDED, root), "handson")


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    groups = v1(tmp_path)
    groups.make_room()
    groups.make_seat(3, LIMITS)
    assert (tmp_path / "memory/handson/seats/3/memory.limit_in_bytes").read_text() == "1000000000"
    assert (tmp_path / "pids/handson/seats/3/pids.max").read_text() == "50"
    assert (tmp_path / "cpu/handson/seats/3/cpu.shares").read_text() == "1000"
    server, kernels = (
        int((tmp_path / f"cpu/handson/seats/3/{leaf}/cpu.shares").read_text()) for leaf in ("server", "kernels")
    )
    assert server > kernels, "who answers the browser comes before who computes"
    assert (tmp_path / "cpuacct/handson/seats/3/kernels").is_dir()
    assert not (tmp_path / "memory/handson/seats/3/kernels").exists(), "memory is the seat's as a whole"


def test_version_1_joins_the_seat_for_memory_and_its_leaf_for_time(tmp_path: Path) -> None:
    groups = v1(tmp_path)
    groups.make_room()
    groups.make_seat(3, LIMITS)
    groups.join(3, "kernels")
    joined = sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("cgroup.procs"))
    assert joined == [
        "cpu/handson/seats/3/kernels",
        "cpuacct/handson/seats/3/kernels",
        "memory/handson/seats/3",
        "pids/handson/seats/3",
    ]


def test_version_2_has_one_folder_and_hands_its_controllers_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cgroup"
    groups = v2(root, monkeypatch)
    groups.make_room()
    groups.make_seat(3, LIMITS)
    seat = root / "handson/seats/3"
    assert (seat / "memory.max").read_text() == "1000000000"
    assert (seat / "pids.max").read_text() == "50"
    assert (seat / "cpu.weight").read_text() == "100"
    for folder in (root / "handson", root / "handson/seats", seat):
        assert (folder / "cgroup.subtree_control").read_text() == "cpu memory pids"
    assert not (seat / "kernels/cgroup.subtree_control").read_text(), "processes are in leaves only"
    groups.join(3, "kernels")
    assert groups.pids(3, "kernels") == {os.getpid()}


def test_a_weight_is_never_out_of_the_kernels_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for groups, file in (
        (v1(tmp_path / "1"), "1/cpu/handson/seats/1/cpu.shares"),
        (v2(tmp_path / "2", monkeypatch), "2/handson/seats/1/cpu.weight"),
    ):
        groups.make_room()
        groups.make_seat(1, LIMITS)
        groups.weigh(1, 1)
        assert int((tmp_path / file).read_text()) in (1, 2)


def test_what_a_seat_uses_is_read_in_seconds_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = v1(tmp_path / "1"), v2(tmp_path / "2", monkeypatch)
    for groups in (one, two):
        groups.make_room()
        groups.make_seat(1, LIMITS)
    (tmp_path / "1/cpuacct/handson/seats/1/kernels/cpuacct.usage").write_text("2500000000\n")
    (tmp_path / "1/memory/handson/seats/1/memory.stat").write_text("cache 9\ntotal_rss 4096\ntotal_shmem 1024\n")
    (tmp_path / "1/memory/handson/seats/1/memory.oom_control").write_text(
        "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
    )
    (tmp_path / "2/handson/seats/1/kernels/cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    (tmp_path / "2/handson/seats/1/memory.stat").write_text("anon 4096\nfile 9\nshmem 1024\n")
    (tmp_path / "2/handson/seats/1/memory.events").write_text("low 0\noom_kill 3\n")
    for groups in (one, two):
        assert groups.cpu_seconds(1) == 2.5
        assert groups.memory(1) == 5120
        assert groups.out_of_memory(1) == 3


def made(host: Hierarchy, *groups: str, handing: str) -> None:
    """Groups that hand these controllers down, each within the one before."""
    for group in groups:
        (host.root / group).mkdir(exist_ok=True)
        (host.root / group / "cgroup.subtree_control").write_text(handing)


def lives(groups: Groups, host: Hierarchy) -> None:
    """A room with a seat comes and goes, by the kernel's rules; this process is where it was afterwards."""
    before = host.whereabouts(os.getpid())
    groups.make_room()
    groups.make_seat(3, LIMITS)
    groups.join_room()
    assert host.whereabouts(os.getpid()) == [
        str((next(iter(groups.roots.values())) / groups.name / "room").relative_to(host.root))
    ]
    groups.join(3, "kernels")
    assert groups.pids(3) == {os.getpid()}
    groups.join_room()
    groups.remove_seat(3)
    groups.remove_room()
    assert not list(host.root.rglob(groups.name))
    assert host.whereabouts(os.getpid()) == before


def test_version_2_is_taken_in_the_nearest_group_that_hands_down_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As systemd starts it: the room's own group holds processes, and so cannot have groups with limits in it."""
    host = Hierarchy(tmp_path / "cgroup", monkeypatch, "cpuset", "cpu", "io", "memory", "pids")
    made(host, "", "system.slice", handing="+cpu +memory +pids")
    own = host.put(os.getpid(), "system.slice/handson.service")
    hand_down(host.mounts, own)
    groups = find(STATE, host.mounts, own)
    assert (groups.version, groups.missing) == (2, [])
    assert set(groups.roots.values()) == {host.root / "system.slice"}
    lives(groups, host)


def test_version_2_is_looked_for_further_out_where_a_controller_is_not_handed_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Hierarchy(tmp_path / "cgroup", monkeypatch, "cpu", "memory", "pids")
    made(host, "", handing="+memory +pids")
    made(host, "user.slice", handing="+memory +pids")
    own = host.put(os.getpid(), "user.slice/session-3.scope")
    hand_down(host.mounts, own)
    groups = find(STATE, host.mounts, own)
    assert groups.missing == [], "the outermost one was asked to hand down the rest"
    assert groups.roots["cpu"] == host.root
    lives(groups, host)


def test_in_a_container_whose_group_is_ours_processes_move_to_a_leaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Hierarchy(tmp_path / "cgroup", monkeypatch, "cpu", "memory", "pids", whole=False)
    host.put(1, "")
    own = host.put(os.getpid(), "")
    assert find(STATE, host.mounts, own).version == 0
    hand_down(host.mounts, own)
    assert host.whereabouts(1) == host.whereabouts(os.getpid()) == ["handson-others"]
    groups = find(STATE, host.mounts, "0::/handson-others\n")
    assert (groups.version, groups.missing) == (2, [])
    lives(groups, host)


def test_what_the_host_has_is_used_where_a_controller_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Hierarchy(tmp_path / "cgroup", monkeypatch, "cpu", "pids")
    own = host.put(os.getpid(), "here")
    hand_down(host.mounts, own)
    groups = find(STATE, host.mounts, own)
    assert (groups.version, groups.missing) == (2, ["memory"])
    lives(groups, host)


def test_a_hierarchy_that_may_not_be_written_to_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Hierarchy(tmp_path / "cgroup", monkeypatch, "cpu", "memory", "pids", whole=False)
    made(host, "", handing="+cpu +memory +pids")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert find(STATE, host.mounts, host.put(os.getpid(), "here")).version == 0


@pytest.mark.parametrize("refused", ["mkdir", "write"])
@pytest.mark.skipif(os.geteuid() != 0, reason="a room's folders are made by root")
def test_a_kernel_that_allows_no_groups_or_nobody_in_them_is_said_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    state = Path(tempfile.mkdtemp(prefix="room", dir="/tmp")).resolve()
    state = state.rename(state.with_name(state.name.lower()))
    host = Hierarchy(tmp_path / "cgroup", monkeypatch, "cpu", "memory", "pids", whole=False)
    made(host, "", handing="+cpu +memory +pids")
    found = find(state, host.mounts, host.put(os.getpid(), "here"))

    def refuse(path: Path, *rest: Any, **more: Any) -> None:
        if path.is_relative_to(host.root) and (refused == "mkdir" or path.name == "cgroup.procs"):
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        allowed(path, *rest, **more)

    allowed = getattr(host, refused)
    monkeypatch.setattr(host, refused, refuse)
    monkeypatch.setattr(cgroups, "hand_down", lambda: None)
    monkeypatch.setattr(cgroups, "find", lambda _: found)
    try:
        settings = prepared(Settings(state, hub=7, images=False))
        assert Settings.read(state / "seats" / "room.json") == settings
    finally:
        shutil.rmtree(state)
    assert settings.refused == "[Errno 95] Operation not supported"
    assert settings.seats().not_limited == ["cpu", "memory", "pids", "disk"]


def test_version_1_is_taken_where_2_has_no_controllers(tmp_path: Path) -> None:
    for name in ("unified", "cpu", "memory"):
        (tmp_path / name).mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("hugetlb\n")
    mounts = "".join(
        f"cgroup {tmp_path}/{name} {kind} rw,{options} 0 0\n"
        for name, kind, options in (
            ("unified", "cgroup2", ""),
            ("cpu", "cgroup", "cpu,cpuacct"),
            ("memory", "cgroup", "memory"),
        )
    )
    groups = find(STATE, mounts, "2:cpu,cpuacct:/\n1:memory:/\n0::/\n")
    assert groups.version == 1
    assert groups.missing == ["pids"]
    assert groups.roots["cpu"] == groups.roots["cpuacct"] == tmp_path / "cpu"


def test_a_keeper_that_is_started_anew_finds_the_same_groups(tmp_path: Path) -> None:
    """It may stand in the room's own group by then; groups are not made within it again."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    mounts = f"cgroup2 {tmp_path} cgroup2 rw 0 0\n"
    before = find(STATE, mounts, "0::/\n")
    (tmp_path / before.name / "room").mkdir(parents=True)
    assert find(STATE, mounts, f"0::/{before.name}/room\n") == before


def test_no_control_groups_at_all_is_said(tmp_path: Path) -> None:
    groups = find(tmp_path, "proc /proc proc rw 0 0\n", "")
    assert (groups.version, groups.missing) == (0, ["cpu", "memory", "pids"])
    groups.make_room()
    groups.make_seat(1, LIMITS)
    groups.join(1, "kernels")


def test_two_rooms_have_different_groups(tmp_path: Path) -> None:
    assert find(tmp_path / "a", "", "").name != find(tmp_path / "b", "", "").name


def test_a_group_that_does_not_take_a_limit_is_an_error(tmp_path: Path) -> None:
    groups = v1(tmp_path)
    groups.make_room()
    (tmp_path / "pids/handson/seats/1/pids.max").mkdir(parents=True)
    with pytest.raises(OSError, match=r"pids\.max"):
        groups.make_seat(1, LIMITS)
