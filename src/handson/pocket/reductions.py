"""Many elements into one: sums, means, extremes; running sums; order."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from handson.pocket import dtypes, elementwise
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import bool_, dtype, float64, int32, int64, uint8
from handson.pocket.elementwise import exp, isinf, isnan, log, ne, sqrt, to, where
from handson.pocket.gathering import along, gather
from handson.pocket.kernels import REDUCE, C, reduction_plan
from handson.pocket.shapes import expand, flatten, narrow, reshape, squeeze, transpose, unsqueeze
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, contiguous, convert_into, copied, fill, filled, new, wrapped

Dims = int | Sequence[int] | None


class Extremes(NamedTuple):
    """What `max` and its like give along a dimension."""

    values: Tensor
    indices: Tensor


def _axes(dim: Dims, dimensions: int) -> tuple[int, ...]:
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(dimensions))
    axes = tuple(wrapped(k, dimensions) for k in ((dim,) if isinstance(dim, int) else dim))
    if len(set(axes)) != len(axes):
        repeated = next(k for k in axes if axes.count(k) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return axes if dimensions else ()


def _reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    if keepdim:
        return tuple(1 if k in axes else n for k, n in enumerate(shape))
    return tuple(n for k, n in enumerate(shape) if k not in axes)


def _reduce(name: str, t: Tensor, axes: tuple[int, ...], out: Tensor | None, positions: Tensor | None = None) -> None:
    if t.dtype in (int32, uint8, bool_) and name not in ("any", "all"):  # C knows the larger types
        wide = None if out is None else new(out.shape, int64)
        _reduce(name, copied(t, int64), axes, wide, positions)
        if out is not None and wide is not None:
            convert_into(out, wide)
        return
    loops = reduction_plan(tuple(t.shape), t._strides, axes)
    C.reduce(
        REDUCE[name], t.dtype.code, loops, None if out is None else out.data_ptr(),
        None if positions is None else positions.data_ptr(), t.data_ptr(),
    )  # fmt: skip


def plain_sum(t: Tensor, axes: tuple[int, ...], *, keepdim: bool = False) -> Tensor:
    """The sum over these dimensions; not recorded."""
    if not t.dtype.is_floating_point and t.dtype is not int64:
        t = copied(t, int64)
    out = new(_reduced_shape(t.shape, axes, keepdim), t.dtype)
    _reduce("sum", t, axes, out)
    return out


def spread_back(g: Tensor, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """What was reduced, at all the places it came from (a view)."""
    if not keepdim:
        g = reshape(g, _reduced_shape(shape, axes, True))
    return expand(g, shape)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum of all elements, or over dimensions."""
    source = input if dtype is None else to(input, dtype)
    axes = _axes(dim, source.ndim)
    out = plain_sum(source, axes, keepdim=keepdim)
    if recorded(source):
        shape = source.shape
        name = "SumBackward0" if dim is None else "SumBackward1"
        out._record(Node(name, (source,), lambda g: (spread_back(g, shape, axes, keepdim),)))
    return out


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean of all elements, or over dimensions."""
    if not (dtype or input.dtype).is_floating_point:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{input.dtype.title}"
        )
    source = input if dtype is None else to(input, dtype)
    axes = _axes(dim, source.ndim)
    count = math.prod(source.shape[k] for k in axes)
    total = plain_sum(source, axes, keepdim=keepdim)
    out = total / count if count else total * math.nan
    if recorded(source):
        shape = source.shape
        name = "MeanBackward0" if dim is None else "MeanBackward1"
        # (Where nothing is summed there is no gradient to be divided.)
        out._record(Node(name, (source,), lambda g: (spread_back(g / (count or 1), shape, axes, keepdim),)))
    return out


def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The sum, NaN counted as 0."""
    if not input.dtype.is_floating_point:
        return sum(input, dim, keepdim)
    return sum(where(input == input, input, 0.0), dim, keepdim)


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The product of all elements, or along a dimension."""
    source = input if dtype is None else to(input, dtype)
    if not source.dtype.is_floating_point and source.dtype is not int64:
        source = copied(source, int64)
    axes = _axes(dim, source.ndim)
    out = new(_reduced_shape(source.shape, axes, keepdim), source.dtype)
    _reduce("prod", source, axes, out)
    if recorded(source):
        x, y = source.detach(), out.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            if bool((x == 0).any()):
                return (_products_of_others(x, axes) * spread_back(g, x.shape, axes, keepdim),)
            return (spread_back(g * y, x.shape, axes, keepdim) / x,)

        out._record(Node("ProdBackward1", (source,), back, (x, y)))
    return out


def _products_of_others(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """For each element, the product of the others it is reduced with."""
    if len(axes) == x.ndim:
        flat = reshape(x, 1, -1)
        return reshape(_products_of_others(flat, (1,)) if x.ndim != 2 or axes != (1,) else flat, x.shape)
    (axis,) = axes
    n = x.shape[axis]
    from handson.pocket.shapes import cat

    rows = [
        prod(cat([narrow(x, axis, 0, k), narrow(x, axis, k + 1, n - k - 1)], axis), axis, keepdim=True)
        for k in range(n)
    ]
    return cat(rows, axis)


def _spread(
    name: str, input: Tensor, dim: Dims, unbiased: bool, keepdim: bool, correction: int | None
) -> tuple[Tensor, Tensor]:
    """The variance ("var") or its root ("std"), recorded, and the mean."""
    if isinstance(dim, bool):  # PyTorch's other signature: var(unbiased)
        unbiased, dim = dim, None
    axes = _axes(dim, input.ndim)
    count = math.prod(input.shape[k] for k in axes)
    left = builtins.max(0, count - (int(unbiased) if correction is None else correction))
    average = mean(input, axes if input.ndim else None, True)
    apart = input.detach() - average.detach()
    total = plain_sum(apart * apart, axes, keepdim=keepdim)
    out = total / left if left else total * math.nan if count < 2 else total / 0
    if name == "std":
        out = sqrt(out)
    if recorded(input):
        y = out.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            scale = g * (2 / left if left else math.nan)
            if name == "std":
                scale = where(y == 0, 0.0, scale / (2 * y))
            return (apart * spread_back(scale, apart.shape, axes, keepdim),)

        out._record(Node(f"{name.title()}Backward0", (input,), back, (y,) if name == "std" else ()))
    return out, average if keepdim else reshape(average, _reduced_shape(input.shape, axes, False))


def var(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> Tensor:
    """The variance; by n - 1 (`correction`) unless said otherwise."""
    return _spread("var", input, dim, unbiased, keepdim, correction)[0]


def std(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> Tensor:
    """The standard deviation; see `var`."""
    return _spread("std", input, dim, unbiased, keepdim, correction)[0]


def std_mean(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> tuple[Tensor, Tensor]:
    """Both `std` and `mean`."""
    return _spread("std", input, dim, unbiased, keepdim, correction)


def var_mean(
    input: Tensor, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> tuple[Tensor, Tensor]:
    """Both `var` and `mean`."""
    return _spread("var", input, dim, unbiased, keepdim, correction)


# Extremes


def _no_values(name: str, t: Tensor, axes: tuple[int, ...], dim: Dims) -> None:
    if 0 in (t.shape[k] for k in axes):
        if dim is None or dim == ():
            kind = IndexError if name.startswith("arg") else RuntimeError
            raise kind(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {axes[0]} to have non-zero size.")


def _extreme_along(name: str, t: Tensor, dim: int, keepdim: bool) -> Extremes:
    axes = _axes(dim, t.ndim)
    _no_values(name, t, axes, dim)
    shape = _reduced_shape(t.shape, axes, keepdim)
    values, indices = new(shape, t.dtype), new(shape, int64)
    _reduce(name, t, axes, values, indices)
    if recorded(t):
        at = wrapped(dim, t.ndim)
        before = t.shape
        places = indices.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            whole = new(before, g.dtype)
            fill(whole, 0)
            if not before:
                return (g,)
            index, values_in = (places, g) if keepdim else (unsqueeze(places, at), unsqueeze(g, at))
            along("set", whole, at, index, values_in)
            return (whole,)

        values._record(Node(f"{name.title()}Backward0", (t,), back, (places,)))
    return Extremes(values, indices)


def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The largest element, over dimensions; equal ones share the gradient."""
    return _shared_extreme("max", input, dim, keepdim)


