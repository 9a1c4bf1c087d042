"""Where a room keeps what: folders, sockets, and the numbers that users and groups of seats have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from handson.errors import HandsonError

BASE = 210_000
"""Where nobody else has them (`numbers`), the user ID of seat N is BASE + N; BASE itself is that of the seats' init
processes. No user database knows them."""
MOST_SEATS = 999
HOME = Path("/home/learner")
"""A seat's home, as the seat sees it."""
USER = "learner"

# What a seat sees of the room.
OWN = Path("/run/handson/seat")
HUB_DOOR = Path("/run/handson/hub")
KERNELS_DOOR = Path("/run/handson/kernels")
SERVER_SOCKET = "server.sock"
KERNELS_SOCKET = "kernels.sock"


@dataclass(frozen=True)
class Layout:
    """The folders of a room whose state is kept in `state`; seats' user IDs begin above `base`."""

    state: Path
    base: int = BASE

    @property
    def keeper_socket(self) -> Path:
        """Where the keeper takes requests of the hub."""
        return self.state / "doors" / "keeper" / "keeper.sock"

    @property
    def servers_socket(self) -> Path:
        """Where the template of seats' servers listens; for the keeper only."""
        return self.state / "seats" / "servers.sock"

    @property
    def hub_door(self) -> Path:
        """The folder in which the hub makes its sockets; seats see it."""
        return self.state / "doors" / "hub"

    @property
    def kernels_door(self) -> Path:
        """The folder in which the kernel template listens; seats see it."""
        return self.state / "doors" / "kernels"

    @property
    def kernels_socket(self) -> Path:
        """Where the kernel template listens."""
        return self.kernels_door / KERNELS_SOCKET

    def seat(self, number: int) -> Path:
        """What is kept for a seat: its disk, its home, what runs in it. For root only."""
        return self.state / "seats" / str(number)

    def home(self, number: int) -> Path:
        """A seat's files, as root sees them."""
        return self.seat(number) / "home"

    def run(self, number: int) -> Path:
        """A seat's own small folder for its server's socket; the hub and the proxy reach it."""
        return self.state / "run" / str(number)

    def server_socket(self, number: int) -> Path:
        """Where a seat's server listens, as the hub and the proxy see it."""
        return self.run(number) / SERVER_SOCKET

    def uid(self, number: int) -> int:
        """The user and group ID of a seat."""
        return self.base + checked(number)

    def number(self, uid: int) -> int:
        """The seat whose user ID this is; raises HandsonError where there is none."""
        if not 1 <= uid - self.base <= MOST_SEATS:
            raise HandsonError(f"User {uid} is no seat of this room.", "Seats ask for kernels, nobody else does.")
        return uid - self.base

    def make(self, hub: int) -> None:
        """Make the folders; `hub` is the user and group ID of the hub and the proxy. Needs root."""
        modes = {
            self.state: (0, 0, 0o711),
            self.state / "seats": (0, 0, 0o700),
            self.state / "run": (0, hub, 0o710),
            self.state / "doors": (0, 0, 0o711),
            self.keeper_socket.parent: (0, hub, 0o710),
            self.hub_door: (hub, hub, 0o755),
            self.kernels_door: (0, 0, 0o755),
        }
        for folder, (uid, gid, mode) in modes.items():
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, uid, gid)
            folder.chmod(mode)


def checked(number: object) -> int:
    """`number` if it is that of a seat; raises HandsonError where it is not."""
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_SEATS:
        raise HandsonError(f"{number!r} is no seat.", f"Seats have numbers from 1 to {MOST_SEATS}.")
    return number
