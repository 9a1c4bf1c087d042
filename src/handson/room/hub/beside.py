"""What runs beside JupyterHub in the hub's process: the board, the room's name on the network, its log to the disk."""

from __future__ import annotations

import asyncio
from typing import Any

from handson.room.database import bring_to_disk
from handson.room.hub.board import Board
from handson.room.hub.export import Export
from handson.room.hub.network import Announced
from handson.room.hub.room import Room


class Beside:
    """Started once the hub answers, ended before it ends."""

    def __init__(self, room: Room, app: Any) -> None:
        self._board = Board(room, Export(room, app))
        self._log = app.log
        self._database = room.places.hub_database
        self._to_disk: asyncio.Task[None] | None = None
        settings = room.settings
        self._name = Announced(settings.mdns, settings.host, settings.port, settings.scheme) if settings.mdns else None

    async def start(self) -> None:
        """Start all; a name that the network does not take is told in the log, and the address does without."""
        self._to_disk = asyncio.create_task(bring_to_disk(self._database))
        await self._board.start()
        if self._name:
            try:
                await self._name.start()
            except Exception as error:
                self._log.error("The name could not be announced on the network: %s", error)

    async def stop(self) -> None:
        """End all."""
        if self._to_disk:
            self._to_disk.cancel()
        await self._board.stop()
        if self._name:
            await self._name.stop()
