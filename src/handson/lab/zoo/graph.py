"""A network as a list of named layers, each fed by layers before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from handson.lab.zoo.errors import ZooError, unknown

MOST_PARAMETERS = 400_000_000
"""More than any network of the zoo's kind has (VGG-19: 144 million); 1.6 GB."""
MOST_VALUES = 2_000_000_000
"""Numbers that all layers together may give for one picture, before a file is taken for a hostile one."""
MOST_LAYERS = 20_000


class Step(NamedTuple):
    """One layer: its name, the layers (or the input) that feed it, and what it does."""

    name: str
    inputs: tuple[str, ...]
    module: nn.Module


class Concat(nn.Module):
    """Puts its inputs (N, C1, H, W), (N, C2, H, W), … behind one another along `axis`."""

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The inputs, joined."""
        return torch.cat(inputs, self.axis)


class Sum(nn.Module):
    """Adds its inputs, all of one shape, each times its coefficient."""

    def __init__(self, coefficients: Sequence[float] = ()) -> None:
        super().__init__()
        self.coefficients = tuple(coefficients)

    def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        """The weighted sum."""
        if not self.coefficients:
            total = first
            for other in others:
                total = total + other
            return total
        total = first * self.coefficients[0]
        for other, coefficient in zip(others, self.coefficients[1:], strict=True):
            total = total + other * coefficient
        return total


class Product(nn.Module):
    """Multiplies its inputs, number by number."""

    def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        """The product."""
        for other in others:
            first = first * other
        return first


class Maximum(nn.Module):
    """The largest of its inputs, number by number."""

    def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        """The maximum."""
        for other in others:
            first = torch.maximum(first, other)
        return first


class GlobalPool(nn.Module):
    """One number for each channel: (N, C, H, W) → (N, C, 1, 1), its mean or its maximum."""

    def __init__(self, maximum: bool = False) -> None:
        super().__init__()
        self.maximum = maximum

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The mean or the maximum over places."""
        return inputs.amax((2, 3), keepdim=True) if self.maximum else inputs.mean((2, 3), keepdim=True)


class Pool(nn.Module):
    """Caffe's pooling: windows that begin in the picture or its padding, the last one cut off (ceil mode).

    A mean counts the padding. Jia et al., Caffe, 2014.
    """

    def __init__(self, window: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], mean: bool, ceil: bool):
        super().__init__()
        self.window, self.stride, self.pad, self.mean, self.ceil = window, stride, pad, mean, ceil

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) → (N, C, h, w)."""
        if self.mean:
            return F.avg_pool2d(inputs, self.window, self.stride, self.pad, self.ceil, count_include_pad=True)
        return F.max_pool2d(inputs, self.window, self.stride, self.pad, ceil_mode=self.ceil)


class Scale(nn.Module):
    """Multiplies each channel by its weight and adds its bias; (N, C, …)."""

    def __init__(self, channels: int, bias: bool = True, device: str = "cpu") -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels, device=device))
        self.bias = nn.Parameter(torch.zeros(channels, device=device)) if bias else None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The inputs, scaled."""
        shape = (1, -1, *[1] * (inputs.dim() - 2))
        scaled = inputs * self.weight.reshape(shape)
        return scaled if self.bias is None else scaled + self.bias.reshape(shape)


class InnerProduct(nn.Linear):
    """A fully connected layer; flattens what it is given: (N, C, H, W) → (N, outputs)."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The scores, (N, outputs)."""
        return super().forward(input.flatten(1))


