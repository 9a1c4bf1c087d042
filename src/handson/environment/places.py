"""Where things are: the workshop's folder, the environment, the wheels, the cache."""

from __future__ import annotations

import json
import os
import pkgutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from handson import doctor

Extra = Literal["laptop", "room", "test"]
"""What is installed: handson with the extras of pyproject.toml up to this one; each holds those before it."""
EXTRAS: tuple[Extra, ...] = get_args(Extra)


def larger(one: Extra, other: Extra) -> Extra:
    """Of two extras the one that holds the other."""
    return max(one, other, key=EXTRAS.index)


@dataclass(frozen=True)
class Places:
    """The folders of one set-up. `wheels` is None when packages come from the configured index."""

    root: Path
    env: Path
    wheels: Path | None
    cache: Path

    @property
    def scripts(self) -> Path:
        """Folder of the environment's programs."""
        return self.env / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.scripts / ("python.exe" if os.name == "nt" else "python")

    @property
    def uv(self) -> Path:
        """uv, installed in the environment."""
        return self.scripts / ("uv.exe" if os.name == "nt" else "uv")

    @property
    def uv_cache(self) -> Path:
        """A cache of uv's own, so that its growth shows how far a set-up is."""
        return self.cache / "uv"

    @property
    def state(self) -> Path:
        """Folder of the stamp, the inventory, the log and the lock."""
        return self.env / ".handson"

    @property
    def is_checkout(self) -> bool:
        """Whether handson itself is here as source."""
        return (self.root / "pyproject.toml").is_file() and (self.root / "src" / "handson").is_dir()

    def lock(self, extra: Extra) -> Path:
        """The locked requirements."""
        return self.root / ("requirements.lock" if extra == "laptop" else f"requirements-{extra}.lock")

    def handson_wheel(self) -> Path | None:
        """The newest wheel of handson itself among the wheels."""
        found = sorted(self.wheels.glob("handson-*.whl")) if self.wheels else []
        return found[-1] if found else None


def site_packages(env: Path) -> Path:
    """The environment's site-packages; raises FileNotFoundError if there is none."""
    found = [env / "Lib" / "site-packages"] if os.name == "nt" else sorted(env.glob("lib/python3*/site-packages"))
    for folder in found:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no site-packages in {env}")


def platform_name() -> str:
    """The platform as the locked sizes name it, such as linux-x86_64."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform)
    machine = doctor.probe_system().machine
    return f"{system}-{'aarch64' if machine == 'arm64' and system == 'linux' else machine}"


@dataclass(frozen=True)
class Sizes:
    """Megabytes of all packages, unpacked and as wheels, and the longest path in an environment, in characters."""

    unpacked_mb: int
    wheel_mb: int
    longest_path: int


def sizes(platform: str, extra: Extra) -> Sizes:
    """The sizes that scripts/lock.py measured; on a platform it does not know, those of the largest."""
    data: dict[str, Any] = json.loads(pkgutil.get_data("handson.environment", "sizes.json") or b"{}")
    known = data["platforms"]
    chosen = known.get(platform) or max(known.values(), key=lambda one: int(one["test"]["unpacked_mb"]))
    return Sizes(**chosen[extra])
