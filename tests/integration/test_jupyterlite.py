"""JupyterLite beside the lesson page, from localhost and from a name in the LAN, with every other name unresolved."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from handson.kit.carried import Carried
from handson.kit.jupyterlite import START, missing_tools
from handson.kit.site import Site, build_site
from handson.kit.wheels import made_wheel
from handson.pocket import native
from tests.integration.browser import NotebookPage, chromium, wait_until
from tests.integration.conftest import LESSON, catalog_in, served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

_TRAINS = """\
# %%
import torch

photo = lab.cat(8)
weight = torch.nn.Parameter(torch.zeros(3))
optimizer = torch.optim.SGD([weight], lr=0.5)
losses = []
for step in lab.Live(5):
    optimizer.zero_grad()
    loss = (photo @ weight - 1).square().mean()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(torch.__name__, "learns" if losses[-1] < losses[0] else losses)

# %%
import numpy
print("numpy is", numpy.array((1, 2)), numpy.library._name.rpartition("/")[2])

# %%
lab.bars({"one": 1.0, "two": 2.0}, title="Bars")

# %%
from pathlib import Path
lab.save_picture("sum.png", photo)
print("saved to the files on the left:", Path("/drive/pictures/sum.png").is_file())
"""
CELLS = 10
SIDE = Path(native.__file__).parent / "built" / "pocket.side.wasm"
_NUMPY = b"""\
import ctypes, pathlib
library = ctypes.CDLL(str(pathlib.Path(__file__).with_name("core.so")))
array = list
"""
"""With a compiled module, as the real one has many."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Of one lesson whose cat is a JPEG, which the browser has to read, with a package that is NumPy by name only."""
    if missing := missing_tools():
        pytest.skip(f"{', '.join(missing)} is not installed: pip install 'handson[jupyterlite]'")
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node.js with npm here: install them to build the lesson page")
    folder = tmp_path_factory.mktemp("jupyterlite")
    jpeg = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(jpeg, "JPEG")
    digest = hashlib.sha256(jpeg.getvalue()).hexdigest()
    index = {"cat": {"files": {"cats/cat.jpg": {"sha256": digest, "bytes": 0}}, "fetch": ""}}
    place = f"assets/sha256/{digest[:2]}/{digest}"
    take = Carried({"cat": {place: jpeg.getvalue()}}, index, {"add": ("cat",)})
    packed = made_wheel(
        "numpy", "9.0", {"numpy/__init__.py": _NUMPY, "numpy/core.so": SIDE.read_bytes()}, imports=("numpy",)
    )
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("handson.kit.site.fetched_wheels", lambda *_: [packed])
    lesson = LESSON[: LESSON.index("# %%\nfrom handson.lab import front")] + _TRAINS
    catalog = catalog_in(folder / "workshop", lesson)
    try:
        return build_site(catalog, folder / "site", take=take, packages=["numpy"], with_jupyterlite=True)
    finally:
        monkeypatch.undo()


@pytest.fixture(scope="module")
def port(site: Site) -> Iterator[int]:
    with served(site.folder) as port:
        yield port


@pytest.mark.parametrize("host", ["127.0.0.1", "class.lan"])
def test_a_lessons_notebook_trains_there(host: str, port: int, tmp_path: Path) -> None:
    names = "--host-resolver-rules=MAP class.lan 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with chromium(tmp_path, names) as driver:
        page = NotebookPage(driver, f"http://{host}:{port}/{START}?path=numbers/01_add.ipynb", CELLS)
        page.run_all_cells()
        said = " ".join(page.texts(".jp-NotebookPanel .jp-OutputArea"))
        assert "2 and 2 make 4." in said, "the exercise is open, and the cells behind it ran"
        assert "Photo: a tabby cat." in said, "the browser read the JPEG"
        assert "handson.pocket learns" in said
        assert "numpy is [1, 2] core.so" in said
        wait_until(lambda: "Bars" in page.texts(".vega-embed svg text"), "the figures")
        assert "value" not in page.texts(".vega-embed svg text"), "an axis whose title is null has none"
        secure = host == "127.0.0.1"
        assert f"saved to the files on the left: {secure}" in said
        assert len(page.all('a[download="sum.png"]')) == (0 if secure else 1)
        (note,) = page.texts("#handson-note p")
        assert "Jupyter without a server" in note
        assert ("not https" in note) is not secure
        top = page.all("#main")[0].rect["y"]
        assert top == page.all("#handson-note")[0].rect["height"] > 20, "the note covers nothing"
        page.all("#handson-note button")[0].click()
        wait_until(lambda: page.all("#main")[0].rect["y"] == 0, "JupyterLab to have the note's place")
        assert {address.split("/")[2] for address in page.traffic.addresses} == {f"{host}:{port}"}


def test_the_page_has_its_packages_too_opened_by_double_click(site: Site, tmp_path: Path) -> None:
    with chromium(tmp_path) as driver:
        driver.get(f"{site.index.as_uri()}#/add")
        cells = "const cells = window.handson?.view?.cells ?? [];"
        wait_until(lambda: driver.execute_script(f"{cells} return cells.length"), "the lesson")
        script = f"{cells} handson.view.enqueue(cells).then(...[...arguments].slice(-1))"
        driver.execute_async_script(script)
        said = driver.execute_script(f"{cells} return cells.map((cell) => cell.outputs.element.innerText)")
        assert "numpy is [1, 2] core.so" in " ".join(said), said


def test_in_a_page_opened_by_double_click_it_says_that_it_needs_a_server(site: Site, tmp_path: Path) -> None:
    with chromium(tmp_path) as driver:
        driver.get((site.folder / START).as_uri())
        note = driver.find_element("id", "handson-note").text
        assert "does not work from a file" in note
        assert "python3 -m http.server" in note
        driver.get(site.index.as_uri())
        wait_until(lambda: "Jupyter" in driver.find_element("tag name", "main").text, "the list of lessons")
        assert not driver.find_elements("css selector", ".to-jupyter")
        assert "serve this folder with any web server" in driver.find_element("tag name", "main").text


def test_the_list_of_lessons_leads_there(port: int, tmp_path: Path) -> None:
    with chromium(tmp_path) as driver:
        driver.get(f"http://127.0.0.1:{port}/")
        link = wait_until(lambda: driver.find_elements("css selector", ".to-jupyter"), "the link to Jupyter")[0]
        link.click()
        wait_until(lambda: driver.find_elements("css selector", ".jp-DirListing-item"), "Jupyter's list of files")
        link = driver.find_element("css selector", "#handson-note a")
        link.click()
        wait_until(lambda: driver.find_elements("css selector", ".to-jupyter"), "the lesson page again")


def test_what_the_kernel_loads_is_named_with_its_hash_and_nothing_is_left_for_debuggers(site: Site) -> None:
    root = site.folder / "jupyter"
    pyodide = root / "static" / "pyodide"
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    assert {"handson", "ipython", "pyodide-kernel", "anywidget"} <= set(lock["packages"])
    for name, entry in lock["packages"].items():
        assert hashlib.sha256((pyodide / entry["file_name"]).read_bytes()).hexdigest() == entry["sha256"], name
        assert set(entry["depends"]) <= set(lock["packages"]), name
    assert not list(root.rglob("*.map"))
    assert (root / "files" / "numbers" / "01_add.ipynb").is_file()
    listed = json.loads((site.folder / "manifest.json").read_text(encoding="utf-8"))["sha256"]
    assert "jupyter/static/pyodide/pyodide-lock.json" in listed
    assert sum(file.stat().st_size for file in root.rglob("*") if file.is_file()) < 60e6
