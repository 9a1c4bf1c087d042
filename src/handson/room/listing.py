"""A seat's kernels as its server lists them: those that have been started, and no half-started one."""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError


class Kernels(AsyncMappingKernelManager):
    """Jupyter's kernels. For a moment it knows of a kernel before the kernel knows when it was last used: whoever asks
    for the list just then got an error of the server's."""

    def kernel_model(self, kernel_id: str) -> dict[str, Any]:
        """See the base class. Raises HTTPError (404) for one that is not started yet; the list is without it."""
        if kernel_id in self and not self.get_kernel(kernel_id).trait_has_value("last_activity"):
            raise HTTPError(404, f"Kernel is being started: {kernel_id}")
        model: dict[str, Any] = super().kernel_model(kernel_id)  # type: ignore[no-untyped-call]
        return model
