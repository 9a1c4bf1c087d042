"""The list of a seat's kernels while one is being started."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("jupyter_server", reason="Jupyter Server is not installed: pip install 'handson[room]'")

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import TraitError

from handson.room.listing import Kernels


async def between(manager: AsyncMappingKernelManager) -> str:
    """Start a kernel as far as jupyter_client does, before Jupyter Server notes when it was last used."""
    return await manager.pinned_superclass._async_start_kernel(manager)  # type: ignore[no-any-return]


def test_a_kernel_that_is_being_started_is_no_error_of_the_list() -> None:
    async def run() -> None:
        usual, ours = AsyncMappingKernelManager(), Kernels()
        try:
            first = await between(usual)
            with pytest.raises(TraitError):  # once this fails, Jupyter Server has mended it: take our class away
                usual.list_kernels()
            second = await between(ours)
            assert ours.list_kernels() == []
            with pytest.raises(HTTPError, match="404"):
                ours.kernel_model(second)
            with pytest.raises(HTTPError, match="does not exist"):
                ours.kernel_model("nobody")
            started = await ours.start_kernel()
            assert [kernel["id"] for kernel in ours.list_kernels()] == [started]
            assert first != second
        finally:
            await usual.shutdown_all(now=True)
            await ours.shutdown_all(now=True)

    asyncio.run(run())
