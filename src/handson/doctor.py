"""What this laptop is fit for: a look at everything the workshop needs, and the fix for what is missing.

One file, standard library only, for Python 3.6 and newer, so that it runs where nothing is installed:

    python3 doctor.py            # text
    python3 doctor.py --json     # the same for programs

Exit status: 0 if the workshop runs on this laptop itself (tier laptop), 1 if only another tier will do, 2 if none will.

Every check is a pair: `probe_…` asks the machine and returns facts, `judge_…` turns facts into a `Finding` and asks
nothing, so that a Windows fact can be judged in a test on Linux.
"""

import argparse
import ctypes
import importlib.util
import json
import locale
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

FINE, WARN, BLOCKED = "fine", "warn", "blocked"

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)  # the wheels of the locked requirements
OLDEST_MACOS = (14, 0)  # torch 2.13's wheels are macosx_14_0_arm64
OLDEST_GLIBC = (2, 28)  # … and manylinux_2_28
NEED_MB = 1500  # the environment, unpacked; start.py knows it exactly
LONGEST_PATH = 200  # inside the environment; start.py knows it exactly
WINDOWS_PATH_LIMIT = 259  # MAX_PATH is 260 with the closing NUL
RELEASED = 1795478400  # 2026-11-24: no right clock is before this
IMAGE_MEMORY_MB, IMAGE_DISK_MB = 4000, 10000  # a virtual machine of 2 GB, and its disk
DAY = 86400


class Finding(NamedTuple):
    """One thing looked at. `status` is "fine", "warn" or "blocked"; `fix` is empty where nothing is to be done."""

    name: str
    status: str
    found: str
    fix: str = ""


class Tier(NamedTuple):
    """A way to take part, whether it will serve on this laptop, and why or why not."""

    name: str
    serves: bool
    reason: str


class Report(NamedTuple):
    """What `examine` found. `tiers` are in the order of preference, best first."""

    findings: List[Finding]
    tiers: List[Tier]
    seconds: float

    @property
    def best(self) -> Optional[str]:
        """Name of the best tier that serves, or None."""
        return next((tier.name for tier in self.tiers if tier.serves), None)

    @property
    def exit_code(self) -> int:
        """0: the laptop tier serves; 1: only another; 2: none."""
        return {"laptop": 0, None: 2}.get(self.best, 1)


def output_of(*command: str) -> str:
    """What a short command prints, or an empty string if it is missing, fails or takes more than 3 s."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=3, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()


def text_of(path: str) -> str:
    """The text of a file, or an empty string if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


# --- system: operating system and architecture ------------------------------------------------------------------------


class SystemFacts(NamedTuple):
    """`platform` is sys.platform, `machine` what this Python is built for, `native` what the processor is."""

    platform: str
    machine: str
    native: str
    version: Tuple[int, ...] = ()
    glibc: Tuple[int, ...] = ()


def numbers(text: str) -> Tuple[int, ...]:
    """(14, 5) from "14.5": the leading numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def machine_name(name: str) -> str:
    """x86_64, arm64 or x86, whatever the system calls it."""
    known = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64", "win32": "x86", "i386": "x86", "i686": "x86"}
    return known.get(name.lower(), name.lower())


def probe_system() -> SystemFacts:
    """Ask for the system; a Python for x86 under Rosetta or Windows' emulation shows as machine != native."""
    if sys.platform == "win32":
        machine = machine_name(sysconfig.get_platform().replace("win-", ""))
        return SystemFacts("win32", machine, windows_native_machine() or machine, numbers(platform.version()))
    machine = machine_name(platform.machine())
    if struct.calcsize("P") == 4 and machine == "x86_64":
        machine = "x86"
    if sys.platform == "darwin":
        translated = output_of("/usr/sbin/sysctl", "-in", "sysctl.proc_translated") == "1"
        version = output_of("/usr/bin/sw_vers", "-productVersion") or platform.mac_ver()[0]
        return SystemFacts("darwin", machine, "arm64" if translated else machine, numbers(version))
    return SystemFacts(sys.platform, machine, machine, numbers(platform.release()), probe_glibc())


def probe_glibc() -> Tuple[int, ...]:
    """The version of glibc, or () where the C library is another one (musl)."""
    if sys.platform == "win32":
        return ()
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, ValueError, OSError):
        return ()
    return numbers(version) if name == "glibc" else ()


def windows_native_machine() -> str:
    """The processor's own architecture on Windows, also from within its emulation; empty if it cannot be asked."""
    if sys.platform != "win32":
        return ""
    process, native = ctypes.c_ushort(), ctypes.c_ushort()
    try:
        kernel32 = ctypes.windll.kernel32
        kernel32.GetCurrentProcess.restype = ctypes.c_void_p
        kernel32.IsWow64Process2.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        kernel32.IsWow64Process2(kernel32.GetCurrentProcess(), ctypes.byref(process), ctypes.byref(native))
    except (AttributeError, OSError):  # before Windows 10 1709
        return ""
    return {0x8664: "x86_64", 0xAA64: "arm64", 0x14C: "x86"}.get(native.value, "")


