"""`torch.save` and `torch.load`: pocket's own files. They hold tensors, modules' states and plain Python values.

    17 bytes     b"handson.pocket 2\\n"
    8 bytes      length of the header, little-endian
    the header   JSON: "value", the value (below), and "tensors", each with dtype, shape, requires_grad, parameter
    the numbers  the memory of each tensor in turn, row-major

Of a value, None, truth values, numbers and strings stand for themselves, lists for lists; anything else is an object of
one name: {"dict": [[key, value], …]}, {"OrderedDict": …}, {"tuple": […]}, {"set": […]}, {"Size": […]}, {"dtype": name},
{"bytes": hexadecimal}, {"tensor": its number}. Nothing of a file is ever called.
"""

from __future__ import annotations

import json
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from handson.pocket import dtypes
from handson.pocket.tensor import Parameter, Size, Tensor, numel, rebuilt

_MAGIC = b"handson.pocket 2\n"
_PLAIN = (str, int, float, bool, type(None))


def save(obj: Any, f: str | Path | BinaryIO) -> None:
    """Write tensors, a `state_dict()` or plain values that hold them to a file. TypeError for anything else."""
    tensors: dict[int, tuple[int, Tensor]] = {}

    def told(value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, Tensor):
            number, _ = tensors.setdefault(id(value), (len(tensors), value))
            return {"tensor": number}
        if kind is list:
            return [told(v) for v in value]
        if kind in (dict, OrderedDict):
            return {kind.__name__: [[told(k), told(v)] for k, v in value.items()]}
        if kind in (tuple, set, Size):
            return {kind.__name__: [told(v) for v in value]}
        if kind is dtypes.dtype:
            return {"dtype": value.name}
        if kind is bytes:
            return {"bytes": value.hex()}
        raise TypeError(
            f"handson.pocket's save keeps tensors and plain Python values, not {kind.__module__}.{kind.__qualname__}. "
            "Of a module or an optimizer, save its state_dict()."
        )

    value = told(obj)
    found = [t for _, t in tensors.values()]
    described = [
        {
            "dtype": t.dtype.name,
            "shape": list(t.shape),
            "requires_grad": t.requires_grad and t.is_leaf,
            "parameter": isinstance(t, Parameter),
        }
        for t in found
    ]
    header = json.dumps({"value": value, "tensors": described}).encode()
    content = b"".join([_MAGIC, struct.pack("<Q", len(header)), header, *(bytes(t) for t in found)])
    if isinstance(f, str | Path):
        Path(f).write_bytes(content)
    else:
        f.write(content)


def load(f: str | Path | BinaryIO, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote. Runs no code of the file. RuntimeError for files of PyTorch, whose format this is not,
    and for damaged ones."""
    del map_location, weights_only
    content = Path(f).read_bytes() if isinstance(f, str | Path) else f.read()
    if not content.startswith(_MAGIC):
        raise RuntimeError(
            "This is not a file that handson.pocket wrote. Files of PyTorch's torch.save need PyTorch; `handson zoo "
            "export` makes compact files of networks that both read."
        )
    try:
        return _read(content)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, struct.error) as error:
        raise RuntimeError(f"This file of handson.pocket is damaged: {error}") from error


def _read(content: bytes) -> Any:
    at = len(_MAGIC) + 8
    (length,) = struct.unpack("<Q", content[at - 8 : at])
    header, at = json.loads(content[at : at + length]), at + length
    tensors = []
    for told in header["tensors"]:
        kind, shape = dtypes.named(told["dtype"]), tuple(told["shape"])
        end = at + numel(shape) * kind.itemsize
        of = Parameter if told["parameter"] else Tensor
        tensors.append(rebuilt(of, content[at:end], shape, kind, told["requires_grad"]))
        at = end
    if at != len(content):
        raise ValueError(f"it has {len(content)} bytes in place of {at}")

    def pairs(items: list[Any]) -> list[tuple[Any, Any]]:
        return [(value(k), value(v)) for k, v in items]

    kinds: dict[str, Callable[[Any], Any]] = {
        "tensor": lambda number: tensors[number],
        "dict": lambda items: dict(pairs(items)),
        "OrderedDict": lambda items: OrderedDict(pairs(items)),
        "tuple": lambda items: tuple(value(v) for v in items),
        "set": lambda items: {value(v) for v in items},
        "Size": lambda items: Size(value(v) for v in items),
        "dtype": dtypes.named,
        "bytes": bytes.fromhex,
    }

    def value(told: Any) -> Any:
        if isinstance(told, list):
            return [value(v) for v in told]
        if not isinstance(told, dict):
            return told
        ((kind, items),) = told.items()
        return kinds[kind](items)

    return value(header["value"])
