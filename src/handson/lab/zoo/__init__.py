"""The model zoo: networks that somebody else trained, and a few of ours, as plain PyTorch modules.

`zoo.load("squeezenet-1.1")` gives a Model; `zoo.names()` and `zoo.card(name)` say what there is.
"""

from __future__ import annotations

from handson.lab.zoo.cards import Card, card, names
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.loading import load
from handson.lab.zoo.model import Guess, Model

__all__ = ["Card", "Guess", "Model", "ZooError", "card", "load", "names"]
