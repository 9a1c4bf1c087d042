"""Kernel messages over the binary subprotocol: what is encoded comes back, what is no message is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1

from handson.rehearse.wire import Message, decoded, encoded, request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=6), JSON, max_size=4)


@settings(suppress_health_check=[HealthCheck.too_slow])  # it is about the machine, not about us
@given(st.sampled_from(["shell", "iopub", "stdin", "control"]), OBJECTS, OBJECTS, OBJECTS, OBJECTS)
def test_what_is_encoded_comes_back(
    channel: str, header: dict[str, Any], parent: dict[str, Any], metadata: dict[str, Any], content: dict[str, Any]
) -> None:
    message = Message(channel, header, parent, metadata, content)
    assert decoded(encoded(message)) == message


def test_jupyters_own_server_reads_a_request_alike() -> None:
    message = request("me", "execute_request", {"code": "1 + 1 # ä"})
    channel, parts = deserialize_msg_from_ws_v1(encoded(message))
    header, parent, metadata, content = map(json.loads, parts[:4])
    assert (channel, header, parent, metadata, content) == ("shell", message.header, {}, {}, {"code": "1 + 1 # ä"})


@given(st.binary(max_size=200))
def test_anything_else_is_refused_by_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of JSON, of UTF-8 or ours
        decoded(data)


def test_buffers_behind_a_message_are_left_out() -> None:
    message = Message("iopub", {"msg_type": "comm_msg"}, content={"a": 1})
    plain = encoded(message)
    count = int.from_bytes(plain[:8], "little")
    offsets = [int.from_bytes(plain[8 * place : 8 * place + 8], "little") + 8 for place in range(1, count + 1)]
    offsets.append(offsets[-1] + 3)
    longer = (
        b"".join(number.to_bytes(8, "little") for number in (count + 1, *offsets)) + plain[8 * (1 + count) :] + b"abc"
    )
    assert decoded(longer) == message
