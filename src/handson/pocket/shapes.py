"""Other views of the same memory, and tensors put together and taken apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from handson.pocket import dtypes
from handson.pocket.autograd import Node, recorded
from handson.pocket.elementwise import clone, to, unbroadcast
from handson.pocket.tensor import (
    Tensor,
    contiguous_strides,
    convert_into,
    copied,
    fill,
    make,
    new,
    numel,
    wrapped,
)


def as_shape(*sizes: Any) -> tuple[int, ...]:
    """Sizes given one by one, or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        sizes = tuple(sizes[0])
    try:
        return tuple(s if type(s) is int else s.__index__() for s in sizes)
    except AttributeError:
        raise TypeError(f"a shape must be a tuple of ints, not {sizes!r}") from None


Layout = tuple[tuple[int, ...], tuple[int, ...], int]
"""Shape, strides and offset of a view."""


def view_of(
    base: Tensor, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, name: str,
    back: Callable[[Tensor], Tensor],
) -> Tensor:  # fmt: skip
    """A view, recorded: `back` turns its gradient into that of the base."""
    out = make(base._storage, offset, shape, strides, base.dtype)
    if recorded(base):
        out._record(Node(name, (base,), lambda g: (back(g),)))
    out._is_view = True
    return out


# The same elements in another shape


