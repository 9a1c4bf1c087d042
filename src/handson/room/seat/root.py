"""What a seat sees of the file system: programs and the environment, read-only; its own home, /tmp and devices."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import handson
from handson.room.seat import layout, linux
from handson.room.seat.layout import Layout
from handson.room.seat.limits import Limits

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "ssl/certs",
    "timezone",
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_READ_ONLY = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV


@dataclass(frozen=True)
class View:
    """What is put before a seat."""

    shown: tuple[Path, ...]
    """Folders and files of the host that it may read, at their own paths."""
    number: int
    layout: Layout
    limits: Limits


def environment_paths(more: Iterable[Path] = ()) -> tuple[Path, ...]:
    """What this Python needs to be there: its prefixes, what it imports from, and `more`; only paths that exist.

    A folder that lies in another of the list is left out, and so is what every seat sees anyway, and the folder that
    `python -m` was called in: it may be the organiser's home.
    """
    imported = sys.path if sys.flags.safe_path else sys.path[1:]
    wanted = {Path(sys.prefix), Path(sys.base_prefix), *more}
    wanted |= {Path(entry) for entry in imported if entry} | {Path(handson.__file__).parent.parent}
    wanted |= {Path(sysconfig.get_paths()[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib", "data")}
    wanted |= {Path(sys.executable).resolve().parent.parent}
    wanted |= {path.resolve() for path in wanted}
    kept: list[Path] = []
    for path in sorted(wanted):
        hidden = len(path.parts) < 3 or not path.is_absolute() or not path.exists()  # never /, /tmp, /home
        if hidden or any(path.is_relative_to(above) for above in (*map(Path, _SYSTEM[:1]), *kept)):
            continue
        kept.append(path)
    return tuple(kept)


def build(view: View, at: Path) -> None:
    """Build it at the empty folder `at`, in a mount namespace of this process's own, and make it the root.

    Raises OSError where the kernel does not allow a part of it.
    """
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", at, "tmpfs", linux.MS_NOSUID, "size=1m,mode=755")
    for name in _SYSTEM:
        _system(Path(name), at)
    for name in _ETC:
        _bind(Path("/etc") / name, at)
    for path in (*view.shown, Path("/sys/devices/system/cpu")):
        _bind(path, at)
    uid, limits = view.layout.uid(view.number), view.limits
    _etc(at, uid, view.number)
    _devices(at, limits)
    for folder, size, mode in (("tmp", limits.temporary, "1777"), ("run", 100_000, "755")):
        (at / folder).mkdir(exist_ok=True)
        options = f"size={size},mode={mode},nr_inodes=65536"
        # Paths of the environment may lie in /tmp: they are put there again, on top.
        linux.mount("tmpfs", at / folder, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    for path in view.shown:
        if path.is_relative_to("/tmp") or path.is_relative_to("/run"):
            _bind(path, at)
    (at / "run/user").mkdir()
    user = f"size=4m,mode=700,uid={uid},gid={uid}"
    linux.mount("tmpfs", at / "run/user", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, user)
    _writable(view.layout.home(view.number), at / layout.HOME.relative_to("/"))
    _writable(view.layout.run(view.number), at / layout.OWN.relative_to("/"))
    _bind(view.layout.hub_door, at, layout.HUB_DOOR)
    _bind(view.layout.kernels_door, at, layout.KERNELS_DOOR)
    if not (at / "var/tmp").exists():  # what is shown may lie there: the room of a rehearsal
        (at / "var").mkdir(exist_ok=True)
        (at / "var/tmp").symlink_to("/tmp")
    (at / "proc").mkdir()
    linux.mount("proc", at / "proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    _become_root(at)


def _become_root(at: Path) -> None:
    old = at / ".old"
    old.mkdir()
    os.chdir(at)
    linux.pivot_root(at, old)
    os.chdir("/")
    linux.umount("/.old", linux.MNT_DETACH)
    Path("/.old").rmdir()
    for folder in ("/", "/run", "/dev"):
        flags = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID
        linux.mount("none", folder, flags=flags)


def _system(path: Path, at: Path) -> None:
    """A folder of the system: a link stays one (/bin is often usr/bin)."""
    if path.is_symlink():
        (at / path.relative_to("/")).symlink_to(path.readlink())
    else:
        _bind(path, at)


def _bind(path: Path, at: Path, to: Path | None = None) -> None:
    """Show `path` read-only; what the host does not have is not shown."""
    if not path.exists():
        return
    target = at / (to or path).relative_to("/")
    if path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    linux.mount(os.fspath(path), target, flags=linux.MS_BIND)
    linux.mount("none", target, flags=linux.MS_REMOUNT | linux.MS_BIND | _READ_ONLY)


def _writable(path: Path, target: Path) -> None:
    target.mkdir(parents=True)
    linux.mount(os.fspath(path), target, flags=linux.MS_BIND)
    flags = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("none", target, flags=flags)


def _etc(at: Path, uid: int, number: int) -> None:
    """The few files of /etc that programs ask for, with the seat's own user and nobody else's."""
    user = layout.USER
    texts = {
        "passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\n{user}:x:{uid}:{uid}:{user}:{layout.HOME}:/bin/bash\n",
        "group": f"root:x:0:\n{user}:x:{uid}:\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "hostname": f"seat-{number}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "resolv.conf": "",
    }
    (at / "etc").mkdir(exist_ok=True)
    for name, text in texts.items():
        (at / "etc" / name).write_text(text)


def _devices(at: Path, limits: Limits) -> None:
    (at / "dev").mkdir()
    linux.mount("tmpfs", at / "dev", "tmpfs", linux.MS_NOSUID, "size=64k,mode=755")
    for name in _DEVICES:
        target = at / "dev" / name
        target.touch()
        linux.mount(f"/dev/{name}", target, flags=linux.MS_BIND)
        linux.mount("none", target, flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_NOSUID)
    for name, to in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (at / "dev" / name).symlink_to(to)
    (at / "dev/shm").mkdir()
    options = f"size={limits.temporary},mode=1777,nr_inodes=4096"
    linux.mount("tmpfs", at / "dev/shm", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    (at / "dev/pts").mkdir()
    options = "newinstance,ptmxmode=0666,mode=620"
    linux.mount("devpts", at / "dev/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, options)
    (at / "dev/ptmx").symlink_to("pts/ptmx")
