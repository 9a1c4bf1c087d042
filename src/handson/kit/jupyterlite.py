"""JupyterLite beside the lesson page: Jupyter's own face over the page's Python, with the lessons as notebooks.

Built by jupyterlite-core and its Pyodide kernel, which are extra packages; everything that the browser asks for is in
the folder. It needs a web server: see `docs/page.md` for what it cannot do, which its banner says as well.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import nbformat

from handson import __version__
from handson.errors import HandsonError
from handson.kit.carried import Carried
from handson.kit.packing import Folder
from handson.kit.pyodide import lock_of
from handson.kit.wheels import Wheel, installed_wheels, made_wheel
from handson.lessons.records import read_record
from handson.lessons.render import Version, render
from handson.lessons.source import Lesson
from handson.lessons.workspace import notebook_path
from handson.workshop import Workshop

PLACE = "jupyter"
"""Its folder in a site."""
START = f"{PLACE}/lab/index.html"
_ASSETS = "handson_assets"
_SETTINGS = "handson_jupyter"
_TOOLS = {"jupyterlite_core": "jupyterlite-core", "jupyterlite_pyodide_kernel": "jupyterlite-pyodide-kernel"}
_KERNEL = ("piplite", "micropip", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython")
"""What the kernel's worker would otherwise look for on a server, by its own names."""
_STAND_INS = ("ipykernel", "widgetsnbextension", "jupyterlab-widgets")
"""What IPython's widgets ask for and do not need there; of the first, the kernel brings its own."""
_TORCH = b"""\
import sys

from handson import pocket

del sys.modules["torch"]  # pocket takes this module's place
pocket.install()
"""
_EPOCH = "315532800"
"""1980, the first year that zip files and FAT know: the same site has the same bytes."""


def missing_tools() -> list[str]:
    """Of the packages that build JupyterLite, those that are not installed here."""
    return [name for module, name in _TOOLS.items() if importlib.util.find_spec(module) is None]


def refuse_without_tools() -> None:
    """Raise HandsonError where what builds JupyterLite is not installed."""
    if missing := missing_tools():
        raise HandsonError(
            f"JupyterLite is built by packages that are not installed here: {', '.join(missing)}.",
            'pip install "handson[jupyterlite]"; in a checkout, `.venv/bin/uv pip install -e ".[jupyterlite]"` '
            r"(Windows: .venv\Scripts\uv).",
        )


def add_jupyterlite(
    folder: Folder,
    workshop: Workshop,
    lessons: Sequence[Lesson],
    version: Version,
    front: Path,
    modules: Mapping[str, bytes],
    take: Carried,
    more: Sequence[Wheel] = (),
) -> None:
    """Build JupyterLite with the notebooks of `lessons` into `folder`, below PLACE.

    front: the built front end, with Pyodide in it; modules: handson's own files (path below site-packages → content);
    take: the lessons' data; more: further packages for Pyodide. Raises HandsonError where the tools refuse.
    """
    with tempfile.TemporaryDirectory(prefix="handson-jupyterlite-") as name:
        source, built = Path(name) / "source", Path(name) / "built"
        _write_notebooks(source / "content", lessons, version)
        info = lock_of(front)["info"]
        wheels = [*more, *_kernel_wheels(info["python"]), *_own_wheels(modules, take)]  # of one name, the last counts
        _write_pyodide(source / "static" / "pyodide", front, info, wheels)
        _write_settings(source, workshop, info["python"], wheels)
        _build(source, built)
        lab = built / "lab" / "index.html"
        lab.write_text(with_banner(lab.read_text(encoding="utf-8")), encoding="utf-8")
        for path in sorted(built.rglob("*")):
            if path.is_file() and path.suffix != ".map" and not path.name.startswith("rspack.config"):
                folder.write(f"{PLACE}/{path.relative_to(built).as_posix()}", path.read_bytes())


def _write_notebooks(root: Path, lessons: Sequence[Lesson], version: Version) -> None:
    for lesson in lessons:
        path = root / notebook_path(lesson)
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = render(lesson, version, read_record(lesson))
        notebook.metadata["kernelspec"] = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def _own_wheels(modules: Mapping[str, bytes], take: Carried) -> list[Wheel]:
    """handson, under its own name and torch's; the lessons' data; what the kernel's start finds of ours."""
    data = {f"{_ASSETS}/{path}": content for files in take.files.values() for path, content in files.items()}
    own = {
        **modules,
        "torch/__init__.py": _TORCH,
        f"{_SETTINGS}/profile_default/startup/00-handson.py": b"from handson.page.jupyter import begin\n\nbegin()\n",
    }
    index = {f"{_ASSETS}/index.json": json.dumps(dict(take.index)).encode()}
    installer = {
        f"{name}/__init__.py": b"from handson.page.installer import install\n" for name in ("micropip", "piplite")
    }
    installer["piplite/piplite.py"] = installer["piplite/__init__.py"]
    installer["piplite/cli.py"] = b"from handson.page.installer import get_transformed_code\n"
    piplite = made_wheel("piplite", __version__, installer, imports=("piplite", "micropip"), depends=("handson",))
    return [
        made_wheel("handson", __version__, own, imports=("handson", "torch")),
        made_wheel("handson-assets", __version__, {**data, **index}),
        piplite,
        Wheel("micropip", __version__, piplite.file, piplite.content, (), ("piplite",)),
    ]


