"""`handson kit site`: a folder with the lesson page, to be opened from a stick, a LAN server or any static host.

The page is one file, index.html; everything else are scripts and pictures beside it, so that `file://` will do. Python
is Pyodide; handson's own modules that lessons import come along in a zip, with their embedded data.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from PIL import Image, ImageOps, ImageSequence

import handson
from handson import __version__
from handson.assets import missing
from handson.kit.carried import Carried, carried
from handson.kit.demos import digits_script, packed_digits, with_digits
from handson.kit.frontend import Say, front_end
from handson.kit.jupyterlite import START, add_jupyterlite, refuse_without_tools
from handson.kit.packing import JOURNAL, Folder
from handson.kit.place import Counted, incomplete, make_room, of_writing, refuse_folder, write_manifest
from handson.kit.pyodide import fetched_wheels, lock_of
from handson.lab.places import INDEX
from handson.lessons.catalog import Catalog
from handson.lessons.records import read_record
from handson.lessons.render import Version, render
from handson.lessons.source import Lesson

Files = Mapping[str, Mapping[str, bytes]]
"""By asset name: absolute path for Python in the page → content."""

HOME = "/home/learner"
CACHE = "/assets"
_ROOMS = ("lab", "page", "pocket")
"""Of handson, what comes along: what lessons import and what runs them."""
_LEFT_OUT = (".pyc", ".c", ".h", ".so", ".dylib", ".dll", ".md", ".jpg", ".webp")
_NOT_FOR_PYODIDE = tuple(f"handson/pocket/{path}" for path in ("build.py", "built/built.txt", "built/pocket.wasm"))
"""The builds of pocket's C source, and the wasm for pages without Python, which the demos have in them."""
_SPARES_OURS = "squeezenet-1.1"
"""The network that lessons prefer to those of ours."""
_CARD = (512, 320)
_TIERS = {"room": "in a room", "image": "in an image"}


@dataclass(frozen=True)
class Site:
    """What was built."""

    folder: Path
    bytes: int
    files: int
    lessons: tuple[str, ...]
    elsewhere: tuple[str, ...]
    """Lessons that are listed and do not run in the page."""
    not_fetched: tuple[str, ...] = ()
    """Assets that the page goes without because they were not fetched."""
    on_stand_ins: tuple[str, ...] = ()
    """Lessons of the page that run on what comes with handson in place of these."""

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"


def build_site(
    catalog: Catalog,
    to: Path,
    *,
    version: Version = "learner",
    take: Carried | None = None,
    packages: Sequence[str] = (),
    with_jupyterlite: bool = False,
    say: Say = lambda _: None,
) -> Site:
    """Build the site of a workshop in folder `to`, which must be new, empty, or an older site.

    Of an older site goes what was built; what was changed since, and what else lies there, stays, unless the new site
    has a file of that name.

    take: the assets to take along, if not all that were fetched (see `handson.kit.carried`); packages: those of
    Pyodide's own to take along (see `handson.kit.pyodide`); with_jupyterlite: build JupyterLite beside the page.
    Raises HandsonError where the folder holds something else, the front end is missing, a package was not fetched,
    what builds JupyterLite is not installed (all of that before anything is built), or the disk becomes full.
    """
    refuse_folder(to)
    if with_jupyterlite:
        refuse_without_tools()
    front = front_end(say)
    wheels = fetched_wheels(lock_of(front), packages) if packages else []
    here = [lesson for lesson in catalog.lessons if "page" in lesson.contract.tiers]
    take = take or _all_that_was_fetched(here, catalog, say)
    files = {name: {f"{CACHE}/{path}": data for path, data in paths.items()} for name, paths in take.files.items()}
    own = _own_modules(with_networks=_SPARES_OURS not in files)
    make_room(to, catalog.workshop.name, say)

    def write(folder: Folder) -> None:
        site = {
            "name": catalog.workshop.name,
            "title": catalog.workshop.title,
            "version": __version__,
            "agendas": [
                {"minutes": minutes, "title": agenda.title, "lessons": list(agenda.lessons)}
                for minutes, agenda in catalog.workshop.agendas.items()
            ],
            "lessons": [_card(lesson, take.by_lesson.get(lesson.name, ()), folder) for lesson in catalog.lessons],
            "demos": list(_demos(front, folder, take.named("mnist"))),
            "resources": {name: folder.pack(name, (front / name).read_bytes()) for name in _PACKED}
            | {"handson.zip": folder.pack("handson", _zipped(own))}
            | {wheel.file: folder.pack(wheel.name, wheel.content) for wheel in wheels}
            | {resource: folder.pack(resource, content) for resource, content in _resources(files)}
            | {_resource_of(lesson): folder.pack(_resource_of(lesson), _content(lesson, version)) for lesson in here},
            "files": {asset: {path: f"{asset}-{n}" for n, path in enumerate(paths)} for asset, paths in files.items()},
            "packages": ["handson.zip", *(wheel.file for wheel in wheels)],
            "texts": {f"{HOME}/{INDEX.as_posix()}": json.dumps(dict(take.index))},
            "environment": {"HANDSON_CACHE": CACHE, "HANDSON_BACKEND": "pocket"},
            "jupyter": START if with_jupyterlite else "",
        }
        if with_jupyterlite and not isinstance(folder, Counted):
            say("building JupyterLite")
            add_jupyterlite(folder, catalog.workshop, here, version, front, own, take, wheels)
        folder.write("index.html", _html(site, front, folder))
        folder.write("licences.txt", (front / "licences.txt").read_bytes())

    folder = Folder(to, journal=True)
    say("writing the page")
    try:
        write(folder)
        write_manifest(to, catalog.workshop.name, folder.manifest())
        (to / JOURNAL).unlink()
    except OSError as error:
        if not of_writing(error, to):
            raise
        write(counted := Counted(to))
        raise incomplete(to, error, counted.size, with_jupyterlite) from None
    size = sum(file.stat().st_size for file in to.rglob("*") if file.is_file())
    elsewhere = tuple(lesson.name for lesson in catalog.lessons if lesson not in here)
    absent = tuple(missing(catalog.manifest, take.left_out))
    stand_ins = tuple(lesson.name for lesson in here if set(absent) & set(lesson.contract.assets))
    names = tuple(lesson.name for lesson in here)
    return Site(to, size, len(folder.written) + 1, names, elsewhere, absent, stand_ins)


