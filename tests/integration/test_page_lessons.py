"""The lessons of the page run by its own session, with what it carries, where all that it lacks cannot be imported.

Not in a browser yet: Python is this one. Trainings are cut short; what is held here is that nothing is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handson.assets import Cache, fetch
from handson.kit.carried import Carried, carried
from handson.kit.place import MANIFEST
from handson.kit.site import build_site
from handson.lab.decoding import ppm, rgb_of
from handson.lab.exercises import CHECK_MIME
from handson.lab.reporting import FIGURES_MIME
from handson.lessons.catalog import read_catalog
from handson.lessons.render import render
from handson.workshop import read_workshop
from tests.conftest import ROOT, Silent

pytestmark = pytest.mark.integration

CATALOG = read_catalog(read_workshop(ROOT))
AGENDA = CATALOG.workshop.agendas[60].lessons
RUNNER = ROOT / "tests" / "page" / "lesson_runner.py"
MOST_BYTES = 10_500_000
"""Of all that the page carries for one hour."""
MOST_OF_THE_SITE = 25_000_000
"""Bytes of the whole folder: page, Python, lessons, their data, demos."""


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    """What the page carries for agenda 60, all of it fetched."""
    mirror = Path(os.environ.get("HANDSON_MIRROR") or ROOT.parent / "shared" / "assets")
    if not mirror.is_dir():
        pytest.skip(f"no mirror of the assets at {mirror}: set HANDSON_MIRROR to one")
    lessons = tuple(CATALOG.find(name) for name in AGENDA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDSON_MIRROR", str(mirror))
        patch.setenv("HANDSON_CACHE", str(tmp_path_factory.mktemp("cache")))
        needed = {name for lesson in lessons for name in lesson.contract.assets}
        fetch(CATALOG.manifest.select(sorted(needed)), Silent(), cache=Cache.default())
        return carried(lessons, CATALOG.manifest)


@pytest.fixture(scope="module")
def page(taken: Carried, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's folders: its cache, the photos in it read as its browser does, and a learner's home."""
    root = tmp_path_factory.mktemp("page")
    for files in taken.files.values():
        for path, content in files.items():
            place = root / "cache" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(ppm(rgb_of(content)) if content.startswith(b"\xff\xd8\xff") else content)
    (root / "home" / ".handson").mkdir(parents=True)
    (root / "home" / ".handson" / "assets.json").write_text(json.dumps(taken.index))
    return root


def messages_of(lesson: str, page: Path, *options: str) -> list[dict[str, Any]]:
    """Everything that a lesson's solved version says to the page."""
    notebook = render(CATALOG.find(lesson), "solved", None)
    cells = page / f"{lesson}.cells.json"
    cells.write_text(json.dumps([cell.source for cell in notebook.cells if cell.cell_type == "code"]))
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(cells), str(page / f"{lesson}.jsonl"), *options],
        cwd=page / "home",
        env={**os.environ, "HANDSON_CACHE": str(page / "cache"), "HANDSON_CHECK": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in (page / f"{lesson}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_it_is_small_and_nothing_is_left_out(taken: Carried) -> None:
    assert not taken.left_out
    assert taken.size < MOST_BYTES


def test_the_folder_is_small(taken: Carried, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("no Node.js with npm here: install them to build the lesson page")
    built = build_site(CATALOG, tmp_path / "site", take=taken)
    assert set(built.lessons) >= set(AGENDA)
    assert any(path.startswith("demos/") for path in json.loads((built.folder / MANIFEST).read_text())["sha256"])
    assert built.bytes <= MOST_OF_THE_SITE


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lesson", AGENDA)
def test_a_lesson_finds_all_that_it_needs(lesson: str, page: Path) -> None:
    messages = messages_of(lesson, page, "--quick")
    bundles = [message["bundle"] for message in messages if "bundle" in message]
    checks = [bundle[CHECK_MIME] for bundle in bundles if CHECK_MIME in bundle]
    assert checks
    assert all(check["passed"] for check in checks)
    reported = {name for bundle in bundles for name in bundle.get(FIGURES_MIME, {})}
    contract = CATALOG.find(lesson).contract
    assert reported >= {target.figure for target in contract.targets("full")}
    saved = {message.get("as", message)["name"] for message in messages if message["type"] == "file"}
    assert contract.picture in saved
    printed = "".join(message["text"] for message in messages if message["type"] == "stream")
    assert "fetch" not in printed