def _kernel_wheels(python: str) -> list[Wheel]:
    """IPython and the widgets as they are installed here, and what the kernel's package brings."""
    wheels = installed_wheels(("ipython", "comm", "jedi", "anywidget"), python, without=_STAND_INS)
    pypi = _extension("jupyterlite-pyodide-kernel", "pyodide-kernel-extension") / "static" / "pypi"
    for path in sorted(pypi.glob("*.whl")):
        name, version = path.name.split("-")[:2]
        name = name.replace("_", "-")
        if name in ("ipykernel", "pyodide-kernel"):
            depends = ("ipython", "comm") if name == "pyodide-kernel" else ("pyodide-kernel",)
            wheels.append(Wheel(name, version, path.name, path.read_bytes(), (name.replace("-", "_"),), depends))
    return wheels


def _extension(package: str, folder: str) -> Path:
    """The folder of an extension of JupyterLab that a package installed."""
    for path in distribution(package).files or ():
        if path.name == "package.json" and path.parent.name == folder:
            return Path(str(path.locate())).resolve().parent
    raise HandsonError(f"{package} is installed here without its part for the browser.", f"pip install {package}")


def _write_pyodide(to: Path, front: Path, info: dict[str, Any], wheels: Sequence[Wheel]) -> None:
    to.mkdir(parents=True)
    for name in ("pyodide.asm.wasm", "pyodide/pyodide.mjs", "pyodide/pyodide.asm.mjs", "pyodide/python_stdlib.zip"):
        shutil.copyfile(front / name, to / Path(name).name)
    named = {wheel.name: wheel for wheel in wheels}
    for wheel in named.values():
        (to / wheel.file).write_bytes(wheel.content)
    lock = {"info": info, "packages": {name: wheel.locked() for name, wheel in named.items()}}
    (to / "pyodide-lock.json").write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")


def _write_settings(source: Path, workshop: Workshop, python: str, wheels: Sequence[Wheel]) -> None:
    site_packages = f"/lib/python{'.'.join(python.split('.')[:2])}/site-packages"
    loaded = [*_KERNEL, "anywidget", "handson", "handson-assets"]
    assert set(loaded) <= {wheel.name for wheel in wheels}, loaded
    environment = {
        "HANDSON_BACKEND": "pocket",
        "HANDSON_CACHE": f"{site_packages}/{_ASSETS}",
        "IPYTHONDIR": f"{site_packages}/{_SETTINGS}",
    }
    kernel = {
        "pyodideUrl": "./static/pyodide/pyodide.mjs",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"packages": loaded, "env": environment},
    }
    storage = {
        f"{what}StorageName": f"handson-{workshop.name} {what}" for what in ("contents", "settings", "workspaces")
    }
    plugins = {"litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel}}
    page = {"appName": workshop.title, **storage, **plugins}
    settings = {"jupyter-lite-schema-version": 0, "jupyter-config-data": page}
    (source / "jupyter-lite.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    browser = {"@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False}}  # all are of _EPOCH
    (source / "overrides.json").write_text(json.dumps(browser) + "\n", encoding="utf-8")


def _build(source: Path, built: Path) -> None:
    extensions = [
        _extension("jupyterlite-pyodide-kernel", "pyodide-kernel-extension"),
        _extension("anywidget", "anywidget"),
        _extension("jupyterlab-widgets", "jupyterlab-manager"),
    ]
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--apps", "lab", "--no-libarchive"]
    command += ["--no-sourcemaps", "--no-unused-shared-packages", "--ignore-sys-prefix", "--source-date-epoch", _EPOCH]
    command += ["--lite-dir", str(source), "--output-dir", str(built), "--contents", str(source / "content")]
    for extension in extensions:
        command += ["--LiteBuildConfig.federated_extensions", str(extension)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTERLITE_")}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode or not (built / "lab" / "index.html").is_file():
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise HandsonError(
            f"jupyterlite-core could not build JupyterLite:\n{said}",
            'Mend that, or bring its packages anew: pip install --force-reinstall "handson[jupyterlite]"',
        )


def with_banner(html: str) -> str:
    """JupyterLab's page with a banner above it that tells what it cannot do where it was opened."""
    head, body, rest = html.partition("<body")
    tag, end, inside = rest.partition(">")
    if not end:
        raise HandsonError(
            "jupyterlite-core made a page that is none.", "Install the version that handson was locked to."
        )
    banner = Path(__file__).with_name("jupyterlite.html").read_text(encoding="utf-8")
    return f"{head}{body}{tag}{end}\n{banner}{inside}"
