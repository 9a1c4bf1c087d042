"""handson.pocket inside the page: expressions and their gradients, by the wasm in a browser, against PyTorch here."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

from handson.chromium import chromium
from handson.kit.site import Site
from tests.pocket import expressions
from tests.pocket.expressions import EXPRESSIONS, evaluate

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TOLERANCE = 2e-5


def test_expressions_have_pytorchs_values_and_gradients_in_the_page(page_site: Site, tmp_path: Path) -> None:
    """The source of `expressions` is sent there as it is, with what PyTorch found."""
    expected = {expression: evaluate(torch, expression) for expression in EXPRESSIONS}
    source = Path(expressions.__file__).read_text(encoding="utf-8")
    code = f"""{source}
import json, sys, torch
assert torch.__name__ == "handson.pocket" and sys.platform == "emscripten"
found = {{}}
for expression, theirs in json.loads({json.dumps(json.dumps(expected))}).items():
    try:
        found[expression] = difference(evaluate(torch, expression), theirs)
    except Exception as error:
        found[expression] = repr(error)
print(json.dumps(found))
"""
    with chromium(tmp_path / "profile") as driver:
        driver.set_script_timeout(200)
        driver.get(f"file://{quote(str(page_site.index))}#/add")
        told = driver.execute_async_script(
            """
            const [code, done] = arguments;
            (async () => {
              while (!window.handson?.view?.cells.length) await new Promise((resolve) => setTimeout(resolve, 50));
              const cell = handson.view.cells[0];
              cell.setText(code);
              await handson.view.enqueue([cell]);
              done(handson.view.report().cells[0].outputs);
            })();
            """,
            code,
        )
    assert not [output for output in told if output["type"] == "error"], told
    printed = "".join(output["text"] for output in told if output["type"] == "stream")
    found = json.loads(printed.strip().splitlines()[-1])
    assert set(found) == set(EXPRESSIONS)
    wrong = {e: d for e, d in found.items() if not isinstance(d, float) or d > TOLERANCE}
    assert not wrong
