"""Canvases: pictures of adjustable numbers."""

from __future__ import annotations

import pytest
import torch

from handson.lab.canvas import KINDS, Canvas, Kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decorrelate", [True, False])
def test_every_canvas_starts_gray_and_can_be_painted_to_look_like_a_photo(kind: Kind, decorrelate: bool) -> None:
    torch.manual_seed(0)
    canvas = Canvas(12, 20, count=2, kind=kind, decorrelate=decorrelate)
    start = canvas().detach()
    assert start.shape == (2, 3, 12, 20)
    assert 0.4 < start.mean() < 0.6
    assert 0 < start.std() < 0.2
    wanted = torch.rand(2, 3, 12, 20) * 0.6 + 0.2
    optimizer = torch.optim.Adam(canvas.parameters(), 0.05)
    for _ in range(300):
        loss = (canvas() - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * (start - wanted).square().mean()


def test_waves_are_orthonormal_and_a_canvas_of_them_is_smoother_than_one_of_pixels() -> None:
    torch.manual_seed(0)
    waves, pixels = Canvas(64, 64), Canvas(64, 64, kind="pixels")
    assert torch.allclose(waves.down @ waves.down.T, torch.eye(64), atol=1e-4)

    def roughness(picture: torch.Tensor) -> float:
        return float((picture.diff(dim=3).square().mean() / picture.var()).detach())

    assert roughness(waves()) < 0.3 * roughness(pixels())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decorrelate", [True, False])
def test_a_canvas_can_begin_with_pictures(kind: Kind, decorrelate: bool) -> None:
    canvas = Canvas(12, 20, count=2, kind=kind, decorrelate=decorrelate)
    pictures = torch.rand(2, 3, 12, 20) * 0.96 + 0.02
    canvas.begin_with(pictures)
    assert torch.allclose(canvas(), pictures, atol=1e-4)
    canvas.begin_with(torch.ones(2, 3, 12, 20))
    assert canvas().max() < 0.981
    canvas().mean().backward()
    assert canvas.numbers[0].grad is not None
    assert canvas.numbers[0].grad.abs().sum() > 0, "white can still be painted over"
    with pytest.raises(ValueError, match=r"This canvas is \(2, 3, 12, 20\), the pictures are \(1, 3, 12, 20\)"):
        canvas.begin_with(pictures[:1])


def test_another_kind_is_answered_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"no canvas of the kind 'oil'. There are: waves, pyramid, pixels"):
        Canvas(8, 8, kind="oil")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_what_fades_goes_back_to_the_warm_gray_that_photos_are_on_average(kind: Kind) -> None:
    torch.manual_seed(0)
    canvas = Canvas(12, 12, kind=kind, noise=0.5)
    optimizer = torch.optim.AdamW(canvas.parameters(), 0.1, weight_decay=1)
    before = canvas().detach().std(dim=(2, 3)).mean()
    for _ in range(100):
        for numbers in canvas.parameters():
            numbers.grad = torch.zeros_like(numbers)
        optimizer.step()
    picture = canvas().detach()
    assert picture.std(dim=(2, 3)).mean() < 0.01 * before
    red, green, blue = picture.mean(dim=(0, 2, 3)).tolist()
    assert 0.52 > red > green > blue > 0.42
