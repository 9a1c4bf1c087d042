"""Values taken and written along a dimension, by a tensor of indices: gather, scatter, and rows that are added."""

from __future__ import annotations

from typing import Any

from handson.pocket import elementwise, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import int32, int64
from handson.pocket.inplace import allow_in_place, apart, refuse_expanded
from handson.pocket.kernels import ADD, GET, SET, C, plan
from handson.pocket.tensor import Tensor, contiguous, convert_into, copied, fill, make, new, wrapped

_MODES = {"get": GET, "set": SET, "add": ADD}
_ALL_WELL = -(2**63)


def along(mode: str, t: Tensor, dim: int, index: Tensor, values: Tensor) -> None:
    """values ↔ t at `index` along a dimension, for each element of `index`; mode "get", "set" or "add". Not
    recorded."""
    lookup = [_view_at_least_1d(x) for x in (t, index, values)]
    whole, where, packed = lookup
    at = wrapped(dim, whole.ndim)
    steps = tuple(0 if k == at else s for k, s in enumerate(whole._strides))
    if packed.shape != where.shape and any(n > m for n, m in zip(where.shape, packed.shape, strict=True)):
        raise RuntimeError(f"Expected index {list(where.shape)} to be no larger than the values {list(packed.shape)}")
    if where.numel():
        loops = plan(where.shape, where._strides, packed._strides, steps)
        bad = C.along(
            _MODES[mode], whole.dtype.code, loops, whole.shape[at], whole._strides[at], where.data_ptr(),
            packed.data_ptr(),
            whole.data_ptr(),
        )  # fmt: skip
        if bad != _ALL_WELL:
            raise RuntimeError(f"index {bad} is out of bounds for dimension {at} with size {whole.shape[at]}")


def _view_at_least_1d(t: Tensor) -> Tensor:
    return t if t.shape else make(t._storage, t._offset, (1,), (1,), t.dtype)


def _check_index(name: str, t: Tensor, dim: int, index: Tensor) -> int:
    if index.dtype is not int64:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.ndim != t.ndim:
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as {'input' if name == 'gather' else 'self'} tensor"
        )
    at = wrapped(dim, t.ndim)
    for k in range(t.ndim):
        if k != at and index.shape[k] > t.shape[k]:
            raise RuntimeError(
                f"Size does not match at dimension {k} expected index {list(index.shape)} to be no larger than self "
                f"{list(t.shape)} apart from dimension {at}"
            )
    return at


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on."""
    index = copied(index, int64) if index.dtype is int32 else index
    at = _check_index("gather", input, dim, index)
    out = new(index.shape, input.dtype)
    along("get", input, at, index, out)
    if recorded(input):
        shape, where = input.shape, index.detach()

        def back(g: Tensor) -> tuple[Tensor]:
            whole = new(shape, g.dtype)
            fill(whole, 0)
            along("add", whole, at, where, g)
            return (whole,)

        out._record(Node("GatherBackward0", (input,), back, (where,)))
    return out


def take_along_dim(input: Tensor, indices: Tensor, dim: int) -> Tensor:
    """`gather`, the other dimensions broadcast."""
    at = wrapped(dim, input.ndim)
    shape = [max(a, b) for a, b in zip(input.shape, indices.shape, strict=True)]
    wide = [n if k != at else input.shape[at] for k, n in enumerate(shape)]
    tall = [n if k != at else indices.shape[at] for k, n in enumerate(shape)]
    return gather(shapes.expand(input, wide), at, contiguous(shapes.expand(indices, tall)))


def scatter_(
    self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """Write `src` (or a number) at `index` along a dimension, in place."""
    if reduce is not None:
        raise NotImplementedError("handson.pocket's scatter_ has no reduce; scatter_add_ adds.")
    if src is None and value is None:
        raise TypeError("scatter_() needs src, a tensor or a number, beside dim and index")
    if isinstance(value, Tensor):
        if value.ndim or recorded(value):
            raise TypeError("scatter_(): value must be a number; a tensor with a gradient goes in as src")
        value = value.item()
    filler = src if src is not None else value
    if isinstance(filler, Tensor):
        return _scattered("set", self, dim, index, filler)
    spread = new(index.shape, self.dtype)
    fill(spread, filler)
    return _scattered("set", self, dim, index, spread)


def scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add `src` at `index` along a dimension, in place."""
    return _scattered("add", self, dim, index, src)


def _scattered(mode: str, self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    index = copied(index, int64) if index.dtype is int32 else index
    at = _check_index("scatter", self, dim, index)
    if index.ndim != src.ndim or any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(self.shape)} apart from dimension "
            f"{at} and to be no larger size than src {list(src.shape)}"
        )
    if src.dtype is not self.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    allow_in_place(self, src)
    refuse_expanded(self)
    record = recorded(self, src)
    before = self._node
    along(mode, self, at, apart(self, index, same_too=True), apart(self, src, same_too=True))
    self._storage.version += 1
    if record:
        where = index.detach()
        source_shape = src.shape

        def back(g: Tensor) -> tuple[Tensor | None, Tensor | None]:
            kept = g
            if mode == "set":
                kept = copied(g)
                zeros = new(where.shape, g.dtype)
                fill(zeros, 0)
                along("set", kept, at, where, zeros)
            picked = new(where.shape, g.dtype)
            along("get", g, at, where, picked)
            if where.shape != source_shape:
                whole = new(source_shape, g.dtype)
                fill(whole, 0)
                convert_into(make(whole._storage, 0, where.shape, whole._strides, whole.dtype), picked)
                picked = whole
            return kept, picked

        node = Node("ScatterBackward0", (None, src), back, (where,))
        node.edges = (before, node.edges[1])
        self._record(node)
    return self


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """A copy with `src` (or a number) written at `index` along a dimension."""
    return scatter_(elementwise.clone(input), dim, index, src, value=value)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with `src` added at `index` along a dimension."""
    return scatter_add_(elementwise.clone(input), dim, index, src)


def index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """Add the places of `source` to these places along a dimension, in place."""
    at = wrapped(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError(
            f"index_add_(): Index is supposed to be a vector, but got dim: {index.ndim} with type: "
            f"{index.dtype.title} and size: {list(index.shape)}"
        )
    if index.dtype not in (int32, int64):
        raise RuntimeError(f"index_add_(): Expected dtype int32/int64 for index but got: {index.dtype.title}")
    length = source.shape[at] if source.shape else 1
    if index.numel() != length:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.numel()}) should be equal to source.size(dim): "
            f"({length}), for dim: {at}"
        )
    rest = (*source.shape[:at], *source.shape[at + 1 :])
    if source.ndim != self.ndim or rest != (*self.shape[:at], *self.shape[at + 1 :]):
        raise RuntimeError(
            f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(self.shape)} source.shape = {list(source.shape)}"
        )
    shape = [1] * self.ndim
    if shape:
        shape[at] = length
    spread = contiguous(shapes.expand(shapes.reshape(elementwise.to(index, int64), shape), source.shape))
    return scatter_add_(self, at, spread, source if alpha == 1 else source * alpha)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy with the places of `source` added."""
    return index_add_(elementwise.clone(input), dim, index, source, alpha=alpha)
