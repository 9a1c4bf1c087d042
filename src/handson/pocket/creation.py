"""New tensors: from numbers, of one number, evenly spaced, over a buffer."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Sequence
from typing import Any

from handson.pocket import dtypes
from handson.pocket.dtypes import bool_, dtype, int64
from handson.pocket.kernels import C
from handson.pocket.shapes import as_shape, reshape
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, copied, filled, from_bytes, make, new
from handson.pocket.tensor import device as _device


def _where(place: Any) -> None:
    if place is not None:
        _device(place)


def _finished(t: Tensor, requires_grad: bool) -> Tensor:
    return t.requires_grad_() if requires_grad else t


def tensor(data: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the data: a number, nested sequences, or a tensor."""
    _where(device)
    if isinstance(data, Tensor):
        return _finished(copied(data, dtype), requires_grad)
    if type(data).__module__ == "numpy":
        data = data.tolist()
    shape = _shape_of(data)
    flat: list[Any] = []
    _flatten(data, shape, 0, flat)
    kind = dtype or _kind_of(flat)
    return _finished(_packed(flat, shape, kind), requires_grad)


def _shape_of(data: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while True:
        if isinstance(data, Tensor):
            return (*shape, *data.shape)
        if isinstance(data, str):
            if not shape:
                raise TypeError("new(): invalid data type 'str'")
            raise ValueError("too many dimensions 'str'")
        if isinstance(data, dict | set):
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        if not isinstance(data, Sequence) and not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
            return tuple(shape)
        shape.append(len(data))
        if not shape[-1]:
            return tuple(shape)
        data = data[0]


def _flatten(data: Any, shape: tuple[int, ...], depth: int, out: list[Any]) -> None:
    if isinstance(data, Tensor):
        if data.shape != shape[depth:]:
            raise ValueError(f"expected sequence of length {shape[depth] if shape[depth:] else 0} at dim {depth}")
        out.extend(data.numbers())
        return
    if depth == len(shape):
        if hasattr(data, "__len__"):
            raise TypeError(f"expected a number at dim {depth} (got a sequence of length {len(data)})")
        out.append(data)
        return
    if not hasattr(data, "__len__"):
        raise TypeError(f"expected a sequence of length {shape[depth]} at dim {depth} (got {type(data).__name__})")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth == len(shape) - 1 and not any(isinstance(item, Tensor) or hasattr(item, "__len__") for item in data):
        out.extend(data)
        return
    for item in data:
        _flatten(item, shape, depth + 1, out)


def _kind_of(flat: list[Any]) -> dtype:
    if not flat:
        return dtypes.get_default_dtype()
    kinds = {type(value) for value in flat}
    if kinds <= {bool}:
        return bool_
    if kinds <= {bool, int}:
        return int64
    for kind in kinds:
        if not issubclass(kind, bool | int | float) and not hasattr(kind, "__float__"):
            raise (ValueError if kind is str else RuntimeError)(f"Could not infer dtype of {kind.__name__}")
    return dtypes.get_default_dtype()


def _packed(flat: list[Any], shape: tuple[int, ...], kind: dtype) -> Tensor:
    if kind.is_floating_point:
        try:
            content = struct.pack(f"={len(flat)}{kind.char}", *flat)
        except OverflowError:  # a double that float32 does not hold
            return copied(_packed(flat, shape, dtypes.float64), kind)
        except struct.error:
            content = struct.pack(f"={len(flat)}{kind.char}", *(float(value) for value in flat))
    elif kind is bool_:
        content = bytes(bool(value) for value in flat)
    else:
        whole = [math.trunc(value) for value in flat]
        try:
            content = struct.pack(f"={len(whole)}{kind.char}", *whole)
        except struct.error:
            error = ValueError if kind is int64 else RuntimeError
            raise error(f"value cannot be converted to type {kind.name} without overflow") from None
    return from_bytes(content, shape, kind)


def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The data as a tensor; a tensor of that dtype is returned as it is."""
    if isinstance(data, Tensor):
        from handson.pocket.elementwise import to

        return data if dtype is None else to(data, dtype)
    return tensor(data, dtype=dtype, device=device)


asarray = as_tensor


def frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A tensor over the memory of a writable buffer; of a read-only one (bytes), a copy."""
    memory = memoryview(buffer).cast("B")
    if not 0 <= offset < len(memory) and (offset or len(memory)):
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({len(memory)} bytes) "
            "minus 1"
        )
    room = len(memory) - offset
    if count < 0:
        if room % dtype.itemsize:
            raise ValueError(
                f"buffer length ({room} bytes) after offset ({offset} bytes) must be a multiple of element size "
                f"({dtype.itemsize})"
            )
        count = room // dtype.itemsize
    if count * dtype.itemsize > room or count <= 0:
        raise ValueError(
            f"requested buffer length ({count} * {dtype.itemsize} bytes) after offset ({offset} bytes) must not be "
            f"greater "
            f"than actual buffer length ({len(memory)} bytes)"
            if count else f"both buffer length ({len(memory)}) and count ({count}) must not be 0"
        )  # fmt: skip
    if memory.readonly or (offset % dtype.itemsize):
        return from_bytes(bytes(memory[offset : offset + count * dtype.itemsize]), (count,), dtype)
    array = (ctypes.c_ubyte * len(memory)).from_buffer(memory)
    storage = Storage.over(array, len(memory))
    if storage.address % dtype.itemsize:
        return from_bytes(bytes(memory[offset : offset + count * dtype.itemsize]), (count,), dtype)
    return _finished(make(storage, offset // dtype.itemsize, (count,), (1,), dtype), requires_grad)


def empty(
    *size: Any, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor of this shape, not initialised."""
    del memory_format
    _where(device)
    shape = as_shape(*size)
    if any(s < 0 for s in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return _finished(new(shape, dtype or dtypes.get_default_dtype()), requires_grad)


def full(
    size: Any, fill_value: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of one number."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    out = empty(
        *((size,) if isinstance(size, Sequence) else ((size,),)), dtype=dtype or dtypes.of_number(value), device=device
    )
    out.fill_(value)
    return _finished(out, requires_grad)


def zeros(*size: Any, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    return full(
        as_shape(*size), 0, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad
    )


def ones(*size: Any, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return full(
        as_shape(*size), 1, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad
    )


def empty_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Not initialised, of another's shape."""
    return empty(
        input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad, memory_format=memory_format
    )


def full_like(
    input: Tensor, fill_value: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of one number, of another's shape."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def zeros_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros, of another's shape."""
    del memory_format
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones, of another's shape."""
    del memory_format
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def arange(
    *bounds: Any, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """From start (0) to before end, by step (1): arange(end), arange(start, end) or arange(start, end, step)."""
    _where(device)
    start, end, step = _bounds(bounds, named)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(value, int) for value in (start, end, step))
    kind = dtype or (int64 if whole else dtypes.get_default_dtype())
    count = -(-(end - start) // step) if whole else math.ceil((end - start) / step)
    out = new((count,), kind)
    if count:
        as_whole = (0, 0) if kind.is_floating_point else (int(start), int(step))
        C.arange(kind.code, count, out.data_ptr(), float(start), float(step), *as_whole)
    return _finished(out, requires_grad)


def _bounds(bounds: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    values = [value.item() if isinstance(value, Tensor) else value for value in bounds]
    if len(values) == 1 and "end" not in named:
        values = [named.get("start", 0), values[0], named.get("step", 1)]
    elif not values:
        values = [named.get("start", 0), named["end"], named.get("step", 1)]
    else:
        values += [named[name] for name in ("start", "end", "step")[len(values) :] if name in named]
        values = values + [1] * (3 - len(values))
    return [value if isinstance(value, int | float) else value.__index__() for value in values]


def linspace(
    start: Any, end: Any, steps: int, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers from start to end, evenly spaced, both included."""
    _where(device)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    first, last = float(start), float(end)
    gap = (last - first) / (steps - 1) if steps > 1 else 0.0
    kind = dtype or dtypes.get_default_dtype()
    values = _even(first, last, gap, steps, kind)
    return _finished(tensor(values, dtype=kind), requires_grad)


def _even(first: float, last: float, gap: float, steps: int, kind: dtype) -> list[float]:
    """Counted from both ends, so that both are met exactly; the step in the dtype, as PyTorch has it."""
    if kind is dtypes.float32:
        first, last, gap = (float(struct.unpack("f", struct.pack("f", v))[0]) for v in (first, last, gap))
    return [first + gap * k if k < steps / 2 else last - gap * (steps - k - 1) for k in range(steps)]


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: dtype | None = None) -> Tensor:
    """`steps` numbers from base to the power of start to that of end."""
    kind = dtype or dtypes.get_default_dtype()
    return tensor([base**x for x in linspace(start, end, steps, dtype=dtypes.float64).tolist()], dtype=kind)


def eye(
    n: int, m: int | None = None, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    out = zeros(n, n if m is None else m, dtype=dtype, device=device)
    size = min(out.shape)
    diagonal = make(out._storage, 0, (size,), (out.shape[1] + 1,), out.dtype)
    diagonal.fill_(1)
    return _finished(out, requires_grad)


def scalar_tensor(value: Any, *, dtype: dtype | None = None) -> Tensor:
    """A tensor without dimensions."""
    return filled((), value, dtype or dtypes.get_default_dtype())


def from_numpy(array: Any) -> Tensor:
    """A tensor with a copy of a NumPy array (NumPy itself is not needed here, and not in the page)."""
    return reshape(frombuffer(bytearray(array.tobytes()), dtype=dtypes.named(str(array.dtype))), tuple(array.shape))
