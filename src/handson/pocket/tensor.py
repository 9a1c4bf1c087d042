"""The tensor: a view of memory with a shape, strides and a dtype. What it computes stands elsewhere.

`elementwise`, `inplace`, `shapes`, `reductions`, `indexing`, `gathering` and `linear` hold the functions; `methods`
hangs them on."""

from __future__ import annotations

import ctypes
import difflib
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import ref

from handson.pocket import autograd, dtypes
from handson.pocket.autograd import Node
from handson.pocket.dtypes import dtype
from handson.pocket.kernels import C, flat_plan, plan
from handson.pocket.storage import Storage


class Size(tuple[int, ...]):
    """A shape."""

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size((*self, *other))

    def numel(self) -> int:
        """The number of elements of such a tensor."""
        return numel(self)


def numel(shape: Sequence[int]) -> int:
    """The product of the lengths."""
    return math.prod(shape)


@lru_cache(4096)
def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a row-major tensor."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


class device:  # noqa: N801  # PyTorch's name
    """Where a tensor is: always "cpu"."""

    __slots__ = ("index", "type")

    def __init__(self, type: str | device = "cpu", index: int | None = None) -> None:
        name = str(type)
        if name.split(":")[0] != "cpu":
            raise RuntimeError(f"handson.pocket computes on the CPU only; {name!r} is not here. Leave the device out.")
        self.type, self.index = "cpu", index

    def __repr__(self) -> str:
        return "device(type='cpu')"

    def __str__(self) -> str:
        return "cpu"

    def __eq__(self, other: object) -> bool:
        return str(other) == "cpu"

    def __hash__(self) -> int:
        return hash("cpu")


CPU = device()


