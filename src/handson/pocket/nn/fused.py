"""Layers that follow each other in a Sequential, run as one: one call of the C source forward, and one back.

Python has the larger share of a small network's step, most of all in a page, where it is three times slower. So the
calls of known layers are planned once for a shape and kept (`_plan`); each step then only fills in addresses.
What is not known here, or would be refused, goes layer by layer, as it does where a layer has hooks.
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from handson.pocket.autograd import Node, is_grad_enabled
from handson.pocket.dtypes import float32
from handson.pocket.kernels import STEPS, C
from handson.pocket.nn.calls import descriptor, pair, typed
from handson.pocket.nn.convolution import window_fits
from handson.pocket.nn.layers import BatchNorm1d, BatchNorm2d, Conv2d, Linear
from handson.pocket.nn.module import Module
from handson.pocket.nn.pooling import pooled_length
from handson.pocket.nn.stateless import Flatten, Identity, MaxPool2d, ReLU
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, contiguous, new, new_like, numel

Shape = tuple[int, ...]
Reference = tuple[int, int]
"""Where an array lies: a base, and bytes behind it."""

WORK, KEPT, SPARE, OTHER_SPARE, INPUT, OUTPUT, OUTPUT_GRADIENT, INPUT_GRADIENT, TENSORS = range(9)
"""The bases of a plan's arrays; from TENSORS on its tensors, then their gradients."""

_MOST = 2**40
"""Numbers in an array beyond which no plan is made: the layers themselves say that this is too much."""


class _UnfitError(Exception):
    """Layer by layer it must be: the plan would be wrong, or the layers have something to say."""


class _Builder:
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


class _Step:
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
        """Raises _UnfitError where the shapes do not fit. Sets `shape`, that of the result."""
        self.settings, self.given, self.shape = settings, shape, shape
        del of_tensors

    def forward(self, b: _Builder) -> None:
        """Add its calls."""

    def backward(self, b: _Builder, g: Reference, gx: Reference | None) -> None:
        """Add the calls that make `gx`, unless it is None, and the wanted gradients, of the gradient g of y."""


def _needs(condition: bool) -> None:
    if not condition:
        raise _UnfitError


class _Convolution(_Step):
    name = "ConvolutionBackward0"

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        weight, bias = of_tensors
        _needs(weight is not None and len(weight) == 4 and len(shape) == 4)
        assert weight is not None
        (n, c, h, w), (oc, each, kh, kw) = shape, weight
        (sh, sw), (ph, pw), (dh, dw) = (pair(value) for value in settings[:3])
        groups = settings[3]
        _needs(groups >= 1 and c == each * groups and oc % groups == 0 and bias in (None, (oc,)))
        try:
            window_fits((kh, kw), (sh, sw), (ph, pw), (dh, dw))
        except RuntimeError:
            raise _UnfitError from None
        high, wide = h + 2 * ph, w + 2 * pw
        oh, ow = (high - dh * (kh - 1) - 1) // sh + 1, (wide - dw * (kw - 1) - 1) // sw + 1
        _needs(oh > 0 and ow > 0 and n * max(c, oc) * high * wide < _MOST)
        self.numbers = (n, c, h, w, oc, kh, kw, min(sh, high), min(sw, wide), ph, pw, dh, dw, groups, oh, ow)
        self.shape = (n, oc, oh, ow)

    def _work(self, b: _Builder, name: str) -> Reference:
        return b.work(typed(f"conv2d_{name}_work", float32)(descriptor(*self.numbers)))

    def forward(self, b: _Builder) -> None:
        work = self._work(b, "forward")
        b.call("conv2d_forward", b.constant(*self.numbers), self.x, *self.tensors, self.y, work)

    def backward(self, b: _Builder, g: Reference, gx: Reference | None) -> None:
        layout = b.constant(*self.numbers)
        gw, gb = self.gradients
        if gx:
            b.call("conv2d_backward_input", layout, g, self.tensors[0], gx, self._work(b, "backward_input"))
        if gw:
            b.call("conv2d_backward_weight", layout, self.x, g, gw, gb, self._work(b, "backward_weight"))
        elif gb:
            n, channels, *image = self.shape
            b.call("bias_backward", n, channels, math.prod(image), g, gb)


