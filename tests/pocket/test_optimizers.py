"""Optimisers and schedules over 50 steps, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import handson.pocket as pocket

OPTIMIZERS = [
    "SGD(p, lr=0.1)", "SGD(p, 0.1, momentum=0.9)", "SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01)", "SGD(p, 0.1, momentum=0.8, dampening=0.5)", "SGD(p, 0.1, maximize=True)",
    "Adam(p)", "Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6)", "Adam(p, 0.01, weight_decay=0.1)", "Adam(p, 0.01, amsgrad=True)", "AdamW(p, 0.01)", "AdamW(p, 0.01, weight_decay=0.2)",
    "RMSprop(p)", "RMSprop(p, 0.01, alpha=0.9, momentum=0.5, centered=True)", "Adagrad(p, 0.1)", "Adagrad(p, 0.1, lr_decay=0.01, initial_accumulator_value=0.5)",
    "Adam([{'params': p[:1], 'lr': 0.1}, {'params': p[1:]}], lr=0.01)",
]  # fmt: skip
SCHEDULES = [
    "StepLR(o, 10, 0.5)", "MultiStepLR(o, [5, 20, 30])", "ExponentialLR(o, 0.9)", "LinearLR(o, 0.2, total_iters=10)", "CosineAnnealingLR(o, 25)", "CosineAnnealingLR(o, 10, eta_min=0.01)", "LambdaLR(o, lambda n: 1 / (1 + n))",
    "OneCycleLR(o, 0.5, total_steps=60)", "OneCycleLR(o, 0.5, epochs=6, steps_per_epoch=10, pct_start=0.1, anneal_strategy='linear')", "OneCycleLR(o, 0.5, total_steps=55, div_factor=5, final_div_factor=10)",
]  # fmt: skip


def started(t: Any) -> list[Any]:
    return [t.nn.Parameter(t.tensor([1.0, -2.0, 3.0])), t.nn.Parameter(t.tensor([[0.5], [-0.5]]))]


def loss_of(parameters: list[Any]) -> Any:
    a, b = parameters
    return ((a - 0.5) ** 2).sum() + (b * a[:2].reshape(2, 1)).sin().sum() + (b**4).sum()


def path(t: Any, text: str, steps: int = 50) -> list[list[float]]:
    parameters = started(t)
    optimizer = eval(f"t.optim.{text}", {"t": t, "p": parameters})
    places = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(parameters).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0) if t is torch else pocket.nn.utils.clip_grad_norm_(
            parameters, 1.0
        )
        optimizer.step()
        places.append([v for p in parameters for v in p.flatten().tolist()])
    return places


@pytest.mark.parametrize("text", OPTIMIZERS)
def test_fifty_steps(text: str) -> None:
    for ours, theirs in zip(path(pocket, text), path(torch, text), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("text", SCHEDULES)
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_schedules(text: str) -> None:
    rates = []
    for t in (pocket, torch):
        optimizer = t.optim.SGD(started(t), 0.2, momentum=0.9)
        schedule = eval(f"t.optim.lr_scheduler.{text}", {"t": t, "o": optimizer})
        rates.append([])
        for _ in range(50):
            optimizer.step()
            schedule.step()
            rates[-1] += [
                schedule.get_last_lr()[0],
                optimizer.param_groups[0]["lr"],
                optimizer.param_groups[0]["momentum"],
            ]
    assert rates[0] == pytest.approx(rates[1], rel=1e-9)


def test_a_plateau() -> None:
    rates = []
    for t in (pocket, torch):
        optimizer = t.optim.SGD(started(t), 0.2)
        schedule = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, factor=0.5)
        rates.append([])
        for value in (3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0.5):
            schedule.step(value)
            rates[-1].append(optimizer.param_groups[0]["lr"])
    assert rates[0] == rates[1]


@pytest.mark.parametrize("text", ["SGD(p, 0.1, momentum=0.9)", "Adam(p, 0.05)", "RMSprop(p, 0.01)"])
def test_a_state_goes_on_where_it_was(text: str) -> None:
    ends = []
    for broken in (False, True):
        parameters = started(pocket)
        optimizer = eval(f"t.optim.{text}", {"t": pocket, "p": parameters})
        for step in range(20):
            if broken and step == 10:
                state = optimizer.state_dict()
                optimizer = eval(f"t.optim.{text}", {"t": pocket, "p": parameters})
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            loss_of(parameters).backward()
            optimizer.step()
        ends.append([p.tolist() for p in parameters])
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "text",
    [
        "SGD([])",
        "SGD(p, lr=-1)",
        "Adam(p, betas=(1.5, 0.9))",
        "SGD(p, 0.1, nesterov=True)",
        "SGD(3)",
        "SGD(p[0])",
        "SGD([3])",
        "SGD([p[0], p[0]])",
    ],
)
@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate")
def test_what_cannot_be_optimised(text: str) -> None:
    errors: list[Any] = []
    for t in (pocket, torch):
        try:
            eval(f"t.optim.{text}", {"t": t, "p": started(t)})
            errors.append(None)
        except (ValueError, TypeError) as error:
            errors.append(error)
    assert type(errors[0]) is type(errors[1]), errors
    if "[p[0], p[0]]" not in text and errors[1] is not None:
        assert str(errors[0]).split(",")[0][:25] == str(errors[1]).split(",")[0][:25]
