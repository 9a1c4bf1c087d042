"""Kernels called as Python calls them: tensors as addresses, whole numbers as int64, others as double."""

from __future__ import annotations

import ctypes
from typing import Any

import torch

from handson.pocket.native import library

SUFFIX = {torch.float32: "f32", torch.float64: "f64"}
TOLERANCE = {torch.float32: {"rtol": 2e-4, "atol": 2e-5}, torch.float64: {"rtol": 1e-10, "atol": 1e-11}}


def call(name: str, *arguments: Any, dtype: torch.dtype | None = None) -> int:
    """`hp_<name>`, with the suffix of `dtype` if one is given."""
    function = getattr(library(), f"hp_{name}_{SUFFIX[dtype]}" if dtype else f"hp_{name}")
    function.restype = ctypes.c_longlong
    return int(function(*map(_converted, arguments)))


def work(name: str, *arguments: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The scratch memory that `hp_<name>` asks for, filled with NaN: nothing may be read that was not written."""
    suffix = f"_work_{SUFFIX[dtype]}" if dtype else "_work"
    function = getattr(library(), f"hp_{name}{suffix}")
    function.restype = ctypes.c_longlong
    return torch.full((function(*map(_converted, arguments)),), 255, dtype=torch.uint8)


def table(parameter: torch.Tensor, *others: torch.Tensor | None) -> Any:
    """The row of a parameter that an optimiser's step is given: its length, then its address and those of others."""
    addresses = [0 if t is None else t.data_ptr() for t in (parameter, *others)]
    return (ctypes.c_longlong * (1 + len(addresses)))(parameter.numel(), *addresses)


def _converted(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        assert value.is_contiguous()
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, int):
        return ctypes.c_longlong(value)
    return ctypes.c_double(value) if isinstance(value, float) else value


def guarded(*shape: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """A tensor of NaN, and the memory around it, which must stay NaN (`untouched`)."""
    length = torch.Size(shape).numel()
    memory = torch.full((length + 128,), torch.nan, dtype=dtype)
    return memory[64 : 64 + length].view(shape), memory


def untouched(memory: torch.Tensor) -> bool:
    return bool(memory[:64].isnan().all() and memory[-64:].isnan().all())


def close(got: torch.Tensor, wanted: torch.Tensor, scale: float = 1.0) -> None:
    """Equal up to rounding; `scale` is the size of the sums behind the numbers."""
    limits = {name: value * scale for name, value in TOLERANCE[got.dtype].items()}
    torch.testing.assert_close(got, wanted.to(got.dtype), equal_nan=True, **limits)
