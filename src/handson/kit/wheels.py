"""Python packages for Pyodide: those of this environment as wheels, and the lock file that names them all.

What runs the notebooks in JupyterLite (IPython, the widgets) is pure Python. It is taken as it is installed here, so
that a site is built without a network, and of the versions that this environment was locked to.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any

from handson.errors import HandsonError

_NOT_HERE = ("__pycache__", "tests", "test", "jedi/third_party/typeshed/stubs", "jedi/third_party/django-stubs")
"""Also what jedi knows of packages that are not there."""
_FOR_THIS_MACHINE = (".so", ".pyd", ".dll", ".dylib", ".pyc")


@dataclass(frozen=True)
class Wheel:
    """A package for Pyodide: `name` as in PEP 503, its file, what of it can be imported, and the packages it needs."""

    name: str
    version: str
    file: str
    content: bytes
    imports: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()

    def locked(self) -> dict[str, Any]:
        """Its entry in a pyodide-lock.json (https://github.com/pyodide/pyodide-lock)."""
        return {
            "name": self.name,
            "version": self.version,
            "file_name": self.file,
            "install_dir": "site",
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "package_type": "package",
            "imports": list(self.imports),
            "depends": list(self.depends),
            "unvendored_tests": False,
        }


def made_wheel(name: str, version: str, files: Mapping[str, bytes], **more: tuple[str, ...]) -> Wheel:
    """A wheel of `files` (path below site-packages → content); the same files give the same bytes."""
    stem = f"{name.replace('-', '_')}-{version}"
    about = f"{stem}.dist-info"
    own = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: handson\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content = _zipped({**own, **files})
    return Wheel(name, version, f"{stem}-py3-none-any.whl", content, **more)


def installed_wheels(names: Iterable[str], python: str, *, without: Iterable[str] = ()) -> list[Wheel]:
    """These packages of this environment and all that they need in Pyodide, each as a wheel; without some of them.

    python: the version of Pyodide's Python, such as 3.14.2. Raises HandsonError for a package that is not here, or not
    whole.
    """
    here = {"sys_platform": "emscripten", "platform_system": "Emscripten", "os_name": "posix"}
    here |= {"platform_machine": "wasm32", "python_full_version": python, "python_version": _minor(python), "extra": ""}
    left_out = {_normal(name) for name in without}
    wheels: dict[str, Wheel] = {}
    waiting = [_normal(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in wheels or name in left_out:
            continue
        found = _found(name)
        needed = tuple(sorted(set(_needed(found, here)) - left_out))
        wheels[name] = _repacked(name, found, needed)
        waiting += needed
    return [wheels[name] for name in sorted(wheels)]


def _found(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise HandsonError(
            f"JupyterLite needs the package {name}, which is not installed here.", f"pip install {name}"
        ) from None


def _needed(found: Distribution, environment: dict[str, str]) -> Iterable[str]:
    from packaging.requirements import Requirement

    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield _normal(requirement.name)


def _repacked(name: str, found: Distribution, depends: tuple[str, ...]) -> Wheel:
    files = {path.as_posix(): path for path in found.files or () if _belongs(path)}
    content = {}
    for path, place in files.items():
        try:
            content[path] = Path(str(place.locate())).read_bytes()
        except FileNotFoundError:
            raise HandsonError(
                f"{name} {found.version} is damaged here: {path} is missing.", f"pip install --force-reinstall {name}"
            ) from None
    imports = {path.split("/")[0].removesuffix(".py") for path in content if path.count("/") <= 1 and _is_module(path)}
    if not imports:
        raise HandsonError(
            f"{name} {found.version}, which JupyterLite needs, is installed here without files of Python.",
            f"pip install --force-reinstall {name}",
        )
    stem = f"{re.sub(r'[-.]+', '_', name)}-{found.version}"
    return Wheel(name, found.version, f"{stem}-py3-none-any.whl", _zipped(content), tuple(sorted(imports)), depends)


def _belongs(path: PurePosixPath) -> bool:
    """Whether a file is of use in Pyodide: what was compiled for this machine only makes these packages quicker."""
    inside = path.parts[0] not in ("..", "/") and not any(f"/{part}/" in f"/{path.as_posix()}" for part in _NOT_HERE)
    return inside and path.suffix not in _FOR_THIS_MACHINE


def _is_module(path: str) -> bool:
    return path.endswith("/__init__.py") or ("/" not in path and path.endswith(".py"))


def _zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path), files[path], zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _normal(name: str) -> str:
    """As PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
