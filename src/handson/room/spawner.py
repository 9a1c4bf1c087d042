"""JupyterHub's spawner of seats. It has no rights: it asks the room's keeper, by number, over a Unix socket."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyterhub.spawner import Spawner
from traitlets import Integer, Unicode, default

from handson.errors import HandsonError
from handson.room.forge.protocol import Message, ask
from handson.room.seat import layout
from handson.room.seat.layout import Layout
from handson.room.use import SeatUse

_NAME = re.compile(r"seat-([1-9][0-9]{0,2})")
PATIENCE = 90.0
"""Seconds for the keeper to answer."""
LOOK_PATIENCE = 5.0
"""The same where it is only asked how its seats are."""


def seat_number(name: str) -> int:
    """The seat of a user of JupyterHub; raises HandsonError for a name that is none of a seat."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise HandsonError(f"{name!r} is no name of a seat.", "Seats' users are called seat-1, seat-2, …")
    return int(found[1])


def unix_url(path: Path) -> str:
    """How JupyterHub writes the address of a Unix socket."""
    return "http+unix://" + quote(str(path), safe="").replace("%2F", "%2f")


class SeatSpawner(Spawner):  # type: ignore[misc]
    """Starts a seat's server by the keeper; nothing survives in this object but the number in the user's name."""

    state = Unicode(config=True, help="The room's state directory.")
    hub_socket = Unicode(
        str(layout.HUB_DOOR / "hub.sock"), config=True, help="The hub's socket for its API, as seats see it."
    )
    start_timeout = Integer(120, config=True)

    @default("hub_connect_url")
    def _hub_as_seats_see_it(self) -> str:
        return unix_url(Path(self.hub_socket))

    @property
    def number(self) -> int:
        """The seat's."""
        return seat_number(str(self.user.name))

    @property
    def server(self) -> Any:
        """See the base class, which puts a port behind a socket's path unless the address is said whole."""
        found = super().server
        if found is not None and not found.connect_url:
            found.connect_url = unix_url(self._layout.server_socket(self.number))
        return found

    @server.setter
    def server(self, server: Any) -> None:
        Spawner.server.fset(self, server)

    @property
    def _layout(self) -> Layout:
        return Layout(Path(self.state))

    async def start(self) -> str:
        """See the base class; raises HandsonError with the keeper's words."""
        variables = {name: value for name, value in self.get_env().items() if value is not None}
        await self._ask({"do": "start", "seat": self.number, "env": variables})
        return unix_url(self._layout.server_socket(self.number))

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002 (the base class's)
        """See the base class."""
        await self._ask({"do": "stop", "seat": self.number})

    async def delete_forever(self) -> None:
        """See the base class: the seat's files are removed."""
        await self._ask({"do": "forget", "seat": self.number})

    async def poll(self) -> int | None:
        """None while the server runs. A keeper that is away is being started again: its seats go on meanwhile."""
        try:
            said = await self._ask({"do": "poll", "seat": self.number})
        except (OSError, HandsonError) as error:  # it is away, or ended while it was asked
            self.log.warning("The keeper does not answer (%s); seat %s is taken as running.", error, self.number)
            return None
        return None if said["running"] else 0

    @staticmethod
    async def use(running: Mapping[int, SeatSpawner]) -> dict[int, SeatUse]:
        """What each of these seats takes; none of them while the keeper is away."""
        try:
            any_of_them = next(iter(running.values()))
            said = await any_of_them._ask({"do": "status"}, LOOK_PATIENCE)
        except (OSError, HandsonError):
            return {}
        return use_told(said, running)

    async def _ask(self, message: Message, patience: float = PATIENCE) -> dict[str, Any]:
        return await ask(self._layout.keeper_socket, message, patience)


def use_told(status: Message, numbers: Iterable[int]) -> dict[int, SeatUse]:
    """What the keeper's `status` says that these seats take."""
    most = None if "memory" in status["not_limited"] else int(status["limits"]["memory"])
    seats = {number: status["seats"].get(str(number), {}) for number in numbers}
    return {
        number: SeatUse(one["memory"], most, one["out_of_memory"], one["waits_for_memory"])
        for number, one in seats.items()
        if "memory" in one
    }
