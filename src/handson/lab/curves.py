"""Live curves as SVG: drawn here, a few times a second, in the look of the figures."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from handson.lab import style
from handson.lab.axis import Axis, drawable, spread, ticks
from handson.lab.style import number

TIME_IS_UP = "Time is up: stopped"
"""What the view of a training says that its clock has ended; a rehearsal counts them."""
MOST_POINTS = 160
"""Points drawn of a curve; more are averaged in groups."""
_LEFT, _TOP, _BOTTOM = 52, 34, 28
_RIGHT, _RIGHT_WITH_NAMES = 14, 92
"""Pixels around the plot."""

Point = tuple[float, float]


class Curve(NamedTuple):
    """A curve to draw; its name stands at its end and is empty where the curve is alone."""

    name: str
    color: str
    points: list[Point]


@dataclass(frozen=True)
class Panel:
    """The place for curves of one quantity; `label` stands above it, and the last value where the curve is alone."""

    label: str
    x_end: float
    width: int
    height: int
    log: bool = False
    percent: bool = False

    def svg(self, curves: list[Curve]) -> str:
        """The curves as SVG text, in the colours of the text around it."""
        values = [(c.name, number(c.points[-1][1], percent=self.percent)) for c in curves]
        alt = ", ".join([self.label, *(f"{name} {value}".strip() for name, value in values)])
        parts = [_text(0, 16, self.label, style.LABEL)]
        if len(curves) == 1:
            look = f'text-anchor="end" font-weight="700" fill="{curves[0].color}"'
            parts.append(_text(self.width - self._right(curves), 16, values[0][1], style.LABEL + 1, look))
        drawn = [c for c in curves if any(drawable(y, self.log) for _, y in c.points)]
        if drawn:
            parts += self._plot(drawn)
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" style="display:block;width:100%;height:auto" role="img" '
            f'aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
        )

    def _right(self, curves: list[Curve]) -> int:
        return _RIGHT_WITH_NAMES if any(c.name for c in curves) else _RIGHT

    def _plot(self, curves: list[Curve]) -> list[str]:
        seen = [y for c in curves for _, y in c.points if drawable(y, self.log)]
        axis = Axis.around(seen, log=self.log, percent=self.percent)
        end, foot = self.width - self._right(curves), self.height - _BOTTOM

        def x_at(x: float) -> float:
            return _LEFT + (end - _LEFT) * x / self.x_end

        def y_at(y: float) -> float:
            return foot - (foot - _TOP) * axis.position(y)

        parts = []
        for value in axis.values:
            place = f'x1="{_LEFT}" x2="{end}" y1="{y_at(value):.1f}" y2="{y_at(value):.1f}"'
            parts.append(f'<line {place} stroke="{style.INK}" opacity="{style.FAINT}"/>')
            parts.append(_text(_LEFT - 8, y_at(value) + 4.5, axis.write(value), style.SMALL, _axis_text("end")))
        for value in ticks(0, self.x_end, 5, whole=True):
            if value <= self.x_end:
                text = number(value, digits=5)
                parts.append(_text(x_at(value), self.height - 8, text, style.SMALL, _axis_text("middle")))
        ends = [next(p for p in reversed(c.points) if drawable(p[1], self.log)) for c in curves]
        label_heights = spread([y_at(y) for _, y in ends], 18, _TOP, foot)
        for curve, (x, y), label_y in zip(curves, ends, label_heights, strict=True):
            for piece in _pieces(curve.points, self.log):
                line = " ".join(f"{x_at(px):.1f},{y_at(py):.1f}" for px, py in piece)
                parts.append(
                    f'<polyline points="{line}" fill="none" stroke="{curve.color}" stroke-width="2.5" '
                    'stroke-linejoin="round" stroke-linecap="round"/>'
                )
            parts.append(f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="4" fill="{curve.color}"/>')
            look = f'font-weight="600" fill="{curve.color}"'
            parts.append(_text(x_at(x) + 10, label_y + 5, curve.name, style.LABEL - 1, look))
        return parts


def thin(points: list[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: the means of equal groups in order, and the last point as it is."""
    if len(points) <= most:
        return points
    size = -(-len(points) // (most - 1))
    groups = [points[i : i + size] for i in range(0, len(points) - 1, size)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups] + [points[-1]]


def _pieces(points: list[Point], log: bool) -> list[list[Point]]:
    """The points without those that have no place on the axis; the curve is broken there."""
    pieces: list[list[Point]] = [[]]
    for point in points:
        if drawable(point[1], log):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]


def _axis_text(anchor: str) -> str:
    return f'text-anchor="{anchor}" fill="{style.INK}" opacity="{style.MUTED}"'


def _text(x: float, y: float, text: str, size: int, look: str = f'fill="{style.INK}"') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {look}>{escape(text)}</text>' if text else ""
