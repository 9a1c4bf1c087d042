"""Shades: a large table as colors that two figures can share, with a text alternative."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from handson.lab.shading import shades


def middle_colors(path: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colors in the upper and the lower half of a still of two rows."""
    with Image.open(path) as still:
        picture = still.convert("RGB")
        colors = picture.getcolors(1 << 20) or []
        full = [color for _, color in sorted(colors, reverse=True) if max(color) - min(color) > 40]
        first = next(y for y in range(picture.height) if picture.getpixel((picture.width // 3, y)) in full[:2])
        lower = [c for c in full[:2] if c != picture.getpixel((picture.width // 3, first))]
        return picture.getpixel((picture.width // 3, first)), lower[0]  # type: ignore[return-value]


def test_the_first_row_is_on_top_and_larger_is_brighter(tmp_path: Path) -> None:
    figure = shades([[1.0] * 4, [1e-6] * 4])
    top, bottom = middle_colors(figure.save(tmp_path / "still.png", scale=1))
    assert sum(top) > sum(bottom) + 100


def test_what_lies_outside_the_scale_has_the_color_of_its_end() -> None:
    figure = shades(torch.tensor([[0.0, 1e-12, 1e-3, 5.0]]), between=(1e-10, 1.0))
    assert [cell["value"] for cell in figure.spec["data"]["values"]] == pytest.approx([1e-10, 1e-10, 1e-3, 1.0])


def test_cells_without_a_number_stay_empty_and_the_axis_counts_to_its_end() -> None:
    figure = shades([[1.0, float("nan"), 2.0, 3.0]], x_end=400)
    cells = figure.spec["data"]["values"]
    assert [(cell["x"], cell["x2"]) for cell in cells] == [(0, 100), (200, 300), (300, 400)]


def test_it_says_what_there_is_to_see() -> None:
    assert (
        shades([[0.001, 10.0]], title="Gradients").alt == "Shades of Gradients: 1 rows and 2 columns, from 0.001 to 10."
    )


@pytest.mark.parametrize(
    ("table", "between", "message"),
    [
        ([[0.0, float("nan")]], None, "no positive, finite number"),
        ([[1.0], [1.0, 2.0]], None, r"one length; these have \[1, 2\]"),
        ([[1.0]], (0.0, 1.0), "two positive numbers"),
    ],
)
def test_what_cannot_be_drawn_is_told(table: object, between: tuple[float, float] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shades(table, between=between)
