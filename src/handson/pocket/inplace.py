"""Changes in place, recorded as far as a gradient can be: arithmetic, copying and filling, and any function's result
written into its tensor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from handson.pocket import dtypes
from handson.pocket.autograd import Node, recorded
from handson.pocket.creation import as_tensor
from handson.pocket.dtypes import bool_, dtype, float32
from handson.pocket.elementwise import (
    Number,
    add,
    binary,
    broadcast_shape,
    clone,
    div,
    lerp,
    mul,
    operand,
    result_dtype,
    strides_for,
    sub,
    to,
)
from handson.pocket.kernels import BINARY, C, plan
from handson.pocket.shapes import expand
from handson.pocket.tensor import Tensor, convert_into, copied, fill, new


def _in_place(self: Tensor, result: Tensor) -> Tensor:
    """Let `self` hold what was computed from it, recorded as that was."""
    allow_in_place(self, result)
    if result.shape != self.shape:
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    cast_allowed(result.dtype, self.dtype)
    convert_into(self, result)
    self._storage.version += 1
    if result.requires_grad:
        self._record(result._node)  # type: ignore[arg-type]
    return self


def _as_it_was(self: Tensor) -> Tensor:
    """A copy with the same record: what a gradient reads after the tensor itself has changed."""
    before = copied(self)
    before._node, before.requires_grad = self._node, self.requires_grad
    return before


def cast_allowed(kind: dtype, into: dtype) -> None:
    """RuntimeError where a result cannot be kept in a tensor of that dtype."""
    rank = [0 if k is bool_ else 2 if k.is_floating_point else 1 for k in (kind, into)]
    if rank[0] > rank[1]:
        raise RuntimeError(f"result type {kind.title} can't be cast to the desired output type {into.title}")


def allow_in_place(self: Tensor, *others: Tensor | None) -> None:
    """RuntimeError where a change in place could not be recorded rightly."""
    if not recorded(self, *others):
        return
    if self.requires_grad and self._node is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if self._is_view and sys.getrefcount(self._storage) > _HELD_ALONE:
        raise RuntimeError(
            "handson.pocket cannot record a change in place of a view of another tensor, which would not get the "
            "gradient. Change that tensor itself, by one index: x[k] = x[k] + value in place of x[k].add_(value) or "
            "x[k] += value, and x[i, j] = value in place of x[i][j] = value. Or compute a new tensor."
        )


_lone = new((1,), float32)
_HELD_ALONE = sys.getrefcount(_lone._storage)
"""References that are counted to the memory of a tensor that shares it with no other."""


def refuse_expanded(self: Tensor) -> None:
    """RuntimeError where one place in memory is several elements of the tensor to be written."""
    if 0 not in self._strides or not self.numel():
        return
    if any(step == 0 and length > 1 for length, step in zip(self.shape, self._strides, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )


def apart(self: Tensor, other: Tensor, *, same_too: bool = False) -> Tensor:
    """`other`, to be read while `self` is written element by element: a copy, not recorded, where the two may overlap.

    RuntimeError, as PyTorch's, where both lie without gaps and overlap, unless each element is over itself; with
    `same_too` also then."""
    if other._storage is not self._storage or (other is self and not same_too):
        return other
    ours, theirs = _extent(self), _extent(other)
    if ours[0] >= theirs[1] or theirs[0] >= ours[1]:
        return other
    if not same_too and ours == theirs and _steps(self) == _steps(other):
        return other
    if ours[1] - ours[0] == self.numel() and theirs[1] - theirs[0] == other.numel():
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
            "memory location. Please clone() the tensor before performing the operation."
        )
    return copied(other)


def _extent(t: Tensor) -> tuple[int, int]:
    """The first of the memory's elements that it may reach, and the one after the last."""
    if not t.numel():
        return t._offset, t._offset
    return t._offset, t._offset + 1 + sum((n - 1) * step for n, step in zip(t.shape, t._strides, strict=True))


def _steps(t: Tensor) -> list[tuple[int, int]]:
    """Lengths and strides, without the lengths of 1."""
    return [(n, step) for n, step in zip(t.shape, t._strides, strict=True) if n != 1]


