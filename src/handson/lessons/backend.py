"""Which library `import torch` is in a lesson's kernel: PyTorch, or handson's own small one, `handson.pocket`."""

from __future__ import annotations

import importlib.util
import os
from typing import Literal

from handson.errors import HandsonError, UnknownNameError

VARIABLE = "HANDSON_BACKEND"

Backend = Literal["torch", "pocket"]

_INSTALL_POCKET = """
def _install_pocket():
    from handson import pocket

    pocket.install()

_install_pocket()
del _install_pocket
"""


def backend() -> Backend:
    """What HANDSON_BACKEND asks for; if it does not, PyTorch where it is installed, and pocket where it is not.

    Raises HandsonError for a library that there is not.
    """
    asked = os.environ.get(VARIABLE, "").strip().lower()
    installed = importlib.util.find_spec("torch") is not None
    if asked == "pocket":
        return "pocket"
    if asked not in ("", "torch"):
        raise UnknownNameError("library", asked, ("torch", "pocket"), VARIABLE)
    if asked and not installed:
        raise HandsonError(
            f"{VARIABLE}=torch asks for PyTorch, which is not installed here.",
            f"`pip install 'handson[laptop]'` installs it; without {VARIABLE}, lessons run on handson.pocket.",
        )
    return "torch" if installed else "pocket"


def startup(library: Backend) -> str:
    """What a kernel runs before its first cell, so that `import torch` is that library; nothing for PyTorch itself."""
    return _INSTALL_POCKET if library == "pocket" else ""
