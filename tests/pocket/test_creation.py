"""New tensors, and the dtypes of results, against PyTorch."""

from __future__ import annotations

import array
import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import NAMES, agree, computed, example, listed, same

SMALL = settings(max_examples=60, deadline=None, derandomize=True)

NEW = """
t.tensor(1) | t.tensor(1.5) | t.tensor(True) | t.tensor([1, 2]) | t.tensor([1, 2.5]) | t.tensor([True, 2]) | t.tensor([True, False]) | t.tensor([]) | t.tensor([[], []])
t.tensor([[1, 2], [3, 4]]) | t.tensor(((1, 2), [3.0, 4])) | t.tensor([[1, 2], [3]]) | t.tensor([1, [2]]) | t.tensor([[1], 2]) | t.tensor("a") | t.tensor(["a"]) | t.tensor([None]) | t.tensor(None)
t.tensor({}) | t.tensor([1, 2], dtype=t.float64) | t.tensor([1.7, -1.7], dtype=t.int64) | t.tensor([0, 2, 0.5], dtype=t.bool) | t.tensor(300, dtype=t.uint8) | t.tensor([2**31], dtype=t.int32)
t.tensor(2**63) | t.tensor(2**62) | t.tensor(1e300) | t.tensor([float("nan"), float("inf")]) | t.tensor(range(4)) | t.tensor([t.tensor(1), t.tensor(2)]) | t.tensor([[t.tensor(1.5)], [2]])
t.tensor(t.tensor([1, 2])) | t.tensor([1.0], requires_grad=True) | t.tensor([1], requires_grad=True) | t.tensor(1.0, device="cpu")
t.as_tensor([1, 2]) | t.as_tensor(1.5, dtype=t.float64) | t.as_tensor(t.tensor([1]), dtype=t.float32) | t.asarray([1.0]) | t.arange(5) | t.arange(5.0) | t.arange(1, 4) | t.arange(1, 4, 2) | t.arange(0, 1, 0.1)
t.arange(5, 0, -1) | t.arange(5, 0) | t.arange(0, 5, 0) | t.arange(0) | t.arange(3, dtype=t.float32) | t.arange(0.5, 3) | t.arange(end=3) | t.arange(start=1, end=3) | t.arange(1, 2, 0.25, dtype=t.float64) | t.arange(-1)
t.linspace(0, 1, 5) | t.linspace(0, 1, 1) | t.linspace(3, -3, 7) | t.linspace(0, 1, 0) | t.linspace(0, 1, -1) | t.linspace(0, 10, 100) | t.linspace(0, 1, steps=11, dtype=t.float64) | t.linspace(-5, 5, 1000)
t.logspace(0, 2, 3) | t.logspace(-1, 1, 5, base=2) | t.zeros(2) | t.zeros(2, 3) | t.zeros((2, 3)) | t.zeros([2]) | t.zeros(()) | t.zeros(0) | t.zeros(2, 0) | t.zeros(-1) | t.zeros(2, dtype=t.int64) | t.zeros(t.Size([2]))
t.ones(2, 2) | t.ones(3, dtype=t.bool) | t.ones(2, requires_grad=True) | t.ones(2, dtype=t.int32, requires_grad=True) | t.empty(2, 3).shape | t.empty(0) | t.full((2,), 3) | t.full((2, 2), 1.5) | t.full((), True) | t.full((2,), 3, dtype=t.float32)
t.full([1, 2], math.inf) | t.full((2,), 1.5, dtype=t.int64) | t.full((2,), t.tensor(3.0)) | t.eye(3) | t.eye(2, 3) | t.eye(3, 2, dtype=t.int64) | t.eye(0) | t.eye(-1) | t.zeros_like(t.ones(2, 3)) | t.ones_like(t.zeros(2, dtype=t.bool))
t.full_like(t.zeros(2), 7) | t.zeros_like(t.ones(2), dtype=t.int64) | t.empty_like(t.zeros(2, 3)).shape | t.scalar_tensor(3) | t.ones(2).new_zeros(3) | t.ones(2, dtype=t.int64).new_ones(2, 2) | t.ones(1).new_full((2,), 3)
t.ones(1, dtype=t.float64).new_tensor([1, 2]) | t.ones(1).new_empty(2, 2).shape | t.Tensor([1, 2]) | t.Tensor(2, 3).shape | t.Tensor() | t.Tensor([[1.5]]) | t.zeros(2, 3).size() + (1,) | t.Size([2, 3]).numel() | t.Size([1, 2])[1:]
t.frombuffer(bytearray(b"\\1\\2\\3\\4"), dtype=t.uint8) | t.frombuffer(bytearray(8), dtype=t.float32) | t.frombuffer(bytearray(8), dtype=t.int32, offset=4) | t.frombuffer(bytearray(8), dtype=t.int32, count=1) | t.frombuffer(bytearray(6), dtype=t.int32)
t.frombuffer(bytearray(8), dtype=t.int64, count=2) | t.frombuffer(bytearray(0), dtype=t.uint8) | t.frombuffer(array.array("d", [1, 2]), dtype=t.float64) | t.finfo(t.float32).eps | t.finfo(t.float64).max | t.iinfo(t.uint8).max | t.iinfo(t.int64).min | t.iinfo(t.float32)
t.finfo(t.int64) | t.is_tensor(3) | t.is_tensor(t.ones(1)) | t.numel(t.ones(2, 3)) | t.is_floating_point(t.ones(1)) | t.float32.is_floating_point | t.int64.itemsize | t.uint8.is_signed | str(t.float32) | str(t.long) | str(t.zeros(2).shape) | str(t.device("cpu"))
t.zeros(2).type() | t.zeros(2, dtype=t.int64).type() | t.zeros(2).to("cpu") | t.zeros(2).to(t.int64) | t.zeros(2).to(t.zeros(1, dtype=t.float64)) | t.zeros(2).to("cpu", t.float64) | t.zeros(2).type(t.int32) | t.ones(2).type_as(t.zeros(1, dtype=t.int64))
t.tensor([1.9, -1.9]).int() | t.tensor([0.0, 2.0]).bool() | t.tensor([1, 0]).float() | t.tensor([1]).double() | t.tensor([3.7]).long() | t.tensor([200]).byte() | t.zeros(2).element_size() | t.zeros(3).nbytes | t.ones(2, 3).T.stride()
t.tensor([1, 2]).item() | t.tensor([[3.5]]).item() | t.tensor([[1, 2], [3, 4]]).tolist() | t.zeros(2, 0).tolist() | t.tensor(3).tolist() | float(t.tensor(2.5)) | int(t.tensor([7])) | bool(t.tensor([0.0])) | bool(t.zeros(2)) | bool(t.zeros(0))
[1, 2, 3][t.tensor(1)] | [1][t.tensor(0.0)] | len(t.zeros(3, 2)) | len(t.tensor(1)) | 2 in t.tensor([1, 2]) | list(t.tensor([1, 2])) | list(t.tensor(1)) | f"{t.tensor(1.5):.2f}" | t.tensor([1, 2]) == "a" | t.tensor(1) == None | hash(t.ones(1)) != 0
"""


