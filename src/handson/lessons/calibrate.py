"""How many CPU-seconds a fixed training takes on this machine, now: the unit in which a lesson's budget is held.

A budget is written in CPU-seconds of the reference laptop. The same machine needs more of them when neighbours share
its caches and hyper-threads, and another machine needs more or fewer; a training of known size, run right before and
right after the lesson with the same threads, says how many. It is PyTorch's training also where the lesson runs on
handson.pocket, so that budgets mean the same; pocket's only where PyTorch is not installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time

from handson.errors import HandsonError
from handson.lessons.threads import thread_limits

REFERENCE_CPU_SECONDS = 4.2
"""CPU-seconds of `_train` on the reference laptop, two threads: by definition (measured: bench/reference.md)."""


def slowdown(threads: int) -> float:
    """CPU-seconds that this machine needs now for one CPU-second of the reference laptop (1.3: 30 % more)."""
    command = [sys.executable, "-m", "handson.lessons.calibrate"]
    done = subprocess.run(command, env={**os.environ, **thread_limits(threads)}, capture_output=True, text=True)
    if done.returncode != 0:
        raise HandsonError(
            f"The calibration run failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}",
            "Is PyTorch installed and working? `python3 start.py --repair` sets the environment up again.",
        )
    return float(json.loads(done.stdout)["cpu_seconds"]) / REFERENCE_CPU_SECONDS


def _train(steps: int = 60) -> float:
    """CPU-seconds of `steps` training steps like the lessons': convolutions, a matrix product, Adam."""
    if importlib.util.find_spec("torch") is None:
        from handson import pocket

        pocket.install()
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 24, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.rand(256, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (256,))
    optimizer = torch.optim.Adam(network.parameters())
    start = 0.0
    for step in range(steps + 5):
        if step == 5:
            start = time.process_time()
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return time.process_time() - start


if __name__ == "__main__":
    print(json.dumps({"cpu_seconds": _train()}))
