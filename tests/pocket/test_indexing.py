"""x[…] read and written, gather and scatter, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import Case, agree, cases, computed, example, examples, listed

SMALL = settings(max_examples=60, deadline=None, derandomize=True)

PLACES = """
x[0] | x[-1] | x[7] | x[0, 1] | x[1, -1] | x[0, 0, 0] | x[...] | x[..., 0] | x[0, ...] | x[None] | x[:, None] | x[..., None, 0] | x[None, ..., None]
x[:] | x[1:] | x[:-1] | x[::2] | x[1:1] | x[5:2] | x[-9:9] | x[:, 1:] | x[..., ::2] | x[1:, -1] | x[0:1] | x[0:2, 1:3, 1]
x[[0]] | x[[0, 1]] | x[[0, -1, 0]] | x[[9]] | x[[]] | x[:, [0, 2]] | x[[0, 1], [1, 2]] | x[[0, 1], [1, 2, 0]] | x[t.tensor([[0, 1], [1, 0]])]
x[[0, 1], :, [0, 1]] | x[:, [0, 1], [1, 0]] | x[..., [0]] | x[[0], ..., [0]] | x[0, [0, 1]] | x[[1, 0], 0] | x[:, 0, [0, 1]] | x[None, [0, 1]]
x[[0, 1], None] | x[t.tensor(0)] | x[t.tensor([1, 0])] | x[t.tensor([[0, 1], [1, 1]])] | x[:, t.tensor([0, 1])] | x[t.tensor([0, 1]), t.tensor([1])]
x[t.tensor([[0], [1]]), t.tensor([0, 1])] | x[t.tensor([0, 1]), 1:, t.tensor([1, 0])] | x[1:, t.tensor([0, 2])] | x[t.tensor([0]), ..., None]
x[t.tensor([0, 1], dtype=t.int32)] | x[t.tensor([0.0])] | x[x > 0] | x[x > 99] | x[(x > 0) & (x < 2)] | x[x[:, 0] > 0] | x[:, x[0] > 0] | x[x[..., 0] > 0, 0]
x[t.tensor([True, False])] | x[[True, False]] | x[t.tensor([True, False]), [1]] | x[t.tensor([True, False, True])] | x[True] | x[False] | x[None, True]
x[range(2)] | x[(0, 1)] | x[0][0] | x[1:][0] | x[0, :, 1] | x[t.arange(2), t.arange(2)] | x[t.arange(x.shape[0]), t.arange(x.shape[0]).flip(0)]
x[slice(None, 1), [0]] | x["a"] | x[0.5] | x[t.tensor(1), t.tensor(2)] | x[t.tensor([], dtype=t.int64)] | x[:, t.tensor(0)] | x[t.tensor(-1), ..., 0]
"""

WRITTEN = """
y[0] = 5 | y[-1] = 0.5 | y[7] = 1 | y[...] = 2 | y[:] = x * 2 | y[1:] = 0 | y[::2] = x[::2] * 3 | y[:, 0] = 1 | y[..., -1] = x[..., 0] | y[0] = x[1]
y[x > 0] = 0 | y[x > 0] = x[x > 0] * 2 | y[x > 99] = 1 | y[[0, 1]] = 7 | y[[0, 1]] = x[[1, 0]] | y[[1], [0]] = 3 | y[:, [0, 2]] = x[:, [2, 0]] | y[[0, 0]] = 4
y[t.tensor([1, 0])] = x[:2] | y[None] = 1 | y[0, 0] = x.sum() | y[0] -= 1 | y[1:] *= 2 | y[[0]] += 1 | y[x < 0] *= -1 | y[..., 0] /= 2 | y.view(-1)[1] += 1
y.view(-1)[:2] = x.view(-1)[1:3] if x.is_contiguous() else 0 | y[0] = t.ones(9) | y[:2] = t.ones(2, 1) | y[x > 0] = t.ones(99) | y[9] = 0 | y[:] = t.tensor([1, 2, 3])
y.fill_(3) | y.zero_() | y.copy_(x * 2) | y.copy_(t.ones(1)) | y.masked_fill_(x > 0, 9) | y.index_fill_(0, t.tensor([0]), 3) | y.add_(x) | y.mul_(2).sub_(1) | y[0].add_(1)
y.t().mul_(2) | y[:, 1].zero_() | y.T[0] = 4 | y.clamp_(min=0) | y.relu_() | y[0, ...] = x[0] * x[0] | y[1:, 1:] = x[:-1, :-1] | y.unsqueeze(0)[0] = 1 | y.index_put_((t.tensor([0]),), t.tensor(2.0))
"""

NAMED = """
x.gather(0, i) | x.gather(1, i) | t.gather(x, -1, i[:, :1]) | x.gather(0, i[:1]) | x.gather(0, i + 9) | x.gather(0, i.int()) | x.gather(1, i[0]) | x.gather(2, i)
x.scatter(0, i, z) | x.scatter(1, i, z) | t.scatter(x, 1, i, 5.0) | x.scatter(1, i, value=2.0) | x.scatter(0, i[:1], z[:1]) | x.scatter(0, i + 9, z) | x.scatter(0, i, z[:1])
x.scatter_add(0, i, z) | x.scatter_add(1, i, z) | t.scatter_add(x, -1, i[:, :2], z[:, :2]) | x.scatter_add(1, i, z[:, :1]) | x.scatter_add(0, i, z.double())
x.index_select(0, i[0, :2]) | t.index_select(x, 1, i[1]) | x.index_select(0, i) | x.index_select(0, i[0] + 9) | x.index_add(0, t.tensor([1, 0, 1]), z) | x.index_add(1, t.tensor([1, 0, 1]), z, alpha=2)
x.index_add(0, t.tensor([0]), z[:1]) | x.index_add(0, t.tensor([9]), z[:1]) | x.index_add(0, t.tensor([0]), z) | x.index_add(1, t.tensor([0, 1, 2]), z[:, :1])
x.masked_select(x > 0) | t.masked_select(x, x[0] > 0) | x.masked_fill(x > 0, 2) | x.masked_fill(z > 0, -1.5) | x.masked_scatter(x > 0, z) | t.masked_scatter(x, z > 0, z.flatten())
x.take(i) | t.take(x, t.tensor([0, -1])) | x.take(t.tensor([99])) | t.take_along_dim(x, i, 0) | t.take_along_dim(x, i[:1], 1) | x.nonzero() | t.nonzero(x > 0) | (x > 0).nonzero(as_tuple=True)
t.argwhere(x > 0) | t.where(x > 0) | t.searchsorted(z.detach().flatten().sort()[0], x.detach()) | t.bucketize(x.detach(), t.tensor([-1.0, 0.0, 1.0])) | t.bucketize(x.detach(), t.tensor([-1.0, 0.0, 1.0]), right=True)
t.searchsorted(z.detach().sort(-1)[0], x.detach()) | x.nonzero().shape | t.bucketize(0.5, t.tensor([0.0, 0.5, 1.0]))
"""


@pytest.mark.parametrize("text", listed(PLACES))
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence", "ignore:Creating a tensor from")
def test_read(text: str) -> None:
    for case in examples(shapes=((), (1,), (5,), (2, 3), (3, 1), (0, 3), (2, 3, 4), (2, 3, 2, 2))):
        agree(computed(text), case)


def written(text: str) -> Any:
    """A copy of x changed in place by a statement."""

    def compute(t: Any, x: Any) -> Any:
        y = x.contiguous().clone()
        exec(text, {"t": t, "x": x, "y": y})
        return y

    return compute


@pytest.mark.parametrize("text", listed(WRITTEN))
@pytest.mark.filterwarnings("ignore:Tensor.T is deprecated", "ignore:The use of `x.T`")
def test_written(text: str) -> None:
    """Where it can be recorded with the same gradient, and else refused by name."""
    for case in examples(("float32",), ((5,), (2, 3), (3, 3), (2, 3, 4))):
        agree(lambda t, x: written(text)(t, x.detach()), case)
        if any(
            of_a_view in text
            for of_a_view in (
                "y[0] -=",
                "y[1:] *=",
                "y[..., 0] /=",
                "y.view",
                "y[0].",
                "y.t().",
                "y[:, 1].",
                "y.T[",
                "y.unsq",
            )
        ):
            with pytest.raises((RuntimeError, IndexError)) as caught:
                written(text)(pocket, case.make(pocket))
            assert (
                caught.type is IndexError
                or "in place of a view" in str(caught.value)
                or "t() expects" in str(caught.value)
            )
        else:
            agree(written(text), case)


@pytest.mark.parametrize("text", listed(WRITTEN)[:14])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_written_into_whole_numbers(text: str, dtype: str) -> None:
    if (dtype == "uint8" and "* -1" in text) or (dtype == "bool" and ("*" in text or "-" in text)):
        return
    for case in examples((dtype,), ((5,), (2, 3))):
        agree(written(text), case)


@pytest.mark.parametrize("text", listed(NAMED))
@pytest.mark.filterwarnings("ignore:torch.searchsorted.*non-contiguous", "ignore:torch.bucketize")
def test_by_name(text: str) -> None:
    for layout in ("plain", "turned", "every other"):
        index = Case((0, 1, 2, 2, 1, 0, 1, 1, 0), (3, 3), "int64", layout)

        def compute(t: Any, x: Any, z: Any, i: Any) -> Any:
            return eval(text, {"t": t, "x": x, "z": z, "i": i})

        agree(compute, example((3, 3), layout=layout), example((3, 3), layout=layout, seed=1), index)


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """What may stand between the brackets: places, slices, None, Ellipsis, lists; as text-free values."""
    parts: list[Any] = []
    count = draw(st.integers(1, 3))
    for length in shape:
        kind = draw(st.sampled_from(["place", "slice", "all", "list", "mask", "table"]))
        if kind == "place" and length:
            parts.append(draw(st.integers(-length, length - 1)))
        elif kind == "slice":
            parts.append(
                slice(draw(st.integers(-3, 3)), draw(st.one_of(st.none(), st.integers(-3, 5))), draw(st.integers(1, 2)))
            )
        elif kind == "list" and length:
            parts.append(draw(st.lists(st.integers(-length, length - 1), min_size=count, max_size=count)))
        elif kind == "table" and length:
            parts.append([draw(st.lists(st.integers(0, length - 1), min_size=count, max_size=count))] * 2)
        elif kind == "mask" and length >= count:
            parts.append([k < count for k in range(length)])
        else:
            parts.append(slice(None))
    parts = parts[: draw(st.integers(0, len(parts)))]
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), Ellipsis)
    return tuple(parts)


@SMALL
@given(case=cases(dims=(1, 4), dtypes=("float32",)), data=st.data())
def test_any_index(case: Case, data: st.DataObject) -> None:
    index = data.draw(indices(case.shape))

    def at(t: Any) -> Any:
        return tuple(t.tensor(part) if isinstance(part, list) else part for part in index)

    agree(lambda t, x: x[at(t)], case)

    def write(t: Any, x: Any) -> Any:
        y = x * 1
        y[at(t)] = x[at(t)] * 2 + 1
        return y

    if not any(isinstance(part, list) and isinstance(part[0], list) for part in index):  # places may not be named twice
        distinct = [tuple(part) for part in index if isinstance(part, list) and not isinstance(part[0], bool)]
        if all(len({k % n for k in part}) == len(part) for part in distinct for n in case.shape if n):
            agree(write, case)


def test_a_view_written_changes_what_it_is_of() -> None:
    for text in (
        "x[0] = 1",
        "x[1:, 1] = 1",
        "x[0][1] = 1",
        "x.view(-1)[2] += 1",
        "x.T[0] = 1",
        "x[0].fill_(1)",
        "x[:, 1].add_(1)",
        "x[..., 0].copy_(x[..., 1] + 1)",
    ):
        results = []
        for t in (pocket, torch):
            x = t.zeros(2, 3)
            exec(text, {"x": x, "t": t})
            results.append(x.tolist())
        assert results[0] == results[1], text


def test_nothing_outside_is_reached() -> None:
    """Whatever is asked for, C reads and writes only inside: a Python error comes first."""
    x, y, z = pocket.zeros(3, 4), pocket.tensor([[0, 5]]), pocket.zeros(3, 1)
    for text in ("x[3]", "x[-4]", "x[[3]]", "x[:, [4]]", "x[[0, 1], [0, 9]]", "x.gather(1, y)", "x.gather(0, y)", "x.scatter(1, y, x)", "x.scatter_add(1, y, x)",
                 "x.index_select(0, y[0])", "x.index_add(0, y[0], x[:2])", "x.take(y + 99)", "x.narrow(0, 2, 2)", "x.split([2, 2])", "x.split([4, -1])", "x.select(1, 4)",
                 "x.expand(3, 5)", "x.view(13)", "x.kthvalue(9)", "x.topk(5)", "x.index_add(0, y[0] * 0, x[:2, :2])", "x.scatter_add(1, y * 0, z)", "x.masked_scatter(x == 0, z)",
                 "t.nn.functional.embedding(y, x)", "t.nn.functional.one_hot(y, 3)", "t.nn.functional.nll_loss(x, t.tensor([0, 1, 4]))",
                 "t.nn.functional.cross_entropy(x, t.tensor([0, -1, 1]))", "x.diagonal().narrow(0, 1, 3)", "x.repeat_interleave(-1)", "x.chunk(-1)", "t.bincount(y[0] - 3)"):  # fmt: skip
        with pytest.raises((IndexError, RuntimeError)):
            computed(text)(pocket, x, y, z)
