"""Write the locked requirements and the sizes of what they install, for every platform of the laptop tier.

    python scripts/lock.py              # keep the locked versions that still satisfy pyproject.toml
    python scripts/lock.py --upgrade    # take the newest versions
    python scripts/lock.py --sizes      # measure again only

Needs `uv` and `packaging` in the Python that runs it, and the network. uv reads PyPI itself, none of this machine's
pip settings, so that nothing of this machine gets into the lock.

Written: requirements.lock (base + laptop), requirements-room.lock (the same + room), requirements-test.lock (the same +
jupyterlite + test), and src/handson/environment/sizes.json (megabytes and longest path, for the progress bar and the
checks before a set-up). Where no room runs (macOS, Windows) the second installs what the first does.
"""

from __future__ import annotations

import argparse
import email.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIZES = ROOT / "src" / "handson" / "environment" / "sizes.json"

# name of the platform -> (environment marker, uv's --python-platform)
PLATFORMS = {
    "linux-x86_64": ("sys_platform == 'linux' and platform_machine == 'x86_64'", "x86_64-manylinux_2_28"),
    "linux-aarch64": ("sys_platform == 'linux' and platform_machine == 'aarch64'", "aarch64-manylinux_2_28"),
    "macos-arm64": ("sys_platform == 'darwin' and platform_machine == 'arm64'", "aarch64-apple-darwin"),
    "windows-x86_64": ("sys_platform == 'win32' and platform_machine == 'AMD64'", "x86_64-pc-windows-msvc"),
}
OLDEST_PYTHON = "3.11"
MEASURED_PYTHON = "3.12"
OLDEST_MACOS = "14.0"  # torch 2.13's wheels begin there

# uv installs the rest; hatchling and editables install handson itself from a checkout.
TOOLS = ["uv>=0.9", "hatchling>=1.27", "editables>=0.5"]
# What torch 2.13's wheel for Linux asks for. The wheel itself is not in the lock for Linux (see HEADER), and PyPI's
# would bring the CUDA packages; `uv pip check` at the end of every set-up proves that this list is whole.
TORCH_ON_LINUX_NEEDS = [
    "filelock",
    "typing-extensions>=4.10.0",
    "setuptools>=77.0.3",
    "sympy>=1.13.3",
    "networkx>=2.5.1",
    "jinja2",
    "fsspec>=0.8.5",
]
# Measured from torch-2.13.0+cpu for CPython 3.11 on x86_64, the only one of its CPU wheels for Linux that was at hand.
TORCH_ON_LINUX = {"unpacked_mb": 671, "wheel_mb": 192, "longest_path": 150}

HEADER = """\
# Written by scripts/lock.py from pyproject.toml ({extras}); do not edit.
# One lock for CPython 3.11 to 3.14 on Linux (x86_64, aarch64), macOS (arm64) and Windows (x86_64).
# PyTorch for Linux is not in here: its CPU build is `torch==2.13.0+cpu`, which PyPI does not have, and the hash of
# that wheel could not be checked where this lock was made. start.py pins it by version, and verifies that it is a build
# for the CPU.
"""

# uv writes the platforms above into every marker; start.py refuses any other platform, so they say nothing here.
ANY_PLATFORM = [
    "platform_machine == 'arm64' and sys_platform == 'darwin' or (platform_machine == 'aarch64' or platform_machine == "
    "'x86_64') and sys_platform == 'linux' or platform_machine == 'AMD64' and sys_platform == 'win32'",
    "((platform_machine == 'arm64' and sys_platform == 'darwin') or (platform_machine == 'aarch64' and sys_platform == "
    "'linux') or (platform_machine == 'x86_64' and sys_platform == 'linux') or (platform_machine == 'AMD64' and "
    "sys_platform == 'win32'))",
]


