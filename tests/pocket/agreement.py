"""The same computation by handson.pocket and by PyTorch: values, shapes, dtypes, gradients, errors."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st

import handson.pocket as pocket

NAMES = {name: getattr(torch, name) for name in ("bool", "uint8", "int32", "int64", "float32", "float64")}
FLOATS = ("float32", "float64")
WHOLE = ("uint8", "int32", "int64")


@dataclass(frozen=True)
class Case:
    """Numbers in a shape, and how they lie in memory: "plain", "turned" (transposed), "every other", "spread"
    (expanded)."""

    values: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: str
    layout: str = "plain"
    requires_grad: bool = False

    def make(self, library: Any) -> Any:
        kind = getattr(library, self.dtype)
        if self.layout == "turned" and len(self.shape) > 1:
            shape = tuple(reversed(self.shape))
            t = library.tensor(list(self.values), dtype=kind).reshape(shape)
            t = t.permute(*reversed(range(len(shape))))
        elif self.layout == "every other" and self.shape:
            wide = [v for v in self.values for _ in range(2)]
            t = library.tensor(wide, dtype=kind).reshape(*self.shape[:-1], 2 * self.shape[-1])[..., ::2]
        elif self.layout == "spread" and self.shape and self.shape[0]:
            row = list(self.values[: math.prod(self.shape[1:])])
            t = library.tensor(row, dtype=kind).reshape(1, *self.shape[1:]).expand(*self.shape)
        else:
            t = library.tensor(list(self.values), dtype=kind).reshape(self.shape)
        return t.requires_grad_() if self.requires_grad else t


def numbers_of(dtype: str, *, low: float = -4, high: float = 4, special: bool = False) -> st.SearchStrategy[Any]:
    """Numbers a tensor of that dtype holds; with `special`, also NaN, infinities and zeros of both signs."""
    if dtype == "bool":
        return st.booleans()
    if dtype == "uint8":
        return st.integers(0, 255)
    if dtype in WHOLE:
        return st.integers(-9, 9)
    plain = st.floats(low, high, width=32, allow_nan=False).map(lambda x: x if abs(x) > 1e-3 else 0.5)
    if not special:
        return plain
    return st.one_of(plain, st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-38, 3e38, 1.0, 2.0]))


@st.composite
def cases(
    draw: st.DrawFn, *, shape: Sequence[int] | None = None, dtypes: Sequence[str] = FLOATS, dims: tuple[int,
    int] = (0, 4),
    low: float = -4, high: float = 4, special: bool = False, empty: bool = True, requires_grad: bool = True,
) -> Case:  # fmt: skip
    dtype = draw(st.sampled_from(tuple(dtypes)))
    if shape is None:
        least = 0 if empty else 1
        shape = draw(st.lists(st.integers(least, 5), min_size=dims[0], max_size=dims[1]))
    count = math.prod(shape)
    values = draw(st.lists(numbers_of(dtype, low=low, high=high, special=special), min_size=count, max_size=count))
    layout = draw(st.sampled_from(("plain", "turned", "every other", "spread")))
    return Case(tuple(values), tuple(shape), dtype, layout, requires_grad and dtype in FLOATS)


@st.composite
def broadcast_pairs(
    draw: st.DrawFn, *, dtypes: Sequence[str] = FLOATS, mixed: bool = False, **named: Any
) -> tuple[Case, Case]:
    """Two cases whose shapes fit."""
    shape = draw(st.lists(st.integers(0, 4), min_size=0, max_size=3))
    shapes = []
    for _ in range(2):
        own = [1 if draw(st.booleans()) else n for n in shape]
        shapes.append(own[draw(st.integers(0, len(own))) :])
    kinds = (
        [draw(st.sampled_from(tuple(dtypes)))] * 2
        if not mixed
        else [draw(st.sampled_from(tuple(dtypes))) for _ in range(2)]
    )
    return tuple(draw(cases(shape=s, dtypes=(k,), **named)) for s, k in zip(shapes, kinds, strict=True))  # type: ignore[return-value]


SHAPES = ((), (1,), (5,), (0,), (2, 3), (3, 1), (3, 3), (0, 3), (2, 0), (2, 3, 4), (1, 2, 1, 3))
"""Shapes with all that is special: no dimension, none or one element, lengths of one, several dimensions."""
LAYOUTS = ("plain", "turned", "every other", "spread")


def listed(text: str) -> list[str]:
    """The expressions of a text, divided by lines and " | "."""
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


def computed(text: str) -> Callable[..., Any]:
    """A function of a library `t` and tensors x, y, z, from an expression: so that a test is named as what it tests."""
    function: Callable[..., Any] = eval(f"lambda t, x=None, y=None, z=None: {text}")
    return function


def example(
    shape: Sequence[int], dtype: str = "float32", layout: str = "plain", *, seed: int = 0, requires_grad: bool = True
) -> Case:
    """A case of numbers drawn once: no two alike (so that no extreme is shared), none near 0."""
    count = math.prod(shape)
    dice = random.Random(seed)
    if dtype in FLOATS:
        values: list[Any] = [(k + 1) / count * 3 * dice.choice((-1, 1)) for k in range(count)]
    else:
        values = [k % 2 == 0 if dtype == "bool" else k - (dtype != "uint8") * count // 2 for k in range(count)]
    dice.shuffle(values)
    return Case(tuple(values), tuple(shape), dtype, layout, requires_grad and dtype in FLOATS)


def examples(dtypes: Sequence[str] = ("float32",), shapes: Sequence[tuple[int, ...]] = SHAPES) -> Iterator[Case]:
    """One of each shape, layout and dtype."""
    for shape in shapes:
        for layout in LAYOUTS:
            for dtype in dtypes:
                yield example(shape, dtype, layout)


def as_torch(t: Any) -> torch.Tensor:
    """A tensor of pocket as one of PyTorch."""
    return torch.tensor(t.detach().numbers(), dtype=NAMES[t.dtype.name]).reshape(tuple(t.shape))


def same(ours: Any, theirs: Any, *, tolerance: float | None = None, where: str = "the result") -> None:
    """Same kind, shape, dtype and, to rounding, values."""
    if isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs), where
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same(a, b, tolerance=tolerance, where=f"{where}[{k}]")
        return
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs or (ours != ours and theirs != theirs), f"{where}: {ours!r}, PyTorch: {theirs!r}"
        return
    assert isinstance(ours, pocket.Tensor), f"{where} is {type(ours)}"
    assert tuple(ours.shape) == tuple(theirs.shape), (
        f"{where}: shape {tuple(ours.shape)}, PyTorch: {tuple(theirs.shape)}"
    )
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch."), (
        f"{where}: {ours.dtype}, PyTorch: {theirs.dtype}"
    )
    assert ours.requires_grad == theirs.requires_grad, f"{where}: requires_grad {ours.requires_grad}"
    tolerance = tolerance or {"float32": 2e-5, "float64": 1e-10}.get(ours.dtype.name, 0.0)
    torch.testing.assert_close(
        as_torch(ours),
        theirs.detach(),
        rtol=tolerance,
        atol=tolerance,
        equal_nan=True,
        msg=lambda text: f"{where}: {text}",
    )


def agree(
    function: Callable[..., Any], *inputs: Any, tolerance: float | None = None, gradients: bool = True, seed: int = 1
) -> None:
    """`function(library, *tensors)` gives the same by both libraries, or both raise the same kind of error; then the
    gradients
    of a weighted sum of all results with respect to all inputs are the same as well."""
    label = ", ".join(f"{x.dtype}{list(x.shape)} {x.layout}" for x in inputs if isinstance(x, Case))
    results, tensors = [], []
    for library in (pocket, torch):
        made = [x.make(library) if isinstance(x, Case) else x for x in inputs]
        tensors.append([x for x in made if isinstance(x, pocket.Tensor | torch.Tensor)])
        try:
            results.append(function(library, *made))
        except Exception as error:
            results.append(error)
    ours, theirs = results
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), f"{label}: PyTorch raises {theirs!r}; pocket gives {ours!r}"
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"{label}: pocket raises {ours!r}; PyTorch gives {theirs!r}") from ours
    same(ours, theirs, tolerance=tolerance, where=f"{label}: the result")
    outputs = [list(r) if isinstance(r, tuple | list) else [r] for r in results]
    wanted = [isinstance(t, torch.Tensor) and t.requires_grad for t in outputs[1]]
    if not gradients or not any(wanted):
        return
    dice = torch.Generator().manual_seed(seed)
    for k in range(len(wanted)):
        if wanted[k]:
            weights = torch.rand(outputs[1][k].shape, generator=dice, dtype=torch.float64) + 0.5
            ours_w = pocket.tensor(weights.flatten().tolist(), dtype=pocket.float64).reshape(tuple(weights.shape))
            keep = k < len(wanted) - 1
            outputs[0][k].backward(ours_w.to(outputs[0][k].dtype), retain_graph=keep)
            outputs[1][k].backward(weights.to(outputs[1][k].dtype), retain_graph=keep)
    for k, (a, b) in enumerate(zip(*tensors, strict=True)):
        if b.is_leaf and b.requires_grad:
            assert (a.grad is None) == (b.grad is None), f"input {k}: gradient {a.grad}, PyTorch: {b.grad}"
            if b.grad is not None:
                same(a.grad, b.grad, tolerance=tolerance, where=f"{label}: the gradient of input {k}")