_PACKED = ("pyodide.asm.wasm", "python_stdlib.zip", "worker.js", "vega.js")


def _all_that_was_fetched(lessons: Sequence[Lesson], catalog: Catalog, say: Say) -> Carried:
    say("making the lessons' data small")
    take = carried(lessons, catalog.manifest)
    for name, reason in take.left_out.items():
        say(f"without {name}: {reason}")
    return take


def _card(lesson: Lesson, assets: Sequence[str], folder: Folder) -> dict[str, Any]:
    contract = lesson.contract
    here = "page" in contract.tiers
    record = read_record(lesson)
    picture = record.picture if record else None
    return {
        "name": lesson.name,
        "number": lesson.number,
        "track": lesson.track,
        "title": contract.title,
        "promise": contract.promise,
        "minutes": contract.minutes,
        "picture": folder.write_named(f"card-{lesson.name}", ".webp", _small(picture)) if picture else "",
        "pictureAlt": contract.picture_alt,
        "here": here,
        "why": "" if here else _why_not_here(contract.tiers),
        "assets": list(assets),
        "script": _resource_of(lesson) if here else "",
    }


def _why_not_here(tiers: Sequence[str]) -> str:
    if "laptop" in tiers:
        return "Needs handson installed on a laptop."
    return f"Runs {_listed([_TIERS[tier] for tier in tiers])}, not in this page."


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _small(picture: bytes) -> bytes:
    """A card's picture: the last frame of an animation; a photo fills the card, a white sheet is seen whole."""
    with Image.open(io.BytesIO(picture)) as opened:
        opened.seek(getattr(opened, "n_frames", 1) - 1)
        shown = opened.convert("RGB")
    corners = [shown.getpixel((x, y)) for x in (0, shown.width - 1) for y in (0, shown.height - 1)]
    if all(corner == (255, 255, 255) for corner in corners):
        room = (round(_CARD[0] * 0.92), round(_CARD[1] * 0.92))
        card = ImageOps.pad(ImageOps.contain(shown, room, Image.Resampling.LANCZOS), _CARD, color="white")
    else:
        card = ImageOps.fit(shown, _CARD, Image.Resampling.LANCZOS, centering=(0.5, 0.3))
    file = io.BytesIO()
    card.save(file, "WEBP", quality=76, method=6)
    return file.getvalue()


def _resource_of(lesson: Lesson) -> str:
    """The resource that holds its cells."""
    return f"lesson-{lesson.name}"


