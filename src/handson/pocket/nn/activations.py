"""Activations, softmax and dropout."""

from __future__ import annotations

import math
import warnings

from handson.pocket import creation, elementwise, random, reductions, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import dtype
from handson.pocket.inplace import in_place
from handson.pocket.kernels import BINARY
from handson.pocket.nn.calls import declare_both, floating, i, p, typed
from handson.pocket.tensor import Tensor, contiguous, new, new_like, wrapped

declare_both(softmax_forward=(None, (i, i, i, i, p, p)), softmax_backward=(None, (i, i, i, i, p, p, p)))


def written(input: Tensor, out: Tensor, inplace: bool) -> Tensor:
    """The result, in the input itself if so wished."""
    return in_place(lambda _: out)(input) if inplace else out


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """What is below 0 becomes 0."""
    return in_place(elementwise.relu)(input) if inplace else elementwise.relu(input)


def relu_(input: Tensor) -> Tensor:
    """`relu` in place."""
    return relu(input, inplace=True)


sigmoid, tanh, silu = elementwise.sigmoid, elementwise.tanh, elementwise.silu


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """What is below 0 becomes small."""
    out = elementwise.binary(BINARY["leaky_relu"], input, negative_slope)
    if recorded(input):
        x = input.detach()
        out._record(
            Node(
                "LeakyReluBackward0", (input,),
                lambda g: (elementwise.where(x > 0, g, g * negative_slope),), (x,),
            )
        )  # fmt: skip
    return written(input, out, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """alpha · (exp(x) - 1) below 0."""
    out = elementwise.where(input > 0, input, elementwise.expm1(elementwise.clamp(input, max=0.0)) * alpha)
    return written(input, out, inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU with the two numbers that keep the variance."""
    return written(input, elu(input, 1.6732632423543772848170429916717) * 1.0507009873554804934193349852946, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the probability that a normal number is smaller."""
    if approximate == "none":
        return elementwise.gelu_exact(input)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    inner = (input + input * input * input * 0.044715) * math.sqrt(2 / math.pi)
    return input * (elementwise.tanh(inner) + 1) * 0.5


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · x)) / beta."""
    scaled = input * beta
    soft = elementwise.log1p(elementwise.exp(elementwise.clamp(scaled, max=threshold))) / beta
    return elementwise.where(scaled > threshold, input, soft)  # type: ignore[no-any-return]


def logsigmoid(input: Tensor) -> Tensor:
    """log of sigmoid."""
    return elementwise.clamp(input, max=0.0) - elementwise.log1p(elementwise.exp(-elementwise.abs(input)))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Not below min_val, not above max_val; at the ends themselves the gradient is 0."""
    inside = (input > min_val) & (input < max_val)
    ends = elementwise.clamp(input.detach(), min_val, max_val)
    return written(input, elementwise.where(inside, input, ends), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Not below 0, not above 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """clamp(x + 3, 0, 6) / 6."""
    return written(input, hardtanh(input + 3, 0.0, 6.0) / 6, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x)."""
    return written(input, input * hardsigmoid(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x))."""
    return written(input, input * elementwise.tanh(softplus(input)), inplace)


def _along(t: Tensor, dim: int) -> tuple[int, int, int]:
    at = wrapped(dim, t.ndim)
    shape = t.shape or (1,)
    return math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :])


def _default_dim(name: str, t: Tensor, dim: int | None) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if t.ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """exp(x), made to add up to 1 along a dimension."""
    return _softmax("softmax", input, _default_dim("softmax", input, dim), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """log of softmax, without loss of small numbers."""
    return _softmax("log_softmax", input, _default_dim("log_softmax", input, dim), dtype)


def softmin(input: Tensor, dim: int | None = None) -> Tensor:
    """softmax of -x."""
    return softmax(-input, dim)


def _softmax(name: str, input: Tensor, dim: int, kind: dtype | None) -> Tensor:
    source = input if kind is None else elementwise.to(input, kind)
    floating(f"{name}_lastdim_kernel_impl", source)
    x = contiguous(source.detach())
    sizes = (int(name == "log_softmax"), *_along(x, dim))
    out = new_like(x)
    if out.numel():
        typed("softmax_forward", x.dtype)(*sizes, x.data_ptr(), out.data_ptr())
    if recorded(source):
        y = out.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            gradient, g = new_like(y), contiguous(g)
            if gradient.numel():
                typed("softmax_backward", y.dtype)(*sizes, y.data_ptr(), g.data_ptr(), gradient.data_ptr())
            return (gradient,)

        out._record(Node("SoftmaxBackward0" if name == "softmax" else "LogSoftmaxBackward0", (source,), back, (y,)))
    return out


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, dim: int = -1) -> Tensor:
    """softmax of the logits with Gumbel noise."""
    noise = -elementwise.log(-elementwise.log(random.rand_like(logits)))
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    best = reductions.argmax(soft, dim, True)
    one = creation.zeros_like(soft).scatter_(dim, best, 1.0)
    return one - soft.detach() + soft  # type: ignore[no-any-return]


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """One half times the sigmoid of the other."""
    at = wrapped(dim, input.ndim)
    if input.shape[at] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {at} is size {input.shape[at]}")
    a, b = shapes.chunk(input, 2, dim)
    return a * elementwise.sigmoid(b)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element becomes 0 with probability p, and the others larger in turn. (Other places than
    PyTorch's
    for the same seed.)"""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    return written(input, _dropped(input, input.shape, p), inplace)


def _dropped(input: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    if p == 1:
        return input * 0
    keep = random.bernoulli_(new(shape, input.dtype), 1 - p)
    return input * (keep / (1 - p))


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels."""
    if not training or p == 0:
        return input
    return written(input, _dropped(input, (*input.shape[:2], *(1,) * (input.ndim - 2)), p), inplace)
