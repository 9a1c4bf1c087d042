"""The tape: what made each tensor, and the way back from a loss to its parameters."""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from handson.pocket.tensor import Tensor

Backward = Callable[["Tensor"], "tuple[Tensor | None, ...]"]
_count = itertools.count()
_enabled = True
_F = TypeVar("_F", bound=Callable[..., Any])


class Node:
    """One step of a computation: `backward(gradient of its result)` gives the gradients of its inputs.

    `edges` lead to the nodes that made the inputs, to the leaves themselves, or (None) nowhere.
    """

    __slots__ = ("__weakref__", "backward", "edges", "hooks", "kept", "name", "number", "retained", "saved")

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
    return _enabled


def recorded(*inputs: Tensor | None) -> bool:
    """Whether an operation on these is to be recorded."""
    if _enabled:
        for t in inputs:
            if t is not None and t.requires_grad:
                return True
    return False


class _Mode:
    """Recording on or off: in a `with`, as a decorator, or at once."""

    _to = True

    def __enter__(self) -> None:
        global _enabled
        self._before, _enabled = _enabled, self._to

    def __exit__(self, *_: object) -> None:
        global _enabled
        _enabled = self._before

    def __call__(self, function: _F) -> _F:
        @functools.wraps(function)
        def wrapped(*args: Any, **named: Any) -> Any:
            with type(self)() if not isinstance(self, set_grad_enabled) else set_grad_enabled(self._to):
                return function(*args, **named)

        return wrapped  # type: ignore[return-value]


class no_grad(_Mode):  # noqa: N801  # PyTorch's name
    """Operations inside are not recorded."""

    _to = False


class inference_mode(no_grad):  # noqa: N801  # PyTorch's name
    """The same as `no_grad` here."""

    def __init__(self, mode: bool = True) -> None:
        self._to = not mode


class enable_grad(_Mode):  # noqa: N801  # PyTorch's name
    """Operations inside are recorded again."""


class set_grad_enabled(_Mode):  # noqa: N801  # PyTorch's name
    """Record, or do not: at once, and until the end of a `with`."""

    def __init__(self, mode: bool) -> None:
        global _enabled
        self._to, self._before, _enabled = mode, _enabled, mode

    def __enter__(self) -> None:
        global _enabled
        _enabled = self._to


def backward(
    tensors: Sequence[Tensor], gradients: Sequence[Tensor], *, retain_graph: bool, only: Sequence[Tensor] | None = None
) -> list[Tensor | None]:
    """Go back from `tensors`, whose gradients are given. Adds to `.grad` of the leaves; or, with `only`, returns the
    gradients of those tensors and touches no `.grad`."""
    pending: dict[int, Tensor] = {}
    nodes: dict[int, Node] = {}
    queue: list[Node] = []
    wanted = {id(t._node if t._node is not None else t): k for k, t in enumerate(only or ())}
    found: list[Tensor | None] = [None] * len(wanted)

    def arrive(edge: Node | Tensor, gradient: Tensor, own: bool = False) -> None:
        if not isinstance(edge, Node):
            if only is None:
                _into_leaf(edge, gradient, own)
            elif id(edge) in wanted:
                place = wanted[id(edge)]
                before = found[place]
                found[place] = gradient if before is None else before + gradient
            return
        key = id(edge)
        if key in pending:
            pending[key] = pending[key] + gradient
        else:
            pending[key], nodes[key] = gradient, edge
            heapq.heappush(queue, edge)

    with no_grad():
        for tensor, gradient in zip(tensors, gradients, strict=True):
            arrive(tensor._node if tensor._node is not None else tensor, gradient)
        while queue:
            node = heapq.heappop(queue)
            gradient = pending.pop(id(node))
            del nodes[id(node)]
            for hook in node.hooks:
                gradient = _hooked(hook, gradient)
            if node.retained is not None and (tensor_kept := node.retained()) is not None:
                tensor_kept.grad = gradient
            if id(node) in wanted:
                found[wanted[id(node)]] = gradient
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
    return found


def _hooked(hook: Callable[[Tensor], Tensor | None], gradient: Tensor) -> Tensor:
    changed = hook(gradient)
    return gradient if changed is None else changed


def _into_leaf(leaf: Tensor, gradient: Tensor, own: bool) -> None:
    """Add to `.grad`. own: nobody else has the gradient's memory, so it need not be copied."""
    for hook in leaf._hooks or ():
        gradient = _hooked(hook, gradient)
    if leaf.grad is not None:
        if leaf.grad.is_contiguous() and leaf.grad.dtype is gradient.dtype:
            leaf.grad.add_(gradient)
        else:
            leaf.grad = leaf.grad + gradient
        return
    if gradient.dtype is not leaf.dtype:
        gradient = gradient.to(leaf.dtype)
    leaf.grad = gradient if own and gradient.is_contiguous() else gradient.clone()


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
    from handson.pocket import creation

    if not tensor.requires_grad:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    if given is None:
        if tensor.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return creation.ones_like(tensor)
    if given.shape != tensor.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {given.shape} and output[0] has a shape of "
            f"{tensor.shape}."
        )
    return given.detach()


class _Context:
    """What a `Function` keeps between forward and backward."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors


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
                return tuple(
                    None if g is None else g.clone() for g in (found if isinstance(found, tuple) else (found,))
                )

            result = result.detach()
            result._record(Node(f"{cls.__name__}Backward", tensors, back))
        return result