class memory_format:  # noqa: N801  # PyTorch's name
    """An order of the dimensions in memory. Here it is always the usual one (NCHW); asking for another changes
    nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


class Tensor:
    """A tensor of numbers, as PyTorch's.

    Attributes: shape, dtype, requires_grad, grad (after `backward`), grad_fn, device ("cpu"). Anything that PyTorch has
    and this one lacks raises AttributeError, which names what there is.
    """

    __slots__ = (
        "__weakref__", "_dtype", "_grad", "_hooks", "_is_view", "_node", "_offset", "_shape", "_storage", "_strides",
        "requires_grad",
    )  # fmt: skip

    if TYPE_CHECKING:

        @property
        def shape(self) -> Size:
            """The lengths of its dimensions."""

        @property
        def dtype(self) -> dtypes.dtype:
            """The type of its numbers."""

    else:  # read-only, without a function of Python in between
        shape = property(operator.attrgetter("_shape"), doc="The lengths of its dimensions.")
        dtype = property(operator.attrgetter("_dtype"), doc="The type of its numbers.")

    _shape: Size
    _dtype: dtypes.dtype
    _storage: Storage
    _offset: int
    _strides: tuple[int, ...]
    _is_view: bool
    _grad: Tensor | None
    requires_grad: bool
    _node: Node | None
    _hooks: list[Callable[[Tensor], Tensor | None]] | None

    def __init__(self, data: Any = (), *sizes: int) -> None:
        """A float32 tensor of numbers, or of a shape if whole numbers are given one by one; `torch.tensor` is
        plainer."""
        from handson.pocket import creation

        if sizes or type(data) is int:
            self._become(creation.empty(data, *sizes, dtype=dtypes.float32))
            return
        made = data if isinstance(data, Tensor) else creation.tensor(data, dtype=dtypes.float32)
        self._become(made)

    def _become(self, other: Tensor) -> None:
        """Be a view of the whole of another tensor's memory, a leaf."""
        self._storage, self._offset = other._storage, other._offset
        self._shape, self._strides, self._dtype = other._shape, other._strides, other._dtype
        self.requires_grad, self._grad, self._node, self._hooks = False, None, None, None
        self._is_view = False

    # What it is

    @property
    def device(self) -> device:
        """Always cpu."""
        return CPU

    @property
    def layout(self) -> str:
        """Always torch.strided."""
        return "torch.strided"

    @property
    def is_cuda(self) -> bool:
        """Never."""
        return False

    @property
    def is_sparse(self) -> bool:
        """Never."""
        return False

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its length along `dim`."""
        return self.shape if dim is None else self.shape[wrapped(dim, len(self.shape))]

    def numel(self) -> int:
        """The number of elements."""
        return numel(self.shape)

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """The steps in memory, in elements, or that along `dim`."""
        return self._strides if dim is None else self._strides[dim]

    def storage_offset(self) -> int:
        """Where in its memory the tensor begins, in elements."""
        return self._offset

    def element_size(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.dtype.itemsize * self.numel()

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._storage.address + self._offset * self.dtype.itemsize

    def is_contiguous(self, memory_format: Any = None) -> bool:  # noqa: ARG002
        """Whether the elements lie one after the other."""
        shape, strides = self.shape, self._strides
        if strides == contiguous_strides(shape):
            return True
        expected = contiguous_strides(shape)
        return 0 in shape or all(a == b or n == 1 for a, b, n in zip(strides, expected, shape, strict=True))

    def is_floating_point(self) -> bool:
        """Whether its numbers are floats."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Never."""
        return False

    # Recording

    def _record(self, node: Node) -> None:
        self._node, self.requires_grad = node, True
        node.shape, node.dtype = self._shape, self._dtype

    @property
    def grad(self) -> Tensor | None:
        """The gradient, after `backward`."""
        return self._grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None:
            if not isinstance(gradient, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(gradient).__name__}"
                )
            if gradient.shape != self.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(gradient.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if gradient.dtype is not self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{gradient.dtype.name}' to a tensor with dtype "
                    f"'{self.dtype.name}'. The gradient must match the tensor's dtype"
                )
        self._grad = gradient

    @property
    def grad_fn(self) -> Node | None:
        """What made it, if that was recorded."""
        return self._node

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._node is None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients with respect to this tensor."""
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if self._node is not None and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """The same memory, outside of what is recorded."""
        return make(self._storage, self._offset, self.shape, self._strides, self.dtype)

    def detach_(self) -> Tensor:
        """Take this tensor itself out of what is recorded."""
        self._node, self.requires_grad = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, outside of what is recorded."""
        return self.detach()

    @data.setter
    def data(self, other: Tensor) -> None:
        self._storage, self._offset = other._storage, other._offset
        self._shape, self._strides, self._dtype = other._shape, other._strides, other._dtype

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add the gradients of this tensor to `.grad` of the leaves it was made from."""
        if create_graph:
            raise NotImplementedError(
                "handson.pocket records no gradients of gradients: create_graph=True is PyTorch's only."
            )
        autograd.backward([self], [autograd.first_gradient(self, gradient)], retain_graph=bool(retain_graph))

    def retain_grad(self) -> None:
        """Keep this tensor's gradient in `.grad` although it is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None:
            self._node.retained = ref(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(gradient)` when this tensor's gradient is known; what it returns replaces the gradient."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            hooks = self._node.hooks
        else:
            hooks = self._hooks = self._hooks or []
        hooks.append(hook)
        return RemovableHandle(hooks, hook)

    # Python's own

    def item(self) -> Any:
        """The one number in it."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        value: Any = _VALUE[self.dtype.char].from_address(self.data_ptr())
        return value.value

    def tolist(self) -> Any:
        """The numbers, as nested lists."""
        shape = self.shape
        if not shape:
            return self.item()
        flat = self.numbers()
        for length in reversed(shape[1:]):
            flat = [flat[k * length : (k + 1) * length] for k in range(numel(shape) // length)] if length else []
        if 0 in shape:
            return _empty_lists(shape)
        return flat

    def numbers(self) -> list[Any]:
        """All numbers in row-major order, as one list. (Not PyTorch's.)"""
        flat: Any = memoryview(bytes(self))
        return list(flat.cast(self.dtype.char))

    def __bytes__(self) -> bytes:
        """The memory, row-major. (Not PyTorch's.)"""
        packed = self if self.is_contiguous() else copied(self)
        return ctypes.string_at(packed.data_ptr(), packed.nbytes)

    def __bool__(self) -> bool:
        if self.numel() != 1:
            if not self.numel():
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self._only())

    def __int__(self) -> int:
        return int(self._only())

    def _only(self) -> Any:
        if self.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def __index__(self) -> int:
        if self.dtype.is_floating_point or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return (self[k] for k in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    __hash__ = object.__hash__  # by identity, and quicker than a function of Python

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self.shape else object.__format__(self, spec)

    def __repr__(self) -> str:
        from handson.pocket.printing import text

        return text(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._node is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment."
            )
        with autograd.no_grad():
            twin = type(self).__new__(type(self))
            twin._become(copied(self))
            twin.requires_grad = self.requires_grad
            twin.grad = None if self.grad is None else copied(self.grad)
        memo[id(self)] = twin
        return twin

    def __copy__(self) -> Tensor:
        return self.detach().requires_grad_(self.requires_grad)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt, (type(self), bytes(self), tuple(self.shape), self.dtype, self.requires_grad)

    def __setstate__(self, state: object) -> None:
        raise TypeError("a Tensor is made anew from its bytes; no pickle may set its parts")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(lacking("Tensor", name, (n for n in dir(type(self)) if not n.startswith("_"))))

    if TYPE_CHECKING:

        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

        T: Tensor
        mT: Tensor  # noqa: N815


class Parameter(Tensor):
    """A tensor that a module adjusts in training; it requires gradients."""

    __slots__ = ("__dict__",)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        from handson.pocket import creation

        self._become(creation.empty(0) if data is None else data)
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class RemovableHandle:
    """What takes a hook off again."""

    def __init__(self, hooks: Any, hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take it off."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


_VALUE = {
    "?": ctypes.c_bool, "B": ctypes.c_uint8, "i": ctypes.c_int32, "q": ctypes.c_int64, "f": ctypes.c_float,
    "d": ctypes.c_double,
}  # fmt: skip


def make(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: dtype) -> Tensor:
    """A tensor over memory; offset and strides in elements."""
    self = Tensor.__new__(Tensor)
    self._storage, self._offset, self._strides, self._dtype = storage, offset, strides, kind
    self._shape = shape if type(shape) is Size else Size(shape)
    self.requires_grad, self._grad, self._node, self._hooks, self._is_view = False, None, None, None, False
    return self


def new(shape: tuple[int, ...], kind: dtype) -> Tensor:
    """A contiguous tensor, not initialised."""
    shape = shape if type(shape) is Size else Size(shape)
    return make(Storage(numel(shape) * kind.itemsize, shape), 0, shape, contiguous_strides(shape), kind)


def new_like(other: Tensor, kind: dtype | None = None) -> Tensor:
    """A contiguous tensor of another's shape, not initialised."""
    return new(other.shape, kind or other.dtype)


def convert_into(out: Tensor, source: Tensor) -> None:
    """Write `source`, of the same shape, into `out`, converting; not recorded."""
    if out.numel():
        C.convert(
            out.dtype.code, source.dtype.code, plan(out.shape, out._strides, source._strides), out.data_ptr(),
            source.data_ptr()
        )  # fmt: skip


def copied(source: Tensor, kind: dtype | None = None) -> Tensor:
    """A contiguous copy, converted; not recorded."""
    out = new(source.shape, kind or source.dtype)
    if source.is_contiguous() and out.dtype is source.dtype:
        ctypes.memmove(out.data_ptr(), source.data_ptr(), out.nbytes)
    else:
        convert_into(out, source)
    return out


def contiguous(source: Tensor) -> Tensor:
    """The tensor itself where it is contiguous, or a copy; not recorded."""
    return source if source.is_contiguous() else copied(source)


def filled(shape: tuple[int, ...], value: Any, kind: dtype) -> Tensor:
    """A tensor of one number."""
    out = new(shape, kind)
    fill(out, value)
    return out


def fill(out: Tensor, value: Any) -> None:
    """Write one number into all of a tensor; not recorded."""
    if not out._shape and out._dtype is dtypes.float32:  # a loss, or its gradient: not worth the way into C
        ctypes.c_float.from_address(out.data_ptr()).value = value
    elif count := out.numel():
        loops = flat_plan(count, 1) if out.is_contiguous() else plan(out.shape, out._strides)
        if out.dtype.is_floating_point:
            C.fill(out.dtype.code, loops, out.data_ptr(), float(value), 0)
        else:
            whole = bool(value) if out.dtype is dtypes.bool_ else int(value)
            C.fill(out.dtype.code, loops, out.data_ptr(), 0.0, (whole + 2**63) % 2**64 - 2**63)


def from_bytes(content: bytes, shape: tuple[int, ...], kind: dtype) -> Tensor:
    """A tensor of a copy of these bytes. ValueError where they are too few."""
    out = new(shape, kind)
    if len(content) < out.nbytes:
        raise ValueError(f"{len(content)} bytes are too few for a tensor of {kind.name} of shape {list(shape)}.")
    ctypes.memmove(out.data_ptr(), content, out.nbytes)
    return out


def wrapped(dim: int, dimensions: int) -> int:
    """A dimension counted from 0, where it may be counted from the end."""
    room = max(dimensions, 1)
    if not -room <= dim < room:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-room}, {room - 1}], but got {dim})")
    return dim % room


def lacking(owner: str, name: str, there: Any) -> str:
    """The message for a name that PyTorch may have, and pocket has not, with the nearest ones."""
    near = difflib.get_close_matches(name, sorted(there), n=3, cutoff=0.6)
    nearest = f"; near it: {', '.join(near)}" if near else ""
    return f"handson.pocket, a small part of PyTorch, has no {owner}.{name}{nearest}"  # Python may add what it guesses


def _empty_lists(shape: Sequence[int]) -> list[Any]:
    return [] if len(shape) == 1 else [_empty_lists(shape[1:]) for _ in range(shape[0])]


def rebuilt(kind: type[Tensor], content: bytes, shape: tuple[int, ...], of: dtype, requires_grad: bool) -> Tensor:
    """A tensor from its bytes. ValueError where they are not those of such a tensor."""
    if not isinstance(of, dtype) or not isinstance(kind, type) or not issubclass(kind, Tensor):
        raise ValueError(f"{kind!r} of {of!r} is no kind of tensor.")
    if any(type(n) is not int or n < 0 for n in shape) or len(content) != numel(shape) * of.itemsize:
        raise ValueError(f"{len(content)} bytes are not those of a tensor of {of.name} of shape {list(shape)}.")
    self = kind.__new__(kind)
    self._become(from_bytes(content, tuple(shape), of))
    self.requires_grad_(bool(requires_grad))
    return self
