"""`torch.optim` in the pocket: SGD, Adam, AdamW, RMSprop, Adagrad and schedules of the learning rate."""

from __future__ import annotations

from typing import Any

from handson.pocket.optim import lr_scheduler
from handson.pocket.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from handson.pocket.tensor import lacking

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(lacking("torch.optim", name, __all__))
