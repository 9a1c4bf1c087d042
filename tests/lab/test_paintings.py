"""Paintings drawn by a program: strong in color and texture, the same at every call."""

from __future__ import annotations

import pytest
import torch

from handson import lab
from handson.lab.paintings import painting

NAMES = ("night", "glass", "shapes")


@pytest.mark.parametrize("name", NAMES)
def test_a_painting_is_a_picture_of_many_strong_colors_and_edges(name: str) -> None:
    drawn = painting(name, 96)
    assert drawn.shape == (96, 96, 3)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert (drawn.amax(2) - drawn.amin(2)).mean() > 0.2, "colors, not grays"
    photo = lab.sample_photo("chelsea", 96)
    assert drawn.diff(dim=1).square().mean() > 3 * photo.diff(dim=1).square().mean(), "edges, more than in a photo"


def test_a_painting_is_the_same_at_every_call_whatever_was_drawn_from_the_dice() -> None:
    torch.manual_seed(1)
    first = painting("shapes", 48)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert torch.equal(painting("shapes", 48), first)
    assert torch.equal(torch.get_rng_state(), before), "and it leaves the learner's random numbers alone"


def test_no_two_paintings_are_alike() -> None:
    drawn = [painting(name, 48) for name in NAMES]
    assert all((a - b).abs().mean() > 0.1 for a in drawn for b in drawn if a is not b)


def test_another_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(KeyError, match=r"no painting 'monet'. There are: night, glass, shapes"):
        painting("monet")
