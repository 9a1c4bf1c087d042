"""Training on several cores: a network's batch is shared out to workers that have the network too.

Nothing in a lesson changes: `network(images)` sends each worker its share of the batch and the parameters as they are
now, the results come back as one tensor, and `backward()` sends each worker its share of the gradient and adds up what
comes back. A worker (`replica`) is another process, or another web worker of the page: memory is not shared, since a
page on a stick or over plain HTTP may not.

As in PyTorch's DataParallel, batch norm takes the statistics of each share, and the running ones are those of the
first. Off by one switch: `stop()`, or HANDSON_WORKERS=1.
"""

from __future__ import annotations

import contextlib
import pickle
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol
from weakref import WeakValueDictionary

from handson.pocket import autograd, creation
from handson.pocket.autograd import Node
from handson.pocket.dtypes import float32
from handson.pocket.kernels import C, flat_plan
from handson.pocket.messages import packed, unpacked
from handson.pocket.nn.module import Module
from handson.pocket.outline import Outline, outline
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, convert_into, make, new

SMALLEST_BATCH = 32
"""For two; smaller ones are not worth the way. More workers want more."""
MOST_OPEN = 16
"""Shared forward passes that may wait for their backward; calls beyond stay in this process."""


class Worker(Protocol):
    """One more pair of hands: takes messages in order and answers each."""

    under_way: float
    """Seconds that message and answer are under way, while it computes nothing."""

    def post(self, message: Storage) -> None:
        """Send a message without waiting. Raises WorkerGoneError."""

    def wait(self) -> Storage:
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


