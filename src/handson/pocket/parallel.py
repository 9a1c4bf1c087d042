"""Training on several cores: a network's batch is shared out to workers that have the network too.

Nothing in a lesson changes: `network(images)` sends each worker its share of the batch and the parameters as they are
now, the results come back as one tensor, and `backward()` sends each worker its share of the gradient and adds up what
comes back. A worker is another process, or another web worker of the page: memory is not shared, since a page on a
stick or over plain HTTP may not.

As in PyTorch's DataParallel, batch norm takes the statistics of each share, and the running ones are those of the
first. Off by one switch: `stop()`, or HANDSON_WORKERS=1.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from handson.pocket import autograd, creation, shapes
from handson.pocket.autograd import Node
from handson.pocket.nn.module import Module
from handson.pocket.tensor import Parameter, Tensor, from_bytes

SMALLEST_BATCH = 32
"""For two; smaller ones are not worth the way. More workers want more."""
KEPT = 8
"""Forward passes that a worker remembers for a backward that may come."""


class Worker(Protocol):
    """One more pair of hands: takes messages in order and answers each."""

    def post(self, message: bytes) -> None:
        """Send a message without waiting."""

    def wait(self) -> bytes:
        """The answer to the earliest message not answered yet."""


_workers: list[Worker] = []
recruit: Callable[[], bool] | None = None
"""Called before a batch is shared out: looks for workers that are there now; False where this call must stay here."""
_inside = False
_known: dict[int, tuple[Any, ...]] = {}
_passes = 0


def use(workers: list[Worker]) -> None:
    """Share out from now on, to these and to this process."""
    global _workers
    stop()
    _workers = list(workers)


def stop() -> None:
    """Compute everything in this process again."""
    _workers.clear()
    _known.clear()


def count() -> int:
    """How many compute: the workers and this process."""
    return len(_workers) + 1


def wanted(module: Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Whether a call of a module is to be shared out."""
    if (not _workers and recruit is None) or _inside or named or len(arguments) != 1:
        return False
    (batch,) = arguments
    if not isinstance(batch, Tensor) or batch.ndim < 2 or batch.shape[0] < SMALLEST_BATCH * count() / 2:
        return False
    if not autograd.is_grad_enabled() or not any(p.requires_grad for p in module.parameters()):
        return False
    if not _can_be_sent(module) or (recruit is not None and not recruit()):
        return False
    return bool(_workers)


def _can_be_sent(module: Module) -> bool:
    """Workers know the layers of this package, not classes of a lesson; hooks would not be called there."""
    return all(
        type(part).__module__.startswith("handson.pocket.nn") and not part._hooks and not part._pre_hooks
        for part in module.modules()
    )


def call(module: Module, batch: Tensor) -> Any:
    """`module(batch)`, shared out; recorded like one operation with the batch and the parameters as its inputs."""
    global _inside, _passes
    number = _passes = _passes + 1
    shares = [contiguous_share(batch, k) for k in range(count())]
    parameters = [p for p in module.parameters() if p.requires_grad]
    first = _introduce(module)
    state = _state_of(module)
    for worker, share in zip(_workers, shares[1:], strict=True):
        worker.post(
            pickle.dumps(
                {"do": "forward", "network": id(module), "pass": number, "module": first, "state": state,
                 "training": module.training, "batch": _packed(share), "wants_input": batch.requires_grad}
            )
        )  # fmt: skip
    own = shares[0].detach().requires_grad_(batch.requires_grad)
    _inside = True
    try:
        result = module(own)
    except BaseException:
        _raw_answers()
        raise
    finally:
        _inside = False
    answers = _answers()
    pieces = [result.detach(), *(_unpacked(answer["result"]) for answer in answers)]
    out = shapes.cat(pieces, 0)
    lengths = [piece.shape[0] for piece in pieces]

    def back(gradient: Tensor) -> tuple[Tensor | None, ...]:
        parts = shapes.split(gradient, lengths, 0)
        for worker, part in zip(_workers, parts[1:], strict=True):
            worker.post(pickle.dumps({"do": "backward", "pass": number, "gradient": _packed(part)}))
        wanted_here = [*([own] if batch.requires_grad else []), *parameters]
        found = autograd.backward([result], [parts[0]], retain_graph=False, only=wanted_here)
        answers = _answers()
        of_batch = None
        if batch.requires_grad:
            first_part = found.pop(0)
            rest = [_unpacked(answer["input"]) for answer in answers]
            of_batch = shapes.cat([creation.zeros_like(own) if first_part is None else first_part, *rest], 0)
        gradients: list[Tensor | None] = []
        for k, own_gradient in enumerate(found):
            total = own_gradient
            for answer in answers:
                other = answer["parameters"][k]
                if other is not None:
                    total = _unpacked(other) if total is None else total + _unpacked(other)
            gradients.append(total)
        return (of_batch, *gradients)

    out._record(Node("SharedOutBackward0", (batch, *parameters), back))
    return out


