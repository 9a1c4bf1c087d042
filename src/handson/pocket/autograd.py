"""The tape: what made each tensor, and the way back from a loss to its parameters."""

from __future__ import annotations

import functools
import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from handson.pocket.dtypes import dtype
    from handson.pocket.tensor import Tensor

Backward = Callable[["Tensor"], "tuple[Tensor | None, ...]"]
_count = itertools.count()
_F = TypeVar("_F", bound=Callable[..., Any])


class _Recording(threading.local):
    """Whether operations are recorded: as in PyTorch, of each thread by itself."""

    on = True


_recording = _Recording()


class Node:
    """One step of a computation: `backward(gradient of its result)` gives the gradients of its inputs.

    `edges` lead to the nodes that made the inputs, to the leaves themselves, or (None) nowhere.
    """

    __slots__ = (
        "__weakref__", "backward", "dtype", "edges", "hooks", "kept", "name", "number", "retained", "saved", "shape",
    )  # fmt: skip
    shape: Sequence[int]
    dtype: dtype
    """Of the result, when it was recorded: `backward` gets a gradient that is so, and C trusts it."""

    def __init__(
        self, name: str, inputs: Sequence[Tensor | None], backward: Backward, saved: tuple[Tensor, ...] = ()
    ) -> None:
        """`saved` are the tensors whose values `backward` reads: they must not change before."""
        self.name = name
        self.number = next(_count)
        self.edges: tuple[Node | Tensor | None, ...] = tuple(
            None if t is None or not t.requires_grad else t if t._node is None else t._node for t in inputs
        )
        self.backward: Backward | None = backward
        self.saved: tuple[tuple[Tensor, int], ...] = tuple((t, t._storage.version) for t in saved)
        self.hooks: list[Callable[[Tensor], Tensor | None]] = []
        self.retained: ref[Tensor] | None = None

    def __lt__(self, other: Node) -> bool:
        return self.number > other.number

    def __repr__(self) -> str:
        return f"<{self.name}>"


def is_grad_enabled() -> bool:
    """Whether operations are recorded."""
    return _recording.on


def recorded(*inputs: Tensor | None) -> bool:
    """Whether an operation on these is to be recorded."""
    if _recording.on:
        for t in inputs:
            if t is not None and t.requires_grad:
                return True
    return False


class _Mode:
    """Recording on or off: in a `with`, as a decorator, or at once."""

    _to = True
    _before: tuple[bool, ...] = ()
    """What was in force before each `with` of this object that is open."""

    def __new__(cls, function: Any = None) -> Any:
        """`@no_grad` and `@no_grad()` are the same."""
        made = super().__new__(cls)
        if not callable(function):
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)

    def __init__(self, function: Any = None) -> None:
        del function

    def __enter__(self) -> None:
        self._before = (*self._before, _recording.on)
        _recording.on = self._to

    def __exit__(self, *_: object) -> None:
        *before, _recording.on = self._before
        self._before = tuple(before)

    def __call__(self, function: _F) -> _F:
        to = self._to

        @functools.wraps(function)
        def wrapped(*args: Any, **named: Any) -> Any:
            mode = enable_grad() if to else no_grad()
            with mode:
                return function(*args, **named)

        return wrapped  # type: ignore[return-value]


class no_grad(_Mode):  # noqa: N801  # PyTorch's name
    """Operations inside are not recorded."""

    _to = False


class inference_mode(no_grad):  # noqa: N801  # PyTorch's name
    """The same as `no_grad` here."""

    def __init__(self, mode: Any = True) -> None:
        self._to = not mode


class enable_grad(_Mode):  # noqa: N801  # PyTorch's name
    """Operations inside are recorded again."""


class set_grad_enabled(_Mode):  # noqa: N801  # PyTorch's name
    """Record, or do not: at once, and until the end of a `with`."""

    def __init__(self, mode: bool) -> None:
        self._to, self._first, _recording.on = mode, _recording.on, mode

    def __enter__(self) -> None:
        super().__enter__()
        if len(self._before) == 1:  # what was in force before it was made
            self._before = (self._first,)

    def __call__(self, function: _F) -> _F:
        """As a decorator: only while the function runs."""
        _recording.on = self._first
        return super().__call__(function)


