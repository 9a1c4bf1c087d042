"""Convolutions by minimal filtering (c/winograd.h, c/winograd_1d.h), which wasm and processors without AVX use, against
PyTorch.

The library for those processors is compiled and called here, whatever the machine has.
"""

from __future__ import annotations

import ctypes

import pytest
import torch
from torch.nn import functional as F

from handson.pocket import native
from tests.pocket import calling, test_conv
from tests.pocket.calling import call, work

pytestmark = pytest.mark.skipif(native.machine() != "x86_64", reason="Only x86-64 has a library with these loops.")

# batch, channels of the input, height, width, channels of the output, padding
CASES = {
    "as large as tiles": (1, 16, 16, 16, 16, 1),
    "odd size": (1, 16, 13, 17, 20, 1),
    "channels no multiple of 4": (3, 9, 11, 10, 13, 1),
    "one row of tiles": (2, 14, 4, 40, 11, 1),
    "no padding": (2, 24, 13, 21, 10, 0),
    "padding of 2": (2, 10, 11, 15, 15, 2),
    "many small images": (70, 8, 4, 4, 12, 1),
    "small images, not a whole last set": (19, 33, 7, 7, 18, 1),
    "sets of images": (23, 48, 16, 11, 8, 1),
    "few tiles, kernels not kept": (1, 64, 15, 15, 32, 1),
    "many kernels, not kept": (1, 368, 20, 20, 368, 1),
}

