"""Training on several cores: a network's batch is shared out to workers that have the network too.

Nothing in a lesson changes: `network(images)` sends each worker its share of the batch and the parameters as they are
now, the results come back as one tensor, and `backward()` sends each worker its share of the gradient and adds up what
comes back. A worker is another process, or another web worker of the page: memory is not shared, since a page on a
stick or over plain HTTP may not.

As in PyTorch's DataParallel, batch norm takes the statistics of each share, and the running ones are those of the
first. Off by one switch: `stop()`, or HANDSON_WORKERS=1.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol
from weakref import WeakValueDictionary

from handson.pocket import autograd, creation, shapes
from handson.pocket.autograd import Node
from handson.pocket.nn.module import Module
from handson.pocket.tensor import Tensor, from_bytes

SMALLEST_BATCH = 32
"""For two; smaller ones are not worth the way. More workers want more."""
MOST_OPEN = 16
"""Shared forward passes that may wait for their backward; calls beyond stay in this process."""
_ROW_BY_ROW = frozenset({
    "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "ConstantPad2d", "Conv1d",
    "Conv2d", "ConvTranspose2d", "Dropout", "Dropout2d", "ELU", "Flatten", "GELU", "GroupNorm", "Hardsigmoid",
    "Hardswish", "Hardtanh", "Identity", "InstanceNorm2d", "LeakyReLU", "Linear", "LocalResponseNorm", "LogSigmoid",
    "LogSoftmax", "MaxPool1d", "MaxPool2d", "Mish", "PReLU", "PixelShuffle", "ReLU", "ReLU6", "ReflectionPad2d",
    "ReplicationPad2d", "SELU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "Unflatten",
    "Upsample", "ZeroPad2d",
})  # fmt: skip
"""Layers that treat each row of a batch by itself (batch norm: each share)."""


class Worker(Protocol):
    """One more pair of hands: takes messages in order and answers each."""

    def post(self, message: bytes) -> None:
        """Send a message without waiting. Raises WorkerGoneError."""

    def wait(self) -> bytes:
        """The answer to the earliest message not answered yet. Raises WorkerGoneError."""


class WorkerGoneError(Exception):
    """A worker has ended and answers no more."""


class _Watch:
    """Whether sharing pays. On a busy machine the others come so late that this process is quicker alone.

    So now and then a few forward passes are shared, as many are not, and the next ones go as the quicker did.
    """

    TRIED = 6
    KEPT = 150

    def __init__(self) -> None:
        self._seconds: dict[bool, list[float]] = {True: [], False: []}
        self._left = 0
        self._chosen = True

    def shares(self) -> bool:
        """How the next pass is to go."""
        if self._left:
            return self._chosen
        return len(self._seconds[True]) < self.TRIED

    def took(self, shared: bool, seconds: float) -> None:
        """A pass went so, and took so long."""
        if self._left:
            self._left -= 1
            return
        self._seconds[shared].append(seconds)
        if all(len(taken) >= self.TRIED for taken in self._seconds.values()):
            middle = {how: sorted(taken)[len(taken) // 2] for how, taken in self._seconds.items()}
            self._chosen, self._left = middle[True] < middle[False], self.KEPT
            self._seconds = {True: [], False: []}


_workers: list[Worker] = []
_watch = _Watch()
recruit: Callable[[], bool] | None = None
"""Called before a batch is shared out: looks for workers that are there now; False where this call must stay here."""
_inside = False
_introduced: dict[int, tuple[Any, ...]] = {}
_open: WeakValueDictionary[int, Node] = WeakValueDictionary()
_number = 0


def use(workers: list[Worker]) -> None:
    """Share out from now on, to these and to this process."""
    global _watch
    stop()
    _workers.extend(workers)
    _watch = _Watch()


def stop() -> None:
    """Compute everything in this process again."""
    _workers.clear()
    _introduced.clear()


def count() -> int:
    """How many compute: the workers and this process."""
    return len(_workers) + 1


def outermost() -> bool:
    """Whether a call of a module is to go through `call`: there are workers, or may be, and no module is being
    called."""
    return not _inside and (bool(_workers) or recruit is not None)


@contextlib.contextmanager
def _here() -> Iterator[None]:
    """Modules called inside are not shared out."""
    global _inside
    before, _inside = _inside, True
    try:
        yield
    finally:
        _inside = before


def call(module: Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """`module(*arguments, **named)`, called by no other module: shared out where that is possible and worth it."""
    possible = not named and len(arguments) == 1 and _can_be_shared(module, arguments[0])
    began = time.perf_counter()
    if possible and _watch.shares():
        try:
            result = _shared(module, arguments[0])
            _watch.took(True, time.perf_counter() - began)
            return result
        except WorkerGoneError:
            _alone()
    with _here():
        result = module.called(*arguments, **named)
    if possible:
        _watch.took(False, time.perf_counter() - began)
    return result


def _alone() -> None:
    global recruit
    stop()
    recruit = None
    warnings.warn("A worker that shared the training has ended; this process goes on alone.", stacklevel=2)


def _can_be_shared(module: Module, batch: Any) -> bool:
    if not isinstance(batch, Tensor) or batch.ndim < 2 or batch.shape[0] < SMALLEST_BATCH * max(2, count()) / 2:
        return False
    if not autograd.is_grad_enabled() or not any(p.requires_grad for p in module.parameters()):
        return False
    if type(module).__name__ != "Sequential" or not all(_row_by_row(part) for part in module.modules()):
        return False
    if len(_open) >= MOST_OPEN or (recruit is not None and not recruit()):
        return False
    return bool(_workers) and batch.shape[0] >= SMALLEST_BATCH * count() / 2


def _row_by_row(part: Module) -> bool:
    """Workers know the layers of this package, not classes of a lesson; hooks would not be called there."""
    kind = type(part)
    if not kind.__module__.startswith("handson.pocket.nn") or kind.__name__ not in _ROW_BY_ROW:
        return False
    across_rows = 0 in (getattr(part, "dim", 1), getattr(part, "start_dim", 1))
    return not (across_rows or part._hooks or part._pre_hooks)


def _shared(module: Module, batch: Tensor) -> Tensor:
    """Recorded like one operation with the batch and the parameters as its inputs."""
    workers = list(_workers)
    shares = _dealt(batch.detach(), len(workers) + 1)
    parameters = [p for p in module.parameters() if p.requires_grad]
    wants_input = batch.requires_grad
    question = {
        "do": "forward", "network": id(module), "module": _introduction(module), "open": list(_open),
        "values": [_packed(t.detach()) for t in _tensors(module)], "wants_input": wants_input,
        "wanted": [p.requires_grad for p in module.parameters()],
        "training": [part.training for part in module.modules()],
    }  # fmt: skip
    number = _ask(workers, [{**question, "batch": _packed(share)} for share in shares[1:]])
    own = shares[0].requires_grad_(wants_input)
    try:
        with _here():
            result = module.called(own)
    except BaseException:
        _answers(workers, number)
        raise
    pieces = [result.detach(), *(_unpacked(answer["result"]) for answer in _checked(_answers(workers, number)))]
    out = shapes.cat(pieces, 0)
    lengths = [piece.shape[0] for piece in pieces]

    def of_share(k: int, gradient: Tensor) -> list[Tensor | None]:
        """What a worker would have answered, computed here: it is gone."""
        share = shares[k].detach().requires_grad_(wants_input)
        with _here(), autograd.enable_grad():
            again = module.called(share)
        return autograd.backward([again], [gradient], retain_graph=False, only=_inputs(share, parameters))

    def back(gradient: Tensor) -> tuple[Tensor | None, ...]:
        parts = shapes.split(gradient, lengths, 0)
        questions = [{"do": "backward", "pass": number, "gradient": _packed(part)} for part in parts[1:]]
        try:
            asked = _ask(workers, questions)
            try:
                found = [autograd.backward([result], [parts[0]], retain_graph=True, only=_inputs(own, parameters))]
            except BaseException:
                _answers(workers, asked)
                raise
            for answer in _checked(_answers(workers, asked)):
                found.append([None if g is None else _unpacked(g) for g in answer["gradients"]])
        except WorkerGoneError:
            _alone()
            found = [of_share(k, part) for k, part in enumerate(parts)]
        of_batch = None
        if wants_input:
            firsts = [gradients.pop(0) for gradients in found]
            of_batch = shapes.cat(
                [creation.zeros_like(share) if g is None else g for g, share in zip(firsts, shares, strict=True)], 0
            )
        return (of_batch, *(_sum(list(gradients)) for gradients in zip(*found, strict=True)))

    node = Node("SharedOutBackward0", (batch, *parameters), back)
    out._record(node)
    _open[number] = node
    return out


def _inputs(share: Tensor, parameters: list[Any]) -> list[Tensor]:
    return [*([share] if share.requires_grad else []), *parameters]


def _sum(gradients: list[Tensor | None]) -> Tensor | None:
    total = None
    for gradient in gradients:
        if gradient is not None:
            total = gradient if total is None else total + gradient
    return total


def _dealt(batch: Tensor, hands: int) -> list[Tensor]:
    """The rows of the batch in equal shares; the first, which stays here, gets what does not divide."""
    each = batch.shape[0] // hands
    lengths = [batch.shape[0] - each * (hands - 1), *([each] * (hands - 1))]
    return list(shapes.split(batch, lengths, 0))


def _tensors(module: Module) -> list[Tensor]:
    """All parameters and buffers, also those that no state holds."""
    return [*module.parameters(), *module.buffers()]


def _introduction(module: Module) -> bytes | None:
    """The network's structure, the first time or when it has changed."""
    structure = (repr(module), *(tuple(t.shape) for t in _tensors(module)))
    if _introduced.get(id(module)) == structure:
        return None
    _introduced[id(module)] = structure
    return pickle.dumps(module)


