"""x[…]: places, slices, masks and tensors of indices, read and written; and the functions that are made of it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

from handson.pocket import elementwise, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import bool_, int32, int64, uint8
from handson.pocket.inplace import allow_in_place, refuse_expanded
from handson.pocket.kernels import ADD, GET, SET, C, plan
from handson.pocket.tensor import Tensor, contiguous, contiguous_strides, convert_into, copied, fill, new, wrapped


class _Parsed(NamedTuple):
    """An index taken apart: the view that places and slices make, and tensors of indices by dimension of that view."""

    view: Tensor
    tensors: dict[int, Tensor]


def _is_plain_int(part: Any) -> bool:
    return type(part) is int or (
        not isinstance(part, bool | Tensor | slice)
        and part is not None
        and part is not Ellipsis
        and hasattr(part, "__index__")
    )


def _as_indices(part: Any) -> Tensor:
    """A tensor of indices or a mask, from what may stand in an index."""
    from handson.pocket.creation import tensor

    if isinstance(part, Tensor):
        found = part
    elif isinstance(part, range):
        found = tensor(list(part), dtype=int64)
    else:
        found = tensor(part)
        if not found.numel():
            found = copied(found, int64)
    if found.dtype in (int32,):
        return copied(found, int64)
    if found.dtype not in (int64, bool_, uint8):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return copied(found, bool_) if found.dtype is uint8 else found


def _parse(t: Tensor, index: Any) -> _Parsed:
    parts = list(index) if isinstance(index, tuple) else [index]
    used = 0
    for part in parts:
        if part is None or part is Ellipsis or isinstance(part, bool):
            continue
        used += part.ndim if isinstance(part, Tensor) and part.dtype in (bool_, uint8) else 1
    if sum(1 for part in parts if part is Ellipsis) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if used > t.ndim:
        raise IndexError(f"too many indices for tensor of dimension {t.ndim}")
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    dim = axis = 0  # of the view so far, and of the tensor itself
    view = t
    tensors: dict[int, Tensor] = {}
    for part in parts:
        if part is Ellipsis:
            dim += t.ndim - used
            axis += t.ndim - used
        elif part is None:
            view = shapes.unsqueeze(view, dim)
            dim += 1
        elif isinstance(part, slice):
            view = _sliced(view, dim, part)
            dim += 1
            axis += 1
        elif isinstance(part, bool):
            view = shapes.unsqueeze(view, dim)
            dim = _take_truth(dim, part, tensors)
        elif _is_plain_int(part):
            if dim >= view.ndim:
                raise IndexError(f"too many indices for tensor of dimension {t.ndim}")
            place, length = part.__index__(), view.shape[dim]
            if not -length <= place < length:
                raise IndexError(f"index {place} is out of bounds for dimension {axis} with size {length}")
            view = shapes.select(view, dim, place)
            axis += 1
        else:
            found = _as_indices(part)
            axis += found.ndim if found.dtype is bool_ else 1
            if found.dtype is bool_:
                view = view if found.ndim else shapes.unsqueeze(view, dim)
                dim = _take_mask(view, dim, found, tensors)
            elif (
                isinstance(part, Tensor)
                and not found.ndim
                and not tensors
                and len(parts) <= 2
                and not found.requires_grad
            ):
                view = shapes.select(view, dim, int(found))
            else:
                tensors[dim] = found
                dim += 1
    return _Parsed(view, tensors)


def _take_truth(dim: int, held: bool, tensors: dict[int, Tensor]) -> int:
    """One truth value takes all or nothing of the dimension of length 1 that was made for it."""
    tensors[dim] = new((int(held),), int64)
    fill(tensors[dim], 0)
    return dim + 1


def _take_mask(view: Tensor, dim: int, mask: Tensor, tensors: dict[int, Tensor]) -> int:
    """A mask stands for the indices, in each of its dimensions, at which it holds. Returns the dimension after it."""
    if not mask.ndim:
        return _take_truth(dim, bool(mask), tensors)
    for k, length in enumerate(mask.shape):
        if view.shape[dim + k] != length:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {k} does not match the shape of the indexed tensor "
                f"{list(view.shape)} at index {dim + k}"
            )
    for k, places in enumerate(nonzero(mask, as_tuple=True)):
        tensors[dim + k] = places
    return dim + mask.ndim


def _sliced(view: Tensor, dim: int, part: slice) -> Tensor:
    step = 1 if part.step is None else int(part.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    bounds = [None if b is None else int(b) for b in (part.start, part.stop)]
    start, stop, _ = slice(*bounds).indices(view.shape[dim])
    if start == 0 and stop == view.shape[dim] and step == 1:
        return shapes.sliced(view, dim, 0, view.shape[dim])
    return shapes.sliced(view, dim, start, max(0, -(-(stop - start) // step)), step)


class _Places(NamedTuple):
    """Where a tensor indexed by tensors has its elements: blocks of `block` elements, each at an offset."""

    offsets: Tensor
    shape: tuple[int, ...]
    """Of the indices, broadcast."""
    rest: tuple[int, ...]
    """The dimensions that no index takes."""
    front: int
    """Where the dimensions of the indices stand in the result."""


def _places(parsed: _Parsed) -> _Places:
    view, tensors = parsed
    shape: tuple[int, ...] = ()
    for index in tensors.values():
        try:
            shape = elementwise.broadcast_shape(shape, index.shape)
        except RuntimeError:
            all_shapes = ", ".join(str(list(i.shape)) for i in tensors.values())
            raise IndexError(
                f"shape mismatch: indexing tensors could not be broadcast together with shapes {all_shapes}"
            ) from None
    offsets = new(shape, int64)
    fill(offsets, 0)
    for dim, index in tensors.items():
        spread = contiguous(shapes.expand(index.detach(), shape))
        bad = C.add_offsets(offsets.numel(), offsets.data_ptr(), spread.data_ptr(), view.shape[dim], view._strides[dim])
        if bad >= 0:
            value = spread.numbers()[bad]
            raise IndexError(f"index {value} is out of bounds for dimension {dim} with size {view.shape[dim]}")
    dims = sorted(tensors)
    together = dims == list(range(dims[0], dims[-1] + 1))
    return _Places(offsets, shape, tuple(k for k in range(view.ndim) if k not in tensors), dims[0] if together else 0)


def _blocks(mode: int, view: Tensor, places: _Places, packed: Tensor) -> None:
    """Read or write (indices…, rest…), contiguous, at the places."""
    lengths = tuple(view.shape[k] for k in places.rest)
    block = math.prod(lengths)
    if places.offsets.numel() and block:
        loops = plan(lengths, contiguous_strides(lengths), tuple(view._strides[k] for k in places.rest))
        C.index(
            mode, view.dtype.code, loops, places.offsets.numel(), block, places.offsets.data_ptr(), packed.data_ptr(),
            view.data_ptr(),
        )  # fmt: skip


def _to_result(packed: Tensor, places: _Places) -> Tensor:
    """From (indices…, rest…) to the order of the result."""
    n = len(places.shape)
    return (
        shapes.movedim(packed, tuple(range(n)), tuple(range(places.front, places.front + n)))
        if places.front and n
        else packed
    )


def _from_result(values: Tensor, places: _Places) -> Tensor:
    n = len(places.shape)
    return (
        shapes.movedim(values, tuple(range(places.front, places.front + n)), tuple(range(n)))
        if places.front and n
        else values
    )


def getitem(self: Tensor, index: Any) -> Tensor:
    """x[index]: a view for places, slices, None and Ellipsis; a copy for masks and tensors or lists of indices."""
    if isinstance(index, list):
        index = _as_indices(index)
    parsed = _parse(self, index)
    if not parsed.tensors:
        return parsed.view
    view = parsed.view
    places = _places(parsed)
    packed = new((*places.shape, *(view.shape[k] for k in places.rest)), view.dtype)
    _blocks(GET, view, places, packed)
    if not recorded(view):
        return contiguous(_to_result(packed, places)) if places.front else packed
    shape = view.shape

    def back(g: Tensor) -> tuple[Tensor]:
        whole = new(shape, g.dtype)
        fill(whole, 0)
        again = _places(_Parsed(whole, parsed.tensors))
        _blocks(ADD, whole, again, contiguous(_from_result(g, again)))
        return (whole,)

    out = packed if not places.front else contiguous(_to_result(packed, places))
    out._record(Node("IndexBackward0", (view,), back, tuple(parsed.tensors.values())))
    return out


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, in place."""
    from handson.pocket.creation import as_tensor

    if isinstance(value, list | tuple):
        raise TypeError(f"can't assign a {type(value).__name__} to a torch.{self.dtype.title}Tensor")
    source = (
        value
        if isinstance(value, Tensor)
        else as_tensor(value, dtype=self.dtype if not hasattr(value, "dtype") else None)
    )
    if recorded(self, source):
        allow_in_place(self, source)
        _set_recorded(self, index, source)
        return
    _set(self.detach(), index, source)
    self._storage.version += 1


