"""Train the zoo's own networks on CIFAR-10 and write their weights and log.

    python scripts/train_cifar.py cifar-large --assets ../shared/assets
    python scripts/train_cifar.py all

Reads the first 20,000 training pictures (cifar10_batch_0..19.png, one picture a row) and 1,000 test pictures
(cifar10_batch_50.png), which no choice here was made on. Writes src/handson/lab/zoo/weights/NAME.safetensors and the
run into scripts/train_cifar.log.json. CPU only; another machine or number of threads gives other last digits.

Means: one-cycle learning rate (Smith 2018), label smoothing, shifts, flips, cutout (DeVries, Taylor 2017), a first
layer that starts as the whitening of its patches and a flip that alternates (Jordan, "94% on CIFAR-10 in 3.29
seconds", 2024), smaller pictures first, the mean of the last weights (Polyak, Juditsky 1992). cifar-robust sees every
picture after one step of length `radius` that hurts most (Goodfellow et al. 2015, in L2): networks trained so have
gradients that people can read (Engstrom et al., "Adversarial robustness as a prior for learned representations", 2019).
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import math
import platform
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from handson.lab.zoo.cifar import DESIGNS, MEAN, STD, CifarNet, load_cifar

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src" / "handson" / "lab" / "zoo" / "weights"
LOG = ROOT / "scripts" / "train_cifar.log.json"
MARGIN = 4  # pixels that a picture may be shifted


@dataclass(frozen=True)
class Recipe:
    epochs: int
    rate: float  # the highest learning rate
    hole: int  # side of the square that cutout blanks, pixels
    radius: float = 0.0  # length of the step against the network, in L2, pixels in 0..1
    decay: float = 5e-4
    smoothing: float = 0.1
    batch: int = 256
    small: int = 24  # pixels of the pictures in the first half of the epochs: half the work


RECIPES = {
    "cifar-small": Recipe(epochs=24, rate=0.4, hole=0),
    "cifar-medium": Recipe(epochs=20, rate=0.3, hole=4),
    "cifar-large": Recipe(epochs=18, rate=0.3, hole=8),
    "cifar-robust": Recipe(epochs=16, rate=0.3, hole=0, radius=0.5),
}


def read_batches(folder: Path, numbers: range) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures uint8 (N, 32, 32, 3) and labels int64 (N,) of the batches with these numbers, 1,000 each."""
    listed = re.search(r"\[.*?\]", (folder / "cifar10_labels.js").read_text(), re.DOTALL)
    assert listed
    labels = torch.tensor(json.loads(listed[0]))
    pictures = []
    for number in numbers:
        with Image.open(folder / f"cifar10_batch_{number}.png") as sheet:
            pictures.append(np.asarray(sheet.convert("RGB")).reshape(-1, 32, 32, 3))
    return torch.from_numpy(np.concatenate(pictures)), labels[numbers.start * 1000 : numbers.stop * 1000]


