from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.forge import protocol


def test_a_message_and_its_files_arrive_together() -> None:
    here, there = protocol.pair()
    reading, writing = os.pipe()
    here.send({"do": "fork"}, [writing])
    found = there.receive()
    assert found is not None
    message, (file,) = found
    assert message == {"do": "fork"}
    os.write(file, b"through")
    assert os.read(reading, 10) == b"through"
    for number in (reading, writing, file):
        os.close(number)
    here.close()
    assert there.receive() is None
    there.close()


@pytest.mark.parametrize("packet", [b"no json", b"[1]", b'{"a":' * 20000, b"\xff\xfe", b" " * (protocol.LARGEST + 1)])
def test_what_is_no_message_is_an_error_and_the_channel_goes_on(packet: bytes) -> None:
    here, there = protocol.pair()
    here.socket.send(packet)
    with pytest.raises(protocol.ProtocolError):
        there.receive()
    here.send({"still": "here"})
    assert there.receive() == ({"still": "here"}, [])
    here.close()
    there.close()


def test_more_files_than_a_message_may_have_are_closed() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    here, there = protocol.pair()
    socket.send_fds(here.socket, [b"{}"], [0] * (protocol.MOST_FILES + 3))
    with pytest.raises(protocol.ProtocolError, match="too many files"):
        there.receive()
    here.close()
    there.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_message_that_is_too_long_is_not_sent() -> None:
    here, there = protocol.pair()
    with pytest.raises(protocol.ProtocolError, match="at most"):
        here.send({"long": "x" * protocol.LARGEST})
    here.close()
    there.close()


def test_who_connected_is_what_the_kernel_says(tmp_path: Path) -> None:
    with protocol.listen(tmp_path / "s") as listener:
        channel = protocol.connect(tmp_path / "s")
        taken = protocol.Channel(listener.accept()[0])
        assert taken.peer == protocol.Peer(os.getpid(), os.getuid(), os.getgid())
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
        channel.close()
        taken.close()


def test_a_path_that_no_socket_can_have_is_said_before_it_is_tried(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match="too long for a Unix socket") as error:
        protocol.listen(tmp_path / ("x" * 120))
    assert "--state" in error.value.way_out


def test_an_answer_that_says_no_is_an_error_with_its_way_out() -> None:
    with pytest.raises(HandsonError, match="full") as error:
        protocol.answer({"error": "The room is full.", "way_out": "Wait."}, "a seat")
    assert error.value.way_out == "Wait."
    with pytest.raises(HandsonError, match="a seat: the other side ended"):
        protocol.answer(None, "a seat")
