"""The hub's process: JupyterHub with this room's configuration, and beside it the board and the name on the network."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from jupyterhub.app import JupyterHub
from traitlets.config import Config

from handson.errors import HandsonError
from handson.room.database import commit_without_waiting
from handson.room.hub.beside import Beside
from handson.room.hub.config import hub_config
from handson.room.hub.room import Room
from handson.room.hub.seats import HubSeats
from handson.room.hub.settings import RoomSettings, read_settings
from handson.room.hub.state import Places, Secrets, room_secrets
from handson.room.hub.texts import text


class RoomHub(JupyterHub):  # type: ignore[misc]  # jupyterhub has no types
    """JupyterHub, and what a room has beside it in the same process."""

    name = "jupyterhub"
    room: Room
    _beside: Beside | None = None

    def use(self, settings: RoomSettings, secrets: Secrets, places: Places) -> None:
        """Hold this room."""
        self.room = Room(settings, secrets, places, HubSeats(self))
        self.room.given_lessons()  # the first seat does not wait for it
        self.template_vars = {"t": lambda _user: text}  # JupyterHub calls what can be called, with the user

    def init_tornado_settings(self) -> None:
        """JupyterHub's, and the room for our handlers."""
        self.tornado_settings = {**self.tornado_settings, "room": self.room}  # type: ignore[has-type]
        super().init_tornado_settings()

    async def start(self) -> None:
        """Start JupyterHub, then what needs it."""
        await super().start()
        self._beside = Beside(self.room, self)
        await self._beside.start()

    async def cleanup(self) -> None:
        """End what was started, and JupyterHub."""
        if self._beside:
            await self._beside.stop()
        await self.room.queue.stop()
        await super().cleanup()
        self.room.store.close()


def main(arguments: list[str] | None = None) -> None:
    """Run the hub until it is told to end."""
    (file,) = arguments or sys.argv[1:]
    try:
        launch(Path(file))
    except HandsonError as error:
        sys.exit(str(error))


def launch(file: Path) -> None:
    """Run the hub of the settings in `file`, which lies in the hub's own folder."""
    settings = read_settings(file)
    places = Places(settings.state)
    os.chdir(places.hub)  # where JupyterHub keeps what it names without a folder
    tempfile.tempdir = str(places.hub)  # exports are large, and /tmp is memory on many systems
    secrets = room_secrets(places)
    commit_without_waiting()
    app = RoomHub.instance(config=Config(hub_config(settings, secrets, places)))
    app.use(settings, secrets, places)
    RoomHub.launch_instance(argv=[])
