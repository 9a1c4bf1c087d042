"""Functions of each element: of one tensor, of two that are broadcast, and of a choice."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from handson.pocket import dtypes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import bool_, dtype, float64, int64
from handson.pocket.kernels import BINARY, UNARY, C, flat_plan, plan
from handson.pocket.tensor import Tensor, copied, filled, make, new, new_like
from handson.pocket.tensor import contiguous as plain_contiguous

Number = bool | int | float
_PREDICATES = frozenset(BINARY[name] for name in ("eq", "ne", "lt", "le", "gt", "ge"))
_OF_FLOATS = (
    "sqrt rsqrt reciprocal exp log sin cos tanh sigmoid erf expm1 log1p gelu silu tan atan asin acos "
    "sinh cosh log2 log10"
)
_CODES_OF_FLOATS = frozenset(UNARY[name] for name in _OF_FLOATS.split())
_TESTS = frozenset(UNARY[name] for name in ("isnan", "isfinite", "isinf", "logical_not"))


# Shapes


@lru_cache(4096)
def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a result of both; RuntimeError, in PyTorch's words, where they do not fit."""
    if a == b:
        return a
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    gap = len(longer) - len(shorter)
    shape = list(longer)
    for k, length in enumerate(shorter):
        other = longer[gap + k]
        if other == 1:
            shape[gap + k] = length
        elif length not in (1, other):
            size_a, size_b = (other, length) if longer is a else (length, other)
            raise RuntimeError(
                f"The size of tensor a ({size_a}) must match the size of tensor b ({size_b}) "
                f"at non-singleton dimension {gap + k}"
            )
    return tuple(shape)