def _target(t: Tensor, index: Any) -> tuple[_Parsed, _Places | None, tuple[int, ...]]:
    """What an index names for writing, and the shape that the values are broadcast to."""
    if isinstance(index, list):
        index = _as_indices(index)
    parsed = _parse(t, index)
    if not parsed.tensors:
        return parsed, None, parsed.view.shape
    places = _places(parsed)
    rest = [parsed.view.shape[k] for k in places.rest]
    return parsed, places, (*rest[: places.front], *places.shape, *rest[places.front :])


def _fitted(source: Tensor, shape: tuple[int, ...]) -> Tensor:
    while source.ndim > len(shape) and source.shape[0] == 1:
        source = shapes.squeeze(source, 0)
    try:
        return shapes.expand(source, shape)
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(source.shape)} cannot be broadcast to indexing result of "
            f"shape "
            f"{list(shape)}"
        ) from None


def _set(t: Tensor, index: Any, source: Tensor) -> None:
    parsed, places, shape = _target(t, index)
    values = _fitted(source.detach(), shape)
    if values._storage is t._storage:
        values = copied(values)
    if places is None:
        refuse_expanded(parsed.view)
        convert_into(parsed.view, values)
    else:
        packed = contiguous(_from_result(values, places))
        _blocks(SET, parsed.view, places, packed if packed.dtype is t.dtype else copied(packed, t.dtype))


