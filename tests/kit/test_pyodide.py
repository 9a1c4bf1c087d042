"""Pyodide's packages for the page: found by the list's hashes in a mirror made by hand, and carried into a site."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handson.assets import Cache, FetchError, Sources, fetch
from handson.errors import HandsonError
from handson.kit import pyodide
from handson.kit.carried import Carried
from handson.kit.frontend import CHECKOUT
from handson.kit.pyodide import PACKAGES, asset_of, fetched_wheels, lock_of, names_in, with_needed
from handson.kit.site import build_site
from handson.kit.wheels import made_wheel
from handson.lessons.catalog import read_catalog
from handson.workshop import read_workshop
from tests.conftest import Silent
from tests.kit.test_site import ON_PAGE, content_of

NUMPY = made_wheel("numpy", "9.0", {"numpy/__init__.py": b"array = list\n"}, imports=("numpy",))
SCIPY = made_wheel("scipy", "9.1", {"scipy/__init__.py": b"import numpy\n"}, imports=("scipy",), depends=("numpy",))
OTHERS = [made_wheel(name, "1.0", {}, depends=("numpy",)) for name in PACKAGES if name not in ("numpy", "scipy")]
WHEELS = (NUMPY, SCIPY, *OTHERS)
LOCK: dict[str, Any] = {
    "info": {"version": "314.0.7", "python": "3.14.2"},
    "packages": {wheel.name: wheel.locked() for wheel in WHEELS},
}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "mirror" / "pyodide" / "v314.0.7"
    folder.mkdir(parents=True)
    for wheel in WHEELS:
        (folder / wheel.file).write_bytes(wheel.content)
    return folder


def bring(mirror: Path, *names: str) -> None:
    sources = Sources(mirror.parents[1], offline=True)
    fetch({"pyodide": asset_of(LOCK, names)}, Silent(), sources=sources)


def test_what_a_package_needs_comes_with_it_and_is_found_by_its_hash(mirror: Path) -> None:
    bring(mirror, "scipy")
    wheels = fetched_wheels(LOCK, ["scipy"])
    assert [(wheel.name, wheel.version) for wheel in wheels] == [("numpy", "9.0"), ("scipy", "9.1")]
    assert wheels[0].content == NUMPY.content
    assert wheels[1].locked() == LOCK["packages"]["scipy"]


def test_another_content_than_the_list_says_is_not_kept(mirror: Path) -> None:
    (mirror / NUMPY.file).write_bytes(NUMPY.content[:-1] + b"?")
    with pytest.raises(FetchError, match="its content was changed"):
        bring(mirror, "numpy")
    assert not Cache.default().holds(asset_of(LOCK, ["numpy"]).files[0])


def test_a_package_that_was_not_fetched_is_told(mirror: Path) -> None:
    bring(mirror, "numpy")
    with pytest.raises(HandsonError, match="scipy for the page has not been fetched") as refused:
        fetched_wheels(LOCK, ["scipy"])
    assert refused.value.way_out == "`handson fetch pyodide` brings it."


def test_only_known_packages_can_be_asked_for() -> None:
    assert names_in(["numpy, matplotlib", "numpy"]) == ("numpy", "matplotlib")
    with pytest.raises(HandsonError, match="tensorflow") as refused:
        names_in(["numpy,tensorflow"])
    assert "scikit-learn" in f"{refused.value.cause} {refused.value.way_out}"


def test_what_is_no_wheel_is_refused(mirror: Path) -> None:
    library = {**LOCK["packages"]["numpy"], "install_dir": "dynlib"}
    bring(mirror, "numpy")
    with pytest.raises(HandsonError, match="is no wheel"):
        fetched_wheels({**LOCK, "packages": {"numpy": library}}, ["numpy"])


@pytest.mark.parametrize("text", ["", "{}", '{"info": {}, "packages": []}'])
def test_a_list_that_is_none_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyodide").mkdir()
    (tmp_path / "pyodide" / "pyodide-lock.json").write_text(text)
    with pytest.raises(HandsonError, match="cannot be read"):
        lock_of(tmp_path)


def test_all_that_can_be_asked_for_is_in_the_list_of_the_pyodide_that_the_page_uses() -> None:
    package = CHECKOUT / "node_modules" / "pyodide"
    if not package.is_dir():
        pytest.skip("the front end's packages are not here: npm ci in web/")
    lock = json.loads((package / "pyodide-lock.json").read_text(encoding="utf-8"))
    lock["info"]["version"] = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    needed = with_needed(lock, PACKAGES)
    assert {"numpy", "kiwisolver", "joblib"} <= set(needed)
    files = asset_of(lock).files
    assert len(files) == len(needed)
    for file, name in zip(files, needed, strict=True):
        assert lock["packages"][name]["install_dir"] == "site"
        assert file.path == f"pyodide/v{lock['info']['version']}/{lock['packages'][name]['file_name']}"
        assert file.urls == (f"https://cdn.jsdelivr.net/{file.path.replace(file.name, 'full/' + file.name)}",)
        assert len(file.sha256) == 64


def test_a_site_carries_them_and_its_python_imports_from_them(
    make_workshop: Callable[..., Path], front: Path, mirror: Path, tmp_path: Path
) -> None:
    bring(mirror, "scipy")
    (front / "pyodide").mkdir()
    (front / "pyodide" / "pyodide-lock.json").write_text(json.dumps(LOCK))
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    about: Any = content_of(build_site(catalog, tmp_path / "site", take=Carried({}, {}, {}), packages=["scipy"]).index)
    assert about["packages"] == ["handson.zip", NUMPY.file, SCIPY.file]
    assert set(about["packages"]) <= set(about["resources"])
    with zipfile.ZipFile(io.BytesIO(NUMPY.content)) as archive:
        assert "numpy/__init__.py" in archive.namelist(), "a wheel is a zip, and the page unpacks it as one"


def test_fetch_knows_the_name(
    monkeypatch: pytest.MonkeyPatch, mirror: Path, make_workshop: Callable[..., Path]
) -> None:
    from typer.testing import CliRunner

    from handson.cli import app

    monkeypatch.setattr("handson.kit.frontend.front_end", lambda: mirror)
    monkeypatch.setattr(pyodide, "lock_of", lambda _: LOCK)
    monkeypatch.setenv("HANDSON_MIRROR", str(mirror.parents[1]))
    done = CliRunner().invoke(app, ["fetch", "pyodide", "--workshop", str(make_workshop())])
    assert done.exit_code == 0, done.output
    assert "pyodide: 6 file(s) fetched and verified" in done.output
