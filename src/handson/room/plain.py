"""Seats without fences, for rooms that trust everyone: plain processes of the user who runs the room."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from jupyterhub.spawner import SimpleLocalProcessSpawner


class PlainSpawner(SimpleLocalProcessSpawner):  # type: ignore[misc]  # jupyterhub has no types
    """JupyterHub's spawner of plain processes, which removes a seat's folder when the seat is forgotten."""

    async def delete_forever(self) -> None:
        """Remove the seat's folder."""
        home = Path(self.home_dir)
        if home.is_dir():
            await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, home)
