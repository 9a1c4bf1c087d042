"""The kinds of numbers a tensor holds, and which kind a result has (PyTorch's rules of promotion)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final


class dtype:  # noqa: N801  # PyTorch's name
    """A kind of number. `code` is the C source's, `char` that of the struct module."""

    __slots__ = ("char", "code", "is_floating_point", "itemsize", "name", "title")

    def __init__(self, name: str, title: str, code: int, itemsize: int, char: str) -> None:
        self.name, self.title, self.code, self.itemsize, self.char = name, title, code, itemsize, char
        self.is_floating_point = char in "fd"

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return named, (self.name,)

    def __setstate__(self, state: object) -> None:
        """Never: each dtype is one object, and no file may change it."""
        raise TypeError(f"{self} is not to be changed")

    @property
    def is_complex(self) -> bool:
        """Never: there are no complex tensors here."""
        return False

    @property
    def is_signed(self) -> bool:
        """Whether there are negative numbers."""
        return self.code >= int32.code


bool_: Final = dtype("bool", "Bool", 0, 1, "?")
uint8: Final = dtype("uint8", "Byte", 1, 1, "B")
int32: Final = dtype("int32", "Int", 2, 4, "i")
int64: Final = dtype("int64", "Long", 3, 8, "q")
float32: Final = dtype("float32", "Float", 4, 4, "f")
float64: Final = dtype("float64", "Double", 5, 8, "d")
ALL: Final = (bool_, uint8, int32, int64, float32, float64)

_default = float32


def named(name: str) -> dtype:
    """The dtype called so. ValueError where there is none."""
    for kind in ALL:
        if kind.name == name:
            return kind
    raise ValueError(f"{name!r} is no dtype; there are {', '.join(kind.name for kind in ALL)}.")


def get_default_dtype() -> dtype:
    """What floats become that come without a dtype: float32, unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Let floats without a dtype become `d`: float32 or float64."""
    global _default
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, not {d}")
    _default = d


def of_number(value: Any) -> dtype:
    """The dtype of a Python number."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return _default


def _category(kind: dtype) -> int:
    return 0 if kind is bool_ else 2 if kind.is_floating_point else 1


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both."""
    if type1 is type2:
        return type1
    if type1.code > type2.code:
        type1, type2 = type2, type1
    return type2  # the codes stand in the order of promotion (there is no int8 among them)


def of_result(tensors: Iterable[tuple[dtype, bool]], numbers: Iterable[Any] = ()) -> dtype:
    """The dtype of a result: tensors with dimensions (dtype, True) come before those without, these before numbers.

    Only a higher category (bool, whole, float) of the later ones has a say.
    """
    groups: list[dtype | None] = [None, None, None]
    for kind, has_dimensions in tensors:
        group = 0 if has_dimensions else 1
        before = groups[group]
        groups[group] = kind if before is None else promote_types(before, kind)
    for value in numbers:
        kind = of_number(value)
        groups[2] = kind if groups[2] is None else promote_types(groups[2], kind)
    result: dtype | None = None
    for found in groups:
        if found is not None and (result is None or _category(found) > _category(result)):
            result = found
    assert result is not None
    return result


class finfo:  # noqa: N801  # PyTorch's name
    """The limits of a floating-point dtype."""

    def __init__(self, type: dtype | None = None) -> None:
        kind = type or _default
        if not kind.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle {kind}")
        single = kind is float32
        self.dtype = kind.name
        self.bits = kind.itemsize * 8
        self.eps = 2.0**-23 if single else 2.0**-52
        self.max = (2 - 2.0**-23) * 2.0**127 if single else (2 - 2.0**-52) * 2.0**1023
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**-126 if single else 2.0**-1022
        self.resolution = 1e-6 if single else 1e-15


class iinfo:  # noqa: N801  # PyTorch's name
    """The limits of a dtype of whole numbers."""

    def __init__(self, type: dtype) -> None:
        if type.is_floating_point or type is bool_:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle {type}")
        self.dtype = type.name
        self.bits = type.itemsize * 8
        self.max = 2 ** (self.bits - (type.is_signed)) - 1
        self.min = -(2 ** (self.bits - 1)) if type.is_signed else 0
