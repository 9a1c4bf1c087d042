"""Shapes by arithmetic are the shapes that PyTorch makes; and PyTorch's compiler stays out of reading a network."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import (
    Concat,
    GlobalPool,
    InnerProduct,
    Maximum,
    Network,
    Pool,
    Product,
    Scale,
    Step,
    Sum,
    attempt,
)
from handson.lab.zoo.shapes import shape_of
from tests.conftest import ROOT

SMALL = st.integers(1, 5)
PAIR = st.tuples(SMALL, SMALL)
PADS = st.tuples(st.integers(0, 3), st.integers(0, 3))


def agrees(module: nn.Module, *shapes: tuple[int, ...]) -> None:
    """What PyTorch makes, the rule says; where PyTorch refuses, the rule says nothing."""
    expected = None
    with torch.no_grad(), suppress(RuntimeError, ValueError, IndexError):
        expected = tuple(module.eval()(*(torch.zeros(shape) for shape in shapes)).shape)
    assert shape_of(module, list(shapes)) == expected


@settings(max_examples=300, deadline=None)
@given(size=st.tuples(st.integers(1, 12), st.integers(1, 12)), window=PAIR, stride=PAIR, pad=PADS, spread=PAIR)
def test_convolutions(
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    spread: tuple[int, int],
) -> None:
    agrees(nn.Conv2d(2, 4, window, stride, pad, spread, groups=2), (1, 2, *size))


@settings(max_examples=500, deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)), window=PAIR, stride=PAIR, pad=PADS, ceil=st.booleans(),
    spread=PAIR, mean=st.booleans(),
)  # fmt: skip
def test_pools(
    size: tuple[int, int], window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], ceil: bool,
    spread: tuple[int, int], mean: bool,
) -> None:  # fmt: skip
    agrees(nn.MaxPool2d(window, stride, pad, spread, ceil_mode=ceil), (2, 3, *size))
    agrees(nn.AvgPool2d(window, stride, pad, ceil), (2, 3, *size))
    agrees(Pool(window, stride, pad, mean, ceil), (2, 3, *size))


@pytest.mark.parametrize(
    ("module", "shapes"),
    [
        (nn.ReLU(), [(2, 3, 4, 5)]),
        (nn.Dropout(), [(2, 3)]),
        (nn.BatchNorm2d(3), [(2, 3, 4, 5)]),
        (nn.BatchNorm2d(4), [(2, 3, 4, 5)]),
        (nn.LocalResponseNorm(3), [(2, 3, 4, 5)]),
        (Scale(3), [(2, 3, 4, 5)]),
        (Scale(3), [(2, 3)]),
        (Scale(2), [(2, 3)]),
        (Sum(), [(2, 3, 4, 5), (2, 3, 4, 5)]),
        (Sum(), [(2, 3, 4, 5), (2, 4, 4, 5)]),
        (Sum((1, 2)), [(2, 3), (2, 3)]),
        (Sum((1, 2)), [(2, 3)]),
        (Product(), [(2, 3), (2, 3)]),
        (Maximum(), [(2, 3)]),
        (Concat(), [(2, 3, 4, 5), (2, 1, 4, 5), (2, 2, 4, 5)]),
        (Concat(2), [(2, 3, 4, 5), (2, 3, 1, 5)]),
        (Concat(), [(2, 3, 4, 5), (2, 3, 4, 4)]),
        (Concat(), [(2, 3, 4, 5), (2, 3)]),
        (Concat(4), [(2, 3, 4, 5)]),
        (GlobalPool(), [(2, 3, 4, 5)]),
        (GlobalPool(maximum=True), [(2, 3, 4, 5)]),
        (GlobalPool(), [(2, 3)]),
        (nn.AdaptiveAvgPool2d(1), [(2, 3, 4, 5)]),
        (nn.Linear(6, 4), [(2, 6)]),
        (nn.Linear(6, 4), [(2, 5)]),
        (InnerProduct(60, 4), [(2, 3, 4, 5)]),
        (InnerProduct(61, 4), [(2, 3, 4, 5)]),
        (nn.Flatten(), [(2, 3, 4, 5)]),
        (nn.Softmax(1), [(2, 3, 4, 5)]),
        (nn.Softmax(2), [(2, 3)]),
        (nn.ConstantPad2d((1, 2, 3, 4), 0.5), [(2, 3, 4, 5)]),
        (nn.ZeroPad2d(1), [(2, 3, 4, 5)]),
    ],
    ids=str,
)  # fmt: skip
def test_other_layers(module: nn.Module, shapes: list[tuple[int, ...]]) -> None:
    agrees(module, *shapes)


def test_what_has_no_rule_is_asked_of_pytorch() -> None:
    meta = torch.empty(1, 6, 4, 4, device="meta")
    assert shape_of(nn.PixelShuffle(2), [(1, 8, 3, 3)]) is None
    assert attempt("shuffle", nn.PixelShuffle(2), [torch.empty(1, 8, 3, 3, device="meta")]).shape == (1, 2, 6, 6)
    assert attempt("grouped", nn.GroupNorm(2, 6), [meta]).shape == meta.shape
    with pytest.raises(
        ZooError, match=r"Layer 'conv' cannot take \(6, 4, 4\) \(.*channel.*\)\. The layers' sizes do not fit"
    ):
        attempt("conv", nn.Conv2d(5, 2, 3), [meta])


def test_shapes_of_a_network_need_no_numbers() -> None:
    steps = [Step("conv", ("data",), nn.Conv2d(3, 2, 3, device="meta")), Step("relu", ("conv",), nn.ReLU())]
    assert Network(steps, (3, 8, 8)).shapes() == {"conv": (2, 6, 6), "relu": (2, 6, 6)}


def test_a_network_is_read_without_pytorchs_compiler() -> None:
    program = """
import sys, torch
from torch import nn
from handson.lab.zoo.graph import Concat, Network, Step, Sum
layers = [Step("conv", ("data",), nn.Conv2d(3, 4, 3, device="meta")), Step("relu", ("conv",), nn.ReLU()),
          Step("join", ("conv", "relu"), Concat()), Step("sum", ("join", "join"), Sum()),
          Step("norm", ("sum",), nn.BatchNorm2d(8, device="meta").eval())]
Network(layers, (3, 8, 8)).shapes()
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
