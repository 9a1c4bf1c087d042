"""What JupyterLite's kernel asks to install packages, in the place of micropip: here nothing is asked of any server."""

from __future__ import annotations

from typing import Any, NoReturn

_PIPLITE_DISABLE_PYPI = True
_PIPLITE_URLS: list[str] = []


async def install(*_: Any, **__: Any) -> NoReturn:
    """Refuse, with the reason: every package that this Jupyter has came with it, and is loaded by its import."""
    raise RuntimeError(
        "This Jupyter installs nothing: it asks no server. What it carries is loaded as soon as a cell imports it."
    )


async def get_transformed_code(_: list[str]) -> str:
    """What `%pip …` stands for."""
    return "await __import__('piplite').install()"
