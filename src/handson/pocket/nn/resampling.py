"""Padding, other sizes, and values between the pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from handson.pocket import creation, dtypes, elementwise, shapes
from handson.pocket import linear as products
from handson.pocket.autograd import Node, recorded
from handson.pocket.indexing import index_select
from handson.pocket.nn.calls import declare_both, floating, i, p, typed
from handson.pocket.nn.pooling import adaptive_avg_pool2d
from handson.pocket.tensor import Tensor, contiguous, convert_into, fill, new, new_like

declare_both(
    grid_sample_forward=(None, (i, i, i, i, i, i, i, i, i, p, p, p)),
    grid_sample_backward=(None, (i, i, i, i, i, i, i, i, i, p, p, p, p, p)),
)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """More at the ends: `pad` lists (before, after) from the last dimension on."""
    amounts = list(pad)
    if len(amounts) % 2 or len(amounts) // 2 > input.ndim:
        raise RuntimeError(
            f"Length of pad must be even and at most twice the number of dimensions; got {len(amounts)} values."
        )
    pairs = [(input.ndim - 1 - k // 2, amounts[k], amounts[k + 1]) for k in range(0, len(amounts), 2)]
    if mode == "constant":
        return _constant_pad(input, pairs, 0 if value is None else value)
    out = input
    for dim, before, after in pairs:
        out = index_select(out, dim, _pad_index(mode, input.shape[dim], before, after, dim))
    return out


def _pad_index(mode: str, n: int, before: int, after: int, dim: int) -> Tensor:
    places = range(-before, n + after)
    if mode == "replicate":
        return creation.tensor([min(max(k, 0), n - 1) for k in places])
    if mode == "circular":
        return creation.tensor([k % n for k in places])
    if mode != "reflect":
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if before >= n or after >= n:
        raise RuntimeError(
            f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, "
            f"{after}) at dimension {dim} of input of length {n}"
        )
    turn = max(1, 2 * (n - 1))
    return creation.tensor([min(k % turn, turn - k % turn) if n > 1 else 0 for k in places])


def _constant_pad(input: Tensor, pairs: list[tuple[int, int, int]], value: float) -> Tensor:
    shape = list(input.shape)
    for dim, before, after in pairs:
        shape[dim] += before + after
        if shape[dim] < 0:
            raise RuntimeError(
                f"The input size {input.shape[dim]}, plus negative padding {before} and {after}, resulted in a "
                f"negative output "
                f"size, which is invalid. Check dimension {dim} of your input."
            )
    out = new(tuple(shape), input.dtype)
    fill(out, value)
    inner, source, start = out, input.detach(), []
    for dim, before, after in pairs:
        cut = shapes.narrow(source, dim, max(0, -before), source.shape[dim] - max(0, -before) - max(0, -after))
        source = cut
        inner = shapes.narrow(inner, dim, max(0, before), cut.shape[dim])
        start.append((dim, max(0, before), max(0, -before), cut.shape[dim]))
    convert_into(inner, source)
    if recorded(input):
        before_shape = input.shape

        def back(g: Tensor) -> tuple[Tensor]:
            whole = new(before_shape, g.dtype)
            fill(whole, 0)
            target, part = whole, g
            for dim, at, skipped, length in start:
                part = shapes.narrow(part, dim, at, length)
                target = shapes.narrow(target, dim, skipped, length)
            convert_into(target, part)
            return (whole,)

        out._record(Node("ConstantPadNdBackward0", (input,), back))
    return out


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Another size, for (N, C, L) or (N, C, H, W): "nearest", "nearest-exact", "linear", "bilinear", "bicubic",
    "area"."""
    spatial = input.ndim - 2
    if spatial not in (1, 2):
        raise NotImplementedError(
            f"Input Error: handson.pocket resizes 3D and 4D tensors; this one has {input.ndim} dimensions."
        )
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "either size or scale_factor should be defined"
            if size is None
            else "only one of size or scale_factor should be defined"
        )
    lengths = input.shape[2:]
    factors: list[float | None] = [None] * spatial
    if size is not None:
        sizes = [int(size)] * spatial if isinstance(size, int | Tensor) else [int(s) for s in size]
        if len(sizes) != spatial:
            raise ValueError(
                f"Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of "
                f"{list(lengths)} and output size of {size}."
            )
    else:
        given = (
            [float(scale_factor)] * spatial
            if isinstance(scale_factor, int | float)
            else [float(s) for s in scale_factor]
        )
        sizes = [math.floor(n * f) for n, f in zip(lengths, given, strict=True)]
        factors = list(given) if not recompute_scale_factor else factors
    if min(sizes) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input (H: {lengths[0]}, W: {lengths[-1]}) "
            f"output (H: "
            f"{sizes[0]}, W: {sizes[-1]})"
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    if mode == "area":
        if spatial == 1:
            return shapes.squeeze(adaptive_avg_pool2d(shapes.unsqueeze(input, 2), (1, sizes[0])), 2)
        return adaptive_avg_pool2d(input, sizes)
    if mode in ("nearest", "nearest-exact"):
        out = input
        for k in range(spatial):
            places = _nearest(lengths[k], sizes[k], factors[k], 0.5 if mode.endswith("exact") else 0.0)
            out = index_select(out, k + 2, creation.tensor(places))
        return out
    if mode not in ("linear", "bilinear", "bicubic") or (mode == "linear") != (spatial == 1):
        raise NotImplementedError(f"handson.pocket has no {input.ndim}D interpolation with mode {mode!r}.")
    floating("upsample", input)
    out = input
    weights = [
        _resizing(lengths[k], sizes[k], factors[k], mode == "bicubic", bool(align_corners), antialias).to(input.dtype)
        for k in range(spatial)
    ]
    out = products.matmul(out, shapes.transpose(weights[-1], 0, 1))
    return out if spatial == 1 else products.matmul(weights[0], out)