def _ask(workers: list[Worker], questions: list[dict[str, Any]]) -> int:
    """Post a question to each; their number, by which the answers are known."""
    global _number
    _number += 1
    for worker, question in zip(workers, questions, strict=True):
        worker.post(pickle.dumps({**question, "number": _number}))
    return _number


def _answers(workers: list[Worker], number: int) -> list[dict[str, Any]]:
    """One from each; what is left of a question that nobody waited for is passed over."""
    answers = []
    for worker in workers:
        answer: dict[str, Any] = {"number": None}
        while answer["number"] != number:
            answer = pickle.loads(worker.wait())
        answers.append(answer)
    return answers


def _checked(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for answer in answers:
        if "error" in answer:
            raise RuntimeError(f"A worker could not go on: {answer['error']}")
    return answers


def _packed(t: Tensor) -> tuple[Any, ...]:
    return bytes(t), tuple(t.shape), t.dtype


def _unpacked(packed: tuple[Any, ...]) -> Tensor:
    content, shape, kind = packed
    return from_bytes(content, shape, kind)


class Replica:
    """A worker's end: networks as they were sent, and the forward passes that may be asked for their gradients."""

    def __init__(self) -> None:
        self._networks: dict[int, Module] = {}
        self._passes: dict[int, tuple[Module, Tensor, Tensor]] = {}

    def answer(self, message: bytes) -> bytes:
        """Do what a message asks; errors are answers too."""
        asked = pickle.loads(message)
        try:
            found = self._forward(asked) if asked["do"] == "forward" else self._backward(asked)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        return pickle.dumps({**found, "number": asked["number"]})

    def _forward(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._passes = {number: kept for number, kept in self._passes.items() if number in asked["open"]}
        if asked["module"] is not None:
            self._networks[asked["network"]] = pickle.loads(asked["module"])
        network = self._networks[asked["network"]]
        for part, training in zip(network.modules(), asked["training"], strict=True):
            part.training = training
        for parameter, wanted in zip(network.parameters(), asked["wanted"], strict=True):
            parameter.requires_grad = wanted
        for mine, packed in zip(_tensors(network), asked["values"], strict=True):
            mine.data = _unpacked(packed)  # not into the memory that an open pass may still need
        batch = _unpacked(asked["batch"]).requires_grad_(asked["wants_input"])
        with _here():
            result = network(batch)
        self._passes[asked["number"]] = (network, batch, result)
        return {"result": _packed(result)}

    def _backward(self, asked: dict[str, Any]) -> dict[str, Any]:
        network, batch, result = self._passes[asked["pass"]]
        wanted = _inputs(batch, [p for p in network.parameters() if p.requires_grad])
        found = autograd.backward([result], [_unpacked(asked["gradient"])], retain_graph=True, only=wanted)
        return {"gradients": [None if g is None else _packed(g) for g in found]}


class Process:
    """A worker that is another Python process on this machine."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from handson.pocket import parallel; parallel.serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"HANDSON_WORKERS": "1"},
            start_new_session=True,
        )  # fmt: skip

    def post(self, message: bytes) -> None:
        """Send a message without waiting."""
        assert self._process.stdin is not None
        try:
            _write(self._process.stdin, message)
        except OSError as error:
            raise WorkerGoneError from error

    def wait(self) -> bytes:
        """The answer to the earliest message not answered yet."""
        assert self._process.stdout is not None
        answer = _read(self._process.stdout)
        if answer is None:
            raise WorkerGoneError
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
