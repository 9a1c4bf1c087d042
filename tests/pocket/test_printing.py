"""repr of tensors: PyTorch's, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import Case, cases, computed, listed

SMALL = settings(max_examples=150, deadline=None, derandomize=True)

SHOWN = """
t.tensor(1) | t.tensor(1.5) | t.tensor(True) | t.tensor([]) | t.zeros(2, 0) | t.zeros(0, 3, dtype=t.int64) | t.tensor([], dtype=t.int64) | t.tensor([], dtype=t.bool) | t.zeros(0, requires_grad=True)
t.tensor([1, 2, 300]) | t.tensor([1.0, 2.0]) | t.tensor([1.5, -2.25]) | t.tensor([1e-5, 1.0]) | t.tensor([1e10, 1.0]) | t.tensor([1e8, 2.0]) | t.tensor([1e9, 2.0]) | t.tensor([0.0001, 0.01]) | t.tensor([0.00001])
t.tensor([float("nan"), 1.0]) | t.tensor([float("inf"), -1.5]) | t.tensor([float("nan")]) | t.tensor([float("-inf"), float("nan"), 0.0]) | t.tensor([-0.0, 0.0]) | t.tensor([1e-45]) | t.tensor([3.4e38]) | t.tensor([123456.0, 0.5])
t.tensor([True, False]) | t.tensor([[True], [False]]) | t.tensor([1], dtype=t.int32) | t.tensor([1], dtype=t.uint8) | t.tensor([1.0], dtype=t.float64) | t.tensor(2.0, dtype=t.float64) | t.arange(6).reshape(2, 3) | t.arange(24.0).reshape(2, 3, 4)
t.arange(1001) | t.arange(1000) | t.arange(1001.0) | t.arange(10000.0).reshape(100, 100) | t.zeros(20, 30, 40) | t.zeros(7, 200) | t.zeros(2000, 2) | t.arange(40) * 1000 | t.arange(100.0) / 7 | t.eye(3) | t.ones(2, 2, 2, 2) | t.zeros(1, 1, 1)
t.tensor([1.0], requires_grad=True) | t.tensor([1.0, 2.0], requires_grad=True) * 2 | t.zeros(30, requires_grad=True) + 1 | t.ones(3, 3, requires_grad=True).sum() | t.nn.Parameter(t.ones(2)) | t.zeros(3, 30, requires_grad=True).relu() | t.ones(2, requires_grad=True).exp()
t.ones(2, requires_grad=True).view(2, 1) | t.ones(2, 2, requires_grad=True).T @ t.ones(2, 2) | t.ones(2, requires_grad=True).mean() | t.zeros(2, 2, dtype=t.float64, requires_grad=True) | t.zeros(25, dtype=t.float64, requires_grad=True) | t.Size([1, 2]) | t.zeros(2).shape | t.float32 | t.device("cpu")
t.tensor([[1.5, float("nan")], [float("inf"), 1000.0]]) | t.tensor([1000.5, 0.001]) | t.tensor([99999.0, 1.0]) | t.tensor([0.1, 0.22222, 3.0]) | t.tensor([1e-8, 1e-9]) | t.tensor(1e-10) | t.tensor(-5) | t.tensor([-1, 10, 100]) | t.finfo(t.float32).eps
t.ones(2, requires_grad=True)[0] | t.ones(4, requires_grad=True).softmax(0) | t.stack([t.ones(2, requires_grad=True)] * 2) | t.ones(2, requires_grad=True) - 1 | t.ones(2, requires_grad=True) / 3 | t.ones(2, requires_grad=True) ** 2 | -t.ones(2, requires_grad=True) | t.ones(2, requires_grad=True).detach()
"""


@pytest.mark.parametrize("text", listed(SHOWN))
def test_shown(text: str) -> None:
    assert repr(computed(text)(pocket)) == repr(computed(text)(torch))


@SMALL
@given(
    case=cases(special=True, dtypes=("float32", "float64", "int64", "bool", "uint8"), dims=(0, 3), low=-3000, high=3000)
)
def test_any_tensor(case: Case) -> None:
    assert repr(case.make(pocket)) == repr(case.make(torch))
    assert str(case.make(pocket)) == str(case.make(torch))


@SMALL
@given(values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_numbers_of_any_size(values: list[float]) -> None:
    assert repr(pocket.tensor(values)) == repr(torch.tensor(values))


@pytest.mark.parametrize(
    "options",
    [
        {"precision": 2},
        {"threshold": 5},
        {"edgeitems": 1, "threshold": 5},
        {"linewidth": 40},
        {"sci_mode": True},
        {"sci_mode": False},
        {"profile": "short"},
        {"profile": "full"},
    ],
)
def test_options(options: dict[str, Any]) -> None:
    shown: list[list[str]] = []
    for t in (pocket, torch):
        t.set_printoptions(**options)
        try:
            shown.append(
                [
                    repr(x)
                    for x in (t.arange(12.0) / 7, t.arange(8), t.tensor([1e-6, 1.0]), t.arange(40.0).reshape(4, 10))
                ]
            )
        finally:
            t.set_printoptions(profile="default", sci_mode=None)
    assert shown[0] == shown[1]


def test_numbers_in_text() -> None:
    for text in (
        "f'{t.tensor(3.14159):.2f}'",
        "f'{t.tensor(3)}'",
        "f'{t.tensor([1.5])}'",
        "f'{t.tensor(2.5)}'",
        "'%.1f' % t.tensor(2.55)",
        "str(t.tensor([1, 2]))",
    ):
        assert computed(text)(pocket) == computed(text)(torch)
