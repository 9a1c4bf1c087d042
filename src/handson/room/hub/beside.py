"""What runs beside JupyterHub in the hub's process: the board on its own port, and the room's name on the network."""

from __future__ import annotations

from typing import Any

from handson.room.hub.room import Room


class Beside:
    """Started once the hub answers, ended before it ends."""

    def __init__(self, room: Room, app: Any) -> None:
        self._room, self._app = room, app

    async def start(self) -> None:
        """Start all."""

    async def stop(self) -> None:
        """End all."""
