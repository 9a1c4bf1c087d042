"""Contestants in Python, for handson.pocket in the page and natively, and for PyTorch: seconds of a training step."""

import json
import time


def seconds(torch, kind, batch, steps=12):
    """The median over `steps` training steps of one network on one batch."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    networks = {
        "convnetjs": lambda: nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3),
            nn.Flatten(), nn.Linear(256, 10),
        ),
        "digits": lambda: nn.Sequential(
            nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
        ),
    }  # fmt: skip
    network = networks[kind]()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=0.001)
    images, labels = torch.rand(batch, 1, 24, 24), torch.randint(0, 10, (batch,))
    taken = []
    for step in range(steps + 3):
        began = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
        if step >= 3:
            taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]


def dream(torch, model, layer, picture, steps):
    """Seconds of `steps` steps of gradient ascent on a picture (1, 3, H, W)."""
    picture = picture.clone().requires_grad_()
    model.activation(picture, layer).square().mean().backward()  # the first one allocates
    began = time.perf_counter()
    for _ in range(steps):
        picture.grad = None
        model.activation(picture, layer).square().mean().backward()
        with torch.no_grad():
            picture += picture.grad / picture.grad.abs().mean() * 0.01
    return time.perf_counter() - began


def told(value):
    print(json.dumps(value))