def judge_system(facts: SystemFacts) -> Finding:
    """Whether PyTorch's wheels exist for this system and for this Python's architecture."""
    names = {"win32": "Windows", "darwin": "macOS", "linux": "Linux"}
    version = ".".join(str(number) for number in facts.version)
    found = "%s %s, %s" % (names.get(facts.platform, facts.platform), version, facts.machine)
    if facts.machine != facts.native:
        found += " Python on an %s processor" % facts.native
    other = "Use another tier (see below): page, room or image."
    if facts.platform not in names:
        return Finding("system", BLOCKED, found + ": PyTorch has no build for this system.", other)
    if facts.platform == "darwin":
        return judge_macos(facts, found, other)
    if facts.machine == "x86" and facts.native == "x86_64":
        return Finding(
            "system",
            BLOCKED,
            found + ": a 32-bit Python.",
            "Install the 64-bit Python from https://www.python.org/downloads/.",
        )
    if facts.platform == "win32":
        return judge_windows(facts, found, other)
    if facts.machine not in ("x86_64", "arm64"):
        return Finding("system", BLOCKED, found + ": PyTorch has no build for this processor.", other)
    if facts.glibc < OLDEST_GLIBC:
        libc = "glibc %d.%d" % facts.glibc[:2] if facts.glibc else "a C library other than glibc"
        return Finding(
            "system", BLOCKED, "%s, %s: PyTorch needs glibc %d.%d or newer." % (found, libc, *OLDEST_GLIBC), other
        )
    return Finding("system", FINE, found + ", glibc %d.%d" % facts.glibc[:2])


def judge_macos(facts: SystemFacts, found: str, other: str) -> Finding:
    """PyTorch 2.13 has wheels for Apple silicon from macOS 14 on and none for Intel."""
    if facts.native != "arm64":
        return Finding(
            "system", BLOCKED, found + ": PyTorch has no build for Macs with an Intel processor any more.", other
        )
    if facts.machine != "arm64":
        fix = "Start the universal Python from https://www.python.org/downloads/macos/ in a terminal without Rosetta."
        return Finding("system", BLOCKED, found + ", under Rosetta: PyTorch has no build for it.", fix)
    if (0, 0) < facts.version[:2] < OLDEST_MACOS:
        return Finding(
            "system",
            BLOCKED,
            found + ": PyTorch needs macOS %d or newer." % OLDEST_MACOS[0],
            "Update macOS, or use another tier (see below).",
        )
    return Finding("system", FINE, found)


def judge_windows(facts: SystemFacts, found: str, other: str) -> Finding:
    """The locked requirements have wheels for x86_64 Python, which ARM Windows emulates."""
    if facts.machine == "arm64":
        fix = (
            "Install the 64-bit (x86-64) Python from https://www.python.org/downloads/windows/: Windows 11 emulates it."
        )
        return Finding("system", BLOCKED, found + ": some packages have no build for ARM Windows.", fix)
    if facts.machine != "x86_64":
        return Finding("system", BLOCKED, found + ": PyTorch has no build for this processor.", other)
    if facts.version and facts.version < (10,):
        return Finding("system", BLOCKED, found + ": Python and PyTorch need Windows 10 or newer.", other)
    if facts.native == "arm64":
        return Finding(
            "system",
            WARN,
            found + ", emulated.",
            "Nothing to mend: it works, but lessons take longer than their minutes say.",
        )
    return Finding("system", FINE, found)


# --- python and venv --------------------------------------------------------------------------------------------------


class PythonFacts(NamedTuple):
    """`others`: commands on the PATH that start a Python of the right version."""

    version: Tuple[int, ...]
    implementation: str = "CPython"
    bits: int = 64
    free_threaded: bool = False
    others: Tuple[str, ...] = ()
    executable: str = ""


def probe_python() -> PythonFacts:
    """Ask this Python about itself, and the PATH for others."""
    threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    names = ["python3.%d" % minor for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1)]
    # A shim of pyenv stands on the PATH for versions that are not switched on: ask each.
    others = tuple(name for name in names if shutil.which(name) and output_of(name, "-c", "print(1)") == "1")
    bits = struct.calcsize("P") * 8
    return PythonFacts(
        tuple(sys.version_info[:3]), platform.python_implementation(), bits, threaded, others, sys.executable or ""
    )


def judge_python(facts: PythonFacts) -> Finding:
    """Whether the locked requirements have wheels for this Python."""
    version = ".".join(str(number) for number in facts.version)
    found = "%s %s, %d-bit%s" % (
        facts.implementation,
        version,
        facts.bits,
        ", free-threaded" if facts.free_threaded else "",
    )
    needed = "%d.%d to %d.%d" % (OLDEST_PYTHON + NEWEST_PYTHON)
    if facts.others:
        fix = "Python %s is here too: start it with %s in place of this one." % (facts.others[0][6:], facts.others[0])
    else:
        fix = "Get Python %d.%d (64-bit) from https://www.python.org/downloads/ and start that one." % (
            3,
            NEWEST_PYTHON[1] - 1,
        )
    if not OLDEST_PYTHON <= facts.version[:2] <= NEWEST_PYTHON:
        age = "old" if facts.version[:2] < OLDEST_PYTHON else "new: PyTorch and others have no builds for it yet"
        return Finding("python", BLOCKED, "%s is too %s; needed is Python %s." % (found, age, needed), fix)
    if facts.implementation != "CPython" or facts.bits != 64 or facts.free_threaded:
        return Finding("python", BLOCKED, "%s: needed is the ordinary 64-bit CPython, %s." % (found, needed), fix)
    return Finding("python", FINE, found)


