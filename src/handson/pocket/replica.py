"""The workers of `parallel`: a network's replica, which answers messages, and the processes that have one each."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Any

from handson.pocket import autograd, parallel
from handson.pocket.messages import packed, unpacked
from handson.pocket.nn.module import Module
from handson.pocket.outline import Outline, outline
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor


class Replica:
    """A worker's end: networks as they were sent, and the forward passes that may be asked for their gradients."""

    def __init__(self) -> None:
        self._networks: dict[int, tuple[Module, Outline]] = {}
        self._passes: dict[int, tuple[list[Tensor], Tensor]] = {}

    def answer(self, message: Storage) -> Storage:
        """Do what a message asks; errors are answers too."""
        (number, what, *more), tensors = unpacked(message)
        try:
            if what == "forward":
                return packed((number, None), [self._forward(number, *more, *tensors)])
            found = self._backward(*more, *tensors)
            return packed((number, [g is not None for g in found]), [g for g in found if g is not None])
        except Exception as error:
            return packed((number, f"{type(error).__name__}: {error}"), [])

    def _forward(
        self, number: int, key: int, introduction: bytes | None, still_open: Sequence[int], wants_input: bool,
        *tensors: Tensor,
    ) -> Tensor:  # fmt: skip
        self._passes = {number: kept for number, kept in self._passes.items() if number in still_open}
        if introduction is not None:
            network = pickle.loads(introduction)
            known = outline(network)
            assert known is not None, "only such networks are sent"
            self._networks[key] = network, known
        network, found = self._networks[key]
        *values, batch = tensors
        for mine, value in zip(found.values, values, strict=True):
            mine.data = value  # not into the memory that an open pass may still need
        batch.requires_grad_(wants_input)
        with parallel.here():
            result: Tensor = network(batch)
        self._passes[number] = parallel.inputs(batch, found.parameters), result
        return result

    def _backward(self, number: int, gradient: Tensor) -> list[Tensor | None]:
        wanted, result = self._passes[number]
        return autograd.backward([result], [gradient], retain_graph=True, only=wanted)


class Process:
    """A worker that is another Python process on this machine."""

    under_way = 0.0
    """Too short to count."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from handson.pocket import replica; replica.serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"HANDSON_WORKERS": "1"},
            start_new_session=True,
        )  # fmt: skip

    def post(self, message: Storage) -> None:
        """Send a message without waiting."""
        assert self._process.stdin is not None
        try:
            _write(self._process.stdin, message)
        except OSError as error:
            raise parallel.WorkerGoneError from error

    def wait(self) -> Storage:
        """The answer to the earliest message not answered yet."""
        assert self._process.stdout is not None
        answer = _read(self._process.stdout)
        if answer is None:
            raise parallel.WorkerGoneError
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # it has ended already
            self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


def serve() -> None:
    """Answer messages from the standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replica = Replica()
    inward, outward = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while (message := _read(inward)) is not None:
        _write(outward, replica.answer(message))


def _write(stream: IO[bytes], message: Storage) -> None:
    stream.write(message.nbytes.to_bytes(8, "little"))
    stream.write(_bytes_of(message))
    stream.flush()


def _read(stream: Any) -> Storage | None:
    """The next message; None where there is none, or only a part of one."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    message = Storage(int.from_bytes(head, "little"))
    return message if stream.readinto(_bytes_of(message)) == message.nbytes else None


def _bytes_of(message: Storage) -> Any:
    return (ctypes.c_ubyte * message.nbytes).from_address(message.address)


def from_environment() -> None:
    """Start as many processes as HANDSON_WORKERS asks for, this one counted; with none named, or 1, all stays here."""
    named = os.environ.get("HANDSON_WORKERS", "").strip()
    if not named or parallel.count() > 1:
        return
    if not named.isdigit() or not 1 <= int(named) <= 64:
        raise ValueError(f"HANDSON_WORKERS is a number from 1 to 64, not {named!r}.")
    parallel.use([Process() for _ in range(int(named) - 1)])
