"""Pooling, against PyTorch's."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.pocket.calling import call, close, guarded, untouched

DTYPES = st.sampled_from([torch.float32, torch.float64])
PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))


def pool(x: torch.Tensor, y: torch.Tensor, *rest: tuple[int, int]) -> Any:
    """The descriptor `hp_pool`: rest is kernel, stride, padding, dilation."""
    numbers = [number for pair in rest for number in pair]
    return (ctypes.c_longlong * 13)(x.shape[0] * x.shape[1], *x.shape[2:], *y.shape[2:], *numbers)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data(), DTYPES, PAIRS, PAIRS, PAIRS, st.booleans())
def test_max_pool2d(
    data: st.DataObject,
    dtype: torch.dtype,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    ceil: bool,
) -> None:
    n, c, h, w = (data.draw(st.integers(1, most)) for most in (2, 3, 14, 30))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    assume(all(size + 2 * p > d * (k - 1) for size, p, d, k in zip((h, w), padding, dilation, kernel, strict=True)))
    torch.manual_seed(h * 31 + w)
    x = torch.randint(-4, 4, (n, c, h, w)).to(dtype)  # many equal values
    if data.draw(st.booleans()):
        x[torch.rand_like(x) < 0.05] = torch.nan
        x[torch.rand_like(x) < 0.05] = -torch.inf
    x.requires_grad_()
    wanted, places = F.max_pool2d(x, kernel, stride, padding, dilation, ceil, return_indices=True)
    y, around = guarded(*wanted.shape, dtype=dtype)
    index = torch.full(wanted.shape, -1, dtype=torch.int32)
    d = pool(x, wanted, kernel, stride, (padding[0], padding[1]), dilation)
    call("max_pool2d_forward", d, x.detach(), y, index, dtype=dtype)
    close(y, wanted.detach())
    assert torch.equal(index.long(), places)
    assert untouched(around)
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx, around = guarded(*x.shape, dtype=dtype)
    call("max_pool2d_backward", d, gy, index, gx, dtype=dtype)
    assert x.grad is not None
    close(gx, x.grad)
    assert untouched(around)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data(), DTYPES, PAIRS, PAIRS, st.booleans(), st.booleans(), st.sampled_from([None, 3]))
def test_avg_pool2d(
    data: st.DataObject,
    dtype: torch.dtype,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    ceil: bool,
    count_padding: bool,
    divisor: int | None,
) -> None:
    n, c, h, w = (data.draw(st.integers(1, most)) for most in (2, 3, 14, 30))
    padding = (data.draw(st.integers(0, kernel[0] // 2)), data.draw(st.integers(0, kernel[1] // 2)))
    assume(h + 2 * padding[0] >= kernel[0] and w + 2 * padding[1] >= kernel[1])
    torch.manual_seed(h * 31 + w)
    x = torch.randn(n, c, h, w, dtype=dtype, requires_grad=True)
    wanted = F.avg_pool2d(x, kernel, stride, padding, ceil, count_padding, divisor)
    y, around = guarded(*wanted.shape, dtype=dtype)
    d = pool(x, wanted, kernel, stride, padding, (1, 1))
    call("avg_pool2d_forward", d, int(count_padding), divisor or 0, x.detach(), y, dtype=dtype)
    close(y, wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx = torch.full_like(x, torch.nan)
    call("avg_pool2d_backward", d, int(count_padding), divisor or 0, gy, gx.detach(), dtype=dtype)
    assert x.grad is not None
    close(gx.detach(), x.grad)
    assert untouched(around)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 9), (10, 2)])
def test_adaptive_avg_pool2d(dtype: torch.dtype, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 7, 9, dtype=dtype, requires_grad=True)
    wanted = F.adaptive_avg_pool2d(x, size)
    y = torch.empty_like(wanted)
    d = pool(x, wanted, (0, 0), (0, 0), (0, 0), (0, 0))
    call("adaptive_avg_pool2d_forward", d, x.detach(), y.detach(), dtype=dtype)
    close(y.detach(), wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx = torch.empty_like(x).detach()
    call("adaptive_avg_pool2d_backward", d, gy, gx, dtype=dtype)
    assert x.grad is not None
    close(gx, x.grad)
