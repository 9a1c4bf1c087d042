"""Each demo as a visitor opens it, in Chromium and Firefox: it trains, says so, and asks nobody for anything."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from handson.assets import Cache, fetch
from handson.assets.manifest import read_manifest
from handson.kit.demos import digits_script, packed_digits, with_digits
from handson.kit.frontend import CHECKOUT, front_end
from tests.conftest import ROOT, Silent
from tests.integration.conftest import served
from tests.integration.test_page import PROGRAMS

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(600)]

LARGEST = 2_000_000
PLACES = [
    ("chromium", "file"),
    ("chromium", "class.lan"),
    ("chromium", "localhost"),
    ("firefox", "file"),
    ("firefox", "class.lan"),
    ("firefox", "localhost"),
]
"""By double-click; by plain http from a host name, which has the standing of one in the room; from this machine."""


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built demos in a folder as one finds them on sticks."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no Node.js with npm here: install them to build and drive the demos")
    folder = tmp_path_factory.mktemp("stick")
    shutil.copytree(front_end() / "demos", folder / "Übung am Gerät")
    return folder


@pytest.fixture(scope="module")
def with_mnist(stick: Path) -> Path | None:
    """The same demos with MNIST's digits, as `handson kit site` makes them; None where no mirror has these."""
    mirror = Path(os.environ.get("HANDSON_MIRROR") or ROOT.parent / "shared" / "assets")
    if not (mirror / "mnist").is_dir():
        return None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDSON_MIRROR", str(mirror))
        patch.setenv("HANDSON_CACHE", str(stick / "cache"))
        chosen = read_manifest(ROOT / "assets.toml").select(["mnist"])
        fetch(chosen, Silent(), cache=(cache := Cache.default()))
        files = {file.path: cache.path_of(file).read_bytes() for file in chosen["mnist"].files}
    folder = stick / "with MNIST"
    folder.mkdir()
    (folder / "demo-digits.js").write_bytes(digits_script(packed_digits(files)))
    for page in (stick / "Übung am Gerät").glob("*.html"):
        (folder / page.name).write_bytes(with_digits(page.read_bytes(), "demo-digits.js"))
    return folder


@pytest.fixture(scope="module")
def port(stick: Path) -> Iterator[int]:
    """A plain web server of all that is in `stick`."""
    with served(stick) as port:
        yield port


@pytest.fixture(scope="module")
def driven(
    stick: Path, with_mnist: Path | None, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], list[dict[str, Any]]]:
    """What was tried in a browser at a place, and what came of it; each browser is started once for both kinds of digits."""

    @functools.cache
    def drive(browser: str, place: str) -> list[dict[str, Any]]:
        program = next(filter(None, map(shutil.which, PROGRAMS[browser])), None)
        if program is None:
            pytest.skip(f"no {browser} here ({', '.join(PROGRAMS[browser])}): install it to drive the demos in it")
        how = "all" if (browser, place) == PLACES[0] else "short"  # keys and colors are alike everywhere
        folders = [stick / "Übung am Gerät", *([with_mnist] if with_mnist else [])]
        root = stick.as_uri() if place == "file" else f"http://{place}:{port}"
        first, *others = [f"{root}/{quote(folder.name)}/" for folder in folders]
        out = str(tmp_path_factory.mktemp("seen"))
        command = ["node", "tests/browser/demos.mjs", browser, program, first, out, how, *others]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=500)
        tried = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        print("\n".join(f"{one['ms']:6} ms  {one['what']}: {one['detail']}" for one in tried))
        assert tried, done.stderr
        return tried

    return drive


def failures(tried: list[dict[str, Any]]) -> str:
    return "\n".join(f"{one['what']}: {one['detail']}" for one in tried if not one["ok"])


@pytest.mark.parametrize(("browser", "place"), PLACES)
def test_every_demo_learns_and_asks_nobody(driven: Any, browser: str, place: str) -> None:
    tried = [one for one in driven(browser, place) if "MNIST" not in one["what"]]
    assert not failures(tried), failures(tried)
    assert len(tried) == (31 if (browser, place) == PLACES[0] else 8)


@pytest.mark.parametrize(("browser", "place"), PLACES)
def test_the_demos_of_digits_learn_from_mnist(driven: Any, with_mnist: Path | None, browser: str, place: str) -> None:
    if with_mnist is None:
        pytest.skip("no mirror of the assets that holds MNIST: set HANDSON_MIRROR to one")
    tried = [one for one in driven(browser, place) if "MNIST" in one["what"]]
    assert not failures(tried), failures(tried)
    assert len(tried) == 3


def test_a_demo_is_small(stick: Path, with_mnist: Path | None) -> None:
    sizes = {page.name: page.stat().st_size for page in (stick / "Übung am Gerät").glob("*.html")}
    print(", ".join(f"{name} {size / 1000:.0f} kB" for name, size in sorted(sizes.items())))
    assert len(sizes) == 8
    digits = (with_mnist / "demo-digits.js").stat().st_size if with_mnist else 0
    print(f"MNIST's digits: {digits / 1000:.0f} kB")
    assert max(sizes.values()) + digits <= LARGEST
