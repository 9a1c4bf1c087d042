"""JupyterHub's database: commits wait for nothing, and are on the disk a second later."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from handson.room.database import bring_to_disk


def test_the_log_is_brought_to_the_disk_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    log = tmp_path / "hub.sqlite-wal"

    async def looked(times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(0.01)

    async def test() -> None:
        task = asyncio.create_task(bring_to_disk(tmp_path / "hub.sqlite", every=0.001))
        await looked(5)
        assert not synced, "there is none yet"
        for content in ("one", "three"):
            count = len(synced)
            log.write_text(content)
            while len(synced) == count:
                await looked(1)
        count = len(synced)
        await looked(5)
        assert len(synced) <= count + 1, "nothing has changed"
        task.cancel()

    asyncio.run(asyncio.wait_for(test(), 20))
    assert set(synced) == {str(log)}
