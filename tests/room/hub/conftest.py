"""A room's settings, in a folder of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handson.room.hub.settings import RoomSettings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., RoomSettings]:
    """Settings with some of them given."""

    def make(**more: Any) -> RoomSettings:
        front_end = tmp_path / "front end"
        front_end.mkdir(exist_ok=True)
        return RoomSettings(**{"workshop": ROOT, "state": tmp_path / "room", "front_end": front_end, **more})

    return make
