"""A room of the rehearsal's own, where none runs: `handson room` as anybody starts it, in a passing folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from handson.errors import HandsonError
from handson.rehearse.settings import BoardLink

PATIENCE = 180.0


@dataclass(frozen=True)
class RunningRoom:
    """What has to be known of a room that runs on this machine."""

    state: Path
    address: str
    code: str = field(repr=False)
    board: BoardLink


@asynccontextmanager
async def own_room(seats: int, options: Sequence[str]) -> AsyncIterator[RunningRoom]:
    """Start a room on loopback with `options` of `handson room`; ended and forgotten when the block ends.

    Raises HandsonError, with what it said, where it does not come up.
    """
    on_disk = "/var/tmp" if Path("/var/tmp").is_dir() else None  # /tmp is memory on many systems
    with tempfile.TemporaryDirectory(prefix="handson-rehearse-", dir=on_disk, ignore_cleanup_errors=True) as folder:
        state, log = Path(folder) / "room", Path(folder) / "said"
        command = [*_ROOM, *_arguments(state, seats), *options]
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        try:
            await _ready(process, state, log)
            yield read_room(state)
        finally:
            await _end(process)
            forgetting = await asyncio.create_subprocess_exec(
                *_ROOM, "--forget", "--state", str(state), stdout=asyncio.subprocess.DEVNULL
            )
            await forgetting.wait()


_ROOM = (sys.executable, "-m", "handson", "room")


def _arguments(state: Path, seats: int) -> list[str]:
    return [
        *("--state", str(state), "--seats", str(seats), "--address", "127.0.0.1", "--mdns", "", "--no-page"),
        *("--port", str(_free_port()), "--board-port", str(_free_port())),
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def _ready(process: asyncio.subprocess.Process, state: Path, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        if "class code" in log.read_text(encoding="utf-8", errors="replace"):
            return
        await asyncio.sleep(0.1)
    how = "ended" if process.returncode is not None else f"was not ready after {PATIENCE:.0f} s"
    raise HandsonError(
        f"A room for the rehearsal {how}: {log.read_text(encoding='utf-8', errors='replace').strip()[-2000:]}",
        f"Start one with `handson room`, then rehearse; its folder was {state}.",
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), 120)
        except TimeoutError:
            process.kill()
            await process.wait()


def read_room(state: Path) -> RunningRoom:
    """What the folder of a room says; raises HandsonError where that is no room, or not ours to read."""
    try:
        settings = json.loads((state / "hub" / "settings.json").read_text(encoding="utf-8"))
        secrets = json.loads((state / "hub" / "secrets.json").read_text(encoding="utf-8"))
        scheme = "https" if settings["tls"] else "http"
        host, board_host = _in_url(settings["host"]), settings["board_host"]
        board_scheme = "https" if settings["tls"] and board_host not in ("127.0.0.1", "::1") else "http"
        board = BoardLink(f"{board_scheme}://{_in_url(board_host)}:{settings['board_port']}", secrets["board"])
        return RunningRoom(state, f"{scheme}://{host}:{settings['port']}", secrets["class_code"], board)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HandsonError(
            f"{state} does not tell of a room: {type(error).__name__}: {error}",
            "Name the room with --room ADDRESS, and its class code with --code.",
        ) from None


def known_room(state: Path) -> RunningRoom | None:
    """The room whose folder this is, if there is one and it answers; raises HandsonError as `read_room` does."""
    try:
        (state / "hub" / "settings.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # it is there, and not ours to look at
    room = read_room(state)
    return room if answers(room.address) else None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def answers(address: str) -> bool:
    """Whether anything listens at an address."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=3):
            return True
    except OSError:
        return False