def _content(lesson: Lesson, version: Version) -> bytes:
    """A lesson's cells as JSON, with the prose rendered: the same notebook as the learner's in Jupyter."""
    notebook = render(lesson, version, read_record(lesson))
    content = {
        "name": lesson.name,
        "metadata": dict(notebook.metadata),
        "cells": [_cell(cell) for cell in notebook.cells],
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _cell(cell: Any) -> dict[str, Any]:
    common = {"id": cell.id, "source": cell.source}
    if cell.cell_type == "markdown":
        pictures = {name: smaller_picture(forms) for name, forms in cell.get("attachments", {}).items()}
        attachments = {"attachments": pictures} if pictures else {}
        return {**common, "kind": "markdown", "html": markdown(cell.source), **attachments}
    roles = [tag for tag in cell.metadata.get("tags", ()) if tag in ("exercise", "check")]
    return {**common, "kind": "code", "role": roles[0] if roles else ""}


def smaller_picture(forms: Mapping[str, str]) -> dict[str, str]:
    """A picture of the prose (type → base64), as WebP where that is smaller: browsers and JupyterLab show it."""
    ((mime, text),) = forms.items()
    content = base64.b64decode(text)
    file = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(picture)]
        times = [frame.info.get("duration", 100) for frame in ImageSequence.Iterator(picture)]
        more = {"save_all": True, "append_images": frames[1:], "duration": times, "loop": 0} if len(frames) > 1 else {}
        frames[0].save(file, "WEBP", quality=78, method=4, **more)
    if file.tell() >= len(content):
        return {mime: text}
    return {"image/webp": base64.b64encode(file.getvalue()).decode("ascii")}


def markdown(text: str) -> str:
    """Prose as HTML: CommonMark with tables, as JupyterLab shows it; HTML in it (folded hints) is kept."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    # An attachment's address is no web address; the page puts the picture in.
    parser.validateLink = lambda url: not url.lower().startswith(("javascript:", "vbscript:"))  # type: ignore[method-assign]
    return str(parser.render(text))


def _demos(front: Path, folder: Folder, mnist: Mapping[str, bytes] | None) -> Iterator[dict[str, str]]:
    """Writes the demos and their index; with MNIST's digits where those are at hand."""
    listing = front / "demos" / "demos.json"
    if not listing.is_file():
        return
    folder.write("demos/index.html", (front / "demos" / "index.html").read_bytes())
    digits = "demo-digits.js" if mnist else ""
    if mnist:
        folder.write(f"demos/{digits}", digits_script(packed_digits(mnist)))
    for demo in json.loads(listing.read_text(encoding="utf-8")):
        page = (front / "demos" / f"{demo['name']}.html").read_bytes()
        path = folder.write(f"demos/{demo['name']}.html", with_digits(page, digits) if digits else page)
        yield {"title": demo["title"], "promise": demo["promise"], "path": path}


def _own_modules(with_networks: bool) -> dict[str, bytes]:
    """What lessons import of handson, by its path below site-packages.

    Its photos, which only a browser can read there, come as an asset; its small networks where no larger one comes.
    """
    source = Path(handson.__file__).parent
    chosen = [source / "__init__.py", source / "errors.py"]
    for room in _ROOMS:
        chosen += [file for file in (source / room).rglob("*") if file.is_file()]
    modules = {}
    for path in sorted(chosen):
        name = f"handson/{path.relative_to(source).as_posix()}"
        if "/zoo/weights/" in name and not with_networks:
            continue
        if not name.endswith(_LEFT_OUT) and "__pycache__" not in name and name not in _NOT_FOR_PYODIDE:
            modules[name] = path.read_bytes()
    return modules


def _zipped(modules: Mapping[str, bytes]) -> bytes:
    """Always the same bytes for the same sources."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # the whole is compressed once, when it is packed
        for name, content in modules.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def _resources(files: Files) -> Iterator[tuple[str, bytes]]:
    for asset, paths in files.items():
        for n, content in enumerate(paths.values()):
            yield f"{asset}-{n}", content


def _html(site: dict[str, Any], front: Path, folder: Folder) -> str:
    style = folder.write_named("page", ".css", (front / "page.css").read_bytes())
    script = folder.write_named("page", ".js", (front / "page.js").read_bytes())
    data = json.dumps(site, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(site["title"])}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<div id="app"></div>
<noscript><p>This page is a program: it needs JavaScript, which is switched off in this browser.</p></noscript>
<script type="application/json" id="site">{data}</script>
<script src="{script}"></script>
</body>
</html>
"""
