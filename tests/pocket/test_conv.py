"""Convolution and its gradients, against PyTorch's."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.pocket.calling import call, close, guarded, untouched, work

Pair = tuple[int, int]


def convolution(
    x: torch.Tensor, weight: torch.Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int, out: Pair
) -> Any:
    """The descriptor `hp_conv`."""
    fields = (*x.shape, weight.shape[0], *weight.shape[2:], *stride, *padding, *dilation, groups, *out)
    return (ctypes.c_longlong * 16)(*fields)


def check(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *how: Any) -> None:
    stride, padding, dilation, groups = how
    dtype = x.dtype
    x, weight, bias = (t.requires_grad_() for t in (x, weight, bias))
    wanted = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    d = convolution(x, weight, stride, padding, dilation, groups, (wanted.shape[2], wanted.shape[3]))
    y, around_y = guarded(*wanted.shape, dtype=dtype)
    call(
        "conv2d_forward",
        d,
        x.detach(),
        weight.detach(),
        bias.detach(),
        y,
        work("conv2d_forward", d, dtype=dtype),
        dtype=dtype,
    )
    scale = max(1.0, weight[0].numel() ** 0.5)
    close(y, wanted.detach(), scale)
    assert untouched(around_y)

    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx, around_gx = guarded(*x.shape, dtype=dtype)
    scratch = work("conv2d_backward_input", d, dtype=dtype)
    call("conv2d_backward_input", d, gy, weight.detach(), gx, scratch, dtype=dtype)
    assert x.grad is not None
    close(gx, x.grad, max(1.0, (weight.numel() / weight.shape[1]) ** 0.5))
    assert untouched(around_gx)

    gw, around_gw = guarded(*weight.shape, dtype=dtype)
    gb, around_gb = guarded(*bias.shape, dtype=dtype)
    scratch = work("conv2d_backward_weight", d, dtype=dtype)
    call("conv2d_backward_weight", d, x.detach(), gy, gw, gb, scratch, dtype=dtype)
    assert weight.grad is not None
    assert bias.grad is not None
    scale = max(1.0, (gy.numel() / gy.shape[1]) ** 0.5)
    close(gw, weight.grad, scale)
    close(gb, bias.grad, scale)
    assert untouched(around_gw)
    assert untouched(around_gb)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_convolution(data: st.DataObject) -> None:
    def draw(most: int, least: int = 1) -> int:
        return data.draw(st.integers(least, most))

    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    groups = data.draw(st.sampled_from([1, 1, 1, 2, 3]))
    n, c, oc = draw(3), groups * draw(5), groups * draw(11)
    h, w, kh, kw = draw(20), draw(40), draw(5), draw(5)
    stride, padding, dilation = (draw(4), draw(4)), (draw(4, 0), draw(4, 0)), (draw(3), draw(3))
    assume(h + 2 * padding[0] > dilation[0] * (kh - 1) and w + 2 * padding[1] > dilation[1] * (kw - 1))
    torch.manual_seed(h * 101 + w)
    x, weight = torch.randn(n, c, h, w, dtype=dtype), torch.randn(oc, c // groups, kh, kw, dtype=dtype)
    check(x, weight, torch.randn(oc, dtype=dtype), stride, padding, dilation, groups)


CASES = {
    "first layer": (5, 1, 24, 8, 5, 1, 2, 1),
    "second layer": (5, 8, 12, 16, 5, 1, 2, 1),
    "3x3": (2, 16, 14, 20, 3, 1, 1, 1),
    "1x1": (2, 33, 13, 17, 1, 1, 0, 1),
    "1x1, stride 2": (2, 8, 13, 8, 1, 2, 0, 1),
    "stem": (1, 3, 33, 16, 3, 2, 0, 1),
    "depthwise": (2, 12, 15, 12, 3, 1, 1, 12),
    "depthwise, stride 2": (2, 12, 15, 12, 3, 2, 1, 12),
    "stride larger than the kernel": (2, 3, 16, 4, 2, 5, 0, 1),
    "few pixels, many images": (37, 8, 4, 13, 3, 1, 0, 1),
    "few pixels, padded": (19, 5, 3, 8, 3, 1, 1, 1),
    "few pixels, stride 2, groups": (18, 16, 7, 8, 3, 2, 1, 2),
    "one pixel": (3, 4, 1, 5, 1, 1, 0, 1),
    "kernel as large as the image": (3, 6, 4, 9, 4, 1, 0, 1),
    "padding larger than the kernel": (1, 2, 3, 3, 1, 1, 3, 1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_convolutions_of_known_networks(case: tuple[int, ...], dtype: torch.dtype) -> None:
    n, c, size, oc, kernel, stride, padding, groups = case
    torch.manual_seed(0)
    x, weight = torch.randn(n, c, size, size, dtype=dtype), torch.randn(oc, c // groups, kernel, kernel, dtype=dtype)
    check(x, weight, torch.randn(oc, dtype=dtype), (stride, stride), (padding, padding), (1, 1), groups)


def test_an_empty_batch_gives_gradients_of_0() -> None:
    x, weight, y = torch.zeros(0, 2, 5, 5), torch.randn(3, 2, 3, 3), torch.zeros(0, 3, 3, 3)
    d = convolution(x, weight, (1, 1), (0, 0), (1, 1), 1, (3, 3))
    call("conv2d_forward", d, x, weight, None, y, work("conv2d_forward", d, dtype=x.dtype), dtype=x.dtype)
    gw, gb = torch.ones_like(weight), torch.ones(3)
    call("conv2d_backward_weight", d, x, y, gw, gb, work("conv2d_backward_weight", d, dtype=x.dtype), dtype=x.dtype)
    assert not gw.any()
    assert not gb.any()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_gradient_is_a_transposed_convolution(stride: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 6, 5, 7), torch.randn(6, 4, 3, 3)
    wanted = F.conv_transpose2d(x, weight, None, stride, 1, stride - 1)
    y = torch.empty_like(wanted)
    d = convolution(y, weight, (stride, stride), (1, 1), (1, 1), 1, (5, 7))
    call("conv2d_backward_input", d, x, weight, y, work("conv2d_backward_input", d, dtype=x.dtype), dtype=x.dtype)
    close(y, wanted, 5)


def test_nan_stays_where_it_is_seen() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(1, 1, 9, 9), torch.randn(1, 1, 3, 3)
    x[0, 0, 4, 4] = torch.nan
    wanted = F.conv2d(x, weight, padding=1)
    y = torch.empty_like(wanted)
    d = convolution(x, weight, (1, 1), (1, 1), (1, 1), 1, (9, 9))
    call("conv2d_forward", d, x, weight, None, y, work("conv2d_forward", d, dtype=x.dtype), dtype=x.dtype)
    assert torch.equal(y.isnan(), wanted.isnan())