def requirements(extras: list[str]) -> list[str]:
    """The direct requirements of pyproject.toml with these extras, as the locks need them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted: list[str] = [*project["dependencies"], *TOOLS]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    pinned = [f"{line} ; sys_platform != 'linux'" if re.match(r"torch\b", line) else line for line in wanted]
    return pinned + [f"{line} ; sys_platform == 'linux'" for line in TORCH_ON_LINUX_NEEDS]


def uv(*arguments: str, folder: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    environment["MACOSX_DEPLOYMENT_TARGET"] = OLDEST_MACOS
    command = [sys.executable, "-m", "uv", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def compile_lock(extras: list[str], target: Path, like: Path | None, upgrade: bool) -> None:
    """Write `target`; versions agree with the lock `like` where it has them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        markers = ", ".join(f'"{marker}"' for marker, _ in PLATFORMS.values())
        (folder / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = [{markers}]\n", encoding="utf-8")
        (folder / "requirements.in").write_text("\n".join(requirements(extras)) + "\n", encoding="utf-8")
        options = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
        options += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
        if like is not None:
            shutil.copy(like, folder / "like.txt")
            options += ["--constraints", "like.txt"]
        if target.exists() and not upgrade:
            shutil.copy(target, folder / "out.txt")
        uv("pip", "compile", *options, "requirements.in", "--output-file", "out.txt", folder=folder)
        body = (folder / "out.txt").read_text(encoding="utf-8")
    target.write_text(HEADER.format(extras=" + ".join(["base", *extras])) + simple_markers(body), encoding="utf-8")


def simple_markers(lock: str) -> str:
    """The lock without the words "on any of the platforms" in its markers."""
    for words in ANY_PLATFORM:
        lock = lock.replace(f" ; {words} \\", " \\").replace(f" and {words} \\", " \\")
    return lock


def measure(platform: str, lock: Path) -> dict[str, int]:
    """Megabytes and the longest path (from the environment's folder) of what the lock installs on a platform."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = ["--python-platform", PLATFORMS[platform][1], "--python-version", MEASURED_PYTHON]
        safe = ["--only-binary", ":all:", "--no-config"]
        uv("pip", "install", "--target", "env", *where, *safe, "--require-hashes", "-r", str(lock), folder=folder)
        uv("pip", "compile", *where, *safe, "--format", "pylock.toml", "-o", "pylock.toml", str(lock), folder=folder)
        site = folder / "env"
        files = [path for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        prefix = len(
            "Lib/site-packages/" if platform.startswith("windows") else f"lib/python{MEASURED_PYTHON}/site-packages/"
        )
        unpacked = sum(path.stat().st_size for path in files)
        longest = max(prefix + len(path.relative_to(site).as_posix()) for path in files)
        wheels = wheel_bytes(tomllib.loads((folder / "pylock.toml").read_text(encoding="utf-8")), site)
    sizes = {"unpacked_mb": round(unpacked / 1e6), "wheel_mb": round(wheels / 1e6), "longest_path": longest}
    if platform.startswith("linux"):
        sizes = {
            key: max(sizes[key], value) if key == "longest_path" else sizes[key] + value
            for key, value in TORCH_ON_LINUX.items()
        }
    return sizes


def wheel_bytes(pylock: dict[str, Any], site: Path) -> int:
    """Bytes of the wheels that were installed into `site`, by the sizes that the index states."""
    from packaging.utils import canonicalize_name, parse_wheel_filename

    sizes: dict[str, list[tuple[frozenset[Any], int]]] = {}
    for package in pylock["packages"]:
        for wheel in package.get("wheels", []):
            file = wheel["url"].rpartition("/")[2]
            sizes.setdefault(canonicalize_name(package["name"]), []).append(
                (parse_wheel_filename(file)[3], wheel["size"])
            )
    total = 0
    for info in site.glob("*.dist-info"):
        name = canonicalize_name(info.name.partition("-")[0])
        tags = set(email.parser.Parser().parsestr((info / "WHEEL").read_text(encoding="utf-8")).get_all("Tag") or [])
        exact = [size for wheel_tags, size in sizes.get(name, []) if tags & {str(tag) for tag in wheel_tags}]
        total += max(exact or [size for _, size in sizes.get(name, [(frozenset(), 0)])])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument("--sizes", action="store_true", help="measure again only")
    options = parser.parse_args()
    names = {"laptop": "requirements.lock", "room": "requirements-room.lock", "test": "requirements-test.lock"}
    locks = {extra: ROOT / name for extra, name in names.items()}
    if not options.sizes:
        compile_lock(["laptop", "jupyterlite", "room", "test"], locks["test"], None, options.upgrade)
        compile_lock(["laptop", "room"], locks["room"], locks["test"], options.upgrade)
        compile_lock(["laptop"], locks["laptop"], locks["test"], options.upgrade)
    sizes: dict[str, Any] = {"made_by": "python scripts/lock.py", "python": MEASURED_PYTHON, "platforms": {}}
    for platform in PLATFORMS:
        sizes["platforms"][platform] = {extra: measure(platform, lock) for extra, lock in locks.items()}
        print(platform, sizes["platforms"][platform])
    SIZES.write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