def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """The smallest element, over dimensions; equal ones share the gradient."""
    return _shared_extreme("min", input, dim, keepdim)


def _shared_extreme(name: str, t: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    axes = _axes(dim, t.ndim)
    _no_values(f"a{name}", t, axes, dim)
    out = new(_reduced_shape(t.shape, axes, keepdim), t.dtype)
    _reduce(name, t, axes, out)
    return _shared(f"A{name}Backward0", t, out, axes, keepdim)


def _shared(name: str, t: Tensor, out: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """Record that `out` are elements of `t`: equal ones share the gradient."""
    if recorded(t):
        x, y = t.detach(), out.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            chosen = to(x == spread_back(y, x.shape, axes, keepdim), g.dtype)
            shares = chosen / plain_sum(chosen, axes, keepdim=True)
            return (shares * spread_back(g, x.shape, axes, keepdim),)

        out._record(Node(name, (t,), back, (x, y)))
    return out


def _max_or_min(name: str) -> Callable[..., Any]:
    def function(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return getattr(elementwise, f"{name}imum")(input, dim if other is None else other)
        if dim is None:
            return _shared_extreme(name, input, None, False)
        return _extreme_along(name, input, dim, keepdim)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The {name}imum: of all, along a dimension with its index, or of two tensors element by element."
    )
    return function


max, min = _max_or_min("max"), _max_or_min("min")


def _arg(name: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        if input.dtype is bool_:
            raise RuntimeError(f"arg{name}(): does not support bool input")
        axes = _axes(dim, input.ndim)
        _no_values(f"arg{name}", input, axes, dim)
        out = new(_reduced_shape(input.shape, axes, keepdim), int64)
        _reduce(name, input, axes, None, out)
        return out

    function.__name__ = function.__qualname__ = f"arg{name}"
    function.__doc__ = (
        f"The index of the {name}imum, the first of equals: in the flattened tensor, or along a dimension."
    )
    return function


argmax, argmin = _arg("max"), _arg("min")


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Both `amin` and `amax`."""
    over = () if dim is None else dim
    if not input.numel() and dim is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    return amin(input, over, keepdim), amax(input, over, keepdim)


def _truth(name: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
        source = input if input.dtype is bool_ else ne(input, 0)
        axes = _axes(dim, source.ndim)
        out = new(_reduced_shape(source.shape, axes, keepdim), bool_)
        _reduce(name, source, axes, out)
        return copied(out, uint8) if input.dtype is uint8 else out

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether {name} of the elements {'are' if name == 'all' else 'is'} not 0."
    return function


any, all = _truth("any"), _truth("all")


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0."""
    return sum(ne(input, 0), dim)


# Norms and the like


def norm(input: Tensor, p: Any = "fro", dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The norm of the elements: 2 (or "fro") unless another power is given; `math.inf` the largest."""
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.title}"
        )
    if p in ("fro", 2, 2.0, None):
        total = sum(input * input, dim, keepdim)
        if not recorded(input):
            return sqrt(total)
        root = sqrt(total.detach())
        x, y, axes = input.detach(), root.detach(), _axes(dim, input.ndim)

        def back(g: Tensor) -> tuple[Tensor]:
            scale = where(y == 0, 0.0, g / y)
            return (x * spread_back(scale, x.shape, axes, keepdim),)

        root._record(Node("LinalgVectorNormBackward0", (input,), back, (x, y)))
        return root
    size = elementwise.abs(input)
    if p in (math.inf, -math.inf) and 0 in [input.shape[k] for k in _axes(dim, input.ndim)]:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation does not have an "
            "identity"
        )
    if p == math.inf:
        return amax(size, () if dim is None else dim, keepdim)
    if p == -math.inf:
        return amin(size, () if dim is None else dim, keepdim)
    if p == 0:
        return to(sum(ne(input, 0), dim, keepdim), input.dtype)
    if p == 1:
        return sum(size, dim, keepdim)
    result: Tensor = sum(size**p, dim, keepdim) ** (1 / p)
    return result


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log of the sum of exp, without overflow."""
    axes = _axes(dim, input.ndim)
    if not input.dtype.is_floating_point:
        input = to(input, dtypes.get_default_dtype())
    if 0 in [input.shape[k] for k in axes]:
        return log(sum(input, axes, keepdim))
    top = amax(input.detach(), axes, True)
    top = where(isinf(top), 0.0, top)
    out = log(sum(exp(input - top), axes, True)) + top
    return out if keepdim else reshape(out, _reduced_shape(input.shape, axes, False))


# Running sums and order


def _cumulate(t: Tensor, dim: int, product: bool) -> Tensor:
    at = wrapped(dim, t.ndim)
    kind = t.dtype if t.dtype.is_floating_point else int64
    exact = float64 if kind.is_floating_point else int64
    source = contiguous(t if t.dtype is exact else copied(t, exact))
    out = new(source.shape, exact)
    if out.numel():
        shape = source.shape or (1,)
        C.cumulate(
            int(product), source.dtype.code, math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :]),
            out.data_ptr(),
            source.data_ptr(),
        )  # fmt: skip
    return out if kind is exact else copied(out, kind)


def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """Running sums along a dimension."""
    source = input if dtype is None else to(input, dtype)
    out = _cumulate(source, dim, False)
    if recorded(source):
        from handson.pocket.shapes import flip

        out._record(Node("CumsumBackward0", (source,), lambda g: (flip(_cumulate(flip(g, dim), dim, False), dim),)))
    return out


def cumprod(input: Tensor, dim: int) -> Tensor:
    """Running products along a dimension."""
    out = _cumulate(input, dim, True)
    if recorded(input):
        from handson.pocket.shapes import flip

        x, y = input.detach(), out.detach()

        def summed(g: Tensor) -> Tensor:
            """The sums from each place to the end."""
            return flip(_cumulate(flip(g, dim), dim, False), dim) if g.ndim else g

        def back(g: Tensor) -> tuple[Tensor]:
            if not bool((x == 0).any()):
                return (summed(g * y) / x,)
            at = wrapped(dim, x.ndim)
            parts = []
            for k in range(x.shape[at] if x.ndim else 1):  # without the k-th factor
                others = x.clone()
                place = (*(slice(None),) * at, slice(k, k + 1)) if x.ndim else ()
                others[place] = 1
                parts.append(summed(g * _cumulate(others, dim, True))[place])
            from handson.pocket.shapes import cat

            return (cat(parts, at) if x.ndim else parts[0],)

        out._record(Node("CumprodBackward0", (input,), back, (x, y)))
    return out


def diff(input: Tensor, n: int = 1, dim: int = -1) -> Tensor:
    """The differences of neighbours along a dimension."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    at = wrapped(dim, input.ndim)
    for _ in range(builtins.min(n, input.shape[at])):
        length = input.shape[at]
        after, before = narrow(input, at, 1, length - 1), narrow(input, at, 0, length - 1)
        input = ne(after, before) if input.dtype is bool_ else after - before
    return input


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:  # noqa: ARG001
    """The indices that would sort the tensor along a dimension; equal ones keep their order."""
    at = wrapped(dim, input.ndim)
    exact = copied(input.detach(), float64 if input.dtype.is_floating_point else int64)
    rows = contiguous(transpose(exact, at, -1)) if input.ndim else exact
    order = new(rows.shape, int64)
    if order.numel():
        length = rows.shape[-1] if rows.ndim else 1
        work = Storage(8 * length)
        C.argsort(
            rows.dtype.code,
            int(descending),
            order.numel() // length,
            length,
            order.data_ptr(),
            rows.data_ptr(),
            work.address,
        )
    return transpose(order, at, -1) if input.ndim else order


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Extremes:
    """The elements in order along a dimension, and where they came from."""
    order = argsort(input, dim, descending, stable)
    return Extremes(_gathered(input, dim, order), order)


def _gathered(t: Tensor, dim: int, index: Tensor) -> Tensor:
    return gather(t, dim, index) if t.ndim else t


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extremes:  # noqa: ARG001
    """The k largest elements along a dimension, and their indices."""
    at = wrapped(dim, input.ndim)
    if input.dtype is bool_:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if not 0 <= k <= (input.shape[at] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    order = argsort(input, dim, largest)
    order = narrow(order, at, 0, k) if input.ndim else order
    return Extremes(_gathered(input, dim, order), contiguous(order))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Extremes:
    """The k-th smallest element along a dimension (counted from 1), and its index."""
    at = wrapped(dim, input.ndim)
    if not input.ndim:
        values, places = kthvalue(reshape(input, 1), k, 0)
        return Extremes(values, places)
    if not input.shape[at]:
        raise IndexError(f"kthvalue(): Expected reduction dim {at} to have non-zero size.")
    if not 1 <= k <= input.shape[at]:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {at}")
    order = narrow(argsort(input, dim), at, k - 1, 1)
    values = _gathered(input, dim, order)
    return Extremes(values, order) if keepdim else Extremes(squeeze(values, at), squeeze(order, at))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element (the lower of two), of all or along a dimension with its index."""
    if dim is None:
        flat = flatten(input)
        if flat.dtype.is_floating_point and (not flat.shape[0] or bool(isnan(flat).any())):
            return sum(input) * math.nan
        value = kthvalue(flat.detach(), (flat.shape[0] + 1) // 2, 0).values
        return _shared("MedianBackward0", input, value, _axes(None, input.ndim), False)
    middle = kthvalue(input, ((input.shape[wrapped(dim, input.ndim)] if input.ndim else 1) + 1) // 2, dim, True)
    lost = isnan(input.detach())
    if bool(lost.any()):  # a row with NaN has no middle
        places = where(lost.any(dim, True), argmax(to(lost, int64), dim, True), middle.indices)
        middle = Extremes(_gathered(input, dim, places), places)
    return middle if keepdim or not input.ndim else Extremes(*(squeeze(t, dim) for t in middle))


def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The value below which a share q of the elements lies, between two neighbours in proportion."""
    if not input.dtype.is_floating_point:
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if not input.numel():
        raise RuntimeError("quantile() input tensor must be non-empty")
    if isinstance(q, Tensor):
        from handson.pocket.shapes import stack

        return stack([quantile(input, float(share), dim, keepdim) for share in q.tolist()])
    if not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
    if not input.ndim:
        return reshape(quantile(reshape(input, 1), q, dim), ())
    source, at = (flatten(input), 0) if dim is None else (input, wrapped(dim, input.ndim))
    ordered = sort(source, at).values
    place = q * (source.shape[at] - 1)
    low = int(place)
    high = low + 1 if low + 1 < source.shape[at] else low
    a, b = narrow(ordered, at, low, 1), narrow(ordered, at, high, 1)
    out = a + (b - a) * (place - low)
    return out if keepdim else squeeze(out, at)


def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:  # noqa: ARG001
    """The different values, in order; with `return_inverse` and `return_counts` also where each is, and how often."""
    from handson.pocket.creation import tensor

    values = flatten(input).numbers()
    found = {value: k for k, value in enumerate(dict.fromkeys(builtins.sorted(values)))}
    results = [tensor(list(found), dtype=input.dtype)]
    if return_inverse:
        results.append(reshape(tensor([found[v] for v in values], dtype=int64), input.shape))
    if return_counts:
        counts = [0] * len(found)
        for value in values:
            counts[found[value]] += 1
        results.append(tensor(counts, dtype=int64))
    return results[0] if len(results) == 1 else tuple(results)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 on occurs, or the sum of its weights."""
    if (
        input.dtype.is_floating_point
        or (input.numel() and int(min(input)) < 0)
        or (input.ndim != 1 and input.shape != (0,))
    ):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError(
            f"weights should be 1-d and have the same length as input: {list(weights.shape)}, {list(input.shape)}"
        )
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    length = minlength
    if input.numel():
        length = builtins.max(minlength, int(max(input)) + 1)
    kind = int64 if weights is None else weights.dtype if weights.dtype is dtypes.float32 else dtypes.float64
    out = new((length,), kind)
    fill(out, 0)
    if input.numel():
        amounts = filled(input.shape, 1, kind) if weights is None else to(weights, kind)
        along("add", out, 0, to(input, int64), amounts)
    return out


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of so many equal intervals from min to max (those of the data if both are 0)."""
    from handson.pocket.elementwise import clamp

    low, high = (float(amin(input)), float(amax(input))) if min == max == 0 and input.numel() else (min, max)
    if low == high:
        low, high = low - 1, high + 1
    flat = flatten(input.detach())
    inside = flat[(flat >= low) & (flat <= high)]
    place = clamp(to((inside - low) * (bins / (high - low)), int64), 0, bins - 1)
    return to(bincount(place, minlength=bins), input.dtype)
