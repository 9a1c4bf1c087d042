"""Changes in place, recorded as far as a gradient can be: arithmetic, copying and filling, and any function's result
written into its tensor."""

from __future__ import annotations

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
from handson.pocket.tensor import Tensor, convert_into, copied, fill


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
    if self._view_of_recorded:
        raise RuntimeError(
            "handson.pocket cannot record a change in place of a view of a tensor that requires grad. Change the "
            "tensor "
            "itself (x[index] = value), or compute a new one."
        )


def _arithmetic_in_place(name: str, code: int) -> Callable[..., Tensor]:
    plain: Callable[..., Tensor] = {"add": add, "sub": sub, "mul": mul, "div": div}[name]

    def function(self: Tensor, other: Any, *, alpha: Number = 1) -> Tensor:
        other = operand(other)
        other_tensor = other if isinstance(other, Tensor) else None
        if recorded(self, other_tensor):
            allow_in_place(self, other_tensor)
            before = _as_it_was(self)
            return _in_place(self, plain(before, other, alpha=alpha) if alpha != 1 else plain(before, other))
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
        return _in_place(self, function(_as_it_was(self) if recorded(self) else self, *args, **named))

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"`{function.__name__}` in place."
    return method


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:  # noqa: ARG001
    """Take over the values of another tensor, converted and broadcast."""
    source = as_tensor(src)
    allow_in_place(self, source)
    spread = expand(source, self.shape) if source.shape != self.shape else source
    if spread._storage is self._storage:
        spread = copied(spread)
    convert_into(self, spread)
    self._storage.version += 1
    if recorded(self, source):
        result = to(spread, self.dtype)
        if result.requires_grad:
            self._record(result._node if result._node is not None else clone(result)._node)  # type: ignore[arg-type]
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
    """Write one number into all of the tensor."""
    allow_in_place(self)
    fill(self, value.item() if isinstance(value, Tensor) else value)
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
