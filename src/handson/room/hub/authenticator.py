"""Who an attendee is: decided by the join page, kept in JupyterHub's log-in cookie."""

from __future__ import annotations

from typing import Any

from jupyterhub.auth import Authenticator

from handson.room.hub.store import Attendee


class RoomAuthenticator(Authenticator):  # type: ignore[misc]  # jupyterhub has no types
    """Lets in whom the room's own handlers bring; nothing that a browser sends reaches it unchecked."""

    def login_url(self, base_url: str) -> str:
        """The join page."""
        return f"{base_url}join"

    def get_handlers(self, app: Any) -> list[Any]:
        """The room's handlers. They stand before JupyterHub's own, some of which they replace."""
        from handson.room.hub.handlers import handlers

        return handlers(app)

    async def authenticate(self, _handler: Any, data: Any) -> str | None:
        """The user of an attendee whom a handler of ours has recognised; None for anything else."""
        one = data.get("attendee") if isinstance(data, dict) else None
        return one.user if isinstance(one, Attendee) else None