def backward(
    tensors: Sequence[Tensor], gradients: Sequence[Tensor], *, retain_graph: bool, only: Sequence[Tensor] | None = None
) -> list[Tensor | None]:
    """Go back from `tensors`, whose gradients are given. Adds to `.grad` of the leaves; or, with `only`, returns the
    gradients of those tensors and touches no `.grad`.

    RuntimeError where a gradient has not the shape of its tensor: the C source, which comes next, trusts it."""
    pending: dict[int, Tensor] = {}
    nodes: dict[int, Node] = {}
    queue: list[Node] = []
    ends = [id(t._node if t._node is not None else t) for t in only or ()]
    wanted = dict.fromkeys(ends)
    found: dict[int, Tensor | None] = {}

    def arrive(edge: Node | Tensor, gradient: Tensor, own: bool = False) -> None:
        if not isinstance(edge, Node):
            if only is None:
                _into_leaf(edge, gradient, own)
            elif id(edge) in wanted:
                if gradient.dtype is not edge.dtype:
                    gradient = gradient.to(edge.dtype)
                before = found.get(id(edge))
                found[id(edge)] = gradient if before is None else before + gradient
            return
        if gradient.dtype is not edge.dtype:
            gradient = gradient.to(edge.dtype)
        if gradient.shape != edge.shape:
            raise RuntimeError(
                f"a gradient of shape {list(gradient.shape)} has reached a result of {edge.name} of shape "
                f"{list(edge.shape)}: its `.data` was replaced after the forward pass."
            )
        key = id(edge)
        if key in pending:
            pending[key] = pending[key] + gradient
        else:
            pending[key], nodes[key] = gradient, edge
            heapq.heappush(queue, edge)

    with no_grad():
        for tensor, gradient in zip(tensors, gradients, strict=True):
            arrive(tensor._node if tensor._node is not None else tensor, _fitted(gradient, tensor))
        while queue:
            node = heapq.heappop(queue)
            gradient = pending.pop(id(node))
            del nodes[id(node)]
            for hook in node.hooks:
                gradient = _hooked(hook, gradient)
            if node.retained is not None and (tensor_kept := node.retained()) is not None:
                tensor_kept._grad = gradient
            if id(node) in wanted:
                found[id(node)] = gradient
            if node.backward is None:
                raise RuntimeError(
                    "Trying to backward through the graph a second time (or directly access saved tensors after they "
                    "have already been freed). Saved intermediate values of the graph are freed when you call "
                    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
                    "graph a second time or if you need to access saved tensors after calling backward."
                )
            for tensor, version in node.saved:
                if tensor._storage.version != version:
                    raise RuntimeError(
                        "one of the variables needed for gradient computation has been modified by an inplace "
                        f"operation: [torch.{tensor.dtype.title}Tensor {list(tensor.shape)}], which {node.name} needs, "
                        f"is at version {tensor._storage.version}; expected version {version} instead."
                    )
            results = node.backward(gradient)
            if not retain_graph:
                node.backward, node.saved = None, ()
            before = {id(gradient._storage)}
            del gradient
            for edge, result in zip(node.edges, results, strict=True):
                if edge is not None and result is not None:
                    memory = id(result._storage)
                    arrive(edge, result, own=memory not in before)
                    before.add(memory)
            del results, result
    return [found.get(end) for end in ends]


def _fitted(gradient: Tensor, tensor: Tensor) -> Tensor:
    """A gradient to begin with, in the tensor's dtype."""
    if gradient.shape != tensor.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has a shape of "
            f"{tensor.shape}."
        )
    return gradient if gradient.dtype is tensor.dtype else gradient.to(tensor.dtype)


def _hooked(hook: Callable[[Tensor], Tensor | None], gradient: Tensor) -> Tensor:
    changed = hook(gradient)
    if changed is None:
        return gradient
    if not hasattr(changed, "_storage"):
        raise TypeError(f"expected Variable, but hook returned {type(changed).__name__!r}")
    name = getattr(hook, "__name__", type(hook).__name__)
    if changed.shape != gradient.shape:
        raise RuntimeError(
            f"hook {name!r} has changed the size of value (was {list(gradient.shape)} got {list(changed.shape)})"
        )
    if changed.dtype is not gradient.dtype:
        raise RuntimeError(
            f"hook {name!r} has changed the type of value (was torch.{gradient.dtype.title}Tensor got "
            f"torch.{changed.dtype.title}Tensor)"
        )
    return changed


