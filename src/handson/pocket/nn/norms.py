"""Norms: of channels, of rows, of neighbours; and distances."""

from __future__ import annotations

from collections.abc import Sequence

from handson.pocket import elementwise, reductions, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.nn.calls import address, d, declare_both, fits, floating, i, p, typed
from handson.pocket.tensor import Tensor, contiguous, convert_into, new, new_like, numel

declare_both(
    batch_norm_forward=(None, (i, i, i, p, p, p, p, p, i, d, d, p, p, p)),
    batch_norm_backward=(None, (i, i, i, p, p, p, p, p, i, p, p, p)),
    layer_norm_forward=(None, (i, i, p, p, p, d, p, p, p)),
    layer_norm_backward=(None, (i, i, p, p, p, p, p, p, p, p)),
    group_norm_forward=(None, (i, i, i, i, p, p, p, d, p, p, p)),
    group_norm_backward=(None, (i, i, i, i, p, p, p, p, p, p, p, p)),
    local_response_norm_forward=(None, (i, i, i, i, d, d, d, p, p, p)),
    local_response_norm_backward=(None, (i, i, i, i, d, d, p, p, p, p, p)),
)


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Each channel with mean 0 and variance 1, of this batch (training) or of the running statistics; then scaled and
    shifted."""
    floating("batch_norm", input)
    if input.ndim < 2:
        raise RuntimeError(f"batch_norm: expected an input of at least 2 dimensions, but got {list(input.shape)}")
    x = contiguous(input.detach())
    channels = x.shape[1]
    shape, kind = (channels,), x.dtype
    fits("running_mean", running_mean, shape, kind)
    fits("running_var", running_var, shape, kind)
    fits("weight", weight, shape, kind)
    fits("bias", bias, shape, kind)
    inner = numel(x.shape[2:])
    count = x.shape[0] * inner
    if training and count <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
    w, b = (None if t is None else contiguous(t.detach()) for t in (weight, bias))
    running = [None if t is None else contiguous(t) for t in (running_mean, running_var)]
    out, mean, scale = new_like(x), new((channels,), x.dtype), new((channels,), x.dtype)
    sizes = (x.shape[0], channels, inner)
    if out.numel():
        typed("batch_norm_forward", x.dtype)(
            *sizes, x.data_ptr(), address(w), address(b), address(running[0]), address(running[1]), int(training),
            float(momentum), float(eps), out.data_ptr(), mean.data_ptr(), scale.data_ptr(),
        )  # fmt: skip
    if training:
        for t, changed in zip((running_mean, running_var), running, strict=True):
            if t is not None and changed is not None:
                if changed is not t:
                    convert_into(t, changed)
                t._storage.version += 1
    if recorded(input, weight, bias):

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            g = contiguous(g)
            gx, gw, gb = new_like(x), new((channels,), x.dtype), new((channels,), x.dtype)
            typed("batch_norm_backward", x.dtype)(
                *sizes, x.data_ptr(), g.data_ptr(), address(w), mean.data_ptr(), scale.data_ptr(), int(training),
                gx.data_ptr(), gw.data_ptr(), gb.data_ptr(),
            )  # fmt: skip
            return gx, gw, gb

        out._record(Node("NativeBatchNormBackward0", (input, weight, bias), back, (x,) if w is None else (x, w)))
    return out


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Each channel of each picture with mean 0 and variance 1; then scaled and shifted."""
    if running_mean is not None or running_var is not None or not use_input_stats or momentum != 0.1:
        raise NotImplementedError("handson.pocket's instance_norm keeps no running statistics.")
    out = group_norm(input, input.shape[1], None, None, eps)
    tail = (1,) * (input.ndim - 2)
    out = out if weight is None else out * shapes.reshape(weight, -1, *tail)
    return out if bias is None else out + shapes.reshape(bias, -1, *tail)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The last dimensions together with mean 0 and variance 1; then scaled and shifted."""
    inner = tuple(normalized_shape)
    if tuple(input.shape[-len(inner) :]) != inner:
        raise RuntimeError(
            f"Given normalized_shape={list(inner)}, expected input with shape [*, {', '.join(map(str, inner))}], "
            f"but got input of "
            f"size{list(input.shape)}"
        )
    sentence = "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {got} and "
    for name, t in (("weight", weight), ("bias", bias)):
        fits(name, t, inner, input.dtype, sentence + "normalized_shape = {wanted}")
    sizes = (numel(input.shape) // max(1, numel(inner)), numel(inner))
    return _normalised("layer_norm", sizes, sizes[0], input, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Groups of channels with mean 0 and variance 1; then scaled and shifted."""
    if num_groups < 1:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    if input.shape[1] % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and "
            f"num_groups={num_groups}"
        )
    sentence = (
        "Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
        f"{{got}} and input of shape {list(input.shape)}"
    )
    for name, t in (("weight", weight), ("bias", bias)):
        fits(name, t, (input.shape[1],), input.dtype, sentence)
    sizes = (input.shape[0], input.shape[1], numel(input.shape[2:]), num_groups)
    return _normalised("group_norm", sizes, input.shape[0] * num_groups, input, weight, bias, eps)


