"""`import torch` that means pocket, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)


def test_torch_is_pocket() -> None:
    done = run(
        "import sys, handson.pocket\n"
        "handson.pocket.install()\n"
        "handson.pocket.install()\n"
        "import torch, torch.nn as nn, torch.nn.functional as F, torch.optim, torch.optim.lr_scheduler, torch.nn.init, torch.utils.data\n"
        "from torch import nn as nn2, optim, Tensor\n"
        "from torch.nn import functional, Linear\n"
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "from torch.utils.checkpoint import checkpoint\n"
        "from torch.optim.lr_scheduler import OneCycleLR\n"
        "from torch.func import functional_call\n"
        "assert torch is handson.pocket and nn is nn2 and F is functional\n"
        "net = nn.Linear(2, 1)\n"
        "F.mse_loss(net(torch.ones(3, 2)), torch.zeros(3, 1)).backward()\n"
        "optim.SGD(net.parameters(), 0.1).step()\n"
        "assert len(list(DataLoader(TensorDataset(torch.ones(5, 2)), batch_size=2))) == 3\n"
        "assert not any(name.split('.')[0] in ('numpy', 'functorch') for name in sys.modules)\n"
        "print(torch.__version__)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "pocket"


def test_not_after_pytorch() -> None:
    pytest.importorskip("torch")
    done = run("import torch, handson.pocket\nhandson.pocket.install()")
    assert done.returncode
    assert "PyTorch has been imported already" in done.stderr


def test_programs_that_ask_for_a_gpu_first_go_on() -> None:
    import handson.pocket as torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert torch.ones(2).to(device).sum() == 2
    assert torch.cuda.device_count() == 0
