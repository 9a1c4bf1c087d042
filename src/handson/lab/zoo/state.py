"""State dictionaries, tensors by name: read without trusting the file, and put into a network that they fit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import MOST_PARAMETERS, Network

COUNTER = ".num_batches_tracked"
"""How often a BatchNorm was trained; used in training only, and older files do not hold it."""
_MOST_BYTES = 4 * MOST_PARAMETERS
_NEEDED = "What is needed is what `torch.save(model.state_dict(), file)` writes."


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a file that `torch.save` wrote of a state dictionary, by name; runs nothing that is in it.

    Raises ZooError when the file cannot be read, holds code or is no such dictionary.
    """
    _check_size(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ZooError(
            f"{path.name} holds more than tensors, or is damaged; nothing in it was run.",
            "Take the file from where it was published, or ask its author for a state dictionary (or safetensors).",
        ) from error
    except Exception as error:  # torch.load raises whatever a damaged file provokes: RuntimeError, KeyError, EOFError …
        raise ZooError(
            f"{path.name} is damaged or no file of PyTorch's ({type(error).__name__}).", "Fetch it once more."
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise ZooError(f"{path.name} holds no state dictionary but a {type(found).__name__}.", _NEEDED)
    for key, value in found.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.device.type != "cpu":
            raise ZooError(f"{path.name}: {key!r} is no tensor of plain numbers ({type(value).__name__}).", _NEEDED)
    return dict(found)


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a safetensors file, by name. Raises ZooError for a file that cannot be read or is damaged."""
    from safetensors import SafetensorError, safe_open

    _check_size(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            # Copies: the library's tensors lie in the file, which may be overwritten while they are used.
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # it is no dictionary
    except (SafetensorError, OSError, ValueError, RuntimeError, AttributeError) as error:
        raise ZooError(
            f"{path.name} is damaged, cut off, or no safetensors file.", "Fetch it again, and compare its SHA-256."
        ) from error


def fill(model: nn.Module, state: Mapping[str, torch.Tensor], source: str) -> None:
    """Puts `state` into `model` (its tensors become the model's own), which must have exactly these names and shapes.

    A BatchNorm's counter may be missing: it becomes 0. The layers of a Network may be named with or without "layers."
    before them. `source` is the file's name, for messages. Raises ZooError that names what is missing, too much,
    misshapen or of another type.
    """
    if isinstance(model, Network) and not any(name.startswith("layers.") for name in state):
        state = {f"layers.{name}": tensor for name, tensor in state.items()}
    wanted = model.state_dict()
    problems = {
        "missing": [name for name in wanted if name not in state and not name.endswith(COUNTER)],
        "not known": [name for name in state if name not in wanted],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} in place of {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in state and state[name].shape != tensor.shape
        ],
        "of another type": [
            f"{name} {str(state[name].dtype).removeprefix('torch.')}"
            for name, tensor in wanted.items()
            if name in state and state[name].dtype != tensor.dtype
        ],
    }
    if any(problems.values()):
        listed = "; ".join(f"{what}: {_some(names)}" for what, names in problems.items() if names)
        raise ZooError(
            f"{source} does not fit {type(model).__name__}. Tensors {listed}.",
            "Use the file that was made for this network.",
        )
    counters = {name: torch.zeros_like(t, device="cpu") for name, t in wanted.items() if name.endswith(COUNTER)}
    model.load_state_dict({**counters, **state}, strict=True, assign=True)


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror or error}).", "Check its path.") from None
    if size > _MOST_BYTES:
        raise ZooError(f"{path.name} has {size:,} bytes.", f"More than {_MOST_BYTES:,} are not read.")


def _some(names: list[str], most: int = 4) -> str:
    """The first names of a list, and how many follow."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
