"""The drawing pad's half in the kernel: a drawing made as MNIST's were, and the guess, or what is wrong, in words."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

from handson.lab.pad import Pad, drawing_pad, guess, like_mnist

EVEN = torch.full((10,), 0.1)


class Front:
    """Keeps what is sent to the browser."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.received.append(message)


def drawn(pad: Pad, ink: torch.Tensor, drawing: int) -> dict[str, Any]:
    """What the pad answers to a drawing sent by the browser."""
    front = Front()
    content = {"drawing": drawing, "side": ink.shape[0], "id": f"{drawing}.1"}
    pad._receive(front, content, [memoryview(bytes((ink * 255).to(torch.uint8).flatten().tolist()))])
    return front.received[0]


def stroke(side: int, rows: slice, columns: slice) -> torch.Tensor:
    ink = torch.zeros(side, side)
    ink[rows, columns] = 1
    return ink


def center(image: torch.Tensor) -> tuple[float, float]:
    places = torch.arange(image.shape[0]) + 0.5
    return float((image.sum(1) * places).sum() / image.sum()), float((image.sum(0) * places).sum() / image.sum())


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(5, 60), slice(3, 9)),
        (slice(100, 106), slice(20, 100)),
        (slice(0, 112), slice(0, 112)),
        (slice(7, 8), slice(9, 10)),
    ],
)
def test_a_drawing_fills_a_box_of_20_and_is_centred_by_mass(rows: slice, columns: slice) -> None:
    image = like_mnist(stroke(112, rows, columns))
    assert image.shape == (28, 28)
    inked = (image > 0.05).nonzero()
    extent = (inked.max(0).values - inked.min(0).values + 1).tolist()
    assert max(extent) == 20
    assert all(abs(c - 14) <= 0.5 for c in center(image))
    assert float(image.max()) <= 1


def test_a_drawing_keeps_its_proportions() -> None:
    image = like_mnist(stroke(112, slice(10, 90), slice(50, 70)))
    assert (image.sum(1) > 0).sum() == 20
    assert (image.sum(0) > 0).sum() == 5


def test_the_centre_of_mass_and_not_of_the_box_is_in_the_middle() -> None:
    like_a_2 = stroke(112, slice(10, 100), slice(54, 62))
    like_a_2[90:100, 40:80] = 1
    image = like_mnist(like_a_2)
    assert abs(center(image)[0] - 14) <= 0.5
    rows = (image.sum(1) > 0).nonzero().flatten()
    assert (rows.min() + rows.max() + 1) / 2 <= 12


def test_an_image_made_like_mnist_already_stays_as_it_is() -> None:
    image = like_mnist(stroke(112, slice(10, 100), slice(54, 62)) + stroke(112, slice(10, 20), slice(20, 54)))
    assert float((like_mnist(image) - image).abs().max()) < 0.01


def test_an_empty_drawing_is_an_empty_image() -> None:
    assert float(like_mnist(torch.zeros(112, 112)).sum()) == 0


def test_another_size_has_a_box_in_proportion() -> None:
    assert (like_mnist(stroke(112, slice(10, 90), slice(50, 70)), 14).sum(1) > 0).sum() == 10


def test_the_pad_answers_with_what_the_network_sees_and_says() -> None:
    seen = []

    def classify(image: torch.Tensor) -> torch.Tensor:
        seen.append(image)
        return EVEN

    pad = drawing_pad(classify)
    answer = drawn(pad, stroke(112, slice(10, 90), slice(50, 60)), drawing=1)
    assert answer["probabilities"] == pytest.approx([0.1] * 10)
    assert answer["answers"] == "1.1"
    assert answer["seen"] == (seen[0] * 255).round().int().flatten().tolist()
    assert len(answer["seen"]) == 784


def test_what_was_drawn_is_kept_one_image_for_each_drawing() -> None:
    pad = drawing_pad(lambda _: EVEN)
    drawn(pad, stroke(112, slice(10, 40), slice(50, 60)), drawing=1)
    drawn(pad, stroke(112, slice(10, 90), slice(50, 60)), drawing=1)
    drawn(pad, stroke(112, slice(10, 90), slice(10, 90)), drawing=2)
    assert len(pad.drawings) == 2
    assert torch.equal(pad.drawings[0], like_mnist(stroke(112, slice(10, 90), slice(50, 60))))


def test_a_classify_that_returns_a_batch_of_one_is_understood() -> None:
    assert guess(lambda _: EVEN.reshape(1, 10), torch.zeros(28, 28))["probabilities"] == pytest.approx([0.1] * 10)
    assert guess(lambda _: EVEN.tolist(), torch.zeros(28, 28))["probabilities"] == pytest.approx([0.1] * 10)


@pytest.mark.parametrize(
    ("classify", "trouble"),
    [
        (lambda _: torch.ones(3) / 3, "returned 3 numbers; it should return the 10"),
        (lambda _: torch.arange(10.0), "adds up to 45, so these are not probabilities. Does it end with softmax?"),
        (lambda _: torch.full((10,), float("nan")), "adds up to nan"),
        (lambda _: None, "classify stopped with "),
        (lambda image: image @ torch.zeros(3, 3), "classify stopped with RuntimeError: mat1 and mat2 shapes"),
    ],
)
def test_what_is_wrong_with_classify_is_told_on_the_pad(classify: Any, trouble: str) -> None:
    answer = drawn(drawing_pad(classify), stroke(112, slice(10, 90), slice(50, 60)), drawing=1)
    assert trouble in answer["trouble"]
    assert "probabilities" not in answer


def test_an_exception_is_told_with_the_learners_own_line() -> None:
    def classify(image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(image, torch.zeros(3, 5))

    assert guess(classify, torch.zeros(28, 28))["trouble"].endswith(
        "in: return torch.nn.functional.linear(image, torch.zeros(3, 5))"
    )


def test_without_a_front_end_the_pad_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    drawing_pad(lambda _: EVEN, alt="A pad.")._ipython_display_()
    assert capsys.readouterr().out == "A pad. Drawings kept: 0.\n"


def test_without_anywidget_the_pad_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    pad = drawing_pad(lambda _: EVEN)
    pad._ipython_display_()
    assert "pip install anywidget" in capsys.readouterr().out
    assert pad.drawings == []
