"""Charts of three numbers at once: where a bubble is says two of them, its area the third."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import isfinite, pi, sqrt
from typing import Any, NamedTuple

from handson.lab import style
from handson.lab.axis import Axis, drawable
from handson.lab.style import number
from handson.lab.vegalite import Figure

_LARGEST = 34.0
_SMALLEST = 4.0
"""Radius in pixels."""
_PHONE, _NARROW = 270, 480
"""Pixels of a chart's width: on a phone, and up to where it is laid out as there."""
_LETTER = 0.53
"""Width of a letter, of its height."""


class Box(NamedTuple):
    """A rectangle on the screen."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)


def bubbles(
    points: Mapping[str, Sequence[float]],
    *,
    unit: str = "",
    x_label: str = "",
    y_label: str = "",
    title: str = "",
    alt: str = "",
    log_x: bool = False,
    percent: bool = False,
    highlight: str | Collection[str] = (),
    width: int = style.WIDTH,
    height: int = 400,
) -> Figure:
    """Bubbles {"name": (x, y, size)}, each with its name and size beside it; its area is as large as its size.

    unit: of the sizes. log_x: a logarithmic x axis. percent: y, 0.98 is written 98 %. Those named in `highlight` have a
    second color. Raises ValueError for a value that is not finite, a size (or, if `log_x`, an x) that is not positive,
    and a name in `highlight` that no bubble has.
    """
    rows = {str(name): (float(x), float(y), float(size)) for name, (x, y, size) in points.items()}
    if not rows:
        raise ValueError("There is nothing to draw: bubbles() was given no points.")
    for name, (x, y, size) in rows.items():
        if not (drawable(x, log_x) and isfinite(y) and isfinite(size) and size > 0):
            raise ValueError(
                f"{name!r} cannot be drawn at x = {x:g}, y = {y:g} with size {size:g}: all are finite, and the size"
                f"{' and x are' if log_x else ' is'} positive."
            )
    strong = {highlight} if isinstance(highlight, str) else set(highlight)
    if unknown := strong - set(rows):
        raise ValueError(f"highlight names {sorted(unknown)}, which are no bubbles; the bubbles are {list(rows)}.")
    xs = [x for x, _, _ in rows.values()]
    span = max(xs) - min(xs)
    # Room for the text beside the last one.
    across = Axis.around([*xs, max(xs) * 1.4 if log_x else max(xs) + span / 8], log=log_x)
    up = Axis.around([y for _, y, _ in rows.values()], percent=percent)
    most = max(size for _, _, size in rows.values())
    radius = {name: max(_SMALLEST, _LARGEST * sqrt(size / most)) for name, (_, _, size) in rows.items()}
    place = {n: (width * across.position(x), height * (1 - up.position(y))) for n, (x, y, _) in rows.items()}
    written = {n: f"{n}, {number(size)}{f' {unit}' if unit else ''}" for n, (_, _, size) in rows.items()}
    labels = _labels(place, radius, written, width, style.LABEL)
    on_phone = {n: (x * _PHONE / width, y) for n, (x, y) in place.items()}
    narrow = _labels(on_phone, radius, written, _PHONE, style.SMALL - 1)
    drawn = [
        {"x": rows[n][0], "y": rows[n][1], "_area": pi * radius[n] ** 2, "text": written[n],
         "_color": style.ORANGE if n in strong else style.BLUE, "_name": n}
        for n in sorted(rows, key=lambda n: -radius[n])
    ]  # fmt: skip
    x_axis: dict[str, Any] = {"field": "x", "type": "quantitative", "axis": across.vega(x_label, upright=False)}
    y_axis: dict[str, Any] = {"field": "y", "type": "quantitative", "axis": up.vega(y_label), "scale": up.vega_scale()}
    x_axis["scale"] = across.vega_scale()
    own_color = {"field": "_color", "type": "nominal", "scale": None}
    area = {"field": "_area", "type": "quantitative", "scale": None, "legend": None}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "circle", "opacity": 0.6, "stroke": style.INK, "strokeOpacity": 0.35, "strokeWidth": 1},
         "encoding": {"x": x_axis, "y": y_axis, "color": own_color, "size": area}},
        *({"data": {"values": [row]},
           "mark": {"type": "text", "align": "left", "baseline": "middle",
                    "fontSize": _by_width(style.SMALL - 1, style.LABEL),
                    "dx": _by_width(narrow[str(row["_name"])][0], labels[str(row["_name"])][0]),
                    "dy": _by_width(narrow[str(row["_name"])][1], labels[str(row["_name"])][1])},
           "encoding": {"x": x_axis, "y": y_axis, "text": {"field": "text"}}} for row in drawn),
    ]  # fmt: skip
    spec: dict[str, Any] = {"data": {"values": drawn}, "width": width, "height": height, "layer": layers}
    if title:
        spec["title"] = title
    said = "; ".join(
        f"{written[n]}: {number(px)} across, {number(py, percent=percent)} up" for n, (px, py, _) in rows.items()
    )
    return Figure(spec, alt or f"Bubbles{f' of {title}' if title else ''}: {said}.")


def _by_width(narrow: float, wide: float) -> dict[str, str]:
    return {"expr": f"width < {_NARROW} ? {narrow} : {wide}"}


def _labels(
    place: Mapping[str, tuple[float, float]],
    radius: Mapping[str, float],
    written: Mapping[str, str],
    width: float,
    size: int,
) -> dict[str, tuple[float, float]]:
    """Where each text begins, seen from the middle of its bubble: beside, above or below it, where it covers least."""
    bubbles = {n: Box(x - radius[n], y - radius[n], x + radius[n], y + radius[n]) for n, (x, y) in place.items()}
    taken: list[Box] = []
    chosen: dict[str, tuple[float, float]] = {}
    for name in sorted(place, key=lambda n: -radius[n]):
        x, y = place[name]
        r, long, high = radius[name], len(written[name]) * size * _LETTER, size * 1.3
        steps = [0.0, *(sign * k * high for k in (1, 2) for sign in (-1, 1))]
        options = [(r + 6, dy) for dy in steps] + [(-r - 6 - long, dy) for dy in steps]
        options += [(-long / 2, -r - high * 0.7), (-long / 2, r + high * 0.7)]

        def cost(
            option: tuple[float, float], x: float = x, y: float = y, long: float = long, high: float = high
        ) -> float:
            box = Box(x + option[0], y + option[1] - high / 2, x + option[0] + long, y + option[1] + high / 2)
            outside = (max(0.0, -box.left) + max(0.0, box.right - width)) * high + max(0.0, -box.top) * long
            covered = sum(box.overlap(other) for other in (*bubbles.values(), *taken))
            return 6 * (covered + outside) + 4 * abs(option[1])

        dx, dy = chosen[name] = min(options, key=cost)
        taken.append(Box(x + dx, y + dy - high / 2, x + dx + long, y + dy + high / 2))
    return chosen