def _nearest(n: int, size: int, factor: float | None, shift: float) -> list[int]:
    scale = 1 / factor if factor else n / size
    return [min(int((k + shift) * scale), n - 1) for k in range(size)]


def _cubic(x: float, a: float) -> float:
    """R. Keys, Cubic convolution interpolation for digital image processing (1981)."""
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


@lru_cache(64)
def _resizing(n: int, size: int, factor: float | None, cubic: bool, align: bool, antialias: bool) -> Tensor:
    """(size, n): how much of each old place goes into each new one."""
    scale = 1 / factor if factor else n / size
    if align:
        scale = (n - 1) / (size - 1) if size > 1 else 0.0
    rows = [[0.0] * n for _ in range(size)]
    for k, row in enumerate(rows):
        if antialias:
            wide = max(scale, 1.0)
            reach = (2.0 if cubic else 1.0) * wide
            center = scale * (k + 0.5)
            first, last = max(int(center - reach + 0.5), 0), min(int(center + reach + 0.5), n)
            near = [(j - center + 0.5) / wide for j in range(first, last)]
            shares = [_cubic(x, -0.5) if cubic else max(0.0, 1 - abs(x)) for x in near]
            total = sum(shares) or 1.0
            for j, share in zip(range(first, last), shares, strict=True):
                row[j] += share / total
            continue
        place = k * scale if align else (k + 0.5) * scale - 0.5
        if cubic:
            base = math.floor(place)
            for j in range(base - 1, base + 3):
                row[min(max(j, 0), n - 1)] += _cubic(place - j, -0.75)
        else:
            place = max(place, 0.0)
            base = min(int(place), n - 1)
            row[base] += 1 - (place - base)
            row[min(base + 1, n - 1)] += place - base
    return creation.tensor(rows, dtype=dtypes.float64)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """`interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where to look: (N, 2, 3) and the size (N, C, H, W) → (N, H, W, 2), x before y, from -1 to 1."""
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (2, 3):
        raise ValueError(
            f"Expected a batch of 2D affine matrices of shape Nx2x3 for size {tuple(size)}. Got {theta.shape}."
        )
    _, _, h, w = size

    def axis(n: int) -> Tensor:
        if align_corners:
            return creation.linspace(-1, 1, n, dtype=theta.dtype) if n > 1 else creation.zeros(1, dtype=theta.dtype)
        return (
            creation.linspace(-1, 1, n, dtype=theta.dtype) * ((n - 1) / n)
            if n > 1
            else creation.zeros(1, dtype=theta.dtype)
        )

    ys, xs = shapes.meshgrid(axis(h), axis(w), indexing="ij")
    base = shapes.reshape(shapes.stack([xs, ys, creation.ones_like(xs)], -1), h * w, 3)
    return shapes.reshape(products.matmul(base, shapes.transpose(theta, 1, 2)), theta.shape[0], h, w, 2)


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The values at these places: (N, C, H, W) and a grid (N, H', W', 2) → (N, C, H', W')."""
    modes, paddings = ("bilinear", "nearest"), ("zeros", "border", "reflection")
    if mode not in modes or padding_mode not in paddings:
        raise ValueError(
            f"handson.pocket's grid_sample(): expected mode to be one of {modes} and padding_mode of {paddings}, "
            f"but got: "
            f"{mode!r}, {padding_mode!r}"
        )
    if input.ndim != 4 or grid.ndim != 4 or grid.shape[-1] != 2 or input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected 4D input and grid with the same batch size and a last dimension of 2, but "
            f"got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    floating("grid_sampler", input)
    if 0 in input.shape[2:]:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{list(input.shape)} with dimension {2 + input.shape[2:].index(0)} being empty"
        )
    x, places = contiguous(input.detach()), contiguous(elementwise.to(grid.detach(), input.dtype))
    n, c, h, w = x.shape
    oh, ow = grid.shape[1:3]
    sizes = (n, c, h, w, oh, ow, modes.index(mode), paddings.index(padding_mode), int(bool(align_corners)))
    out = new((n, c, oh, ow), x.dtype)
    if out.numel():
        typed("grid_sample_forward", x.dtype)(*sizes, x.data_ptr(), places.data_ptr(), out.data_ptr())
    if recorded(input, grid):

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            g = contiguous(g)
            gx, gp = new_like(x), new_like(places)
            typed("grid_sample_backward", x.dtype)(
                *sizes, x.data_ptr(), places.data_ptr(), g.data_ptr(), gx.data_ptr(), gp.data_ptr()
            )
            return gx, gp

        out._record(Node("GridSampler2DBackward0", (input, grid), back, (x, places)))
    return out


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become places: (…, C · r², H, W) → (…, C, H · r, W · r)."""
    *rest, c, h, w = input.shape
    r = upscale_factor
    parted = shapes.reshape(input, *rest, c // (r * r), r, r, h, w)
    k = len(rest)
    order = [*range(k), k, k + 3, k + 1, k + 4, k + 2]
    return shapes.reshape(shapes.permute(parted, order), *rest, c // (r * r), h * r, w * r)
