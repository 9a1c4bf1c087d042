"""Drawings of our own making: the same for the same seed, no two alike, and told apart by shape, not by color."""

from __future__ import annotations

import pytest
import torch

from handson.lab.drawings import KINDS, drawings


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_are_pictures_and_the_same_every_time(kind: str) -> None:
    some = drawings(kind, 3, seed=1, size=32)
    assert some.shape == (3, 3, 32, 32)
    assert some.min() >= 0
    assert some.max() <= 1
    assert torch.equal(some, drawings(kind, 3, seed=1, size=32))
    assert not torch.equal(some, drawings(kind, 3, seed=2, size=32))


def test_more_drawings_begin_with_the_same_ones_and_no_two_are_alike() -> None:
    many = drawings("cats", 6, seed=0, size=32)
    assert torch.equal(many[:2], drawings("cats", 2, seed=0, size=32))
    distances = torch.pdist(many.flatten(1))
    assert distances.min() > 1


def test_color_alone_does_not_tell_the_kinds_apart() -> None:
    """The mean colors of two kinds differ by less than they vary within a kind."""
    for first, second in (("cats", "dogs"), ("sandals", "boots")):
        colors = [drawings(kind, 60, seed=3, size=32).mean((2, 3)) for kind in (first, second)]
        between = (colors[0].mean(0) - colors[1].mean(0)).abs()
        within = (colors[0].std(0) + colors[1].std(0)) / 2
        assert (between < within).all(), (first, second)


def test_another_kind_is_answered_with_the_right_ones() -> None:
    with pytest.raises(KeyError, match=r"no drawings of 'birds'\. There are: cats, dogs, sandals, boots"):
        drawings("birds", 1, seed=0)
