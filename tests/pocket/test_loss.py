"""Softmax, its logarithm, and the losses on top, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.pocket.calling import call, close

DTYPES = st.sampled_from([torch.float32, torch.float64])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.integers(0, 5),
    st.integers(1, 40) | st.sampled_from([100, 1000]),
    st.sampled_from([1, 1, 2, 7, 70]),
    st.booleans(),
    st.sampled_from([1.0, 30.0, 1e4]),
    DTYPES,
)
def test_softmax(outer: int, classes: int, inner: int, logarithm: bool, spread: float, dtype: torch.dtype) -> None:
    torch.manual_seed(classes)
    x = (torch.randn(outer, classes, inner, dtype=dtype) * spread).requires_grad_()
    wanted = F.log_softmax(x, 1) if logarithm else F.softmax(x, 1)
    y = torch.full_like(wanted, torch.nan).detach()
    call("softmax_forward", int(logarithm), outer, classes, inner, x.detach(), y, dtype=dtype)
    close(y, wanted.detach())
    gy = torch.randn_like(wanted)
    wanted.backward(gy)
    gx = torch.full_like(y, torch.nan)
    call("softmax_backward", int(logarithm), outer, classes, inner, y, gy, gx, dtype=dtype)
    assert x.grad is not None
    close(gx, x.grad, 10)


@pytest.mark.parametrize("inner", [1, 3])
def test_softmax_of_infinities_and_nan(inner: int) -> None:
    inf, nan = torch.inf, torch.nan
    rows = torch.tensor([[-inf, 1.0, 2.0], [inf, 1.0, 2.0], [nan, 1.0, 2.0], [-inf, -inf, -inf]])
    x = rows[:, :, None].expand(4, 3, inner).contiguous()
    for logarithm, wanted in ((0, x.softmax(1)), (1, x.log_softmax(1))):
        y = torch.empty_like(x)
        call("softmax_forward", logarithm, 4, 3, inner, x, y, dtype=x.dtype)
        close(y, wanted)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.integers(1, 9),
    st.integers(1, 20),
    st.sampled_from([1, 1, 6]),
    st.booleans(),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.booleans(),
    DTYPES,
)
def test_cross_entropy(
    outer: int, classes: int, inner: int, weighted: bool, smoothing: float, one_gradient: bool, dtype: torch.dtype
) -> None:
    torch.manual_seed(outer * 100 + classes)
    x = torch.randn(outer, classes, inner, dtype=dtype, requires_grad=True)
    target = torch.randint(classes, (outer, inner))
    target[torch.rand(outer, inner) < 0.2] = -100
    weight = torch.rand(classes, dtype=dtype) + 0.5 if weighted else None
    wanted = F.cross_entropy(x, target, weight, reduction="none", label_smoothing=smoothing)
    log_p, loss, totals = (
        torch.empty_like(x).detach(),
        torch.empty_like(wanted).detach(),
        torch.zeros(2, dtype=torch.float64),
    )
    sizes = (outer, classes, inner)
    bad = call(
        "cross_entropy_forward", *sizes, x.detach(), target, weight, -100, smoothing, log_p, loss, totals, dtype=dtype
    )
    assert bad == -1
    close(loss, wanted.detach())
    close(log_p, x.detach().log_softmax(1))
    if (target != -100).any():
        mean = F.cross_entropy(x.detach(), target, weight, label_smoothing=smoothing)
        close((totals[0] / totals[1]).to(dtype), mean)
    g = torch.randn(1 if one_gradient else wanted.numel(), dtype=dtype)
    wanted.backward(0.5 * g.expand(wanted.numel()).view_as(wanted))
    gx = torch.full_like(log_p, torch.nan)
    step = 0 if one_gradient else 1
    call("cross_entropy_backward", *sizes, log_p, target, weight, -100, smoothing, g, step, 0.5, gx, dtype=dtype)
    assert x.grad is not None
    close(gx, x.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nll(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    log_p, target = torch.randn(4, 5, 3, dtype=dtype, requires_grad=True), torch.randint(5, (4, 3))
    target[1, 2] = -100
    weight = torch.rand(5, dtype=dtype)
    wanted = F.nll_loss(log_p, target, weight, reduction="none")
    loss, totals = torch.empty_like(wanted).detach(), torch.zeros(2, dtype=torch.float64)
    assert call("nll_forward", 4, 5, 3, log_p.detach(), target, weight, -100, loss, totals, dtype=dtype) == -1
    close(loss, wanted.detach())
    g = torch.randn_like(wanted)
    wanted.backward(g)
    gx = torch.empty_like(log_p).detach()
    call("nll_backward", 4, 5, 3, target, weight, -100, g, 1, 1.0, gx, dtype=dtype)
    assert log_p.grad is not None
    close(gx, log_p.grad)


@pytest.mark.parametrize("wrong", [5, -1])
def test_a_target_that_is_no_class_is_reported(wrong: int) -> None:
    target = torch.tensor([0, 4, wrong, 2])
    log_p, loss, totals = torch.zeros(4, 5), torch.zeros(4), torch.zeros(2, dtype=torch.float64)
    assert call("nll_forward", 4, 5, 1, log_p, target, None, -100, loss, totals, dtype=torch.float32) == 2