def _set_recorded(self: Tensor, index: Any, source: Tensor) -> None:
    """The gradient of what was overwritten is 0; that of the values is read at their places."""
    before = self._node
    source_shape, kind = source.shape, source.dtype
    _, _, shape = _target(self.detach(), index)

    def back(g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        kept = copied(g)
        zero = new((), g.dtype)
        fill(zero, 0)
        _set(kept, index, zero)
        at = getitem(g, index)
        return kept, _unfitted(elementwise.to(shapes.reshape(at, shape), kind), source_shape)

    _set(self.detach(), index, source)
    self._storage.version += 1
    parts = index if isinstance(index, tuple) else (index,)
    node = Node("IndexPutBackward0", (None, source), back, tuple(part for part in parts if isinstance(part, Tensor)))
    node.edges = (before, node.edges[1])
    self._record(node)


def _unfitted(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The gradient of values that were fitted: leading dimensions of 1 may have been dropped."""
    extra = max(0, len(shape) - g.ndim)
    return shapes.reshape(elementwise.unbroadcast(g, shape[extra:]), shape)


# By name


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of what is not 0: (count, dimensions), or a tensor for each dimension."""
    mask = contiguous(input if input.dtype is bool_ else elementwise.ne(input.detach(), 0))
    count = C.nonzero(mask.numel(), mask.data_ptr(), None)
    flat = new((count,), int64)
    C.nonzero(mask.numel(), mask.data_ptr(), flat.data_ptr())
    places = []
    for length, step in zip(mask.shape, contiguous_strides(mask.shape), strict=True):
        places.append(elementwise.remainder(elementwise.floor_divide(flat, max(step, 1)), max(length, 1)))
    if as_tuple:
        return tuple(places) if mask.ndim else (flat,)
    if not mask.ndim:
        return new((count, 0), int64)
    return shapes.stack(places, 1)


argwhere = nonzero


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements at which the mask holds."""
    a, m = shapes.broadcast_tensors(input, mask)
    return getitem(a, m)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """These places along a dimension."""
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    at = wrapped(dim, input.ndim)
    return getitem(input, (*(slice(None),) * at, shapes.reshape(index, -1)))


def take(input: Tensor, index: Tensor) -> Tensor:
    """These places of the flattened tensor."""
    return getitem(shapes.flatten(input), index)


def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Write a number at these places along a dimension, in place."""
    setitem(self, (*(slice(None),) * wrapped(dim, self.ndim), index), value)
    return self


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with the elements of `source`, in order, where the mask holds."""
    out = elementwise.clone(input)
    held = shapes.expand(mask, input.shape)
    count = int(held.sum())
    if source.numel() < count:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes and at least {count} elements in source, "
            f"but it has {source.numel()}"
        )
    setitem(out, held, shapes.flatten(source)[:count])
    return out


def searchsorted(sorted_sequence: Tensor, values: Any, *, right: bool = False) -> Tensor:
    """Where values would be put into an ordered row."""
    from handson.pocket.creation import as_tensor

    found = as_tensor(values)
    compare = elementwise.le if right else elementwise.lt
    rows = sorted_sequence if sorted_sequence.ndim == 1 else shapes.unsqueeze(sorted_sequence, -2)
    return cast(Tensor, compare(rows, shapes.unsqueeze(found, -1)).sum(-1))


def bucketize(input: Any, boundaries: Tensor, *, right: bool = False) -> Tensor:
    """The number of the interval each value falls into."""
    return searchsorted(boundaries, input, right=right)