def contiguous_share(batch: Tensor, k: int) -> Tensor:
    """The rows of the batch that the k-th gets; this process, the 0th, gets what does not divide."""
    rows, each = batch.shape[0], batch.shape[0] // count()
    mine = rows - each * (count() - 1)
    start = 0 if k == 0 else mine + (k - 1) * each
    return shapes.narrow(batch.detach(), 0, start, mine if k == 0 else each)


def _introduce(module: Module) -> bytes | None:
    """The network's structure, the first time or when it has changed."""
    shape_of_it = (repr(module), *(tuple(p.shape) for p in module.parameters()))
    if _known.get(id(module)) == shape_of_it:
        return None
    _known[id(module)] = shape_of_it
    return pickle.dumps(module)


def _state_of(module: Module) -> list[tuple[Any, ...]]:
    return [_packed(t) for t in module.state_dict().values()]


def _packed(t: Tensor) -> tuple[Any, ...]:
    return bytes(t), tuple(t.shape), t.dtype


def _unpacked(packed: tuple[Any, ...]) -> Tensor:
    content, shape, kind = packed
    return from_bytes(content, shape, kind)


def _raw_answers() -> list[bytes]:
    """One from each worker, also where one of them is an error: each has answered before the next message."""
    return [worker.wait() for worker in _workers]


def _answers() -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = [pickle.loads(raw) for raw in _raw_answers()]
    for answer in answers:
        if "error" in answer:
            raise RuntimeError(f"A worker could not go on: {answer['error']}")
    return answers


class Replica:
    """A worker's end: networks as they were sent, and the forward passes that may be asked for their gradients."""

    def __init__(self) -> None:
        self._networks: dict[int, Module] = {}
        self._passes: dict[int, tuple[Module, Tensor, Tensor]] = {}

    def answer(self, message: bytes) -> bytes:
        """Do what a message asks; errors are answers too."""
        try:
            asked = pickle.loads(message)
            return pickle.dumps(self._forward(asked) if asked["do"] == "forward" else self._backward(asked))
        except Exception as error:
            return pickle.dumps({"error": f"{type(error).__name__}: {error}"})

    def _forward(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["module"] is not None:
            self._networks[asked["network"]] = pickle.loads(asked["module"])
        network = self._networks[asked["network"]]
        network.train(asked["training"])
        with autograd.no_grad():
            for mine, packed in zip(network.state_dict().values(), asked["state"], strict=True):
                mine.copy_(_unpacked(packed))
        batch = _unpacked(asked["batch"]).requires_grad_(asked["wants_input"])
        result = network(batch)
        self._passes[asked["pass"]] = (network, batch, result)
        for old in sorted(self._passes)[:-KEPT]:
            del self._passes[old]
        return {"result": _packed(result)}

    def _backward(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["pass"] not in self._passes:
            raise RuntimeError(
                f"the forward pass was more than {KEPT} passes ago and is forgotten; switch the workers off for "
                f"this (HANDSON_WORKERS=1)"
            )
        network, batch, result = self._passes.pop(asked["pass"])
        parameters: list[Parameter] = [p for p in network.parameters() if p.requires_grad]
        wanted_here: list[Tensor] = [*([batch] if batch.requires_grad else []), *parameters]
        found = autograd.backward([result], [_unpacked(asked["gradient"])], retain_graph=False, only=wanted_here)
        of_batch = found.pop(0) if batch.requires_grad else None
        return {
            "input": None if of_batch is None else _packed(of_batch),
            "parameters": [None if g is None else _packed(g) for g in found],
        }


class Process:
    """A worker that is another Python process on this machine."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from handson.pocket import parallel; parallel.serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"HANDSON_WORKERS": "1"},
        )  # fmt: skip

    def post(self, message: bytes) -> None:
        """Send a message without waiting."""
        assert self._process.stdin is not None
        _write(self._process.stdin, message)

    def wait(self) -> bytes:
        """The answer to the earliest message not answered yet."""
        assert self._process.stdout is not None
        answer = _read(self._process.stdout)
        if answer is None:
            raise RuntimeError("A worker of handson.pocket has ended unexpectedly. HANDSON_WORKERS=1 does without.")
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


def serve() -> None:
    """Answer messages from the standard input until it ends."""
    replica = Replica()
    inward, outward = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while (message := _read(inward)) is not None:
        _write(outward, replica.answer(message))


def _write(stream: BinaryIO | Any, message: bytes) -> None:
    stream.write(len(message).to_bytes(8, "little") + message)
    stream.flush()


def _read(stream: BinaryIO | Any) -> bytes | None:
    head = stream.read(8)
    if len(head) < 8:
        return None
    return bytes(stream.read(int.from_bytes(head, "little")))


def from_environment() -> None:
    """Start as many processes as HANDSON_WORKERS asks for, this one counted; with none named, or 1, all stays here."""
    named = os.environ.get("HANDSON_WORKERS", "").strip()
    if not named or _workers:
        return
    if not named.isdigit() or not 1 <= int(named) <= 64:
        raise ValueError(f"HANDSON_WORKERS is a number from 1 to 64, not {named!r}.")
    use([Process() for _ in range(int(named) - 1)])
