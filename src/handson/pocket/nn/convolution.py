"""Linear layers and convolutions."""

from __future__ import annotations

from typing import Any

from handson.pocket import linear as products
from handson.pocket import reductions, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.nn.calls import Pair, address, declare_both, descriptor, fits, floating, i, p, pair, typed, work
from handson.pocket.nn.resampling import pad
from handson.pocket.tensor import Tensor, contiguous, fill, new, new_like

declare_both(
    conv2d_forward=(None, (p, p, p, p, p, p)),
    conv2d_backward_input=(None, (p, p, p, p, p)),
    conv2d_backward_weight=(None, (p, p, p, p, p, p)),
    conv2d_forward_work=(i, (p,)),
    conv2d_backward_input_work=(i, (p,)),
    conv2d_backward_weight_work=(i, (p,)),
)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias: (…, in) → (…, out)."""
    out = products.matmul(input, shapes.transpose(weight, 0, 1) if weight.ndim == 2 else weight)
    return out if bias is None else out + bias


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1ᵀ A x2 + b."""
    left = products.einsum("bi,oij->boj", input1, weight)
    out = reductions.sum(left * shapes.unsqueeze(input2, 1), -1)
    return out if bias is None else out + bias


def _same_padding(kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[list[int], tuple[int, int]]:
    """What "same" adds: (padding for `pad` where it is uneven, the even rest)."""
    totals = [dl * (k - 1) for k, dl in zip(kernel, dilation, strict=True)]
    uneven = [t % 2 for t in totals]
    return [0, uneven[1], 0, uneven[0]], (totals[0] // 2, totals[1] // 2)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation: (N, C, H, W) with weight (O, C / groups, kh, kw) → (N, O, H', W')."""
    if input.ndim == 3:
        return shapes.squeeze(conv2d(shapes.unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    _conv_shapes(input, weight, bias, groups, 2)
    step, spread, kernel = pair(stride), pair(dilation), (weight.shape[2], weight.shape[3])
    if isinstance(padding, str):
        if padding == "valid":
            around = (0, 0)
        elif padding == "same":
            if step != (1, 1):
                raise ValueError("padding='same' is not supported for strided convolutions")
            extra, around = _same_padding(kernel, spread)
            input = pad(input, extra) if any(extra) else input
        else:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of 'valid', 'same'")
    else:
        around = pair(padding)
    return _convolved(input, weight, bias, step, around, spread, groups)


def _conv_shapes(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, dims: int) -> None:
    if input.ndim != dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to conv{dims}d, but got input of size: "
            f"{list(input.shape)}"
        )
    if weight.ndim != dims + 2:
        raise RuntimeError(
            f"Expected a weight of {dims + 2} dimensions for conv{dims}d, but got weight of size {list(weight.shape)}"
        )
    if groups < 1:
        raise RuntimeError("non-positive groups is not supported")
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"Input type ({input.dtype.name}) and weight type ({weight.dtype.name}) should be the same")
    floating(f"conv{dims}d", input)
    if input.shape[1] != weight.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} to have "
            f"{weight.shape[1] * groups} channels, but got {input.shape[1]} channels instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, and divisible by it, "
            f"but got weight "
            f"of size {list(weight.shape)} instead"
        )
    _bias_fits(bias, weight, weight.shape[0])


def _bias_fits(bias: Tensor | None, weight: Tensor, channels: int) -> None:
    if bias is None or (bias.shape == (channels,) and bias.dtype is weight.dtype):
        return
    if bias.dtype is not weight.dtype:
        raise RuntimeError(f"Input type ({weight.dtype.name}) and bias type ({bias.dtype.name}) should be the same")
    fits(
        "bias", bias, (channels,), weight.dtype,
        f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {channels} elements, but "
        "got bias of size {got} instead",
    )  # fmt: skip


_TOO_LARGE = 2**31
"""Beyond it, products of lengths would not fit into the C source's numbers."""