def _inferred(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape with its -1 worked out."""
    if -1 not in shape:
        if any(s < 0 for s in shape):
            raise RuntimeError(f"invalid shape dimension {min(shape)}")
        if numel(shape) != count:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
        return shape
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    known = numel([s for s in shape if s != -1])
    if known == 0 and count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size "
            f"-1 can be "
            "any value and is ambiguous"
        )
    if known <= 0 or count % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
    return tuple(count // known if s == -1 else s for s in shape)


def _view_strides(t: Tensor, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides of the tensor seen in another shape, where that needs no copy."""
    if t.is_contiguous():
        return contiguous_strides(shape)
    blocks: list[tuple[int, int]] = []  # (elements, stride of the last dimension) of what lies evenly
    for length, step in zip(t.shape, t._strides, strict=True):
        if length == 1:
            continue
        if blocks and blocks[-1][1] == step * length:
            blocks[-1] = (blocks[-1][0] * length, step)
        else:
            blocks.append((length, step))
    strides: list[int] = []
    for length in reversed(shape):
        if length == 1:
            strides.append(strides[-1] if strides else 1)
            continue
        if not blocks:
            return None
        elements, step = blocks[-1]
        if elements % length:
            return None
        strides.append(step)
        if elements == length:
            blocks.pop()
        else:
            blocks[-1] = (elements // length, step * length)
    return tuple(reversed(strides))


def view(input: Tensor, *shape: Any) -> Tensor:
    """The same memory in another shape; RuntimeError where that would need a copy."""
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        raise NotImplementedError("handson.pocket has no view as another dtype; x.to(dtype) converts.")
    sizes = _inferred(as_shape(*shape), input.numel())
    strides = _view_strides(input, sizes)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    before = input.shape
    return view_of(input, sizes, strides, input._offset, "ViewBackward0", lambda g: reshape(g, before))


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape: a view where possible, or a copy."""
    sizes = _inferred(as_shape(*shape), input.numel())
    if _view_strides(input, sizes) is None:
        input = clone(input)
    return view(input, sizes)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`view` in the shape of another."""
    return view(input, other.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` into the shape of another."""
    return reshape(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from start_dim to end_dim as one."""
    first, last = wrapped(start_dim, input.ndim), wrapped(end_dim, input.ndim)
    if not input.ndim:
        return reshape(input, 1)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    return reshape(input, (*input.shape[:first], numel(input.shape[first : last + 1]), *input.shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several."""
    if not input.ndim:
        raise RuntimeError("unflatten: a tensor without dimensions has none to be made several")
    at = wrapped(dim, input.ndim)
    try:
        inner = _inferred(as_shape(sizes), input.shape[at])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {at} ({input.shape[at]}) "
            f"in the "
            "input tensor"
        ) from None
    return reshape(input, (*input.shape[:at], *inner, *input.shape[at + 1 :]))


def squeeze(input: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """Without the dimensions of length 1, or that one if it is."""
    if dim is None:
        gone = {k for k, n in enumerate(input.shape) if n == 1}
    else:
        gone = {wrapped(k, input.ndim) for k in ((dim,) if isinstance(dim, int) else dim)}
        gone = {k for k in gone if input.ndim and input.shape[k] == 1}
    kept = [k for k in range(input.ndim) if k not in gone]
    before = input.shape
    return view_of(
        input, tuple(input.shape[k] for k in kept), tuple(input._strides[k] for k in kept), input._offset,
        "SqueezeBackward0", lambda g: reshape(g, before),
    )  # fmt: skip


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A dimension of length 1 more, at `dim`."""
    at = wrapped(dim, input.ndim + 1)
    step = input._strides[at] * input.shape[at] if at < input.ndim else 1
    before = input.shape
    return view_of(
        input, (*input.shape[:at], 1, *input.shape[at:]), (*input._strides[:at], step, *input._strides[at:]),
        input._offset, "UnsqueezeBackward0", lambda g: reshape(g, before),
    )  # fmt: skip


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order."""
    order = as_shape(*dims)
    if len(order) != input.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            f"desired ordering "
            f"of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(order)}"
        )
    axes = tuple(wrapped(k, input.ndim) for k in order)
    if len(set(axes)) != len(axes):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    back = tuple(axes.index(k) for k in range(len(axes)))
    return view_of(
        input, tuple(input.shape[k] for k in axes), tuple(input._strides[k] for k in axes), input._offset,
        "PermuteBackward0", lambda g: permute(g, back),
    )  # fmt: skip


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    axes = list(range(input.ndim))
    a, b = wrapped(dim0, input.ndim), wrapped(dim1, input.ndim)
    if axes:
        axes[a], axes[b] = axes[b], axes[a]
    return permute(input, axes)


def t(input: Tensor) -> Tensor:
    """A matrix transposed."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return permute(input, list(reversed(range(input.ndim))))


def turned(input: Tensor) -> Tensor:
    """`.T`: the dimensions in reverse order."""
    return permute(input, list(reversed(range(input.ndim))))


def matrices_turned(input: Tensor) -> Tensor:
    """`.mT`: the last two dimensions exchanged."""
    if not input.ndim:
        return input
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved elsewhere, the others in their order."""
    sources = [wrapped(k, input.ndim) for k in ([source] if isinstance(source, int) else source)]
    targets = [wrapped(k, input.ndim) for k in ([destination] if isinstance(destination, int) else destination)]
    if len(sources) != len(targets):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({sources} dims) should contain the same number of "
            f"dims as destination ({targets} dims)"
        )
    if not input.ndim:
        return permute(input, [])
    order: list[int | None] = [None] * input.ndim
    for s, d in zip(sources, targets, strict=True):
        order[d] = s
    rest = iter(k for k in range(input.ndim) if k not in sources)
    return permute(input, [next(rest) if k is None else k for k in order])


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Dimensions of length 1 seen as longer ones; -1 keeps a length."""
    shape = as_shape(*sizes)
    gap = len(shape) - input.ndim
    if gap < 0:
        raise RuntimeError(
            f"expand(torch.{input.dtype.title}Tensor{{{list(input.shape)}}}, size={list(shape)}): the number of "
            f"sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({input.ndim})"
        )
    lengths, strides = [], []
    for k, wanted in enumerate(shape):
        have = input.shape[k - gap] if k >= gap else 1
        step = input._strides[k - gap] if k >= gap else 0
        if wanted == -1 and k >= gap:
            wanted = have
        if wanted < 0 and k < gap:
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted}) isn't allowed in a leading, non-existing dimension {k}"
            )
        if have != wanted and (have != 1 or wanted < 0):
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted}) must match the existing size ({have}) at non-singleton "
                f"dimension "
                f"{k}.  Target sizes: {list(shape)}.  Tensor sizes: {list(input.shape)}"
            )
        lengths.append(wanted)
        strides.append(step if have == wanted else 0)
    before = input.shape
    return view_of(
        input, tuple(lengths), tuple(strides), input._offset, "ExpandBackward0", lambda g: unbroadcast(g, before)
    )


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of another."""
    return expand(input, other.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand`."""
    return expand(input, size)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All expanded to the one shape that holds them."""
    from handson.pocket.elementwise import broadcast_shape

    shape: tuple[int, ...] = ()
    for tensor in tensors:
        shape = broadcast_shape(shape, tensor.shape)
    return tuple(expand(tensor, shape) for tensor in tensors)


def _part_of(base: Tensor, place: Callable[[Tensor], Layout], name: str) -> Tensor:
    """A view of some of the elements: those at `place`, the same for every tensor of this shape. The others' gradient
    is 0."""
    before = base.shape

    def back(g: Tensor) -> Tensor:
        whole = new(before, g.dtype)
        fill(whole, 0)
        shape, strides, offset = place(whole)
        convert_into(make(whole._storage, offset, shape, strides, whole.dtype), g)
        return whole

    return view_of(base, *place(base), name, back)


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` places along a dimension, from `start` on."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    size = input.shape[wrapped(dim, input.ndim)]
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return sliced(input, dim, start, length)


def sliced(input: Tensor, dim: int, start: int, length: int, step: int = 1) -> Tensor:
    """`length` places along a dimension, from `start` on, every `step`-th: all of them must be there."""
    at = wrapped(dim, input.ndim)

    def place(t: Tensor) -> Layout:
        shape = (*t.shape[:at], length, *t.shape[at + 1 :])
        return (
            shape,
            (*t._strides[:at], t._strides[at] * step, *t._strides[at + 1 :]),
            t._offset + start * t._strides[at],
        )

    return _part_of(input, place, "SliceBackward0")


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One place along a dimension, which is gone then."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = wrapped(dim, input.ndim)
    length = input.shape[at]
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of bounds for dimension {at} with size {length}")
    start = index % length

    def place(t: Tensor) -> Layout:
        rest = (*t._strides[:at], *t._strides[at + 1 :])
        return (*t.shape[:at], *t.shape[at + 1 :]), rest, t._offset + start * t._strides[at]

    return _part_of(input, place, "SelectBackward0")


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions, as the last one."""
    a, b = wrapped(dim1, input.ndim), wrapped(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    down, right = max(0, -offset), max(0, offset)
    length = max(0, min(input.shape[a] - down, input.shape[b] - right))

    def place(t: Tensor) -> Layout:
        rest = [k for k in range(t.ndim) if k not in (a, b)]
        shape, strides = (
            (*(t.shape[k] for k in rest), length),
            (*(t._strides[k] for k in rest), t._strides[a] + t._strides[b]),
        )
        return shape, strides, t._offset + (down * t._strides[a] + right * t._strides[b] if length else 0)

    return _part_of(input, place, "DiagonalBackward0")


_diagonal = diagonal


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    from handson.pocket.creation import arange, zeros

    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    if input.ndim == 2:
        return _diagonal(input, diagonal)
    size = input.shape[0] + abs(diagonal)
    out = zeros(size, size, dtype=input.dtype)
    rows = arange(input.shape[0])
    out[rows + max(0, -diagonal), rows + max(0, diagonal)] = input
    return out


def _triangle(input: Tensor, diagonal: int, *, upper: bool) -> Tensor:
    from handson.pocket.creation import arange
    from handson.pocket.elementwise import where

    if input.ndim < 2:
        raise RuntimeError(f"{'triu' if upper else 'tril'}: input tensor must have at least 2 dimensions")
    rows, columns = arange(input.shape[-2])[:, None], arange(input.shape[-1])
    keep = columns - rows >= diagonal if upper else columns - rows <= diagonal
    return where(keep, input, input.dtype.is_floating_point and 0.0)  # type: ignore[no-any-return]


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """What stands below the diagonal, and on it."""
    return _triangle(input, diagonal, upper=False)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """What stands above the diagonal, and on it."""
    return _triangle(input, diagonal, upper=True)


# Put together and taken apart


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """One after the other along a dimension."""
    tensors = list(tensors)
    if not tensors:
        raise ValueError("expected a non-empty list of Tensors")
    for k, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"expected Tensor as element {k} in argument 0, but got {type(tensor).__name__}")
        if not tensor.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {k}) cannot be concatenated")
    # PyTorch lets an empty list of numbers stand beside anything.
    parts = [t for t in tensors if t.shape != (0,)] or tensors[:1]
    at = wrapped(dim, parts[0].ndim) if parts[0].shape != (0,) else 0
    first = parts[0].shape
    for k, tensor in enumerate(parts):
        if tensor.ndim != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {tensor.ndim}")
        for d, (n, m) in enumerate(zip(first, tensor.shape, strict=True)):
            if d != at and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {at}. Expected size {n} but got size {m} for "
                    f"tensor "
                    f"number {k} in the list."
                )
    kind = parts[0].dtype
    for tensor in tensors[1:]:
        kind = dtypes.promote_types(kind, tensor.dtype)
    out = new((*first[:at], sum(p.shape[at] for p in parts), *first[at + 1 :]), kind)
    start = 0
    for part in parts:
        convert_into(make(out._storage, out._strides[at] * start, part.shape, out._strides, kind), part)
        start += part.shape[at]
    if recorded(*tensors):
        lengths = [t.shape[at] if t.shape != (0,) else 0 for t in tensors]
        kinds = [(t.shape, t.dtype) for t in tensors]

        def back(g: Tensor) -> tuple[Tensor | None, ...]:
            pieces = zip(split(g, lengths, at), kinds, strict=True)
            return tuple(to(reshape(piece, shape), kind) for piece, (shape, kind) in pieces)

        out._record(Node("CatBackward0", tensors, back))
    return out


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Beside one another along a new dimension."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for k, tensor in enumerate(tensors):
        if tensor.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at entry 0 and "
                f"{list(tensor.shape)} at entry {k}"
            )
    at = wrapped(dim, tensors[0].ndim + 1)
    out = cat([unsqueeze(tensor, at) for tensor in tensors], at)
    if out._node is not None:
        out._node.name = "StackBackward0"
    return out


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Rows below one another."""
    return cat([t if t.ndim > 1 else reshape(t, 1, t.numel()) for t in tensors], 0)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Beside one another."""
    return cat([t if t.ndim else reshape(t, 1) for t in tensors], 1 if tensors[0].ndim > 1 else 0)


def split(input: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of one length (the last may be shorter), or of the lengths given, along a dimension."""
    if not input.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    at = wrapped(dim, input.ndim)
    total = input.shape[at]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        if size == 0 and total:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {total}")
        lengths = [min(size, total - start) for start in range(0, total, max(1, size))] or [0]
    else:
        lengths = list(split_size_or_sections)
        if sum(lengths) != total:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension "
                f"{at}), but "
                f"got split_sizes={lengths}"
            )
        if min(lengths, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={lengths}"
            )
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    return tuple(sliced(input, at, start, length) for start, length in zip(starts, lengths, strict=True))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many pieces of one length along a dimension."""
    if not input.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    total = input.shape[wrapped(dim, input.ndim)]
    return split(input, -(-total // chunks) if total else [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Each place along a dimension by itself."""
    at = wrapped(dim, input.ndim)
    return tuple(select(input, at, k) for k in range(input.shape[at]))


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Copies side by side, so many along each dimension."""
    times = as_shape(*repeats)
    gap = len(times) - input.ndim
    if gap < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if min(times, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(times)}: {list(times)}")
    shape = (*(1,) * gap, *input.shape)
    spread = reshape(input, tuple(n for length in shape for n in (1, length)))
    wide = expand(spread, tuple(n for k, length in zip(times, shape, strict=True) for n in (k, length)))
    return reshape(clone(wide), tuple(k * length for k, length in zip(times, shape, strict=True)))


def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, with 1 for the leading dimensions left out."""
    times = as_shape(*dims)
    return repeat(input, (*(1,) * (input.ndim - len(times)), *times))


def repeat_interleave(input: Tensor, repeats: int, dim: int | None = None) -> Tensor:
    """Each element so many times, one after the other."""
    if dim is None:
        input, dim = flatten(input), 0
    at = wrapped(dim, input.ndim)
    wide = expand(unsqueeze(input, at + 1), (*input.shape[: at + 1], repeats, *input.shape[at + 1 :]))
    return reshape(wide, (*input.shape[:at], input.shape[at] * repeats, *input.shape[at + 1 :]))


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy, turned round along these dimensions."""
    order = [wrapped(k, input.ndim) for k in as_shape(*dims)]
    axes = set(order) if input.ndim else set()
    if len(order) > len(set(order)):
        raise RuntimeError(f"dim {max(order, key=order.count)} appears multiple times in the list of dims")
    start = sum((input.shape[k] - 1) * input._strides[k] for k in axes if input.shape[k])
    strides = tuple(-s if k in axes else s for k, s in enumerate(input._strides))
    out = copied(make(input._storage, input._offset + start, input.shape, strides, input.dtype))
    if recorded(input):
        out._record(Node("FlipBackward0", (input,), lambda g: (flip(g, *axes),)))
    return out


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """A copy whose elements are moved along; what leaves at one end enters at the other."""
    if dims is None:
        return reshape(roll(flatten(input), shifts, 0), input.shape)
    moves = [int(s) for s in ([shifts] if isinstance(shifts, int | Tensor) else shifts)]
    axes = [dims] if isinstance(dims, int) else list(dims)
    if len(moves) != len(axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(axes)}")
    if not input.numel():
        return clone(input)
    out = input
    for shift, axis in zip(moves, axes, strict=True):
        at = wrapped(axis, input.ndim)
        length = input.shape[at]
        if length and shift % length:
            cut = length - shift % length
            out = cat([narrow(out, at, cut, length - cut), narrow(out, at, 0, cut)], at)
    return clone(out) if out is input else out


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """A grid's coordinates: each axis spread over all the others."""
    axes = list(tensors[0]) if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else list(tensors)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for axis in axes:
        if axis.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(axis.shape)}"
            )
        if axis.dtype is not axes[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(axes) > 1
    if swap:
        axes[:2] = axes[1::-1]
    shape = tuple(axis.numel() for axis in axes)
    grids = [
        expand(reshape(axis, (1,) * k + (axis.numel(),) + (1,) * (len(axes) - k - 1)), shape)
        for k, axis in enumerate(axes)
    ]
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations, one per row."""
    for tensor in tensors:
        if tensor.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(tensor.shape)}")
    return stack([flatten(grid) for grid in meshgrid(*tensors)], 1) if len(tensors) > 1 else tensors[0]
