from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from handson.lessons.jupyterlab import LAB_SETTINGS
from handson.room.hub import launch
from handson.room.hub.settings import RoomSettings
from handson.room.hub.state import make_places


def test_a_hub_that_takes_a_request_and_says_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "POST_PATIENCE", 0.1)

    async def test() -> None:
        gone = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            gone.set()

        server = await asyncio.start_unix_server(silent, str(tmp_path / "hub"))
        asking = asyncio.create_task(launch.post(tmp_path / "hub", "/hub/api/proxy", "token"))
        await asyncio.wait({asking}, timeout=20)
        assert asking.done()
        assert isinstance(asking.exception(), TimeoutError)
        await gone.wait()
        server.close()

    asyncio.run(test())


def test_seats_find_jupyterlabs_settings_and_may_read_them(make_settings: Callable[..., RoomSettings]) -> None:
    settings = make_settings()
    (settings.front_end / "jupyter").mkdir()
    places = make_places(settings.state)
    launch.show_to_seats(settings, places)
    file = places.jupyter / "labconfig" / "default_setting_overrides.json"
    assert json.loads(file.read_text()) == LAB_SETTINGS
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o755, 0o644)
