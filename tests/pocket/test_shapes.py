"""Views of the same memory, tensors put together and taken apart, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import Case, agree, cases, computed, example, examples, listed

SMALL = settings(max_examples=40, deadline=None, derandomize=True)

ONE = """
x.reshape(-1) | x.reshape(x.shape) | x.reshape(2, -1) | x.reshape([1, *x.shape]) | x.reshape(-1, -1) | x.reshape(7)
x.view(x.numel()) | x.view(-1) | x.view(x.shape[::-1]) | x.view(1, -1) | x.view((*x.shape, 1)) | x.view(-2, 3)
x.flatten() | x.flatten(1) | x.flatten(0, 1) | x.flatten(1, 0) | t.flatten(x, -2, -1) | x.unflatten(0, (1, -1))
x.unflatten(-1, (-1, 2)) | x.unflatten(0, (7, 2)) | x.squeeze() | x.squeeze(0) | x.squeeze(-1) | x.squeeze((0, 1))
x.squeeze(5) | x.unsqueeze(0) | x.unsqueeze(-1) | x.unsqueeze(1) | x.unsqueeze(-2) | x.unsqueeze(9)
x.permute([*reversed(range(x.ndim))]) | x.permute(1, 0) | x.permute((2, 0, 1)) | x.permute(0, 0) | x.permute(-1, 0)
t.permute(x, (1, 0, 2)) | x.transpose(0, 1) | x.transpose(-1, -2) | t.transpose(x, 0, -1) | x.transpose(0, 4)
x.t() | x.T | x.mT | t.swapaxes(x, 0, 1) | x.movedim(0, -1) | t.movedim(x, (0, 1), (1, 0)) | x.movedim(-1, 0)
x.expand(2, *x.shape) | x.expand(x.shape) | x.expand(3, 3) | x.expand(3, -1) | x.expand(-1, 4) | x.expand(2, 2, 3)
x.expand(-1, *x.shape) | x.expand(x.shape[1:]) | x.expand(-2, 3) | x.expand_as(t.zeros(2, 3, 4)) | x.view_as(t.zeros(6))
t.broadcast_to(x, (2, 3)) | x.reshape_as(t.zeros(3, 2)) | x.narrow(0, 0, 1) | x.narrow(0, 1, 1) | x.narrow(-1, -1, 1)
x.narrow(0, 0, 9) | x.narrow(0, 9, 1) | x.narrow(0, 1, -1) | x.narrow(1, 1, 2) | t.narrow(x, 0, 0, 0)
x.select(0, 0) | x.select(-1, -1) | x.select(0, 4) | t.select(x, 1, 2) | x.diagonal() | x.diagonal(1) | x.diagonal(-1)
t.diagonal(x, 0, -2, -1) | x.diagonal(5) | t.diag(x) | t.diag(x, 1) | x.diag(-2) | x.tril() | x.triu() | x.tril(-1)
x.triu(1) | t.triu(x, -1) | t.tril(x, 2) | t.cat([x, x]) | t.cat([x, 2 * x], 1) | t.cat((x, x), dim=-1)
t.cat([x, t.tensor([])]) | t.cat([t.tensor([]), x], 0) | t.cat([x, t.zeros(2, 3)]) | t.cat([x, t.zeros(2, 3)], 1)
t.cat([x, x], 3) | t.concat([x]) | t.stack([x, 2 * x]) | t.stack([x, x], -1) | t.stack((x, x), dim=1) | t.stack([x, x], 7)
t.stack([x, t.zeros(2, 3)]) | t.vstack([x, x]) | t.hstack([x, x]) | t.split(x, 2) | x.split(1, 1) | x.split([1, 1])
x.split((1, 2), dim=-1) | x.split(2, dim=-1) | x.split(0) | x.split(-1) | x.split([-1, 3]) | x.chunk(2) | x.chunk(3, 1)
t.chunk(x, 2, -1) | x.chunk(0) | x.chunk(9) | x.unbind() | x.unbind(1) | x.unbind(-1) | t.unbind(x, 3)
x.repeat(2) | x.repeat(2, 3) | x.repeat(1, 2, 1) | x.repeat((2, 1)) | x.repeat(0, 2) | x.repeat(2, 1, 2, 1) | x[0].repeat(-1, 2)
x.tile(2) | t.tile(x, (2, 3)) | x.tile((2, 1, 1)) | x.repeat_interleave(2) | x.repeat_interleave(3, dim=0)
t.repeat_interleave(x, 2, -1) | x.repeat_interleave(0, 0) | x.flip(0) | x.flip(-1) | x.flip(0, 1) | x.flip([1]) | t.flip(x, (0,))
x.flip(0, 0) | x.flip(8) | x.roll(1) | x.roll(-2, 0) | x.roll((1, 2), (0, 1)) | t.roll(x, 3, -1) | x.roll(1, 5) | x.roll((1, 2), 0)
t.meshgrid(x, indexing="ij") | t.meshgrid(x, t.arange(3.0), indexing="xy") | t.meshgrid(x, t.arange(2.0), indexing="ij")
t.meshgrid([x, x, x], indexing="xy") | t.meshgrid(x, indexing="no") | t.cartesian_prod(x, t.arange(2.0)) | t.cartesian_prod(x)
t.broadcast_tensors(x, t.zeros(3)) | t.broadcast_tensors(x, t.zeros(2, 1, 1)) | x.contiguous() | x.clone() | x.numel() | x.size(0)
x.size(-1) | x.size(4) | x.dim() | len(x) | list(x) | x.stride() if x.numel() else () | x.is_contiguous()
x.transpose(0, -1).reshape(-1) | x[..., ::2].reshape(-1) | x.permute(1, 0).view(-1) | x.unsqueeze(1).transpose(0, 1).flatten()
x.T.contiguous().view(-1) | x.expand(3, 3).sum(0) | x.repeat_interleave(t.tensor(2))
"""


@pytest.mark.parametrize("text", listed(ONE))
@pytest.mark.filterwarnings("ignore:Tensor.m?T is deprecated", "ignore:The use of `x.T`", "ignore:torch.meshgrid")
def test_shapes_of_one_tensor(text: str) -> None:
    for case in examples():
        agree(computed(text), case)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float64"])
def test_shapes_of_every_dtype(dtype: str) -> None:
    for text in ("x.reshape(-1)", "t.cat([x, x], 1)", "x.flip(0)", "x.repeat(2, 1)", "x.roll(1, 0)", "x.tril()",
                 "t.stack([x, x])", "x.unbind(1)", "t.diag(x)", "x.expand(2, 2, 3)", "x.T.contiguous()"):  # fmt: skip
        for case in examples((dtype,), ((2, 3), (0, 3), (1, 1))):
            agree(computed(text), case)


@SMALL
@given(
    kinds=st.lists(st.sampled_from(["bool", "uint8", "int32", "int64", "float32", "float64"]), min_size=2, max_size=3)
)
def test_dtypes_of_what_is_put_together(kinds: list[str]) -> None:
    agree(lambda t, *xs: t.cat([x * 1 for x in xs]), *(example((2, 2), kind) for kind in kinds))
    agree(lambda t, *xs: t.stack([x * 1 for x in xs]), *(example((2, 2), kind) for kind in kinds))


@SMALL
@given(case=cases(dims=(1, 4)), data=st.data())
def test_chains_of_views(case: Case, data: st.DataObject) -> None:
    """Several views of views, and one gradient through all of them."""
    steps = data.draw(
        st.lists(st.sampled_from(["turn", "first", "flip", "unsqueeze", "skip", "last", "flat", "fold"]), max_size=5)
    )

    def compute(_: Any, x: Any) -> Any:
        for step in steps:
            if step == "turn":
                x = x.permute(*reversed(range(x.ndim)))
            elif step == "first" and x.ndim > 1 and x.shape[0]:
                x = x[0]
            elif step == "flip" and x.ndim:
                x = x.flip(-1)
            elif step == "unsqueeze":
                x = x.unsqueeze(x.ndim // 2)
            elif step == "skip" and x.ndim:
                x = x[..., 1::2]
            elif step == "last" and x.ndim:
                x = x.narrow(-1, x.shape[-1] // 2, x.shape[-1] - x.shape[-1] // 2)
            elif step == "flat" and x.ndim > 1:
                x = x.flatten(x.ndim - 2)
            elif step == "fold" and x.ndim and x.shape[0] % 2 == 0 and x.numel():
                x = x.unflatten(0, (2, -1))
        return x * 2

    agree(compute, case)


def test_views_share_memory() -> None:
    for text in ("x.view(6)", "x.T", "x[0]", "x[:, 1:]", "x.unsqueeze(0)", "x.expand(2, 2, 3)", "x.diagonal()", "x.flatten()",
                 "x.split(1)[1]", "x.chunk(2)[0]", "x.unbind(1)[2]", "x.narrow(1, 1, 2)", "x.detach()", "x.reshape(3, 2)"):  # fmt: skip
        x = pocket.zeros(2, 3)
        computed(text)(pocket, x).fill_(1)
        assert float(x.sum()) > 0, text
    for text in (
        "x.clone()",
        "x.flip(0)",
        "x.roll(1)",
        "x.repeat(1, 1)",
        "x.T.reshape(6)",
        "x[[0]]",
        "x[x == 0]",
        "x + 0",
    ):
        x = pocket.zeros(2, 3)
        computed(text)(pocket, x).fill_(1)
        assert float(x.sum()) == 0, text