# The same and the height of the kernel, which is five wide: batch, channels, height, width, channels, height, padding
ROWS = {
    "convnetjs": (20, 8, 12, 12, 16, 5, 2),
    "odd size": (3, 16, 13, 17, 9, 5, 2),
    "no padding": (1, 12, 9, 10, 10, 5, 0),
    "padding of 4": (2, 6, 30, 31, 7, 5, 4),
    "small": (4, 16, 5, 6, 16, 5, 1),
    "one row": (2, 8, 1, 40, 8, 5, 2),
    "more than a set of vectors": (1, 3, 64, 64, 16, 5, 2),
    "low": (2, 8, 11, 12, 12, 3, 1),
    "one high": (2, 12, 7, 20, 13, 1, 0),
    "high": (1, 8, 12, 14, 11, 7, 2),
}  # fmt: skip


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go to the library of level 2 of x86-64."""
    of_level_2 = ctypes.CDLL(str(native.compiled(2)))
    monkeypatch.setattr(calling, "library", lambda: of_level_2)


def forward(x: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
    kh, kw = weight.shape[2:]
    y = torch.empty(len(x), len(weight), x.shape[2] + 2 * padding - kh + 1, x.shape[3] + 2 * padding - kw + 1)
    d = test_conv.convolution(x, weight, (1, 1), (padding, padding), (1, 1), 1, (y.shape[2], y.shape[3]))
    call("conv2d_forward", d, x, weight, None, y, work("conv2d_forward", d, dtype=x.dtype), dtype=x.dtype)
    return y


def backward(gy: torch.Tensor, weight: torch.Tensor, padding: int, like: torch.Tensor) -> torch.Tensor:
    gx = torch.empty_like(like)
    d = test_conv.convolution(like, weight, (1, 1), (padding, padding), (1, 1), 1, (gy.shape[2], gy.shape[3]))
    call("conv2d_backward_input", d, gy, weight, gx, work("conv2d_backward_input", d, dtype=gy.dtype), dtype=gy.dtype)
    return gx


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_results_are_those_of_pytorch(case: tuple[int, ...]) -> None:
    n, c, h, w, oc, padding = case
    torch.manual_seed(0)
    x, weight, bias = torch.randn(n, c, h, w), torch.randn(oc, c, 3, 3), torch.randn(oc)
    test_conv.check(x, weight, bias, (1, 1), (padding, padding), (1, 1), 1)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_nan_makes_nan_of_its_tile(case: tuple[int, ...]) -> None:
    """So that the cases above do go this way, and as the documentation says."""
    n, c, h, w, oc, padding = case
    x, weight = torch.ones(n, c, h, w), torch.ones(oc, c, 3, 3)
    x[0, 0, 1, 1] = torch.nan
    y = forward(x, weight, padding)
    assert y[0, :, :4, :4].isnan().all()
    assert y.isnan().sum() == y[0, :, :4, :4].numel()

    gy = torch.ones_like(y)
    gy[0, 0, 1, 1] = torch.nan
    gx = backward(gy, weight, padding, x)
    assert gx[0, :, :4, :4].isnan().all()
    assert gx.isnan().sum() == gx[0, :, :4, :4].numel()


@pytest.mark.parametrize("case", ROWS.values(), ids=ROWS)
def test_results_of_kernels_five_wide_are_those_of_pytorch(case: tuple[int, ...]) -> None:
    n, c, h, w, oc, height, padding = case
    torch.manual_seed(0)
    x, weight, bias = torch.randn(n, c, h, w), torch.randn(oc, c, height, 5), torch.randn(oc)
    test_conv.check(x, weight, bias, (1, 1), (padding, padding), (1, 1), 1)


@pytest.mark.parametrize("case", ROWS.values(), ids=ROWS)
def test_a_nan_makes_nan_of_four_results_side_by_side(case: tuple[int, ...]) -> None:
    """So that these cases do go this way."""
    n, c, h, w, oc, height, padding = case
    x, weight = torch.ones(n, c, h, w), torch.ones(oc, c, height, 5)
    x[0, 0, 0, 4 - (padding - 1) % 4] = (
        torch.nan
    )  # the second or sixth of eight pixels: the first and last count for one
    y = forward(x, weight, padding)
    seen = F.conv2d(x, weight, padding=padding).isnan()
    by_fours = F.pad(seen, (0, -seen.shape[3] % 4)).unflatten(3, (-1, 4)).any(4).repeat_interleave(4, 3)
    assert torch.equal(y.isnan(), by_fours[..., : y.shape[3]])


def test_an_infinite_gradient_makes_nan_of_the_five_weights_of_a_row() -> None:
    """So that gradients of weights do go this way: by taps they would be infinite."""
    x, gy, gw = torch.ones(1, 12, 9, 10), torch.zeros(1, 10, 5, 6), torch.empty(10, 12, 5, 5)
    gy[0, 0, 0, 1] = torch.inf
    d = test_conv.convolution(x, gw, (1, 1), (0, 0), (1, 1), 1, (5, 6))
    scratch = work("conv2d_backward_weight", d, dtype=x.dtype)
    call("conv2d_backward_weight", d, x, gy, gw, None, scratch, dtype=x.dtype)
    assert gw[0].isnan().all()
    assert (gw[1:] == 0).all()


def test_nothing_is_written_behind_the_scratch_memory() -> None:
    square = [(n, c, h, w, oc, 3, 3, padding) for n, c, h, w, oc, padding in CASES.values()]
    wide = [(*case[:5], case[5], 5, case[6]) for case in ROWS.values()]
    for n, c, h, w, oc, kh, kw, padding in square + wide:
        x, weight = torch.ones(n, c, h, w), torch.ones(oc, c, kh, kw)
        y = F.conv2d(x, weight, padding=padding)
        d = test_conv.convolution(x, weight, (1, 1), (padding, padding), (1, 1), 1, (y.shape[2], y.shape[3]))
        for name, arguments in (
            ("conv2d_forward", (x, weight, None, torch.empty_like(y))),
            ("conv2d_backward_input", (y, weight, torch.empty_like(x))),
            ("conv2d_backward_weight", (x, y, torch.empty_like(weight), None)),
        ):
            asked = len(work(name, d, dtype=x.dtype))
            scratch = torch.full((asked + 4096,), 255, dtype=torch.uint8)
            call(name, d, *arguments, scratch, dtype=x.dtype)
            assert (scratch[asked:] == 255).all()
            assert not (scratch[:asked] == 255).all()


@pytest.mark.parametrize("channels", [16, 64, 256])
def test_the_error_is_at_most_three_times_that_by_taps(channels: int) -> None:
    """Against float64. By taps: the same convolution, with a fourth column of weights that are 0."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, channels, 32, 32), torch.randn(64, channels, 3, 3)
    wanted = F.conv2d(x.double(), weight.double(), padding=1)
    by_tiles = forward(x, weight, 1)
    by_taps = forward(F.pad(x, (0, 1)), F.pad(weight, (0, 1)), 1)
    assert not torch.equal(by_tiles, by_taps)
    assert (by_tiles - wanted).norm() < 3 * (by_taps - wanted).norm()


@pytest.mark.parametrize("channels", [4, 16, 64])
def test_the_error_along_rows_is_at_most_seven_times_that_by_taps(channels: int) -> None:
    """Against float64. By taps: the same convolution, with a sixth column of weights that are 0."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, channels, 32, 32), torch.randn(64, channels, 5, 5)
    wanted = F.conv2d(x.double(), weight.double(), padding=2)
    by_fours = forward(x, weight, 2)
    by_taps = forward(F.pad(x, (0, 1)), F.pad(weight, (0, 1)), 2)
    assert not torch.equal(by_fours, by_taps)
    assert (by_fours - wanted).norm() < 7 * (by_taps - wanted).norm()


@pytest.mark.parametrize("case", test_conv.CASES.values(), ids=test_conv.CASES)
def test_other_convolutions_of_this_library(case: tuple[int, ...]) -> None:
    test_conv.test_convolutions_of_known_networks(case, torch.float32)