@lru_cache(4096)
def _broadcast_strides(shape: tuple[int, ...], strides: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    gap = len(to) - len(shape)
    return (0,) * gap + tuple(0 if n == 1 and m != 1 else s for n, s, m in zip(shape, strides, to[gap:], strict=True))


def strides_for(t: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides with which `t` is read as if it had this shape."""
    return t._strides if t.shape == shape else _broadcast_strides(t.shape, t._strides, shape)


def unbroadcast(gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The gradient of what was broadcast from `shape`: summed where one element stood for many."""
    if gradient.shape == shape:
        return gradient
    from handson.pocket.reductions import plain_sum

    gap = gradient.ndim - len(shape)
    over = (*range(gap), *(gap + k for k, n in enumerate(shape) if n == 1 and gradient.shape[gap + k] != 1))
    summed = plain_sum(gradient, over) if over else gradient
    return make(summed._storage, summed._offset, shape, _strides_after_sum(summed, shape), summed.dtype)


def _strides_after_sum(summed: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    from handson.pocket.tensor import contiguous_strides

    return contiguous_strides(shape) if summed.is_contiguous() else summed._strides


# The calls, not recorded


def unary(code: int, a: Tensor, out: Tensor | None = None) -> Tensor:
    """The function of UNARY with this code; whole numbers become floats where the function needs them."""
    if code in _CODES_OF_FLOATS and not a.dtype.is_floating_point:
        a = copied(a, dtypes.get_default_dtype())
    if out is None:
        out = new_like(a, bool_ if code in _TESTS else None)
    if count := out.numel():
        loops = (
            flat_plan(count, 2)
            if out.is_contiguous() and a.is_contiguous()
            else plan(out.shape, out._strides, a._strides)
        )
        C.unary(code, a.dtype.code, loops, out.data_ptr(), a.data_ptr())
    return out


def result_dtype(a: Any, b: Any) -> dtype:
    """The dtype of a result of two operands, tensors or numbers."""
    if isinstance(a, Tensor):
        if isinstance(b, Tensor):
            if a.dtype is b.dtype:
                return a.dtype
            return dtypes.of_result(((a.dtype, bool(a.shape)), (b.dtype, bool(b.shape))))
        if a.dtype.is_floating_point and type(b) in (float, int, bool):
            return a.dtype
        return dtypes.of_result(((a.dtype, bool(a.shape)),), (b,))
    return result_dtype(b, a)


def binary(code: int, a: Any, b: Any, kind: dtype | None = None, out: Tensor | None = None) -> Tensor:
    """The function of BINARY with this code, of two tensors or a tensor and a number, computed in `kind`."""
    kind = kind or result_dtype(a, b)
    if not isinstance(b, Tensor):
        return _with_number(code, a, b, kind, out, first=False)
    if not isinstance(a, Tensor):
        return _with_number(code, b, a, kind, out, first=True)
    if a.dtype is not kind:
        a = copied(a, kind)
    if b.dtype is not kind:
        b = copied(b, kind)
    result_kind = bool_ if code in _PREDICATES else kind
    if a.shape == b.shape and a.is_contiguous() and b.is_contiguous() and (out is None or out.is_contiguous()):
        out = out if out is not None else new(a.shape, result_kind)
        loops = flat_plan(out.numel(), 3)
    else:
        shape = broadcast_shape(a.shape, b.shape)
        out = out if out is not None else new(shape, result_kind)
        loops = plan(out.shape, out._strides, strides_for(a, out.shape), strides_for(b, out.shape))
    if out.numel():
        C.binary(code, kind.code, loops, out.data_ptr(), a.data_ptr(), b.data_ptr())
    return out


@lru_cache(1024)
def _number_plan(shape: tuple[int, ...], out: tuple[int, ...], array: tuple[int, ...], first: bool) -> Any:
    zero = (0,) * len(shape)
    return plan(shape, out, zero, array) if first else plan(shape, out, array, zero)


def _with_number(code: int, a: Tensor, value: Any, kind: dtype, out: Tensor | None, *, first: bool) -> Tensor:
    if a.dtype is not kind:
        a = copied(a, kind)
    if out is None:
        out = new(a.shape, bool_ if code in _PREDICATES else kind)
    if out.numel():
        loops = _number_plan(a.shape, out._strides, a._strides, first)
        if kind.is_floating_point:
            C.binary_number(code, kind.code, loops, out.data_ptr(), a.data_ptr(), _as_float(value), 0, first)
        else:
            C.binary_number(code, kind.code, loops, out.data_ptr(), a.data_ptr(), 0.0, int(value), first)
    return out


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def operand(value: Any, name: str = "other") -> Any:
    """A tensor or a number; TypeError for anything else."""
    if isinstance(value, Tensor | bool | int | float):
        return value
    if hasattr(value, "__float__") and not isinstance(value, str | bytes):
        return float(value)
    raise TypeError(f"argument '{name}' must be Tensor or Number, not {type(value).__name__}")


# One tensor

OfOne = Callable[[Tensor], Tensor]
_Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(gradient of the result, operand, result) to the gradient of the operand."""


def _grad_of(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    code = BINARY[name]
    return lambda g, y: binary(code, g, y)


_relu_grad, _tanh_grad, _sigmoid_grad = _grad_of("relu_grad"), _grad_of("tanh_grad"), _grad_of("sigmoid_grad")
_abs_grad, _gelu_grad, _silu_grad = _grad_of("abs_grad"), _grad_of("gelu_grad"), _grad_of("silu_grad")

# Which value the gradient reads: "x" the operand, "y" the result, "" neither.
_GRADIENTS: dict[str, tuple[str, _Gradient]] = {
    "neg": ("", lambda g, x, y: -g),
    "abs": ("x", lambda g, x, y: _abs_grad(g, x)),
    "square": ("x", lambda g, x, y: g * x * 2),
    "sqrt": ("y", lambda g, x, y: g / (y * 2)),
    "rsqrt": ("y", lambda g, x, y: g * (y * y * y) * -0.5),
    "reciprocal": ("y", lambda g, x, y: -(g * y * y)),
    "exp": ("y", lambda g, x, y: g * y),
    "log": ("x", lambda g, x, y: g / x),
    "sin": ("x", lambda g, x, y: g * cos(x)),
    "cos": ("x", lambda g, x, y: -(g * sin(x))),
    "tanh": ("y", lambda g, x, y: _tanh_grad(g, y)),
    "sigmoid": ("y", lambda g, x, y: _sigmoid_grad(g, y)),
    "relu": ("y", lambda g, x, y: _relu_grad(g, y)),
    "sign": ("", lambda g, x, y: g * 0),
    "floor": ("", lambda g, x, y: g * 0),
    "ceil": ("", lambda g, x, y: g * 0),
    "round": ("", lambda g, x, y: g * 0),
    "trunc": ("", lambda g, x, y: g * 0),
    "erf": ("x", lambda g, x, y: g * exp(-(x * x)) * (2 / math.sqrt(math.pi))),
    "expm1": ("y", lambda g, x, y: g * (y + 1)),
    "log1p": ("x", lambda g, x, y: g / (x + 1)),
    "gelu": ("x", lambda g, x, y: _gelu_grad(g, x)),
    "silu": ("x", lambda g, x, y: _silu_grad(g, x)),
    "tan": ("y", lambda g, x, y: g * (y * y + 1)),
    "atan": ("x", lambda g, x, y: g / (x * x + 1)),
    "asin": ("x", lambda g, x, y: g * rsqrt(1 - x * x)),
    "acos": ("x", lambda g, x, y: -(g * rsqrt(1 - x * x))),
    "sinh": ("x", lambda g, x, y: g * cosh(x)),
    "cosh": ("x", lambda g, x, y: g * sinh(x)),
    "log2": ("x", lambda g, x, y: g / (x * math.log(2))),
    "log10": ("x", lambda g, x, y: g / (x * math.log(10))),
}


def _of_one(name: str) -> Callable[[Tensor], Tensor]:
    code = UNARY[name]
    reads, gradient = _GRADIENTS.get(name, ("", None))

    def function(input: Tensor) -> Tensor:
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
        out = unary(code, input)
        if gradient is not None and recorded(input):
            # (Not `out` itself: it would hold itself by its node.)
            value: Any = (input if reads == "x" else out).detach() if reads else None
            saved = (value,) if reads else ()
            out._record(Node(f"{name.title()}Backward0", (input,), lambda g: (gradient(g, value, value),), saved))
        return out

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`torch.{name}` of each element."
    return function


neg: OfOne = _of_one("neg")
abs: OfOne = _of_one("abs")
sign: OfOne = _of_one("sign")
square: OfOne = _of_one("square")
sqrt: OfOne = _of_one("sqrt")
rsqrt: OfOne = _of_one("rsqrt")
reciprocal: OfOne = _of_one("reciprocal")
exp: OfOne = _of_one("exp")
log: OfOne = _of_one("log")
sin: OfOne = _of_one("sin")
cos: OfOne = _of_one("cos")
tan: OfOne = _of_one("tan")
tanh: OfOne = _of_one("tanh")
sigmoid: OfOne = _of_one("sigmoid")
relu: OfOne = _of_one("relu")
floor: OfOne = _of_one("floor")
ceil: OfOne = _of_one("ceil")
trunc: OfOne = _of_one("trunc")
erf: OfOne = _of_one("erf")
expm1: OfOne = _of_one("expm1")
log1p: OfOne = _of_one("log1p")
gelu_exact: OfOne = _of_one("gelu")
silu: OfOne = _of_one("silu")
atan: OfOne = _of_one("atan")
asin: OfOne = _of_one("asin")
acos: OfOne = _of_one("acos")
sinh: OfOne = _of_one("sinh")
cosh: OfOne = _of_one("cosh")
log2: OfOne = _of_one("log2")
log10: OfOne = _of_one("log10")
isnan: OfOne = _of_one("isnan")
isfinite: OfOne = _of_one("isfinite")
isinf: OfOne = _of_one("isinf")
logical_not: OfOne = _of_one("logical_not")
_round: OfOne = _of_one("round")
absolute, negative = abs, neg


def bitwise_not(input: Tensor) -> Tensor:
    """`~`: not, of bools; the bits' complement, of whole numbers."""
    if input.dtype.is_floating_point:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return unary(UNARY["bitwise_not"], input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest whole number, halves to the even one."""
    if decimals:
        return _round(input * 10.0**decimals) / 10.0**decimals
    return _round(input)


def frac(input: Tensor) -> Tensor:
    """What is left after `trunc`."""
    return input - trunc(input)


# Two tensors


def add(input: Any, other: Any, *, alpha: Number = 1) -> Tensor:
    """input + alpha · other."""
    a, b = operand(input, "input"), operand(other)
    if alpha != 1:
        b = b * alpha
    out = binary(BINARY["add"], a, b)
    ta, tb = a if isinstance(a, Tensor) else None, b if isinstance(b, Tensor) else None
    if recorded(ta, tb):
        shape_a, shape_b = _shapes(ta, tb)
        out._record(Node("AddBackward0", (ta, tb), lambda g: (unbroadcast(g, shape_a), unbroadcast(g, shape_b))))
    return out


def sub(input: Any, other: Any, *, alpha: Number = 1) -> Tensor:
    """input - alpha · other."""
    a, b = operand(input, "input"), operand(other)
    if alpha != 1:
        b = b * alpha
    ta, tb = a if isinstance(a, Tensor) else None, b if isinstance(b, Tensor) else None
    if any(x.dtype is bool_ if isinstance(x, Tensor) else isinstance(x, bool) for x in (a, b)):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a "
            "mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    out = binary(BINARY["sub"], a, b)
    if recorded(ta, tb):
        shape_a, shape_b = _shapes(ta, tb)
        needs_b = tb is not None and tb.requires_grad
        out._record(
            Node(
                "SubBackward0", (ta, tb),
                lambda g: (unbroadcast(g, shape_a), unbroadcast(-g, shape_b) if needs_b else None),
            )
        )  # fmt: skip
    return out


def _shapes(a: Tensor | None, b: Tensor | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of both; that of a number does not matter, the gradient goes nowhere."""
    if a is None:
        return b.shape if b is not None else (), b.shape if b is not None else ()
    return a.shape, b.shape if b is not None else a.shape


def _second_order(
    name: str, code: int, a: Any, b: Any, kind: dtype | None,
    grad_a: Callable[[Tensor, Any, Any], Tensor], grad_b: Callable[[Tensor, Any, Any], Tensor],
    reads_a: str = "ab", reads_b: str = "ab",
) -> Tensor:  # fmt: skip
    """A function of two whose gradients read the operands: that of a those in `reads_a`, that of b those in
    `reads_b`."""
    out = binary(code, a, b, kind)
    ta, tb = a if isinstance(a, Tensor) else None, b if isinstance(b, Tensor) else None
    if recorded(ta, tb):
        need_a, need_b = ta is not None and ta.requires_grad, tb is not None and tb.requires_grad
        va, vb = ta.detach() if ta is not None else a, tb.detach() if tb is not None else b
        shape_a, shape_b = _shapes(ta, tb)

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            return (
                unbroadcast(grad_a(g, va, vb), shape_a) if need_a else None,
                unbroadcast(grad_b(g, va, vb), shape_b) if need_b else None,
            )

        read = reads_a + reads_b if need_a and need_b else reads_a if need_a else reads_b
        saved = tuple(v for v, letter in ((va, "a"), (vb, "b")) if letter in read and isinstance(v, Tensor))
        out._record(Node(name, (ta, tb), back, saved))
    return out


def mul(input: Any, other: Any) -> Tensor:
    """input · other."""
    a, b = operand(input, "input"), operand(other)
    return _second_order(
        "MulBackward0", BINARY["mul"], a, b, None, lambda g, x, y: g * y, lambda g, x, y: g * x, "b", "a"
    )


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounding_mode "floor" or "trunc" rounds the quotient."""
    a, b = operand(input, "input"), operand(other)
    if rounding_mode == "floor":
        return floor_divide(a, b)
    if rounding_mode == "trunc":
        quotient = trunc(div(a, b))
        kind = result_dtype(a, b)
        return quotient if kind.is_floating_point else copied(quotient, kind)
    if rounding_mode is not None:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    kind = result_dtype(a, b)
    kind = kind if kind.is_floating_point else dtypes.get_default_dtype()
    return _second_order(
        "DivBackward0", BINARY["div"], a, b, kind, lambda g, x, y: g / y, lambda g, x, y: -(g * x) / (y * y), "b"
    )


def _zero_division(b: Any, kind: dtype) -> None:
    if not kind.is_floating_point:
        zero = bool((b == 0).any()) if isinstance(b, Tensor) else b == 0
        if zero:
            raise RuntimeError("ZeroDivisionError")


def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient, rounded down."""
    a, b = operand(input, "input"), operand(other)
    _zero_division(b, result_dtype(a, b))
    return binary(BINARY["floor_divide"], a, b)


def remainder(input: Any, other: Any) -> Tensor:
    """What is left of the division, with the sign of `other` (Python's %)."""
    a, b = operand(input, "input"), operand(other)
    _zero_division(b, result_dtype(a, b))
    return _second_order(
        "RemainderBackward0", BINARY["remainder"], a, b, None,
        lambda g, x, y: g, lambda g, x, y: -(g * floor_divide(x, y)), "",
    )  # fmt: skip


def fmod(input: Any, other: Any) -> Tensor:
    """What is left of the division, with the sign of `input` (C's %)."""
    a, b = operand(input, "input"), operand(other)
    _zero_division(b, result_dtype(a, b))
    return _second_order(
        "FmodBackward0", BINARY["fmod"], a, b, None, lambda g, x, y: g, lambda g, x, y: -(g * trunc(x / y)), "",
    )  # fmt: skip


def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent."""
    a, b = operand(input, "input"), operand(exponent, "exponent")
    if isinstance(a, Tensor) and not isinstance(b, Tensor):
        kind = result_dtype(a, b)
        if kind.is_floating_point:
            return _power_of_number(a if a.dtype is kind else to(a, kind), float(b))
        if b < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    return _second_order(
        "PowBackward0", BINARY["pow"], a, b, None,
        lambda g, x, y: g * y * pow(x, y - 1),
        lambda g, x, y: where(
            (x if isinstance(x, Tensor) else filled(y.shape, x, y.dtype)) == 0, g * 0, g * pow(x, y) * _log_of(x)
        ),
    )  # fmt: skip


def _log_of(x: Any) -> Any:
    return log(x) if isinstance(x, Tensor) else math.log(x) if x > 0 else math.nan


def _power_of_number(a: Tensor, exponent: float) -> Tensor:
    """The usual powers are products and roots: the C source's pow goes one by one, in double."""
    quick = {1.0: lambda x: x * 1, 2.0: square, 0.5: sqrt, -1.0: reciprocal, -0.5: rsqrt}
    if exponent in quick:
        result: Tensor = quick[exponent](a)
        if result._node is not None:
            result._node.name = "PowBackward0"
        return result
    out = binary(BINARY["mul"], unary(UNARY["square"], a), a) if exponent == 3 else binary(BINARY["pow"], a, exponent)
    if recorded(a):
        x = a.detach()
        out._record(
            Node(
                "PowBackward0", (a,),
                lambda g: ((g * _power_of_number(x, exponent - 1) * exponent) if exponent else g * 0,), (x,),
            )
        )  # fmt: skip
    return out


def atan2(input: Any, other: Any) -> Tensor:
    """The angle of the point (other, input)."""
    kind = result_dtype(input, other)
    kind = kind if kind.is_floating_point else dtypes.get_default_dtype()
    return _second_order(
        "Atan2Backward0", BINARY["atan2"], input, other, kind,
        lambda g, y, x: g * x / (x * x + y * y), lambda g, y, x: -(g * y) / (x * x + y * y),
    )  # fmt: skip


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; NaN where one is NaN."""
    return _chosen("maximum", input, other, lambda x, y: x > y)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; NaN where one is NaN."""
    return _chosen("minimum", input, other, lambda x, y: x < y)


def _chosen(name: str, a: Any, b: Any, better: Callable[[Any, Any], Tensor]) -> Tensor:
    """The gradient goes to the one chosen, half to each where both are equal."""

    def share(g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return g * (to(better(x, y), g.dtype) + to(x == y, g.dtype) * 0.5)

    return _second_order(
        f"{name.title()}Backward0",
        BINARY[name],
        a,
        b,
        None,
        lambda g, x, y: share(g, x, y),
        lambda g, x, y: share(g, y, x),
    )


def _predicate(name: str) -> Callable[[Any, Any], Tensor]:
    code = BINARY[name]

    def function(input: Any, other: Any) -> Tensor:
        a, b = operand(input, "input"), operand(other)
        if not isinstance(a, Tensor) or not isinstance(b, Tensor):
            t, value = (a, b) if isinstance(a, Tensor) else (b, a)
            kind = dtypes.of_result(((t.dtype, True),), (value,))
            if t.dtype is bool_ and kind is not bool_:
                return binary(code, a, b, kind)
            if not kind.is_floating_point and abs_number(value) >= 2 ** (8 * kind.itemsize - 1):
                return binary(code, a, b, int64 if abs_number(value) < 2**63 else float64)
            return binary(code, a, b, kind)
        return binary(code, a, b)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`torch.{name}` of each element: a tensor of bool."
    return function


def abs_number(value: Any) -> Any:
    """Python's abs, whose name is torch's here."""
    return -value if value < 0 else value


eq, ne, lt = _predicate("eq"), _predicate("ne"), _predicate("lt")
le, gt, ge = _predicate("le"), _predicate("gt"), _predicate("ge")


def _bitwise(name: str) -> Callable[[Any, Any], Tensor]:
    code = BINARY[name]

    def function(input: Any, other: Any) -> Tensor:
        a, b = operand(input, "input"), operand(other)
        kind = result_dtype(a, b)
        if kind.is_floating_point:
            raise RuntimeError(f"\"bitwise_{name}_cpu\" not implemented for '{kind.title}'")
        return binary(code, a, b)

    function.__name__ = function.__qualname__ = f"bitwise_{name}"
    function.__doc__ = f"{name} of the bits, or of bools."
    return function


bitwise_and, bitwise_or, bitwise_xor = _bitwise("and"), _bitwise("or"), _bitwise("xor")


def _logical(name: str) -> Callable[[Any, Any], Tensor]:
    code = BINARY[name]

    def function(input: Tensor, other: Tensor) -> Tensor:
        return binary(code, ne(input, 0), ne(other, 0))

    function.__name__ = function.__qualname__ = f"logical_{name}"
    function.__doc__ = f"{name} of what is not 0."
    return function


logical_and, logical_or, logical_xor = _logical("and"), _logical("or"), _logical("xor")


# Choice and limits


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, `other` elsewhere; of the condition alone, the indices where it holds."""
    if input is None and other is None:
        from handson.pocket.indexing import nonzero

        return nonzero(condition, as_tuple=True)
    if condition.dtype is not bool_:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.title}"
        )
    numbers = [v for v in (input, other) if not isinstance(v, Tensor)]
    kinds = [(v.dtype, bool(v.shape)) for v in (input, other) if isinstance(v, Tensor)]
    kind = dtypes.of_result(kinds, numbers)
    sides = [v if isinstance(v, Tensor) else filled((), v, kind) for v in (input, other)]
    values = [v if v.dtype is kind else copied(v, kind) for v in sides]
    shape = broadcast_shape(broadcast_shape(condition.shape, values[0].shape), values[1].shape)
    out = new(shape, kind)
    if out.numel():
        loops = plan(out.shape, out._strides, *(strides_for(t, out.shape) for t in (condition, *values)))
        C.where(kind.itemsize, loops, out.data_ptr(), *(t.data_ptr() for t in (condition, *values)))
    if recorded(*sides):
        mask = condition.detach()
        shapes = [v.shape for v in sides]
        out._record(
            Node(
                "WhereBackward0", sides,
                lambda g: (unbroadcast(where(mask, g, 0.0), shapes[0]), unbroadcast(where(mask, 0.0, g), shapes[1])),
                (mask,),
            )
        )  # fmt: skip
    return out


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Not below `min`, not above `max`."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if (
        isinstance(min, Tensor)
        or isinstance(max, Tensor)
        or not result_dtype(input, min if min is not None else max).is_floating_point
    ):
        out = input
        for limit, pick in ((min, maximum), (max, minimum)):
            if limit is not None:
                kind = result_dtype(out, limit)
                out = pick(out, limit if isinstance(limit, Tensor) else filled((), limit, kind))
        return out
    low, high = -math.inf if min is None else float(min), math.inf if max is None else float(max)
    source = plain_contiguous(input if input.dtype.is_floating_point else copied(input, dtypes.get_default_dtype()))
    out = new_like(source)
    if out.numel():
        C.clamp(out.dtype.code, out.numel(), out.data_ptr(), source.data_ptr(), low, high)
    if recorded(input):
        x = input.detach()
        out._record(
            Node("ClampBackward1", (input,), lambda g: (g * to(bitwise_and(x >= low, x <= high), g.dtype),), (x,))
        )
    return out


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Not below `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Not above `max`."""
    return clamp(input, max=max)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the mask is true."""
    filler = to(value, input.dtype) if isinstance(value, Tensor) else filled((), value, input.dtype)
    return where(mask, filler, input)  # type: ignore[no-any-return]


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Numbers in place of NaN and the infinities; the largest finite ones unless given."""
    if not input.dtype.is_floating_point:
        return input.clone()  # type: ignore[no-any-return]
    largest = dtypes.finfo(input.dtype).max
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    x = input.detach()
    for found, replaced in ((isnan(x), nan), (eq(x, math.inf), high), (eq(x, -math.inf), low)):
        input = masked_fill(input, found, replaced)
    return input


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight · (end - input)."""
    result: Tensor = input + weight * (end - input)
    return result


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), after a clamp to [eps, 1 - eps]."""
    x = input if eps is None else clamp(input, eps, 1 - eps)
    return log(x / (1 - x))


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """The length of the hypotenuse."""
    return sqrt(input * input + other * other)


# Conversion


def to(input: Tensor, kind: dtype, *, copy: bool = False) -> Tensor:
    """The tensor in another dtype, recorded; itself if it has it already."""
    if input.dtype is kind and not copy:
        return input
    out = copied(input, kind)
    if kind.is_floating_point and recorded(input):
        before = input.dtype
        out._record(Node("ToCopyBackward0", (input,), lambda g: (to(g, before),)))
    return out


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:  # noqa: ARG001
    """A copy, recorded."""
    out = copied(input)
    if recorded(input):
        out._record(Node("CloneBackward0", (input,), lambda g: (g,)))
    return out


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:  # noqa: ARG001
    """The tensor itself if row-major, or a copy, recorded."""
    return input if input.is_contiguous() else clone(input)