def _arithmetic_in_place(name: str, code: int) -> Callable[..., Tensor]:
    plain: Callable[..., Tensor] = {"add": add, "sub": sub, "mul": mul, "div": div}[name]

    def function(self: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
        other = operand(other)
        other_tensor = other if isinstance(other, Tensor) else None
        refuse_expanded(self)
        read = other if other_tensor is None else apart(self, other_tensor)
        if recorded(self, other_tensor):
            allow_in_place(self, other_tensor)
            before = _as_it_was(self)
            return _in_place(self, plain(before, other, alpha=alpha) if alpha != 1 else plain(before, other))
        other = read
        other_tensor = other if isinstance(other, Tensor) else None
        kind = result_dtype(self, other)
        if name == "div" and not kind.is_floating_point:
            kind = dtypes.get_default_dtype()
        cast_allowed(kind, self.dtype)
        if other_tensor is not None and broadcast_shape(self.shape, other_tensor.shape) != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(broadcast_shape(self.shape, other_tensor.shape))}"
            )
        if name in ("add", "sub") and other_tensor is not None and self.dtype is other.dtype is float32 and alpha != 1:
            if self.numel():
                loops = plan(self.shape, self._strides, strides_for(other, self.shape))
                C.add_scaled_f32(loops, self.data_ptr(), other.data_ptr(), alpha if name == "add" else -alpha)
        else:
            if alpha != 1:
                other = other * alpha
            if kind is self.dtype:
                binary(code, self, other, self.dtype, self)
            else:
                convert_into(self, binary(code, self, other, kind))
        self._storage.version += 1
        return self

    function.__name__ = function.__qualname__ = f"{name}_"
    function.__doc__ = f"`{name}` in place."
    return function


add_, sub_ = _arithmetic_in_place("add", BINARY["add"]), _arithmetic_in_place("sub", BINARY["sub"])
mul_, div_ = _arithmetic_in_place("mul", BINARY["mul"]), _arithmetic_in_place("div", BINARY["div"])


def in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same function, its result written into the tensor."""

    def method(self: Tensor, *args: Any, **named: Any) -> Tensor:
        allow_in_place(self)
        refuse_expanded(self)
        for given in (*args, *named.values()):
            if isinstance(given, Tensor):
                apart(self, given)
        return _in_place(self, function(_as_it_was(self) if recorded(self) else self, *args, **named))

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"`{function.__name__}` in place."
    return method


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:  # noqa: ARG001
    """Take over the values of another tensor, converted and broadcast."""
    source = as_tensor(src)
    allow_in_place(self, source)
    refuse_expanded(self)
    read = apart(self, source)
    spread = expand(source, self.shape) if source.shape != self.shape else source
    result = spread
    if recorded(self, source):
        result = to(spread, self.dtype)
        if result._storage is self._storage or (result.requires_grad and result._node is None):
            result = clone(result)
        read = result
    convert_into(self, expand(read, self.shape) if read.shape != self.shape else read)
    self._storage.version += 1
    if recorded(self, result):
        if result.requires_grad:
            self._record(result._node)  # type: ignore[arg-type]
        else:
            overwritten(self)
    return self


def overwritten(self: Tensor) -> None:
    """Record that nothing of what it was is left: the gradient of that is 0."""
    before = self._node
    node = Node("CopyBackwards", (None,), lambda g: (g * 0,))
    node.edges = (before,)
    self._record(node)


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one number, or a tensor without dimensions, into all of the tensor."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )
        if recorded(value):
            return copy_(self, clone(value))
        value = value.item()
    allow_in_place(self)
    fill(self, value)
    self._storage.version += 1
    if recorded(self):
        overwritten(self)
    return self


def zero_(self: Tensor) -> Tensor:
    """Write zeros into all of the tensor."""
    return fill_(self, 0)


def lerp_(self: Tensor, end: Tensor, weight: Any) -> Tensor:
    """`lerp` in place."""
    return in_place(lerp)(self, end, weight)


def addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Add value · tensor1 · tensor2 in place."""
    return add_(self, tensor1 * tensor2, alpha=value)


def addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Add value · tensor1 / tensor2 in place."""
    return add_(self, tensor1 / tensor2, alpha=value)
