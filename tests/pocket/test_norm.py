"""Normalisations, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.pocket.calling import call, close

DTYPES = st.sampled_from([torch.float32, torch.float64])


def optional(size: int, dtype: torch.dtype, there: bool) -> torch.Tensor | None:
    return torch.randn(size, dtype=dtype, requires_grad=True) if there else None


def plain(t: torch.Tensor | None) -> torch.Tensor | None:
    return None if t is None else t.detach()


def compare(got: torch.Tensor, source: torch.Tensor | None, scale: float = 10) -> None:
    if source is not None:
        assert source.grad is not None
        close(got, source.grad, scale)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.integers(2, 5),
    st.integers(1, 5),
    st.sampled_from([1, 4, 17, 50]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    DTYPES,
)
def test_batch_norm(
    n: int, c: int, inner: int, training: bool, affine: bool, running: bool, dtype: torch.dtype
) -> None:
    torch.manual_seed(n * 100 + inner)
    x = (torch.randn(n, c, inner, dtype=dtype) * 3 + 5).requires_grad_()
    weight, bias = optional(c, dtype, affine), optional(c, dtype, affine)
    statistics = (
        (torch.randn(c, dtype=dtype) + 5, torch.rand(c, dtype=dtype) + 0.5) if running or not training else (None, None)
    )
    ours = [None if t is None else t.clone() for t in statistics]
    wanted = F.batch_norm(x, *statistics, weight, bias, training, 0.1, 1e-5)
    y, mean, scale = torch.empty_like(x).detach(), torch.empty(c, dtype=dtype), torch.empty(c, dtype=dtype)
    parameters = (plain(weight), plain(bias), *ours)
    call(
        "batch_norm_forward",
        n,
        c,
        inner,
        x.detach(),
        *parameters,
        int(training),
        0.1,
        1e-5,
        y,
        mean,
        scale,
        dtype=dtype,
    )
    close(y, wanted.detach(), 10)
    for mine, theirs in zip(ours, statistics, strict=True):
        if mine is not None and theirs is not None:
            close(mine, theirs, 10)
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx, gw, gb = torch.empty_like(y), torch.empty(c, dtype=dtype), torch.empty(c, dtype=dtype)
    call(
        "batch_norm_backward",
        n,
        c,
        inner,
        x.detach(),
        gy,
        plain(weight),
        mean,
        scale,
        int(training),
        gx,
        gw,
        gb,
        dtype=dtype,
    )
    compare(gx, x)
    compare(gw, weight)
    compare(gb, bias)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 6), st.sampled_from([1, 2, 5, 16, 33, 100]), st.booleans(), DTYPES)
def test_layer_norm(rows: int, size: int, affine: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(rows * 100 + size)
    x = torch.randn(rows, size, dtype=dtype, requires_grad=True)
    weight, bias = optional(size, dtype, affine), optional(size, dtype, affine)
    wanted = F.layer_norm(x, (size,), weight, bias, 1e-5)
    y, mean, scale = torch.empty_like(x).detach(), torch.empty(rows, dtype=dtype), torch.empty(rows, dtype=dtype)
    call("layer_norm_forward", rows, size, x.detach(), plain(weight), plain(bias), 1e-5, y, mean, scale, dtype=dtype)
    close(y, wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx, gw, gb = torch.empty_like(y), torch.empty(size, dtype=dtype), torch.empty(size, dtype=dtype)
    call("layer_norm_backward", rows, size, x.detach(), gy, plain(weight), mean, scale, gx, gw, gb, dtype=dtype)
    compare(gx, x)
    compare(gw, weight)
    compare(gb, bias)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.integers(1, 4),
    st.sampled_from([(4, 1), (4, 2), (6, 3), (5, 5)]),
    st.sampled_from([2, 9, 40]),
    st.booleans(),
    DTYPES,
)
def test_group_norm(n: int, channels: tuple[int, int], inner: int, affine: bool, dtype: torch.dtype) -> None:
    c, groups = channels
    torch.manual_seed(n * 100 + inner)
    x = torch.randn(n, c, inner, dtype=dtype, requires_grad=True)
    weight, bias = optional(c, dtype, affine), optional(c, dtype, affine)
    wanted = F.group_norm(x, groups, weight, bias, 1e-5)
    y, mean, scale = (
        torch.empty_like(x).detach(),
        torch.empty(n * groups, dtype=dtype),
        torch.empty(n * groups, dtype=dtype),
    )
    sizes = (n, c, inner, groups)
    call("group_norm_forward", *sizes, x.detach(), plain(weight), plain(bias), 1e-5, y, mean, scale, dtype=dtype)
    close(y, wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx, gw, gb = torch.empty_like(y), torch.empty(c, dtype=dtype), torch.empty(c, dtype=dtype)
    call("group_norm_backward", *sizes, x.detach(), gy, plain(weight), mean, scale, gx, gw, gb, dtype=dtype)
    compare(gx, x)
    compare(gw, weight)
    compare(gb, bias)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_local_response_norm(size: int, dtype: torch.dtype) -> None:
    torch.manual_seed(size)
    x = torch.randn(2, 7, 10, dtype=dtype, requires_grad=True)
    wanted = F.local_response_norm(x, size, 0.3, 0.75, 1.5)
    y, divisor = torch.empty_like(x).detach(), torch.empty_like(x).detach()
    call("local_response_norm_forward", 2, 7, 10, size, 0.3, 0.75, 1.5, x.detach(), y, divisor, dtype=dtype)
    close(y, wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx = torch.empty_like(y)
    call("local_response_norm_backward", 2, 7, 10, size, 0.3, 0.75, x.detach(), y, divisor, gy, gx, dtype=dtype)
    compare(gx, x)
