"""The page's other workers, with JavaScript's side played by Python: a worker that answers at once."""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import handson.pocket as torch
from handson.page import crew
from handson.pocket import nn, parallel


class Line:
    """Both ends, and a helper at the other one: what goes out is answered at once."""

    def __init__(self) -> None:
        self._here: list[bytes] = []
        self._there: list[bytes] = []
        self._answering = False
        self._helper = crew.Helper(self)

    def post(self, address: int, nbytes: int) -> None:
        (self._here if self._answering else self._there).append(ctypes.string_at(address, nbytes))
        if not self._answering:
            # One process plays all: what a worker computes there must not be shared out again here.
            self._answering = True
            with parallel.here():
                self._helper.answer(nbytes)
            self._answering = False

    def wait(self) -> int:
        return len(self._here[0])

    def take(self, address: int) -> None:
        message = (self._there if self._answering else self._here).pop(0)
        ctypes.memmove(address, message, len(message))


class Ports:
    """Workers come when they are looked for, not before they were asked for."""

    def __init__(self, workers: int) -> None:
        self._coming = workers
        self._lines: list[Line] = []
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1

    def size(self) -> int:
        return len(self._lines)

    def look(self) -> None:
        if self.asked:
            while len(self._lines) < self._coming:
                self._lines.append(Line())

    def line(self, worker: int) -> Line:
        return self._lines[worker]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """Pyodide's means to wait for JavaScript."""
    told = types.SimpleNamespace(can=True)
    ffi = types.ModuleType("pyodide.ffi")
    ffi.__dict__.update(run_sync=lambda found: found, can_run_sync=lambda: told.can)
    monkeypatch.setitem(sys.modules, "pyodide", types.ModuleType("pyodide"))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    monkeypatch.setattr(parallel, "recruit", None)
    monkeypatch.delenv("HANDSON_WORKERS", raising=False)
    yield told
    parallel.stop()


def gradient(network: nn.Module, batch: Any) -> list[float]:
    network.zero_grad()
    network(batch).square().sum().backward()
    return [value for parameter in network.parameters() for value in parameter.grad.flatten().tolist()]


def test_workers_are_asked_for_when_a_network_is_trained_and_change_nothing_but_who_computes(
    engine: types.SimpleNamespace,
) -> None:
    ports = Ports(2)
    crew.take_part(ports)
    torch.manual_seed(0)
    network, batch = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(64, 5)
    with torch.no_grad():
        network(batch)
    assert not ports.asked, "nothing is trained yet"
    shared = gradient(network, batch)
    assert ports.asked
    assert parallel.count() == 3
    engine.can = False
    assert shared == pytest.approx(gradient(network, batch), rel=1e-4), "alone, where Python cannot wait"


@pytest.mark.usefixtures("engine")
def test_one_switch_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_WORKERS", "1")
    ports = Ports(2)
    crew.take_part(ports)
    nn.Linear(5, 4)(torch.randn(64, 5))
    assert not ports.asked