def window_fits(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]
) -> None:
    """RuntimeError where a kernel could not be laid over a picture so."""
    if min(*kernel, *stride, *dilation) >= 1 and min(padding) >= 0 and max(*padding, *dilation) < _TOO_LARGE:
        return
    if min(stride) < 1:
        raise RuntimeError("non-positive stride is not supported")
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(dilation) < 1:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    if min(kernel) < 1:
        raise RuntimeError(
            f"kernel size should be greater than zero, but got kernel_height: {kernel[0]} kernel_width: {kernel[1]}"
        )
    raise RuntimeError(f"padding {list(padding)} or dilation {list(dilation)} is too large: 2**31 - 1 is the most")


def _countable(n: int, channels: int, height: int, width: int) -> None:
    """RuntimeError where the C source's int64 could not hold the bytes of the padded pictures."""
    if n * channels * height * width >= 2**57:
        raise RuntimeError(f"not enough memory for pictures of shape {[n, channels, height, width]}, with padding")


def _convolved(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int],
    dilation: tuple[int, int], groups: int,
) -> Tensor:  # fmt: skip
    n, c, h, w = input.shape
    oc, _, kh, kw = weight.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    window_fits((kh, kw), stride, padding, dilation)
    oh, ow = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise RuntimeError(
            f"Calculated padded input size per channel: ({h + 2 * ph} x {w + 2 * pw}). Kernel size: "
            f"({dh * (kh - 1) + 1} x {dw * (kw - 1) + 1}). Kernel size can't be greater than actual input size"
        )
    _countable(n, max(c, oc), h + 2 * ph, w + 2 * pw)
    sh, sw = min(sh, h + 2 * ph), min(sw, w + 2 * pw)  # a longer step leaves the picture as well
    layout = descriptor(n, c, h, w, oc, kh, kw, sh, sw, ph, pw, dh, dw, groups, oh, ow)
    x, k = contiguous(input.detach()), contiguous(weight.detach())
    b = None if bias is None else contiguous(bias.detach())
    out = new((n, oc, oh, ow), x.dtype)
    if out.numel():
        scratch = work("conv2d_forward", x.dtype, layout)
        typed("conv2d_forward", x.dtype)(
            layout, x.data_ptr(), k.data_ptr(), address(b), out.data_ptr(), scratch.address
        )
    if recorded(input, weight, bias):
        need_x, need_k = input.requires_grad, weight.requires_grad
        need_b = bias is not None and bias.requires_grad

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            g = contiguous(g)
            gx = gk = gb = None
            if need_x:
                gx = new_like(x)
                if not g.numel():
                    fill(gx, 0)
                elif gx.numel():
                    scratch = work("conv2d_backward_input", x.dtype, layout)
                    typed("conv2d_backward_input", x.dtype)(
                        layout, g.data_ptr(), k.data_ptr(), gx.data_ptr(), scratch.address
                    )
            if need_k:
                gk = new_like(k)
                gb = new((oc,), k.dtype) if need_b else None
                if g.numel() and gk.numel():
                    scratch = work("conv2d_backward_weight", x.dtype, layout)
                    typed("conv2d_backward_weight", x.dtype)(
                        layout, x.data_ptr(), g.data_ptr(), gk.data_ptr(), address(gb), scratch.address
                    )
                else:
                    fill(gk, 0)
                    if gb is not None:
                        fill(gb, 0)
            elif need_b:
                gb = reductions.plain_sum(g, (0, 2, 3))
            return gx, gk, gb

        saved = (*((k,) if need_x else ()), *((x,) if need_k else ()))
        out._record(Node("ConvolutionBackward0", (input, weight, bias), back, saved))
    return out


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation along a line: (N, C, L) with weight (O, C / groups, k) → (N, O, L')."""
    if input.ndim == 2:
        return shapes.squeeze(conv1d(shapes.unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    _conv_shapes(input, weight, bias, groups, 1)
    one = [v if isinstance(v, int) else v[0] for v in (stride, dilation)]
    around = padding if isinstance(padding, str) else (0, padding if isinstance(padding, int) else padding[0])
    out = conv2d(
        shapes.unsqueeze(input, 2), shapes.unsqueeze(weight, 2), bias, (1, one[0]), around, (1, one[1]), groups
    )
    return shapes.squeeze(out, 2)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1, dilation: Pair = 1,
) -> Tensor:  # fmt: skip
    """The gradient of a convolution as a layer: (N, C, H, W) with weight (C, O / groups, kh, kw) → (N, O, H', W')."""
    if input.ndim == 3:
        out = conv_transpose2d(
            shapes.unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation
        )
        return shapes.squeeze(out, 0)
    if input.ndim != 4 or weight.ndim != 4:
        raise RuntimeError(
            f"Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d and a weight of 4 dimensions, but got "
            f"input of size: {list(input.shape)} and weight of size: {list(weight.shape)}"
        )
    if groups < 1:
        raise RuntimeError("non-positive groups is not supported")
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"Input type ({input.dtype.name}) and weight type ({weight.dtype.name}) should be the same")
    floating("conv_transpose2d", input)
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {list(weight.shape)} instead"
        )
    if input.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(input.shape)} to have "
            f"{weight.shape[0]} channels, but got {input.shape[1]} channels instead"
        )
    (sh, sw), (ph, pw), (dh, dw), (eh, ew) = pair(stride), pair(padding), pair(dilation), pair(output_padding)
    n, c, h, w = input.shape
    oc, kh, kw = weight.shape[1] * groups, weight.shape[2], weight.shape[3]
    window_fits((kh, kw), (sh, sw), (ph, pw), (dh, dw))
    _bias_fits(bias, weight, oc)
    if min(eh, ew) < 0 or eh >= max(sh, dh) or ew >= max(sw, dw):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding_height: {eh} "
            f"output_padding_width: {ew} stride_height: {sh} stride_width: {sw} dilation_height: {dh} dilation_width: "
            f"{dw}"
        )
    oh, ow = (h - 1) * sh - 2 * ph + dh * (kh - 1) + eh + 1, (w - 1) * sw - 2 * pw + dw * (kw - 1) + ew + 1
    if oh < 1 or ow < 1:
        raise RuntimeError(
            f"Given input size per channel: ({h} x {w}). Calculated output size per channel: ({oh} x {ow}). Output "
            "size is too small"
        )
    _countable(n, max(c, oc), oh + 2 * ph, ow + 2 * pw)
    sh, sw = min(sh, oh + 2 * ph), min(sw, ow + 2 * pw)
    # The convolution whose gradient this is goes from (n, oc, oh, ow) to (n, c, h, w).
    layout = descriptor(n, oc, oh, ow, c, kh, kw, sh, sw, ph, pw, dh, dw, groups, h, w)
    x, k = contiguous(input.detach()), contiguous(weight.detach())
    out = new((n, oc, oh, ow), x.dtype)
    if out.numel():
        scratch = work("conv2d_backward_input", x.dtype, layout)
        typed("conv2d_backward_input", x.dtype)(layout, x.data_ptr(), k.data_ptr(), out.data_ptr(), scratch.address)
    if recorded(input, weight):

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            g = contiguous(g)
            gx, gk = new_like(x), new_like(k)
            scratch = work("conv2d_forward", x.dtype, layout)
            typed("conv2d_forward", x.dtype)(layout, g.data_ptr(), k.data_ptr(), None, gx.data_ptr(), scratch.address)
            scratch = work("conv2d_backward_weight", x.dtype, layout)
            typed("conv2d_backward_weight", x.dtype)(
                layout, g.data_ptr(), x.data_ptr(), gk.data_ptr(), None, scratch.address
            )
            return gx, gk

        out._record(Node("ConvolutionBackward0", (input, weight), back, (x, k)))
    return out if bias is None else out + shapes.reshape(bias, 1, -1, 1, 1)


def unfold(input: Tensor, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Tensor:
    """The patches that a convolution sees: (N, C, H, W) → (N, C · kh · kw, places)."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = (pair(v) for v in (kernel_size, dilation, padding, stride))
    x = pad(input, [pw, pw, ph, ph])
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    patches = [
        x[:, :, a * dh : a * dh + sh * (oh - 1) + 1 : sh, b * dw : b * dw + sw * (ow - 1) + 1 : sw]
        for a in range(kh)
        for b in range(kw)
    ]
    return shapes.reshape(shapes.stack(patches, 2), input.shape[0], input.shape[1] * kh * kw, oh * ow)
