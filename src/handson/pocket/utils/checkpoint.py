"""`torch.utils.checkpoint`: activations computed again on the way back, in place of kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handson.pocket import autograd
from handson.pocket.autograd import Node, enable_grad, no_grad, recorded
from handson.pocket.random import get_rng_state, set_rng_state
from handson.pocket.tensor import Tensor


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **named: Any,
) -> Any:
    """`function(*args)`, whose inner results are forgotten and computed again for the gradient. It returns one tensor.

    Parameters that the function reaches get their gradients too.
    """
    del use_reentrant
    state = get_rng_state() if preserve_rng_state else None
    with no_grad():
        result = function(*args, **named)
    if not isinstance(result, Tensor):
        raise NotImplementedError("handson.pocket's checkpoint takes functions that return one tensor.")
    inputs = [a if isinstance(a, Tensor) else None for a in args]
    # A parameter inside may need a gradient although no argument does: then the step is recorded through a stand-in.
    if not autograd.is_grad_enabled():
        return result
    result = result.detach()

    def back(gradient: Tensor) -> tuple[Tensor | None, ...]:
        now = get_rng_state() if state is not None else None
        if state is not None:
            set_rng_state(state)
        again = [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in args]
        with enable_grad():
            redone = function(*again, **named)
        if now is not None:
            set_rng_state(now)
        if redone.requires_grad:
            autograd.backward([redone], [gradient], retain_graph=False)
        return tuple(a.grad if isinstance(a, Tensor) else None for a in again)

    if recorded(*inputs):
        result._record(Node("CheckpointFunctionBackward", inputs, back))
    return result


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None) -> Any:
    """A sequential network in so many checkpointed parts."""
    del use_reentrant
    modules = list(functions)
    size = max(1, len(modules) // segments)

    def run(start: int, end: int) -> Callable[[Any], Any]:
        def part(value: Any) -> Any:
            for module in modules[start:end]:
                value = module(value)
            return value

        return part

    start = 0
    for k in range(segments - 1):
        input = checkpoint(run(start, start + size), input)
        start += size
        del k
    return run(start, len(modules))(input)
