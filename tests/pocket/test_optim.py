"""Steps of optimisers, against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import optim

from tests.pocket.calling import call, close, table

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
STEPS = 5


class Race:
    """PyTorch's optimiser and ours, from the same numbers, with the same gradients."""

    def __init__(self, kind: Any, dtype: torch.dtype, **options: Any) -> None:
        torch.manual_seed(0)
        self.theirs = torch.randn(37, dtype=dtype, requires_grad=True)
        self.ours = self.theirs.detach().clone()
        self.optimizer = kind([self.theirs], foreach=False, **options)

    def gradients(self) -> Any:
        for step in range(1, STEPS + 1):
            self.theirs.grad = torch.randn_like(self.theirs)
            yield step, self.theirs.grad
            self.optimizer.step()
            close(self.ours, self.theirs.detach())

    def zeros(self, there: object = True) -> torch.Tensor | None:
        return torch.zeros_like(self.ours) if there else None


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ],
)
def test_sgd(options: dict[str, Any], dtype: torch.dtype) -> None:
    race = Race(optim.SGD, dtype, lr=0.1, **options)
    o = {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False} | options
    buffer = torch.full_like(race.ours, torch.nan) if o["momentum"] else None
    flags = (int(o["nesterov"]), int(o["maximize"]))
    for step, g in race.gradients():
        first = int(step == 1)
        numbers = (0.1, o["momentum"], o["dampening"], o["weight_decay"])
        call("sgd", 1, table(race.ours, g, buffer), first, *numbers, *flags, dtype=dtype)


@BOTH
@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1}, {"amsgrad": True, "weight_decay": 0.2}, {"maximize": True}]
)
def test_adam(kind: Any, options: dict[str, Any], dtype: torch.dtype) -> None:
    options = {"weight_decay": 0.0, "amsgrad": False, "maximize": False} | options
    race = Race(kind, dtype, lr=0.01, betas=(0.8, 0.97), eps=1e-6, **options)
    mean, square, most = race.zeros(), race.zeros(), race.zeros(options["amsgrad"])
    flags = (int(kind is optim.AdamW), int(options["maximize"]))
    for step, g in race.gradients():
        numbers = (0.01, 0.8, 0.97, 1e-6, options["weight_decay"])
        call("adam", 1, table(race.ours, g, mean, square, most), step, *numbers, *flags, dtype=dtype)


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"centered": True},
        {"momentum": 0.9, "weight_decay": 0.1},
        {"centered": True, "momentum": 0.5, "maximize": True},
    ],
)
def test_rmsprop(options: dict[str, Any], dtype: torch.dtype) -> None:
    options = {"centered": False, "momentum": 0.0, "weight_decay": 0.0, "maximize": False} | options
    race = Race(optim.RMSprop, dtype, lr=0.01, alpha=0.9, eps=1e-6, **options)
    square, mean, buffer = race.zeros(), race.zeros(options["centered"]), race.zeros(options["momentum"])
    for _, g in race.gradients():
        numbers = (0.01, 0.9, 1e-6, options["weight_decay"], options["momentum"])
        call("rmsprop", 1, table(race.ours, g, square, mean, buffer), *numbers, int(options["maximize"]), dtype=dtype)


@BOTH
@pytest.mark.parametrize("options", [{}, {"lr_decay": 0.1, "weight_decay": 0.1}, {"maximize": True}])
def test_adagrad(options: dict[str, Any], dtype: torch.dtype) -> None:
    options = {"lr_decay": 0.0, "weight_decay": 0.0, "maximize": False} | options
    race = Race(optim.Adagrad, dtype, lr=0.1, eps=1e-8, **options)
    total = race.zeros()
    for step, g in race.gradients():
        numbers = (0.1, options["lr_decay"], 1e-8, options["weight_decay"])
        call("adagrad", 1, table(race.ours, g, total), step, *numbers, int(options["maximize"]), dtype=dtype)
