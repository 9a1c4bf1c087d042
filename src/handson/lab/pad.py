"""A pad to draw a digit on, with mouse, finger or pen, and see what the network makes of it while drawing."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

import torch

from handson.lab import front

_BOX = 20 / 28
"""MNIST's digits fill a box of 20 pixels of the 28."""


class Pad:
    """The pad that `drawing_pad` makes. `.drawings` holds what was drawn, the last one last; each (size, size)."""

    def __init__(self, classify: Callable[[torch.Tensor], Any], size: int, alt: str) -> None:
        """See `drawing_pad`."""
        from handson.lab.widgets import missing, widget

        self.drawings: list[torch.Tensor] = []
        self._classify = classify
        self._size = size
        self._alt = alt
        self._drawing = -1
        self._why_not = missing()
        self._widget = None if self._why_not else widget("pad", self._receive, size=size, alt=alt)

    def __repr__(self) -> str:
        """The text alternative."""
        return f"{self._alt} Drawings kept: {len(self.drawings)}."

    def _ipython_display_(self) -> None:
        if self._widget is None or not front.connected():
            print(self._why_not or repr(self))
            return
        front.show(self._widget)

    def _receive(self, shown: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        """One message from the browser: {"drawing": n, "side": s} and s × s bytes of ink."""
        side = int(content["side"])
        ink = torch.frombuffer(bytearray(buffers[0]), dtype=torch.uint8).reshape(side, side).float() / 255
        seen = like_mnist(ink, self._size)
        if int(content["drawing"]) != self._drawing or not self.drawings:
            self.drawings.append(seen)
            self._drawing = int(content["drawing"])
        else:
            self.drawings[-1] = seen
        reply: dict[str, Any] = {"seen": (seen * 255).round().int().flatten().tolist(), "answers": content.get("id")}
        shown.send({**reply, **guess(self._classify, seen)})


def drawing_pad(
    classify: Callable[[torch.Tensor], Any],
    *,
    size: int = 28,
    alt: str = "A pad to draw a digit on, and the network's guess.",
) -> Pad:
    """A pad that calls `classify` while a digit is drawn, and shows what it sees and what it answers.

    classify(image) takes a float tensor (size, size), 0 background to 1 ink, made as MNIST's were (see `like_mnist`),
    and returns the ten probabilities of 0 … 9 (tensor or list). What it raises is shown on the pad. Draw with mouse,
    finger or pen; by keyboard: arrows move, space lifts or lowers the pen, Delete clears.
    """
    return Pad(classify, size, alt)


def guess(classify: Callable[[torch.Tensor], Any], image: torch.Tensor) -> dict[str, Any]:
    """The ten probabilities {"probabilities": […]}, or {"trouble": what is wrong, in words}."""
    try:
        with torch.no_grad():
            answer = classify(image)
            values = [float(v) for v in torch.as_tensor(answer).flatten().tolist()]
    except Exception as error:
        line = _learners_line(error)
        return {"trouble": f"classify stopped with {type(error).__name__}: {error}" + (f"\nin: {line}" if line else "")}
    if len(values) != 10:
        return {"trouble": f"classify returned {len(values)} numbers; it should return the 10 probabilities of 0 to 9."}
    if not (all(-1e-4 <= v <= 1.0001 for v in values) and abs(sum(values) - 1) < 0.01):
        return {
            "trouble": f"What classify returned adds up to {sum(values):.4g}, so these are not probabilities. "
            "Does it end with softmax?"
        }
    return {"probabilities": values}


def _learners_line(error: Exception) -> str | None:
    """The line that raised it, or that called the library that did."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if "site-packages" not in f.filename and f"{os.sep}torch{os.sep}" not in f.filename]
    return (own or frames)[-1].line if frames else None


def like_mnist(ink: torch.Tensor, size: int = 28) -> torch.Tensor:
    """A drawing (H, W), 0..1, made into (size, size) as MNIST was: scaled, with its proportions, to fit a box of 20 of
    28 pixels, and moved so that its centre of mass is in the middle (or as near to it as the digit stays inside).

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database (1998), "normalized to fit in a 20x20 pixel box while
    preserving their aspect ratio … centered in a 28x28 image by computing the center of mass of the pixels". An empty
    drawing gives an empty image.
    """
    inked = (ink > 0.05).float()
    rows, columns = _nonzero(inked.sum(1)), _nonzero(inked.sum(0))
    image = torch.zeros(size, size)
    if not rows:
        return image
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = digit.shape
    box = max(1, round(size * _BOX))
    scale = box / max(height, width)
    small = _resized(digit, max(1, round(height * scale)), max(1, round(width * scale))).clamp(0, 1)
    mass = small.sum()
    center = [
        float((small.sum(1 - axis) * (torch.arange(small.shape[axis]).float() + 0.5)).sum() / mass) for axis in (0, 1)
    ]
    top, left = (_kept_inside(round(size / 2 - c), small.shape[axis], size) for axis, c in enumerate(center))
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return image


def _kept_inside(start: int, length: int, size: int) -> int:
    return max(0, min(start, size - length))


def _nonzero(sums: torch.Tensor) -> list[int]:
    return [i for i, value in enumerate(sums.tolist()) if value > 0]


def _resized(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The picture at another size, each new pixel the mean of the area it covers (two small matrix products)."""
    return _shares(picture.shape[0], height) @ picture @ _shares(picture.shape[1], width).T


def _shares(old: int, new: int) -> torch.Tensor:
    """(new, old): what share each old pixel has in each new one; rows add up to 1."""
    step = old / new
    rows = [[max(0.0, min(j + 1, (i + 1) * step) - max(j, i * step)) / step for j in range(old)] for i in range(new)]
    return torch.tensor(rows)
