"""`torch.nn.utils`: gradients held in bounds, parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from handson.pocket import inplace, reductions, shapes
from handson.pocket.autograd import no_grad
from handson.pocket.tensor import Tensor


@no_grad()
def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> Tensor:
    """Make all gradients smaller together until their norm is at most `max_norm`; returns what it was."""
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    gradients = [t.grad for t in tensors if t.grad is not None]
    if not gradients:
        from handson.pocket.creation import tensor

        return tensor(0.0)
    total = reductions.norm(shapes.stack([reductions.norm(g, norm_type) for g in gradients]), norm_type)
    factor = min(1.0, max_norm / (float(total) + 1e-6))
    for gradient in gradients:
        inplace.mul_(gradient, factor)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """No gradient beyond ±clip_value."""
    for t in [parameters] if isinstance(parameters, Tensor) else parameters:
        if t.grad is not None:
            t.grad.clamp_(-clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters in one row."""
    return shapes.cat([shapes.reshape(t, -1) for t in parameters])


@no_grad()
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """The row back into the parameters."""
    start = 0
    for t in parameters:
        t.copy_(shapes.reshape(vec[start : start + t.numel()], t.shape))
        start += t.numel()
