"""What JupyterLite's kernel does of ours: the data have their names, photos are read, nothing is installed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handson.lab.places import INDEX
from handson.page import installer, jupyter


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "assets"))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.json").write_text('{"cat": {}}')
    transforms = SimpleNamespace(line_transforms=[])
    shell = SimpleNamespace(kernel=SimpleNamespace(lite_transform_manager=transforms))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.chdir(tmp_path)
    return transforms


def test_the_data_have_their_names_and_photos_are_read_before_each_cell(
    kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def read(decode: object) -> int:
        asked.append(decode)
        return 0

    monkeypatch.setattr(jupyter, "read_pictures", read)
    jupyter.begin()
    assert json.loads((tmp_path / INDEX).read_text()) == {"cat": {}}
    (transform,) = kernel.line_transforms
    assert asyncio.run(transform(["print(1)\n"])) == ["print(1)\n"]
    assert len(asked) == 1


@pytest.mark.usefixtures("kernel")
def test_where_jupyter_shares_its_files_the_index_is_there_and_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jupyter, "DRIVE", tmp_path / "drive")
    (tmp_path / "drive").mkdir()
    jupyter.begin()
    path = tmp_path / "drive" / INDEX
    assert not (tmp_path / INDEX).exists()
    path.chmod(0o444)
    before = path.stat().st_mtime_ns
    jupyter.write_index(tmp_path / "drive")
    assert path.stat().st_mtime_ns == before
    path.chmod(0o644)
    path.write_text("{}")  # of an older site
    jupyter.write_index(tmp_path / "drive")
    assert json.loads(path.read_text()) == {"cat": {}}


def test_nothing_can_be_installed_and_the_reason_is_said() -> None:
    code = asyncio.run(installer.get_transformed_code(["install", "numpy"]))
    compile(code, "cell", "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with pytest.raises(RuntimeError, match="installs nothing: it asks no server"):
        asyncio.run(installer.install("numpy"))
