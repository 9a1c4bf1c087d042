"""What a room is started with, kept for the templates and for the next keeper."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handson.errors import HandsonError
from handson.room.seat import cgroups, disk
from handson.room.seat.layout import BASE, Layout
from handson.room.seat.limits import Limits
from handson.room.seat.root import environment_paths
from handson.room.seat.seats import Seats

_FILE = "room.json"


@dataclass(frozen=True)
class Settings:
    """Of one room; `shown` is what seats may read beside the system and the environment."""

    state: Path
    hub: int
    """The user and group ID of the hub and the proxy."""
    base: int = BASE
    limits: Limits = field(default_factory=Limits)
    shown: tuple[Path, ...] = ()
    images: bool = True
    """Whether homes are disks of their own."""
    prefix: str = "/"
    """JupyterHub's base_url."""
    ahead: tuple[int, ...] = ()
    """The seats that wait, forked, for somebody to take them, in this order."""
    preload: tuple[str, ...] = ()
    """Modules that kernels have imported, beside the usual ones."""
    refused: str = ""
    """What the kernel said where it did not let control groups be made; the room has none then."""

    def server_settings(self, number: int) -> dict[str, str]:
        """What a seat's server must know before it is asked for: its address, and where JupyterLab's settings are."""
        folder = str(self.state / "shown" / "jupyter")
        return {"prefix": f"{self.prefix}user/seat-{number}/", "base_url": self.prefix, "config": folder}

    @property
    def layout(self) -> Layout:
        """Where this room keeps what."""
        return Layout(self.state, self.base)

    def seats(self) -> Seats:
        """The seats of this room on this host."""
        shown = environment_paths((*self.shown, self.state / "shown"))
        groups = cgroups.Groups(0, {}) if self.refused else cgroups.find(self.state)
        return Seats(self.layout, groups, self.limits, shown, self.images)

    def write(self) -> Path:
        """Keep these settings where only root reads them; returns the file."""
        file = kept_in(self.state)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self), default=str, indent=1), encoding="utf-8")
        new.replace(file)  # whole at any time: a keeper that is started anew reads it
        return file

    @classmethod
    def read(cls, file: Path) -> Settings:
        """The settings that `write` kept."""
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        known["state"] = Path(known["state"])
        known["shown"] = tuple(Path(path) for path in known["shown"])
        known["preload"] = tuple(known["preload"])
        known["ahead"] = tuple(known["ahead"])
        known["limits"] = Limits(**known["limits"])
        return cls(**known)


def kept_in(state: Path) -> Path:
    """The file of a room's settings."""
    return state / "seats" / _FILE


def prepared(settings: Settings) -> Settings:
    """Make the room's folders and groups, and learn whether it can have groups and homes can be disks; needs root.

    Raises HandsonError where JupyterHub could not use the folder.
    """
    if str(settings.state) != str(settings.state).lower():
        raise HandsonError(
            f"{settings.state} has capital letters, which JupyterHub loses where a socket's path is a host's name.",
            "Choose another state directory (--state).",
        )
    settings.layout.make(settings.hub)
    # A seat sees of this what is there when it is made.
    (settings.state / "shown" / "jupyter").mkdir(parents=True, exist_ok=True)
    refused = settings.refused
    if not refused:
        cgroups.hand_down()
        try:
            groups = cgroups.find(settings.state)
            groups.make_room()
            with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as one:  # it ends with its input
                groups.join_room(one.pid)
        except OSError as error:
            refused = str(error)
    images = settings.images and disk.can_mount_images(settings.state / "seats")
    settings = dataclasses.replace(settings, images=images, refused=refused)
    settings.write()
    return settings
