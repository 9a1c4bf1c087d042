"""Axes: which round numbers they carry, and where a value lies on them. Shared by figures and live curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any

from handson.lab.style import number

LEVEL_TITLE = {"titleAngle": 0, "titleAlign": "left", "titleX": 0, "titleY": -16, "titleBaseline": "bottom"}
"""Vega-Lite's words for a y axis's title that is level and above the axis, where it is read first."""


@dataclass(frozen=True)
class Axis:
    """A value axis: its ends, the numbers written along it, and how they are written."""

    low: float
    high: float
    values: tuple[float, ...]
    log: bool = False
    percent: bool = False

    @classmethod
    def around(cls, numbers: Sequence[float], *, log: bool = False, percent: bool = False) -> Axis:
        """The axis that holds `numbers` (at least one must be finite and, if `log`, positive) between its ends."""
        drawn = [n for n in numbers if drawable(n, log)]
        if log:
            low, high = min(drawn) / 1.25, max(drawn) * 1.25
            return cls(low, high, tuple(log_ticks(low, high)), log, percent)
        values = ticks(min(drawn), max(drawn))
        return cls(values[0], values[-1], tuple(values), log, percent)

    def position(self, value: float) -> float:
        """Where `value` lies: 0 at the low end, 1 at the high end."""
        if self.log:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def write(self, value: float) -> str:
        """`value` as it stands beside the axis."""
        return number(value, percent=self.percent, digits=4)

    def vega(self, title: str, *, upright: bool = True) -> dict[str, Any]:
        """This axis in Vega-Lite's words; `upright` puts a y axis's title level, above it."""
        unit = " + ' %'" if self.percent else ""
        value = "datum.value * 100" if self.percent else "datum.value"
        described: dict[str, Any] = {
            "values": list(self.values),
            "labelExpr": f"format({value}, ',.4~g'){unit}",
            "title": title or None,
        }
        if upright and title:
            described |= LEVEL_TITLE
        return described

    def vega_scale(self) -> dict[str, Any]:
        """The scale in Vega-Lite's words."""
        return {"domain": [self.low, self.high], "type": "log" if self.log else "linear", "nice": False, "zero": False}


def drawable(value: float, log: bool = False) -> bool:
    """Whether an axis has a place for `value`."""
    return isfinite(value) and (value > 0 or not log)


def ticks(low: float, high: float, most: int = 5, *, whole: bool = False) -> list[float]:
    """At most `most` round numbers (1, 2, 2.5 or 5 times a power of ten; `whole`: integers) that enclose low..high."""
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(f"No axis can be drawn from {low} to {high}.")
    if high <= low:
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    power = 10.0 ** (floor(log10(high - low)) - 2)
    while True:
        for factor in (1, 2, 2.5, 5):
            step = power * factor
            if whole and step != int(step):
                continue
            first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
            if last - first < most:
                return [round(step * i, 12) for i in range(int(first), int(last) + 1)]
        power *= 10


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten within low..high (positive): not all where they are many, with 2 and 5 between where few."""
    first, last = floor(log10(low)), -floor(-log10(high))
    powers = [10.0**p for p in range(first, last + 1) if low <= 10.0**p <= high]
    if len(powers) < 3:
        return [m * 10.0**p for p in range(first, last + 1) for m in (1, 2, 5) if low <= m * 10.0**p <= high]
    return powers[:: -(-len(powers) // most)]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near `wanted`, in the same order, at least `gap` apart and within low..high if they fit at all."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [wanted[i] for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    if placed and placed[-1] > high:
        placed[-1] = high
        for i in range(len(placed) - 2, -1, -1):
            placed[i] = min(placed[i], placed[i + 1] - gap)
    if placed and placed[0] < low:
        shift = low - placed[0]
        placed = [p + shift for p in placed]
    result = [0.0] * len(placed)
    for i, position in zip(order, placed, strict=True):
        result[i] = position
    return result
