"""A network of the zoo as one ONNX file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from handson.lab.zoo.graph import Network, Step
from handson.lab.zoo.model import Model
from handson.lab.zoo.onnx_writer import with_preparation, write_onnx


def export_onnx(model: Model, path: Path, names: Sequence[str] = ()) -> None:
    """Write `model` to `path`: "pictures" (N, 3, size, size), RGB in 0..1, to "scores" (N, classes), the logits.

    Licence, source and the `names` of the classes are in the file's metadata. Raises ZooError.
    """
    card = model.card
    shape = (3, card.size, card.size)
    prepared = with_preparation(model.network, shape, card.mean, card.std, card.order)
    last = card.logits or prepared.steps[-1].name
    network = Network([*prepared.steps, Step("scores", (last,), nn.Flatten())], shape, prepared.input_name).eval()
    notes = {"network": card.title, "licence": card.licence, "source": card.source}
    if names:
        notes["classes"] = "\n".join(names)
    write_onnx(network, shape, path, outputs=["scores"], notes=notes)
