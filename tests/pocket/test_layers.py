"""Recurrent cells, attention, embedding, grid sampling and the small ones, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from tests.pocket.calling import call, close, work

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def gradient(t: torch.Tensor) -> torch.Tensor:
    assert t.grad is not None
    return t.grad


@BOTH
@pytest.mark.parametrize(("batch", "hidden"), [(1, 1), (3, 5), (2, 33)])
def test_gru_cell(batch: int, hidden: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    cell = nn.GRUCell(4, hidden, dtype=dtype)
    x, h = torch.randn(batch, 4, dtype=dtype), torch.randn(batch, hidden, dtype=dtype, requires_grad=True)
    wanted = cell(x, h)
    of_x = F.linear(x, cell.weight_ih, cell.bias_ih).detach().requires_grad_()
    of_h = F.linear(h, cell.weight_hh, cell.bias_hh).detach().requires_grad_()
    y, kept = torch.empty_like(h).detach(), torch.empty(batch, 4 * hidden, dtype=dtype)
    call("gru_cell_forward", batch, hidden, of_x.detach(), of_h.detach(), h.detach(), y, kept, dtype=dtype)
    close(y, wanted.detach())

    (rx, zx, nx), (rh, zh, nh) = of_x.chunk(3, 1), of_h.chunk(3, 1)
    z, n = torch.sigmoid(zx + zh), torch.tanh(nx + torch.sigmoid(rx + rh) * nh)
    g = torch.randn_like(y)
    ((1 - z) * n + z * h).backward(g)
    gx, gh, direct = torch.empty_like(of_x).detach(), torch.empty_like(of_h).detach(), torch.empty_like(y)
    call("gru_cell_backward", batch, hidden, g, kept, h.detach(), gx, gh, direct, dtype=dtype)
    close(gx, gradient(of_x))
    close(gh, gradient(of_h))
    close(direct, gradient(h))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 3),
    st.sampled_from([1, 5, 32, 40, 70]),
    st.sampled_from([1, 7, 40, 65]),
    st.sampled_from([1, 8, 17]),
    st.sampled_from([4, 9]),
    st.sampled_from(["", "causal", "one", "each"]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_attention(batch: int, lq: int, lk: int, e: int, ev: int, masking: str, dtype: torch.dtype) -> None:
    torch.manual_seed(lq * 100 + lk)
    q, k, v = (torch.randn(batch, *s, dtype=dtype, requires_grad=True) for s in ((lq, e), (lk, e), (lk, ev)))
    mask = torch.randn(1 if masking == "one" else batch, lq, lk, dtype=dtype) if masking in ("one", "each") else None
    if mask is not None:
        mask[:, :, 0] = -torch.inf if lk > 1 else 0.0
    causal = masking == "causal"
    wanted = F.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=0.3)
    y, log_total = torch.full_like(wanted, torch.nan).detach(), torch.empty(batch, lq, dtype=dtype)
    scratch = work("attention", lk, dtype=dtype)
    stride = lq * lk if masking == "each" else 0
    plain = [t.detach() for t in (q, k, v)]
    rest = (mask, stride, int(causal), 0.3)
    sizes = (batch, lq, lk, e, ev)
    call("attention_forward", *sizes, *plain, *rest, y, log_total, scratch, dtype=dtype)
    close(y, wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gq, gk, gv = (torch.full_like(t, torch.nan) for t in plain)
    call("attention_backward", *sizes, *plain, *rest, y, log_total, gy, gq, gk, gv, scratch, dtype=dtype)
    for got, source in zip((gq, gk, gv), (q, k, v), strict=True):
        close(got, gradient(source), 10)


def test_attention_where_all_is_masked_gives_0() -> None:
    q, k, v, mask = torch.randn(1, 2, 4), torch.randn(1, 3, 4), torch.randn(1, 3, 4), torch.zeros(2, 3)
    mask[1] = -torch.inf
    wanted = F.scaled_dot_product_attention(q, k, v, mask)
    y, log_total = torch.empty_like(wanted), torch.empty(1, 2)
    scratch = work("attention", 3, dtype=q.dtype)
    call("attention_forward", 1, 2, 3, 4, 4, q, k, v, mask, 0, 0, 0.5, y, log_total, scratch, dtype=q.dtype)
    close(y, wanted)


@BOTH
def test_embedding(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight, index = torch.randn(7, 5, dtype=dtype, requires_grad=True), torch.tensor([[1, 6, 1], [0, 2, 1]])
    wanted = F.embedding(index, weight, padding_idx=2)
    y = torch.empty_like(wanted).detach()
    assert call("embedding_forward", 6, 7, 5, index, weight.detach(), y, dtype=dtype) == -1
    assert torch.equal(y, wanted)
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gw = torch.empty_like(weight).detach()
    call("embedding_backward", 6, 7, 5, index, 2, gy, gw, dtype=dtype)
    close(gw, gradient(weight))
    assert call("embedding_forward", 2, 7, 5, torch.tensor([3, 7]), weight.detach(), y, dtype=dtype) == 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["bilinear", "nearest"]),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
    st.sampled_from([(1, 1), (4, 6), (7, 3)]),
    st.sampled_from([0.9, 3.0]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_grid_sample(
    mode: str, padding: str, align: bool, size: tuple[int, int], spread: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(size[0])
    x = torch.randn(2, 3, *size, dtype=dtype, requires_grad=True)
    grid = ((torch.rand(2, 5, 4, 2, dtype=dtype) * 2 - 1) * spread).requires_grad_()
    wanted = F.grid_sample(x, grid, mode, padding, align)
    y = torch.empty_like(wanted).detach()
    numbers = (2, 3, *size, 5, 4, int(mode == "nearest"), ["zeros", "border", "reflection"].index(padding), int(align))
    call("grid_sample_forward", *numbers, x.detach(), grid.detach(), y, dtype=dtype)
    close(y, wanted.detach(), 10)
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx, gg = torch.empty_like(x).detach(), torch.empty_like(grid).detach()
    call("grid_sample_backward", *numbers, x.detach(), grid.detach(), gy, gx, gg, dtype=dtype)
    close(gx, gradient(x), 10)
    close(gg, gradient(grid), 100)


def test_grid_sample_far_outside_and_nan() -> None:
    x, grid = torch.randn(1, 1, 3, 3), torch.tensor([[[[1e30, 0.0], [torch.nan, 0.0], [-torch.inf, 0.2]]]])
    for number, padding in enumerate(("zeros", "border")):
        y = torch.empty(1, 1, 1, 3)
        call("grid_sample_forward", 1, 1, 3, 3, 1, 3, 0, number, 1, x, grid, y, dtype=x.dtype)
        close(y, F.grid_sample(x, grid, "bilinear", padding, True).nan_to_num(0.0))


@BOTH
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 7), (0, 3), (2, 4, 40)])
def test_bias_and_relu(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    y, bias = torch.randn(shape, dtype=dtype), torch.randn(shape[1], dtype=dtype)
    if y.numel():
        y.view(-1)[0] = torch.nan
    inner = shape[2] if len(shape) == 3 else 1
    wanted = y + bias.view(-1, *[1] * (len(shape) - 2))
    for relu in (0, 1):
        got = y.clone()
        call("add_bias", shape[0], shape[1], inner, bias, relu, got, dtype=dtype)
        close(got, wanted.relu() if relu else wanted)
    rectified = torch.empty_like(y)
    call("relu_forward", y.numel(), y, rectified, dtype=dtype)
    close(rectified, y.relu())
    gy, gx, gb = torch.randn_like(y), torch.empty_like(y), torch.empty_like(bias)
    call("relu_backward", y.numel(), y, gy, gx, dtype=dtype)
    close(gx, gy * (y > 0))
    call("bias_backward", shape[0], shape[1], inner, gy, gb, dtype=dtype)
    close(gb, gy.reshape(shape[0], shape[1], inner).sum((0, 2)))


@BOTH
@pytest.mark.parametrize("n", [0, 1, 15, 16, 5000])
def test_axpy(n: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(n, dtype=dtype), torch.randn(n, dtype=dtype)
    wanted = y + 0.3 * x
    call("axpy", n, 0.3, x, y, dtype=dtype)
    close(y, wanted)
