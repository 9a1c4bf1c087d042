"""Make the environment ready, whatever state it is in."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from handson import doctor
from handson.environment import inventory, state
from handson.environment.exclusive import exclusive
from handson.environment.install import Installer, Say
from handson.environment.places import Extra, Places, larger, platform_name, site_packages, sizes
from handson.environment.state import Assessment, Need
from handson.environment.trouble import SetupError

LOCK = "lock"
KEPT = (LOCK, LOCK + ".owner")
"""What of the state outlives a remake: another start.py may be waiting for it."""


def ready(places: Places, extra: Extra, say: Say, remake: bool = False) -> None:
    """Return when the environment is ready; raises SetupError with cause and way out if it cannot be made so.

    `extra`: what it has to hold, where more is there it stays; `remake`: from scratch, whatever it looks like.
    """
    platform = platform_name()
    asked, before = extra, state.read_stamp(places)
    extra = larger(extra, before.extra) if before else extra  # what is there stays
    _require_files(places, extra)
    found = state.assess(places, platform, extra)
    if found.need is Need.NOTHING and not remake:
        return
    _refuse(found)
    _refuse_root_of_others(places, asked)
    # Before the first file is written, so that a folder is not half made when it cannot be made at all.
    _check(doctor.judge_folder(doctor.probe_folder(places.env)), doctor.judge_folder(doctor.probe_folder(places.cache)))

    def wait(owner: str) -> None:
        who = f" (process {owner})" if owner else ""
        say(f"Another start.py{who} is setting up this environment: waiting for it to end.")

    with exclusive(places.state / LOCK, wait) as handle:
        found = state.assess(places, platform, extra)  # the other may have done it meanwhile
        if remake:
            found = Assessment(Need.REMAKE, "You asked for it with --repair.")
        if found.need is Need.REMAKE and not _entries(places):
            found = Assessment(Need.MAKE)
        if found.need is not Need.NOTHING:
            _work(places, platform, extra, found, say, handle)


def _entries(places: Places) -> list[str]:
    """What is in the environment's folder besides the lock that we hold."""
    inside = [path.name for path in places.env.iterdir() if path != places.state]
    return inside + [path.name for path in places.state.iterdir() if path.name not in KEPT]


def _work(places: Places, platform: str, extra: Extra, found: Assessment, say: Say, handle: int) -> None:
    before = state.read_stamp(places)
    extra = larger(extra, before.extra) if before else extra  # another may have brought more while we waited
    installer = Installer(places, platform, extra, say, handle)
    held: inventory.Inventory = {}
    if found.need is Need.MEND:
        say(f"{found.reason} Mending the environment.")
        held = inventory.load(places.state / "inventory.json")
    else:
        _check_python()
        if found.need is Need.REMAKE:
            say(f"{found.reason} Making it anew.")
        clear(places)
        _check_room(places, platform, extra)
        if found.need is Need.MAKE:
            say("Setting up the workshop. This is done once and takes a few minutes.")
    (places.state / "stamp.json").unlink(missing_ok=True)
    (places.state / "log.txt").unlink(missing_ok=True)
    _install(installer, found, held)
    inventory.save(inventory.take(places.env, site_packages(places.env)), places.state / "inventory.json")
    state.write_stamp(places, state.current_stamp(places, platform, extra))
    shutil.rmtree(places.cache / "tmp", ignore_errors=True)


def _install(installer: Installer, found: Assessment, held: inventory.Inventory) -> None:
    if found.need is Need.MEND:
        installer.discard(held, sorted(found.damaged))
    else:
        installer.make_venv()
    installer.read_settings()
    installer.get_uv()
    installer.install_packages()
    installer.install_handson()
    installer.check()


def clear(places: Places) -> None:
    """Empty the environment's folder, all but the lock that we hold. Only for folders that start.py has made."""
    for path in [*places.env.iterdir(), *places.state.iterdir()]:
        if path == places.state or path.name in KEPT:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


# --- preconditions ----------------------------------------------------------------------------------------------------


def _check(*findings: doctor.Finding) -> None:
    """Raise SetupError for the first finding that bars the way."""
    for finding in findings:
        if finding.status == doctor.BLOCKED:
            words = finding.found if finding.found.endswith(".") else finding.found + "."
            raise SetupError(f"{finding.name}: {words}", finding.fix)


def _check_python() -> None:
    look: list[Callable[[], doctor.Finding]] = [
        lambda: doctor.judge_system(doctor.probe_system()),
        lambda: doctor.judge_python(doctor.probe_python()),
        lambda: doctor.judge_venv(doctor.probe_venv()),
    ]
    for one in look:
        _check(one())


def _check_room(places: Places, platform: str, extra: Extra) -> None:
    """Disk and path length; the cache may hold much of what is needed already, and the environment then links to it."""
    need = sizes(platform, extra)
    _check(
        doctor.judge_path(doctor.probe_path(places.env, need.longest_path)),
        doctor.judge_disk(doctor.probe_disk(places.env, places.cache, need.unpacked_mb)),
    )


def _require_files(places: Places, extra: Extra) -> None:
    lock = places.lock(extra)
    if not lock.is_file():
        raise SetupError(
            f"{lock.name} is missing beside start.py ({lock.parent}).", "Copy the whole folder of the workshop."
        )
    if places.wheels is not None and not any(places.wheels.glob("*.whl")):
        raise SetupError(
            f"The folder {places.wheels} holds no wheels.",
            "Put the wheels there, or remove the folder to use your index.",
        )


def _refuse(found: Assessment) -> None:
    if found.need is Need.REFUSE:
        raise SetupError(found.reason, "Choose another folder with --env FOLDER, or remove this one yourself.")


def _refuse_root_of_others(places: Places, extra: Extra) -> None:
    """Raise SetupError where root would install into the environment of somebody who could not change it then.

    One that is not there yet is theirs where sudo was typed; else this may be a container, in which only root is.
    """
    there = places.env.exists()
    if os.name != "posix" or os.geteuid() != 0 or not (there or "SUDO_UID" in os.environ):
        return
    owner = owner_of(places.env if there else places.root)
    if owner == 0:
        return
    whose = f"user {owner}"
    with contextlib.suppress(ImportError, KeyError):
        import pwd

        whose = pwd.getpwuid(owner).pw_name
    first = f"python3 start.py{'' if extra == 'laptop' else ' ' + extra}"
    then = f"   then: sudo {shlex.quote(str(places.scripts / 'handson'))} room" if extra == "room" else ""
    raise SetupError(
        f"The environment {places.env} is {whose}'s, and this is root, whose files {whose} could not change then.",
        f"Run it without sudo first: {first}{then}   (or name an environment of root's own: --env FOLDER)",
    )


def owner_of(folder: Path) -> int:
    """The user ID of a folder's owner."""
    return folder.stat().st_uid


def doctor_arguments() -> dict[str, int]:
    """What the doctor should ask for when it looks at this very workshop."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        need = sizes(platform_name(), "laptop")
        return {"need_mb": need.unpacked_mb, "longest_path": need.longest_path}
    return {}


def say_on_stderr(text: str) -> None:
    """Print a line for people, also on a console that lacks some of the letters."""
    encoding = sys.stderr.encoding or "ascii"
    sys.stderr.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stderr.flush()
