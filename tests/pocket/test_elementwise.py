"""Functions of each element, against PyTorch: over shapes, layouts, dtypes and special numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import FLOATS, WHOLE, Case, agree, as_torch, broadcast_pairs, cases

SMALL = settings(max_examples=25, deadline=None, derandomize=True)

ANYWHERE = [
    "neg",
    "abs",
    "sign",
    "square",
    "exp",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "relu",
    "floor",
    "ceil",
    "round",
    "trunc",
    "erf",
    "expm1",
    "atan",
    "sinh",
    "cosh",
]
POSITIVE = ["sqrt", "rsqrt", "log", "log1p", "log2", "log10", "reciprocal"]
WITHIN_ONE = ["asin", "acos"]


@pytest.mark.parametrize("name", ANYWHERE)
@SMALL
@given(case=cases())
def test_functions_of_any_number(name: str, case: Case) -> None:
    agree(lambda t, x: getattr(t, name)(x), case)


@pytest.mark.parametrize("name", POSITIVE)
@SMALL
@given(case=cases(low=0.015625, high=9))
def test_functions_of_positive_numbers(name: str, case: Case) -> None:
    agree(lambda t, x: getattr(t, name)(x), case)


@pytest.mark.parametrize("name", WITHIN_ONE)
@SMALL
@given(case=cases(low=-0.875, high=0.875))
def test_functions_of_numbers_within_one(name: str, case: Case) -> None:
    agree(lambda t, x: getattr(t, name)(x), case)


@pytest.mark.parametrize("name", [*ANYWHERE, *POSITIVE, "isnan", "isinf", "isfinite", "logical_not", "nan_to_num"])
@SMALL
@given(case=cases(special=True, requires_grad=False, dims=(1, 2)))
def test_special_numbers(name: str, case: Case) -> None:
    if name in ("sin", "cos") and any(abs(v) > 1e9 for v in case.values):
        return  # the angle is not reduced exactly where its own rounding is many turns
    agree(lambda t, x: getattr(t, name)(x), case)


@pytest.mark.parametrize(
    "name", ["neg", "abs", "sign", "square", "exp", "sqrt", "sigmoid", "floor", "round", "isnan", "logical_not"]
)
@SMALL
@given(case=cases(dtypes=("int32", "int64"), requires_grad=False))
def test_functions_of_whole_numbers(name: str, case: Case) -> None:
    agree(lambda t, x: getattr(t, name)(x), case)


ARITHMETIC = ["add", "sub", "mul", "div", "maximum", "minimum", "atan2"]


@pytest.mark.parametrize("name", ARITHMETIC)
@SMALL
@given(pair=broadcast_pairs())
def test_two_floats(name: str, pair: tuple[Case, Case]) -> None:
    agree(lambda t, x, y: getattr(t, name)(x, y), *pair)


@pytest.mark.parametrize("name", [*ARITHMETIC, "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_xor"])
@SMALL
@given(pair=broadcast_pairs(dtypes=("bool", *WHOLE, *FLOATS), mixed=True, requires_grad=False))
def test_two_of_any_dtype(name: str, pair: tuple[Case, Case]) -> None:
    agree(lambda t, x, y: getattr(t, name)(x, y), *pair)


@pytest.mark.parametrize("name", ["maximum", "minimum", "eq", "lt", "ge", "add", "mul"])
@SMALL
@given(pair=broadcast_pairs(special=True, requires_grad=False))
def test_two_special(name: str, pair: tuple[Case, Case]) -> None:
    agree(lambda t, x, y: getattr(t, name)(x, y), *pair)


@pytest.mark.parametrize("name", ["remainder", "floor_divide", "fmod", "bitwise_and", "bitwise_or", "bitwise_xor"])
@SMALL
@given(pair=broadcast_pairs(dtypes=("int32", "int64")))
def test_whole_division_and_bits(name: str, pair: tuple[Case, Case]) -> None:
    agree(lambda t, x, y: getattr(t, name)(x, y), *pair)


@SMALL
@given(pair=broadcast_pairs(), name=st.sampled_from(["remainder", "floor_divide", "fmod"]))
def test_division_of_floats(pair: tuple[Case, Case], name: str) -> None:
    agree(lambda t, x, y: getattr(t, name)(x.detach(), y.detach()), *pair, tolerance=1e-4)


@SMALL
@given(
    case=cases(dtypes=("bool", *WHOLE, *FLOATS), dims=(0, 2)),
    number=st.one_of(st.integers(-3, 3), st.floats(-3, 3, width=32), st.booleans()),
    sign=st.sampled_from(["+", "-", "*", "/", "r-", "r/", "==", "<", ">="]),
)
def test_a_tensor_and_a_number(case: Case, number: Any, sign: str) -> None:
    def compute(_: Any, x: Any) -> Any:
        results = {
            "+": lambda: x + number, "-": lambda: x - number, "*": lambda: x * number, "/": lambda: x / number,
            "r-": lambda: number - x, "r/": lambda: number / x, "==": lambda: x == number, "<": lambda: x < number,
            ">=": lambda: x >= number,
        }  # fmt: skip
        return results[sign]()

    agree(compute, case)


@SMALL
@given(case=cases(low=0.125, high=3), exponent=st.sampled_from([0, 1, 2, 3, -1, 0.5, -0.5, 2.5, 4, -2.0]))
def test_powers(case: Case, exponent: float) -> None:
    agree(lambda _, x: x**exponent, case, tolerance=1e-4)
    agree(lambda _, x: 2**x, case, tolerance=1e-4)


@SMALL
@given(pair=broadcast_pairs(low=0.125, high=3))
def test_powers_of_tensors(pair: tuple[Case, Case]) -> None:
    agree(lambda t, x, y: t.pow(x, y), *pair, tolerance=1e-4)


@SMALL
@given(
    case=cases(dtypes=(*FLOATS, "int64")), low=st.sampled_from([None, -1, 0.25]), high=st.sampled_from([None, 1, 0.5])
)
def test_clamp(case: Case, low: float | None, high: float | None) -> None:
    agree(lambda _, x: x.clamp(low, high), case)


@SMALL
@given(pair=broadcast_pairs(dtypes=FLOATS, mixed=True), number=st.sampled_from([0.0, 1.5]))
def test_where(pair: tuple[Case, Case], number: float) -> None:
    agree(lambda t, x, y: t.where(x > y, x, y), *pair)
    agree(lambda t, x, y: t.where(x > y, x, number), *pair)


@SMALL
@given(
    pair=broadcast_pairs(dtypes=FLOATS, requires_grad=False),
    name=st.sampled_from(["add_", "sub_", "mul_", "div_", "copy_"]),
)
def test_in_place(pair: tuple[Case, Case], name: str) -> None:
    def compute(_: Any, x: Any, y: Any) -> Any:
        x = x.clone()
        getattr(x, name)(y)
        return x

    agree(compute, *pair)


@SMALL
@given(case=cases(dtypes=("bool", *WHOLE, *FLOATS), dims=(0, 3)), kind=st.sampled_from(["bool", *WHOLE, *FLOATS]))
def test_conversion(case: Case, kind: str) -> None:
    if kind == "uint8" and any(not 0 <= v < 256 for v in case.values):
        return  # C does not say what becomes of these, and PyTorch neither
    agree(lambda t, x: x.to(getattr(t, kind)), case)


def test_in_place_keeps_the_record() -> None:
    for library in (pocket, torch):
        x = library.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = x * 2
        y += 1
        y.mul_(x)
        y[1] = 0.0
        (y * y).sum().backward()
        assert x.grad.tolist() == [30.0, 0.0, 546.0]


def test_what_a_gradient_needs_must_not_change() -> None:
    x = pocket.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    z = y * y
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x += 1


def test_numbers_at_the_edges_of_exp_and_log() -> None:
    for value in (88.0, 89.0, -87.0, -104.0, 700.0, 710.0, 1e-40, 0.0):
        for kind in FLOATS:
            for name in ("exp", "log", "tanh", "sigmoid"):
                ours = getattr(pocket, name)(pocket.tensor([value], dtype=getattr(pocket, kind)))
                theirs = getattr(torch, name)(torch.tensor([value], dtype=getattr(torch, kind)))
                torch.testing.assert_close(as_torch(ours), theirs, rtol=1e-5, atol=1e-37, equal_nan=True)
