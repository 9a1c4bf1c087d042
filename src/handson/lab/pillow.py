"""Pillow where it is installed. The lesson page has none: there the browser reads photos, and we write PNG and GIF."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType


@cache
def pillow() -> ModuleType | None:
    """The module PIL.Image, or None where Pillow is not installed."""
    if importlib.util.find_spec("PIL") is None:
        return None
    from PIL import Image

    return Image
