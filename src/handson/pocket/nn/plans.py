"""Plans of the calls that layers in a row make, there and back: which functions of C, of which places in memory.

A plan is made once for a shape (`plan_of`); `fused` runs it by filling in addresses.
"""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from handson.pocket.nn.steps import (
    INPUT,
    INPUT_GRADIENT,
    KEPT,
    MOST,
    OTHER_SPARE,
    OUTPUT,
    OUTPUT_GRADIENT,
    SPARE,
    TENSORS,
    WORK,
    BatchNorm,
    Builder,
    MaxPool,
    Product,
    Rectifier,
    Reference,
    Reshaped,
    Shape,
    Step,
    UnfitError,
    needs,
)
from handson.pocket.tensor import numel


@dataclass(frozen=True)
class _Direction:
    """What `hp_run` is given, and the scratch memory of its bases."""

    calls: int
    program: Any
    descriptors: tuple[Any, ...]
    """Kept alive: the program holds their addresses."""
    work: int
    spare: int
    other_spare: int


@dataclass(frozen=True)
class Plan:
    """The calls for one shape. `saved`: the numbers of the tensors that the way back reads."""

    name: str
    shape: Shape
    kept: int
    forward: _Direction
    backward: _Direction | None
    saved: tuple[int, ...]
    saves_input: bool
    saves_output: bool
    changed: tuple[int, ...]


def _rounded(count: int) -> int:
    return -(-count // 64) * 64


def _direction(b: Builder) -> _Direction:
    program = (ctypes.c_longlong * len(b.numbers))(*b.numbers)
    memory = (_rounded(b.bytes[base]) for base in (WORK, SPARE, OTHER_SPARE))
    return _Direction(b.calls, program, tuple(b.descriptors), *memory)


Of = tuple[Shape, str, bool] | None
"""Of a tensor: shape, dtype and whether its gradient is wanted."""


@lru_cache(256)
def plan_of(
    layers: tuple[tuple[Any, ...], ...], shape: Shape, tensors: tuple[Of, ...], wants_input: bool, records: bool
) -> Plan | None:
    """The plan for layers (each a kind of step, the number of its tensors, and its settings), or None where it must be
    layer by layer."""
    try:
        return _planned(layers, shape, tensors, wants_input, records)
    except UnfitError:
        return None


def _planned(
    layers: tuple[tuple[Any, ...], ...], shape: Shape, tensors: tuple[Of, ...], wants_input: bool, records: bool
) -> Plan:
    needs(0 < numel(shape) < MOST)
    steps: list[Step] = []
    first = 0
    makers: list[Step] = []
    changed: list[int] = []
    for kind, count, *settings in layers:
        own = range(first, first + count)
        for k in own:
            of = tensors[k]
            needs(of is None or of[1] == ("q" if kind is BatchNorm and k == own[4] else "f"))
        step: Step = kind(settings, shape, [of[0] if (of := tensors[k]) else None for k in own])
        needs(0 < numel(step.shape) < MOST)
        step.tensors = [(TENSORS + k, 0) if tensors[k] else None for k in own]
        step.gradients = [
            (TENSORS + len(tensors) + k, 0) if records and (of := tensors[k]) and of[2] else None for k in own
        ]
        if isinstance(step, Rectifier):
            step.makes = not makers
            needs(not (step.makes and settings[0]))  # in place, of the input
            if steps and isinstance(steps[-1], Product):
                steps[-1].rectified = step.done = True
        if isinstance(step, BatchNorm) and step.training:
            changed += own[2:]
        makers += [step] if step.makes else []
        steps.append(step)
        shape, first = step.shape, first + count
    needs(len(makers) > 1)
    name = steps[-1].name
    _pool_before_rectifying(steps)

    ahead = Builder(records)
    value: Reference = (INPUT, 0)
    for step in steps:
        step.x = value
        if step.makes:
            value = (OUTPUT, 0) if step is makers[-1] else ahead.array(step.shape)
        step.y = value
        step.forward(ahead)
    back = _ways_back(steps, makers, wants_input) if records else None
    read = _bases(back.numbers) if back else set()
    return Plan(
        name=name,
        shape=shape,
        kept=ahead.bytes[KEPT],
        forward=_direction(ahead),
        backward=None if back is None else _direction(back),
        saved=tuple(k for k in range(len(tensors)) if TENSORS + k in read),
        saves_input=INPUT in read,
        saves_output=OUTPUT in read,
        changed=tuple(changed),
    )


def _pool_before_rectifying(steps: list[Step]) -> None:
    """The largest of rectified values is the largest value, rectified, and so is its gradient: there are fewer then."""
    for k, (step, pool) in enumerate(itertools.pairwise(steps)):
        if isinstance(step, Rectifier) and not step.makes and not step.done and isinstance(pool, MaxPool):
            step.shape = pool.shape
            steps[k : k + 2] = pool, step


def _ways_back(steps: list[Step], makers: list[Step], wants_input: bool) -> Builder:
    back = Builder(records=False)
    g: Reference = (OUTPUT_GRADIENT, 0)
    for k in reversed(range(len(steps))):
        step = steps[k]
        further = wants_input or any(any(earlier.gradients) for earlier in steps[:k])
        if not further and not any(step.gradients):
            break
        if isinstance(step, Reshaped):
            continue
        gx: Reference | None = None
        if further:
            if step is makers[0]:
                gx = (INPUT_GRADIENT, 0)
            elif not step.makes and g[0] != OUTPUT_GRADIENT:
                gx = g
            else:
                gx = back.spare(step.given)
        step.backward(back, g, gx)
        if gx is None:
            break
        g = gx
    return back


def _bases(numbers: list[int]) -> set[int]:
    """The bases that a program uses."""
    found: set[int] = set()
    at = 0
    while at < len(numbers):
        count = numbers[at + 1]
        found |= {*numbers[at + 2 : at + 2 + 2 * count : 2]}
        at += 2 + 2 * count
    return found
