"""The zoo's own networks: what is stored is what the log says was trained, and does what the log says it does."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from handson.lab.zoo.cifar import CLASSES, DESIGNS, MEAN, STD, CifarNet, load_cifar
from tests.conftest import ROOT

LOG: dict[str, dict[str, Any]] = json.loads((ROOT / "scripts" / "train_cifar.log.json").read_text())
ABOUT = {
    "cifar-small": (20_000, 40_000),
    "cifar-medium": (150_000, 250_000),
    "cifar-large": (800_000, 1_200_000),
    "cifar-robust": (800_000, 1_200_000),
}


def stored(name: str) -> Path:
    return Path(str(importlib.resources.files("handson.lab.zoo") / "weights" / f"{name}.safetensors"))


def test_every_network_has_its_weights_and_its_log() -> None:
    assert set(DESIGNS) == set(LOG) == set(ABOUT) == {path.stem for path in stored("x").parent.glob("*.safetensors")}


@pytest.mark.parametrize("name", DESIGNS)
def test_the_weights_are_the_ones_that_the_log_tells_of(name: str) -> None:
    assert hashlib.sha256(stored(name).read_bytes()).hexdigest() == LOG[name]["sha256"]
    assert len(LOG[name]["history"]) == LOG[name]["recipe"]["epochs"]


@pytest.mark.parametrize("name", DESIGNS)
def test_the_number_of_parameters_is_the_stated_one(name: str) -> None:
    low, high = ABOUT[name]
    counted = sum(parameter.numel() for parameter in load_cifar(name).parameters())
    assert low <= counted == DESIGNS[name].parameters == LOG[name]["parameters"] <= high


@pytest.mark.parametrize("name", DESIGNS)
def test_a_loaded_network_is_ready_for_pictures(name: str) -> None:
    network = load_cifar(name)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(parameter.dtype == torch.float32 and parameter.isfinite().all() for parameter in network.parameters())
    assert network.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    for height, width in ((32, 32), (45, 100)):
        pictures = torch.randn(2, 3, height, width, requires_grad=True)
        logits = network(pictures)
        assert logits.shape == (2, len(CLASSES))
        (slope,) = torch.autograd.grad(logits[:, 3].sum(), pictures)
        assert slope.abs().sum() > 0


@pytest.mark.parametrize("name", DESIGNS)
def test_the_children_run_in_order_under_plain_names(name: str) -> None:
    network = load_cifar(name)
    names = [child for child, _ in network.named_children()]
    assert names[:3] == ["conv1", "relu1", "pool1"]
    assert names[-3:] == ["average", "flatten", "logits"]
    assert all(isinstance(child, nn.Conv2d | nn.ReLU | nn.AvgPool2d) for child in list(network.children())[:-3])
    pictures = torch.randn(1, 3, 32, 32)
    step = pictures
    for child in network.children():
        before = step.clone()
        after = child(step)
        assert torch.equal(step, before), "nothing works in place"
        step = after
    assert torch.allclose(step, network(pictures))


def test_no_unit_of_the_last_layer_is_dead() -> None:
    generator = torch.Generator().manual_seed(0)
    rough = torch.nn.functional.interpolate(torch.randn(64, 3, 8, 8, generator=generator), size=32, mode="bicubic")
    for name in DESIGNS:
        features = rough
        for child_name, child in load_cifar(name).named_children():
            if child_name == "average":
                break
            features = child(features)
        alive = (features.amax((0, 2, 3)) > 0).float().mean()
        assert alive > 0.9, f"{name}: {1 - alive:.0%} of the last layer's units stayed silent on 64 random pictures"


def test_another_name_is_answered_with_the_names() -> None:
    with pytest.raises(
        ValueError, match=re.escape("no network 'cifar-huge' here; there are cifar-small, cifar-medium")
    ):
        load_cifar("cifar-huge")


def test_the_weights_are_small_enough_to_keep() -> None:
    assert sum(stored(name).stat().st_size for name in DESIGNS) < 4_000_000


def test_a_network_of_another_width_can_be_made() -> None:
    assert CifarNet(((8,), (8,)))(torch.randn(1, 3, 32, 32)).shape == (1, 10)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_stated_accuracy_is_what_it_gets(name: str, mirror: Path) -> None:
    with Image.open(mirror / "cifar10" / "cifar10_batch_50.png") as sheet:
        pictures = torch.from_numpy(np.array(sheet.convert("RGB"))).reshape(-1, 32, 32, 3).permute(0, 3, 1, 2) / 255
    listed = re.search(r"\[.*?\]", (mirror / "cifar10" / "cifar10_labels.js").read_text(), re.DOTALL)
    assert listed
    labels = torch.tensor(json.loads(listed[0])[50_000:51_000])
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    network = load_cifar(name)
    right = sum(
        int((network((some - mean) / std).argmax(1) == truth).sum())
        for some, truth in zip(pictures.split(250), labels.split(250), strict=True)
    )
    # Another processor may round a picture or two across a border.
    assert abs(right / len(labels) - LOG[name]["test_accuracy"]) <= 0.003