def normalize(pictures: torch.Tensor) -> torch.Tensor:
    """(N, 3, h, w) in 0..1 as the network wants them."""
    return (pictures - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def shrink(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """(N, 3, h, w) as (N, 3, size, size)."""
    small = F.interpolate(pictures, size=size, mode="bilinear", antialias=True, align_corners=False)
    return small.contiguous(memory_format=torch.channels_last)


def with_batchnorm(network: CifarNet) -> nn.Sequential:
    """The same network as it is trained: each convolution without bias, followed by a batch normalization."""
    children: OrderedDict[str, nn.Module] = OrderedDict()
    for name, child in network.named_children():
        if isinstance(child, nn.Conv2d):
            size = child.kernel_size[0]
            children[name] = nn.Conv2d(child.in_channels, child.out_channels, size, padding=size // 2, bias=False)
            children[name.replace("conv", "norm")] = nn.BatchNorm2d(child.out_channels)
        else:
            children[name] = copy.deepcopy(child)
    return nn.Sequential(children)


def fold(trained: nn.Sequential, network: CifarNet) -> None:
    """Put the convolutions of `trained`, each with its batch normalization folded in, into `network`."""
    for name, child in network.named_children():
        source = trained.get_submodule(name)
        if isinstance(child, nn.Conv2d):
            norm = trained.get_submodule(name.replace("conv", "norm"))
            weight, bias = fuse_conv_bn_weights(
                source.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            child.weight, child.bias = weight, bias
        elif isinstance(child, nn.Linear):
            child.load_state_dict(source.state_dict())


def whiten(first: nn.Conv2d, pictures: torch.Tensor) -> None:
    """Start the first layer as the main directions of its patches and their opposites, each scaled to variance one."""
    size = first.kernel_size[0]
    patches = F.unfold(normalize(pictures), size, stride=3).transpose(1, 2).flatten(0, 1)
    patches = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    half = first.out_channels // 2
    main = vectors.flip(1)[:, :half] / (values.flip(0)[:half] + 1e-2).sqrt()
    filters = main.T.reshape(half, 3, size, size)
    first.weight.data.copy_(torch.cat([filters, -filters]))


class Pictures:
    """Batches of the training pictures, shifted, flipped in every second epoch, with a hole."""

    def __init__(self, pictures: torch.Tensor, labels: torch.Tensor, recipe: Recipe) -> None:
        moved = pictures.permute(0, 3, 1, 2).float()
        padded = F.pad(moved, (MARGIN,) * 4, mode="reflect").to(torch.uint8)
        self.padded = padded.permute(0, 2, 3, 1).contiguous()
        self.labels, self.recipe = labels, recipe
        self.flipped = torch.rand(len(labels)) < 0.5

    def epoch(self, number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self.labels))
        for chosen in order.split(self.recipe.batch):
            if len(chosen) == self.recipe.batch:
                yield self.batch(chosen, number), self.labels[chosen]

    def batch(self, chosen: torch.Tensor, epoch: int) -> torch.Tensor:
        count = len(chosen)
        shift = torch.randint(0, 2 * MARGIN + 1, (2, count, 1))
        rows = shift[0] + torch.arange(32)
        flip = (self.flipped[chosen] ^ (epoch % 2 == 1))[:, None]
        columns = shift[1] + torch.where(flip, torch.arange(31, -1, -1), torch.arange(32))
        taken = self.padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        pictures = taken.permute(0, 3, 1, 2).float() / 255
        if hole := self.recipe.hole:
            corner = torch.randint(1 - hole // 2, 32 - hole // 2, (2, count, 1))
            inside = (torch.arange(32) >= corner) & (torch.arange(32) < corner + hole)
            blank = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
            pictures = torch.where(blank, torch.tensor(MEAN).view(1, 3, 1, 1), pictures)
        return pictures.contiguous(memory_format=torch.channels_last)


def hurt(model: nn.Module, pictures: torch.Tensor, labels: torch.Tensor, radius: float, steps: int = 1) -> torch.Tensor:
    """The pictures moved by at most `radius` (L2) to where the loss is higher: by gradient, in `steps` steps."""
    moved = pictures.clone()
    for _ in range(steps):
        moved.requires_grad_(True)
        (slope,) = torch.autograd.grad(F.cross_entropy(model(normalize(moved)), labels, reduction="sum"), moved)
        length = slope.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
        stride = radius if steps == 1 else 2.5 * radius / steps
        offset = moved.detach() + stride * slope / length - pictures
        far = (offset.flatten(1).norm(dim=1) / radius).clamp_min(1).view(-1, 1, 1, 1)
        moved = (pictures + offset / far).clamp(0, 1)
    return moved.detach()


def measure(model: nn.Module, pictures: torch.Tensor, labels: torch.Tensor, radius: float = 0.0) -> float:
    """Accuracy on pictures uint8 (N, 32, 32, 3); after ten steps against the network if there is a radius."""
    right = 0
    for some, truth in zip(pictures.split(250), labels.split(250), strict=True):
        batch = some.permute(0, 3, 1, 2).float() / 255
        if radius:
            batch = hurt(model, batch, truth, radius, steps=10)
        with torch.no_grad():
            right += int((model(normalize(batch)).argmax(1) == truth).sum())
    return right / len(labels)


def train(name: str, folder: Path, seed: int, epochs: int | None, threads: int) -> dict[str, object]:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    recipe = RECIPES[name]
    if epochs:
        recipe = Recipe(**{**asdict(recipe), "epochs": epochs})
    train_pictures, train_labels = read_batches(folder, range(20))
    test_pictures, test_labels = read_batches(folder, range(50, 51))

    network = CifarNet(DESIGNS[name].stages)
    model = with_batchnorm(network).to(memory_format=torch.channels_last)
    whiten(model.conv1, train_pictures[:2000].permute(0, 3, 1, 2).float() / 255)
    plain = [p for p in model.parameters() if p.ndim == 1]
    heavy = [p for p in model.parameters() if p.ndim > 1]
    groups = [{"params": heavy, "weight_decay": recipe.decay}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    steps = recipe.epochs * (len(train_labels) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.rate,
        steps,
        pct_start=0.25,
        anneal_strategy="linear",
        cycle_momentum=False,
        final_div_factor=1e3,
    )
    mean = copy.deepcopy(model)
    source = Pictures(train_pictures, train_labels, recipe)

    history, wall, cpu = [], time.perf_counter(), time.process_time()
    for epoch in range(recipe.epochs):
        model.train()
        total, right, seen = 0.0, 0, 0
        # The radius grows over the first fifth: the network first learns to see.
        radius = recipe.radius * min(1.0, (epoch + 1) / (recipe.epochs / 5))
        small = epoch < recipe.epochs // 2
        if small:
            radius *= recipe.small / 32
        for whole, truth in source.epoch(epoch):
            batch = shrink(whole, recipe.small) if small else whole
            pictures = hurt(model, batch, truth, radius) if radius else batch
            logits = model(normalize(pictures))
            loss = F.cross_entropy(logits, truth, label_smoothing=recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                keep = 0.98 if epoch < recipe.epochs // 2 else 0.995
                for kept, now in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
                    if kept.is_floating_point():
                        kept.lerp_(now, 1 - keep)
            total += float(loss.detach()) * len(truth)
            right += int((logits.argmax(1) == truth).sum())
            seen += len(truth)
        mean.eval()
        history.append(
            {
                "epoch": epoch + 1,
                "loss": round(total / seen, 4),
                "train_accuracy": round(right / seen, 4),
                "test_accuracy": round(measure(mean, test_pictures, test_labels), 4),
                "cpu_seconds": round(time.process_time() - cpu, 1),
                "wall_seconds": round(time.perf_counter() - wall, 1),
            }
        )
        print(name, json.dumps(history[-1]), flush=True)

    fold(mean, network)
    network.eval().requires_grad_(False)
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    path = WEIGHTS / f"{name}.safetensors"
    halves = {key: value.detach().half().contiguous() for key, value in network.state_dict().items()}
    save_file(halves, path)

    stored = load_cifar(name)
    pictures = normalize(test_pictures.permute(0, 3, 1, 2).float() / 255)
    with torch.no_grad():
        exact, halved = mean(pictures), stored(pictures)
    accuracy = measure(stored, test_pictures, test_labels)
    return {
        "command": " ".join(["python", "scripts/train_cifar.py", name, "--seed", str(seed), "--threads", str(threads)]),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seed": seed,
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in stored.parameters()),
        "training_pictures": len(train_labels),
        "test_pictures": len(test_labels),
        "test_accuracy": accuracy,
        "test_accuracy_standard_error": round(math.sqrt(accuracy * (1 - accuracy) / len(test_labels)), 4),
        "test_accuracy_after_10_steps_against_it": {
            str(radius): measure(stored, test_pictures, test_labels, radius) for radius in (0.25, 0.5)
        },
        "largest_difference_of_logits_by_folding_and_halving": round(float((exact - halved).abs().max()), 5),
        "cpu_seconds": history[-1]["cpu_seconds"],
        "wall_seconds": history[-1]["wall_seconds"],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "history": history,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the zoo's own networks on CIFAR-10.")
    parser.add_argument("name", choices=[*RECIPES, "all"])
    parser.add_argument("--assets", type=Path, default=ROOT.parent / "shared" / "assets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for name in RECIPES if options.name == "all" else [options.name]:
        run = train(name, options.assets / "cifar10", options.seed, options.epochs, options.threads)
        runs = json.loads(LOG.read_text()) if LOG.exists() else {}
        runs[name] = run
        LOG.write_text(json.dumps({key: runs[key] for key in RECIPES if key in runs}, indent=1) + "\n")
        shown = {key: value for key, value in run.items() if key != "history"}
        print(json.dumps(shown, indent=1), file=sys.stderr)


if __name__ == "__main__":
    main()
