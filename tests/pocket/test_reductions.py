"""Sums, means, extremes, norms, running sums and order, against PyTorch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import FLOATS, WHOLE, Case, agree, as_torch, cases, computed, example, examples, listed

SMALL = settings(max_examples=40, deadline=None, derandomize=True)

FLOATING = """
x.sum() | x.sum(0) | x.sum(-1, True) | x.sum((0, 1)) | t.sum(x, dim=1, keepdim=True) | x.sum(()) | x.sum((0, 0)) | x.sum(5)
x.sum(dtype=t.float64) | x.mean() | x.mean(0) | x.mean(-1, keepdim=True) | x.mean((0, 1)) | t.mean(x, (1, 2)) | x.mean(dtype=t.float64)
x.nansum() | x.nansum(0) | x.prod() | x.prod(0) | x.prod(1, True) | x.prod(-1) | x.var() | x.var(0) | x.var(unbiased=False)
x.var(0, False) | x.var(1, True, True) | x.var((0, 1)) | x.var(0, correction=0) | x.detach().var(dim=-1, correction=2) | x.var(False)
x.std() | x.std(0) | x.std(-1, keepdim=True) | x.std(unbiased=False) | x.std((0, 1), correction=0) | t.std_mean(x)
t.std_mean(x, 0) | t.var_mean(x, 0, correction=0) | t.var_mean(x, -1, keepdim=True) | x.amax() | x.amax(0) | x.amax((0, 1), True) | x.amin(-1)
t.amin(x) | x.max() | x.max(0) | x.max(-1, keepdim=True) | x.min(1) | x.min() | t.max(x, dim=0).values | t.min(x, 0).indices
t.max(x, 1 - x) | x.min(t.zeros(1)) | x.max(7) | x.argmax() | x.argmax(0) | x.argmax(-1, True) | x.argmin() | t.argmin(x, dim=1)
t.aminmax(x) | t.aminmax(x, dim=0) | x.aminmax(dim=-1, keepdim=True) | x.any() | x.all() | x.any(0) | x.all(-1, True) | (x > 0).any((0, 1))
t.all(x > 0, dim=1) | x.count_nonzero() | t.count_nonzero(x > 0, 0) | x.norm() | x.norm(2, 0) | x.norm(dim=-1, keepdim=True)
x.norm(1) | x.norm(p=3, dim=0) | x.norm(float("inf")) | x.norm(float("-inf"), 0) | x.detach().norm(0) | x.norm(2, (0, 1)) | t.linalg.norm(x)
t.linalg.vector_norm(x) | t.linalg.vector_norm(x, 1, 0) | x.logsumexp(0) | x.logsumexp(-1, True) | t.logsumexp(x, (0, 1)) | x.cumsum(0)
x.cumsum(-1) | t.cumsum(x, 1) | x.cumsum(8) | x.cumprod(0) | x.cumprod(-1) | t.diff(x) | x.diff(dim=0) | x.diff(n=2)
x.sort() | x.sort(0) | x.sort(-1, True) | x.sort(descending=True) | t.sort(x, dim=0, stable=True) | x.argsort() | x.argsort(0, True)
x.sort(4) | x.topk(1) | x.topk(2) | x.topk(2, 0) | x.topk(1, -1, False) | x.topk(9) | x.topk(-1) | x.kthvalue(1) | x.kthvalue(2, 0)
x.kthvalue(9) | x.kthvalue(0) | x.kthvalue(1, -1, True) | x.median() | x.median(0) | x.median(-1, True) | x.quantile(0.5) | x.quantile(0.3, 0)
t.quantile(x, 1.0, -1, True) | t.quantile(x, t.tensor([0.0, 0.25, 1.0])) | x.quantile(1.5) | t.quantile(x, t.tensor([0.5, 0.1]), 0)
x.detach().unique() | x.detach().unique(return_counts=True) | t.unique(x.detach(), return_inverse=True, return_counts=True) | t.unique(x > 0)
x.histc(4) | x.histc(3, -1, 1) | t.histc(x, bins=5, min=0, max=2) | x.softmax(-1) | x.log_softmax(0) | t.softmax(x, 1) | x.trace()
x.sum().detach() | x.std().detach() | (x * x).sum(-1).sqrt().max() | x.max(0)[0].sum() | x.T.sum(0) | x.T.max(0) | x.T.cumsum(0) | x.T.sort(0)
"""

COUNTING = """
x.sum() | x.sum(0) | x.sum(-1, True) | x.prod() | x.prod(0) | x.amax() | x.amax(0) | x.amin(0) | x.max() | x.max(0) | x.min(-1)
x.argmax() | x.argmin(0) | x.any() | x.all(0) | x.cumsum(0) | x.cumprod(-1) | x.sort() | x.sort(0, True) | x.argsort() | x.topk(1)
x.median() | x.median(0) | x.kthvalue(1) | x.unique() | x.unique(return_counts=True) | x.count_nonzero() | x.mean() | x.std()
x.mean(dtype=t.float32) | x.sum(dtype=t.float32) | x.norm() | x.logsumexp(0) | x.quantile(0.5) | t.bincount(x) | x.diff() | t.aminmax(x) | x.nansum()
"""


def unordered(text: str) -> bool:
    """Whether a function picks one of equals, and which one PyTorch does not say."""
    return any(name in text for name in ("sort", "topk", "kth", "median", "quantile", "max(", "min(", "prod"))


@pytest.mark.parametrize("text", listed(FLOATING))
@pytest.mark.filterwarnings("ignore:.*degrees of freedom", "ignore:Tensor.T is deprecated", "ignore:The use of `x.T`")
def test_of_floats(text: str) -> None:
    for case in examples():
        if case.layout != "spread" or not unordered(text):
            agree(computed(text), case, tolerance=5e-5)


@pytest.mark.parametrize("text", listed(COUNTING))
@pytest.mark.parametrize("dtype", ["bool", *WHOLE])
def test_of_whole_numbers(text: str, dtype: str) -> None:
    for case in examples((dtype,), ((), (5,), (0,), (2, 3), (2, 3, 2))):
        if dtype == "bool" and any(name in text for name in ("median", "kth", "bincount", "sort", "logsumexp")):
            continue  # of some of these PyTorch has no version for bool
        if "median" in text and not math.prod(case.shape):
            continue  # PyTorch returns what memory held
        if case.layout != "spread" or not unordered(text):
            agree(computed(text), case)


@SMALL
@given(case=cases(dtypes=(*FLOATS, "int64"), dims=(1, 4)), data=st.data())
def test_sums_over_any_dimensions(case: Case, data: st.DataObject) -> None:
    dims = tuple(data.draw(st.lists(st.integers(0, len(case.shape) - 1), unique=True)))
    keep = data.draw(st.booleans())
    agree(lambda _, x: x.sum(dims, keep), case, tolerance=5e-5)
    if case.dtype in FLOATS:
        agree(lambda _, x: (x.mean(dims, keep), x.amax(dims, keep) if dims else x), case, tolerance=5e-5)


@SMALL
@given(case=cases(special=True, dims=(1, 2), requires_grad=False, empty=False))
def test_special_numbers(case: Case) -> None:
    """NaN wins against all; infinities add up as they do in PyTorch."""
    for text in ("x.sum()", "x.sum(-1)", "x.amax(-1)", "x.amin()", "x.max()", "x.max(-1)", "x.min(0)", "x.argmax()", "x.argmin(-1)",
                 "x.any()", "x.all(0)", "x.nansum()", "x.logsumexp(-1)", "x.isnan().sum()", "x.cumsum(-1)", "x.norm()"):  # fmt: skip
        if ("logsumexp" in text or "norm" in text or "sum(" in text) and any(
            abs(v) > 1e37 for v in case.values if math.isfinite(v)
        ):
            continue  # which sums overflow depends on their order
        agree(computed(text), case, tolerance=5e-5)


@SMALL
@given(case=cases(dtypes=("int64", "float32"), dims=(1, 3), requires_grad=False))
def test_sorting_keeps_the_order_of_equals(case: Case) -> None:
    for text in (
        "x.sort(dim=0, stable=True)",
        "x.sort(dim=-1, descending=True, stable=True)",
        "x.argsort(stable=True)",
        "x.sort(stable=True)[0]",
    ):
        agree(computed(text), case)


def test_sorting_nan_comes_last() -> None:
    case = Case((math.nan, 1.0, -math.inf, math.inf, math.nan, 0.0), (6,), "float32")
    for text in (
        "x.sort(stable=True)",
        "x.sort(descending=True, stable=True)",
        "x.topk(3).values",
        "x.median()",
        "x.median(0).values",
        "x.argmax()",
    ):
        agree(computed(text), case)


def test_equal_extremes_share_the_gradient() -> None:
    case = Case((2.0, 1.0, 2.0, 1.0), (4,), "float32", requires_grad=True)
    for text in (
        "x.amax()",
        "x.amin(0)",
        "x.max()",
        "x.min()",
        "x.max(0)",
        "x.view(2, 2).amax(1)",
        "x.norm()",
        "x.norm(float('inf'))",
        "x.median()",
    ):
        agree(computed(text), case)


def test_gradients_at_zero() -> None:
    case = Case((0.0, 0.0, 3.0, 0.0), (2, 2), "float32", requires_grad=True)
    for text in (
        "x.norm()",
        "x.norm(dim=1)",
        "x.norm(1)",
        "x.prod()",
        "x.prod(0)",
        "x.prod(1)",
        "x[1].prod()",
        "x.cumprod(0)",
        "x.norm(3)",
        "x.std(1)",
    ):
        agree(computed(text), case)


def test_sums_are_as_exact_as_pytorchs() -> None:
    """float32 sums of a million numbers, along rows and down columns."""
    values = torch.rand(1000, 1000, generator=torch.Generator().manual_seed(1)) + 0.5
    ours = pocket.frombuffer(bytearray(values.numpy().tobytes()), dtype=pocket.float32).reshape(1000, 1000)
    exact = values.double()
    for text in (
        "x.sum()",
        "x.mean()",
        "x.sum(0)",
        "x.sum(1)",
        "x.var()",
        "x.std(0)",
        "x.cumsum(0)",
        "x.norm()",
        "x.logsumexp(1)",
    ):
        wanted = computed(text)(torch, exact)
        torch.testing.assert_close(
            as_torch(computed(text)(pocket, ours)).double(), wanted, rtol=2e-6, atol=1e-6, msg=text
        )


@SMALL
@given(values=st.lists(st.integers(0, 9), max_size=20), least=st.integers(0, 12))
def test_bincount(values: list[int], least: int) -> None:
    case = Case(tuple(values), (len(values),), "int64")
    weights = example((len(values),), "float32", requires_grad=False)
    agree(lambda t, x: t.bincount(x, minlength=least), case)
    if values:
        agree(lambda t, x, w: t.bincount(x, w), case, weights)
    agree(lambda t, x: x.unique(return_inverse=True, return_counts=True), case)
