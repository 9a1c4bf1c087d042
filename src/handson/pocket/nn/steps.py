"""What each kind of layer adds to a plan: its calls of C there and back, and the memory that they need."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Sequence
from typing import Any

from handson.pocket.dtypes import float32
from handson.pocket.kernels import STEPS
from handson.pocket.nn.calls import descriptor, pair, typed
from handson.pocket.nn.convolution import window_fits
from handson.pocket.nn.pooling import pooled_length
from handson.pocket.tensor import numel

Shape = tuple[int, ...]
Reference = tuple[int, int]
"""Where an array lies: a base, and bytes behind it."""

WORK, KEPT, SPARE, OTHER_SPARE, INPUT, OUTPUT, OUTPUT_GRADIENT, INPUT_GRADIENT, TENSORS = range(9)
"""The bases of a plan's arrays; from TENSORS on its tensors, then their gradients."""

MOST = 2**40
"""Numbers in an array beyond which no plan is made: the layers themselves say that this is too much."""


class UnfitError(Exception):
    """Layer by layer it must be: the plan would be wrong, or the layers have something to say."""


class Builder:
    """The calls of one direction, and the memory that they need."""

    def __init__(self, records: bool) -> None:
        self.records = records
        self.numbers: list[int] = []
        self.calls = 0
        self.bytes = dict.fromkeys((WORK, KEPT, SPARE, OTHER_SPARE), 0)
        self.descriptors: list[Any] = []
        self._turn = SPARE

    def call(self, name: str, *arguments: Reference | int | float | None) -> None:
        """One more call: references become addresses, None null."""
        self.numbers += (STEPS[name], len(arguments))
        for argument in arguments:
            if isinstance(argument, tuple):
                self.numbers += argument
            elif isinstance(argument, float):
                self.numbers += (-1, *struct.unpack("q", struct.pack("d", argument)))
            else:
                self.numbers += (-1, argument or 0)
        self.calls += 1

    def constant(self, *numbers: int) -> int:
        """The address of a C struct."""
        self.descriptors.append(descriptor(*numbers))
        return ctypes.addressof(self.descriptors[-1])

    def work(self, count: int) -> Reference:
        """Scratch memory of a call, in bytes."""
        self.bytes[WORK] = max(self.bytes[WORK], count)
        return WORK, 0

    def kept(self, count: int) -> Reference:
        """Bytes that the way back reads; scratch memory where there is none."""
        if not self.records:
            return self.work(count)
        here = self.bytes[KEPT]
        self.bytes[KEPT] = here + -(-count // 64) * 64
        return KEPT, here

    def spare(self, shape: Shape) -> Reference:
        """An array of float32 until the next but one is asked for."""
        self._turn = OTHER_SPARE if self._turn == SPARE else SPARE
        self.bytes[self._turn] = max(self.bytes[self._turn], 4 * numel(shape))
        return self._turn, 0

    def array(self, shape: Shape) -> Reference:
        """An array of float32 that a layer makes."""
        return self.kept(4 * numel(shape)) if self.records else self.spare(shape)


class Step:
    """A layer at its place in a plan.

    `tensors` are the references of its tensors (None where there is none), `gradients` those of the gradients that are
    wanted; `x` and `y` what it reads and makes.
    """

    name = ""
    makes = True
    """Whether it makes an array; else it changes the one it got, or nothing."""
    x: Reference
    y: Reference
    tensors: Sequence[Reference | None]
    gradients: Sequence[Reference | None]

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        """Raises UnfitError where the shapes do not fit. Sets `shape`, that of the result."""
        self.settings, self.given, self.shape = settings, shape, shape
        del of_tensors

    def forward(self, b: Builder) -> None:
        """Add its calls."""

    def backward(self, b: Builder, g: Reference, gx: Reference | None) -> None:
        """Add the calls that make `gx`, unless it is None, and the wanted gradients, of the gradient g of y."""


def needs(condition: bool) -> None:
    """Raise UnfitError unless it holds."""
    if not condition:
        raise UnfitError


class Convolution(Step):
    """A convolution in two dimensions."""

    name = "ConvolutionBackward0"

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        weight, bias = of_tensors
        needs(weight is not None and len(weight) == 4 and len(shape) == 4)
        assert weight is not None
        (n, c, h, w), (oc, each, kh, kw) = shape, weight
        (sh, sw), (ph, pw), (dh, dw) = (pair(value) for value in settings[:3])
        groups = settings[3]
        needs(groups >= 1 and c == each * groups and oc % groups == 0 and bias in (None, (oc,)))
        try:
            window_fits((kh, kw), (sh, sw), (ph, pw), (dh, dw))
        except RuntimeError:
            raise UnfitError from None
        high, wide = h + 2 * ph, w + 2 * pw
        oh, ow = (high - dh * (kh - 1) - 1) // sh + 1, (wide - dw * (kw - 1) - 1) // sw + 1
        needs(oh > 0 and ow > 0 and n * max(c, oc) * high * wide < MOST)
        self.numbers = (n, c, h, w, oc, kh, kw, min(sh, high), min(sw, wide), ph, pw, dh, dw, groups, oh, ow)
        self.shape = (n, oc, oh, ow)

    def _work(self, b: Builder, name: str) -> Reference:
        return b.work(typed(f"conv2d_{name}_work", float32)(descriptor(*self.numbers)))

    def forward(self, b: Builder) -> None:
        """Its calls."""
        work = self._work(b, "forward")
        b.call("conv2d_forward", b.constant(*self.numbers), self.x, *self.tensors, self.y, work)

    def backward(self, b: Builder, g: Reference, gx: Reference | None) -> None:
        """The calls of its gradients."""
        layout = b.constant(*self.numbers)
        gw, gb = self.gradients
        if gx:
            b.call("conv2d_backward_input", layout, g, self.tensors[0], gx, self._work(b, "backward_input"))
        if gw:
            b.call("conv2d_backward_weight", layout, self.x, g, gw, gb, self._work(b, "backward_weight"))
        elif gb:
            n, channels, *image = self.shape
            b.call("bias_backward", n, channels, math.prod(image), g, gb)


class Product(Step):
    """A linear layer."""

    name = "AddmmBackward0"
    rectified = False
    """Whether the next layer is a ReLU, which is then done with the bias."""

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        weight, bias = of_tensors
        needs(weight is not None and len(weight) == 2 and len(shape) >= 2 and weight[1] == shape[-1] > 0)
        assert weight is not None
        needs(bias in (None, (weight[0],)))
        self.rows, self.into, self.out = numel(shape[:-1]), weight[1], weight[0]
        self.shape = (*shape[:-1], self.out)

    def forward(self, b: Builder) -> None:
        """Its calls."""
        rows, into, out = self.rows, self.into, self.out
        weight, bias = self.tensors
        self._product(b, 0, 1, rows, out, into, self.x, weight, self.y)
        if bias:
            b.call("add_bias", rows, out, bias, int(self.rectified), self.y)
        elif self.rectified:
            b.call("relu_forward", rows * out, self.y, self.y)

    def backward(self, b: Builder, g: Reference, gx: Reference | None) -> None:
        """The calls of its gradients."""
        rows, into, out = self.rows, self.into, self.out
        gw, gb = self.gradients
        if gw:
            self._product(b, 1, 0, out, into, rows, g, self.x, gw)
        if gb:
            b.call("bias_backward", rows, out, 1, g, gb)
        if gx:
            self._product(b, 0, 0, rows, into, out, g, self.tensors[0], gx)

    @staticmethod
    def _product(
        b: Builder, ta: int, tb: int, m: int, n: int, k: int, a: Reference, c: Reference | None, out: Reference
    ) -> None:
        """out (m, n) = op(a) op(c), each row-major and whole."""
        work = b.work(typed("gemm_work", float32)())
        b.call("gemm", ta, tb, m, n, k, a, m if ta else k, c, k if tb else n, out, n, work)


class BatchNorm(Step):
    """Batch norm that keeps running statistics."""

    name = "NativeBatchNormBackward0"

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        self.training, dimensions = settings[0], settings[3]
        needs(len(shape) in dimensions)
        channels = (shape[1],)
        needs(all(t in (None, channels) for t in of_tensors[:2]) and of_tensors[2] == of_tensors[3] == channels)
        self.sizes = (shape[0], shape[1], numel(shape[2:]))
        needs(of_tensors[4] == () and not (self.training and self.sizes[0] * self.sizes[2] <= 1))

    def forward(self, b: Builder) -> None:
        """Its calls."""
        weight, bias, mean, variance, batches = self.tensors
        momentum, eps = self.settings[1:3]
        base, here = b.kept(8 * self.sizes[1])
        self.mean, self.scale = (base, here), (base, here + 4 * self.sizes[1])
        b.call(
            "batch_norm_forward", *self.sizes, self.x, weight, bias, mean, variance, int(self.training),
            float(momentum), float(eps), self.y, self.mean, self.scale,
        )  # fmt: skip
        if self.training:
            b.call("count", batches)

    def backward(self, b: Builder, g: Reference, gx: Reference | None) -> None:
        """The calls of its gradients."""
        gw, gb, *_ = self.gradients
        b.call(
            "batch_norm_backward", *self.sizes, self.x, g, self.tensors[0], self.mean, self.scale, int(self.training),
            gx, gw, gb,
        )  # fmt: skip


class MaxPool(Step):
    """The largest value of each window."""

    name = "MaxPool2DWithIndicesBackward0"

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        needs(len(shape) == 4)
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (pair(value) for value in settings[:4])
        needs(min(kh, kw, sh, sw, dh, dw) >= 1 and max(kh, kw, sh, sw, dh, dw) < 2**31)
        needs(0 <= ph <= kh // 2 and 0 <= pw <= kw // 2)
        n, c, h, w = shape
        ceil = settings[4]
        oh, ow = pooled_length(h, kh, sh, ph, dh, ceil), pooled_length(w, kw, sw, pw, dw, ceil)
        needs(oh > 0 and ow > 0)
        self.numbers = (n * c, h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw)
        self.shape = (n, c, oh, ow)

    def forward(self, b: Builder) -> None:
        """Its calls."""
        self.places = b.kept(4 * numel(self.shape))
        b.call("max_pool2d_forward", b.constant(*self.numbers), self.x, self.y, self.places)

    def backward(self, b: Builder, g: Reference, gx: Reference | None) -> None:
        """The calls of its gradients."""
        b.call("max_pool2d_backward", b.constant(*self.numbers), g, self.places, gx)


class Rectifier(Step):
    """A ReLU: in place, but of the input."""

    name = "ReluBackward0"
    makes = False
    done = False
    """Whether the layer before does it."""

    def forward(self, b: Builder) -> None:
        """Its calls."""
        if not self.done:
            b.call("relu_forward", numel(self.shape), self.x, self.y)

    def backward(self, b: Builder, g: Reference, gx: Reference | None) -> None:
        """The calls of its gradients."""
        b.call("relu_backward", numel(self.shape), self.y, g, gx)


class Reshaped(Step):
    """Flatten or Identity, which change nothing in memory."""

    name = "ViewBackward0"
    makes = False

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        if settings:
            first, last = (d + len(shape) if d < 0 else d for d in settings)
            needs(0 <= first <= last < len(shape))
            self.shape = (*shape[:first], numel(shape[first : last + 1]), *shape[last + 1 :])
