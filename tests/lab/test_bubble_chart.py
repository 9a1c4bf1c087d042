"""Bubble charts: three numbers for each name, and labels that can be read."""

from __future__ import annotations

import re
from itertools import combinations
from math import pi

import pytest

from handson.lab import style
from handson.lab.bubble_chart import Box, bubbles

NETWORKS = {"light": (20.0, 0.575, 5.0), "lighter": (20.5, 0.575, 0.7), "heavy": (300.0, 0.77, 109.0)}


def drawn(figure: object) -> dict[str, dict[str, float]]:
    """The rows behind the bubbles, by what is written beside them."""
    return {row["text"]: row for row in figure.spec["data"]["values"]}  # type: ignore[attr-defined]


def test_area_and_not_radius_grows_with_the_size() -> None:
    rows = drawn(bubbles({"one": (1, 1, 25.0), "four": (2, 2, 100.0)}))
    assert rows["four, 100"]["_area"] == pytest.approx(4 * rows["one, 25"]["_area"])


def test_a_tiny_bubble_can_still_be_seen() -> None:
    rows = drawn(bubbles({"dust": (1, 1, 1e-9), "rock": (2, 2, 100.0)}))
    assert min(row["_area"] for row in rows.values()) >= pi * 4**2 - 1e-6


def test_the_large_ones_lie_below_the_small_ones() -> None:
    areas = [row["_area"] for row in bubbles(NETWORKS).spec["data"]["values"]]
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize(("width", "letter"), [(720, style.LABEL), (270, style.SMALL - 1)], ids=["desk", "phone"])
def test_texts_of_bubbles_that_lie_on_each_other_do_not(width: int, letter: int) -> None:
    figure = bubbles(NETWORKS, unit="MB", log_x=True, percent=True)
    texts = [layer["mark"] for layer in figure.spec["layer"][1:]]
    rows = [layer["data"]["values"][0] for layer in figure.spec["layer"][1:]]
    high = letter * 1.3

    def at(value: dict[str, str]) -> float:
        """What Vega makes of `width < 480 ? a : b`."""
        limit, narrow, wide = re.fullmatch(r"width < (\d+) \? (\S+) : (\S+)", value["expr"]).groups()  # type: ignore[union-attr]
        return float(narrow if width < int(limit) else wide)

    assert {at(mark["fontSize"]) for mark in texts} == {letter}
    boxes = [
        # Both light ones are at the same place, within a few pixels.
        Box(at(mark["dx"]), at(mark["dy"]) - high / 2, at(mark["dx"]) + len(row["text"]) * letter * 0.53,
            at(mark["dy"]) + high / 2)
        for mark, row in zip(texts, rows, strict=True) if row["y"] == 0.575
    ]  # fmt: skip
    assert len(boxes) == 2
    assert all(a.overlap(b) == 0 for a, b in combinations(boxes, 2))


def test_the_chart_is_drawn_with_names_sizes_and_both_axes() -> None:
    picture = bubbles(
        NETWORKS, unit="MB", log_x=True, percent=True, x_label="ms", y_label="right", highlight="heavy"
    ).svg()
    assert "NaN" not in picture
    assert all(f">{text}<" in picture for text in ("heavy, 109 MB", "lighter, 0.7 MB", "ms", "right", "60 %"))
    assert style.ORANGE in picture


def test_the_text_alternative_says_all_three_numbers() -> None:
    assert "heavy, 109 MB: 300 across, 77 % up" in bubbles(NETWORKS, unit="MB", percent=True).alt


@pytest.mark.parametrize(
    ("points", "options", "says"),
    [
        ({}, {}, "given no points"),
        ({"a": (1, 1, 0)}, {}, "the size is positive"),
        ({"a": (0, 1, 1)}, {"log_x": True}, "the size and x are positive"),
        ({"a": (1, float("nan"), 1)}, {}, "'a' cannot be drawn"),
        ({"a": (1, 1, 1)}, {"highlight": "b"}, "the bubbles are ['a']"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    points: dict[str, tuple[float, ...]], options: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says.replace("[", r"\[").replace("]", r"\]")):
        bubbles(points, **options)  # type: ignore[arg-type]