class _Product(_Step):
    name = "AddmmBackward0"
    rectified = False
    """Whether the next layer is a ReLU, which is then done with the bias."""

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        weight, bias = of_tensors
        _needs(weight is not None and len(weight) == 2 and len(shape) >= 2 and weight[1] == shape[-1] > 0)
        assert weight is not None
        _needs(bias in (None, (weight[0],)))
        self.rows, self.into, self.out = numel(shape[:-1]), weight[1], weight[0]
        self.shape = (*shape[:-1], self.out)

    def forward(self, b: _Builder) -> None:
        rows, into, out = self.rows, self.into, self.out
        weight, bias = self.tensors
        self._product(b, 0, 1, rows, out, into, self.x, weight, self.y)
        if bias:
            b.call("add_bias", rows, out, bias, int(self.rectified), self.y)
        elif self.rectified:
            b.call("relu_forward", rows * out, self.y, self.y)

    def backward(self, b: _Builder, g: Reference, gx: Reference | None) -> None:
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
        b: _Builder, ta: int, tb: int, m: int, n: int, k: int, a: Reference, c: Reference | None, out: Reference
    ) -> None:
        """out (m, n) = op(a) op(c), each row-major and whole."""
        work = b.work(typed("gemm_work", float32)())
        b.call("gemm", ta, tb, m, n, k, a, m if ta else k, c, k if tb else n, out, n, work)


class _BatchNorm(_Step):
    name = "NativeBatchNormBackward0"

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        self.training, dimensions = settings[0], settings[3]
        _needs(len(shape) in dimensions)
        channels = (shape[1],)
        _needs(all(t in (None, channels) for t in of_tensors[:2]) and of_tensors[2] == of_tensors[3] == channels)
        self.sizes = (shape[0], shape[1], numel(shape[2:]))
        _needs(of_tensors[4] == () and not (self.training and self.sizes[0] * self.sizes[2] <= 1))

    def forward(self, b: _Builder) -> None:
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

    def backward(self, b: _Builder, g: Reference, gx: Reference | None) -> None:
        gw, gb, *_ = self.gradients
        b.call(
            "batch_norm_backward", *self.sizes, self.x, g, self.tensors[0], self.mean, self.scale, int(self.training),
            gx, gw, gb,
        )  # fmt: skip


