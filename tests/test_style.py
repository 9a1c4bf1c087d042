"""One style, one configuration (pyproject.toml): ruff for form and habits, mypy --strict for types."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    "tool", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)], ids=lambda tool: " ".join(tool)
)
def test_the_tree_is_clean(tool: tuple[str, ...]) -> None:
    paths = (".",) if tool[0] == "ruff" else ()
    done = subprocess.run([sys.executable, "-m", *tool, *paths], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
