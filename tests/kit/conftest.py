from __future__ import annotations

import json
from pathlib import Path

import pytest

from handson.kit import site


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A front end that is built already: a few bytes for each of its files."""
    folder = tmp_path / "front"
    (folder / "demos").mkdir(parents=True)
    names = ("page.js", "page.css", "vega.js", "worker.js", "pyodide.asm.wasm", "python_stdlib.zip", "licences.txt")
    for name in names:
        (folder / name).write_text(f"/* {name} */")
    (folder / "demos" / "spirals.html").write_text("<p>spirals")
    (folder / "demos" / "index.html").write_text("<p>all demos")
    demos = [{"name": "spirals", "title": "Spirals", "promise": "You bend a line."}]
    (folder / "demos" / "demos.json").write_text(json.dumps(demos))
    monkeypatch.setattr(site, "front_end", lambda say: folder)
    return folder
