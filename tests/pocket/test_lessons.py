"""The lessons' networks, trained 200 steps by both libraries from the same weights: the same losses at every step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import handson.pocket as pocket

STEPS = 200


def paint(t: Any) -> Iterator[float]:
    """Lesson 1: from places to colours, Adam and one cycle of the learning rate."""
    t.manual_seed(0)
    nn = t.nn
    net = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3), nn.Sigmoid())
    optimizer = t.optim.Adam(net.parameters(), 0.01)
    schedule = t.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=STEPS, pct_start=0.05)
    axis = t.linspace(-1, 1, 24)
    places = t.stack(t.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    colours = t.stack(
        [(places[:, 0] * 3).sin() * 0.5 + 0.5, (places[:, 1] > 0).float(), (places**2).sum(1).sqrt() / 1.5], 1
    )
    dice = t.Generator().manual_seed(1)
    for _ in range(STEPS):
        some = t.randint(len(places), (256,), generator=dice)
        loss = ((net(places[some]) - colours[some]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield float(loss.detach())


def pictures(t: Any, count: int) -> tuple[Any, Any]:
    """Ten kinds of stripes with noise, 24 × 24: drawn from the generator, so that both libraries see the same."""
    dice = t.Generator().manual_seed(5)
    labels = t.randint(10, (count,), generator=dice)
    line = t.arange(24.0)
    waves = t.stack(
        [((line[:, None] * math.cos(k / 3) + line * math.sin(k / 3)) * (0.3 + 0.05 * k)).sin() for k in range(10)]
    )
    return waves[labels][:, None] + 0.5 * t.rand(count, 1, 24, 24, generator=dice), labels


def digits(t: Any) -> Iterator[float]:
    """Lesson 2: three convolutions with batch norm."""
    t.manual_seed(0)
    nn, entropy = t.nn, t.nn.functional.cross_entropy
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    images, labels = pictures(t, 320)
    optimizer = t.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    for step in range(STEPS):
        first = step * 16 % 320
        loss = entropy(net(images[first : first + 16]), labels[first : first + 16])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


def dense(t: Any) -> Iterator[float]:
    """Lesson 2's first network: two layers, Adam."""
    t.manual_seed(0)
    nn, entropy = t.nn, t.nn.functional.cross_entropy
    net = nn.Sequential(nn.Flatten(), nn.Linear(576, 128), nn.ReLU(), nn.Linear(128, 10))
    images, labels = pictures(t, 320)
    optimizer = t.optim.Adam(net.parameters(), lr=0.001)
    for step in range(STEPS):
        first = step * 16 % 320
        loss = entropy(net(images[first : first + 16]), labels[first : first + 16])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


def last_part(t: Any) -> Iterator[float]:
    """Lesson 5: a last layer on features that stand still."""
    t.manual_seed(0)
    entropy = t.nn.functional.cross_entropy
    features = t.nn.functional.normalize(t.randn(40, 64, generator=t.Generator().manual_seed(2)))
    kinds = t.arange(40) % 2
    layer = t.nn.Linear(64, 2)
    optimizer = t.optim.Adam(layer.parameters(), lr=0.05, weight_decay=0.01)
    for _ in range(STEPS):
        loss = entropy(layer(features), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield float(loss.detach())


@pytest.mark.parametrize("lesson", [paint, digits, dense, last_part])
def test_the_same_losses(lesson: Any) -> None:
    torch.set_num_threads(1)
    ours, theirs = list(lesson(pocket)), list(lesson(torch))
    worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    assert worst < 1e-3, worst
    assert ours[-1] < ours[0] * 0.8
