"""Pyodide's own packages (NumPy and friends) for the lesson page and JupyterLite: fetched once, then carried.

npm's Pyodide has none of them; its list (`pyodide-lock.json`) says for each the file's name and SHA-256. The files are
fetched from Pyodide's official host by those hashes, as any asset, so that a mirror or a stick will do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from handson.assets import Asset, AssetFile, Cache
from handson.errors import HandsonError, UnknownNameError
from handson.kit.wheels import Wheel

NAME = "pyodide"
"""For `handson fetch`."""
PACKAGES = ("matplotlib", "numpy", "pandas", "pillow", "scikit-learn", "scipy")
"""What can be asked for; what these need comes with them."""
_HOST = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{file}"


def lock_of(front: Path) -> dict[str, Any]:
    """The list of Pyodide's packages in a built front end. Raises HandsonError where it is no such list."""
    path = front / "pyodide" / "pyodide-lock.json"
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        str(lock["info"]["version"]), str(lock["info"]["python"]), dict(lock["packages"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HandsonError(
            f"{path}, Pyodide's list of its packages, cannot be read ({type(error).__name__}).",
            "Build the front end anew (npm run build in web/), or install the wheel of handson again.",
        ) from None
    return dict(lock)


def names_in(text: Iterable[str]) -> tuple[str, ...]:
    """The packages named in an option's values, each with commas between names. Raises UnknownNameError."""
    names = [name.strip().lower() for value in text for name in value.split(",") if name.strip()]
    for name in names:
        if name not in PACKAGES:
            raise UnknownNameError("package for the page", name, PACKAGES)
    return tuple(dict.fromkeys(names))


def with_needed(lock: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """These packages and all that they need, by name, in alphabetical order. Raises HandsonError for one not listed."""
    chosen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        if name not in lock["packages"]:
            raise HandsonError(
                f"Pyodide {lock['info']['version']} has no package {name}.", "Take a handson with another Pyodide."
            )
        chosen.add(name)
        waiting += lock["packages"][name]["depends"]
    return sorted(chosen)


def asset_of(lock: Mapping[str, Any], names: Iterable[str] = PACKAGES) -> Asset:
    """The files of these packages and of what they need, as an asset; in a mirror they are in `pyodide/v<version>/`."""
    version = lock["info"]["version"]
    entries = [lock["packages"][name] for name in with_needed(lock, names)]
    files = tuple(
        # Without validation, which asks for a size beside a whole hash: the list states none, so it is asked for.
        AssetFile.model_construct(
            path=f"pyodide/v{version}/{entry['file_name']}",
            urls=(_HOST.format(version=version, file=entry["file_name"]),),
            sha256=entry["sha256"],
        )
        for entry in entries
    )
    return Asset.model_construct(
        what=f"Packages of Pyodide {version} for the lesson page: {', '.join(names)}, and what they need.",
        licence="each package's own",
        source="https://github.com/pyodide/pyodide-recipes",
        extra=True,
        files=files,
    )


def fetched_wheels(lock: Mapping[str, Any], names: Iterable[str]) -> list[Wheel]:
    """These packages and what they need, from the cache. Raises HandsonError where one was not fetched."""
    cache = Cache.default()
    wheels = []
    for name in with_needed(lock, names):
        entry = lock["packages"][name]
        (file,) = [one for one in asset_of(lock, [name]).files if one.name == entry["file_name"]]
        if not cache.holds(file):
            raise HandsonError(
                f"{name} for the page has not been fetched ({entry['file_name']}).",
                f"`handson fetch {NAME}` brings it.",
            )
        if entry["install_dir"] != "site" or not file.name.endswith(".whl"):
            raise HandsonError(
                f"{name} of this Pyodide is no wheel ({file.name}), and the page unpacks nothing else.",
                "Leave it out of --with.",
            )
        content = cache.path_of(file).read_bytes()
        imports, depends = tuple(entry["imports"]), tuple(entry["depends"])
        wheels.append(Wheel(name, entry["version"], file.name, content, imports, depends))
    return wheels
