"""Which kernels of a seat are ended to make room."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handson.room import kept
from handson.room.kept import KEPT, kernels_kept, leave_room, to_end

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
GIB = 1 << 30


def kernel(name: str, rested: float, state: str = "idle") -> dict[str, Any]:
    at = (NOW - timedelta(seconds=rested)).isoformat().replace("+00:00", "Z")
    return {"id": name, "last_activity": at, "execution_state": state}


@pytest.mark.parametrize(
    ("seats", "available", "count"),
    [(30, 8 * GIB, 1), (30, 16 * GIB, 1), (30, 20 * GIB, 2), (30, 64 * GIB, 6), (4, 8 * GIB, 6), (0, 0, 1)],
)
def test_a_seat_keeps_as_many_as_the_memory_holds(seats: int, available: int, count: int) -> None:
    assert kernels_kept(seats, available) == count


def test_those_used_last_stay() -> None:
    kernels = [kernel("old", 900), kernel("new", 100), kernel("older", 2000)]
    assert to_end(kernels, 1, NOW) == ["old", "older"]
    assert to_end(kernels, 2, NOW) == ["older"]
    assert to_end(kernels, 3, NOW) == []


@pytest.mark.parametrize("state", ["busy", "starting", "restarting"])
def test_who_works_is_not_ended(state: str) -> None:
    assert to_end([kernel("new", 1), kernel("old", 900, state)], 1, NOW) == []


def test_who_has_just_left_may_come_back() -> None:
    assert to_end([kernel("new", 1), kernel("old", 4)], 1, NOW) == []


class Manager:
    def __init__(self, *kernels: dict[str, Any]) -> None:
        self.kernels = list(kernels)

    def list_kernels(self) -> list[dict[str, Any]]:
        return self.kernels

    async def shutdown_kernel(self, name: str) -> None:
        self.kernels = [kernel for kernel in self.kernels if kernel["id"] != name]
        raise KeyError(name)  # as where its learner was quicker


def test_the_servers_kernels_are_ended_and_a_refusal_ends_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LOOK", 0.001)
    monkeypatch.setenv(KEPT, "1")
    manager = Manager(kernel("a", 30), kernel("b", 40), kernel("c", 50))

    async def for_a_while() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(leave_room(manager, logging.getLogger("test")), 0.2)

    asyncio.run(for_a_while())
    assert [kernel["id"] for kernel in manager.kernels] == ["a"]


def test_where_no_room_says_how_many_none_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEPT, raising=False)
    asyncio.run(leave_room(Manager(kernel("a", 30)), logging.getLogger("test")))
