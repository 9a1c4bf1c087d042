"""Holds our GoogLeNet, Inception-3 and ResNets against torchvision's, and writes tests/lab/zoo/state_dicts.json.

Needs torchvision, which handson itself does not: in an environment of its own,
    pip install --no-deps torchvision==0.28.0 pillow
    PYTHONPATH=src:. python scripts/compare_torchvision.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from handson.lab.zoo.torchvision.weights import WEIGHTS
from tests.lab.zoo.made_up import fill_with_made_up_numbers, made_up

# Only the definitions in Python are wanted: torchvision starts without its compiled part if these names exist.
_operators = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402

FACTS = Path(__file__).parents[1] / "tests" / "lab" / "zoo" / "state_dicts.json"
AS_PUBLISHED = {"weights": None, "aux_logits": True, "init_weights": False, "transform_input": False}
THEIRS = {
    "googlenet": ("googlenet", AS_PUBLISHED),
    "inception-3": ("inception_v3", AS_PUBLISHED),
    "resnet-18": ("resnet18", {"weights": None}),
    "resnet-50": ("resnet50", {"weights": None}),
}
SIZES = {"googlenet": (15, 97, 224), "inception-3": (75, 133, 299), "resnet-18": (33, 97, 224)}


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    facts = {}
    for name, (theirs, options) in THEIRS.items():
        reference = getattr(torchvision.models, theirs)(**options).eval()
        ours = WEIGHTS[name].build().eval()
        fill_with_made_up_numbers(reference)
        ours.load_state_dict(reference.state_dict())
        shapes = {key: list(tensor.shape) for key, tensor in reference.state_dict().items()}
        assert shapes == {key: list(tensor.shape) for key, tensor in ours.state_dict().items()}
        for size in SIZES.get(name, SIZES["resnet-18"]):
            pictures = made_up((2, 3, size, size + 6), seed=size)
            expected = reference(pictures)
            difference = (ours(pictures) - expected).abs().max().item()
            print(f"{name:12} {size:3} px: logits {expected.std():8.3f} wide, largest difference {difference:.1e}")
            assert difference <= 1e-5
        size = SIZES.get(name, SIZES["resnet-18"])[1]
        logits = reference(made_up((1, 3, size, size + 6), seed=size))[0, ::50]
        facts[name] = {
            "parameters": sum(p.numel() for p in reference.parameters()),
            "size": [size, size + 6],
            "logits": [round(value, 6) for value in logits.tolist()],
            "tensors": shapes,
        }
    made = f"scripts/compare_torchvision.py, torchvision {torchvision.__version__.split('+')[0]}"
    FACTS.write_text(written({"made by": made, "what": WHAT, "networks": facts}), encoding="utf-8")


WHAT = (
    "Names and shapes of the state dictionaries of torchvision's networks, and every 50th logit that torchvision "
    "computes from a made-up picture of that size with the made-up weights of tests/lab/zoo/made_up.py."
)


def written(facts: dict[str, object]) -> str:
    """JSON with one tensor in a line."""
    text = json.dumps(facts, indent=1)
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if inside:
            lines[-1] += line.strip() + (" " if line.endswith(",") else "")
        else:
            lines.append(line)
        if line.endswith("["):
            inside = True
        elif line.strip() in ("]", "],"):
            inside = False
            lines[-1] = lines[-1].rstrip()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
