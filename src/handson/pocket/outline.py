"""What a network is made of, found in one walk: whether its batch can be shared out, and what a worker must know."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from handson.pocket.nn.module import Module
from handson.pocket.tensor import Tensor

_ROW_BY_ROW = frozenset({
    "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "ConstantPad2d", "Conv1d",
    "Conv2d", "ConvTranspose2d", "Dropout", "Dropout2d", "ELU", "Flatten", "GELU", "GroupNorm", "Hardsigmoid",
    "Hardswish", "Hardtanh", "Identity", "InstanceNorm2d", "LeakyReLU", "Linear", "LocalResponseNorm", "LogSigmoid",
    "LogSoftmax", "MaxPool1d", "MaxPool2d", "Mish", "PReLU", "PixelShuffle", "ReLU", "ReLU6", "ReflectionPad2d",
    "ReplicationPad2d", "SELU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "Unflatten",
    "Upsample", "ZeroPad2d",
})  # fmt: skip
"""Layers that treat each row of a batch by itself (batch norm: each share)."""
_PLAIN = (bool, int, float, str, type(None))


class Outline(NamedTuple):
    """A network as it is now."""

    parameters: list[Tensor]
    """Those that want gradients."""
    values: list[Tensor]
    """What may change from one batch to the next: all parameters, and the buffers that are read. A layer that is
    trained only writes its buffers."""
    structure: list[Any]
    """All else. Networks are alike where it is equal."""


def outline(network: Module) -> Outline | None:
    """The outline of a network; None unless all its layers are this package's, without hooks, and treat each row by
    itself."""
    found = Outline([], [], [])
    return found if _add(network, found, {}) else None


def _add(part: Module, found: Outline, seen: dict[int, int]) -> bool:
    structure = found.structure
    if (before := seen.get(id(part))) is not None:
        structure.append(before)
        return True
    seen[id(part)] = len(seen)
    kind: Any = type(part)
    has = part.__dict__
    if not _is_row_by_row(kind) or has["_hooks"] or has["_pre_hooks"] or "forward" in has:
        return False
    if 0 in (has.get("dim", 1), has.get("start_dim", 1)):
        return False
    structure.append(kind)
    structure += [value if type(value) in _PLAIN else repr(value) for name, value in has.items() if name not in _APART]
    for name, t in has["_parameters"].items():
        _add_tensor(name, t, found, seen, True)
    for name, t in has["_buffers"].items():
        _add_tensor(name, t, found, seen, not has["training"])
    structure.append(len(has["_modules"]))
    for child in has["_modules"].values():
        if child is None:
            structure.append(None)
        elif not _add(child, found, seen):
            return False
    return True


_APART = frozenset({"_parameters", "_buffers", "_modules", "_hooks", "_pre_hooks", "_not_saved"})


def _add_tensor(name: str, t: Tensor | None, found: Outline, seen: dict[int, int], read: bool) -> None:
    if t is None or (before := seen.get(id(t))) is not None:
        found.structure.append(None if t is None else before)
        return
    seen[id(t)] = len(seen)
    found.structure.extend((name, t.shape, t.dtype, t.requires_grad))
    if t.requires_grad:
        found.parameters.append(t)
    if read:
        found.values.append(t)


@lru_cache(256)
def _is_row_by_row(kind: Any) -> bool:
    """Workers know the layers of this package, not classes of a lesson."""
    return kind.__module__.startswith("handson.pocket.nn") and kind.__name__ in _ROW_BY_ROW
