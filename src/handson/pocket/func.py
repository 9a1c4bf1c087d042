"""`torch.func`: a module called with other parameters than its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handson.pocket.tensor import Tensor


def functional_call(
    module: Any,
    parameters_and_buffer_dicts: Mapping[str, Tensor],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """`module(*args)` with these tensors, by dotted name, in place of its parameters and buffers."""
    swapped: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, value in parameters_and_buffer_dicts.items():
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path)
            kind = owner._parameters if last in owner._parameters else owner._buffers
            if last not in kind:
                raise KeyError(f"{name} is no parameter or buffer of {type(module).__name__}")
            swapped.append((kind, last, kind[last]))
            kind[last] = value
        given = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*given, **(kwargs or {}))
    finally:
        for kind, last, value in reversed(swapped):
            kind[last] = value
