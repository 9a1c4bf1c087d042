"""Layers that follow each other in a Sequential, run as one: one call of the C source forward, and one back.

Python has the larger share of a small network's step, most of all in a page, where it is slower. So the calls of known
layers are planned once for a shape (`plans`); each step then only fills in addresses. What is not known here, or would
be refused, goes layer by layer, as it does where a layer has hooks.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from handson.pocket.autograd import Node, is_grad_enabled
from handson.pocket.dtypes import float32
from handson.pocket.kernels import C
from handson.pocket.nn.layers import BatchNorm1d, BatchNorm2d, Conv2d, Linear
from handson.pocket.nn.module import Module
from handson.pocket.nn.plans import Of, Plan, plan_of
from handson.pocket.nn.stateless import Flatten, Identity, MaxPool2d, ReLU
from handson.pocket.nn.steps import (
    INPUT_GRADIENT,
    KEPT,
    OTHER_SPARE,
    OUTPUT_GRADIENT,
    SPARE,
    TENSORS,
    WORK,
    BatchNorm,
    Convolution,
    MaxPool,
    Product,
    Rectifier,
    Reshaped,
)
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, contiguous, new, new_like

# What is known of each class of layers: the kind of step, the number of its tensors, its settings; and its tensors.
Known = tuple[tuple[Any, ...], tuple[Tensor | None, ...]] | None


def _of_convolution(layer: Module) -> Known:
    has, parameters = layer.__dict__, layer._parameters
    if has["padding_mode"] != "zeros" or isinstance(has["padding"], str):
        return None
    settings = (Convolution, 2, has["stride"], has["padding"], has["dilation"], has["groups"])
    return settings, (parameters["weight"], parameters["bias"])


def _of_linear(layer: Module) -> Known:
    return (Product, 2), (layer._parameters["weight"], layer._parameters["bias"])


def _of_batch_norm(layer: Module) -> Known:
    has, buffers = layer.__dict__, layer._buffers
    if has["momentum"] is None or not has["track_running_stats"] or buffers["running_mean"] is None:
        return None
    settings = (BatchNorm, 5, has["training"], has["momentum"], has["eps"], type(layer)._dimensions)  # type: ignore[attr-defined]
    return settings, (
        layer._parameters["weight"], layer._parameters["bias"], buffers["running_mean"], buffers["running_var"],
        buffers["num_batches_tracked"],
    )  # fmt: skip


def _of_max_pool(layer: Module) -> Known:
    has = layer.__dict__
    if has["return_indices"]:
        return None
    stride = has["kernel_size"] if has["stride"] in (None, []) else has["stride"]
    return (MaxPool, 0, has["kernel_size"], stride, has["padding"], has["dilation"], bool(has["ceil_mode"])), ()


def _of_relu(layer: Module) -> Known:
    return (Rectifier, 0, bool(layer.__dict__["inplace"])), ()


def _of_flatten(layer: Module) -> Known:
    return (Reshaped, 0, layer.__dict__["start_dim"], layer.__dict__["end_dim"]), ()


def _of_identity(_: Module) -> Known:
    return (Reshaped, 0), ()


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
        plan = plan_of(layers, input.shape, tuple(of), wants_input, records)
    except TypeError:  # a setting that is no number, or cannot be kept
        plan = None
    if plan is None:
        return None
    try:
        return _run(plan, input, tensors, wants_input)
    except RuntimeError:  # too little memory for all at once
        return None


def _run(plan: Plan, input: Tensor, tensors: list[Tensor | None], wants_input: bool) -> Tensor:
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
