"""Where handson keeps what it fetched, and where a learner's folder says what belongs to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

INDEX = Path(".handson") / "assets.json"
"""In a learner's folder: which content (SHA-256) belongs to which asset name."""


def cache_dir() -> Path:
    """HANDSON_CACHE, or the user's cache folder for handson as this operating system places it."""
    if named := os.environ.get("HANDSON_CACHE"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "handson" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "handson"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handson"


def workspace() -> Path:
    """The learner's folder: the nearest one from here up that holds `.handson`, or the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / INDEX).is_file()), here)
