"""The model zoo: networks that somebody else trained, and a few of ours, as plain PyTorch modules.

`zoo.load("squeezenet-1.1")` gives a Model; `zoo.names()` and `zoo.card(name)` say what there is.
"""

from __future__ import annotations

from handson.lab.zoo.cards import Card
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.loading import card, load, names, untrained
from handson.lab.zoo.model import Guess, Model
from handson.lab.zoo.timing import milliseconds

__all__ = ["Card", "Guess", "Model", "ZooError", "card", "load", "milliseconds", "names", "untrained"]
