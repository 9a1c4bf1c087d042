"""Seats as the queue wants them, started the way JupyterHub starts a server for somebody who asks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.utils import maybe_future
from tornado.httputil import HTTPConnection, HTTPServerRequest

from handson.room.hub.store import number_of_user, user_of
from handson.room.use import SeatUse

_STOP_PATIENCE = 60.0
"""Seconds that a seat may take to end."""


class _NoConnection(HTTPConnection):
    """Nobody waits at the other end: the queue asks, not a browser."""

    def set_close_callback(self, _callback: Any) -> None:
        """Nothing closes."""


class HubSeats:
    """The seats of a running JupyterHub (its app)."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def _as_handler(self) -> Any:
        handler = BaseHandler(
            self._app.tornado_application, HTTPServerRequest("GET", "/hub/wait", connection=_NoConnection())
        )
        handler._jupyterhub_user = None
        return handler

    async def start(self, number: int) -> None:
        """Start a seat's server, and return once it answers and the proxy leads there; raises where it does not."""
        handler = self._as_handler()
        user = handler.find_user(user_of(number))
        if user is None:
            raise LookupError(f"{user_of(number)} is no user of the hub")
        spawner = user.spawner
        while spawner.pending == "stop":
            await asyncio.sleep(0.1)
        if spawner.ready:
            return
        if not spawner.pending:
            if spawner._spawn_future and spawner._spawn_future.done():
                spawner._spawn_future = None  # a failure of before
            await handler.spawn_single_user(user)
        if spawner._spawn_future:
            await spawner._spawn_future

    async def stop(self, number: int) -> None:
        """End a seat's server, if it runs or starts; raises TimeoutError where it does not end."""
        handler = self._as_handler()
        user = handler.find_user(user_of(number))
        if user is None:
            return
        spawner = user.spawner
        deadline = time.monotonic() + _STOP_PATIENCE
        while spawner.pending:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{user_of(number)} is still pending {spawner.pending}")
            await asyncio.sleep(0.1)
        if user.running:
            await handler.stop_single_user(user)
            while spawner.pending and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            if user.running or spawner.pending:
                raise TimeoutError(f"{user_of(number)} did not stop")

    async def forget(self, number: int) -> None:
        """End a seat's server, let its spawner remove what the seat kept (`delete_forever`), and remove its user."""
        user = self._as_handler().find_user(user_of(number))
        if user is None:
            return
        await self.stop(number)
        await maybe_future(user.spawner.delete_forever())  # JupyterHub's delete_spawners() would only log a failure
        self._app.users.delete(user)

    async def use(self) -> dict[int, SeatUse]:
        """What each running seat takes, where the class of their spawners can tell."""
        running = {}
        for user in self._app.users.values():
            number = number_of_user(user.name)
            if number is not None and user.spawner.ready:
                running[number] = user.spawner
        told = getattr(self._app.spawner_class, "use", None)
        return await told(running) if told and running else {}

    def ready(self, number: int) -> bool:
        """Whether the hub holds that seat's server for running."""
        users, name = self._app.users, user_of(number)
        return bool(name in users and users[name].spawner.ready)
