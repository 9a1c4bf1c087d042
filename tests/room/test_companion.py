from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from handson.room import companion
from handson.room.space import Disk

NOTEBOOK = "numbers/01_add.ipynb"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "home" / ".cache" / "handson"))
    return tmp_path / "home" / ".cache" / "handson"


def given(text: str, cache: Path) -> bytes:
    return json.dumps({"notebooks": {NOTEBOOK: text}, "index": {"cat": "x"}, "cache": str(cache)}).encode()


def test_a_seat_gets_the_lessons_and_the_data_that_the_organiser_fetched(tmp_path: Path, own_cache: Path) -> None:
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    (fetched / "cat.jpg").write_text("cat")
    companion.receive_lessons(tmp_path / "home", given("first", fetched))
    assert (tmp_path / "home" / NOTEBOOK).read_text() == "first"
    assert (own_cache / "cat.jpg").read_text() == "cat"


def test_a_correction_replaces_what_was_not_touched_and_leaves_the_rest(tmp_path: Path, own_cache: Path) -> None:
    home = tmp_path / "home"
    companion.receive_lessons(home, given("first", own_cache))
    companion.receive_lessons(home, given("second", own_cache))
    assert (home / NOTEBOOK).read_text() == "second"
    (home / NOTEBOOK).write_text("mine")
    companion.receive_lessons(home, given("third", own_cache))
    assert (home / NOTEBOOK).read_text() == "mine"
    (beside,) = (home / "numbers").glob("01_add.new-*.ipynb")
    assert beside.read_text() == "third"


def test_a_cache_of_the_seats_own_stays(tmp_path: Path, own_cache: Path) -> None:
    own_cache.mkdir(parents=True)
    (own_cache / "mine").write_text("mine")
    companion.receive_lessons(tmp_path / "home", given("first", tmp_path))
    assert (own_cache / "mine").read_text() == "mine"
    assert not own_cache.is_symlink()


def test_a_hub_that_is_not_there_is_an_error_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_URL", f"http+unix://{str(tmp_path / 'none.sock').replace('/', '%2F')}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "x")
    with pytest.raises(OSError, match="No such file"):
        companion.hub_get("/room/lessons")


@pytest.mark.parametrize(("free", "said"), [(40_500_000, {"low": True, "free_mb": 40}), (400_000_000, {"low": False})])
def test_the_strip_hears_that_the_seats_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: dict[str, object]
) -> None:
    monkeypatch.setattr(Disk, "of", lambda _: Disk(free, 1_000_000_000))
    assert json.loads(companion.disk_of(tmp_path)) == said


def test_a_server_that_begins_removes_what_one_that_was_killed_had_half_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: companion.Follower) -> None:
        pass

    def no_hub(_: str) -> bytes:
        raise OSError

    monkeypatch.setenv(companion.ROOM, "1")
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:9/hub/api")
    monkeypatch.setattr(companion, "hub_get", no_hub)
    monkeypatch.setattr(companion.Follower, "follow", nothing)
    half, whole = tmp_path / ".mine.ipynb.0123abcd.saving", tmp_path / "mine.ipynb"
    half.write_text("half")
    whole.write_text("whole")

    async def test() -> None:
        companion.Follower(tmp_path, logging.getLogger("test")).begin()

    asyncio.run(test())
    assert list(tmp_path.iterdir()) == [whole]
