"""JupyterHub's side of the proxy; it takes routes to UNIX sockets from the configuration, too."""

from __future__ import annotations

from typing import Any

from jupyterhub.proxy import ConfigurableHTTPProxy
from traitlets import validate


class RoomProxy(ConfigurableHTTPProxy):  # type: ignore[misc]  # jupyterhub has no types
    """As JupyterHub's, which wants http or https of such routes though it sends to UNIX sockets as well."""

    @validate("extra_routes")
    def _validate_extra_routes(self, proposal: Any) -> Any:
        return proposal.value
