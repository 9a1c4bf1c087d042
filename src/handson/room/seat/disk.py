"""A seat's home: a disk of fixed size in a file where the host can mount one, else a folder that is watched."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from handson.errors import HandsonError
from handson.room.seat import linux
from handson.room.seat.linux import MNT_DETACH, is_mounted, umount

IMAGE = "disk.img"


def mount_home(seat: Path, uid: int, size: int) -> Path:
    """The home of a seat (folder `seat`), made where there is none: an ext4 file system of `size` bytes.

    Raises HandsonError where it cannot be made or mounted.
    """
    home, image = seat / "home", seat / IMAGE
    home.mkdir(exist_ok=True)
    if is_mounted(home):
        return home
    if not image.exists():
        _make_image(image, uid, size)
    options = "loop,nosuid,nodev"
    if linux.is_in_memory(image):
        options += ",discard"  # elsewhere, what is deleted would give away what was set aside
    _run("mount", "-o", options, image, home, what=f"mount the disk of a seat, {image}")
    with suppress(OSError):
        (home / "lost+found").rmdir()  # a learner's folder shows what is theirs
    return home


def _make_image(image: Path, uid: int, size: int) -> None:
    new = image.with_suffix(".new")
    with new.open("wb") as file:
        file.truncate(size)
    options = f"root_owner={uid}:{uid},lazy_itable_init=0,lazy_journal_init=1,nodiscard"
    _run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=4", "-E", options, new, what="make the disk of a seat")
    new.rename(image)


def set_aside(image: Path) -> bool:
    """Have the host keep all of the image's space for it, whoever fills the host's disk; False where it cannot.

    Without, a full host is an error of the seat's disk, which then is read-only. The image may be mounted, beside it as
    `mount_home` does. Raises HandsonError where the host has not so much; nothing more is taken of it then.
    """
    if linux.is_in_memory(image):
        return False  # of that there is never enough to keep it idle
    now, host = image.stat(), os.statvfs(image)
    size, missing, free = now.st_size, now.st_size - now.st_blocks * 512, host.f_bavail * host.f_frsize
    try:
        if missing > free:  # asked before: ext4 and others keep what they took until there was no more
            raise OSError(errno.ENOSPC, f"{free / 1e6:.0f} MB are free")
        with image.open("r+b") as file:
            return linux.allocate(file.fileno(), size)
    except OSError as error:
        if is_mounted(image.parent / "home"):  # somebody else was faster
            with suppress(OSError):
                linux.give_back_unused(image.parent / "home")
        raise HandsonError(
            f"There is no space for the disk of a seat ({size / 1e6:.0f} MB): {error.strerror}.",
            f"Free some space on the disk of {image.parent}.",
        ) from None


def can_set_aside(folder: Path) -> bool:
    """Whether the disk of `folder` can keep space for an image: tried once with a small one."""
    trial = folder / "trial.img"
    try:
        with trial.open("wb") as file:
            file.truncate(1_000_000)
        return set_aside(trial)
    finally:
        trial.unlink(missing_ok=True)


def is_set_aside(image: Path) -> bool:
    """Whether the host keeps all of the image's space for it."""
    found = image.stat()
    return found.st_blocks * 512 >= found.st_size


def plain_home(seat: Path, uid: int) -> Path:
    """The home of a seat as an ordinary folder, whose size nothing limits."""
    home = seat / "home"
    home.mkdir(exist_ok=True)
    os.chown(home, uid, uid)
    home.chmod(0o700)
    return home


def unmount(folder: Path) -> None:
    """Unmount `folder` if something is mounted there; what is still open keeps its file system until it is closed."""
    if is_mounted(folder):
        umount(folder, MNT_DETACH)


def can_mount_images(folder: Path) -> bool:
    """Whether homes can be disks of their own here: tried once with a small one."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return False
    trial = folder / "trial"
    trial.mkdir(exist_ok=True)
    try:
        mount_home(trial, os.geteuid(), 32_000_000)
        unmount(trial / "home")
        return True
    except HandsonError:
        return False
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def _run(*command: str | Path, what: str) -> None:
    done = subprocess.run([os.fspath(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HandsonError(
            f"Could not {what}: {done.stderr.strip()}.", "Is the disk full, or are loop devices missing?"
        )