class _Pace:
    """How many rows stay here beyond an equal share: as many as this process computes while a worker's answer is under
    way.

    Of the seconds of a row's gradients the fewest so far count, so that a busy moment does not.
    """

    def __init__(self) -> None:
        self._row: dict[tuple[int, int], float] = {}

    def lengths(self, network: int, rows: int, workers: Sequence[Worker]) -> list[int]:
        """The shares of a batch's rows; the first is that which stays here."""
        row = self._row.get((network, rows))
        ahead = min(workers[0].under_way / row, rows / 4) if row else 0.0
        each = int((rows - ahead) / (len(workers) + 1))
        if ahead:
            each = max(1, each // 4 * 4)  # the same again and again: each length needs plans of its own
        return [rows - each * len(workers), *([each] * len(workers))]

    def took(self, network: int, lengths: Sequence[int], seconds: float) -> None:
        """This process's share of the way back took so long."""
        key = network, sum(lengths)
        self._row[key] = min(self._row.get(key, float("inf")), seconds / lengths[0])


_workers: list[Worker] = []
_watch = _Watch()
_pace = _Pace()
recruit: Callable[[], bool] | None = None
"""Called before a batch is shared out: looks for workers that are there now; False where this call must stay here."""
_inside = False
_introduced: dict[int, list[Any]] = {}
"""The structures of the networks that the workers have, by `id`."""
_open: WeakValueDictionary[int, Node] = WeakValueDictionary()
_number = 0


def use(workers: list[Worker]) -> None:
    """Share out from now on, to these and to this process."""
    global _watch, _pace
    stop()
    _workers.extend(workers)
    _watch, _pace = _Watch(), _Pace()


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
def here() -> Iterator[None]:
    """Modules called inside are not shared out."""
    global _inside
    before, _inside = _inside, True
    try:
        yield
    finally:
        _inside = before


def call(module: Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """`module(*arguments, **named)`, called by no other module: shared out where that is possible and worth it."""
    found = _to_share(module, arguments[0]) if not named and len(arguments) == 1 else None
    began = time.perf_counter()
    if found is not None and _watch.shares():
        try:
            result = _shared(module, found, arguments[0])
            _watch.took(True, time.perf_counter() - began)
            return result
        except WorkerGoneError:
            _alone()
    with here():
        result = module.called(*arguments, **named)
    if found is not None:
        _watch.took(False, time.perf_counter() - began)
    return result


def _alone() -> None:
    global recruit
    stop()
    recruit = None
    warnings.warn("A worker that shared the training has ended; this process goes on alone.", stacklevel=2)


def _to_share(module: Module, batch: Any) -> Outline | None:
    """The outline of a network whose batch is to be shared out; None where it must stay here."""
    if not isinstance(batch, Tensor) or batch.ndim < 2 or batch.shape[0] < SMALLEST_BATCH * max(2, count()) / 2:
        return None
    if not autograd.is_grad_enabled() or type(module).__name__ != "Sequential" or len(_open) >= MOST_OPEN:
        return None
    found = outline(module)
    if found is None or not found.parameters or (recruit is not None and not recruit()):
        return None
    return found if _workers and batch.shape[0] >= SMALLEST_BATCH * count() / 2 else None


def _shared(module: Module, found: Outline, batch: Tensor) -> Tensor:
    """Recorded like one operation with the batch and the parameters as its inputs."""
    workers, parameters = list(_workers), found.parameters
    wants_input = batch.requires_grad
    network, introduction = id(module), _introduction(module, found)
    lengths = _pace.lengths(network, batch.shape[0], workers)
    shares = _dealt(batch, lengths)
    number = _ask(
        workers, ("forward", network, introduction, list(_open), wants_input), [[*found.values, s] for s in shares[1:]]
    )
    own = shares[0].requires_grad_(wants_input)
    try:
        with here():
            result = module.called(own)
    except BaseException:
        _answers(workers, number)
        raise
    out = _put_together([result, *(tensors[0] for _, tensors in _checked(_answers(workers, number)))])

    def of_share(k: int, gradient: Tensor) -> list[Tensor | None]:
        """What a worker would have answered, computed here: it is gone."""
        share = shares[k].detach().requires_grad_(wants_input)
        with here(), autograd.enable_grad():
            again = module.called(share)
        return autograd.backward([again], [gradient], retain_graph=False, only=inputs(share, parameters))

    def back(gradient: Tensor) -> tuple[Tensor | None, ...]:
        parts = _dealt(gradient, lengths)
        gone = False
        began = time.perf_counter()
        try:
            asked = _ask(workers, ("backward", number), [[part] for part in parts[1:]])
            try:
                gradients = [autograd.backward([result], [parts[0]], retain_graph=True, only=inputs(own, parameters))]
            except BaseException:
                _answers(workers, asked)
                raise
            _pace.took(network, lengths, time.perf_counter() - began)
            for there, tensors in _checked(_answers(workers, asked)):
                coming = iter(tensors)
                gradients.append([next(coming) if is_there else None for is_there in there])
        except WorkerGoneError:
            _alone()
            gone = True
            gradients = [of_share(k, part) for k, part in enumerate(parts)]
        of_batch = None
        if wants_input:
            firsts = zip((of_one.pop(0) for of_one in gradients), shares, strict=True)
            of_batch = _put_together([creation.zeros_like(share) if g is None else g for g, share in firsts])
        return (of_batch, *(_sum(of_all, in_place=not gone) for of_all in zip(*reversed(gradients), strict=True)))

    node = Node("SharedOutBackward0", (batch, *parameters), back)
    out._record(node)
    _open[number] = node
    return out


def inputs(share: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    """With respect to what a share's gradients are asked for, in order."""
    return [*([share] if share.requires_grad else []), *parameters]


def _dealt(t: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """The rows in shares, over the same memory, not recorded."""
    step, at, shares = t._strides[0], t._offset, []
    for length in lengths:
        shares.append(make(t._storage, at, (length, *t.shape[1:]), t._strides, t.dtype))
        at += length * step
    return shares


def _put_together(shares: Sequence[Tensor]) -> Tensor:
    """The opposite of `_dealt`, in memory of its own."""
    first = shares[0]
    lengths = [share.shape[0] for share in shares]
    out = new((sum(lengths), *first.shape[1:]), first.dtype)
    for place, share in zip(_dealt(out, lengths), shares, strict=True):
        convert_into(place, share)
    return out


def _sum(gradients: Sequence[Tensor | None], *, in_place: bool) -> Tensor | None:
    """The sum of those that are there; in_place: in the memory of the first, which came from a worker and is nobody
    else's."""
    total = None
    for gradient in gradients:
        if gradient is None or total is None:
            total = gradient if total is None else total
        elif in_place and total.dtype is gradient.dtype is float32 and gradient.is_contiguous():
            C.add_scaled_f32(flat_plan(total.numel(), 2), total.data_ptr(), gradient.data_ptr(), 1.0)
        else:
            total = total + gradient
    return total


def _introduction(module: Module, found: Outline) -> bytes | None:
    """The network itself, the first time or when it has changed."""
    if _introduced.get(id(module)) == found.structure:
        return None
    _introduced[id(module)] = found.structure
    return pickle.dumps(module)


def _ask(workers: list[Worker], question: tuple[Any, ...], tensors: Sequence[list[Tensor]]) -> int:
    """Post a question to each, with tensors for each; their number, by which the answers are known."""
    global _number
    _number += 1
    for worker, some in zip(workers, tensors, strict=True):
        worker.post(packed((_number, *question), some))
    return _number


_Answer = tuple[Any, list[Tensor]]
"""What was said, and the tensors with it."""


def _answers(workers: list[Worker], number: int) -> list[_Answer]:
    """One from each; what is left of a question that nobody waited for is passed over."""
    answers = []
    for worker in workers:
        of = None
        while of != number:
            (of, said), tensors = unpacked(worker.wait())
        answers.append((said, tensors))
    return answers


def _checked(answers: list[_Answer]) -> list[_Answer]:
    for said, _ in answers:
        if isinstance(said, str):
            raise RuntimeError(f"A worker could not go on: {said}")
    return answers
