"""Calls of the C source's layers: the function for a dtype, descriptors, scratch memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from handson.pocket.dtypes import dtype, float32
from handson.pocket.kernels import C, d, declare, i, p, whole_numbers
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor

Pair = int | Sequence[int]


def declare_both(**signatures: tuple[Any, tuple[Any, ...]]) -> None:
    """Declare functions that exist for float32 and float64."""
    for name, signature in signatures.items():
        declare(**{f"{name}_f32": signature, f"{name}_f64": signature})


@lru_cache(512)
def typed(name: str, kind: dtype) -> Any:
    """The C function for float32 or float64."""
    return getattr(C, f"{name}_{'f32' if kind is float32 else 'f64'}")


@lru_cache(1024)
def descriptor(*numbers: int) -> Any:
    """A C struct of int64."""
    return whole_numbers(numbers)


def work(name: str, kind: dtype, *arguments: Any) -> Storage:
    """The scratch memory that a function asks for."""
    return Storage(max(64, typed(f"{name}_work", kind)(*arguments)))


def address(t: Tensor | None) -> int | None:
    """Where it begins, or null."""
    return None if t is None else t.data_ptr()


def pair(value: Pair) -> tuple[int, int]:
    """Height and width: both, or one number for both."""
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


def fits(
    name: str, t: Tensor | None, shape: tuple[int, ...], kind: dtype,
    sentence: str = "{name} should contain {wanted[0]} elements not {size}",
) -> None:  # fmt: skip
    """RuntimeError, in PyTorch's words, unless the tensor has this shape and dtype: C trusts it. None always fits.

    `sentence` may name {name}, {wanted} and {got}, the shapes as lists, and {size}, the number of elements.
    """
    if t is None or (t.shape == shape and t.dtype is kind):
        return
    if t.shape != shape:
        raise RuntimeError(sentence.format(name=name, wanted=list(shape), got=list(t.shape), size=t.numel()))
    raise RuntimeError(
        f"mixed dtype (CPU): expect parameter to have scalar type of {kind.title}, but {name} is {t.dtype.title}"
    )


def floating(name: str, t: Tensor) -> None:
    """RuntimeError, in PyTorch's words, where the numbers are whole."""
    if not t.dtype.is_floating_point:
        raise RuntimeError(f"\"{name}\" not implemented for '{t.dtype.title}'")


__all__ = [
    "C",
    "Pair",
    "address",
    "d",
    "declare_both",
    "descriptor",
    "fits",
    "floating",
    "i",
    "p",
    "pair",
    "typed",
    "work",
]
