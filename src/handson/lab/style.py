"""How every picture looks: one palette, one type scale, one place.

Figures lie on whatever background the page has, light or dark. So all that is neutral (text, axes, grid) is drawn in
`INK`, the colour that the surrounding text has, more or less opaque; and the colours are mid-tones with a contrast of
at least 3 : 1 on white and on JupyterLab's dark grey alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite, log10
from typing import Any, Final, Literal

Theme = Literal["light", "dark"]

BLUE: Final = "#2272d0"
ORANGE: Final = "#e06d30"
GREEN: Final = "#1ca583"
PINK: Final = "#c04f9e"
VIOLET: Final = "#7a3ff0"
BROWN: Final = "#8c6238"
# Any two differ for the colour-blind too: CIELAB distance >= 19 in simulated protanopia, deuteranopia and tritanopia
# (Machado, Oliveira, Fernandes 2009, severity 1).
PALETTE: Final = (BLUE, ORANGE, GREEN, PINK, VIOLET, BROWN)
SLATE: Final = "#7a8594"
"""The colour of what steps back beside one that is highlighted; no series has it."""

INK: Final = "currentColor"
_INKS: Final[Mapping[str, str]] = {"light": "#1b1f24", "dark": "#e8eaed"}
BACKGROUNDS: Final[Mapping[str, str]] = {"light": "#ffffff", "dark": "#111111"}

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
TITLE: Final = 18
LABEL: Final = 15
SMALL: Final = 13
WIDTH: Final = 720
HEIGHT: Final = 320

MUTED: Final = 0.68
"""Opacity of text that may step back: axis numbers, captions."""
FAINT: Final = 0.13
"""Opacity of grid lines."""


def color(index: int) -> str:
    """The colour of series `index`, from 0; raises ValueError where the palette ends."""
    if index >= len(PALETTE):
        raise ValueError(
            f"A figure shows at most {len(PALETTE)} series; this one has more. Leave some out, or draw two figures."
        )
    return PALETTE[index]


def inked(description: Any, theme: Theme) -> Any:
    """A copy of a figure's description (dict, list or text) with `INK` replaced by the ink of `theme`."""
    if theme not in _INKS:
        raise ValueError(f"There is no theme {theme!r}; there are: {', '.join(_INKS)}.")
    if isinstance(description, Mapping):
        return {key: inked(value, theme) for key, value in description.items()}
    if isinstance(description, list):
        return [inked(value, theme) for value in description]
    if isinstance(description, str):
        return description.replace(INK, _INKS[theme])
    return description


def vega_config() -> dict[str, Any]:
    """The configuration that all Vega-Lite figures share."""
    text = {"color": INK, "font": FONT}
    return {
        "background": "transparent",
        "font": FONT,
        "padding": 6,
        "view": {"stroke": None},
        "title": {
            **text, "fontSize": TITLE, "fontWeight": 600, "anchor": "start", "frame": "bounds", "offset": 14,
            "subtitleColor": INK, "subtitleFont": FONT, "subtitleFontSize": LABEL,
        },
        "axis": {
            "labelColor": INK, "labelOpacity": MUTED, "labelFont": FONT, "labelFontSize": LABEL, "labelPadding": 7,
            "titleColor": INK, "titleOpacity": MUTED, "titleFont": FONT, "titleFontSize": LABEL, "titleFontWeight": 400,
            "titlePadding": 10, "domainColor": INK, "domainOpacity": 0.4, "gridColor": INK, "gridOpacity": FAINT,
            "ticks": False, "labelFlush": False, "labelOverlap": "greedy",
            "labelSeparation": 6,
        },
        "axisY": {"domain": False},
        "axisX": {"grid": False},
        "line": {"strokeWidth": 2.75, "strokeCap": "round", "strokeJoin": "round"},
        "text": {**text, "fontSize": LABEL},
    }  # fmt: skip


def number(value: float, *, percent: bool = False, digits: int = 3) -> str:
    """`value` as people write it: 0.3, 1,500, 98 %; `digits` significant ones, one more for what is nearly 100 %."""
    if not isfinite(value):
        return "not a number" if value != value else ("∞" if value > 0 else "−∞")
    if percent:
        return f"{number(value * 100, digits=4 if 0.99 <= value < 1 else digits)} %"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < 1e-4:
        mantissa, exponent = f"{value:.{max(0, digits - 2)}e}".split("e")
        return _minus(f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}")
    places = max(0, digits - 1 - floor(log10(size)))
    text = f"{value:,.{places}f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def _minus(text: str) -> str:
    return text.replace("-", "−")
