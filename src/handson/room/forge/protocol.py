"""Messages between templates and those who ask them: JSON and open files, one packet each, over Unix sockets."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handson.errors import HandsonError

LARGEST = 128 * 1024
"""Bytes of a message; an environment and a command line need a few thousand."""
MOST_FILES = 4
LONGEST_PATH = 107
"""Bytes of a Unix socket's path (sockaddr_un)."""

Message = dict[str, Any]


class ProtocolError(Exception):
    """A packet that is no message: too long, no JSON object, too many files."""


@dataclass(frozen=True)
class Peer:
    """Who is at the other end, as the kernel says."""

    pid: int
    uid: int
    gid: int


class Channel:
    """One end of a connection. Files that come with a message are the receiver's to close."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end

    def fileno(self) -> int:
        """For select and its kin."""
        return self.socket.fileno()

    @property
    def peer(self) -> Peer:
        """The process that connected (or listened), at the time it did."""
        credentials = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return Peer(*struct.unpack("3i", credentials))

    def send(self, message: Message, files: Sequence[int] = ()) -> None:
        """Send one message; raises OSError where nobody is there, ProtocolError where it is too long."""
        data = json.dumps(message, separators=(",", ":")).encode()
        if len(data) > LARGEST:
            raise ProtocolError(f"a message of {len(data)} bytes; at most {LARGEST} fit")
        socket.send_fds(self.socket, [data], list(files))

    def receive(self) -> tuple[Message, list[int]] | None:
        """The next message and the files with it, None at the end; raises ProtocolError for what is no message."""
        try:
            data, files, flags, _ = socket.recv_fds(self.socket, LARGEST, MOST_FILES)
        except ConnectionResetError:
            return None
        if not data:
            return None
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ProtocolError("a message that is too long or brings too many files")
            return _message(data), files
        except ProtocolError:
            for file in files:
                os.close(file)
            raise

    async def receive_soon(self) -> Message | None:
        """As `receive`, for a message without files, in an event loop; the socket does not block."""
        data = await asyncio.get_running_loop().sock_recv(self.socket, LARGEST)
        return _message(data) if data else None

    def close(self) -> None:
        """Close this end."""
        self.socket.close()


def _message(data: bytes) -> Message:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a message that is no JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("a message that is no object")
    return message


def listen(path: Path, mode: int = 0o600) -> socket.socket:
    """A socket that takes connections at `path`, in place of an older one there.

    Raises HandsonError where the path is longer than a Unix socket's may be.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise HandsonError(
            f"{path} is too long for a Unix socket: {len(os.fsencode(path))} bytes, at most {LONGEST_PATH}.",
            "Choose a shorter state directory (--state).",
        )
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        end.bind(os.fspath(path))
        path.chmod(mode)
        end.listen(128)
    except BaseException:
        end.close()
        raise
    finally:
        os.umask(before)
    return end


def connect(path: Path, timeout: float | None = None) -> Channel:
    """A connection to who listens at `path`; raises OSError where nobody does."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        end.settimeout(timeout)
        end.connect(os.fspath(path))
    except BaseException:
        end.close()
        raise
    return Channel(end)


def pair() -> tuple[Channel, Channel]:
    """Two connected ends."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(one), Channel(other)


def answer(message: Message | None, asked: str) -> Message:
    """`message` if it is an answer; raises HandsonError with the other side's words where it says no."""
    if message is None:
        raise HandsonError(f"{asked}: the other side ended without an answer.", "The room's log says why.")
    if "error" in message:
        raise HandsonError(str(message["error"]), str(message.get("way_out", "")))
    return message


async def ask(path: Path, message: Message, timeout: float) -> Message:
    """Connect, send one message, and return the one answer.

    Raises HandsonError with the cause, OSError where nobody listens, TimeoutError after `timeout` seconds.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
        end.setblocking(False)
        async with asyncio.timeout(timeout):
            await loop.sock_connect(end, os.fspath(path))
            await loop.sock_sendall(end, json.dumps(message).encode())
            said = await Channel(end).receive_soon()
    return answer(said, str(message.get("do", "a question")))


def close_all(files: Sequence[int]) -> None:
    """Close descriptors that came with a message."""
    for file in files:
        with suppress(OSError):
            os.close(file)
