"""Which library lessons get: the one asked for, else PyTorch where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from handson.errors import HandsonError
from handson.laptop import server
from handson.lessons.backend import backend, startup
from handson.lessons.run import Limits, run_notebook
from tests.conftest import ROOT


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))


def test_pytorch_where_it_is_installed_and_pocket_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_BACKEND", raising=False)
    assert backend() == "torch"
    assert startup("torch") == ""
    monkeypatch.setenv("HANDSON_BACKEND", "Pocket")
    assert backend() == "pocket"
    assert "pocket.install()" in startup("pocket")


@pytest.mark.usefixtures("no_torch")
def test_pocket_where_pytorch_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_BACKEND", raising=False)
    assert backend() == "pocket"
    monkeypatch.setenv("HANDSON_BACKEND", "torch")
    with pytest.raises(HandsonError, match="not installed here") as refused:
        backend()
    assert "handson[laptop]" in refused.value.way_out


def test_another_name_is_answered_with_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_BACKEND", "pytorch")
    with pytest.raises(HandsonError, match="no library named 'pytorch'") as refused:
        backend()
    assert "'torch'" in refused.value.way_out


def test_a_kernel_imports_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_BACKEND", "pocket")
    notebook = new_notebook(cells=[new_code_cell("import torch\nfrom handson import lab\nprint(torch.__name__)")])
    limits = Limits(threads=1, memory_mb=900, cell_seconds=120)
    run = run_notebook(notebook, tmp_path, limits, {"PYTHONPATH": str(ROOT / "src")}, go_on=False)
    assert not run.errors
    assert "handson.pocket" in notebook.cells[0].outputs[-1]["text"]


def test_a_kernel_of_jupyterlab_runs_it_first(tmp_path: Path) -> None:
    file = tmp_path / "profile_default" / "startup" / "00-handson.py"
    server._at_kernel_start(tmp_path, startup("pocket"))
    assert "pocket.install()" in file.read_text(encoding="utf-8")
    server._at_kernel_start(tmp_path, startup("torch"))
    assert not file.exists()