class VenvFacts(NamedTuple):
    """Which of the two modules are missing, and the `ID`/`ID_LIKE` words of /etc/os-release."""

    missing: Tuple[str, ...]
    distribution: str = ""
    version: Tuple[int, ...] = (3, 11)


def probe_venv() -> VenvFacts:
    """Look for the modules that make an environment; Debian puts them into a package of their own."""
    specs = {name: importlib.util.find_spec(name) for name in ("venv", "ensurepip")}
    # A folder without files in it is a "namespace package", found but empty.
    missing = tuple(name for name, spec in specs.items() if spec is None or spec.origin is None)
    words = re.findall(r"^ID(?:_LIKE)?=(.*)$", text_of("/etc/os-release"), re.MULTILINE)
    return VenvFacts(missing, " ".join(words).replace('"', ""), tuple(sys.version_info[:2]))


def judge_venv(facts: VenvFacts) -> Finding:
    """Whether an environment can be made, and the package that brings what is missing."""
    if not facts.missing:
        return Finding("venv", FINE, "this Python can make an environment")
    found = "this Python lacks the module%s %s." % ("s" * (len(facts.missing) > 1), " and ".join(facts.missing))
    if "debian" in facts.distribution or "ubuntu" in facts.distribution:
        fix = "sudo apt install python3-venv   (or, for this very Python, python%d.%d-venv)" % facts.version[:2]
    elif "suse" in facts.distribution:
        fix = "sudo zypper install python3-venv"
    else:
        fix = "Install the complete Python, from your system's packages or from https://www.python.org/downloads/."
    return Finding("venv", BLOCKED, found, fix)


# --- cpu, cores, memory -----------------------------------------------------------------------------------------------


class CpuFacts(NamedTuple):
    """`avx2` is None where the processor could not be asked."""

    machine: str
    model: str
    avx2: Optional[bool]
    virtual: bool = False


