"""Linux calls that Python does not have (or not in 3.11), through the C library; an OSError names the call."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC = 32, 4096, 16384
MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 18, 1 << 19, 1 << 20
MNT_DETACH = 2
_FITRIM = 0xC0185879

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 1, 4, 23, 24
_PR_SET_SECUREBITS, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_SET_NAME = 28, 36, 38, 15
# capabilities(7): root is nobody special, capabilities are not kept and not handed on; all locked.
_NOROOT_LOCKED = 0b11_10_00_11


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(namespaces: int) -> None:
    """Give this process new namespaces (CLONE_NEW…); a new PID namespace begins with its next child."""
    _checked(_libc.unshare(ctypes.c_int(namespaces)), "unshare")


def setns(descriptor: int, namespaces: int) -> None:
    """Enter the namespaces of the process behind a pidfd, or the one behind a descriptor of /proc/PID/ns."""
    _checked(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(namespaces)), "setns")


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    found = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), options.encode() or None
    )
    _checked(found, f"mount {source} on {target}")


def umount(target: str | Path, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), f"umount {target}")


def allocate(descriptor: int, size: int) -> bool:
    """Have the first `size` bytes of an open file take their space on the disk now (fallocate(2)).

    False where this file system cannot; raises OSError where there is not so much.
    """
    numbers = (ctypes.c_int(descriptor), ctypes.c_int(0), ctypes.c_int64(0), ctypes.c_int64(size))
    try:
        _checked(_libc.fallocate(*numbers), "fallocate")
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            return False
        raise
    return True


def give_back_unused(folder: Path) -> None:
    """Have the file system mounted at `folder` give back the space below it that it does not use (FITRIM)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(handle, _FITRIM, struct.pack("QQQ", 0, 2**64 - 1, 0))
    finally:
        os.close(handle)


def is_in_memory(path: Path) -> bool:
    """Whether a file is on a disk that is memory (tmpfs)."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    found = (line.split(" - ", 1) for line in lines if line.split(" ")[2] == wanted)
    return any(rest.split(" ")[0] in ("tmpfs", "ramfs") for _, rest in found)


def share(folder: Path) -> None:
    """Have mount namespaces that are made from here on see what is mounted below `folder` later."""
    if not is_mounted(folder):
        mount(os.fspath(folder), folder, flags=MS_BIND)
    mount("none", folder, flags=MS_SHARED)


def stop_sharing(folder: Path) -> None:
    """Undo `share`; what is still mounted below goes once nobody uses it."""
    while is_mounted(folder):
        umount(folder, MNT_DETACH)


def is_mounted(folder: Path) -> bool:
    """Whether something is mounted there: also a folder of the same disk, which `Path.is_mount` does not see."""
    escaped = (
        os.fspath(folder).replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
    )
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return any(line.split(" ")[4] == escaped for line in lines)


def pivot_root(new: str | Path, old: str | Path) -> None:
    """Make `new` the root of this mount namespace and put the old one at `old`."""
    number = {"x86_64": 155}.get(os.uname().machine, 41)  # 41: every architecture with the generic table
    _checked(_libc.syscall(ctypes.c_long(number), os.fsencode(new), os.fsencode(old)), "pivot_root")


def sethostname(name: str) -> None:
    """The name of this UTS namespace."""
    socket.sethostname(name)


def prctl(option: int, value: int = 0) -> int:
    """prctl(2) with one number."""
    rest = (ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    return _checked(_libc.prctl(ctypes.c_int(option), *rest), f"prctl {option}")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when the one that forked it ends."""
    prctl(_PR_SET_PDEATHSIG, signal_number)


def become_reaper() -> None:
    """Become the parent of descendants whose own parent has ended."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """What `ps` and `top` call this process (15 bytes)."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    _checked(_libc.prctl(_PR_SET_NAME, buffer, 0, 0, 0), "prctl PR_SET_NAME")


def stay_traceable() -> None:
    """Let this process read its own /proc/self again: a changed user ID takes that away."""
    prctl(_PR_SET_DUMPABLE, 1)


def give_up_capabilities() -> None:
    """Empty the bounding set and lock what would give capabilities back to a root ID; needs CAP_SETPCAP."""
    capability = 0
    while True:
        try:
            prctl(_PR_CAPBSET_READ, capability)
        except OSError:
            break  # past the last one that this kernel has
        prctl(_PR_CAPBSET_DROP, capability)
        capability += 1
    prctl(_PR_SET_SECUREBITS, _NOROOT_LOCKED)


def become_user(number: int, group: int | None = None) -> None:
    """Change to the user `number` and the group of that number (or another) for good: no other group, no capability,
    none ever again."""
    group = number if group is None else group
    os.setgroups([])
    give_up_capabilities()
    os.setresgid(group, group, group)
    os.setresuid(number, number, number)
    no_new_privileges()


def no_new_privileges() -> None:
    """From here on no program that is executed gives this process more rights than it has."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def bring_up_loopback() -> None:
    """Switch on `lo` in this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        up_and_running = 0x1 | 0x40
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))  # SIOCSIFFLAGS


def started_at(pid: int) -> int:
    """When process `pid` began, in clock ticks since the boot: with the number, it names one process for good.

    Raises ProcessLookupError where there is none.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[19])


def inside_pid(pid: int) -> int:
    """What process `pid` is called in its own PID namespace."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return pid
