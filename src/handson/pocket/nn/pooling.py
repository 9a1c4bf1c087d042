"""Pooling: the largest value or the mean of each window."""

from __future__ import annotations

from typing import Any

from handson.pocket import reductions, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import int32, int64
from handson.pocket.nn.calls import Pair, declare_both, descriptor, floating, i, p, pair, typed
from handson.pocket.tensor import Tensor, contiguous, copied, fill, new, new_like, numel

declare_both(
    max_pool2d_forward=(None, (p, p, p, p)),
    max_pool2d_backward=(None, (p, p, p, p)),
    avg_pool2d_forward=(None, (p, i, i, p, p)),
    avg_pool2d_backward=(None, (p, i, i, p, p)),
    adaptive_avg_pool2d_forward=(None, (p, p, p)),
    adaptive_avg_pool2d_backward=(None, (p, p, p)),
)


def pooled_length(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows fit along a line of n."""
    reach = n + 2 * padding - dilation * (kernel - 1) - 1
    out = (-(-reach // stride) if ceil_mode else reach // stride) + 1
    if ceil_mode and (out - 1) * stride >= n + padding:
        out -= 1
    return out


def _pooling(
    name: str, input: Tensor, kernel_size: Pair, stride: Any, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """((kh, kw, sh, sw, ph, pw, dh, dw), (oh, ow)), held against the input."""
    if input.ndim not in (3, 4):
        raise RuntimeError(f"{name}: Expected 3D or 4D (batch mode) tensor for input, but got: {list(input.shape)}")
    floating(name, input)
    kh, kw = pair(kernel_size)
    sh, sw = (kh, kw) if stride is None or stride == [] else pair(stride)
    (ph, pw), (dh, dw) = pair(padding), pair(dilation)
    if kh < 1 or kw < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got kH: {kh} kW: {kw}")
    if sh < 1 or sw < 1:
        raise RuntimeError("stride should not be zero")
    if ph < 0 or pw < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(ph, pw)}")
    if dh < 1 or dw < 1:
        raise RuntimeError(f"dilation should be greater than zero, but got dilationH: {dh} dilationW: {dw}")
    if ph > kh // 2 or pw > kw // 2:
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={max(ph, pw)}, "
            f"kernel_size={max(kh, kw)} and "
            f"dilation={max(dh, dw)}"
        )
    if max(kh, kw, sh, sw, dh, dw) >= 2**31:
        raise RuntimeError(
            f"a window of {(kh, kw)} with stride {(sh, sw)} and dilation {(dh, dw)} is too large: 2**31 - 1 is the most"
        )
    h, w = input.shape[-2:]
    oh, ow = pooled_length(h, kh, sh, ph, dh, ceil_mode), pooled_length(w, kw, sw, pw, dw, ceil_mode)
    if oh < 1 or ow < 1:
        raise RuntimeError(
            f"Given input size: ({input.shape[-3]}x{h}x{w}). Calculated output size: ({input.shape[-3]}x{oh}x{ow}). "
            f"Output size is "
            "too small"
        )
    return (kh, kw, sh, sw, ph, pw, dh, dw), (oh, ow)


def max_pool2d(
    input: Tensor, kernel_size: Pair, stride: Any = None, padding: Pair = 0, dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest value of each window: (N, C, H, W) → (N, C, H', W'), with its flat place if asked for."""
    window, (oh, ow) = _pooling("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    x = contiguous(input.detach())
    layout = descriptor(numel(x.shape[:-2]), *x.shape[-2:], oh, ow, *window)
    out = new((*x.shape[:-2], oh, ow), x.dtype)
    places = new(out.shape, int32)
    if out.numel():
        typed("max_pool2d_forward", x.dtype)(layout, x.data_ptr(), out.data_ptr(), places.data_ptr())
    if recorded(input):

        def back(g: Tensor) -> tuple[Tensor]:
            g = contiguous(g)
            gx = new_like(x)
            if not g.numel():
                fill(gx, 0)
            elif gx.numel():
                typed("max_pool2d_backward", x.dtype)(layout, g.data_ptr(), places.data_ptr(), gx.data_ptr())
            return (gx,)

        out._record(Node("MaxPool2DWithIndicesBackward0", (input,), back))
    return (out, copied(places, int64)) if return_indices else out


def max_pool1d(input: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    """The largest value of each window along a line."""
    out = max_pool2d(shapes.unsqueeze(input, -2), (1, kernel_size), (1, stride or kernel_size), (0, padding))
    return shapes.squeeze(out, -2)


def avg_pool2d(
    input: Tensor, kernel_size: Pair, stride: Any = None, padding: Pair = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window: (N, C, H, W) → (N, C, H', W')."""
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    window, (oh, ow) = _pooling("avg_pool2d", input, kernel_size, stride, padding, 1, ceil_mode)
    x = contiguous(input.detach())
    layout = descriptor(numel(x.shape[:-2]), *x.shape[-2:], oh, ow, *window)
    sizes = (layout, int(count_include_pad), divisor_override or 0)
    out = new((*x.shape[:-2], oh, ow), x.dtype)
    if out.numel():
        typed("avg_pool2d_forward", x.dtype)(*sizes, x.data_ptr(), out.data_ptr())
    if recorded(input):

        def back(g: Tensor) -> tuple[Tensor]:
            g = contiguous(g)
            gx = new_like(x)
            if not g.numel():
                fill(gx, 0)
            elif gx.numel():
                typed("avg_pool2d_backward", x.dtype)(*sizes, g.data_ptr(), gx.data_ptr())
            return (gx,)

        out._record(Node("AvgPool2DBackward0", (input,), back))
    return out


def avg_pool1d(input: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    """The mean of each window along a line."""
    out = avg_pool2d(shapes.unsqueeze(input, -2), (1, kernel_size), (1, stride or kernel_size), (0, padding))
    return shapes.squeeze(out, -2)


def _adaptive_size(name: str, input: Tensor, output_size: Any) -> tuple[int, int]:
    size = (output_size, output_size) if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if input.ndim not in (3, 4):
        raise RuntimeError(f"{name}: Expected 3D or 4D tensor, but got {list(input.shape)}")
    h, w = (n if s is None else s for s, n in zip(size, input.shape[-2:], strict=True))
    if h < 0 or w < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received {{{h}, {w}}}"
        )
    if 0 in input.shape[-3:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(input.shape)} with dimension {input.ndim - 3 + input.shape[-3:].index(0)} being empty"
        )
    return h, w


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of so many windows as the result has places: (N, C, H, W) → (N, C, *output_size)."""
    floating("adaptive_avg_pool2d", input)
    oh, ow = _adaptive_size("adaptive_avg_pool2d", input, output_size)
    x = contiguous(input.detach())
    layout = descriptor(numel(x.shape[:-2]), *x.shape[-2:], oh, ow, *(1,) * 8)
    out = new((*x.shape[:-2], oh, ow), x.dtype)
    if out.numel():
        typed("adaptive_avg_pool2d_forward", x.dtype)(layout, x.data_ptr(), out.data_ptr())
    if recorded(input):

        def back(g: Tensor) -> tuple[Tensor]:
            g = contiguous(g)
            gx = new_like(x)
            if gx.numel() and g.numel():
                typed("adaptive_avg_pool2d_backward", x.dtype)(layout, g.data_ptr(), gx.data_ptr())
            else:
                fill(gx, 0)
            return (gx,)

        out._record(Node("AdaptiveAvgPool2DBackward0", (input,), back))
    return out


def adaptive_max_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The largest values of so many windows as the result has places."""
    oh, ow = _adaptive_size("adaptive_max_pool2d", input, output_size)
    h, w = input.shape[-2:]
    rows = [
        reductions.amax(input[..., a * h // oh : -(-(a + 1) * h // oh), b * w // ow : -(-(b + 1) * w // ow)], (-2, -1))
        for a in range(oh)
        for b in range(ow)
    ]
    return shapes.reshape(shapes.stack(rows, -1), *input.shape[:-2], oh, ow)