def probe_cpu(machine: str) -> CpuFacts:
    """Ask for the processor's model and for AVX2."""
    if sys.platform == "win32":
        present = bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(40))  # PF_AVX2_INSTRUCTIONS_AVAILABLE
        return CpuFacts(machine, platform.processor(), present)
    if sys.platform == "darwin":
        model = output_of("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
        avx2 = output_of("/usr/sbin/sysctl", "-n", "hw.optional.avx2_0")
        return CpuFacts(machine, model, avx2 == "1" if avx2 else None)
    return cpu_from_cpuinfo(machine, text_of("/proc/cpuinfo"))


def cpu_from_cpuinfo(machine: str, cpuinfo: str) -> CpuFacts:
    """The facts in Linux's /proc/cpuinfo."""
    flags = flags_of(cpuinfo)
    model = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    return CpuFacts(machine, model.group(1) if model else "", "avx2" in flags if flags else None, "hypervisor" in flags)


def flags_of(cpuinfo: str) -> Set[str]:
    """The words of the first line `flags` in /proc/cpuinfo."""
    line = re.search(r"^flags\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    return set(line.group(1).split()) if line else set()


def judge_cpu(facts: CpuFacts) -> Finding:
    """Whether the processor has what PyTorch's fast kernels are built for."""
    model = facts.model or facts.machine
    if facts.machine == "arm64":
        return Finding("cpu", FINE, model + ", with NEON as every 64-bit ARM")
    if facts.avx2:
        return Finding("cpu", FINE, model + ", with AVX2")
    if facts.avx2 is None:
        return Finding(
            "cpu",
            WARN,
            model + ": it could not be asked for AVX2.",
            "If a lesson stops with 'illegal instruction', use another tier.",
        )
    if facts.virtual:
        fix = "Let the virtual machine see the host's processor (QEMU: -cpu host), or use another tier."
        return Finding("cpu", BLOCKED, model + ", a virtual processor without AVX2, which PyTorch needs.", fix)
    return Finding(
        "cpu", BLOCKED, model + ", without AVX2, which PyTorch needs.", "Use another tier (see below): page or room."
    )


class CoreFacts(NamedTuple):
    """`total` of the machine, `allowed` by affinity, `quota` of the control group in cores (None: no limit)."""

    total: int
    allowed: int
    quota: Optional[float] = None


def own_cgroup() -> str:
    """The folder of this process's control group (v2), or of the root where it is not mounted so."""
    line = re.search(r"^0::(.*)$", text_of("/proc/self/cgroup"), re.MULTILINE)
    path = "/sys/fs/cgroup" + (line.group(1) if line else "")
    return path if Path(path).is_dir() else "/sys/fs/cgroup"


def cgroup_limits(name: str) -> List[str]:
    """What the file `name` says in this process's control group and in those above it; they all bind."""
    folder, said = own_cgroup(), []
    while folder.startswith("/sys/fs/cgroup"):
        said.append(text_of(folder + "/" + name).strip())
        folder = str(Path(folder).parent)
    return [text for text in said if text]


def quota_of(cpu_max: Iterable[str]) -> Optional[float]:
    """Cores from the lines of cgroup v2's cpu.max ("200000 100000" is two); the smallest binds; None for no limit."""
    pairs = [line.split() for line in cpu_max]
    quotas = [int(pair[0]) / int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0].isdigit()]
    return min(quotas) if quotas else None


def probe_cores() -> CoreFacts:
    """Ask how many cores there are and how many of them this process gets."""
    total = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    quota = quota_of(cgroup_limits("cpu.max"))
    first = text_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").strip()
    if quota is None and first.isdigit():  # cgroup v1 says -1 for no limit
        quota = int(first) / float(text_of("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or 100000)
    return CoreFacts(total, allowed, quota)


def judge_cores(facts: CoreFacts) -> Finding:
    """Lessons state their minutes for two cores."""
    usable = min(facts.allowed, facts.quota if facts.quota is not None else facts.allowed)
    found = "%d core%s" % (facts.total, "s" * (facts.total != 1))
    if usable < facts.total:
        found += ", of which this process may use %g" % round(usable, 1)
    if usable >= 2:
        return Finding("cores", FINE, found)
    return Finding(
        "cores",
        WARN,
        found + "; lessons state their minutes for two.",
        "Nothing to mend: lessons take longer. Close other programs while they train.",
    )


class MemoryFacts(NamedTuple):
    """Megabytes; `limit` of the control group, None for none; 0 for what could not be asked."""

    total: int
    available: int
    limit: Optional[int] = None


def probe_memory() -> MemoryFacts:
    """Ask how much memory there is, and how much of it is free to use."""
    if sys.platform == "win32":
        return windows_memory()
    if sys.platform == "darwin":
        total = output_of("/usr/sbin/sysctl", "-n", "hw.memsize")
        return MemoryFacts(int(total or 0) // 10**6, macos_available(output_of("/usr/bin/vm_stat")))
    limits = [*cgroup_limits("memory.max"), text_of("/sys/fs/cgroup/memory/memory.limit_in_bytes").strip()]
    bounds = [int(text) // 10**6 for text in limits if text.isdigit()]
    return memory_from_meminfo(text_of("/proc/meminfo"), min(bounds) if bounds else None)


def memory_from_meminfo(meminfo: str, limit: Optional[int]) -> MemoryFacts:
    """The facts in Linux's /proc/meminfo (kB are KiB there)."""
    kib = {name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d+) kB", meminfo, re.MULTILINE)}
    total, available = kib.get("MemTotal", 0) * 1024 // 10**6, kib.get("MemAvailable", 0) * 1024 // 10**6
    return MemoryFacts(total, available, limit if limit is not None and limit < total else None)


def macos_available(vm_stat: str) -> int:
    """Megabytes that macOS can hand out: free, inactive and speculative pages of `vm_stat`."""
    size = re.search(r"page size of (\d+) bytes", vm_stat)
    pages = re.findall(r"^Pages (?:free|inactive|speculative):\s+(\d+)", vm_stat, re.MULTILINE)
    return sum(int(count) for count in pages) * int(size.group(1) if size else 4096) // 10**6


def windows_memory() -> MemoryFacts:
    """Ask GlobalMemoryStatusEx."""
    if sys.platform != "win32":
        return MemoryFacts(0, 0)
    # MEMORYSTATUSEX: two 32-bit numbers (length, load), then seven of 64 bits, of which total and available come first.
    status = ctypes.create_string_buffer(64)
    struct.pack_into("<L", status, 0, 64)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(status)
    total, available = struct.unpack_from("<QQ", status, 8)
    return MemoryFacts(total // 10**6, available // 10**6)


def judge_memory(facts: MemoryFacts) -> Finding:
    """JupyterLab, a kernel with PyTorch and a browser want 4 GB in all."""
    total = min(facts.total, facts.limit) if facts.limit is not None else facts.total
    if not total:
        return Finding("memory", WARN, "it could not be asked how much there is.", "4 GB are enough.")
    available = min(facts.available, total)
    found = "%.1f GB, of which %.1f GB are free" % (total / 1000, available / 1000)
    if facts.limit is not None:
        found += " (limited from %.1f GB)" % (facts.total / 1000)
    if total < 1900:
        return Finding(
            "memory",
            BLOCKED,
            found + "; PyTorch and a browser need 2 GB at the least.",
            "Use another tier (see below): page or room.",
        )
    if available < 1000:
        return Finding("memory", WARN, found + ".", "Close other programs, above all browser tabs, before you start.")
    if total < 3800:
        return Finding(
            "memory",
            WARN,
            found + "; 4 GB are comfortable.",
            "Close other programs, above all browser tabs, before you start.",
        )
    return Finding("memory", FINE, found)


# --- disk, folder, path length ----------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A folder that will hold something, on which device, and megabytes there: free and needed."""

    what: str
    folder: str
    device: int
    free_mb: int
    need_mb: int


def nearest_folder(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in [folder, *folder.parents] if place.is_dir())


def probe_disk(environment: Path, cache: Path, need_mb: int, cache_need_mb: Optional[int] = None) -> List[Place]:
    """Where the environment and the downloads go; on one disk the environment is hard links and takes nothing more."""
    places = []
    for what, folder, need in (
        ("environment", environment, need_mb),
        ("cache", cache, need_mb if cache_need_mb is None else cache_need_mb),
    ):
        there = nearest_folder(folder)
        places.append(Place(what, str(folder), there.stat().st_dev, shutil.disk_usage(str(there)).free // 10**6, need))
    if places[0].device == places[1].device:
        return [places[0]._replace(need_mb=max(places[0].need_mb, places[1].need_mb))]
    return places


def judge_disk(places: List[Place]) -> Finding:
    """Whether there is room for what will be installed, with a tenth to spare."""
    short = [place for place in places if place.free_mb < place.need_mb * 1.1]
    found = "; ".join("%.1f GB free for the %s" % (place.free_mb / 1000, place.what) for place in places)
    if not short:
        return Finding("disk", FINE, "%s (%.1f GB needed)" % (found, max(place.need_mb for place in places) / 1000))
    place = short[0]
    found = "%d MB free where the %s goes (%s), %d MB needed." % (
        place.free_mb,
        place.what,
        place.folder,
        round(place.need_mb * 1.1),
    )
    option = "start.py --env FOLDER" if place.what == "environment" else "the variable HANDSON_CACHE=FOLDER"
    return Finding("disk", BLOCKED, found, "Make room there, or choose a folder on another disk with %s." % option)


class FolderFacts(NamedTuple):
    """What happened when a file (and on POSIX a symbolic link) was made in a folder: an error's text or nothing."""

    folder: str
    error: str = ""
    symlink_error: str = ""


def probe_folder(folder: Path) -> FolderFacts:
    """Try to make a file and a symbolic link in the nearest folder that exists; both are taken away again."""
    there = nearest_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".handson-", dir=str(there)) as trial:
            (Path(trial) / "file").write_bytes(b"")
            if os.name == "posix":
                try:
                    (Path(trial) / "link").symlink_to("file")
                except OSError as error:
                    return FolderFacts(str(there), "", error.strerror or str(error))
    except OSError as error:
        return FolderFacts(str(there), error.strerror or str(error))
    return FolderFacts(str(there))


def judge_folder(facts: FolderFacts) -> Finding:
    """Whether the environment can be made in a folder."""
    way_out = "Copy the workshop into your home folder and start it there, or choose a folder: start.py --env FOLDER"
    if facts.error:
        return Finding("folder", BLOCKED, "nothing can be written to %s (%s)." % (facts.folder, facts.error), way_out)
    if facts.symlink_error:
        return Finding(
            "folder",
            BLOCKED,
            "%s cannot hold symbolic links (%s), as on most sticks." % (facts.folder, facts.symlink_error),
            way_out,
        )
    return Finding("folder", FINE, "%s can be written to" % facts.folder)


class PathFacts(NamedTuple):
    """`folder` of the environment as this system writes it; `longest` path inside it, in characters."""

    platform: str
    folder: str
    longest: int
    long_paths: bool = False


def probe_path(folder: Path, longest: int) -> PathFacts:
    """Ask Windows' registry whether paths of more than 260 characters are switched on."""
    enabled = False
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
                enabled = winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
        except OSError:
            pass
    return PathFacts(sys.platform, str(folder.absolute()), longest, enabled)


def judge_path(facts: PathFacts) -> Finding:
    """Windows refuses paths of 260 characters and more unless told otherwise."""
    length = len(facts.folder) + 1 + facts.longest
    found = "up to %d characters below %s" % (length, facts.folder)
    if facts.platform != "win32" or length <= WINDOWS_PATH_LIMIT:
        return Finding("path length", FINE, found)
    if facts.long_paths:
        return Finding("path length", FINE, found + "; Windows allows long paths here")
    room = WINDOWS_PATH_LIMIT - 1 - facts.longest
    fix = (
        "Move the workshop to a shorter folder such as C:\\handson (the environment's folder may have %d characters), "
        "or choose one: start.py --env C:\\handson-env" % room
    )
    return Finding("path length", BLOCKED, "%s; Windows refuses more than %d." % (found, WINDOWS_PATH_LIMIT), fix)


# --- virtualisation ---------------------------------------------------------------------------------------------------


class VirtualisationFacts(NamedTuple):
    """`capable`: the processor's flag as the system shows it; `device`: /dev/kvm as "", "present" or "usable"."""

    platform: str
    capable: Optional[bool]
    device: str = ""
    inside: bool = False


def probe_virtualisation() -> VirtualisationFacts:
    """Ask whether virtual machines run at full speed here."""
    if sys.platform == "win32":
        features = ctypes.windll.kernel32.IsProcessorFeaturePresent
        # 21: PF_VIRT_FIRMWARE_ENABLED, which is off within a running Hyper-V; 20: second-level address translation.
        return VirtualisationFacts("win32", bool(features(21)) or windows_hypervisor())
    if sys.platform == "darwin":
        return VirtualisationFacts("darwin", output_of("/usr/sbin/sysctl", "-n", "kern.hv_support") == "1")
    flags = flags_of(text_of("/proc/cpuinfo"))
    device = ("usable" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "present") if Path("/dev/kvm").exists() else ""
    capable = bool(flags & {"vmx", "svm"}) if flags else (True if device else None)
    return VirtualisationFacts("linux", capable, device, "hypervisor" in flags)


def windows_hypervisor() -> bool:
    """Whether Windows itself runs on its hypervisor (WSL, Hyper-V): then virtualisation is switched on."""
    return (
        "true"
        in output_of(
            "powershell", "-NoProfile", "-Command", "(Get-CimInstance Win32_ComputerSystem).HypervisorPresent"
        ).lower()
    )


def judge_virtualisation(facts: VirtualisationFacts) -> Finding:
    """Whether the tier image is an option; nothing else needs it."""
    name, firmware = (
        "virtualisation",
        "Switch it on in the firmware (BIOS/UEFI: VT-x, AMD-V or SVM); only the tier image needs it.",
    )
    if facts.platform != "linux":
        if facts.capable:
            return Finding(name, FINE, "switched on")
        fix = firmware if facts.platform == "win32" else "This Mac cannot; only the tier image needs it."
        return Finding(name, WARN, "switched off, or not there.", fix)
    if facts.device == "usable":
        return Finding(name, FINE, "/dev/kvm can be used")
    if facts.device == "present":
        return Finding(
            name,
            WARN,
            "/dev/kvm is there, but not for you.",
            "sudo usermod -aG kvm $USER, then log in anew; only the tier image needs it.",
        )
    if facts.capable:
        return Finding(
            name,
            WARN,
            "the processor has it, but /dev/kvm is missing.",
            "sudo modprobe kvm_intel (or kvm_amd); if that fails: " + firmware,
        )
    if facts.inside:
        return Finding(
            name, WARN, "this is a virtual machine without virtualisation of its own.", "Only the tier image needs it."
        )
    return Finding(name, WARN, "the processor does not show it.", firmware)


# --- browser, port ----------------------------------------------------------------------------------------------------


class Browser(NamedTuple):
    """An installed browser; `updated`: seconds since 1970 of its program file."""

    name: str
    path: str
    updated: float


LINUX_BROWSERS = {
    "firefox": "Firefox",
    "firefox-esr": "Firefox",
    "google-chrome": "Chrome",
    "chromium": "Chromium",
    "chromium-browser": "Chromium",
    "microsoft-edge": "Edge",
    "brave-browser": "Brave",
    "epiphany": "Web",
    "falkon": "Falkon",
}
MACOS_BROWSERS = {
    "Safari": "/Applications/Safari.app",
    "Chrome": "/Applications/Google Chrome.app",
    "Firefox": "/Applications/Firefox.app",
    "Edge": "/Applications/Microsoft Edge.app",
    "Brave": "/Applications/Brave Browser.app",
}
WINDOWS_BROWSERS = {
    "Edge": r"Microsoft\Edge\Application\msedge.exe",
    "Chrome": r"Google\Chrome\Application\chrome.exe",
    "Firefox": r"Mozilla Firefox\firefox.exe",
    "Brave": r"BraveSoftware\Brave-Browser\Application\brave.exe",
}


def probe_browsers() -> List[Browser]:
    """The browsers that are installed where their makers put them, and what the variable BROWSER names."""
    if sys.platform == "win32":
        roots = [os.environ.get(name, "") for name in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")]
        candidates = [
            (name, str(Path(root) / path)) for root in roots if root for name, path in WINDOWS_BROWSERS.items()
        ]
    elif sys.platform == "darwin":
        candidates = list(MACOS_BROWSERS.items())
    else:
        candidates = [(name, shutil.which(command) or "") for command, name in LINUX_BROWSERS.items()]
        candidates += [("Chrome of Windows", "/mnt/c/Program Files/Google/Chrome/Application/chrome.exe")]  # WSL
        candidates += [("Edge of Windows", "/mnt/c/Program Files (x86)/Microsoft/Edge/Application/msedge.exe")]
    chosen = (os.environ.get("BROWSER") or "").split(os.pathsep)[0].split("%s")[0].strip()
    if chosen and shutil.which(chosen):
        candidates.append((Path(chosen).name, shutil.which(chosen) or ""))
    found: Dict[str, Browser] = {}
    for name, path in candidates:
        if path and Path(path).exists():
            found.setdefault(name, Browser(name, path, Path(path).stat().st_mtime))
    return list(found.values())


def judge_browsers(browsers: List[Browser], now: float) -> Finding:
    """Every tier but a virtual machine's own screen is shown in a browser."""
    if not browsers:
        fix = (
            "Install Firefox (https://www.mozilla.org/firefox/), Chrome or Edge; or name yours in the variable BROWSER."
        )
        return Finding("browser", BLOCKED, "none was found.", fix)
    newest = max(browsers, key=lambda browser: browser.updated)
    years = (now - newest.updated) / DAY / 365
    found = ", ".join(browser.name for browser in browsers)
    # System files of macOS carry the date of the system's release; packages on Linux that of their build.
    if years > 2:
        return Finding(
            "browser", WARN, "%s, not updated for %d years." % (found, years), "Update it before the workshop."
        )
    return Finding("browser", FINE, found)


class PortFacts(NamedTuple):
    """Whether a port on 127.0.0.1 is free, or who has it."""

    port: int
    free: bool
    owner: str = ""


def probe_port(port: int) -> PortFacts:
    """Try to listen on the port as Jupyter will; if that fails, ask who does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        if os.name == "posix":  # as servers do, so that a connection that is just closing is no obstacle
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen(1)
        except OSError:
            return PortFacts(port, False, port_owner(port))
    return PortFacts(port, True)


def port_owner(port: int) -> str:
    """Name and number of the process that listens on a port, as far as this user may know."""
    if sys.platform == "win32":
        return owner_from_netstat(output_of("netstat", "-ano", "-p", "TCP"), port)
    if sys.platform == "darwin":
        return owner_from_lsof(output_of("/usr/sbin/lsof", "-nP", "-iTCP:%d" % port, "-sTCP:LISTEN", "-Fpc"))
    wanted = {
        "socket:[%s]" % inode for inode in listening_inodes(text_of("/proc/net/tcp") + text_of("/proc/net/tcp6"), port)
    }
    for process in Path("/proc").glob("[0-9]*"):
        if wanted & open_files(process):
            return "%s (process %s)" % (text_of(str(process / "comm")).strip(), process.name)
    return ""


def open_files(process: Path) -> Set[str]:
    """What the open files of a process are called in Linux's /proc; nothing for a process of another user."""
    names = set()
    try:
        for link in (process / "fd").iterdir():
            try:
                names.add(os.readlink(str(link)))  # noqa: PTH115 - Path.readlink is 3.9
            except OSError:  # closed meanwhile
                continue
    except OSError:
        return set()
    return names


def listening_inodes(table: str, port: int) -> Set[str]:
    """Inodes of the sockets that listen (state 0A) on a port, from Linux's /proc/net/tcp."""
    rows = [line.split() for line in table.splitlines()]
    return {row[9] for row in rows if len(row) > 9 and row[3] == "0A" and row[1].endswith(":%04X" % port)}


def owner_from_netstat(text: str, port: int) -> str:
    """The process in `netstat -ano` of Windows; its columns are the same in every language, its words are not."""
    for line in text.splitlines():
        columns = line.split()
        if len(columns) == 5 and columns[1].endswith(":%d" % port) and columns[2].endswith(":0"):
            return "process %s" % columns[4]
    return ""


def owner_from_lsof(text: str) -> str:
    """The process in `lsof -Fpc`: a line p<number>, then a line c<name>."""
    number, name = re.search(r"^p(\d+)", text, re.MULTILINE), re.search(r"^c(.*)$", text, re.MULTILINE)
    return "%s (process %s)" % (name.group(1), number.group(1)) if number and name else ""


def judge_port(facts: PortFacts) -> Finding:
    """JupyterLab's usual port; another one does as well."""
    if facts.free:
        return Finding("port", FINE, "%d is free" % facts.port)
    found = "%d is taken%s." % (facts.port, " by " + facts.owner if facts.owner else "")
    return Finding(
        "port",
        WARN,
        found,
        "Nothing to mend: handson takes the next free one. To choose: handson open --port %d" % (facts.port + 1000),
    )


# --- locale, clock ----------------------------------------------------------------------------------------------------


class LocaleFacts(NamedTuple):
    """The encodings of file names, of text files by default, and of this terminal."""

    platform: str
    files: str
    texts: str
    terminal: str


def probe_locale() -> LocaleFacts:
    """Ask Python for its encodings."""
    return LocaleFacts(
        sys.platform, sys.getfilesystemencoding(), locale.getpreferredencoding(False), sys.stdout.encoding or "none"
    )


def judge_locale(facts: LocaleFacts) -> Finding:
    """File names with letters beyond ASCII need UTF-8; on Windows text files have another default, which is no harm."""
    found = "file names %s, texts %s, terminal %s" % (facts.files, facts.texts, facts.terminal)

    def utf8(name: str) -> bool:
        return name.lower().replace("-", "") == "utf8"

    if not utf8(facts.files) or (facts.platform != "win32" and not utf8(facts.texts)):
        return Finding(
            "locale",
            WARN,
            found + "; names with letters such as an umlaut may fail.",
            "export LC_ALL=C.UTF-8, or choose a UTF-8 locale.",
        )
    return Finding("locale", FINE, found)


class ClockFacts(NamedTuple):
    """Seconds since 1970: the clock's, and the newest date among files that the system wrote."""

    now: float
    newest_file: float = 0.0


def probe_clock() -> ClockFacts:
    """Read the clock and the dates of files that every start of the system, or the copy of this file, has touched."""
    dates = []
    for path in ("/etc", "/var/log", "/tmp", "/private/var/log", os.environ.get("TEMP", ""), __file__):
        try:
            dates.append(Path(path).stat().st_mtime)
        except OSError:
            continue
    return ClockFacts(time.time(), max(dates) if dates else 0.0)


def judge_clock(facts: ClockFacts) -> Finding:
    """A clock that is days off makes every https address look forged."""
    today = time.strftime("%Y-%m-%d %H:%M", time.gmtime(facts.now)) + " UTC"
    fix = "Set date and time (or switch on 'set automatically'): with a wrong clock no https address can be trusted."
    if facts.now < RELEASED - DAY:
        return Finding("clock", WARN, "%s, which is before this program was made." % today, fix)
    if facts.now < facts.newest_file - DAY:
        return Finding(
            "clock",
            WARN,
            "%s, but files here are from %s." % (today, time.strftime("%Y-%m-%d", time.gmtime(facts.newest_file))),
            fix,
        )
    if facts.now > RELEASED + 3650 * DAY:
        return Finding("clock", WARN, "%s, ten years after this program was made." % today, fix)
    return Finding("clock", FINE, today)


# --- the whole --------------------------------------------------------------------------------------------------------

LAPTOP_NEEDS = ("system", "python", "venv", "cpu", "memory", "disk", "folder", "path length", "browser")


def choose_tiers(findings: List[Finding], native: str, memory_mb: int, free_mb: int) -> List[Tier]:
    """The four ways to take part, best first; a way that is barred names what bars it."""
    status = {finding.name: finding.status for finding in findings}
    blocking = [name for name in LAPTOP_NEEDS if status.get(name) == BLOCKED]
    why_not = "not on this laptop as it is, because of: %s" % ", ".join(blocking)
    tiers = [
        Tier(
            "laptop",
            not blocking,
            why_not if blocking else "Jupyter and PyTorch run on this laptop: start.py sets them up",
        )
    ]
    browser = status.get("browser") != BLOCKED
    no_browser = "needs a browser"
    tiers.append(
        Tier(
            "room",
            browser,
            "a seat on the presenter's machine, where one is offered: open its address" if browser else no_browser,
        )
    )
    tiers.append(
        Tier("page", browser, "lessons run in the browser itself, nothing to install" if browser else no_browser)
    )
    obstacles = []
    if native != "x86_64":
        obstacles.append("the images are for x86_64 processors")
    if status.get("virtualisation") != FINE:
        obstacles.append("virtualisation is not switched on")
    if 0 < memory_mb < IMAGE_MEMORY_MB:
        obstacles.append("a virtual machine needs %d GB of memory" % (IMAGE_MEMORY_MB // 1000))
    if free_mb < IMAGE_DISK_MB:
        obstacles.append("it needs %d GB of disk" % (IMAGE_DISK_MB // 1000))
    tiers.append(
        Tier(
            "image",
            not obstacles,
            "; ".join(obstacles) or "a virtual machine that holds everything: start it with VirtualBox or QEMU",
        )
    )
    return tiers


def cache_folder() -> Path:
    """The folder for all that handson downloads: HANDSON_CACHE, or the system's place for caches."""
    if os.environ.get("HANDSON_CACHE"):
        return Path(os.environ["HANDSON_CACHE"]).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "handson" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "handson"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handson"


def examine(
    folder: Optional[Path] = None,
    cache: Optional[Path] = None,
    port: int = 8888,
    need_mb: int = NEED_MB,
    longest_path: int = LONGEST_PATH,
) -> Report:
    """Look at everything, in under 10 s.

    `folder`: where the environment is or will be (default: .venv in the current folder); `cache`: where downloads go;
    `need_mb`: megabytes of the environment, unpacked; `longest_path`: characters of the longest path inside it.
    """
    start = time.time()
    folder, cache = folder or Path.cwd() / ".venv", cache or cache_folder()
    system, memory = probe_system(), probe_memory()
    there = (folder / "pyvenv.cfg").exists()  # an environment that is there takes no more room
    places = probe_disk(folder, cache, 200 if there else need_mb)
    steps: List[Tuple[str, Callable[[], Finding]]] = [
        ("system", lambda: judge_system(system)),
        ("python", lambda: judge_python(probe_python())),
        ("venv", lambda: judge_venv(probe_venv())),
        ("cpu", lambda: judge_cpu(probe_cpu(system.machine))),
        ("cores", lambda: judge_cores(probe_cores())),
        ("memory", lambda: judge_memory(memory)),
        ("disk", lambda: judge_disk(places)),
        ("folder", lambda: judge_folder(probe_folder(folder))),
        ("path length", lambda: judge_path(probe_path(folder, longest_path))),
        ("virtualisation", lambda: judge_virtualisation(probe_virtualisation())),
        ("browser", lambda: judge_browsers(probe_browsers(), time.time())),
        ("port", lambda: judge_port(probe_port(port))),
        ("locale", lambda: judge_locale(probe_locale())),
        ("clock", lambda: judge_clock(probe_clock())),
    ]
    findings = [looked_at(name, look) for name, look in steps]
    tiers = choose_tiers(findings, system.native, memory.total, max(place.free_mb for place in places))
    return Report(findings, tiers, round(time.time() - start, 2))


def looked_at(name: str, look: Callable[[], Finding]) -> Finding:
    """A finding, also where the look itself failed: one odd machine must not hide the other thirteen answers."""
    try:
        return look()
    except Exception as error:
        return Finding(
            name,
            WARN,
            "it could not be looked at (%s: %s)." % (type(error).__name__, error),
            "Please report this line.",
        )


def as_text(report: Report) -> str:
    """The report for people; plain ASCII but for what the machine itself said."""
    words = {FINE: "fine", WARN: "note", BLOCKED: "STOP"}
    width = max(len(finding.name) for finding in report.findings)
    lines = []
    for finding in report.findings:
        lines.append("%s  %-*s  %s" % (words[finding.status], width, finding.name, finding.found))
        if finding.fix:
            lines.append("%s-> %s" % (" " * (width + 8), finding.fix))
    lines += ["", "How this laptop can take part, best first:"]
    for tier in report.tiers:
        lines.append("%s  %-*s  %s" % ("yes " if tier.serves else "no  ", width, tier.name, tier.reason))
    if report.best is None:
        lines += ["", "None of them as it is: begin with the lines marked STOP."]
    return "\n".join(lines)


def as_dict(report: Report) -> Dict[str, Any]:
    """The report for programs."""
    return {
        "findings": [finding._asdict() for finding in report.findings],
        "tiers": [tier._asdict() for tier in report.tiers],
        "best": report.best,
        "exit_code": report.exit_code,
        "seconds": report.seconds,
    }


def say(text: str) -> None:
    """Print, also on a console that lacks some of the letters."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


def main(
    argv: Optional[List[str]] = None,
    folder: Optional[Path] = None,
    need_mb: int = NEED_MB,
    longest_path: int = LONGEST_PATH,
) -> int:
    """Run the doctor as a program; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="doctor", description="Look at this laptop: what is fine, what to mend, and how it can take part."
    )
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--port", type=int, default=8888, help="the port to look at (default: 8888)")
    parser.add_argument("--env", type=Path, default=folder, help="the folder of the environment (default: .venv here)")
    options = parser.parse_args(argv)
    report = examine(options.env, port=options.port, need_mb=need_mb, longest_path=longest_path)
    say(json.dumps(as_dict(report), indent=2) if options.json else as_text(report))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
