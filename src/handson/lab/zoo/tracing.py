"""Any plain module as a Network: its forward pass is followed once, and each call becomes a named layer."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Concat, GlobalPool, Network, Product, Step, Sum

_MEND = "Write the forward pass with modules of torch.nn, torch.cat, torch.flatten, +, * and plain pooling."


def traced(model: nn.Module, input_shape: tuple[int, int, int]) -> Network:
    """`model` as a Network of named layers that share its parameters; a Network is returned as it is.

    input_shape: (channels, height, width). A layer is called what its module is called, with "/" for ".", and a number
    behind the name if the module is used again; what is no module is called after the module that does it. Raises
    ZooError for a forward pass that depends on its input's values or uses what is not known here.
    """
    if isinstance(model, Network):
        return model
    tracer = _Tracer()
    try:
        graph = tracer.trace(model)
    except Exception as error:  # whatever a forward pass raises when it is given a stand-in for its input
        raise ZooError(
            f"The forward pass of {type(model).__name__} cannot be followed ({str(error).splitlines()[0]}).", _MEND
        ) from error
    names: dict[fx.Node, str] = {}
    taken: set[str] = set()
    steps: list[Step] = []
    input_name = ""
    for node in graph.nodes:
        if node.op == "output":
            break
        if node.op == "placeholder":
            if input_name:
                raise ZooError(f"{type(model).__name__} takes more than pictures.", "Give it a forward(pictures).")
            names[node] = input_name = "data"
            taken.add(input_name)
            continue
        modules, sources = _modules(tracer.root, node)
        inputs = tuple(names[source] for source in sources)
        for module in modules:
            name = _free(_called(node), taken)
            steps.append(Step(name, inputs, module))
            inputs = (name,)
        (names[node],) = inputs
    # The result of a forward pass is its last layer; what it does not need was computed for nothing.
    (result,) = node.args
    if not isinstance(result, fx.Node):
        raise ZooError(f"{type(model).__name__} returns more than one tensor.", "Let its forward return the scores.")
    needed, kept = {names[result]}, []
    for step in reversed(steps):
        if step.name in needed:
            kept.append(step)
            needed.update(step.inputs)
    network = Network(kept[::-1], input_shape, input_name)
    return network.train(model.training)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        ours = type(m).__module__.startswith("handson.lab.zoo.") and not any(True for _ in m.children())
        return super().is_leaf_module(m, module_qualified_name) or ours


Made = tuple[list[nn.Module], list[Any]]
"""Modules one behind another, and what feeds the first of them."""


def _modules(root: nn.Module, node: fx.Node) -> Made:
    """What a step of the forward pass does."""
    modules: list[nn.Module]
    sources: list[Any]
    if node.op == "call_module":
        modules, sources = [root.get_submodule(str(node.target))], [*node.args, *node.kwargs.values()]
    elif node.target in _RULES:
        try:
            modules, sources = _RULES[node.target](*node.args, **node.kwargs)
        except (TypeError, ValueError):
            raise _unknown(node) from None
    else:
        raise _unknown(node)
    if not all(isinstance(source, fx.Node) for source in sources):
        raise _unknown(node)
    return modules, sources


def _unknown(node: fx.Node) -> ZooError:
    what = getattr(node.target, "__name__", str(node.target))
    owner = _owner(node)
    return ZooError(f"{what}{' in ' + owner if owner else ''}, as it is called there, becomes no layer.", _MEND)


def _relu(x: Any, inplace: bool = False) -> Made:  # noqa: ARG001  # the result is the same
    return [nn.ReLU()], [x]


def _max_pool(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Made:  # fmt: skip
    if return_indices:
        raise ValueError
    return [nn.MaxPool2d(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)], [x]


def _avg_pool(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Made:  # fmt: skip
    return [nn.AvgPool2d(kernel_size, stride or None, padding, ceil_mode, count_include_pad)], [x]


def _adaptive(x: Any, output_size: Any) -> Made:
    if output_size not in (1, (1, 1), [1, 1]):
        raise ValueError
    return [GlobalPool()], [x]


def _mean(x: Any, dim: Any, keepdim: bool = False) -> Made:
    if set(dim) not in ({2, 3}, {-2, -1}):
        raise ValueError
    return [GlobalPool()] if keepdim else [GlobalPool(), nn.Flatten(1)], [x]


def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Made:
    if start_dim != 1 or end_dim != -1:
        raise ValueError
    return [nn.Flatten(1)], [x]


def _cat(tensors: Any, dim: int = 0) -> Made:
    if dim == 0:
        raise ValueError
    return [Concat(dim)], list(tensors)


def _add(x: Any, y: Any) -> Made:
    return [Sum()], [x, y]


def _mul(x: Any, y: Any) -> Made:
    return [Product()], [x, y]


_RULES: dict[Any, Callable[..., Made]] = {
    F.relu: _relu,
    torch.relu: _relu,
    "relu": _relu,
    F.max_pool2d: _max_pool,
    F.avg_pool2d: _avg_pool,
    F.adaptive_avg_pool2d: _adaptive,
    torch.mean: _mean,
    "mean": _mean,
    torch.flatten: _flatten,
    "flatten": _flatten,
    torch.cat: _cat,
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    "add": _add,
    operator.mul: _mul,
    torch.mul: _mul,
}
"""Functions, and by their names methods of a tensor: what module does the same, and what feeds it."""


def _owner(node: fx.Node) -> str:
    """The path of the module in whose forward pass `node` is."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]) if stack else ""


def _called(node: fx.Node) -> str:
    if node.op == "call_module":
        return str(node.target).replace(".", "/")
    what = node.name.rstrip("0123456789").rstrip("_")
    return "/".join(filter(None, (_owner(node).replace(".", "/"), what)))


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken or hasattr(_PLAIN, name):
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name


_PLAIN = nn.Module()
