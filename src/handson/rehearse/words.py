"""Figures as people read them. Pure."""

from __future__ import annotations

NOT_SEEN = "not seen"


def seconds(value: float | None) -> str:
    """`85 ms`, `1.2 s`, `3 min 20 s`."""
    if value is None:
        return NOT_SEEN
    if value < 0.95:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def share(value: float | None) -> str:
    """`85 %`."""
    return NOT_SEEN if value is None else f"{value * 100:.0f} %"


def size(value: float | None) -> str:
    """`350 kB`, `75 MB`, `1.2 GB`."""
    if value is None:
        return NOT_SEEN
    if value < 1e6:
        return f"{value / 1e3:.0f} kB"
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"
