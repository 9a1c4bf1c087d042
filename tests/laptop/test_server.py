"""Where JupyterLab answers, and what is said when it cannot."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.laptop import server
from handson.laptop.server import LabServer, choose_port, running_server


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_free_port_is_taken_as_asked_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert choose_port(free) == free


def test_a_port_that_is_taken_is_told_with_the_way_out(taken: int) -> None:
    with pytest.raises(HandsonError, match=rf"Port {taken} is taken by another program.\n.*Leave --port out"):
        choose_port(taken)


def test_without_a_wish_the_next_free_port_is_found(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DEFAULT_PORT", taken)
    assert choose_port(None) > taken


def test_no_free_port_at_all_is_told(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DEFAULT_PORT", taken)
    monkeypatch.setattr(server, "_PORTS_TRIED", 1)
    with pytest.raises(HandsonError, match="No port from"):
        choose_port(None)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_number_that_is_no_port_is_told(port: int) -> None:
    with pytest.raises(HandsonError, match=f"{port} is no port"):
        choose_port(port)


def test_the_address_opens_the_notebook_and_holds_the_token() -> None:
    url = LabServer(8888, "secret").url(Path("vision") / "02 digits.ipynb")
    assert url == "http://127.0.0.1:8888/lab/tree/vision/02%20digits.ipynb?token=secret"


def test_what_a_dead_server_left_behind_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    runtime = tmp_path / ".handson" / "jupyter" / "runtime"
    runtime.mkdir(parents=True)
    (runtime / "jpserver-1.json").write_text("{")
    (runtime / "jpserver-2.json").write_text(json.dumps({"port": 1, "token": "x"}))
    assert running_server(tmp_path) is None
