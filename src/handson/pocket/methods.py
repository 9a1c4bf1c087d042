"""Tensor's methods and operators: the functions of this package, with the tensor as their first argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handson.pocket import (
    creation,
    dtypes,
    elementwise,
    gathering,
    indexing,
    inplace,
    linear,
    random,
    reductions,
    shapes,
)
from handson.pocket.dtypes import dtype
from handson.pocket.tensor import Tensor, device, memory_format

_METHODS: dict[Any, str] = {
    elementwise: (
        "neg abs sign square sqrt rsqrt reciprocal exp log sin cos tan tanh sigmoid relu floor ceil trunc erf "
        "expm1 log1p atan asin acos sinh cosh log2 log10 isnan isfinite isinf logical_not absolute negative "
        "bitwise_not round frac add sub mul div floor_divide remainder fmod pow atan2 maximum minimum eq ne lt le "
        "gt ge bitwise_and bitwise_or bitwise_xor logical_and logical_or logical_xor clamp clamp_min clamp_max "
        "nan_to_num lerp logit hypot clone contiguous masked_fill"
    ),
    inplace: "add_ sub_ mul_ div_ copy_ fill_ zero_ lerp_ addcmul_ addcdiv_",
    shapes: (
        "view reshape view_as reshape_as flatten unflatten squeeze unsqueeze permute transpose t movedim expand "
        "expand_as broadcast_to narrow select diagonal diag tril triu split chunk unbind repeat tile "
        "repeat_interleave flip roll"
    ),
    reductions: (
        "sum mean nansum prod var std amax amin max min argmax argmin aminmax any all count_nonzero norm "
        "logsumexp cumsum cumprod diff argsort sort topk kthvalue median quantile unique bincount histc"
    ),
    indexing: "nonzero argwhere masked_select index_select take index_fill_ masked_scatter",
    gathering: "gather take_along_dim scatter_ scatter_add_ scatter scatter_add index_add_ index_add",
    linear: "matmul mm bmm mv dot outer addmm baddbmm trace cdist",
    random: "uniform_ normal_ bernoulli_ random_ bernoulli multinomial",
}  # fmt: skip
_IN_PLACE = (
    "neg abs square sqrt rsqrt reciprocal exp log sin cos tanh sigmoid relu floor ceil round trunc pow clamp "
    "clamp_min clamp_max masked_fill remainder fmod floor_divide erf log1p expm1 tril triu nan_to_num logit"
)


def _reflected(function: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    def method(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return method


def _operator(function: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor | bool | int | float) and not hasattr(other, "__float__"):
            return NotImplemented
        return function(self, other)

    return method


def _equality(function: Callable[..., Tensor], otherwise: bool) -> Callable[[Tensor, Any], Any]:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor | bool | int | float):
            return otherwise
        return function(self, other)

    return method


def to(
    self: Tensor, *args: Any, copy: bool = False, memory_format: Any = None, non_blocking: bool = False, **named: Any
) -> Tensor:
    """In another dtype: to(dtype), to(other) or to(device, dtype). The device is always the CPU, the order in memory
    always the usual one."""
    del memory_format, non_blocking
    kind: dtype = self.dtype
    for value in (*args, *named.values()):
        if isinstance(value, dtype):
            kind = value
        elif isinstance(value, Tensor):
            kind = value.dtype
        elif isinstance(value, str | device):
            device(value)
    return elementwise.to(self, kind, copy=copy)


def _converted(kind: dtype) -> Callable[..., Tensor]:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:  # noqa: ARG001
        return elementwise.to(self, kind)

    return method


def _type(self: Tensor, kind: dtype | str | None = None) -> Any:
    if kind is None:
        return f"torch.{self.dtype.title}Tensor"
    return elementwise.to(self, kind if isinstance(kind, dtype) else dtypes.named(kind))


def _new(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, **named: Any) -> Tensor:
        named.setdefault("dtype", self.dtype)
        return function(*args, **named)

    return method


def _apply_(self: Tensor, function: Callable[[Any], Any]) -> Tensor:
    return inplace.copy_(
        self, creation.tensor([function(v) for v in self.numbers()], dtype=self.dtype).view(self.shape)
    )


def _softmax(name: str) -> Callable[..., Tensor]:
    def method(self: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
        from handson.pocket.nn import functional

        return getattr(functional, name)(self, dim, dtype=dtype)  # type: ignore[no-any-return]

    return method


def _item_in_place(name: str) -> Callable[..., Tensor]:
    function = getattr(elementwise, name, None) or getattr(shapes, name)
    return inplace.in_place(function)


def _set_(self: Tensor, other: Tensor) -> Tensor:
    """Take over another tensor's memory, shape and dtype."""
    self.data = other
    return self


def _squeeze_(self: Tensor, dim: int | None = None) -> Tensor:
    self.data = shapes.squeeze(self.detach(), dim)
    return self


