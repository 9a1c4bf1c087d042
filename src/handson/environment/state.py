"""The stamp of a finished environment, and what is to be done about the one that is there."""

from __future__ import annotations

import enum
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from handson.environment import inventory
from handson.environment.install import torch_requirement
from handson.environment.places import EXTRAS, Extra, Places, larger

_ADDED = {"room": "What a room needs is", "test": "The test tools are"}


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from. It is written last: without it a set-up has not come to its end."""

    lock: str
    handson: str
    platform: str
    extra: Extra
    env: str
    python: str
    interpreter: str


class Need(enum.Enum):
    """What an environment needs before it can be used."""

    NOTHING = "nothing"
    MAKE = "make it"
    REMAKE = "make it anew"
    MEND = "install what is missing or new"
    REFUSE = "leave it alone"


@dataclass(frozen=True)
class Assessment:
    """The need and the reason in one sentence; `damaged`: files that are wrong, by distribution."""

    need: Need
    reason: str = ""
    damaged: dict[str, list[str]] = field(default_factory=dict)


def lock_digest(places: Places, platform: str, extra: Extra) -> str:
    """Digest of everything that is installed from an index or from wheels."""
    text = places.lock(extra).read_bytes() + (torch_requirement(platform) or "").encode()
    return hashlib.sha256(text).hexdigest()


def handson_source(places: Places) -> str:
    """Where handson itself comes from: the checkout and what its installation was made from, or the wheel."""
    if places.is_checkout:
        digest = hashlib.sha256((places.root / "pyproject.toml").read_bytes())
        digest.update((places.root / "src" / "handson" / "__init__.py").read_bytes())
        return f"{places.root} {digest.hexdigest()[:16]}"
    wheel = places.handson_wheel()
    return f"{wheel.name} {wheel.stat().st_size}" if wheel else "none"


def interpreter_of(python: Path) -> str:
    """Path, size and date of the Python that the environment's points to; raises OSError if it is gone."""
    real = python.resolve(strict=True)
    if os.name == "nt":  # a launcher that starts the Python named in pyvenv.cfg
        settings = dict(
            line.partition(" = ")[::2] for line in (python.parents[1] / "pyvenv.cfg").read_text().splitlines()
        )
        real = Path(settings.get("executable") or Path(settings["home"]) / "python.exe").resolve(strict=True)
    facts = real.stat()
    return f"{real} {facts.st_size} {facts.st_mtime_ns}"


def python_version(python: Path) -> str:
    """The version that a Python says it has, such as 3.11; empty if it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def current_stamp(places: Places, platform: str, extra: Extra) -> Stamp:
    """The stamp of the environment as it is now."""
    return Stamp(
        lock=lock_digest(places, platform, extra),
        handson=handson_source(places),
        platform=platform,
        extra=extra,
        env=str(places.env),
        python=python_version(places.python) or f"{sys.version_info.major}.{sys.version_info.minor}",
        interpreter=interpreter_of(places.python),
    )


def write_stamp(places: Places, stamp: Stamp) -> None:
    """Write the stamp so that it is there whole or not at all."""
    draft = places.state / "stamp.json.new"
    draft.write_text(json.dumps(asdict(stamp), indent=2) + "\n", encoding="utf-8")
    draft.replace(places.state / "stamp.json")


def read_stamp(places: Places) -> Stamp | None:
    """The stamp, or None where there is none that can be read."""
    try:
        made = json.loads((places.state / "stamp.json").read_text(encoding="utf-8"))
        if "tests" in made:  # written before there was a room to install
            made["extra"] = "test" if made.pop("tests") else "laptop"
        stamp = Stamp(**made)
    except (OSError, ValueError, TypeError):
        return None
    return stamp if stamp.extra in EXTRAS else None


def assess(places: Places, platform: str, extra: Extra) -> Assessment:
    """What the environment needs. Reads only; takes well under a second when it needs nothing."""
    try:
        empty = not any(places.env.iterdir())
    except FileNotFoundError:
        return Assessment(Need.MAKE)
    except NotADirectoryError:
        return Assessment(Need.REFUSE, f"{places.env} is a file.")
    if empty:
        return Assessment(Need.MAKE)
    if not places.state.is_dir():
        return Assessment(Need.REFUSE, f"{places.env} is not empty, and start.py has not made it.")
    stamp = read_stamp(places)
    if stamp is None:
        return Assessment(Need.REMAKE, "The last set-up did not come to its end.")
    return _unusable(stamp, places, platform) or _incomplete(stamp, places, platform, extra)


def _unusable(stamp: Stamp, places: Places, platform: str) -> Assessment | None:
    """Why the environment must be made anew, if so."""
    if stamp.platform != platform:
        return Assessment(Need.REMAKE, f"The environment was made on another kind of machine ({stamp.platform}).")
    if stamp.env != str(places.env):
        return Assessment(Need.REMAKE, f"The folder has moved: the environment was made in {stamp.env}.")
    try:
        interpreter = interpreter_of(places.python)
    except (OSError, KeyError):
        gone = stamp.interpreter.rsplit(" ", 2)[0]
        return Assessment(Need.REMAKE, f"The Python that the environment was made with is gone ({gone}).")
    if interpreter != stamp.interpreter:
        version = python_version(places.python)
        if version != stamp.python:
            return Assessment(
                Need.REMAKE,
                f"Python was {stamp.python} when the environment was made and is {version or 'broken'} now.",
            )
    return None


def _incomplete(stamp: Stamp, places: Places, platform: str, extra: Extra) -> Assessment:
    """Files that are missing or wrong, then requirements that have changed."""
    try:
        held = inventory.load(places.state / "inventory.json")
    except (OSError, ValueError):
        return Assessment(Need.REMAKE, "The list of what the environment holds cannot be read.")
    damaged = inventory.damage(held, places.env)
    if "" in damaged:
        return Assessment(Need.REMAKE, f"The environment's own files are missing or changed: {damaged[''][0]}.")
    if damaged:
        names = sorted(damaged)
        named = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return Assessment(Need.MEND, f"Files are missing or changed in {named}.", damaged)
    if larger(extra, stamp.extra) != stamp.extra:
        return Assessment(Need.MEND, f"{_ADDED[extra]} not installed yet.")
    if stamp.lock != lock_digest(places, platform, stamp.extra):
        return Assessment(Need.MEND, "The locked requirements have changed.")
    if stamp.handson != handson_source(places):
        return Assessment(Need.MEND, "handson itself has changed.")
    return Assessment(Need.NOTHING)
