"""What the doctor says about machines of every kind, by facts recorded from them; and about this one."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handson import doctor
from handson.doctor import BLOCKED, FINE, WARN

FILE = Path(doctor.__file__)


# --- system -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        (doctor.SystemFacts("linux", "x86_64", "x86_64", (6, 1), (2, 36)), FINE, "Linux 6.1, x86_64, glibc 2.36"),
        (doctor.SystemFacts("linux", "arm64", "arm64", (6, 1), (2, 28)), FINE, "arm64"),
        (
            doctor.SystemFacts("linux", "x86_64", "x86_64", (3, 10), (2, 17)),
            BLOCKED,
            "glibc 2.17: PyTorch needs glibc 2.28",
        ),
        (doctor.SystemFacts("linux", "x86_64", "x86_64", (6, 1), ()), BLOCKED, "a C library other than glibc"),
        (doctor.SystemFacts("linux", "armv7l", "armv7l", (6, 1), (2, 36)), BLOCKED, "no build for this processor"),
        (doctor.SystemFacts("linux", "x86", "x86", (6, 1), (2, 36)), BLOCKED, "no build for this processor"),
        (doctor.SystemFacts("darwin", "arm64", "arm64", (14, 5)), FINE, "macOS 14.5, arm64"),
        (doctor.SystemFacts("darwin", "arm64", "arm64", (13, 6)), BLOCKED, "needs macOS 14"),
        (doctor.SystemFacts("darwin", "x86_64", "x86_64", (14, 5)), BLOCKED, "Intel processor"),
        (doctor.SystemFacts("darwin", "x86_64", "arm64", (14, 5)), BLOCKED, "under Rosetta"),
        (doctor.SystemFacts("win32", "x86_64", "x86_64", (10, 0, 22631)), FINE, "Windows 10.0.22631, x86_64"),
        (doctor.SystemFacts("win32", "x86", "x86_64", (10, 0, 19045)), BLOCKED, "a 32-bit Python"),
        (doctor.SystemFacts("win32", "arm64", "arm64", (10, 0, 26100)), BLOCKED, "ARM Windows"),
        (doctor.SystemFacts("win32", "x86_64", "arm64", (10, 0, 26100)), WARN, "emulated"),
        (doctor.SystemFacts("win32", "x86_64", "x86_64", (6, 1, 7601)), BLOCKED, "Windows 10 or newer"),
        (doctor.SystemFacts("freebsd14", "x86_64", "x86_64", (14,)), BLOCKED, "no build for this system"),
    ],
)
def test_systems(facts: doctor.SystemFacts, status: str, words: str) -> None:
    finding = doctor.judge_system(facts)
    assert finding.status == status
    assert words in finding.found
    assert bool(finding.fix) == (status != FINE)


def test_an_x86_python_on_apple_silicon_is_told_which_python_to_take() -> None:
    assert "universal Python" in doctor.judge_system(doctor.SystemFacts("darwin", "x86_64", "arm64", (14,))).fix


@pytest.mark.parametrize(
    ("name", "same"),
    [("AMD64", "x86_64"), ("x86_64", "x86_64"), ("aarch64", "arm64"), ("ARM64", "arm64"), ("i686", "x86")],
)
def test_machines_have_one_name_each(name: str, same: str) -> None:
    assert doctor.machine_name(name) == same


# --- python, venv -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (3, 14, 1)])
def test_the_pythons_of_the_locked_requirements_are_fine(version: tuple[int, ...]) -> None:
    assert doctor.judge_python(doctor.PythonFacts(version)).status == FINE


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (doctor.PythonFacts((3, 10, 4)), "too old; needed is Python 3.11 to 3.14"),
        (doctor.PythonFacts((3, 15, 0)), "too new"),
        (doctor.PythonFacts((3, 12, 0), bits=32), "32-bit"),
        (doctor.PythonFacts((3, 13, 0), free_threaded=True), "free-threaded"),
        (doctor.PythonFacts((3, 11, 9), implementation="PyPy"), "PyPy"),
    ],
)
def test_other_pythons_are_refused_with_the_reason(facts: doctor.PythonFacts, words: str) -> None:
    finding = doctor.judge_python(facts)
    assert finding.status == BLOCKED
    assert words in finding.found
    assert "https://www.python.org/downloads/" in finding.fix


def test_a_better_python_on_the_path_is_named() -> None:
    finding = doctor.judge_python(doctor.PythonFacts((3, 9, 2), others=("python3.12", "python3.11")))
    assert finding.fix == "Python 3.12 is here too: start it with python3.12 in place of this one."


@pytest.mark.parametrize(
    ("distribution", "fix"),
    [
        ("debian", "sudo apt install python3-venv"),
        ("linuxmint ubuntu debian", "python3.12-venv"),
        ("opensuse-leap suse opensuse", "zypper"),
        ("", "https://www.python.org/downloads/"),
    ],
)
def test_a_python_without_venv_is_completed_in_its_own_systems_way(distribution: str, fix: str) -> None:
    finding = doctor.judge_venv(doctor.VenvFacts(("ensurepip",), distribution, (3, 12)))
    assert finding.status == BLOCKED
    assert "lacks the module ensurepip" in finding.found
    assert fix in finding.fix


def test_this_pythons_modules_are_found_or_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else sys.__spec__)
    assert doctor.probe_venv().missing == ("ensurepip",)


# --- cpu, cores, memory -----------------------------------------------------------------------------------------------

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu svm {}\n\nprocessor\t: 1\n"


def test_avx2_is_read_from_linux() -> None:
    facts = doctor.cpu_from_cpuinfo("x86_64", CPUINFO.format("avx avx2"))
    assert facts == doctor.CpuFacts("x86_64", "AMD EPYC 7763", True, False)
    assert doctor.judge_cpu(facts).status == FINE


def test_without_avx2_the_laptop_tier_is_out() -> None:
    finding = doctor.judge_cpu(doctor.cpu_from_cpuinfo("x86_64", CPUINFO.format("avx")))
    assert finding.status == BLOCKED
    assert "without AVX2" in finding.found


def test_a_virtual_processor_without_avx2_may_be_mended() -> None:
    assert "-cpu host" in doctor.judge_cpu(doctor.cpu_from_cpuinfo("x86_64", CPUINFO.format("hypervisor"))).fix


def test_arm_needs_no_avx2_and_what_cannot_be_asked_is_a_warning() -> None:
    assert doctor.judge_cpu(doctor.CpuFacts("arm64", "Apple M2", None)).status == FINE
    assert doctor.judge_cpu(doctor.CpuFacts("x86_64", "", None)).status == WARN


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        (doctor.CoreFacts(8, 8), FINE, "8 cores"),
        (doctor.CoreFacts(8, 2), FINE, "of which this process may use 2"),
        (doctor.CoreFacts(16, 16, 1.5), WARN, "of which this process may use 1.5"),
        (doctor.CoreFacts(1, 1), WARN, "1 core;"),
    ],
)
def test_cores(facts: doctor.CoreFacts, status: str, words: str) -> None:
    finding = doctor.judge_cores(facts)
    assert finding.status == status
    assert words in finding.found


@pytest.mark.parametrize(
    ("lines", "quota"),
    [
        (["max 100000"], None),
        (["150000 100000", "max 100000"], 1.5),
        (["400000 100000", "100000 100000"], 1.0),
        ([], None),
    ],
)
def test_the_smallest_quota_of_the_control_groups_binds(lines: list[str], quota: float | None) -> None:
    assert doctor.quota_of(lines) == quota


MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:   12000000 kB\n"


@pytest.mark.parametrize(
    ("total", "available", "limit", "status", "words"),
    [
        (16000, 12000, None, FINE, "16.0 GB, of which 12.0 GB are free"),
        (16000, 500, None, WARN, "0.5 GB are free"),
        (3000, 2000, None, WARN, "4 GB are comfortable"),
        (1000, 800, None, BLOCKED, "need 2 GB"),
        (16000, 12000, 1000, BLOCKED, "limited from 16.0 GB"),
        (0, 0, None, WARN, "could not be asked"),
    ],
)
def test_memory(total: int, available: int, limit: int | None, status: str, words: str) -> None:
    finding = doctor.judge_memory(doctor.MemoryFacts(total, available, limit))
    assert finding.status == status
    assert words in finding.found


def test_memory_is_read_from_linux_and_a_limit_above_the_total_is_none() -> None:
    assert doctor.memory_from_meminfo(MEMINFO, None) == doctor.MemoryFacts(16384, 12288)
    assert doctor.memory_from_meminfo(MEMINFO, 2000).limit == 2000
    assert doctor.memory_from_meminfo(MEMINFO, 9_000_000_000).limit is None


def test_memory_is_read_from_macos() -> None:
    vm_stat = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:      10000.\n"
        "Pages active:   200000.\nPages inactive: 180000.\nPages speculative: 10000.\n"
    )
    assert doctor.macos_available(vm_stat) == 3276


# --- disk, folder, path length ----------------------------------------------------------------------------------------


def test_one_disk_needs_the_room_once() -> None:
    places = doctor.probe_disk(FILE.parent / "not" / "there", FILE.parent, 1000)
    assert [place.need_mb for place in places] == [1000]
    assert places[0].free_mb > 0


def test_a_full_disk_is_named_with_what_goes_there() -> None:
    places = [
        doctor.Place("environment", "/home/a/.venv", 1, 90000, 1272),
        doctor.Place("cache", "/var/c", 2, 700, 1272),
    ]
    finding = doctor.judge_disk(places)
    assert finding.status == BLOCKED
    assert "700 MB free where the cache goes (/var/c), 1399 MB needed" in finding.found
    assert "HANDSON_CACHE" in finding.fix


def test_room_enough_is_fine() -> None:
    assert doctor.judge_disk([doctor.Place("environment", "/", 1, 1400, 1272)]).status == FINE


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert doctor.judge_folder(doctor.probe_folder(tmp_path / "new" / ".venv")).status == FINE
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    finding = doctor.judge_folder(doctor.probe_folder(tmp_path))
    assert finding.status == BLOCKED
    assert f"nothing can be written to {tmp_path} (Read-only file system)" in finding.found
    assert "start.py --env FOLDER" in finding.fix


def test_a_stick_without_symbolic_links_is_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    if os.name == "posix":
        assert "cannot hold symbolic links" in doctor.judge_folder(doctor.probe_folder(tmp_path)).found


DEEP = r"C:\Users\Anna Example\OneDrive - University of Somewhere\Documents\Workshops\handson\.venv"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (doctor.PathFacts("win32", r"C:\handson\.venv", 185), FINE),
        (doctor.PathFacts("win32", DEEP, 185), BLOCKED),
        (doctor.PathFacts("win32", DEEP, 185, long_paths=True), FINE),
        (doctor.PathFacts("linux", "/" + "deep/" * 60, 185), FINE),
        (doctor.PathFacts("win32", "C:\\" + "x" * 70, 185), FINE),  # 73 + 1 + 185: exactly 259
        (doctor.PathFacts("win32", "C:\\" + "x" * 71, 185), BLOCKED),
    ],
)
def test_windows_refuses_paths_of_260_characters(facts: doctor.PathFacts, status: str) -> None:
    assert doctor.judge_path(facts).status == status


def test_too_long_a_path_says_how_short_it_must_be() -> None:
    finding = doctor.judge_path(doctor.PathFacts("win32", DEEP, 185))
    assert "Windows refuses more than 259" in finding.found
    assert "may have 73 characters" in finding.fix


# --- virtualisation, browser, port ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        (doctor.VirtualisationFacts("linux", True, "usable"), FINE, "/dev/kvm"),
        (doctor.VirtualisationFacts("linux", True, "present"), WARN, "usermod -aG kvm"),
        (doctor.VirtualisationFacts("linux", True, ""), WARN, "modprobe"),
        (doctor.VirtualisationFacts("linux", False, "", inside=True), WARN, "only the tier image"),
        (doctor.VirtualisationFacts("linux", False, ""), WARN, "BIOS"),
        (doctor.VirtualisationFacts("win32", True), FINE, "switched on"),
        (doctor.VirtualisationFacts("win32", False), WARN, "BIOS"),
        (doctor.VirtualisationFacts("darwin", True), FINE, "switched on"),
        (doctor.VirtualisationFacts("darwin", False), WARN, "This Mac cannot"),
    ],
)
def test_virtualisation(facts: doctor.VirtualisationFacts, status: str, words: str) -> None:
    finding = doctor.judge_virtualisation(facts)
    assert finding.status == status
    assert words.lower() in f"{finding.found} {finding.fix}".lower()


NOW = 1_800_000_000.0


def test_no_browser_bars_the_way_and_an_old_one_is_told() -> None:
    assert doctor.judge_browsers([], NOW).status == BLOCKED
    old = doctor.Browser("Firefox", "/usr/bin/firefox", NOW - 3 * 365 * doctor.DAY)
    new = doctor.Browser("Chromium", "/usr/bin/chromium", NOW - 10 * doctor.DAY)
    assert doctor.judge_browsers([old], NOW).status == WARN
    assert doctor.judge_browsers([old, new], NOW) == doctor.Finding("browser", FINE, "Firefox, Chromium")


def test_the_browser_named_by_the_user_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "mybrowser"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{mine} %s")
    if os.name == "posix":
        assert "mybrowser" in [browser.name for browser in doctor.probe_browsers()]


def test_a_taken_port_names_who_has_it_and_the_way_out() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        facts = doctor.probe_port(port)
        finding = doctor.judge_port(facts)
    assert not facts.free
    assert finding.status == WARN
    assert f"{port} is taken" in finding.found
    assert "handson open --port" in finding.fix
    if sys.platform == "linux":
        assert f"(process {os.getpid()})" in finding.found
    assert doctor.judge_port(doctor.probe_port(port)).status == FINE


def test_owners_of_ports_are_read_from_windows_and_macos() -> None:
    netstat = "".join(
        f"  TCP    127.0.0.1:{port}     0.0.0.0:0      ABH\u00d6REN     {process}\n"
        for port, process in ((8888, 4711), (18888, 1))
    )
    assert doctor.owner_from_netstat(netstat, 8888) == "process 4711"
    assert doctor.owner_from_netstat(netstat, 888) == ""
    assert doctor.owner_from_lsof("p815\ncpython3.12\nf7\n") == "python3.12 (process 815)"
    assert doctor.owner_from_lsof("") == ""


# --- locale, clock ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (doctor.LocaleFacts("linux", "utf-8", "UTF-8", "utf-8"), FINE),
        (doctor.LocaleFacts("linux", "ascii", "ANSI_X3.4-1968", "ascii"), WARN),
        (doctor.LocaleFacts("linux", "utf-8", "ISO-8859-1", "iso-8859-1"), WARN),
        (doctor.LocaleFacts("win32", "utf-8", "cp1252", "cp850"), FINE),
    ],
)
def test_locale(facts: doctor.LocaleFacts, status: str) -> None:
    assert doctor.judge_locale(facts).status == status


@pytest.mark.parametrize(
    ("now", "newest", "status", "words"),
    [
        (doctor.RELEASED + 100 * doctor.DAY, 0.0, FINE, "UTC"),
        (doctor.RELEASED - 400 * doctor.DAY, 0.0, WARN, "before this program was made"),
        (doctor.RELEASED + 10 * doctor.DAY, doctor.RELEASED + 20 * doctor.DAY, WARN, "files here are from"),
        (doctor.RELEASED + 4000 * doctor.DAY, 0.0, WARN, "ten years"),
    ],
)
def test_clock(now: float, newest: float, status: str, words: str) -> None:
    finding = doctor.judge_clock(doctor.ClockFacts(now, newest))
    assert finding.status == status
    assert words in finding.found
    assert bool(finding.fix) == (status != FINE)


# --- tiers and the whole ----------------------------------------------------------------------------------------------


def tiers(
    *blocked: str, native: str = "x86_64", memory: int = 16000, free: int = 50000, virtual: str = FINE
) -> doctor.Report:
    names = {*doctor.LAPTOP_NEEDS}
    findings = [doctor.Finding(name, BLOCKED if name in blocked else FINE, "") for name in sorted(names)]
    findings.append(doctor.Finding("virtualisation", virtual, ""))
    return doctor.Report(findings, doctor.choose_tiers(findings, native, memory, free), 0.1)


def test_a_good_laptop_takes_part_by_itself() -> None:
    report = tiers()
    assert report.best == "laptop"
    assert report.exit_code == 0
    assert [tier.name for tier in report.tiers] == ["laptop", "room", "page", "image"]


def test_without_avx2_the_next_tier_serves_and_the_reason_is_given() -> None:
    report = tiers("cpu")
    assert report.best == "room"
    assert report.exit_code == 1
    assert "because of: cpu" in report.tiers[0].reason


def test_without_a_browser_only_the_image_is_left() -> None:
    report = tiers("browser")
    assert report.best == "image"
    assert report.exit_code == 1


def test_nothing_serves_a_machine_without_browser_and_virtualisation() -> None:
    report = tiers("browser", virtual=WARN)
    assert report.best is None
    assert report.exit_code == 2
    assert "begin with the lines marked STOP" in doctor.as_text(report)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"native": "arm64"}, "x86_64 processors"),
        ({"memory": 3000}, "4 GB of memory"),
        ({"free": 5000}, "10 GB of disk"),
        ({"virtual": WARN}, "virtualisation"),
    ],
)
def test_the_image_says_what_it_lacks(facts: dict[str, object], reason: str) -> None:
    image = tiers(**facts).tiers[-1]  # type: ignore[arg-type]
    assert not image.serves
    assert reason in image.reason


def test_this_machine_is_examined_in_time_and_every_finding_that_is_not_fine_has_a_fix(tmp_path: Path) -> None:
    report = doctor.examine(tmp_path / ".venv", tmp_path / "cache")
    assert {finding.name for finding in report.findings} >= {
        *("system", "python", "cpu", "cores", "memory", "disk", "virtualisation"),
        *("browser", "port", "locale", "path length", "clock"),
    }
    for finding in report.findings:
        assert finding.status in (FINE, WARN, BLOCKED)
        assert finding.found
        assert bool(finding.fix) == (finding.status != FINE)
        assert "could not be looked at" not in finding.found


def test_a_look_that_fails_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "probe_cpu", lambda _: 1 // 0)
    report = doctor.examine(tmp_path)
    assert len(report.findings) == 14
    assert "could not be looked at (ZeroDivisionError" in next(
        one.found for one in report.findings if one.name == "cpu"
    )


def test_the_text_is_readable_on_a_console_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    console = io.TextIOWrapper(io.BytesIO(), encoding="cp850")
    monkeypatch.setattr(sys, "stdout", console)
    doctor.say("C:\\Users\\\u6f22\u5b57\\handson \u2192")
    console.seek(0)
    assert "handson" in console.read()


def test_text_of_the_report_is_ascii_but_for_what_the_machine_said() -> None:
    doctor.as_text(tiers("cpu")).encode("ascii")


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_it_runs_alone_in_an_empty_folder_in_under_ten_seconds(tmp_path: Path, option: list[str]) -> None:
    shutil.copy(FILE, tmp_path / "doctor.py")
    begin = time.monotonic()
    command = [sys.executable, "-I", "doctor.py", *option]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - begin < 10
    assert done.returncode in (0, 1, 2)
    assert done.stderr == ""
    if option:
        said = json.loads(done.stdout)
        assert said["exit_code"] == done.returncode
        assert {tier["name"] for tier in said["tiers"]} == {"page", "laptop", "room", "image"}
    else:
        assert "How this laptop can take part, best first:" in done.stdout


def test_a_wrong_option_is_answered(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(FILE), "--jsno"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unrecognized arguments: --jsno" in done.stderr


def test_its_syntax_is_that_of_python_3_6() -> None:
    ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 6))


OLD_PYTHONS = sorted(str(path) for path in Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python"))


@pytest.mark.skipif(not OLD_PYTHONS, reason="no Python 3.6 to 3.9 is installed (pyenv)")
@pytest.mark.parametrize("python", OLD_PYTHONS)
def test_it_runs_on_old_pythons_and_says_that_they_are_too_old(python: str, tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path / "doctor.py")
    command = [python, "-I", "doctor.py", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert "too old" in findings["python"]["found"]
    assert not [one for one in findings.values() if "could not be looked at" in one["found"]]
