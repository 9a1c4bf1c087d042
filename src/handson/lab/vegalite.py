"""The figure itself: a Vega-Lite description with a text alternative; JupyterLab draws it, vl-convert makes stills.

Source: the Vega-Lite v5 specification, https://vega.github.io/vega-lite/docs/spec.html.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handson.lab import style
from handson.lab.style import Theme

VEGA_LITE_MIME = "application/vnd.vegalite.v5+json"
_STILLS_VERSION = "5.8"
"""Of the versions that vl-convert has, the nearest to the one in JupyterLab 4."""
_NARROWEST = 230
_BESIDE = 132
"""Pixels: the least width of a figure, and what JupyterLab has beside it on a phone (side bars, prompt)."""


class Still:
    """What can be written as a still picture."""

    def svg(self, theme: Theme = "light") -> str:
        """SVG text, transparent."""
        raise NotImplementedError

    def png(self, scale: float = 2, theme: Theme = "light") -> bytes:
        """A PNG on the background of `theme`, `scale` pixels for each on the screen."""
        raise NotImplementedError

    def save(self, path: str | Path, scale: float = 2, theme: Theme = "light") -> Path:
        """Write a still, by the ending of `path`: .png or .svg; returns the path.

        Raises ValueError for another ending, and OSError where the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() == ".svg":
            path.write_text(self.svg(theme), encoding="utf-8")
        elif path.suffix.lower() == ".png":
            path.write_bytes(self.png(scale, theme))
        else:
            raise ValueError(f"A still is saved as .png or .svg, not as {path.suffix or 'a file without ending'}.")
        return path


class Figure(Still):
    """A chart: its description `.spec` (Vega-Lite v5) and its text alternative `.alt`.

    As the last line of a cell it is shown; `.save("loss.png")` writes a still.
    """

    def __init__(self, spec: Mapping[str, Any], alt: str) -> None:
        """Complete `spec` (marks, data, width, height, title) with the common look."""
        if not alt.strip():
            raise ValueError("A figure needs a text alternative: alt='what one sees, for those who do not see it'.")
        self.alt = alt
        self.spec: dict[str, Any] = {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "description": alt,
            "background": "transparent",
            "autosize": {"type": "fit-x", "contains": "padding"},
            "usermeta": {"embedOptions": {"actions": False, "renderer": "svg", "patch": _narrowed(spec["width"])}},
            "params": [{"name": "full_width", "value": spec["width"]}],
            **spec,
            "config": style.vega_config(),
        }

    def __repr__(self) -> str:
        """The text alternative."""
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {VEGA_LITE_MIME: self.spec, "text/plain": self.alt}

    def svg(self, theme: Theme = "light") -> str:
        """The figure as SVG text, transparent."""
        return str(vl_convert().vegalite_to_svg(self._plain(theme), vl_version=_STILLS_VERSION))

    def png(self, scale: float = 2, theme: Theme = "light") -> bytes:
        """The figure as a PNG on the background of `theme`, `scale` pixels for each of the figure's."""
        spec = {**self._plain(theme), "background": style.BACKGROUNDS[theme], "padding": 24}
        return bytes(vl_convert().vegalite_to_png(spec, vl_version=_STILLS_VERSION, scale=scale))

    def _plain(self, theme: Theme) -> dict[str, Any]:
        plain: dict[str, Any] = style.inked(json.loads(json.dumps(self.spec)), theme)
        return plain


def _narrowed(width: int) -> list[dict[str, Any]]:
    """The patches by which vega-embed lays a figure out anew where the window is narrower than it, as on a phone."""
    fitting = f"max({_NARROWEST}, min({width}, windowSize()[0] - {_BESIDE}))"
    signal = {"name": "width", "init": fitting, "on": [{"update": fitting, "events": "window:resize"}]}
    return [{"op": "remove", "path": "/width"}, {"op": "add", "path": "/signals/0", "value": signal}]


def stills_can_be_drawn() -> bool:
    """Whether vl-convert is installed."""
    return importlib.util.find_spec("vl_convert") is not None


def vl_convert() -> Any:
    """The module vl_convert; raises RuntimeError with the way out where it is missing."""
    try:
        import vl_convert as module
    except ImportError:
        raise RuntimeError(
            "Stills are drawn by vl-convert, which is not installed here: pip install vl-convert-python"
        ) from None
    return module