def _into_leaf(leaf: Tensor, gradient: Tensor, own: bool) -> None:
    """Add to `.grad`. own: nobody else has the gradient's memory, so it need not be copied."""
    for hook in leaf._hooks or ():
        gradient = _hooked(hook, gradient)
    if gradient.shape != leaf.shape:
        raise RuntimeError(
            f"a gradient of shape {list(gradient.shape)} has reached a tensor of shape {list(leaf.shape)}: its `.data` "
            "was replaced after the forward pass."
        )
    before = leaf._grad
    if before is not None and before.shape == leaf.shape:
        if before.is_contiguous() and before.dtype is gradient.dtype:
            before.add_(gradient)
        else:
            leaf._grad = before + gradient
        return
    if gradient.dtype is not leaf.dtype:
        gradient = gradient.to(leaf.dtype)
    leaf._grad = gradient if own and gradient.is_contiguous() else gradient.clone()


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`; `.grad` stays as it is."""
    from handson.pocket.tensor import Tensor

    if create_graph:
        raise NotImplementedError(
            "handson.pocket records no gradients of gradients: create_graph=True is PyTorch's only."
        )
    ends = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    starts = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    given: list[Tensor | None]
    if grad_outputs is None:
        given = [None] * len(ends)
    else:
        given = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    for tensor in starts:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    first = [first_gradient(t, g) for t, g in zip(ends, given, strict=True)]
    found = backward(ends, first, retain_graph=bool(retain_graph), only=starts)
    if not allow_unused and any(g is None for g in found):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    return tuple(found)


def first_gradient(tensor: Tensor, given: Tensor | None) -> Tensor:
    """The gradient to begin with: the given one, or 1 where there is one element."""
    from handson.pocket.tensor import filled

    if not tensor.requires_grad:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    if given is None:
        if tensor.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return filled(tensor.shape, 1.0, tensor.dtype)
    return _fitted(given.detach(), tensor)


class _Context:
    """What a `Function` keeps between forward and backward."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors


def _returned(name: str, found: Any, kinds: Sequence[Any]) -> tuple[Tensor | None, ...]:
    """What a backward of one's own returned, as gradients of inputs of these (shape, dtype); None is no tensor."""
    from handson.pocket.elementwise import broadcast_shape, unbroadcast

    gradients = list(found) if isinstance(found, tuple | list) else [found]
    while len(gradients) > len(kinds) and gradients[-1] is None:
        gradients.pop()
    if len(gradients) != len(kinds):
        raise RuntimeError(
            f"function {name}Backward returned an incorrect number of gradients (expected {len(kinds)}, got "
            f"{len(gradients)})"
        )
    results: list[Tensor | None] = []
    for k, (gradient, kind) in enumerate(zip(gradients, kinds, strict=True)):
        if gradient is None or kind is None:
            results.append(None)
            continue
        if not hasattr(gradient, "_storage"):
            raise RuntimeError(f"expected Variable or None (got {type(gradient).__name__})")
        shape, dtype = kind
        try:
            fits = broadcast_shape(gradient.shape, shape) == gradient.shape
        except RuntimeError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {name}Backward returned an invalid gradient at index {k} - got {list(gradient.shape)} but "
                f"expected shape compatible with {list(shape)}"
            )
        results.append(unbroadcast(gradient, shape).to(dtype).clone())
    return tuple(results)


class Function:
    """An operation with a gradient of one's own: static `forward(ctx, *inputs)` and `backward(ctx, gradient)`, one
    result."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """To be written by the subclass."""
        raise NotImplementedError("You must implement forward for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """To be written by the subclass."""
        raise NotImplementedError("You must implement backward for your custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute it, recorded."""
        from handson.pocket.tensor import Tensor

        context = _Context()
        tensors = [a if isinstance(a, Tensor) else None for a in args]
        record = recorded(*tensors)
        context.needs_input_grad = tuple(t is not None and t.requires_grad for t in tensors)
        with no_grad():
            result = cls.forward(context, *args)
        if not isinstance(result, Tensor):
            raise NotImplementedError("handson.pocket's autograd.Function returns one tensor from forward.")
        if record:

            def back(gradient: Tensor) -> tuple[Tensor | None, ...]:
                found = cls.backward(context, gradient)
                return _returned(cls.__name__, found, kinds)

            kinds = [None if t is None else (t.shape, t.dtype) for t in tensors]
            result = result.detach()
            result._record(Node(f"{cls.__name__}Backward", tensors, back))
        return result
