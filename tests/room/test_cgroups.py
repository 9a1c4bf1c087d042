"""Control groups: version 1 and 2 on folders that stand in for the kernel's, version 1 also for real (integration)."""

from __future__ import annotations

from pathlib import Path

import pytest

from handson.room.seat.cgroups import Groups, find
from handson.room.seat.limits import Limits

LIMITS = Limits(memory=1_000_000_000, processes=50)
STATE = Path("/var/lib/handson/room")


def v1(root: Path) -> Groups:
    return Groups(1, {name: root / name for name in ("cpu", "cpuacct", "memory", "pids")}, "handson")


def v2(root: Path) -> Groups:
    return Groups(2, dict.fromkeys(("cpu", "memory", "pids"), root), "handson")


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


def test_version_2_has_one_folder_and_hands_its_controllers_down(tmp_path: Path) -> None:
    groups = v2(tmp_path)
    groups.make_room()
    groups.make_seat(3, LIMITS)
    seat = tmp_path / "handson/seats/3"
    assert (seat / "memory.max").read_text() == "1000000000"
    assert (seat / "pids.max").read_text() == "50"
    assert (seat / "cpu.weight").read_text() == "100"
    for folder in (tmp_path / "handson", tmp_path / "handson/seats", seat):
        assert (folder / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert not (seat / "kernels/cgroup.subtree_control").exists(), "processes are in leaves only"
    groups.join(3, "kernels")
    assert [path.parent for path in tmp_path.rglob("cgroup.procs")] == [seat / "kernels"]


def test_a_weight_is_never_out_of_the_kernels_range(tmp_path: Path) -> None:
    for groups, file in (
        (v1(tmp_path / "1"), "1/cpu/handson/seats/1/cpu.shares"),
        (v2(tmp_path / "2"), "2/handson/seats/1/cpu.weight"),
    ):
        groups.make_room()
        groups.make_seat(1, LIMITS)
        groups.weigh(1, 1)
        assert int((tmp_path / file).read_text()) in (1, 2)


def test_what_a_seat_uses_is_read_in_seconds_and_bytes(tmp_path: Path) -> None:
    one, two = v1(tmp_path / "1"), v2(tmp_path / "2")
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


def test_version_2_is_taken_where_it_has_what_is_needed(tmp_path: Path) -> None:
    own = tmp_path / "system.slice/handson.service"
    own.mkdir(parents=True)
    (own / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    groups = find(STATE, f"cgroup2 {tmp_path} cgroup2 rw 0 0\n", "0::/system.slice/handson.service\n")
    assert (groups.version, groups.missing) == (2, [])
    assert groups.roots["memory"] == own


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
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
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
