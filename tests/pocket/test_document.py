"""docs/pocket.md lists what there is: names that PyTorch has as well. Run as a program, this file writes the list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
import torch.utils.data

import handson.pocket as pocket
from tests.conftest import ROOT

DOCUMENT = ROOT / "docs" / "pocket.md"
BLOCK = re.compile(r"(?<=<!-- names -->\n).*(?=<!-- end of names -->)", re.DOTALL)
PLACES: dict[str, tuple[Any, Any]] = {
    "torch": (pocket, torch),
    "torch.Tensor": (pocket.Tensor, torch.Tensor),
    "torch.nn": (pocket.nn, torch.nn),
    "torch.nn.functional": (pocket.nn.functional, torch.nn.functional),
    "torch.nn.init": (pocket.nn.init, torch.nn.init),
    "torch.nn.utils": (pocket.nn.utils, torch.nn.utils),
    "torch.optim": (pocket.optim, torch.optim),
    "torch.optim.lr_scheduler": (pocket.optim.lr_scheduler, torch.optim.lr_scheduler),
    "torch.autograd": (pocket.autograd, torch.autograd),
    "torch.linalg": (pocket.linalg, torch.linalg),
    "torch.func": (pocket.func, torch.func),
    "torch.utils.data": (pocket.utils.data, torch.utils.data),
    "torch.utils.checkpoint": (pocket.utils.checkpoint, torch.utils.checkpoint),
}
ELSEWHERE = {
    "annotations",
    "math",
    "os",
    "sys",
    "functools",
    "itertools",
    "Any",
    "Callable",
    "Iterable",
    "Iterator",
    "Mapping",
    "Sequence",
    "TypeVar",
}


def names(ours: Any, theirs: Any) -> list[str]:
    """Public names of both, without what either imports for itself."""
    listed = getattr(ours, "__all__", dir(ours))
    return sorted({name for name in listed if not name.startswith("_") and hasattr(theirs, name)} - ELSEWHERE)


def paragraphs() -> Iterator[str]:
    for place, (ours, theirs) in PLACES.items():
        yield f"**`{place}`** " + " · ".join(f"`{name}`" for name in names(ours, theirs)) + "\n"


def test_the_document_lists_all_names() -> None:
    found = BLOCK.search(DOCUMENT.read_text(encoding="utf-8"))
    assert found is not None
    assert found.group() == "\n".join(paragraphs()), "run python -m tests.pocket.test_document"


def test_every_layer_and_function_is_named_as_in_pytorch() -> None:
    for place in ("torch.nn", "torch.nn.functional", "torch.optim"):
        ours, theirs = PLACES[place]
        assert set(ours.__all__) == set(names(ours, theirs)), place


if __name__ == "__main__":
    DOCUMENT.write_text(
        BLOCK.sub(lambda _: "\n".join(paragraphs()), DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8"
    )