def _normalised(
    name: str, sizes: tuple[int, ...], rows: int, input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """layer_norm or group_norm, of `rows` sets of numbers."""
    floating(name, input)
    x = contiguous(input.detach())
    w, b = (None if t is None else contiguous(t.detach()) for t in (weight, bias))
    out, mean, scale = new_like(x), new((rows,), x.dtype), new((rows,), x.dtype)
    if out.numel():
        typed(f"{name}_forward", x.dtype)(
            *sizes, x.data_ptr(), address(w), address(b), float(eps), out.data_ptr(), mean.data_ptr(), scale.data_ptr()
        )
    if recorded(input, weight, bias):

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            g = contiguous(g)
            gx = new_like(x)
            gw, gb = (None if t is None else new_like(t) for t in (w, b))
            typed(f"{name}_backward", x.dtype)(
                *sizes, x.data_ptr(), g.data_ptr(), address(w), mean.data_ptr(), scale.data_ptr(), gx.data_ptr(),
                address(gw), address(gb),
            )  # fmt: skip
            return gx, gw, gb

        title = "NativeLayerNormBackward0" if name == "layer_norm" else "NativeGroupNormBackward0"
        out._record(Node(title, (input, weight, bias), back, (x,) if w is None else (x, w)))
    return out


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Each value divided by what its neighbours in other channels say at the same place."""
    floating("local_response_norm", input)
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if size < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got {size}")
    x = contiguous(input.detach())
    sizes = (x.shape[0], x.shape[1], numel(x.shape[2:]), size, float(alpha), float(beta))
    out, divisor = new_like(x), new_like(x)
    if out.numel():
        typed("local_response_norm_forward", x.dtype)(
            *sizes, float(k), x.data_ptr(), out.data_ptr(), divisor.data_ptr()
        )
    if recorded(input):
        y = out.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            g, gx = contiguous(g), new_like(x)
            if gx.numel():
                typed("local_response_norm_backward", x.dtype)(
                    *sizes, x.data_ptr(), y.data_ptr(), divisor.data_ptr(), g.data_ptr(), gx.data_ptr()
                )
            return (gx,)

        out._record(Node("LocalResponseNormBackward0", (input,), back, (x, y)))
    return out


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divided by its norm along a dimension."""
    return input / elementwise.clamp(reductions.norm(input, p, dim, True), min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between two, along a dimension."""
    a = x1 / elementwise.clamp(reductions.norm(x1, 2, dim, True), min=eps)
    b = x2 / elementwise.clamp(reductions.norm(x2, 2, dim, True), min=eps)
    return reductions.sum(a * b, dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6) -> Tensor:
    """The distance of the rows of two."""
    return reductions.norm(x1 - x2 + eps, p, -1)
