"""Jupyter's kernel messages over a WebSocket: the binary subprotocol `v1.kernel.websocket.jupyter.org`. Pure.

See "WebSocket kernel wire protocols" of Jupyter Server's documentation, and "Messaging in Jupyter" of jupyter_client's.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

SUBPROTOCOL = "v1.kernel.websocket.jupyter.org"
_OFFSET = 8


@dataclass(frozen=True)
class Message:
    """One message on one channel (shell, iopub, stdin, control)."""

    channel: str
    header: dict[str, Any]
    parent: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`execute_reply`, `status`, …."""
        return str(self.header.get("msg_type", ""))

    @property
    def parent_id(self) -> str:
        """The request that it answers; empty where it answers none."""
        return str(self.parent.get("msg_id", ""))


def request(session: str, kind: str, content: dict[str, Any], channel: str = "shell") -> Message:
    """A request of the front end whose session is `session`."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "username": "",
        "session": session,
        "date": datetime.now(UTC).isoformat(),
        "version": "5.4",
    }
    return Message(channel, header, content=content)


def encoded(message: Message) -> bytes:
    """As it goes over the line: the number of offsets, the offsets (little-endian, 64 bits), channel and four JSONs."""
    parts = [message.channel.encode()]
    parts += [json.dumps(part).encode() for part in (message.header, message.parent, message.metadata, message.content)]
    count = len(parts) + 1
    offsets = [_OFFSET * (1 + count)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return b"".join(number.to_bytes(_OFFSET, "little") for number in (count, *offsets)) + b"".join(parts)


def decoded(data: bytes) -> Message:
    """A message that came over the line; its buffers, if any, are left out. Raises ValueError where it is not one."""
    if len(data) < _OFFSET:
        raise ValueError(f"a kernel's message of {len(data)} bytes")
    count = int.from_bytes(data[:_OFFSET], "little")
    if not 6 <= count <= 1000 or len(data) < _OFFSET * (1 + count):
        raise ValueError(f"a kernel's message with {count} offsets in {len(data)} bytes")
    offsets = [int.from_bytes(data[_OFFSET * place : _OFFSET * (place + 1)], "little") for place in range(1, count + 1)]
    if sorted(offsets) != offsets or offsets[-1] > len(data):
        raise ValueError("a kernel's message whose offsets are not in order")
    channel, *rest = (data[start:end] for start, end in pairwise(offsets[:6]))
    header, parent, metadata, content = (json.loads(part) for part in rest)
    return Message(channel.decode(), header, parent, metadata, content)