class Network(nn.Module):
    """Named layers in an order in which each is fed by earlier ones.

    steps: the layers, checked: no name twice, no input that nothing before it makes, shapes that fit, a size that a
    laptop can hold. input_shape: (channels, height, width) that the file was written for; others of another height and
    width may do as well. Modules may be on the device "meta": nothing is allocated until numbers are filled in.
    Raises ZooError.
    """

    def __init__(self, steps: Sequence[Step], input_shape: tuple[int, int, int], input_name: str = "data") -> None:
        super().__init__()
        self.input_name, self.input_shape = input_name, input_shape
        self.steps = tuple(steps)
        self.layers = nn.Module()
        for name, _, module in self.steps:
            if name in self.layers._modules:
                raise ZooError(f"Two layers are called {name!r}.", "Layers need names of their own; mend the file.")
            if not name or "." in name or hasattr(self.layers, name):
                raise ZooError(f"A layer cannot be called {name!r}.", "Give it another name in the file.")
            self.layers.add_module(name, module)
        self._plans: dict[frozenset[str], tuple[_Planned, ...]] = {}
        fed = {name for step in self.steps for name in step.inputs}
        self.outputs = tuple(step.name for step in self.steps if step.name not in fed)
        """Layers that feed no other."""
        _check_sources(self.steps, input_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names, in the order they are computed."""
        return tuple(step.name for step in self.steps)

    @property
    def scores(self) -> str:
        """The layer that gives the scores: the last one, or what a softmax at the end turns into probabilities."""
        last = self.steps[-1]
        return last.inputs[0] if isinstance(last.module, nn.Softmax) and len(self.steps) > 1 else last.name

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the last layer says to `inputs` (N, channels, height, width)."""
        last = self.steps[-1].name
        return self.activations(inputs, [last])[last]

    def activations(self, inputs: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """What the layers `names` say to `inputs` (N, channels, height, width); nothing that they do not need is run.

        Raises ZooError with the right names for one that is not there.
        """
        values = {self.input_name: inputs}
        wanted = frozenset(names)
        for step, in_place, spent in self._plan(wanted):
            given = [values[name] for name in step.inputs]
            # A ReLU whose input nobody reads again overwrites it: less memory to move.
            values[step.name] = F.relu(given[0], inplace=True) if in_place else step.module(*given)
            for name in spent:
                del values[name]
        return {name: values[name] for name in names}

    def _plan(self, wanted: frozenset[str]) -> tuple[_Planned, ...]:
        if wanted not in self._plans:
            for name in wanted:
                if name not in self.layers._modules:
                    raise unknown("layer", name, self.names)
            self._plans[wanted] = _plan(self.steps, wanted, self.input_name)
        return self._plans[wanted]

    @torch.no_grad()
    def shapes(self, input_shape: tuple[int, int, int] | None = None) -> dict[str, tuple[int, ...]]:
        """The shape of every layer's output, without N, for pictures of `input_shape`. Computes and allocates nothing.

        Raises ZooError for shapes that do not fit one another, and for numbers beyond MOST_VALUES.
        """
        channels, height, width = input_shape or self.input_shape
        values = {self.input_name: torch.empty(1, channels, height, width, device="meta")}
        total = 0
        for step in self.steps:
            values[step.name] = attempt(step.name, step.module, [values[name] for name in step.inputs])
            total += values[step.name].numel()
            if total > MOST_VALUES:
                raise ZooError(
                    f"Up to layer {step.name!r}, one picture would make {total:,} numbers.",
                    f"No network for a laptop needs more than {MOST_VALUES:,}; use a smaller picture or another file.",
                )
        return {name: tuple(value.shape[1:]) for name, value in values.items() if name != self.input_name}


class _Planned(NamedTuple):
    step: Step
    in_place: bool
    spent: tuple[str, ...]
    """Values that nobody needs after this step."""


def _plan(steps: tuple[Step, ...], wanted: frozenset[str], input_name: str) -> tuple[_Planned, ...]:
    needed, chosen = set(wanted), []
    for step in reversed(steps):
        if step.name in needed:
            chosen.append(step)
            needed.update(step.inputs)
    chosen.reverse()
    last_use = {name: index for index, step in enumerate(chosen) for name in step.inputs}
    planned = []
    for index, step in enumerate(chosen):
        spent = tuple(name for name in dict.fromkeys(step.inputs) if last_use[name] == index and name not in wanted)
        in_place = (
            isinstance(step.module, nn.ReLU)
            and step.inputs[0] in spent
            and step.inputs[0] != input_name
            # These do not need their own output to find gradients, and give it to nobody else.
            and any(other.name == step.inputs[0] and isinstance(other.module, nn.Conv2d) for other in chosen)
        )
        planned.append(_Planned(step, in_place, spent))
    return tuple(planned)


def _check_sources(steps: Sequence[Step], input_name: str) -> None:
    if not steps:
        raise ZooError("The network has no layer.", "Is this a deploy file?")
    if len(steps) > MOST_LAYERS:
        raise ZooError(f"The network has {len(steps):,} layers.", f"More than {MOST_LAYERS:,} are not read.")
    made = {input_name}
    later = {step.name for step in steps}
    for step in steps:
        for name in step.inputs:
            if name not in made:
                why = "which comes later: a cycle" if name in later else "which nothing makes"
                raise ZooError(f"Layer {step.name!r} needs {name!r}, {why}.", "Each layer needs only earlier ones.")
        made.add(step.name)


def _has_numbers(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None or next(module.buffers(), None) is not None


def _without_numbers(module: nn.Module) -> Callable[..., torch.Tensor]:
    numbers = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    meta = {name: torch.empty_like(value, device="meta") for name, value in numbers.items()}

    def call(*inputs: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = torch.func.functional_call(module, meta, inputs)
        return output

    return call


def attempt(name: str, module: nn.Module, inputs: list[torch.Tensor]) -> torch.Tensor:
    """A tensor on the device "meta" of the shape that `module` gives for `inputs`; nothing is computed.

    Raises ZooError with the layer's `name` and the shapes where it cannot take them.
    """
    from handson.lab.zoo.shapes import shape_of  # knows this file's modules

    try:
        shape = shape_of(module, [tuple(value.shape) for value in inputs])
        if shape is not None:
            return torch.empty(shape, device="meta")
        return (_without_numbers(module) if _has_numbers(module) else module)(*inputs)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        shapes = " and ".join(str(tuple(value.shape[1:])) for value in inputs) or "nothing"
        reason = str(error).splitlines()[0]
        raise ZooError(
            f"Layer {name!r} cannot take {shapes} ({reason}).",
            "The layers' sizes do not fit one another, or the picture is too small for this network.",
        ) from None
