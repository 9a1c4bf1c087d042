"""Every lesson of agenda 60 to its end, in Chromium and Firefox: by double-click, from a name in the room, from localhost.

Solved versions with the data that the page carries; most trainings take two steps. What they reach with all their steps
is held by `handson check --tier page`. Some minutes for each place: without HANDSON_EVERYWHERE=1 two places stand for
all, and three lessons.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from handson.kit.carried import Carried
from handson.kit.frontend import CHECKOUT
from handson.kit.site import Site, build_site
from tests.integration.conftest import served
from tests.integration.test_demos import PLACES
from tests.integration.test_page import PROGRAMS
from tests.integration.test_page_lessons import AGENDA, CATALOG, taken

__all__ = ["taken"]
STAND_FOR_ALL = [("chromium", "class.lan"), ("firefox", "file")]
pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def solved(taken: Carried, tmp_path_factory: pytest.TempPathFactory) -> Site:  # the fixture
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no Node.js with npm here: install them to build and drive the lesson page")
    return build_site(CATALOG, tmp_path_factory.mktemp("stick") / "Übung eins", version="solved", take=taken)


@pytest.fixture(scope="module")
def port(solved: Site) -> Iterator[int]:
    """A plain web server of the site."""
    with served(solved.folder) as port:
        yield port


@pytest.mark.parametrize(("browser", "place"), PLACES)
def test_all_lessons_run_to_their_end(solved: Site, port: int, browser: str, place: str, tmp_path: Path) -> None:
    everywhere = os.environ.get("HANDSON_EVERYWHERE") == "1"
    if (browser, place) not in STAND_FOR_ALL and not everywhere:
        pytest.skip("takes minutes, and two places stand for all: HANDSON_EVERYWHERE=1 runs it")
    program = next(filter(None, map(shutil.which, PROGRAMS[browser])), None)
    if program is None:
        pytest.skip(f"no {browser} here ({', '.join(PROGRAMS[browser])}): install it to drive the lessons in it")
    address = solved.index.as_uri() if place == "file" else f"http://{place}:{port}/"
    how = "all" if (browser, place) == PLACES[0] else "short"
    names = AGENDA if everywhere else AGENDA[:3]
    lessons = [f"{name}={CATALOG.find(name).contract.picture}" for name in names]
    command = ["node", "tests/browser/lessons.mjs", browser, program, address, str(tmp_path), how, *lessons]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=880)
    tried = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    print("\n".join(f"{one['ms']:6} ms  {one['what']}: {one['detail']}" for one in tried))
    failed = "\n".join(f"{one['what']}: {one['detail']}" for one in tried if not one["ok"])
    assert not failed, failed
    assert len(tried) == len(names) + 1, done.stderr