@pytest.mark.parametrize("text", listed(NEW))
@pytest.mark.filterwarnings("ignore")
def test_new(text: str) -> None:
    def compute(t: Any) -> Any:
        return eval(text, {"t": t, "math": math, "array": array})

    if "Size" in text:
        assert str(compute(pocket)) == str(compute(torch))
    else:
        agree(compute)


ALL = sorted(NAMES)
NUMBERS = (True, 3, 2.5)


@pytest.mark.parametrize(("a", "b"), [*itertools.combinations_with_replacement(ALL, 2)])
def test_the_dtype_of_a_result(a: str, b: str) -> None:
    """For every pair of dtypes, with and without dimensions, and with Python's numbers: as torch.result_type says."""
    assert str(pocket.promote_types(getattr(pocket, a), getattr(pocket, b))) == str(
        torch.promote_types(NAMES[a], NAMES[b])
    )
    for first, second in itertools.product(((2,), ()), repeat=2):
        for kinds in ((a, b), (b, a)):
            results = []
            for t in (pocket, torch):
                x, y = t.ones(first, dtype=getattr(t, kinds[0])), t.ones(second, dtype=getattr(t, kinds[1]))
                results.append(
                    [str(r.dtype) for r in (x + y, x * y, x / y, t.where(x > 0, x, y), t.maximum(x, y), x == y)]
                )
            assert results[0] == results[1], (kinds, first, second)
    for number in NUMBERS:
        for shape in ((2,), ()):
            ours, theirs = (t.ones(shape, dtype=getattr(t, a)) for t in (pocket, torch))
            for x, y in (
                (ours + number, theirs + number),
                (number * ours, number * theirs),
                (ours / number, theirs / number),
                (ours > number, theirs > number),
            ):
                assert str(x.dtype) == str(y.dtype), (a, number, shape)


@SMALL
@given(
    data=st.recursive(
        st.floats(-9, 9, width=32) | st.integers(-9, 9) | st.booleans(),
        lambda inner: st.lists(inner, min_size=1, max_size=3),
        max_leaves=8,
    )
)
def test_a_tensor_of_anything_nested(data: Any) -> None:
    agree(lambda t: t.tensor(data))


@SMALL
@given(
    start=st.integers(-20, 20) | st.floats(-5, 5, width=32), gap=st.integers(0, 20) | st.floats(0, 5, width=32),
    step=st.sampled_from([1, 2, 3, 0.5, 0.25, -1]),
)  # fmt: skip
def test_arange(start: float, gap: float, step: float) -> None:
    agree(lambda t: t.arange(start, start + (gap if step > 0 else -gap), step))
    agree(lambda t: t.linspace(start, start + gap, 7))


def test_a_buffer_is_shared_and_bytes_are_copied() -> None:
    memory = bytearray(8)
    x = pocket.frombuffer(memory, dtype=pocket.float32)
    x.fill_(1)
    assert bytes(memory) == b"\x00\x00\x80\x3f" * 2
    constant = bytes(8)
    pocket.frombuffer(constant, dtype=pocket.float32).fill_(1)
    assert constant == bytes(8)


def test_numbers_of_numpy_and_back() -> None:
    numpy = pytest.importorskip("numpy")
    for kind in ("float32", "float64", "int64", "int32", "uint8", "bool"):
        values = numpy.arange(6).reshape(2, 3).astype(kind)
        same(pocket.from_numpy(values), torch.from_numpy(values.copy()))
        same(pocket.tensor(values.T), torch.tensor(values.T.tolist(), dtype=NAMES[kind] if kind == "bool" else None))


def test_conversions_of_what_does_not_fit() -> None:
    for kind in ("int64", "bool", "float32"):
        agree(computed(f"x.to(t.{kind})"), example((5,), "float64"), gradients=False)


def test_the_default_dtype() -> None:
    for t in (pocket, torch):
        t.set_default_dtype(t.float64)
        try:
            made = [
                str(x.dtype)
                for x in (t.tensor(1.5), t.zeros(1), t.tensor([1]) / 2, t.rand(1), t.arange(1.0), t.tensor([1]) * 1.5)
            ]
            assert set(made) == {"torch.float64"}
        finally:
            t.set_default_dtype(t.float32)
        with pytest.raises(TypeError):
            t.set_default_dtype(t.int64)