def _unsqueeze_(self: Tensor, dim: int) -> Tensor:
    self.data = shapes.unsqueeze(self.detach(), dim)
    return self


def _index_put_(self: Tensor, indices: Any, values: Tensor) -> Tensor:
    """x[indices] = values."""
    indexing.setitem(self, tuple(indices), values)
    return self


def attach() -> None:
    """Give Tensor its methods."""
    for module, names in _METHODS.items():
        for name in names.split():
            setattr(Tensor, name, getattr(module, name))
    for name in _IN_PLACE.split():
        setattr(Tensor, f"{name}_", _item_in_place(name))
    for sign, function in {
        "add": elementwise.add, "sub": elementwise.sub, "mul": elementwise.mul, "truediv": elementwise.div,
        "floordiv": elementwise.floor_divide, "mod": elementwise.remainder, "pow": elementwise.pow,
        "and": elementwise.bitwise_and, "or": elementwise.bitwise_or, "xor": elementwise.bitwise_xor,
    }.items():  # fmt: skip
        setattr(Tensor, f"__{sign}__", _operator(function))
        setattr(Tensor, f"__r{sign}__", _reflected(function))
    for sign in ("lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{sign}__", _operator(getattr(elementwise, sign)))
    for name, value in {
        "__eq__": _equality(elementwise.eq, False), "__ne__": _equality(elementwise.ne, True),
        "__matmul__": linear.matmul, "__rmatmul__": _reflected(linear.matmul),
        "__neg__": elementwise.neg, "__pos__": lambda self: self, "__abs__": elementwise.abs,
        "__invert__": elementwise.bitwise_not, "__getitem__": indexing.getitem, "__setitem__": indexing.setitem,
        "__iadd__": inplace.add_, "__isub__": inplace.sub_, "__imul__": inplace.mul_,
        "__itruediv__": inplace.div_, "__ipow__": inplace.in_place(elementwise.pow),
        "__iand__": inplace.in_place(elementwise.bitwise_and),
        "__ior__": inplace.in_place(elementwise.bitwise_or),
        "__imod__": inplace.in_place(elementwise.remainder),
        "T": property(shapes.turned), "mT": property(shapes.matrices_turned),
        "H": property(shapes.turned),
        "to": to, "type": _type, "type_as": lambda self, other: elementwise.to(self, other.dtype),
                "apply_": _apply_, "cpu": lambda self: self, "swapaxes": shapes.transpose,
        "subtract": elementwise.sub,
        "multiply": elementwise.mul, "divide": elementwise.div, "true_divide": elementwise.div,
        "clip": elementwise.clamp,
        "clip_": inplace.in_place(elementwise.clamp), "softmax": _softmax("softmax"),
        "log_softmax": _softmax("log_softmax"), "greater": elementwise.gt, "less": elementwise.lt,
        "where": lambda self, condition, other: elementwise.where(condition, self, other),
        "equal": equal, "allclose": allclose, "isclose": isclose, "set_": _set_,
        "squeeze_": _squeeze_, "unsqueeze_": _unsqueeze_, "is_same_size": lambda self, other: self.shape == other.shape,
        "new_zeros": _new(creation.zeros), "new_ones": _new(creation.ones), "new_empty": _new(creation.empty),
        "new_full": _new(creation.full), "new_tensor": _new(creation.tensor), "inverse": linear.inv,
        "float": _converted(dtypes.float32), "double": _converted(dtypes.float64), "long": _converted(dtypes.int64),
        "int": _converted(dtypes.int32), "bool": _converted(dtypes.bool_), "byte": _converted(dtypes.uint8),
        "index_put_": _index_put_,
        "masked_fill_": inplace.in_place(elementwise.masked_fill),
        "detach_copy": lambda self: self.detach().clone(),
    }.items():  # fmt: skip
        setattr(Tensor, name, value)


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return input.shape == other.shape and bool(reductions.all(elementwise.eq(input, other)))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| ≤ atol + rtol · |other|, for each element."""
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{input.dtype.title} did not match {other.dtype.title}")
    a, b = input.detach(), other.detach()
    if not a.dtype.is_floating_point:
        a, b = elementwise.to(a, dtypes.float64), elementwise.to(b, dtypes.float64)
    near = elementwise.bitwise_or(
        elementwise.eq(a, b),
        elementwise.bitwise_and(
            elementwise.isfinite(b), elementwise.le(elementwise.abs(a - b), elementwise.abs(b) * rtol + atol)
        ),
    )
    if equal_nan:
        near = elementwise.bitwise_or(near, elementwise.bitwise_and(elementwise.isnan(a), elementwise.isnan(b)))
    return near


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(reductions.all(isclose(input, other, rtol, atol, equal_nan)))


preserve_format, contiguous_format, channels_last = (
    memory_format(name) for name in ("preserve_format", "contiguous_format", "channels_last")
)
