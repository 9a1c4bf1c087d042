"""The C source's functions as Python calls them, and the plans of their loops."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from handson.pocket.native import library


def _codes(names: str) -> dict[str, int]:
    """The C source counts its functions in this order."""
    return {name: code for code, name in enumerate(names.split())}


UNARY: Final = _codes(
    "neg abs sign square sqrt rsqrt reciprocal exp log sin cos tanh sigmoid relu floor ceil round trunc erf expm1 "
    "log1p gelu silu isnan isfinite logical_not tan atan asin acos sinh cosh log2 log10 bitwise_not "
    "isinf"
)
BINARY: Final = _codes(
    "add sub mul div maximum minimum pow floor_divide remainder fmod atan2 eq ne lt le gt ge and or xor relu_grad "
    "tanh_grad sigmoid_grad abs_grad gelu_grad silu_grad leaky_relu"
)
REDUCE: Final = _codes("sum prod max min argmax argmin any all")
STEPS: Final = _codes(
    "conv2d_forward conv2d_backward_input conv2d_backward_weight max_pool2d_forward max_pool2d_backward gemm add_bias "
    "bias_backward relu_forward relu_backward batch_norm_forward batch_norm_backward count"
)
"""What `hp_run` calls."""
GET, SET, ADD = 0, 1, 2
"""What `hp_index` and `hp_along` do."""

i, p, d, u = ctypes.c_longlong, ctypes.c_void_p, ctypes.c_double, ctypes.c_ulonglong
_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "run": (None, (i, p, p)),
    "unary": (None, (i, i, p, p, p)),
    "binary": (None, (i, i, p, p, p, p)),
    "binary_number": (None, (i, i, p, p, p, d, i, i)),
    "clamp": (None, (i, i, p, p, d, d)),
    "where": (None, (i, p, p, p, p, p)),
    "add_scaled_f32": (None, (p, p, p, d)),
    "convert": (None, (i, i, p, p, p)),
    "fill": (None, (i, p, p, d, i)),
    "arange": (None, (i, i, p, d, d, i, i)),
    "reduce": (None, (i, i, p, p, p, p)),
    "cumulate": (None, (i, i, i, i, i, p, p)),
    "argsort": (None, (i, i, i, i, p, p, p)),
    "nonzero": (i, (i, p, p)),
    "add_offsets": (i, (i, p, p, i, i)),
    "index": (None, (i, i, p, i, i, p, p, p)),
    "along": (i, (i, i, p, i, i, p, p, p)),
    "twister_size": (i, ()),
    "seed": (None, (p, u)),
    "uniform": (None, (i, p, i, p, d, d)),
    "normal": (None, (i, p, i, p, d, d)),
    "integers": (None, (p, i, p, i, u)),
    "permutation": (None, (p, i, p)),
    "bernoulli": (None, (p, i, p, p, i)),
    "multinomial": (None, (p, i, i, i, p, p)),
}


class Kernels:
    """The functions of the library by name, without their prefix, each loaded with its types when first used."""

    def __init__(self) -> None:
        self._library = library()

    def __getattr__(self, name: str) -> Any:
        result, arguments = _SIGNATURES[name]
        function = getattr(self._library, f"hp_{name}")
        function.restype, function.argtypes = result, list(arguments)
        setattr(self, name, function)
        return function


C: Final = Kernels()


def declare(**signatures: tuple[Any, tuple[Any, ...]]) -> None:
    """Add functions: name=(type of the result, types of the arguments)."""
    _SIGNATURES.update(signatures)


def whole_numbers(values: Sequence[int]) -> Any:
    """A C array of int64."""
    return (ctypes.c_longlong * len(values))(*values)


_MOST_DIMENSIONS: Final = 16
"""What the C source counts at once (c/elementwise.h, c/reduce.h)."""


def _countable(dimensions: int, shape: tuple[int, ...]) -> None:
    if dimensions > _MOST_DIMENSIONS:
        raise RuntimeError(
            f"handson.pocket counts {_MOST_DIMENSIONS} dimensions at once that do not lie one after the other in "
            f"memory; this needs {dimensions}, for a tensor of shape {list(shape)}. Reshape it to fewer."
        )


@lru_cache(4096)
def plan(shape: tuple[int, ...], *strides: tuple[int, ...]) -> Any:
    """The loops over arrays of one shape, the result first: dimensions of 1 dropped, merged where the memory allows,
    the
    result's closest neighbours last."""
    dimensions = sorted(
        ((length, *steps) for length, *steps in zip(shape, *strides, strict=True) if length != 1),
        key=lambda dimension: tuple(-abs(step) for step in dimension[1:]),
    )
    merged: list[tuple[int, ...]] = []
    for dimension in dimensions:
        if merged and all(
            outer == step * dimension[0] for outer, step in zip(merged[-1][1:], dimension[1:], strict=True)
        ):
            merged[-1] = (merged[-1][0] * dimension[0], *dimension[1:])
        else:
            merged.append(dimension)
    _countable(len(merged), shape)
    return whole_numbers([len(merged), *(dimension[k] for k in range(len(strides) + 1) for dimension in merged)])


@lru_cache(256)
def flat_plan(length: int, arrays: int) -> Any:
    """The loop over arrays that are contiguous."""
    return whole_numbers([1, length, *([1] * arrays)])


@lru_cache(4096)
def reduction_plan(shape: tuple[int, ...], strides: tuple[int, ...], reduced: tuple[int, ...]) -> Any:
    """The loops of a reduction over the dimensions `reduced`; see c/reduce.h."""
    groups: list[list[tuple[int, int]]] = [[], []]
    for dimension, (length, step) in enumerate(zip(shape, strides, strict=True)):
        group = groups[dimension in reduced]
        if length == 1:
            continue
        if group and group[-1][1] == step * length:
            group[-1] = (group[-1][0] * length, step)
        else:
            group.append((length, step))
    kept, gone = (group or [(1, 0)] for group in groups)
    _countable(max(len(kept), len(gone)), shape)
    return whole_numbers(
        [
            len(kept),
            len(gone),
            *(n for n, _ in kept),
            *(s for _, s in kept),
            *(n for n, _ in gone),
            *(s for _, s in gone),
        ]
    )
