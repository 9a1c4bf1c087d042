"""The room whose folder is on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from handson.rehearse.hosted import known_room


def kept(state: Path, port: int) -> None:
    (state / "hub").mkdir()
    settings = {"tls": None, "host": "127.0.0.1", "port": port, "board_host": "127.0.0.1", "board_port": 1}
    (state / "hub" / "settings.json").write_text(json.dumps(settings))
    (state / "hub" / "secrets.json").write_text(json.dumps({"board": "phrase", "class_code": "ABCDEF"}))


def test_a_room_is_known_while_it_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept(tmp_path, server.getsockname()[1])
        found = known_room(tmp_path)
        assert found is not None
        assert found.code == "ABCDEF"
    assert known_room(tmp_path) is None


def test_there_is_none(tmp_path: Path) -> None:
    assert known_room(tmp_path) is None
    (tmp_path / "hub").write_text("a file")
    assert known_room(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to be somebody else")
def test_a_room_of_somebody_elses_is_told_as_such(tmp_path: Path) -> None:
    kept(tmp_path, 1)
    (tmp_path / "hub").chmod(0o700)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    code = f"""
import os
from pathlib import Path
from handson.errors import HandsonError
from handson.rehearse.hosted import known_room
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    known_room(Path({str(tmp_path)!r}))
except HandsonError as error:
    print(error.cause, error.way_out)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "Permission denied" in said
    assert "--room ADDRESS" in said
