"""A large table of positive numbers as a picture: each cell the brighter the larger, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from handson.lab import style
from handson.lab.axis import LEVEL_TITLE
from handson.lab.style import number
from handson.lab.vegalite import Figure


def shades(
    matrix: Any,
    *,
    between: tuple[float, float] | None = None,
    x_end: float | None = None,
    x_label: str = "",
    y_label: str = "",
    color_label: str = "",
    title: str = "",
    alt: str = "",
    width: int = 460,
    height: int = 400,
) -> Figure:
    """A table (R, C) of positive numbers, too large to be read as `heatmap`'s; row 1 on top, columns from the left.

    between: the numbers of the darkest and the brightest color, for figures that are to be compared; what lies outside
    has the color of that end, and so has 0. If not given, the smallest and the largest positive number. x_end: what the
    x axis counts to (if not given, the columns). Cells that are not finite stay empty. Raises ValueError where nothing
    can be drawn. Colors: viridis (Smith, van der Walt 2015), which the color-blind can read.
    """
    table: list[list[float]] = [[float(v) for v in row] for row in _lists(matrix)]
    positive = [v for row in table for v in row if isfinite(v) and v > 0]
    if not positive:
        raise ValueError("There is nothing to draw: the table has no positive, finite number.")
    if len({len(row) for row in table}) > 1:
        raise ValueError(f"The rows of a table have one length; these have {sorted({len(row) for row in table})}.")
    low, high = between or (min(positive), max(positive))
    if not 0 < low <= high:
        raise ValueError(f"between={(low, high)} has to be two positive numbers, the smaller one first.")
    across = (x_end or len(table[0])) / len(table[0])
    cells = [
        {"x": round(j * across, 6), "x2": round((j + 1) * across, 6), "y": i + 0.5, "y2": i + 1.5,
         "value": min(max(v, low), high)}
        for i, row in enumerate(table) for j, v in enumerate(row) if isfinite(v)
    ]  # fmt: skip
    rows = len(table)
    named = sorted({1, rows, *range(5, rows - 1, 5)})
    x = {"field": "x", "type": "quantitative", "scale": {"domain": [0, across * len(table[0])], "nice": False},
         "axis": {"title": x_label or None, "tickCount": 4, "grid": False}}  # fmt: skip
    y = {"field": "y", "type": "quantitative",
         "scale": {"domain": [0.5, rows + 0.5], "reverse": True, "nice": False, "zero": False},
         "axis": {"values": named, "format": "d", "grid": False, "title": y_label or None,
                  **(LEVEL_TITLE if y_label else {})}}  # fmt: skip
    legend = {
        "title": color_label or None, "type": "gradient", "format": ".0e", "tickCount": 5,
        "labelColor": style.INK, "titleColor": style.INK,
        "labelFontSize": style.SMALL, "titleFontSize": style.SMALL, "titleFontWeight": 400,
        "titleLimit": 200, "gradientLength": height - 60,
    }  # fmt: skip
    scale = {"type": "log", "domain": [low, high if high > low else low * 10], "scheme": "viridis", "nice": False}
    spec: dict[str, Any] = {
        "data": {"values": cells},
        "width": width,
        "height": height,
        "mark": {"type": "rect", "strokeWidth": 0.6},  # of the same color: no seams between cells
        "encoding": {
            "x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"},
            "color": {"field": "value", "type": "quantitative", "scale": scale, "legend": legend},
            "stroke": {"field": "value", "type": "quantitative", "scale": scale, "legend": None},
        },
    }  # fmt: skip
    if title:
        spec["title"] = title
    said = f"{rows} rows and {len(table[0])} columns, from {number(min(positive))} to {number(max(positive))}"
    return Figure(spec, alt or f"Shades{f' of {title}' if title else ''}: {said}.")


def _lists(values: Any) -> Sequence[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)
