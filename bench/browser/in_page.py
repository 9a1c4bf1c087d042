"""What is raced, written once: it runs in the page and natively with handson.pocket, and natively with PyTorch."""

from __future__ import annotations

import time
from typing import Any


def training(torch: Any, kind: str, batch: int, steps: int = 12) -> float:
    """Seconds of a training step of a network on one batch, the median."""
    nn = torch.nn
    torch.manual_seed(0)
    networks = {
        "convnetjs": lambda: nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, 10),
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
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        if step >= 3:
            taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]


def dream(torch: Any, model: Any = None, steps: int = 40, size: int = 256) -> float:
    """Seconds of so many steps of gradient ascent on a picture, through SqueezeNet 1.1 to fire9."""
    from handson.lab import zoo

    model = model or zoo.load("squeezenet-1.1")
    picture = torch.rand(1, 3, size, size)
    taken = []
    for _ in range(steps):
        picture = picture.detach().requires_grad_()
        began = time.perf_counter()
        model.activation(picture, "fire9/concat").square().mean().backward()
        with torch.no_grad():
            picture = picture + picture.grad / picture.grad.abs().mean() * 0.01
        taken.append(time.perf_counter() - began)
    return sum(taken)


def digits_to(torch: Any, wanted: float = 0.98, epochs: int = 6) -> dict[str, float]:
    """Seconds of training on the page's 10,000 digits until the accuracy on 2,000 others, looked at every 20 steps,
    is there."""
    from handson import lab

    nn = torch.nn
    data = lab.digits()

    def ready(images: Any) -> Any:
        return images[:, None, 2:26, 2:26].float() / 255

    images, labels = ready(data.train_images[:10000]), data.train_labels[:10000]
    others, answers = ready(data.test_images[:2000]), data.test_labels[:2000]
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters())
    total = epochs * (len(images) // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=total)
    seconds, step, accuracy = 0.0, 0, 0.0
    while step < total:
        for some in torch.randperm(len(images)).split(128)[: len(images) // 128]:
            began = time.perf_counter()
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[some]), labels[some]).backward()
            optimizer.step()
            schedule.step()
            seconds += time.perf_counter() - began
            step += 1
            if step % 20 == 0:
                network.eval()
                with torch.no_grad():
                    accuracy = float((network(others).argmax(1) == answers).float().mean())
                network.train()
                if accuracy >= wanted:
                    return {"seconds": seconds, "accuracy": accuracy, "digits": len(images)}
    return {"seconds": float("inf"), "accuracy": accuracy, "digits": len(images)}


def two_cores(torch: Any, steps: int = 15) -> dict[str, float]:
    """In the page: how many times faster a step of the digits' network is with the other workers than alone."""
    from handson.pocket import parallel

    began = time.time()
    while parallel.count() < 2 and time.time() - began < 60:
        training(torch, "digits", 256, 2)
    workers = parallel.count()
    parallel._watch.TRIED = 10**9  # share each pass, whether that pays or not
    together, recruit = training(torch, "digits", 256, steps), parallel.recruit
    parallel.stop()
    parallel.recruit = None
    alone = training(torch, "digits", 256, steps)
    parallel.recruit = recruit
    return {"workers": workers, "ratio": alone / together}