class _MaxPool(_Step):
    name = "MaxPool2DWithIndicesBackward0"

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        _needs(len(shape) == 4)
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (pair(value) for value in settings[:4])
        _needs(min(kh, kw, sh, sw, dh, dw) >= 1 and max(kh, kw, sh, sw, dh, dw) < 2**31)
        _needs(0 <= ph <= kh // 2 and 0 <= pw <= kw // 2)
        n, c, h, w = shape
        ceil = settings[4]
        oh, ow = pooled_length(h, kh, sh, ph, dh, ceil), pooled_length(w, kw, sw, pw, dw, ceil)
        _needs(oh > 0 and ow > 0)
        self.numbers = (n * c, h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw)
        self.shape = (n, c, oh, ow)

    def forward(self, b: _Builder) -> None:
        self.places = b.kept(4 * numel(self.shape))
        b.call("max_pool2d_forward", b.constant(*self.numbers), self.x, self.y, self.places)

    def backward(self, b: _Builder, g: Reference, gx: Reference | None) -> None:
        b.call("max_pool2d_backward", b.constant(*self.numbers), g, self.places, gx)


class _Rectifier(_Step):
    name = "ReluBackward0"
    makes = False
    done = False
    """Whether the layer before does it."""

    def forward(self, b: _Builder) -> None:
        if not self.done:
            b.call("relu_forward", numel(self.shape), self.x, self.y)

    def backward(self, b: _Builder, g: Reference, gx: Reference | None) -> None:
        b.call("relu_backward", numel(self.shape), self.y, g, gx)


class _Reshaped(_Step):
    """Flatten, which changes nothing in memory."""

    name = "ViewBackward0"
    makes = False

    def __init__(self, settings: Sequence[Any], shape: Shape, of_tensors: Sequence[Shape | None]) -> None:
        super().__init__(settings, shape, of_tensors)
        if settings:
            first, last = (d + len(shape) if d < 0 else d for d in settings)
            _needs(0 <= first <= last < len(shape))
            self.shape = (*shape[:first], numel(shape[first : last + 1]), *shape[last + 1 :])


@dataclass(frozen=True)
class _Direction:
    """What `hp_run` is given, and the scratch memory of its bases."""

    calls: int
    program: Any
    descriptors: tuple[Any, ...]
    """Kept alive: the program holds their addresses."""
    work: int
    spare: int
    other_spare: int


@dataclass(frozen=True)
class _Plan:
    """The calls for one shape. `saved`: the numbers of the tensors that the way back reads."""

    name: str
    shape: Shape
    kept: int
    forward: _Direction
    backward: _Direction | None
    saved: tuple[int, ...]
    saves_input: bool
    saves_output: bool
    changed: tuple[int, ...]


def _rounded(count: int) -> int:
    return -(-count // 64) * 64


def _direction(b: _Builder) -> _Direction:
    program = (ctypes.c_longlong * len(b.numbers))(*b.numbers)
    memory = (_rounded(b.bytes[base]) for base in (WORK, SPARE, OTHER_SPARE))
    return _Direction(b.calls, program, tuple(b.descriptors), *memory)


Of = tuple[Shape, str, bool] | None
"""Of a tensor: shape, dtype and whether its gradient is wanted."""


@lru_cache(256)
def _plan(
    layers: tuple[tuple[Any, ...], ...], shape: Shape, tensors: tuple[Of, ...], wants_input: bool, records: bool
) -> _Plan | None:
    """The plan for layers (each a kind of step, the number of its tensors, and its settings), or None where it must be
    layer by layer."""
    try:
        return _planned(layers, shape, tensors, wants_input, records)
    except _UnfitError:
        return None


def _planned(
    layers: tuple[tuple[Any, ...], ...], shape: Shape, tensors: tuple[Of, ...], wants_input: bool, records: bool
) -> _Plan:
    _needs(0 < numel(shape) < _MOST)
    steps: list[_Step] = []
    first = 0
    makers: list[_Step] = []
    changed: list[int] = []
    for kind, count, *settings in layers:
        own = range(first, first + count)
        for k in own:
            of = tensors[k]
            _needs(of is None or of[1] == ("q" if kind is _BatchNorm and k == own[4] else "f"))
        step: _Step = kind(settings, shape, [of[0] if (of := tensors[k]) else None for k in own])
        _needs(0 < numel(step.shape) < _MOST)
        step.tensors = [(TENSORS + k, 0) if tensors[k] else None for k in own]
        step.gradients = [
            (TENSORS + len(tensors) + k, 0) if records and (of := tensors[k]) and of[2] else None for k in own
        ]
        if isinstance(step, _Rectifier):
            step.makes = not makers
            _needs(not (step.makes and settings[0]))  # in place, of the input
            if steps and isinstance(steps[-1], _Product):
                steps[-1].rectified = step.done = True
        if isinstance(step, _BatchNorm) and step.training:
            changed += own[2:]
        makers += [step] if step.makes else []
        steps.append(step)
        shape, first = step.shape, first + count
    _needs(len(makers) > 1)

    ahead = _Builder(records)
    value: Reference = (INPUT, 0)
    for step in steps:
        step.x = value
        if step.makes:
            value = (OUTPUT, 0) if step is makers[-1] else ahead.array(step.shape)
        step.y = value
        step.forward(ahead)
    back = _ways_back(steps, makers, wants_input) if records else None
    read = _bases(back.numbers) if back else set()
    return _Plan(
        name=steps[-1].name,
        shape=shape,
        kept=ahead.bytes[KEPT],
        forward=_direction(ahead),
        backward=None if back is None else _direction(back),
        saved=tuple(k for k in range(len(tensors)) if TENSORS + k in read),
        saves_input=INPUT in read,
        saves_output=OUTPUT in read,
        changed=tuple(changed),
    )


def _ways_back(steps: list[_Step], makers: list[_Step], wants_input: bool) -> _Builder:
    back = _Builder(records=False)
    g: Reference = (OUTPUT_GRADIENT, 0)
    for k in reversed(range(len(steps))):
        step = steps[k]
        further = wants_input or any(any(earlier.gradients) for earlier in steps[:k])
        if not further and not any(step.gradients):
            break
        if isinstance(step, _Reshaped):
            continue
        gx: Reference | None = None
        if further:
            if step is makers[0]:
                gx = (INPUT_GRADIENT, 0)
            elif not step.makes and g[0] != OUTPUT_GRADIENT:
                gx = g
            else:
                gx = back.spare(step.given)
        step.backward(back, g, gx)
        if gx is None:
            break
        g = gx
    return back


def _bases(numbers: list[int]) -> set[int]:
    """The bases that a program uses."""
    found: set[int] = set()
    at = 0
    while at < len(numbers):
        count = numbers[at + 1]
        found |= {*numbers[at + 2 : at + 2 + 2 * count : 2]}
        at += 2 + 2 * count
    return found


# What is known of each class of layers: the kind of step, the number of its tensors, its settings; and its tensors.
Known = tuple[tuple[Any, ...], tuple[Tensor | None, ...]] | None


def _of_convolution(layer: Module) -> Known:
    has, parameters = layer.__dict__, layer._parameters
    if has["padding_mode"] != "zeros" or isinstance(has["padding"], str):
        return None
    settings = (_Convolution, 2, has["stride"], has["padding"], has["dilation"], has["groups"])
    return settings, (parameters["weight"], parameters["bias"])


def _of_linear(layer: Module) -> Known:
    return (_Product, 2), (layer._parameters["weight"], layer._parameters["bias"])


def _of_batch_norm(layer: Module) -> Known:
    has, buffers = layer.__dict__, layer._buffers
    if has["momentum"] is None or not has["track_running_stats"] or buffers["running_mean"] is None:
        return None
    settings = (_BatchNorm, 5, has["training"], has["momentum"], has["eps"], type(layer)._dimensions)  # type: ignore[attr-defined]
    return settings, (
        layer._parameters["weight"], layer._parameters["bias"], buffers["running_mean"], buffers["running_var"],
        buffers["num_batches_tracked"],
    )  # fmt: skip


def _of_max_pool(layer: Module) -> Known:
    has = layer.__dict__
    if has["return_indices"]:
        return None
    stride = has["kernel_size"] if has["stride"] in (None, []) else has["stride"]
    return (_MaxPool, 0, has["kernel_size"], stride, has["padding"], has["dilation"], bool(has["ceil_mode"])), ()


def _of_relu(layer: Module) -> Known:
    return (_Rectifier, 0, bool(layer.__dict__["inplace"])), ()


def _of_flatten(layer: Module) -> Known:
    return (_Reshaped, 0, layer.__dict__["start_dim"], layer.__dict__["end_dim"]), ()


def _of_identity(_: Module) -> Known:
    return (_Reshaped, 0), ()


_KNOWN: dict[type[Module], Callable[[Module], Known]] = {
    Conv2d: _of_convolution, Linear: _of_linear, BatchNorm1d: _of_batch_norm, BatchNorm2d: _of_batch_norm,
    MaxPool2d: _of_max_pool, ReLU: _of_relu, Flatten: _of_flatten, Identity: _of_identity,
}  # fmt: skip


_FORWARDS = {kind: kind.forward for kind in _KNOWN}


def _known(layer: Any) -> Known:
    kind = type(layer)
    of = _KNOWN.get(kind)
    if of is None or layer._hooks or layer._pre_hooks:
        return None
    if "forward" in layer.__dict__ or kind.forward is not _FORWARDS[kind]:  # somebody has put another in its place
        return None
    try:
        return of(layer)
    except KeyError:  # what was a parameter or buffer is something else now
        return None


def through(layers: Sequence[Any], input: Any) -> Any:
    """`input` through one layer after the other, as many at once as can be."""
    at = 0
    while at < len(layers):
        found: list[tuple[Any, ...]] = []
        tensors: list[Tensor | None] = []
        while at + len(found) < len(layers) and (known := _known(layers[at + len(found)])):
            found.append(known[0])
            tensors += known[1]
        some = layers[at : at + max(1, len(found))]
        out = _at_once(tuple(found), tensors, input) if len(found) > 1 else None
        if out is None:
            for layer in some:
                input = layer(input)
        else:
            input = out
        at += len(some)
    return input


def _at_once(layers: tuple[tuple[Any, ...], ...], tensors: list[Tensor | None], input: Any) -> Tensor | None:
    """The layers' result, or None where they must be called."""
    if not isinstance(input, Tensor) or input.dtype is not float32:
        return None
    recording = is_grad_enabled()
    of: list[Of] = []
    records = wants_input = recording and input.requires_grad
    for t in tensors:
        if t is None:
            of.append(None)
            continue
        if not t.is_contiguous():
            return None
        wanted = recording and t.requires_grad
        records = records or wanted
        of.append((t.shape, t.dtype.char, wanted))
    try:
        plan = _plan(layers, input.shape, tuple(of), wants_input, records)
    except TypeError:  # a setting that is no number, or cannot be kept
        plan = None
    if plan is None:
        return None
    try:
        return _run(plan, input, tensors, wants_input)
    except RuntimeError:  # too little memory for all at once
        return None


def _run(plan: _Plan, input: Tensor, tensors: list[Tensor | None], wants_input: bool) -> Tensor:
    x = contiguous(input.detach())
    out, kept, ahead = new(plan.shape, float32), Storage(plan.kept), plan.forward
    scratch = Storage(ahead.work + ahead.spare + ahead.other_spare)
    spare = scratch.address + ahead.work
    bases = (ctypes.c_longlong * (TENSORS + 2 * len(tensors)))(
        scratch.address, kept.address, spare, spare + ahead.spare, x.data_ptr(), out.data_ptr(), 0, 0,
        *(0 if t is None else t.data_ptr() for t in tensors),
    )  # fmt: skip
    C.run(ahead.calls, ahead.program, bases)
    for k in plan.changed:
        tensors[k]._storage.version += 1  # type: ignore[union-attr]
    if (way := plan.backward) is None:
        return out
    wanted = [(k, t.shape) for k, t in enumerate(tensors) if t is not None and t.requires_grad]
    saved = [t.detach() for k in plan.saved if (t := tensors[k]) is not None]

    def back(g: Tensor) -> tuple[Tensor | None, ...]:
        g = contiguous(g)
        scratch = Storage(way.work + way.spare + way.other_spare)
        gradients: list[Tensor | None] = [None] * (1 + len(tensors))
        spare = scratch.address + way.work
        where = type(bases).from_buffer_copy(bases)  # another thread may be on its way as well
        where[WORK], where[SPARE], where[OTHER_SPARE] = scratch.address, spare, spare + way.spare
        where[OUTPUT_GRADIENT] = g.data_ptr()
        if wants_input:
            gradients[0] = gx = new_like(x)
            where[INPUT_GRADIENT] = gx.data_ptr()
        for k, shape in wanted:
            gradients[1 + k] = gradient = new(shape, float32)
            where[TENSORS + len(tensors) + k] = gradient.data_ptr()
        where[KEPT] = kept.address  # and so this memory lives as long as the way back
        C.run(way.calls, way.program, where)
        return tuple(gradients)

    if plan.saves_input:
        saved.append(x)
    if plan.saves_output:
        saved.append(out.detach())
    out._record(Node(plan.name, (input, *tensors), back, tuple(saved)))
    return out
