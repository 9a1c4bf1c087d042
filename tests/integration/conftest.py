"""What tests of the lesson page share: the site of one small lesson, and a web server as an organiser may have."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from handson.kit.carried import Carried
from handson.kit.site import Site, build_site
from handson.lessons.catalog import Catalog, read_catalog
from handson.workshop import read_workshop
from tests.conftest import WORKSHOP

LESSON = '''\
# ---
# handson:
#   title: Add
#   promise: You add two numbers.
#   minutes: 5
#   cpu_seconds: 30
#   memory_mb: 600
#   target:
#     full: sum >= 4
#     embedded: sum >= 4
#   picture: sum.png
#   picture_alt: A plus sign.
#   tiers: [page, laptop]
#   agenda: [60]
#   author: A. Author
#   covers: [adding]
# ---

# %% [markdown]
# # Add
# Two numbers, and a [link](https://example.org). The sum was {{embedded.sum:.1f}}.

# %%
from handson import lab
print("ready")

# %% tags=["check"]
@lab.checker(reference=lambda a, b: a + b)
def add(answer):
    lab.expect(answer(2, 2) == 4, "2 and 2 make 4.")

# %% tags=["exercise"]
def add(a, b):
    # --- solution
    return a + b
    # --- stub
    # # your line
    # return 0
    # --- end

lab.check(add)

# %% [markdown] tags=["hint"]
# There is a sign for it.

# %%
add = lab.use("add")
lab.report(sum=add(2, 2))
lab.plot({"squares": [(x, x * x) for x in range(5)]}, x_label="x", y_label="square", title="Squares")

# %%
from handson.lab import front

CODE = """
function render({ model, el }) {
  const button = document.createElement("button");
  button.textContent = "Tell " + model.get("state").whom;
  button.addEventListener("click", () => model.send({ say: "hello" }, undefined, [new Uint8Array([1, 2, 3]).buffer]));
  const heard = document.createElement("p");
  model.on("msg:custom", (content) => { heard.textContent = content.text; });
  el.append(button, heard);
}
export default { render };
"""

def heard(content, buffers):
    front.tell_widget(name, {"text": f"python heard {len(buffers[0])} bytes"})

name = front.listen(heard)
front.display({front.WIDGET_MIME: {"id": name, "esm": CODE, "css": "", "state": {"whom": "Python"}}})

# %%
print(add(1, 2))
front.hand_over("sum.png", "image/png", b"+")
'''

BYTES = bytes(range(256)) + random.Random(0).randbytes(100_000)
"""What gzip cannot make smaller: every byte comes to the page as it is."""
PHOTO = "assets/sha256/ab/photo"
_READS = f"""\
import hashlib, pathlib
same = hashlib.sha256(pathlib.Path("/assets/bytes").read_bytes()).hexdigest() == "{hashlib.sha256(BYTES).hexdigest()}"
read = pathlib.Path("/assets/{PHOTO}").read_bytes().startswith(b"P6")
print("ready" if same and read else f"the same bytes: {{same}}; the photo was read: {{read}}")"""


@pytest.fixture(scope="session")
def page_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site of one small lesson, in a folder with a blank and an umlaut in its name.

    Its first cell is ready once it has read BYTES as they are, and a photo that the browser read for it.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node.js with npm here: install them to drive the lesson page")
    folder = tmp_path_factory.mktemp("page")
    lesson = LESSON.replace('print("ready")', _READS)
    png = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(png, "PNG")
    take = Carried({"bytes": {"bytes": BYTES, PHOTO: png.getvalue()}}, {}, {"add": ("bytes",)})
    return build_site(catalog_in(folder / "workshop", lesson), folder / "Übung eins" / "site", take=take)


def catalog_in(root: Path, lesson: str = LESSON) -> Catalog:
    (root / "lessons" / "numbers").mkdir(parents=True)
    (root / "workshop.toml").write_text(WORKSHOP)
    (root / "assets.toml").write_text("")
    (root / "lessons" / "numbers" / "01_add.py").write_text(lesson)
    return read_catalog(read_workshop(root))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain web server that prints nothing."""

    def log_message(self, *_: object) -> None:
        pass


class _ScriptsInUtf8(Quiet):
    # As many servers say of scripts, ours among them; what is in the files are bytes.
    extensions_map: ClassVar = {**Quiet.extensions_map, ".js": "text/javascript; charset=utf-8"}


@contextmanager
def served(folder: Path, handler: type[Quiet] = Quiet) -> Iterator[int]:
    """The port on which a web server of `folder` answers."""
    made = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="session")
def port(page_site: Site) -> Iterator[int]:
    """A plain web server of the site, as any that an organiser may have."""
    with served(page_site.folder, _ScriptsInUtf8) as port:
        yield port
